"""One page about one patient, for a doctor to read: what the model says, how sure it is, and what that rests on."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

NOTICE = "SIMULATED PATIENT. Made for teaching. Not a medical device; not to be used for any patient."
BLUE = "#0072B2"
ORANGE = "#B24A00"
GREY = "#666666"


@dataclass(frozen=True, kw_only=True)
class EyeReport:
    """What a report says of one patient.

    Attributes:
        name: whatever the patient is called here.
        image: the photograph, 0 to 1.
        attention: how much each place of the image counts, of any size.
        values: the patient's measurements, NaN where nothing was measured.
        filled: what stood for them in the model.
        columns: names with units, one a measurement.
        note: the text.
        probabilities: calibrated, one a grade.
        grade: the answer.
        grades: names of the grades.
        importance: of each column, over many patients: by how much kappa falls when it is shuffled.
        limits: sentences on what this model can't do, with numbers.
    """

    name: str
    image: Float[Tensor, "3 H W"]
    attention: Float[Tensor, "h w"]
    values: Float[Tensor, "F"]
    filled: Float[Tensor, "F"]
    columns: Sequence[str]
    note: str
    probabilities: Float[Tensor, "K"]
    grade: int
    grades: Sequence[str]
    importance: Float[Tensor, "F"]
    limits: Sequence[str]


def report_headline(found: EyeReport) -> str:
    """The answer in one sentence."""
    likely = float(found.probabilities[found.grade])
    below = float(found.probabilities[: found.grade].sum())
    above = float(found.probabilities[found.grade + 1 :].sum())
    return (
        f"Suggested grade {found.grade} of {len(found.grades) - 1} ({found.grades[found.grade]}). Probability of this "
        f"grade {likely:.0%}, of a lower one {below:.0%}, of a higher one {above:.0%}."
    )


def report_rows(found: EyeReport) -> list[tuple[str, str, str]]:
    """For each measurement its name, its value or what stood for it, and its importance."""
    table = []
    for name, value, filled, weight in zip(
        found.columns, found.values.tolist(), found.filled.tolist(), found.importance.tolist(), strict=True
    ):
        missing = value != value
        table.append((name, f"not measured ({filled:g} assumed)" if missing else f"{value:g}", f"{weight:+.3f}"))
    return table


def report_page(found: EyeReport) -> Any:
    """The page as a matplotlib figure, A4 upright."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(8.27, 11.69), facecolor="white")
    page.text(0.08, 0.955, "Diabetic retinopathy: a suggestion", fontsize=17, weight="bold")
    page.text(0.08, 0.932, found.name, fontsize=11, color=GREY)
    page.text(0.08, 0.905, NOTICE, fontsize=9.5, color="white", weight="bold", backgroundcolor=ORANGE)
    page.text(0.08, 0.872, _wrapped(report_headline(found), 82), fontsize=12, va="top", linespacing=1.4)
    _draw_images(page, found)
    _draw_probabilities(page.add_axes((0.22, 0.425, 0.28, 0.12)), found)
    _draw_importance(page.add_axes((0.66, 0.425, 0.27, 0.12)), found)
    _draw_table(page, found)
    limits = [_wrapped(f"•  {sentence}", 106) for sentence in found.limits]
    page.text(0.08, 0.165, "Limits", fontsize=11, weight="bold")
    page.text(0.08, 0.155, "\n".join(limits), fontsize=8.6, va="top", linespacing=1.45)
    return page


def _draw_images(page: Any, found: EyeReport) -> None:
    left, right = (page.add_axes((place, 0.59, 0.4, 0.22)) for place in (0.08, 0.52))
    _draw_pair(left, right, found)


def _draw_pair(left: Any, right: Any, found: EyeReport) -> None:
    """The photograph, and once more in the light of the attention."""
    coarse = nn.functional.interpolate(
        found.attention[None, None], found.image.shape[1:], mode="bilinear", align_corners=False
    )[0]
    light = (coarse - coarse.min()) / (coarse.max() - coarse.min()).clamp(min=1e-9)
    shown = found.image, found.image * (0.3 + 0.7 * light.sqrt())  # the root, else one place leaves all others black
    titles = ("photograph", "where the attention lay (bright)")
    for axis, image, title in zip((left, right), shown, titles, strict=True):
        axis.imshow(image.permute(1, 2, 0).cpu().numpy())
        axis.set_title(title, fontsize=9.5)
        axis.axis("off")


def _draw_probabilities(axis: Any, found: EyeReport) -> None:
    likely = found.probabilities.tolist()
    colours = [BLUE if grade == found.grade else "#BBBBBB" for grade in range(len(likely))]
    bars = axis.barh(range(len(likely)), likely, color=colours)
    axis.bar_label(bars, [f"{each:.0%}" for each in likely], padding=3, fontsize=8)
    axis.set_yticks(range(len(likely)), [f"{grade} {name}" for grade, name in enumerate(found.grades)], fontsize=8)
    axis.set(xlim=(0, 1.15), xticks=[0, 0.5, 1])
    axis.tick_params(axis="x", labelsize=8)
    axis.set_title("calibrated probability", fontsize=9.5)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)


def _draw_importance(axis: Any, found: EyeReport) -> None:
    axis.barh(range(len(found.columns)), found.importance.tolist(), color=BLUE)
    axis.set_yticks(range(len(found.columns)), found.columns, fontsize=8)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_title("loss of kappa when shuffled\n(over many patients)", fontsize=9.5)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)


def _draw_table(page: Any, found: EyeReport) -> None:
    top, step = 0.375, 0.021
    page.text(0.08, top, "Measurements", fontsize=11, weight="bold")
    for number, (name, value, _) in enumerate(report_rows(found), start=1):
        missing = "not measured" in value
        page.text(0.08, top - step * number, name, fontsize=9.5)
        page.text(0.40, top - step * number, value, fontsize=9.5, color=ORANGE if missing else "black")
    below = top - step * (len(found.columns) + 1.5)
    page.text(0.08, below, "Note", fontsize=11, weight="bold")
    page.text(0.40, below, _wrapped(found.note or "(none)", 62), fontsize=9.5, va="baseline")


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def report_html(found: EyeReport) -> str:
    """The page as one HTML document that needs no other file."""
    likely = "".join(
        f'<tr{" class=answer" if grade == found.grade else ""}><th scope="row">{grade} {escape(name)}</th>'
        f'<td><span class="bar" style="width:{10 * p:.2f}em"></span> {p:.0%}</td></tr>'
        for grade, (name, p) in enumerate(zip(found.grades, found.probabilities.tolist(), strict=True))
    )
    measured = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td{" class=missing" if "not measured" in value else ""}>'
        f"{escape(value)}</td><td>{weight}</td></tr>"
        for name, value, weight in report_rows(found)
    )
    limits = "".join(f"<li>{escape(sentence)}</li>" for sentence in found.limits)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(found.name)}: a suggestion</title>
<style>{_STYLE}</style></head><body><main>
<h1>Diabetic retinopathy: a suggestion</h1><p class="name">{escape(found.name)}</p>
<p class="notice" role="alert">{NOTICE}</p><p class="headline">{escape(report_headline(found))}</p>
<p><img src="data:image/png;base64,{_pictures(found)}" alt="The photograph, and beside it the same photograph with those
places bright where the attention lay"></p>
<h2>Calibrated probability</h2><table>{likely}</table>
<h2>Measurements</h2><table><tr><th scope="col">what</th><th scope="col">value</th>
<th scope="col">loss of kappa when shuffled, over many patients</th></tr>{measured}</table>
<h2>Note</h2><p>{escape(found.note) or "(none)"}</p>
<h2>Limits</h2><ul>{limits}</ul></main></body></html>"""


_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;color:#111;background:#fff}main{max-width:46em;margin:1.5em auto}"
    "h1{font-size:1.5em;margin:0}h2{font-size:1.05em;margin:1.2em 0 .3em}.name{color:#666;margin:.2em 0}"
    ".notice{background:#B24A00;color:#fff;font-weight:bold;padding:.4em .7em}.headline{font-size:1.15em}"
    "th{text-align:left;font-weight:normal;padding-right:1.5em}td{padding-right:1.5em}.answer th{font-weight:bold}"
    ".bar{display:inline-block;height:.8em;background:#bbb}.answer .bar{background:#0072B2}.missing{color:#B24A00}"
    "img{max-width:100%}"
)


def _pictures(found: EyeReport) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_pair(left, right, found)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return b64encode(file.getvalue()).decode("ascii")


def write_report(found: EyeReport, path: Path) -> Path:
    """The page as a file: "….html", or "….pdf"."""
    if path.suffix == ".html":
        path.write_text(report_html(found), encoding="utf-8")
    else:
        report_page(found).savefig(path, metadata={"Title": f"{found.name}: {NOTICE}"})
    return path
