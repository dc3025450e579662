"""What docs/recipes.md says is so."""

import re

import pytest
import torch
import typer

from autograder import cli
from solutions.recipes import RECIPES, TRACKERS, Wishes, choices, imagenet_vit, precision, train
from solutions.recipes.weights import pretrained_vit
from solutions.vit import VIT_SIZES
from tests.docs.pages import commands, fences, page
from tests.recipes import made

TEXT = page("docs/recipes.md")
TRAIN = typer.main.get_command(cli.app).commands["train"]


def test_every_recipe_has_its_row():
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` (.*)\|$", TEXT, re.M))
    assert set(RECIPES) == set(rows) & set(RECIPES)
    for name, recipe in RECIPES.items():
        assert f"| {recipe.epochs} |" in rows[name]
        if recipe.frozen:
            assert re.search(r"frozen up to `layer2`|`layer4` and head learn", rows[name])
            assert recipe.frozen in ("layer2", "layer3")


def test_commands_and_options_exist():
    shown = [words for words in commands(TEXT) if words[:2] == ["p2v", "train"]]
    assert shown
    assert all(words[2] in RECIPES for words in shown if len(words) > 2)
    known = {option for item in TRAIN.params for option in (*item.opts, *item.secondary_opts)}
    named = set(re.findall(r"`(--[a-z-]+)", TEXT)) - {"--logdir"}
    assert named | {word for words in shown for word in words if word.startswith("--")} <= known
    assert {option for option in known if option.startswith("--")} <= named


def test_words_for_options_exist():
    rows = dict(re.findall(r"^\| `(--[a-z-]+)`[^|]*\|(.*)\|$", TEXT, re.M))
    assert set(re.findall(r"`(\w+)`", rows["--precision"])) == set(precision.PRECISIONS)
    assert set(re.findall(r"`(\w+)`", rows["--tracker"])) == set(TRACKERS)
    assert set(re.findall(r"`(\w+)`", rows["--network"])) == set(VIT_SIZES)
    assert set(re.findall(r"`(\w+)`", rows["--normal"])) == set(choices.NORMALS)
    for name, recipe in RECIPES.items():
        assert ("teacher" in recipe.choices) == (f"`{name}`" in rows["--teacher"])


def test_two_runs_are_compared_as_shown(tmp_path, monkeypatch):
    for seed, name in enumerate(("cifar10-resnet18", "cifar10-cnn")):
        wishes = Wishes(out=tmp_path / "runs" / name, epochs=1, seed=seed, tracker="none")
        train(made.toy_recipe(), wishes, lambda line: None)
    monkeypatch.chdir(tmp_path)
    found = {}
    shown = next(block for block in fences(TEXT, "python") if "paired_bootstrap" in block)
    exec(shown, found)
    assert found["low"] <= found["difference"] <= found["high"]
    assert isinstance(found["right"][0], torch.Tensor)


def test_areas_of_two_runs_are_compared_as_shown(tmp_path, monkeypatch):
    labels = torch.arange(200) % 2
    for name, skill in (("pneumonia-resnet18", 3.0), ("pneumonia-cnn", 1.0)):
        logits = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
        logits[:, 1] += skill * labels
        (tmp_path / "runs" / name).mkdir(parents=True)
        torch.save({"logits": logits, "labels": labels}, tmp_path / "runs" / name / "answers.pt")
    monkeypatch.chdir(tmp_path)
    found = {"torch": torch}
    exec(next(block for block in fences(TEXT, "python") if "roc_auc" in block), found)
    assert 0 < found["low"] < found["high"] < 0.5


def test_the_files_of_a_run_are_those_in_the_table(tmp_path):
    train(made.toy_recipe(cam="block1", epochs=1), Wishes(out=tmp_path / "run", tracker="none"), lambda line: None)
    table = TEXT.partition("| file | what |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z-]+\.[a-z]+)`", table)) == {path.name for path in (tmp_path / "run").iterdir()}


def test_published_figures_are_those_of_the_recipe():
    rows = re.findall(r"^\| DeiT.*published \|(.*)\|$", TEXT, re.M)
    for number, row in enumerate(rows):
        shown = [float(cell.strip(" %")) for cell in row.split("|")]
        assert shown == [imagenet_vit.PUBLISHED[network][number] for network in ("tiny", "small", "base")]
    assert len(rows) == 2


def test_weights_are_made_as_shown(tmp_path, monkeypatch):
    timm = pytest.importorskip("timm")
    shown = next(block for block in fences(TEXT, "python") if "create_model" in block)
    name = re.search(r'create_model\("([^"]+)"', shown)[1]
    assert name in timm.list_pretrained("vit_small*")
    whole = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: whole(name.partition(".")[0]))
    monkeypatch.chdir(tmp_path)
    exec(shown, {})
    assert pretrained_vit("vit_small.pt", "small", 224, 7, 0.0).head.out_features == 7
    assert timm.get_pretrained_cfg(name).mean == choices.NORMALS["halves"].mean
