"""`p2v check --as-graded`: a student sees before submitting what grading will find."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from autograder import checking, lesson
from autograder.notebook import NotebookError
from autograder.sandbox import protections
from autograder.session import Session
from autograder.spec import Verdict
from tests.gradebook.papers import Paper

ROOT = Path(__file__).resolve().parents[2]
LESSON = "00_start"


@pytest.fixture
def paper():
    source = nbformat.read(ROOT / "solutions" / "notebooks" / LESSON / f"{LESSON}.ipynb", as_version=4)
    return Paper(nbformat.read(ROOT / "course" / LESSON / f"{LESSON}.ipynb", as_version=4), source)


def checked(paper, folder, name=f"{LESSON}.ipynb", **options):
    """The verdicts' statuses by exercise, and everything that was said."""
    nbformat.write(paper.notebook, folder / name)
    said: list[str] = []
    verdicts = checking.check_lesson(LESSON, folder / name, 5, said.append, as_graded=True, **options)
    return {verdict.exercise_id.partition(".")[2]: verdict for verdict in verdicts}, "\n".join(said)


@pytest.mark.skipif(bool(protections.missing()), reason="this machine has no sandbox")
def test_grading_before_submission_puts_cells_back_and_runs_in_the_sandbox(paper, tmp_path):
    paper.solve("one_hot", "batches")
    paper.write({"accuracy": "def accuracy(logits, labels, k=1):\n    open('/etc/passwd')\n    return 0.0"})
    paper.delete(paper.check("one_hot"))
    paper.check("batches").source = "check = print"
    found, said = checked(paper, tmp_path)
    assert {name: verdict.status for name, verdict in found.items()} == {
        "standardize": "unsolved",
        "one_hot": "accepted",
        "accuracy": "not yet",
        "batches": "accepted",
    }
    assert "Missing cells, which were put back as they were released: check(one_hot)." in said
    assert "The locked cell check(batches) had been changed" in said
    assert "2 of 4 accepted" in said
    assert "--seed 5" in said
    assert "sandbox" not in said


def test_without_a_sandbox_it_says_so(paper, tmp_path, monkeypatch):
    monkeypatch.setattr(protections, "missing", lambda: ("user namespaces: switched off",))
    monkeypatch.setattr(checking, "grade", None)
    found, said = checked(paper.solve("one_hot"), tmp_path)
    assert found["one_hot"].status == "accepted"
    assert "Without the sandbox that grading has" in said
    assert "user namespaces: switched off" in said


@pytest.fixture
def quick(monkeypatch):
    """Takes every answer for right, and notes what it was asked."""
    asked = []

    def grade(exercise, cells, *, seed):
        asked.append((exercise.name, seed))
        return Verdict(exercise.id, "accepted", exercise.points, points=exercise.points, seed=seed)

    monkeypatch.setattr(checking, "grade", grade)
    monkeypatch.setattr(protections, "missing", lambda: ())
    return asked


def test_a_renamed_notebook_is_known_by_what_it_says_it_is(paper, tmp_path, quick):
    paper.delete(paper.check("one_hot"))
    _, said = checked(paper, tmp_path, "mine.ipynb")
    assert ("one_hot", 5) in quick
    assert "check(one_hot)" in said


def test_where_the_release_is_not_known_the_notebook_itself_counts(paper, tmp_path, quick):
    del paper.notebook.metadata["pixels_to_voxels"]
    paper.delete(paper.check("one_hot"))
    _, said = checked(paper, tmp_path, "mine.ipynb")
    assert [name for name, _ in quick] == ["standardize", "accuracy", "batches"]
    assert "the released notebook of 00_start isn't here" in said


def test_a_notebook_of_nothing_is_refused(tmp_path, quick):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "x.ipynb")
    with pytest.raises(NotebookError, match="asks for no exercise"):
        checking.check_lesson(LESSON, tmp_path / "x.ipynb", 5, print, as_graded=True)


def test_a_students_own_seed_draws_other_practice_cases(tmp_path, monkeypatch):
    session = Session(tmp_path, None, lambda _: None)
    monkeypatch.setattr(lesson, "session", lambda: session)
    lesson.start("warmup")
    common = lesson.case("warmup.standardize")
    lesson.start("warmup", seed=77)
    own = lesson.case("warmup.standardize")
    seeds = []
    monkeypatch.setattr(Session, "judge", lambda self, exercise, answer, seed, show: seeds.append(seed) or accepted)
    accepted = Verdict("warmup.standardize", "accepted", 2)
    lesson.check("warmup.standardize", lambda x: x)
    lesson.check("warmup.standardize", lambda x: x, seed=3)
    assert seeds == [77, 3]
    assert type(common) is not type(own)
