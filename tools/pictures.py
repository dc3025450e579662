"""Takes the README's pictures anew: a mistake that is named, and an accepted answer at work.

    python tools/pictures.py

Real screenshots of JupyterLab, written to docs/pictures/. Needs Chromium and playwright, as tests/browser does.
"""

from __future__ import annotations

import inspect
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, Locator

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from solutions.lenet import layers  # noqa: E402
from tests.browser.lab import Notebook, browser_page, jupyterlab  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
LARGEST = 300_000  # bytes a picture
FRAME = 2  # pixels of the cell above that reach into the picture
FLIPPED = """\
from mine.lenet import pad2d, unfold2d


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    O, C, kh, kw = weight.shape
    x = pad2d(x, (padding,) * 4)
    Ho = (x.shape[2] - dilation * (kh - 1) - 1) // stride + 1
    Wo = (x.shape[3] - dilation * (kw - 1) - 1) // stride + 1
    patches = unfold2d(x, (kh, kw), stride, dilation).reshape(len(x), groups, C * kh * kw, -1)
    kernels = weight.flip(2, 3).reshape(groups, O // groups, -1)
    out = (kernels @ patches).reshape(len(x), O, Ho, Wo)
    return out if bias is None else out + bias[:, None, None]
"""
RIGHT = FLIPPED.replace("weight.flip(2, 3).reshape", "weight.reshape")


def photograph(notebook: Notebook, first: Locator, last: Locator, name: str) -> None:
    """Saves what lies between two cells, both included."""
    first.locator("xpath=preceding-sibling::*[1]").click()  # selects a cell that isn't in the picture
    notebook.page.keyboard.press("Escape")
    notebook.page.locator(".jp-Toolbar").first.hover()  # away from the cells, so that none shows its own buttons
    first.evaluate("cell => cell.scrollIntoView({ block: 'start' })")
    notebook.scroll(-50)
    notebook.page.wait_for_timeout(1000)
    top, bottom = first.bounding_box(), last.bounding_box()
    if top is None or bottom is None:
        raise ValueError("the cells aren't on the page")
    y = top["y"] + FRAME
    area: FloatRect = {"x": top["x"], "y": y, "width": top["width"], "height": bottom["y"] + bottom["height"] - y}
    picture = Image.open(io.BytesIO(notebook.page.screenshot(clip=area))).convert("RGB")
    target = PICTURES / f"{name}.png"
    target.write_bytes(small_enough(picture))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")


def small_enough(picture: Image.Image) -> bytes:
    """The picture as PNG: in full size if it fits into the limit, else as large as it can be."""
    for tenths in range(10, 3, -1):
        size = (picture.width * tenths // 10, picture.height * tenths // 10)
        file = io.BytesIO()
        picture.resize(size, Image.Resampling.LANCZOS).quantize(256, dither=Image.Dither.NONE).save(
            file, "PNG", optimize=True
        )
        if file.tell() < LARGEST:
            return file.getvalue()
    raise ValueError(f"the picture doesn't fit into {LARGEST} bytes")


def checked(notebook: Notebook, name: str, source: str) -> tuple[Locator, Locator]:
    """Runs an answer and its check. Returns both cells."""
    solution = notebook.solution(name)
    notebook.write(solution, source.strip())
    notebook.run(solution)
    check = notebook.cell(f"check({name})")
    notebook.run(check)
    return solution, check


def main() -> None:
    """Comes to conv2d as a student does, solves it wrongly, then rightly, and looks at it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyterlab(Path(folder)) as address,
        browser_page(width=960, height=1700, scale=2) as page,
    ):
        notebook = Notebook(page, address, "01_lenet.ipynb")
        page.keyboard.press("Control+b")  # closes the list of files
        for start in ("import math", "plt.rcParams", "def _out_size"):
            notebook.run(notebook.cell(start), seconds=120)
        for before in (layers.pad2d, layers.unfold2d):
            checked(notebook, before.__name__, inspect.getsource(before))
        photograph(notebook, *checked(notebook, "conv2d", FLIPPED), "mistake-named")
        _, check = checked(notebook, "conv2d", RIGHT)
        look = notebook.cell_with("crop = camera")
        notebook.run(look)
        photograph(notebook, check, look, "accepted")


if __name__ == "__main__":
    main()
