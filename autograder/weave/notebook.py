"""Writes a part of a lesson as an nbgrader source notebook."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from autograder.weave import cells
from autograder.weave.course import Course, Spec
from autograder.weave.imports import import_cell, mine_lines
from autograder.weave.markdown import Demo, Lesson, Prose
from autograder.weave.markers import Asked, asked
from autograder.weave.marks import ExerciseMark, GivenMark, Question
from autograder.weave.resolve import Carried, Resolved, Wiring
from autograder.weave.source import Definition

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


@dataclass(frozen=True)
class Woven:
    """A source notebook, and what must not be found in its release.

    text: of the file. digest: of everything in it. answers: what each exercise asks, by id. guides: of its questions.
    """

    lesson: Lesson
    text: str
    digest: str
    answers: dict[str, Asked]
    guides: tuple[str, ...]


def weave(course: Course, lesson: Lesson, resolved: Resolved) -> Woven:
    """The source notebook of a part in which no problem was found."""
    return _Writer(course, lesson, resolved).woven()


class _Writer:
    def __init__(self, course: Course, lesson: Lesson, resolved: Resolved) -> None:
        self.course, self.lesson, self.resolved = course, lesson, resolved
        self.cells: list[NotebookNode] = []
        self.counts = {"text": 0, "demo": 0}
        self.answers: dict[str, Asked] = {}

    def woven(self) -> Woven:
        blocks = list(enumerate(self.lesson.blocks))
        opening = ""
        if blocks and isinstance(first := blocks[0][1], Prose) and not first.text.startswith("##"):
            opening = first.text
            blocks = blocks[1:]
        self.cells.append(cells.title(self._title(opening)))
        self.cells.append(cells.imports(import_cell(self.resolved.imports, self.lesson.module)))
        for index, block in blocks:
            wiring = self.resolved.wiring[index]
            self.cells += [self._carried(item) for item in wiring.carried]
            if isinstance(block, Prose):
                self.cells.append(cells.prose(self._count("text"), block.text))
            elif isinstance(block, Demo):
                self.cells.append(cells.demo(self._count("demo"), _joined(wiring.imports, block.code, 1)))
            elif isinstance(block, GivenMark):
                self.cells.append(self._given(block, wiring))
            elif isinstance(block, Question):
                self.cells += self._question(block)
            else:
                self.cells += self._exercise(block)
        return self._finished()

    def _finished(self) -> Woven:
        ours = {
            "built": f"from {self.lesson.path} by p2v weave; change that file, not this one",
            "lesson": self.lesson.module,
            "part": self.lesson.name,
            "notebook": self.lesson.notebook,
            "title": self.lesson.title,
        }
        metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}, "pixels_to_voxels": ours}
        notebook = new_notebook(cells=self.cells, metadata=metadata)
        digest = hashlib.sha256(written(notebook).encode()).hexdigest()[:16]
        notebook.metadata["pixels_to_voxels"]["digest"] = digest
        guides = tuple(_guide(block) for block in self.lesson.blocks if isinstance(block, Question))
        return Woven(self.lesson, written(notebook), digest, self.answers, guides)

    def _count(self, kind: str) -> int:
        self.counts[kind] += 1
        return self.counts[kind]

    def _title(self, opening: str) -> str:
        built = f"<!-- Built from {self.lesson.path} by p2v weave. Change that file, not this one. -->"
        heading, rest = f"# {self.lesson.title}", opening
        if opening.startswith("# "):
            heading, _, rest = opening.partition("\n")
        summary = _summary([self._spec(block) for block in self.lesson.blocks if isinstance(block, ExerciseMark)])
        return "\n\n".join(part for part in (built, heading, summary, rest.strip()) if part)

    def _spec(self, mark: ExerciseMark) -> Spec:
        return self.course.specs[f"{self.lesson.module}.{mark.name}"]

    def _definition(self, module: str, name: str) -> Definition:
        return self.course.references[module].definitions[name]

    def _given(self, mark: GivenMark, wiring: Wiring) -> NotebookNode:
        texts = [self._definition(self.lesson.module, name).text for name in mark.names]
        return cells.given(self.lesson.module, mark.names, _joined(wiring.imports, "\n\n\n".join(texts)))

    def _carried(self, carried: Carried) -> NotebookNode:
        definition = carried.definition
        origin = self.course.given[f"{definition.module}.{definition.name}"]
        notebook = self.course.parts[origin.part].notebook.rpartition("/")[2]
        source = f"# As given in {notebook}\n{_joined(carried.imports, definition.text)}"
        return cells.given(definition.module, (definition.name,), source)

    def _exercise(self, mark: ExerciseMark) -> list[NotebookNode]:
        spec = self._spec(mark)
        answer = asked(self._definition(self.lesson.module, mark.name), mark)
        self.answers[spec.id] = answer
        source = _joined(spec.needs, answer.text)
        return [cells.solution(spec.id, source), cells.check(spec.id, spec.points)]

    def _question(self, block: Question) -> list[NotebookNode]:
        id = f"{self.lesson.module}.{block.name}"
        points = f"{block.points} point{'s' if block.points > 1 else ''}"
        text = f"**Interview question** · {points}\n\n{block.text}"
        return [cells.question(id, text), cells.answer(id, block.points, _guide(block)), cells.reveal(id)]


def _guide(question: Question) -> str:
    return "\n\n".join(f"#### {name}\n\n{text}" for name, text in question.sections.items())


def _summary(specs: list[Spec]) -> str:
    if not specs:
        return ""
    points, minutes = sum(spec.points for spec in specs), sum(spec.minutes for spec in specs)
    time = f"{minutes} minutes" if minutes < 90 else f"{round(minutes / 60)} hours"
    count = "1 exercise" if len(specs) == 1 else f"{len(specs)} exercises"
    return f"*{count}, {points} points, about {time}.*"


def _joined(imports: Iterable[str], code: str, blank: int = 2) -> str:
    """Code below its imports."""
    lines = mine_lines(imports)
    return "\n".join([lines, *[""] * blank, code]) if lines else code


def written(notebook: NotebookNode) -> str:
    """The bytes of a notebook: sorted keys, one final newline."""
    text: str = nbformat.writes(notebook, version=4)
    return f"{text.rstrip()}\n"
