"""Marks are stored as they are made, and taken again only where they still hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from nbgrader.converters.base import NbGraderException

from autograder import answer as answers
from autograder import gradebook, marks, registry
from autograder.judge import judge
from autograder.runner import in_this_process
from autograder.sandbox import protections
from autograder.slicing import Cell
from tests.gradebook import desk

WHERE = (desk.LESSON, "ada", "01_lenet")
TOLD = "This mark was kept."
NO_BIAS = "def linear(x, weight, bias=None):\n    return x @ weight.T"


def share():
    """The part of linear's points that an answer without a bias gets."""
    exercise = registry.find("lenet.linear")
    answer = answers.define("linear", [Cell("cell 1", NO_BIAS)], {}, ())
    verdict = judge(exercise, in_this_process(exercise, answer, torch.device("cpu")), seed=7)
    assert 0 < verdict.points < 0.5 * exercise.points
    return verdict.points / exercise.points


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A course folder, which nbgrader works in, with one stored sheet: relu right, linear wrong."""
    monkeypatch.chdir(tmp_path)
    one = desk.paper().solve("relu").write({"linear": NO_BIAS})
    one.delete(one.check("tanh"))
    path = desk.hand_in(one.notebook, tmp_path)
    desk.grade(path, "relu", "linear", patch=monkeypatch.setattr, student="ada")
    return tmp_path


def again(folder, monkeypatch, **settings):
    path = folder / "01_lenet.ipynb"
    return desk.grade(path, "relu", "linear", patch=monkeypatch.setattr, student="ada", **settings)


def test_a_sheet_says_what_was_found_and_what_it_rests_on(folder):
    sheet = marks.load(folder, *WHERE)
    relu, linear = sheet.marks["lenet.relu"], sheet.marks["lenet.linear"]
    assert (relu.points, relu.status, relu.seed) == (1.0, "accepted", 7)
    assert (linear.points, linear.status) == (share(), "not yet")
    assert linear.mistake == "forgets the bias"
    assert all(mark.sandboxed and mark.timed and mark.source and mark.spec for mark in (relu, linear))
    assert sheet.notes == ("Missing cells, which were put back as they were released: check(tanh).",)
    assert sheet.entered == ""  # RecordGrading writes it, after nbgrader has the marks


@pytest.fixture
def changed(folder):
    """Changes the stored mark of relu, so that it can be told from one that is made anew."""

    def change(**facts):
        sheet = marks.load(folder, *WHERE)
        mark = replace(sheet.marks["lenet.relu"], points=0.25, text=TOLD, **facts)
        marks.save(folder, replace(sheet, marks={**sheet.marks, "lenet.relu": mark}))

    return change


def test_a_mark_that_holds_is_taken_where_that_is_wished(folder, changed, monkeypatch):
    changed()
    found = again(folder, monkeypatch, reuse=True)
    assert found.points["relu"] == 0.25
    assert TOLD in found.words
    assert again(folder, monkeypatch).points["relu"] == 1.0
    assert [mark.points for mark in marks.load(folder, *WHERE).history["lenet.relu"]] == [0.25]


@pytest.mark.parametrize(
    "facts",
    [
        {"source": "another"},
        {"spec": "another"},
        {"judge": "0.0.0"},
        {"sandboxed": False},
        {"status": "right", "timed": False},
        {"status": marks.FAULT},
    ],
    ids=lambda facts: " ".join(facts),
)
def test_a_mark_that_does_not_hold_is_made_anew(folder, changed, monkeypatch, facts):
    changed(**facts)
    assert again(folder, monkeypatch, reuse=True).points["relu"] == 1.0


def test_points_are_scaled_to_those_in_the_gradebook(folder, monkeypatch):
    released = desk.source_cells(desk.released("01_lenet"))
    dearer = {**released["check-lenet-linear"].marks, "points": 10}
    released["check-lenet-linear"] = replace(released["check-lenet-linear"], marks=dearer)
    monkeypatch.setattr(desk, "source_cells", lambda _: released)
    assert again(folder, monkeypatch, reuse=True).points == {"relu": 1.0, "linear": pytest.approx(10 * share())}


def test_one_seed_serves_everything_that_a_process_grades(folder, monkeypatch):
    seeds = set()
    for _ in range(2):
        again(folder, monkeypatch, seed=-1)
        seeds |= {mark.seed for mark in marks.load(folder, *WHERE).marks.values()}
    assert seeds == {gradebook.seed_of_this_run()}


def test_without_protection_nothing_is_judged_unless_it_is_trusted(folder, monkeypatch):
    monkeypatch.setattr(protections, "missing", lambda: ("Landlock: this Linux is too old; use a newer one",))
    before = marks.load(folder, *WHERE)
    with pytest.raises(NbGraderException, match="this Linux is too old"):
        again(folder, monkeypatch)
    assert marks.load(folder, *WHERE) == before
    found = again(folder, monkeypatch, trust=True)
    assert found.points == {"relu": 1.0, "linear": share()}
    assert found.words.count(gradebook.TRUSTED) == 2
    assert not any(mark.sandboxed for mark in marks.load(folder, *WHERE).marks.values())
    assert found.notebook.metadata.pixels_to_voxels.sandboxed is False


def test_a_packs_weight_counts_once(folder, tmp_path, monkeypatch):
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "pack.toml").write_text('name = "autumn"\n\n[weights]\n"lenet.relu" = 3.0\n')
    monkeypatch.setenv("P2V_PACK", str(pack))
    again(folder, monkeypatch)
    mark = marks.load(folder, *WHERE).marks["lenet.relu"]
    assert mark.points == mark.max_points == 3 * registry.find("lenet.relu").points
