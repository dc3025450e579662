"""A student's session in a terminal: check, keep, go on after a restart."""

import importlib.util
import sys
from types import SimpleNamespace

import pytest

from autograder import files, lesson, mine
from autograder.session import Session
from autograder.slicing import without_magics

ANSWER = """
import torch

SCALE = 1.0


def shifted(x, mean):
    return x - mean[None, :, None, None]


def standardize(x, mean=None, std=None, eps=1e-8):
    mean = x.mean((0, 2, 3)) if mean is None else mean
    std = x.std((0, 2, 3), correction=0) if std is None else std
    return SCALE * shifted(x, mean) / (std[None, :, None, None] + eps)
"""


@pytest.fixture
def session(tmp_path, monkeypatch):
    made = Session(tmp_path)
    monkeypatch.setattr(lesson, "session", lambda: made)
    yield made
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, mine._Finder)]


def module(tmp_path, source, name="my_answers"):
    path = tmp_path / f"{name}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def test_an_accepted_answer_is_kept_with_what_it_needs(session, tmp_path, capsys):
    answers = module(tmp_path, ANSWER)
    lesson.check(answers.standardize)
    out = capsys.readouterr().out
    assert "accepted" in out
    saved = (tmp_path / "mine" / "warmup" / "standardize.py").read_text()
    assert "SCALE = 1.0" in saved
    assert "def shifted" in saved
    assert session.progress.standing("warmup.standardize").status == "solved"
    from mine.warmup import standardize

    assert standardize.__module__.startswith("mine.")


def test_a_wrong_answer_is_not_kept_and_its_case_can_be_had(session, tmp_path, capsys):
    answers = module(tmp_path, ANSWER.replace("correction=0", "correction=1"))
    lesson.check(answers.standardize)
    out = capsys.readouterr().out
    assert "not yet" in out
    assert "What went wrong" in out
    assert not (tmp_path / "mine").exists()
    failing = lesson.case("standardize")
    assert failing.x.shape == session.last["warmup.standardize"].first_failing.case.inputs["x"].shape
    answers.standardize(*failing)


def test_hints_come_one_by_one_and_are_counted(session, capsys):
    lesson.hint("standardize")
    lesson.hint("standardize")
    out = capsys.readouterr().out
    assert "hint 1 of" in out
    assert "hint 2 of" in out
    assert session.progress.standing("warmup.standardize").hints == 2


def test_the_reference_is_not_an_answer(session, capsys):
    from solutions.warmup import standardize

    lesson.check(standardize)
    assert session.last["warmup.standardize"].status == "missing"
    assert not session.library.has(lesson.registry.find("standardize"))


def test_unknown_names_get_an_offer(session, capsys):
    lesson.check("standardise")
    assert "standardize" in capsys.readouterr().out


def test_what_is_no_answer_is_told(session, capsys):
    lesson.check(3)
    lesson.check("standardize", 3)
    lesson.check(lesson.NotRunYet("warmup.standardize"))
    out = capsys.readouterr().out
    assert "int" in out
    assert "Run the cell" in out


def test_compare_waits_for_acceptance(session, tmp_path, capsys):
    lesson.compare("standardize")
    assert "isn't accepted yet" in capsys.readouterr().out
    lesson.check(module(tmp_path, ANSWER).standardize)
    lesson.compare("standardize")
    assert "reference" in capsys.readouterr().out


def test_an_answer_that_needs_its_surroundings_is_not_kept(session, tmp_path, capsys):
    answers = module(tmp_path, ANSWER.replace("SCALE = 1.0", ""))
    answers.SCALE = 1.0  # set from outside, as by a cell that was deleted since
    lesson.check(answers.standardize)
    assert "not on its own" in capsys.readouterr().out
    assert not (tmp_path / "mine").exists()


def test_random_numbers_are_left_as_they_were(session, tmp_path):
    import torch

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    lesson.check(module(tmp_path, ANSWER).standardize)
    assert torch.equal(torch.rand(1), expected)


def test_nbgraders_validation_is_told_the_truth(session, tmp_path, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    lesson.check(module(tmp_path, ANSWER).standardize)
    with pytest.raises(lesson.NotAccepted, match="not yet"):
        lesson.check(module(tmp_path, ANSWER.replace("correction=0", "correction=1"), "wrong").standardize)


class Shell:
    """As much of IPython as a session asks for."""

    def __init__(self, *cells):
        self.user_ns = {}
        self.history_manager = SimpleNamespace(input_hist_raw=[""])
        for cell in cells:
            self.run(cell)

    def run(self, cell):
        self.history_manager.input_hist_raw.append(cell)
        exec(without_magics(cell), self.user_ns)


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    def opened(*cells):
        made = Session(tmp_path, Shell(*cells))
        monkeypatch.setattr(lesson, "session", lambda: made)
        return made

    yield opened
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, mine._Finder)]


ONE_HOT = "import torch\ndef one_hot(labels, num_classes):\n    return torch.eye(num_classes)[labels]"


@pytest.mark.parametrize(
    "cell",
    [
        ONE_HOT,
        f"%%time\n{ONE_HOT}",
        "import torch\none_hot = lambda labels, num_classes: torch.eye(num_classes)[labels]",
        ONE_HOT.replace("one_hot", "mine") + "\none_hot = mine",
        ONE_HOT.replace("one_hot", "f") + "\nimport functools\none_hot = functools.partial(f)",
        "import torch\nclass Hot(torch.nn.Module):\n"
        "    def forward(self, labels, num_classes):\n        return torch.eye(num_classes)[labels]\none_hot = Hot()",
        "import torch\ndef decorated(f):\n    def wrapper(*args, **kwargs):\n        return f(*args, **kwargs)\n"
        "    return wrapper\n@decorated\n" + ONE_HOT.partition("\n")[2],
    ],
    ids=["def", "under %%time", "lambda", "other name", "partial", "module", "decorated"],
)
def test_every_way_of_giving_an_answer_its_name_is_checked_and_kept(notebook, cell, capsys):
    opened = notebook(cell)
    lesson.check(opened.shell.user_ns["one_hot"])
    assert opened.last["warmup.one_hot"].status == "accepted", capsys.readouterr().out
    assert opened.library.has(lesson.registry.find("one_hot"))


def test_after_a_restart_what_an_answer_calls_comes_from_the_library(notebook, tmp_path):
    first = notebook(ONE_HOT)
    lesson.check(first.shell.user_ns["one_hot"])
    second = notebook()
    lesson.start("warmup")
    second.shell.run(
        "def accuracy(logits, labels, k=1):\n"
        "    if not len(labels):\n        return logits.new_zeros(())\n"
        "    hot = one_hot(labels, logits.shape[1])\n"
        "    return (hot.gather(1, logits.topk(k, 1).indices).sum(1) > 0).float().mean()"
    )
    lesson.check(second.shell.user_ns["accuracy"])
    assert second.last["warmup.accuracy"].status == "accepted", second.last["warmup.accuracy"]
    assert "from mine.warmup import one_hot" in (tmp_path / "mine" / "warmup" / "accuracy.py").read_text()


def test_an_answer_from_elsewhere_is_accepted_and_said_not_to_be_saved(notebook, tmp_path, capsys):
    opened = notebook()
    lesson.check("one_hot", module(tmp_path, ONE_HOT).one_hot)
    assert opened.last["warmup.one_hot"].status == "accepted"
    assert "no cell that was run here defines one_hot" in " ".join(capsys.readouterr().out.split())


def test_given_classes_are_not_taken_for_exercises(session, capsys):
    from solutions.lenet import Conv2d

    lesson.check(Conv2d)
    assert "did you mean conv2d?" in capsys.readouterr().out
    assert session.last == {}


def test_validation_does_not_pass_over_what_it_cannot_find(session, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    with pytest.raises(lesson.NotAccepted):
        lesson.check(lambda x: x)


def test_a_full_disk_costs_neither_verdict_nor_notebook(tmp_path, monkeypatch, capsys):
    told = []
    made = Session(tmp_path, notify=told.append)
    monkeypatch.setattr(lesson, "session", lambda: made)

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    monkeypatch.setattr(made.progress, "add", lambda *_, **__: full())
    lesson.check(module(tmp_path, ANSWER).standardize)
    assert "accepted" in capsys.readouterr().out
    assert "Is the disk full" in told[0]
    assert made.last["warmup.standardize"].notes[-1].endswith("(No space left on device)")


def test_a_notebook_starts_with_a_broken_library(notebook, tmp_path, capsys):
    opened = notebook()
    opened.library.save(lesson.registry.find("one_hot"), "def one_hot(:\n")
    lesson.start("warmup")
    assert isinstance(opened.shell.user_ns["one_hot"], lesson.NotRunYet)
    assert "can't be loaded any more" in capsys.readouterr().out
