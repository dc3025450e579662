"""The interview bank: questions of the lessons with their key points, as data, read from `solutions/*.md`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.weave.markdown import parse
from autograder.weave.marks import Question as Mark
from autograder.weave.problems import Problems, WeaveError, nearest

SOLUTIONS = Path(__file__).resolve().parent.parent / "solutions"  # beside the package, in a checkout and installed

NO_BANK = "Key points come with the full course only. In a class, ask your teacher; your notebook takes your answer."


class NothingToReveal(LookupError):
    """There is no such question, or the key points are not in this copy of the course."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the message alone."""
        return [str(self)]


@dataclass(frozen=True)
class Question:
    """An interview question; every text is Markdown. `demonstration` may be empty.

    id: "lenet.receptive_field". title: the words in bold that open the question, else its name.
    """

    id: str
    points: int
    text: str
    key_points: str
    marking_guide: str
    wrong_answers: str
    follow_up: str
    demonstration: str

    @property
    def lesson(self) -> str:
        """The lesson's module name, "lenet"."""
        return self.id.partition(".")[0]

    @property
    def title(self) -> str:
        """ "Unshuffled"."""
        if self.text.startswith("**"):
            return self.text[2:].partition("**")[0].rstrip(".:")
        return self.id.partition(".")[2].replace("_", " ").capitalize()


def questions(lesson: str | None = None, folder: Path = SOLUTIONS) -> tuple[Question, ...]:
    """The questions of a lesson ("lenet", all its parts), or of all lessons, in the order of the notebooks.

    Empty where the lessons' sources are not installed. Raises WeaveError if one can't be read.
    """
    problems = Problems()
    files = sorted(folder.glob("*.md"))
    parsed = [parse(file.read_text(encoding="utf-8"), f"{folder.name}/{file.name}", problems) for file in files]
    if problems.found:
        raise WeaveError(problems.found)
    parts = sorted((part for part in parsed if part is not None), key=lambda part: part.notebook)
    return tuple(
        _question(part.module, block)
        for part in parts
        if lesson in (None, part.module)
        for block in part.blocks
        if isinstance(block, Mark)
    )


def nothing_to_ask(lesson: str | None, folder: Path = SOLUTIONS) -> str:
    """Why a lesson has no questions, and what to do."""
    lessons = sorted({item.lesson for item in questions(None, folder)})
    if not lessons:
        return NO_BANK
    return f"there are no interview questions for {lesson!r}; there are for {', '.join(lessons)}"


def question(id: str, folder: Path = SOLUTIONS) -> Question:
    """The question with this id. Raises NothingToReveal."""
    found = {item.id: item for item in questions(None, folder)}
    if not found:
        raise NothingToReveal(NO_BANK)
    if id not in found:
        raise NothingToReveal(f"no interview question is called {id!r}{nearest(id, found)}")
    return found[id]


SECTIONS = ("Key points", "Marking guide", "Common wrong answers", "Follow-up", "Demonstration")


def reveal_text(question_id: str, folder: Path = SOLUTIONS) -> str:
    """What someone who studies alone reads after answering, as Markdown. Raises NothingToReveal."""
    return in_sections(question(question_id, folder))


def in_sections(item: Question, names: Sequence[str] = SECTIONS) -> str:
    """What there is to know about a question, as Markdown under headings."""
    sections = {
        "Key points": item.key_points,
        "Marking guide": item.marking_guide,
        "Common wrong answers": item.wrong_answers,
        "Follow-up": item.follow_up,
        "Demonstration": item.demonstration,
    }
    return "\n\n".join(f"#### {name}\n\n{sections[name]}" for name in names if sections[name])


def _question(module: str, mark: Mark) -> Question:
    section = mark.sections
    return Question(
        id=f"{module}.{mark.name}",
        points=mark.points,
        text=mark.text,
        key_points=section["Key points"],
        marking_guide=section["Marking guide"],
        wrong_answers=section["Common wrong answers"],
        follow_up=section["Follow-up"],
        demonstration=section.get("Demonstration", ""),
    )
