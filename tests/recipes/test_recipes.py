"""The recipes as the command runs them, for an epoch, on small sets laid out as the real ones."""

import importlib
import json

import pytest
import torch
from typer.testing import CliRunner

from autograder import cli, cli_train
from p2v_data import DataMissingError, DeviceError
from solutions.recipes import RECIPES, RecipeError
from solutions.resnet import ResNet, count_parameters
from tests.recipes import made

cifar10 = importlib.import_module("solutions.recipes.cifar10")

SETS = {
    "cifar10": made.cifar10,
    "pneumonia": made.pneumonia,
    "flowers": made.flowers,
    "imagenet": made.pictures,
    "retinamnist": made.retinamnist,
}
BATCHES = {"cifar10": 8, "pneumonia": 8, "flowers": 3, "imagenet": 5, "retinamnist": 4}
CLASSES = {"cifar10": 10, "pneumonia": 2, "flowers": 102, "imagenet": 1000, "retinamnist": 5}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(cifar10, "VALIDATION", 20)


def p2v(*words):
    done = CliRunner().invoke(cli.app, ["train", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_from_beginning_to_end(name, own_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("P2V_DATA")
    data = name.partition("-")[0]
    SETS[data](own_folder / data)
    more = ("--weights", "none") if RECIPES[name].pretrained else ()
    more += ("--image-size", 32, "--network", "tiny") if "image_size" in RECIPES[name].choices else ()
    out = tmp_path / "out"
    where = ("--folder", own_folder, "--out", out, "--device", "cpu")
    words = (name, "--epochs", 1, "--batch-size", BATCHES[data], *where, *more)
    done = p2v(*words)
    assert done.exit_code == 0, done.output
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert result["recipe"] == name
    assert result["settings"]["epochs"] == 1
    assert 0 <= result["test"]["accuracy"] <= 1
    assert (out / "curves.png").exists()
    assert (out / "grad-cam.png").exists() == (data == "pneumonia")
    assert "not a result" in done.output
    assert "cite" in done.output
    assert "This run is finished" in p2v(*words).output


@pytest.mark.parametrize(
    ("name", "learn", "all_of_it"),
    [
        ("cifar10-cnn", 4_690_000, 4_690_000),
        ("cifar10-resnet18", 11_173_962, 11_173_962),
        ("pneumonia-cnn", 1_180_000, 1_180_000),
        ("pneumonia-resnet18", 10_494_000, 11_177_538),
        ("flowers-resnet50", 15_173_734, 23_717_030),
        ("imagenet-vit", 5_717_416, 5_717_416),
        ("imagenet-vit-tuned", 22_050_664, 22_050_664),
        ("retinamnist-vit", 5_525_381, 5_525_381),
        ("retinamnist-hybrid", 6_062_000, 6_062_000),
    ],
)
def test_networks_have_the_size_they_should(name, learn, all_of_it):
    from solutions.resnet import freeze

    recipe = RECIPES[name]
    model = recipe.model(CLASSES[name.partition("-")[0]], "none")
    freeze(model, recipe.frozen)
    assert count_parameters(model, trainable_only=True) == pytest.approx(learn, rel=0.01)
    assert count_parameters(model) == pytest.approx(all_of_it, rel=0.01)
    if recipe.cam:
        assert model.get_submodule(recipe.cam)


@pytest.mark.parametrize("name", RECIPES)
def test_augmentation_keeps_form_range_and_shares(name):
    recipe = RECIPES[name]
    channels, side = {"cifar10": (3, 32), "pneumonia": (1, 48), "flowers": (3, 256)}.get(
        name.partition("-")[0], (3, 48)
    )
    x, y = torch.rand(4, channels, side, side), torch.eye(4)
    changed = []
    for seed in (2, 3):
        seen, shares = recipe.augment(x, y, seed)
        assert seen.shape[:2] == (4, channels)
        assert seen.shape[2] == seen.shape[3] == (recipe.size or side)
        assert 0 <= seen.min() <= seen.max() <= 1
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(4))
        assert torch.equal(recipe.augment(x, y, seed)[0], seen)
        changed.append(seen)
    assert torch.equal(*changed) == (name == "imagenet-vit-tuned"), "its photographs were changed when they were cut"


def test_x_rays_are_never_mirrored():
    x = torch.linspace(0, 1, 64).expand(8, 1, 64, 64)
    for seed in range(10):
        seen, _ = RECIPES["pneumonia-cnn"].augment(x, torch.eye(8), seed)
        assert (seen[..., -1] > seen[..., 0]).all()


def test_pretrained_recipes_use_the_weights_they_are_given(tmp_path):
    given = ResNet(18).state_dict()
    torch.save(given, tmp_path / "weights.pt")
    model = RECIPES["pneumonia-resnet18"].model(2, str(tmp_path / "weights.pt"))
    assert torch.equal(model.layer1[0].conv1.weight, given["layer1.0.conv1.weight"])
    assert model.fc.out_features == 2


def test_a_recipe_goes_on_without_its_first_weights(own_folder, tmp_path, monkeypatch):
    """They are in the checkpoint: the second command neither fetches nor reads them."""
    from solutions.recipes.run import Run

    made.pneumonia(own_folder / "pneumonia", side=64)
    given = tmp_path / "weights.pt"
    torch.save(ResNet(18).state_dict(), given)
    words = ("pneumonia-resnet18", "--epochs", 1, "--batch-size", 8, "--weights", given, "--out", tmp_path / "out")
    whole = Run.take_best
    monkeypatch.setattr(Run, "take_best", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    assert p2v(*words).exit_code == cli_train.STOPPED
    given.unlink()
    monkeypatch.setattr(Run, "take_best", whole)
    done = p2v(*words)
    assert done.exit_code == 0
    assert "Going on after epoch 1 of 1" in done.output


def test_without_a_name_all_are_listed(own_folder):
    made.flowers(own_folder / "flowers")
    listed = p2v().output
    for name, recipe in RECIPES.items():
        assert name in listed
        assert recipe.aim in listed
    assert "p2v data fetch cifar10" in listed
    assert "p2v data fetch flowers" not in listed


def test_what_is_said_of_wrong_words(monkeypatch, tmp_path):
    with pytest.raises(RecipeError, match="no recipe 'cifar'"):
        p2v("cifar")
    with pytest.raises(DataMissingError, match="p2v data fetch cifar10"):
        p2v("cifar10-cnn", "--out", tmp_path / "run")
    with pytest.raises(DeviceError, match="'tpu' names no device"):
        p2v("cifar10-cnn", "--out", tmp_path / "run", "--device", "tpu")
    assert p2v("cifar10-cnn", "--epochs", "many").exit_code == 2


def test_runs_lie_in_the_workspace(own_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("P2V_WORKSPACE", str(tmp_path / "workspace"))
    with pytest.raises(DataMissingError):
        p2v("flowers-resnet50")
    assert (tmp_path / "workspace" / "runs" / "flowers-resnet50").is_dir()


def test_without_the_solutions_it_says_so(monkeypatch):
    monkeypatch.setattr(cli_train.references, "packages", tuple)
    with pytest.raises(DataMissingError, match="come with the course's solutions"):
        p2v()
