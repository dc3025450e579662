"""Made-up classes of lesson 01: notebooks handed in, sheets of marks and a gradebook, without any grading."""

from __future__ import annotations

import ast
import csv
import inspect
import json
import os
import random
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest import mock

from bs4 import BeautifulSoup
from nbgrader.api import Gradebook

from autograder import class_report, cli, marks, registry
from autograder.marks import Mark, Sheet
from autograder.slicing import Cell, needed, source_of

ROOT = Path(__file__).resolve().parents[2]
LESSON, A, B = "01_lenet", "01_lenet", "01_lenet_b"
PAD, RELU, CONV, FIT = "lenet.pad2d", "lenet.relu", "lenet.conv2d", "lenet.fit"
POINTS = {PAD: 4.0, CONV: 10.0, RELU: 1.0, FIT: 5.0}  # this class's, in the order of the lesson
LIMIT = 8.0
FAILS_ALONE = "padding wider than the input"
WHEN = "2026-03-0{}T10:00:00+00:00"


@cache
def released(name: str) -> str:
    """A released notebook's text."""
    return (ROOT / "course" / LESSON / f"{name}.ipynb").read_text(encoding="utf-8")


@cache
def ids(name: str) -> tuple[str, ...]:
    """The exercises of a notebook."""
    cells = (cell["metadata"].get("pixels_to_voxels", {}) for cell in json.loads(released(name))["cells"])
    return tuple(item["exercise"] for item in cells if item.get("role") == "check")


@cache
def solutions(exercise: str) -> tuple[str, ...]:
    """Right answers to an exercise, the reference first, as a student would write them into its cell."""
    found = registry.find(exercise)
    answers = [cli.reference_of(found), *cli.alternatives().get(exercise, ())]
    return tuple(_cell_text(answer, found.name) for answer in answers)


def _cell_text(answer, name):
    text = Path(inspect.getsourcefile(answer)).read_text(encoding="utf-8")
    given = [item.name for item in registry.exercises("lenet") if item.name != answer.__name__]
    parts = needed([Cell("module", text)], answer.__name__, given=given)
    return re.sub(rf"\b{answer.__name__}\b", name, source_of(parts))


class Renamed(ast.NodeTransformer):
    """Gives every argument and variable another name."""

    def __init__(self, tree: ast.AST) -> None:
        args = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} - {"self"}
        nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        self.names = {name: f"my_{name}" for name in args | {node.id for node in nodes}}

    def visit_Name(self, node):
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node):
        return ast.arg(self.names.get(node.arg, node.arg))


def disguised(text: str) -> str:
    """A copy that hides where it comes from: other names and layout, no comments, a line that does nothing."""
    tree = ast.parse(text)
    tree = Renamed(tree).visit(tree)
    last = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)][-1]
    last.body.insert(len(last.body) // 2 + 1, ast.parse("all_my_own_work = True").body[0])
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def made_up_code(exercise: str, draw: random.Random) -> str:
    """Code of ordinary length that nobody else writes: calls and arithmetic at random, under the exercise's name."""
    names = [f"v{place}" for place in range(12)]
    calls = ["exp", "sum", "reshape", "log", "clamp", "permute", "flatten", "mean", "abs", "sqrt", "unfold", "roll"]
    lines = [
        f"    {draw.choice(names)} = {draw.choice(names)}.{draw.choice(calls)}({draw.randint(0, 9)}) "
        f"{draw.choice('+-*/@')} {draw.choice(names)}[{draw.randint(0, 9)}:]"
        for _ in range(draw.randint(6, 18))
    ]
    return "\n".join([f"def {registry.find(exercise).name}(*given):", *lines, f"    return {names[0]}"])


def notebook(name: str, answers: Mapping[str, str]) -> str:
    """A notebook with answers written in, by exercise."""
    raw = json.loads(released(name))
    for cell in raw["cells"]:
        ours = cell["metadata"].get("pixels_to_voxels", {})
        if ours.get("role") == "solution" and ours["exercise"] in answers:
            cell["source"] = answers[ours["exercise"]]
    return json.dumps(raw)


def hand_in(course: Path, student: str, answers: Mapping[str, str] | None = None, folder: str = "submitted") -> None:
    """Puts both notebooks where they are collected."""
    place = course / folder / student / LESSON
    place.mkdir(parents=True)
    for name in (A, B):
        (place / f"{name}.ipynb").write_text(notebook(name, answers or {}), encoding="utf-8")


def mark(exercise: str, points: float, status: str = "not yet", **facts) -> Mark:
    """A mark in a class where the exercises are worth POINTS."""
    right = status in ("accepted", "right", "slow")
    basics = {"passed": 9 if right else 4, "cases": 9, "seed": 7, "source": "s", "when": WHEN.format(1)}
    basics |= {"spec": marks.spec_hash(exercise), "judge": marks.judge_version()}
    return Mark(exercise, points, POINTS.get(exercise, 2.0), status, **(basics | facts))


def right(exercise: str, ratio: float = 0.0, **facts) -> Mark:
    """An accepted answer; timed if a ratio is given."""
    speed = timing(ratio) if ratio else None
    return mark(exercise, POINTS.get(exercise, 2.0), "accepted", **({"speed": speed} | facts))


def near(exercise: str = PAD, **facts) -> Mark:
    """An answer that fails in one case of nine."""
    return mark(exercise, 3.0, **({"failing": FAILS_ALONE, "passed": 8, "problem": "expected an error"} | facts))


def timing(ratio: float, tier: str = "", status: str = "") -> dict[str, object]:
    """What is kept of a timing."""
    said = status or ("within" if ratio <= LIMIT else "over")
    return {"status": said, "ratio": ratio, "low": ratio, "high": ratio, "limit": LIMIT, "tier": tier}


def keep(course: Path, student: str, found: Sequence[Mark], notes: tuple[str, ...] = (), name: str = A) -> None:
    """Writes a sheet of marks for one notebook."""
    own = {item.exercise: item for item in found}
    marks.save(course, Sheet(student, LESSON, name, "sub", own, notes=notes, entered=WHEN.format(2)))


FLIPS, ZEROES, SIGN = "flips the kernel", "never zeroes the gradients", "drops the sign"
SMALL: Mapping[str, tuple[Mark, ...]] = {  # 20, 20, 17, 16, 8, 10, 6 and 0 of 20 points
    "ada": (right(PAD), right(RELU), right(CONV, speed=timing(1.0, "gold")), right(FIT)),
    "ben": (right(PAD), right(RELU), right(CONV, 4.0), right(FIT)),
    "cleo": (near(), right(RELU), mark(CONV, 8.0, "slow", speed=timing(9.0)), right(FIT)),
    "dario": (
        *(near(seed=21), right(RELU)),
        *(right(CONV, speed=timing(5.0, status="inconclusive")), mark(FIT, 2.0, mistake=ZEROES)),
    ),
    "eun": (near(), mark(RELU, 0.0, mistake=SIGN), mark(CONV, 5.0, mistake=FLIPS), mark(FIT, 0.0, "unsolved")),
    "farid": (right(PAD), right(RELU), mark(CONV, 5.0, mistake=FLIPS), mark(FIT, 0.0, mistake=ZEROES)),
    "gita": (
        *(mark(PAD, 0.0, failing="3×3 input", passed=2), right(RELU)),
        *(mark(CONV, 5.0, mistake=FLIPS), mark(FIT, 0.0, "missing")),
    ),
    "hugo": tuple(mark(id, 0.0, "unsolved", passed=0, cases=0) for id in POINTS),
}


def small_class(course: Path) -> Path:
    """Eight who were graded on four exercises, and Ines, who handed in after grading."""
    for name, found in SMALL.items():
        keep(course, name, found)
        hand_in(course, name)
    for path in course.glob(f"submitted/*/{LESSON}/{B}.ipynb"):
        path.unlink()
    hand_in(course, "ines")
    return course


def gradebook(path: Path, lesson: str = LESSON, students: Sequence[str] = (*SMALL, "ines", "jonas")) -> None:
    """nbgrader's own. Cleo's conv2d was marked by hand, her question too; Ada's question waits; Ben was late."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic by name
    with (
        warnings.catch_warnings(),
        mock.patch.dict(os.environ, PATH=beside),
        Gradebook(f"sqlite:///{path}") as book,
    ):
        warnings.simplefilter("ignore")
        book.add_assignment(lesson)
        book.add_notebook(A, lesson)
        for cell, kind in (("check-lenet-conv2d", "code"), ("answer-lenet-why_padding", "markdown")):
            book.add_grade_cell(cell, A, lesson, max_score=5, cell_type=kind)
        for name in students:
            book.add_student(name, first_name=name.capitalize(), last_name="Sample")
        for name in students[:3]:
            book.add_submission(lesson, name)
        _grade(book, lesson, "ada", "check-lenet-conv2d", auto_score=10.0, needs_manual_grade=False)
        _grade(book, lesson, "cleo", "check-lenet-conv2d", manual_score=9.5, needs_manual_grade=False)
        _grade(book, lesson, "cleo", "answer-lenet-why_padding", manual_score=3.0, needs_manual_grade=False)
        _grade(book, lesson, "ben", "answer-lenet-why_padding", manual_score=1.0, needs_manual_grade=False)
        book.find_submission_notebook(A, lesson, "ben").late_submission_penalty = 2.0
        book.db.commit()


def _grade(book, lesson, student, cell, **scores):
    grade = book.find_grade(cell, A, lesson, student)
    for name, value in scores.items():
        setattr(grade, name, value)


NAMES = (
    *("ada", "ben", "cleo", "dario", "eun", "farid", "gita", "hugo", "ines", "jonas", "kemal", "lena", "mateo"),
    *("nadia", "oskar", "priya", "quentin", "rosa", "sami", "tove", "umut", "vera", "wanda", "xiu", "yara", "zeno"),
)


def full_class(course: Path, seed: int = 1) -> Path:
    """A class of 26 to look at: all exercises, two who copied, a note, one not graded, one who did nothing."""
    draw = random.Random(seed)
    every = [*ids(A), *ids(B)]
    own: dict[str, dict[str, str]] = {name: {} for name in NAMES}
    for id in every:
        for text, name in zip(solutions(id)[1:], draw.sample(NAMES[2:-2], 4), strict=False):
            own[name][id] = text
    copied = {id: solutions(id)[0] for id in (CONV, FIT, RELU)}
    own |= {"ada": copied, "ben": {id: disguised(text) for id, text in copied.items()}}
    for name in NAMES[:-1]:
        hand_in(course, name, own[name])
    for place, name in enumerate(NAMES[:-2]):
        found = {id: any_mark(id, 1.05 - 0.03 * place, draw) for id in every}
        if place in (3, 5, 8, 11, 13, 16):
            found[PAD] = replace(near(problem="expected an error, got a tensor", seed=20 + place), max_points=4.0)
        notes = ("Missing cells, which were put back as they were released: check(relu).",) if name == "gita" else ()
        keep(course, name, [found[id] for id in ids(A)], notes)
        keep(course, name, [found[id] for id in ids(B)], name=B)
    gradebook(course / "gradebook.db", students=NAMES)
    return course


def any_mark(exercise: str, skill: float, draw: random.Random) -> Mark:
    """A plausible mark for a student of some skill."""
    found, full = registry.find(exercise), POINTS.get(exercise, 2.0)
    luck = skill + draw.uniform(-0.45, 0.35) - 0.03 * full
    if luck < 0.05:
        return mark(exercise, 0.0, "unsolved", passed=0, cases=0)
    if luck < 0.35:
        wrong = draw.choices(found.wrong[:4], [8, 3, 2, 1][: len(found.wrong[:4])])[0]
        return mark(exercise, draw.choice([0.0, 0.25, 0.5]) * full, mistake=wrong.name, failing="asymmetric kernel")
    if luck < 0.42:
        return mark(exercise, 0.25 * full, failing="odd sizes", problem="expected (1, 2, 3, 3), got (1, 2, 3, 2)")
    if found.speed is None:
        return right(exercise)
    ratio = draw.choice([1.0, 3.0, 5.0, 6.0, 7.0, 14.0])
    if ratio > LIMIT:
        return mark(exercise, 0.8 * full, "slow", speed=timing(ratio))
    return right(
        exercise, speed=timing(ratio, "gold" if ratio == 1.0 else "", "" if draw.random() > 0.05 else "inconclusive")
    )


def report_on(course: Path) -> Report:
    """Writes a class's page and reads it."""
    return Report(class_report.write(course, LESSON).page.read_text(encoding="utf-8"))


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


class Report:
    """A written page, to be read by section."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.soup = BeautifulSoup(text, "html.parser")

    def section(self, id: str):
        """A section by its anchor."""
        return self.soup.find("section", id=id)

    def says(self, id: str) -> str:
        """A section's text, its blanks made single."""
        return " ".join(self.section(id).get_text(" ").split())

    def rows(self, id: str, table: int = 0) -> list[list[str]]:
        """The texts of a table's body."""
        body = self.section(id).find_all("table")[table].tbody
        return [[" ".join(cell.get_text(" ").split()) for cell in row.find_all(["th", "td"])] for row in body("tr")]

    def first(self) -> str:
        """What to look at first."""
        return " ".join(self.soup.find("aside").get_text(" ").split())
