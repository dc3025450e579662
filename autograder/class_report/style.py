"""The page's look, light and dark, and what it can do by itself. Nothing is fetched from anywhere."""

CSS = """
:root{color-scheme:light dark;--ground:#fff;--panel:#f5f7f8;--text:#18222b;--soft:#55636f;--line:#d3dade;--link:#0b62a4;
--h0:#f3bfa6;--h1:#f8d6be;--h2:#f8ead6;--h3:#dcebe6;--h4:#b3dad1;--h5:#82c6b8;--none:#eceff1;
--gold:#e0ac1e;--within:#3f9d8c;--over:#d9662f;--unsure:#98a4ad;--mark:#fff0a8;--bar:#3f9d8c}
@media (prefers-color-scheme:dark){:root{--ground:#12181d;--panel:#1b232a;--text:#e6ecf0;--soft:#a3b1bc;--line:#36424c;
--link:#7cc0f5;--h0:#84391b;--h1:#6d4327;--h2:#4e4838;--h3:#2b4a48;--h4:#1c5d57;--h5:#0d7569;--none:#222b33;
--gold:#d9a520;--within:#2f9a88;--over:#d9662f;--unsure:#70808c;--mark:#5a4c0c;--bar:#2f9a88}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px clamp(12px,3vw,40px) 60px;max-width:1500px;background:var(--ground);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.7em;margin:0 0 2px}h2{font-size:1.25em;margin:0 0 8px}h3{font-size:1.02em;margin:16px 0 4px}
section{margin:34px 0 0;scroll-margin-top:8px}p,ul{margin:6px 0;max-width:82ch;text-wrap:pretty}
:is(p,li,h3,h4,output,summary,tbody th){overflow-wrap:anywhere}li{margin:3px 0}
a{color:var(--link)}code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:.92em}
.soft,small{color:var(--soft)}.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
:is(a,button,input,summary,td,th,pre,.scroll):focus-visible{outline:3px solid var(--link);outline-offset:-2px}
dl.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0 6px}
dl.tiles div{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:8px 16px;min-width:9em;
display:flex;flex-direction:column-reverse}
dl.tiles dd{margin:0;font-size:1.55em;font-weight:650;line-height:1.25}dl.tiles dt{color:var(--soft);font-size:.9em}
nav ul{display:flex;flex-wrap:wrap;gap:2px 18px;list-style:none;padding:0;max-width:none}
.first{background:var(--panel);border:1px solid var(--line);border-left:5px solid var(--over);border-radius:6px;
padding:10px 18px;margin-top:18px}.first h2{font-size:1.05em}.first.fine{border-left-color:var(--within)}
.scroll{overflow:auto;max-height:82vh;border:1px solid var(--line);border-radius:6px;width:fit-content;max-width:100%}
table{border-collapse:separate;border-spacing:0;font-size:.93em;width:max-content}
th,td{max-width:44em}
th,td{padding:3px 10px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top;font-weight:400}
tbody tr:last-child>*{border-bottom:0}td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
thead th{position:sticky;top:0;z-index:2;background:var(--panel);padding:0;vertical-align:bottom}
thead button{all:unset;box-sizing:border-box;cursor:pointer;width:100%;padding:6px 10px;font-weight:600;
color:var(--text)}
thead .number button{text-align:right}thead button:focus-visible{outline:3px solid var(--link);outline-offset:-3px}
[aria-sort=ascending] button::after{content:" ▲";font-size:.75em}
[aria-sort=descending] button::after{content:" ▼";font-size:.75em}
td details{margin:0}td details p{max-width:30em}
.grid thead th.turned button{writing-mode:vertical-rl;rotate:180deg;text-align:left;padding:8px 3px;width:auto;
margin:auto;display:block;font-weight:500}
.grid :is(tbody,tfoot) th{position:sticky;left:0;z-index:1;background:var(--ground);white-space:nowrap;
border-right:1px solid var(--line)}
.grid tbody th{max-width:min(22em,45vw);white-space:normal}
.grid thead th:first-child{left:0;z-index:3;border-right:1px solid var(--line)}
.grid{font-size:.86em}.grid td{padding:3px 2px;border-left:1px solid var(--ground);text-align:center;min-width:2.35em;
font-variant-numeric:tabular-nums;white-space:nowrap}
.grid td.sum{text-align:right;padding:3px 8px}.grid tfoot{position:sticky;bottom:0;z-index:2;font-weight:600}
.grid tfoot :is(th,td){background:var(--panel);border-bottom:0}
.grid tfoot tr:first-child>*{border-top:2px solid var(--line)}
.grid tfoot th{font-weight:600}
.h0{background:var(--h0)!important}.h1{background:var(--h1)!important}.h2{background:var(--h2)!important}
.h3{background:var(--h3)!important}.h4{background:var(--h4)!important}.h5{background:var(--h5)!important}
.none{background:var(--none);color:var(--soft)}
.tools{display:flex;flex-wrap:wrap;gap:6px 22px;align-items:center;margin:8px 0}
input[type=search]{font:inherit;color:inherit;background:var(--panel);border:1px solid var(--soft);border-radius:5px;
padding:3px 8px}
.key{display:flex;flex-wrap:wrap;gap:4px 12px;font-size:.9em;color:var(--soft)}
.key b{display:inline-block;width:1.3em;height:1em;border:1px solid var(--line);margin-right:4px;vertical-align:-.12em}
#why{display:block;min-height:1.6em;margin:6px 0;font-size:.95em}
.bar{display:inline-block;width:90px;height:.7em;background:var(--none);border-radius:3px;overflow:hidden}
.bar i{display:block;height:100%;background:var(--bar)}
.stack{display:flex;width:190px;height:.9em;margin-top:.3em;border-radius:3px;overflow:hidden;background:var(--none)}
.gold{background:var(--gold)}.within{background:var(--within)}.over{background:var(--over)}.unsure{background:var(--unsure)}
.untimed{background:repeating-linear-gradient(45deg,var(--unsure) 0 2px,var(--none) 2px 5px)}
svg.histogram{max-width:680px;width:100%;height:auto;display:block}svg text{fill:var(--text);font-size:13px}
svg .soft{fill:var(--soft)}svg rect{fill:var(--bar)}svg line{stroke:var(--line)}
details{margin:4px 0}summary{cursor:pointer}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:8px;margin:6px 0 14px}
@media (max-width:800px){.pair{grid-template-columns:1fr}th,td{max-width:24em}svg text{font-size:21px}}
.pair h4{margin:0 0 3px;font-size:.95em}.pair pre{margin:0;padding:8px 10px;overflow:auto;max-height:34em;
background:var(--panel);border:1px solid var(--line);border-radius:6px;line-height:1.4}
.pair>div{min-width:0}.pair mark{background:var(--mark);color:inherit}
@media print{.scroll{max-height:none;overflow:visible;border:0}.tools,nav{display:none}thead th{position:static}}
"""

SCRIPT = """
"use strict";
const number = cell => parseFloat(cell.dataset.order ?? cell.textContent);
function sort(table, column, down) {
  const body = table.tBodies[0], rows = [...body.rows];
  const numbers = rows.map(row => number(row.cells[column]));
  const numeric = rows.some((row, i) => row.cells[column].dataset.order !== undefined || !isNaN(numbers[i]))
    && table.tHead.rows[0].cells[column].matches(".number");
  const order = rows.map((row, i) => [row, numbers[i], row.cells[column].textContent]);
  order.sort((a, b) => (down ? -1 : 1) * (numeric
    ? (isNaN(a[1]) ? -Infinity : a[1]) - (isNaN(b[1]) ? -Infinity : b[1]) || 0
    : a[2].localeCompare(b[2], undefined, { numeric: true })));
  body.append(...order.map(item => item[0]));
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.hasAttribute("aria-sort")
      ? head.getAttribute("aria-sort") === "ascending" : head.matches(".number");
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    sort(table, column, down);
  }));
}
const grid = document.querySelector("table.grid"), why = document.getElementById("why");
const find = document.getElementById("find");
if (grid) {
  const tell = cell => {
    if (!cell || !cell.title) return;
    const of = [...cell.parentNode.cells].indexOf(cell);
    const task = grid.tHead.rows[0].cells[of].textContent.trim();
    why.textContent = `${cell.parentNode.cells[0].textContent.trim()}, ${task}: ${cell.title}`;
  };
  let here = null;
  const go = cell => {
    if (!cell) return;
    if (here) here.tabIndex = -1;
    here = cell; here.tabIndex = 0; here.focus(); tell(here);
  };
  const seen = () => [...grid.tBodies[0].rows].filter(row => !row.hidden);
  const start = seen()[0] && seen()[0].cells[1];
  if (start) { here = start; here.tabIndex = 0; }
  grid.addEventListener("click", event => { const cell = event.target.closest("tbody td"); if (cell) go(cell); });
  grid.addEventListener("focusin", event => tell(event.target.closest("tbody td")));
  grid.addEventListener("keydown", event => {
    const cell = event.target.closest("tbody td");
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!cell || !step) return;
    event.preventDefault();
    const rows = seen(), row = rows[rows.indexOf(cell.parentNode) + step[0]];
    const column = Math.max(1, [...cell.parentNode.cells].indexOf(cell) + step[1]);
    if (row) go(row.cells[column]);
  });
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    for (const row of grid.tBodies[0].rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    }
  });
}
"""
