"""A class that is always the same: a fifth of it each has all right, half, several wrong, several slow, nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder import registry
from autograder.home import CourseNotFoundError, repo_root
from autograder.notebook import METADATA, read

KINDS = ("right", "partly", "wrong", "slow", "blank")
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
TOO_OFTEN = 2.0  # times the speed limit, which is how often a slow answer does its work
SLOW = ("relu", "conv2d", "linear", "log_softmax", "confusion_matrix")
WRONG = {  # _right_NAME is the reference's answer
    "relu": "def relu(x):\n    return x.abs()",
    "leaky_relu": "def leaky_relu(x, negative_slope=0.01):\n    return torch.where(x > 0, x, 0.01 * x)",
    "linear": "def linear(x, weight, bias=None):\n    return _right_linear(x, weight)",
    "tanh": "def tanh(x):\n    up, down = x.exp(), (-x).exp()\n    return (up - down) / (up + down)",
    "conv2d": "def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):\n"
    "    return _right_conv2d(x, weight.flip(-1, -2), bias, stride, padding, dilation, groups)",
    "log_softmax": "def log_softmax(x, dim=-1):\n    return x - x.exp().sum(dim, keepdim=True).log()",
    "confusion_matrix": "def confusion_matrix(target, predicted, num_classes):\n"
    "    return _right_confusion_matrix(predicted, target, num_classes)",
    "recall": 'def recall(confusion, average="macro"):\n    return _right_recall(confusion.T, average)',
    "train_lenet": "def train_lenet(images, labels, seed=0):\n"
    "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))",
}


@dataclass(frozen=True)
class Lesson:
    """A lesson's notebooks by their names, as they are released and with the references' answers."""

    name: str
    released: Mapping[str, NotebookNode]
    solved: Mapping[str, NotebookNode]


def lesson(name: str) -> Lesson:
    """A lesson of this checkout. Raises CourseNotFoundError where there are no solutions to make submissions from."""
    root = repo_root()
    paths = sorted((root / "solutions" / "notebooks" / name).glob("*.ipynb")) if root is not None else []
    if root is None or not paths:
        raise CourseNotFoundError(f"submissions of {name} are made from solutions/notebooks/{name} in a checkout")
    released = {path.stem: read(root / "course" / name / path.name) for path in paths}
    return Lesson(name, released, {path.stem: read(path) for path in paths})


def without_trainings(whole: Lesson) -> Lesson:
    """The lesson without the exercises whose answer is a long training."""

    def rest(notebook: NotebookNode) -> NotebookNode:
        kept = copy.deepcopy(notebook)
        kept.cells = [cell for cell in kept.cells if not _trains(cell)]
        return kept

    released, solved = ({name: rest(item) for name, item in some.items()} for some in (whole.released, whole.solved))
    return Lesson(whole.name, released, solved)


def hand_in(whole: Lesson, number: int, folder: Path, *, demos: bool = True) -> None:
    """Writes what `number` students hand in below `folder`. demos: with the cells that only show something."""
    for student, kind in students(number):
        place = folder / student / whole.name
        place.mkdir(parents=True)
        for name, notebook in whole.released.items():
            handed = submission(kind, notebook, whole.solved[name], student)
            if not demos:
                handed.cells = [cell for cell in handed.cells if _ours(cell).get("role") != "demo"]
            nbformat.write(handed, place / f"{name}.ipynb")


def students(number: int) -> Iterator[tuple[str, str]]:
    """Names, and what each hands in: the kinds in turn."""
    for index in range(number):
        yield f"student{index:04}", KINDS[index % len(KINDS)]


def submission(kind: str, released: NotebookNode, solved: NotebookNode, student: str) -> NotebookNode:
    """A notebook that a student of this kind hands in. No two students write the same."""
    notebook = copy.deepcopy(released)
    answers = {name: _answer(cell) for cell in solved.cells if (name := _exercise(cell))}
    names = list(answers)
    kept = {"blank": [], "partly": names[: len(names) // 2]}.get(kind, names)
    for cell in notebook.cells:
        name = _exercise(cell)
        if name in kept:
            cell.source = f"{_written(kind, name, answers[name])}\n# {student}"
    return notebook


def _written(kind: str, name: str, right: str) -> str:
    own = f"def {name}("
    apart = right.replace(own, f"def _right_{name}(", 1)
    if kind == "wrong" and name in WRONG:
        return f"{apart}\n\n\n{WRONG[name]}"
    if kind == "slow" and name in SLOW:
        budget = registry.find(name).speed
        assert budget is not None
        again = (
            f"    for _ in range({int(TOO_OFTEN * budget.limit)}):\n        found = _right_{name}(*given, **options)"
        )
        return f"{apart}\n\n\n{own}*given, **options):\n{again}\n    return found"
    return right


def _answer(cell: NotebookNode) -> str:
    return "\n".join(line for line in cell.source.splitlines() if line.strip() not in (BEGIN, END))


def _exercise(cell: NotebookNode) -> str:
    """The name of the exercise whose answer belongs in this cell, or ""."""
    ours = _ours(cell)
    return str(ours.get("exercise", "")).rpartition(".")[2] if ours.get("role") == "solution" else ""


def _trains(cell: NotebookNode) -> bool:
    name = _ours(cell).get("exercise")
    return name is not None and registry.find(name).live


def _ours(cell: NotebookNode) -> Mapping[str, str]:
    found: Mapping[str, str] = cell.metadata.get(METADATA) or {}
    return found
