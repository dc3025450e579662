"""A student's first hour with lesson 01, in a real JupyterLab and a real browser.

The tests are one sitting: each goes on where the one before stopped. Screenshots go to screenshots/.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
if importlib.util.find_spec("playwright") is None:
    pytest.skip("playwright is missing: pip install playwright", allow_module_level=True)

from tests.browser.lab import CHROMIUM, ROOT, Notebook, browser_page, jupyterlab  # noqa: E402

if CHROMIUM is None:
    pytest.skip("no Chromium found: install it, for example apt-get install chromium", allow_module_level=True)

SCREENSHOTS = ROOT / "screenshots"
FLIPPED_PAIRS = """\
def pad2d(x, padding, mode="constant", value=0.0):
    top, bottom, left, right = padding
    if mode == "reflect":
        if max(left, right) >= x.shape[3] or max(top, bottom) >= x.shape[2]:
            raise ValueError("the border is too wide")
        x = torch.cat([x[..., 1 : left + 1].flip(3), x, x[..., x.shape[3] - 1 - right : -1].flip(3)], 3)
        return torch.cat([x[:, :, 1 : top + 1].flip(2), x, x[:, :, x.shape[2] - 1 - bottom : -1].flip(2)], 2)
    out = x.new_full((*x.shape[:2], top + x.shape[2] + bottom, left + x.shape[3] + right), value)
    out[:, :, top : top + x.shape[2], left : left + x.shape[3]] = x
    return out
"""
RIGHT = FLIPPED_PAIRS.replace("top, bottom, left, right = padding", "left, right, top, bottom = padding")
ENDLESS = "def unfold2d(x, kernel_size, stride=1, dilation=1):\n    while True:\n        pass\n"


@dataclass
class Sitting:
    """The student's open notebook and the folder it lies in."""

    notebook: Notebook
    workspace: Path

    def shot(self, name: str) -> None:
        self.notebook.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def answer(self, name: str, source: str) -> str:
        """Types an answer, runs it and gives what the check says."""
        cell = self.notebook.solution(name)
        self.notebook.write(cell, source)
        self.notebook.run(cell)
        return self.notebook.run(self.notebook.cell(f"check({name})"))


@pytest.fixture(scope="module")
def sitting(tmp_path_factory):
    SCREENSHOTS.mkdir(exist_ok=True)
    workspace = tmp_path_factory.mktemp("workspace")
    with jupyterlab(workspace) as address, browser_page() as page:
        yield Sitting(Notebook(page, address, "01_lenet.ipynb"), workspace)


@pytest.fixture
def notebook(sitting):
    return sitting.notebook


def test_jupyterlab_opens_on_the_lesson_and_asks_nothing(sitting, notebook):
    page = notebook.page
    page.wait_for_timeout(3000)  # questions come late
    sitting.shot("01 opened")
    assert page.get_by_role("tab", name="01_lenet.ipynb").count()
    assert not page.locator(".jp-Dialog, .Toastify__toast").count()
    assert "nbgrader" not in page.locator("#jp-MainMenu").inner_text().lower()
    assert not page.get_by_text("Create Assignment").count()


def test_the_first_cells_import_and_show_the_motivating_figure(sitting, notebook):
    assert "Error" not in notebook.run(notebook.cell("import math"), seconds=120)
    cell = notebook.cell("plt.rcParams")
    notebook.run(cell)
    assert cell.locator(".jp-OutputArea img").count() == 1
    sitting.shot("02 motivating figure")


def test_a_check_before_its_cell_was_run_says_so(notebook):
    said = notebook.run(notebook.cell("check(pad2d)"))
    assert "Run the cell above" in said
    assert "Traceback" not in said


def test_an_unsolved_stub_is_no_failure(sitting, notebook):
    notebook.run(notebook.solution("pad2d"))
    said = notebook.run(notebook.cell("check(pad2d)"))
    assert "not solved yet" in said
    assert "minutes" in said
    sitting.shot("03 not solved yet")


def test_a_wrong_answer_is_named(sitting, notebook):
    said = sitting.answer("pad2d", FLIPPED_PAIRS)
    assert re.search(r"not yet: \d+ of \d+ cases", said)
    assert "What went wrong: height and width are swapped" in said
    assert "Next:" in said
    sitting.shot("04 mistake named")


def test_the_report_can_be_heard_and_reached_by_keyboard(notebook):
    check = notebook.cell("check(pad2d)")
    assert check.get_by_role("region", name="Check of lenet.pad2d").count() == 1
    assert check.get_by_role("img", name="wrong", exact=True).count() >= 1
    check.locator("summary").focus()
    notebook.page.keyboard.press("Enter")
    assert check.locator("details").first.get_attribute("open") is not None
    notebook.page.keyboard.press("Enter")
    notebook.page.keyboard.press("Tab")
    assert "hint" in notebook.page.evaluate("document.activeElement.innerText").lower()


def test_the_hint_button_gives_hints_until_there_are_no_more(sitting, notebook):
    check = notebook.cell("check(pad2d)")
    button = check.get_by_role("button", name=re.compile("hint", re.IGNORECASE))
    for number in (1, 2, 3):
        button.click()
        check.get_by_text(f"hint {number} of 3").wait_for()
    sitting.shot("05 hints")
    button.click()
    check.get_by_role("button", name="No more hints").wait_for()


def test_a_right_answer_is_accepted_with_its_speed_and_kept(sitting, notebook):
    said = sitting.answer("pad2d", RIGHT)
    assert "accepted, 3 of 3 points" in said
    assert re.search(r"speed.*F\.pad", said)
    assert "Saved as mine.lenet.pad2d" in said
    assert (sitting.workspace / "mine" / "lenet" / "pad2d.py").is_file()
    sitting.shot("06 accepted")


def test_a_look_at_it_cell_shows_a_figure_made_by_the_student(sitting, notebook):
    cell = notebook.cell_with("cat = p2v_data.photograph")
    said = notebook.run(cell)
    assert cell.locator(".jp-OutputArea img").count() == 1
    assert "reference" not in said
    sitting.shot("07 look at it")


def test_an_endless_answer_is_stopped_and_the_kernel_lives(sitting, notebook):
    notebook.run(notebook.cell("def _out_size"))
    said = sitting.answer("unfold2d", ENDLESS)
    assert "stopped after" in said
    assert "Nothing is lost" in said
    sitting.shot("08 endless")
    assert "accepted" in notebook.run(notebook.cell("check(pad2d)"))


def test_a_check_can_be_interrupted(sitting, notebook):
    check = notebook.cell("check(unfold2d)")
    notebook.begin(check)
    notebook.page.wait_for_timeout(1500)
    notebook.page.get_by_role("button", name="Interrupt the kernel").first.click()
    notebook.finish(check, seconds=5)
    said = notebook.output(check)
    assert "you stopped this check" in said
    assert "autograder" not in said
    sitting.shot("09 interrupted")


def test_progress_is_a_picture_in_the_order_of_the_course(sitting, notebook):
    cell = notebook.try_out(notebook.cell("check(unfold2d)"), "progress()")
    said = notebook.output(cell)
    assert said.index("warmup") < said.index("lenet")
    assert "✓ pad2d" in said
    assert "… unfold2d" in said
    assert said.index("unfold2d") < said.index("shape_table") < said.index("log_softmax")
    sitting.shot("10 progress")


def test_the_dark_theme_is_readable(sitting, notebook):
    notebook.theme("JupyterLab Dark")
    sitting.shot("11 progress, dark")
    check = notebook.cell("check(pad2d)")
    sitting.shot("12 accepted, dark")
    colours = check.locator("section.p2v-report").evaluate(
        "report => [getComputedStyle(report).color, getComputedStyle(document.body).backgroundColor]"
    )
    ink, paper = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    notebook.theme("JupyterLab Light")
    assert ink - paper > 400, colours


def test_after_a_restart_the_accepted_answer_is_there_again(sitting, notebook):
    notebook.restart()
    notebook.run(notebook.cell("import math"), seconds=120)
    source = "pad2d.__module__, pad2d(torch.ones(1, 1, 1, 1), (1, 0, 0, 0)).tolist(), unfold2d"
    said = notebook.output(notebook.try_out(notebook.cell("check(pad2d)"), source))
    assert "mine.lenet" in said
    assert "[[[[0.0, 1.0]]]]" in said
    assert "hasn't been run yet" in said
    sitting.shot("13 after a restart")
