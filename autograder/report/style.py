"""The report's look. JupyterLab's colours where there are any, else those of the page around it."""

CSS = """
.p2v-report{--p2v-text:var(--jp-content-font-color1,currentColor);--p2v-soft:var(--jp-content-font-color2,currentColor);
--p2v-line:var(--jp-border-color2,#8888);--p2v-good:var(--jp-success-color1,#2e8b57);
--p2v-partly:var(--jp-warn-color1,#d98200);--p2v-bad:var(--jp-error-color1,#d5432f);
--p2v-open:var(--jp-info-color1,#3a86c8);--p2v-mono:var(--jp-code-font-family,ui-monospace,monospace);
color:var(--p2v-text);font:var(--jp-content-font-size1,14px)/1.5 var(--jp-content-font-family,system-ui,sans-serif);
border-left:4px solid var(--p2v-tone);padding:2px 0 2px 14px;margin:4px 0;max-width:74em}
.p2v-report.p2v-good{--p2v-tone:var(--p2v-good)}.p2v-report.p2v-partly{--p2v-tone:var(--p2v-partly)}
.p2v-report.p2v-bad{--p2v-tone:var(--p2v-bad)}.p2v-report.p2v-open{--p2v-tone:var(--p2v-open)}
.p2v-report p,.p2v-report ul{margin:6px 0;padding:0}
.p2v-report pre,.p2v-report :is(p,li,small)>code{font-family:var(--p2v-mono);font-size:.93em;background:none;
color:inherit;padding:0}
.p2v-report .p2v-head{display:flex;flex-wrap:wrap;gap:2px 12px;align-items:baseline;margin:2px 0 8px}
.p2v-report .p2v-head strong{font-size:1.12em;flex:1 1 16em}
.p2v-report .p2v-sign{color:var(--p2v-tone);font-weight:700;font-size:1.12em}
.p2v-report .p2v-head small{margin-left:auto;white-space:nowrap}
.p2v-report small,.p2v-report .p2v-soft{color:var(--p2v-soft);font-size:.93em}
.p2v-report ul.p2v-cases{list-style:none;margin:6px 0;padding:0;display:flex;flex-wrap:wrap;gap:2px 18px}
.p2v-report ul.p2v-cases li{margin:0;padding:0}
.p2v-report .p2v-yes{color:var(--p2v-good);font-weight:700}.p2v-report .p2v-no{color:var(--p2v-bad);font-weight:700}
.p2v-report .p2v-side{display:flex;flex-wrap:wrap;gap:8px 32px;align-items:flex-start;margin:8px 0 8px 18px}
.p2v-report .p2v-side>p{align-self:center;margin:0;max-width:34em}
.p2v-report .p2v-inputs{margin-left:18px}
.p2v-report table{border-collapse:collapse;border:0;margin:0;font-size:.93em;color:inherit;display:table;width:auto}
.p2v-report td,.p2v-report th{border:0;background:none!important;padding:1px 7px;text-align:right;
font-family:var(--p2v-mono);white-space:nowrap;line-height:1.45;color:inherit}
.p2v-report thead th,.p2v-report tbody th{font-weight:400;font-size:.84em;color:var(--p2v-soft)}
.p2v-report tbody{border:1px solid var(--p2v-line)}
.p2v-report tbody tr{background:none!important}
.p2v-report mark{color:inherit;font-weight:700;border-radius:3px;padding:0 3px;background:#e5533d33;
background:color-mix(in srgb,var(--p2v-bad) 24%,transparent);box-shadow:inset 0 -2px 0 var(--p2v-bad)}
.p2v-report mark span{font-weight:400;margin-right:5px;opacity:.75}
.p2v-report .p2v-next{border-top:1px solid var(--p2v-line);padding-top:6px;margin-top:8px}
.p2v-report .p2v-next small{display:inline-block}
.p2v-report pre{margin:6px 0 6px 18px;overflow-x:auto;white-space:pre;line-height:1.4;max-height:24em}
.p2v-report figure{margin:0}.p2v-report figcaption{font-size:.93em;padding-bottom:3px;font-weight:600}
.p2v-report figure img{display:block;height:auto;image-rendering:pixelated;border:1px solid var(--p2v-line)}
.p2v-report details{margin:4px 0}.p2v-report summary{cursor:pointer}
.p2v-report summary:focus-visible,.p2v-report pre:focus-visible{outline:2px solid var(--p2v-open);outline-offset:2px}
.p2v-report ol.p2v-way{list-style:none;display:flex;flex-wrap:wrap;gap:6px 0;margin:6px 0 6px 18px;padding:0}
.p2v-report ol.p2v-way li{margin:0;border:1px solid var(--p2v-line);border-radius:4px;padding:0 7px}
.p2v-report ol.p2v-way li.p2v-here{border:2px solid var(--p2v-bad)}
.p2v-report ol.p2v-way li.p2v-soft{border-style:dashed}
.p2v-report ol.p2v-way li+li{margin-left:22px;position:relative}
.p2v-report ol.p2v-way li+li::before{content:"→";position:absolute;left:-19px}
"""
