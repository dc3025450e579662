"""Transformers at work in the engine: averages, random depth, a teacher, choices; and runs that go on."""

import json

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import cohen_kappa_score
from torch import nn

from autograder import cli
from p2v_data import DataMissingError
from solutions.recipes import RECIPES, RecipeError, Wishes, choices, train, with_library_drops
from solutions.recipes.imagenet_vit import erased
from solutions.recipes.learning import Average, loss_of, own_draws
from solutions.recipes.run import Run
from solutions.recipes.scores import Answers, five_guesses, graded, graded_last
from solutions.recipes.transformers import DistilledTransformer, sized_vit, vit_groups
from solutions.resnet import ResNet
from solutions.vit import VIT_SIZES, DropPath, VisionTransformer
from tests.recipes import made
from tests.recipes.test_engine import Stops, losses, quiet
from tests.recipes.test_recipes import p2v

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A ViT-tiny that is tiny indeed."""
    monkeypatch.setitem(VIT_SIZES, "tiny", {"dim": 32, "depth": 2, "heads": 2})


def vit_recipe(**changes):
    """A small transformer with all that a transformer's recipe may ask for but a teacher."""
    content = {
        "model": lambda classes, weights: sized_vit("tiny", 32, classes, 0.5),
        "load": lambda folder: made.toy_data(side=32),
        "optimizer": "adamw",
        "lr": 3e-3,
        "groups": lambda model, rate: vit_groups(model, rate, 0.9, 0.05),
        "average": 0.9,
    }
    return made.toy_recipe(**{**content, **changes})


def taught_recipe(**changes):
    def teacher(classes):
        return ResNet(18, num_classes=classes, small_images=True, width=2)

    return vit_recipe(
        model=lambda classes, weights: DistilledTransformer("tiny", 32, classes, 0.5), teacher=teacher, **changes
    )


def test_a_moving_average_is_what_is_judged_and_kept(tmp_path):
    run = Run(vit_recipe(), made.toy_data(side=32), {"epochs": 4, "batch_size": 16, "seed": 0, "weights": ""}, CPU)
    expected = {name: value.clone() for name, value in run.model.named_parameters()}
    for number in range(12):
        run.step(torch.randn(4, 3, 32, 32), torch.eye(2).repeat(2, 1), number)
        kept = min(0.9, (1 + number) / (10 + number))
        for name, value in run.model.named_parameters():
            expected[name] = kept * expected[name] + (1 - kept) * value.detach()
    for name, value in run.judged.named_parameters():
        torch.testing.assert_close(value, expected[name])
        assert not value.requires_grad
    run._keep({"epoch": 1}, 1.0, 0.0)
    assert all(torch.equal(value, run.judged.state_dict()[name]) for name, value in run.progress.best_weights.items())
    assert not torch.equal(run.progress.best_weights["head.weight"], run.model.head.weight)


def test_an_average_takes_statistics_as_they_are():
    model = nn.BatchNorm1d(3)
    average = Average(model, 0.9)
    model(torch.randn(8, 3))
    average.follow(model, 0)
    assert torch.equal(average.model.running_mean, model.running_mean)
    assert average.model.num_batches_tracked == 1


@pytest.mark.parametrize("recipe", [vit_recipe, taught_recipe], ids=["alone", "taught"])
@pytest.mark.parametrize("at", [1, 4])
def test_an_interrupted_transformer_goes_on_and_ends_as_if_nothing_had_been(tmp_path, recipe, at):
    state = torch.random.get_rng_state()
    whole = train(recipe(), Wishes(out=tmp_path / "whole", tracker="none"), quiet)
    wishes = Wishes(out=tmp_path / "run", tracker="none")
    with pytest.raises(KeyboardInterrupt):
        train(recipe(augment=Stops(at)), wishes, quiet)
    torch.rand(3)  # what else is drawn in the second process
    assert train(recipe(), wishes, quiet)["test"] == whole["test"]
    assert losses(tmp_path / "run" / "curves.json") == losses(tmp_path / "whole" / "curves.json")
    torch.random.set_rng_state(state)


def test_a_transformer_learns_and_leaves_torch_s_random_state(tmp_path):
    state = torch.random.get_rng_state()
    result = train(vit_recipe(epochs=5), Wishes(out=tmp_path / "run", tracker="none"), quiet)
    assert result["test"]["accuracy"] == 1.0
    assert torch.equal(torch.random.get_rng_state(), state)


def test_own_draws():
    state = torch.random.get_rng_state()
    drawn = []
    for seed in (1, 1, 2):
        with own_draws(seed, CPU):
            drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_library_drops_keep_rates_and_change_nothing_in_evaluation():
    model = VisionTransformer(32, 3, 2, image_size=32, num_classes=3, drop_path=0.5).eval()
    x = torch.randn(2, 3, 32, 32)
    before = model(x)
    rates = [block.drop.p for block in model.blocks]
    assert with_library_drops(model) is model
    assert not any(isinstance(part, DropPath) for part in model.modules())
    assert [block.drop.p for block in model.blocks] == rates == [0.0, 0.25, 0.5]
    assert torch.equal(model(x), before)
    with own_draws(0, CPU):
        kept = model.train().blocks[2].drop(torch.ones(4000, 3, 2))
    assert set(kept.flatten().tolist()) == {0.0, 2.0}
    assert torch.equal(kept, kept[:, :1, :1].expand_as(kept)), "a sample is left out whole"
    assert kept.mean() == pytest.approx(1.0, abs=0.1)


def test_a_transformer_is_compiled_in_one_piece():
    model = with_library_drops(DistilledTransformer("tiny", 32, 3, 0.5)).train()
    found = torch._dynamo.explain(model)(torch.randn(2, 3, 32, 32))
    assert (found.graph_count, found.graph_break_count) == (1, 0)
    torch._dynamo.reset()


def test_the_loss_with_and_without_a_teacher():
    torch.manual_seed(0)
    said, beside, taught = torch.randn(3, 5, 4).unbind()
    shares = torch.rand(5, 4).softmax(dim=1)
    plain = F.cross_entropy(said, shares, label_smoothing=0.1)
    torch.testing.assert_close(loss_of(said, shares, None, 0.1), plain)
    expected = (plain + F.cross_entropy(beside, taught.argmax(dim=1))) / 2
    torch.testing.assert_close(loss_of((said, beside), shares, None, 0.1, taught), expected)


def test_a_teacher_answers_and_does_not_learn():
    random = torch.random.get_rng_state()
    run = Run(taught_recipe(), made.toy_data(side=32), {"epochs": 1, "batch_size": 16, "seed": 0, "weights": ""}, CPU)
    before = {name: value.clone() for name, value in run.teacher.state_dict().items()}
    run.epoch()
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in run.teacher.state_dict().items())
    assert run.teacher.training is False
    assert run.judged.eval()(torch.randn(1, 3, 32, 32)).shape == (1, 2)


def test_boxes_are_erased_in_some_images():
    x = torch.full((400, 3, 24, 24), 0.5)
    found = erased(x, 0.25, seed=1)
    changed = (found != x).any(dim=1).flatten(1).float().mean(dim=1)
    assert 0.15 < (changed > 0).float().mean() < 0.35
    assert 0.01 < changed[changed > 0].min() < changed.max() < 0.4
    assert 0 <= found.min() <= found.max() <= 1
    assert torch.equal(found, erased(x, 0.25, seed=1))
    assert torch.equal(erased(x, 0.0, seed=1), x)


def test_scores_of_grades():
    torch.manual_seed(0)
    labels = torch.randint(5, (300,))
    logits = torch.randn(300, 5) + 2 * F.one_hot(labels, 5)
    answers = Answers(logits[:150], labels[:150])
    found, last = graded(answers), graded_last(answers, Answers(logits[150:], labels[150:]))
    said = logits[:150].argmax(dim=1)
    assert found["kappa"] == pytest.approx(cohen_kappa_score(labels[:150], said, weights="quadratic"), abs=1e-6)
    assert found["grades off"] == pytest.approx(float((said - labels[:150]).abs().float().mean()))
    chances = (logits[150:] / last["temperature"]).softmax(dim=1)
    expected = (chances @ torch.arange(5.0)).round().long()
    kappa = cohen_kappa_score(labels[150:], expected, weights="quadratic")
    assert last["kappa of the expected grade"] == pytest.approx(kappa, abs=1e-6)
    assert 0.5 < last["auc of grade 2 or more"] <= 1
    assert "calibration error with temperature" in last
    healthy = graded_last(answers, Answers(logits[:9], torch.zeros(9, dtype=torch.int64)))
    assert healthy["auc of grade 2 or more"] != healthy["auc of grade 2 or more"], "not a number"


def test_five_guesses():
    logits = torch.tensor([[6.0, 5, 4, 3, 2, 1], [6, 5, 4, 3, 2, 1]])
    assert five_guesses(Answers(logits, torch.tensor([4, 5])))["accuracy of five guesses"] == 0.5
    assert five_guesses(Answers(logits[:, :2], torch.tensor([1, 0])))["accuracy of five guesses"] == 1.0


@pytest.mark.parametrize(
    ("name", "wish", "message"),
    [
        ("imagenet-vit", {"network": "huge"}, "--network 'huge' is unknown. Expected tiny or small or base"),
        ("imagenet-vit", {"image_size": 225}, "--image-size 225 can't be: .*--image-size 224"),
        ("imagenet-vit", {"image_size": 0}, "--image-size 0 can't be: .*--image-size 32"),
        ("imagenet-vit", {"image_size": 4096}, "--image-size 1024"),
        ("imagenet-vit", {"teacher": "resnet"}, "--teacher 'resnet' is unknown. Expected none, or one of resnet18"),
        ("imagenet-vit", {"teacher": "resnet50="}, "--teacher 'resnet50=' is unknown"),
        (
            "imagenet-vit",
            {"normal": "halves"},
            "imagenet-vit has no --normal .it has --network, --image-size, --teacher",
        ),
        ("imagenet-vit-tuned", {"normal": "zeros"}, "--normal 'zeros' is unknown. Expected imagenet or halves"),
        ("cifar10-cnn", {"network": "tiny"}, "cifar10-cnn has no --network .it has none of these.: leave it out"),
        ("retinamnist-vit", {"image_size": 32}, "retinamnist-vit has no --image-size"),
    ],
)
def test_choices_that_can_t_be_had_are_refused_before_anything_is_read(tmp_path, name, wish, message):
    with pytest.raises(RecipeError, match=message):
        train(RECIPES[name], Wishes(out=tmp_path / "run", **wish), quiet)
    assert not (tmp_path / "run").exists()


def test_choices_make_the_recipe():
    recipe = RECIPES["imagenet-vit"]
    settings = choices.decided(recipe, Wishes(out=None, network="small", teacher="resnet34"))
    assert settings == {"network": "small", "image_size": 224, "teacher": "resnet34"}
    made_so = recipe.fitted(recipe, settings)
    assert made_so.about == "ImageNet-1k, ViT-small from a random start, 224×224, beside resnet34"
    assert "81.2 %" in made_so.aim
    assert isinstance(made_so.model(3, ""), DistilledTransformer)
    halves = RECIPES["imagenet-vit-tuned"].normal
    assert (halves.mean, halves.std) == ((0.5,) * 3, (0.5,) * 3)
    settings = {"network": "tiny", "image_size": 384, "normal": "imagenet"}
    assert RECIPES["imagenet-vit-tuned"].fitted(RECIPES["imagenet-vit-tuned"], settings).normal.mean[0] == 0.485


def test_weights_are_asked_for_before_the_data(tmp_path):
    with pytest.raises(RecipeError, match=r"--teacher: there is no file no\.pt"):
        train(RECIPES["imagenet-vit"], Wishes(out=tmp_path / "taught", teacher="resnet50=no.pt"), quiet)
    for name in ("imagenet-vit-tuned", "retinamnist-vit"):
        with pytest.raises(RecipeError, match="begins with a vision transformer's weights"):
            train(RECIPES[name], Wishes(out=tmp_path / name, tracker="none"), quiet)
        with pytest.raises(DataMissingError):
            train(RECIPES[name], Wishes(out=tmp_path / name, weights="none", tracker="none"), quiet)


def test_from_pictures_to_weights_and_from_these_to_eyes(own_folder, tmp_path):
    """A network learns from photographs beside a teacher; its weights then begin two other runs, at other sizes."""
    made.pictures(own_folder / "imagenet")
    made.retinamnist(own_folder / "retinamnist")
    torch.save(ResNet(18, num_classes=3).state_dict(), tmp_path / "teacher.pt")
    first, weights = tmp_path / "first", tmp_path / "first" / "weights.pt"
    common = ("--epochs", 1, "--batch-size", 5, "--network", "tiny", "--tracker", "none")
    done = p2v(
        "imagenet-vit", *common, "--image-size", 32, "--out", first, "--teacher", f"resnet18={tmp_path / 'teacher.pt'}"
    )
    assert done.exit_code == 0, done.output
    assert json.loads((first / "result.json").read_text(encoding="utf-8"))["settings"]["image_size"] == 32
    for name, more in (("imagenet-vit-tuned", ("--image-size", 48)), ("retinamnist-vit", ("--normal", "imagenet"))):
        done = p2v(name, *common, *more, "--weights", weights, "--out", tmp_path / name)
        assert done.exit_code == 0, done.output
    with pytest.raises(RecipeError, match="holds a run with image size 48, and 32 is asked for"):
        p2v(
            "imagenet-vit-tuned",
            *common,
            "--image-size",
            32,
            "--weights",
            weights,
            "--out",
            tmp_path / "imagenet-vit-tuned",
        )


def test_the_list_says_where_photographs_are(own_folder):
    assert "--folder FOLDER with train and val" in p2v().output
    made.pictures(own_folder / "imagenet")
    assert "--folder FOLDER with train and val" not in p2v().output
    assert cli.app is not None
