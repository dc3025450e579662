"""What the documents name exists: commands, options, files, links, functions, counts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
import typer

from autograder import cli, interview, lesson, registry, report
from autograder.judge import judge
from autograder.runner import in_this_process
from solutions.recipes import RECIPES
from tests.docs.pages import PAGES, ROOT, anchors, code, commands, fences, links, page, section

TEXTS = {name: page(name) for name in PAGES}
COMMANDS = sorted({tuple(words) for text in TEXTS.values() for words in commands(text)})
MADE_LATER = ("workspace/", "submitted/", "feedback/", "mine/", ".p2v", "autograder/exercises/warmup/greys.py", ".venv")
TOY = ("grey", "warmup.grey")


def shown(*first):
    """The commands that begin with these words, without them."""
    return [words[len(first) :] for words in COMMANDS if words[: len(first)] == first]


@pytest.mark.parametrize("words", shown("p2v"), ids=" ".join)
def test_p2v_commands_exist(words):
    at = typer.main.get_command(cli.app)
    words = list(words)
    while words and hasattr(at, "commands"):
        name = words.pop(0)
        assert name in at.commands
        at = at.commands[name]
    options = {option for item in at.params for option in item.opts if option.startswith("--")}
    places = [item for item in at.params if not item.opts[0].startswith("--")]
    given = [word for word in words if not word.startswith("--") and not word.isdigit()]
    assert {word for word in words if word.startswith("--")} <= options
    assert len(given) <= len(places)
    for word in given:
        assert word in TOY or word.isupper() or _is_known(word)


def _is_known(word):
    from p2v_data import catalogue

    names = {row.name for row in catalogue()} | set(registry.lessons()) | set(RECIPES)
    return word in names or (ROOT / "course" / word).is_dir() or registry.find(word) is not None


@pytest.mark.parametrize("words", shown("python", "start.py"), ids=" ".join)
def test_start_takes_what_is_shown(words):
    import start

    assert start.parse(list(words))[0].command in ("lab", "test")


def options(command):
    """The options of a command and of all below it."""
    own = {
        option for item in command.params for option in (*item.opts, *item.secondary_opts) if option.startswith("--")
    }
    return own.union(*map(options, getattr(command, "commands", {}).values()))


def test_options_that_are_named_alone():
    import start

    found = [item for item in code(TEXTS["README.md"]) if item.startswith("--") and "." not in item]
    assert {"--port 9500", "--trust"} <= set(found)
    known = options(typer.main.get_command(cli.app))
    start.parse(["lab", *(word for item in found if item not in known for word in item.split())])


@pytest.mark.parametrize("words", shown("nbgrader"), ids=" ".join)
def test_nbgrader_commands_exist(words):
    from nbgrader.apps.nbgraderapp import NbGraderApp

    assert words[0] in NbGraderApp.subcommands
    assert "DEPRECATED" not in NbGraderApp.subcommands[words[0]][1]
    for word in words[1:]:
        assert (ROOT / "solutions" / "notebooks" / word).is_dir()


def test_commands_are_found_at_all():
    assert min(len(shown(name)) for name in ("p2v", "python", "nbgrader")) >= 2


@pytest.mark.parametrize("name", PAGES)
def test_files_exist(name):
    suffixes = ("/", ".py", ".md", ".ipynb", ".yml", ".toml", ".sh")
    for item in code(TEXTS[name]):
        words = [word for word in item.split() if word.endswith(suffixes) and "(" not in word and "NAME" not in word]
        for word in words:
            path = word.removesuffix(",")
            made = path.startswith(MADE_LATER)
            assert made or (ROOT / path).exists() or any((ROOT / "course").glob(f"*/{path}")), f"{name}: {path}"


@pytest.mark.parametrize("name", PAGES)
def test_links_resolve(name):
    for target, anchor in links(TEXTS[name]):
        assert "//" not in target, f"{name} leads elsewhere: {target}"
        assert not target or (ROOT / target).is_file(), f"{name}: {target}"
        if anchor:
            assert anchor in anchors(TEXTS[target or name]), f"{name}: #{anchor}"


def test_the_architecture_names_real_modules():
    rows = [line for line in TEXTS["ARCHITECTURE.md"].splitlines() if line.startswith("| `autograder/`")]
    names = {word.rstrip("/") for row in rows for word in code(row) if word != "autograder/"}
    assert len(names) > 20
    for name in names:
        place = ROOT / "autograder" / name
        assert place.is_dir() or place.with_suffix(".py").is_file(), name


def test_what_notebooks_offer():
    calls = {item.split("(")[0] for item in code(section(TEXTS["README.md"], "For students")) if item.endswith(")")}
    assert calls - {"conv2d"} == set(lesson.__all__) - {"LiveCurve", "reveal", "start"} - {"case"}
    assert "conv2d(*case(conv2d))" in code(TEXTS["README.md"])
    found = re.findall(r'reveal\("([\w.]+)"\)', TEXTS["README.md"])
    assert found
    assert set(found) <= {item.id for item in interview.questions()}


def test_counts_in_the_prose():
    text = TEXTS["README.md"]
    warmup = registry.exercises("warmup")
    everything = registry.all_exercises()
    assert f"{len(everything)} exercises, six working days" in text
    assert 5.5 < sum(item.minutes for item in everything) / 60 / 8 < 6.5
    assert f"{len(warmup)} exercises, {sum(item.minutes for item in warmup)} minutes" in text
    parts = {"lenet": "two", "resnet": "three", "attention": "two", "vit": "three", "unet": "seven"}
    for name, notebooks in parts.items():
        assert f"{len(registry.exercises(name))} exercises in {notebooks} notebooks" in text
    assert f"There are {len(interview.questions())} questions so far" in text
    minutes = {item.name: item.minutes for item in registry.all_exercises()}
    for name, number in re.findall(r"^\d\. `(\w+)`, (\d+) minutes", text, re.M):
        assert minutes[name] == int(number)


def test_rules_for_marks_are_the_judges():
    from autograder.judge import PARTIAL, SLOW

    assert PARTIAL == 0.5, "README says: at most half"
    assert SLOW == 0.8, "README says: 80 %"


def test_the_seed_can_be_fixed_as_the_readme_says():
    from autograder.gradebook import JudgeExercises

    assert "c.JudgeExercises.seed = 7" in TEXTS["README.md"]
    assert "seed" in JudgeExercises.class_trait_names()


def test_the_report_in_the_readme_is_what_check_says():
    mark, _, rest = TEXTS["README.md"].partition("<!-- report: ")[2].partition(" -->")
    name, _, mistake = mark.partition(", ")
    exercise = registry.find(name)
    wrong = next(item for item in exercise.wrong if item.name == mistake)
    free = replace(exercise, forbidden=())
    verdict = judge(free, in_this_process(free, wrong.answer, torch.device("cpu")), seed=0)
    assert fences(rest.partition("<!-- /report -->")[0], "text") == [report.text(verdict, exercise, width=96) + "\n"]
