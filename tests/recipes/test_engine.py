"""A training from beginning to end, on a small set: what it leaves, how it goes on, and what it refuses."""

import json

import pytest
import torch

from solutions.recipes import RecipeError, Wishes, batches, curves, engine, recipe_named, train
from solutions.recipes.run import Run
from solutions.resnet import ResNet
from tests.recipes import made

CPU = torch.device("cpu")


def wishes(tmp_path, **changes):
    return Wishes(**{"out": tmp_path / "run", "tracker": "none", **changes})


def quiet(line):
    pass


def losses(result_or_path):
    return [row["training loss"] for row in json.loads(result_or_path.read_text(encoding="utf-8"))["history"]]


class Stops:
    """An augmentation that is interrupted at a certain batch."""

    def __init__(self, at):
        self.left = at

    def __call__(self, x, y, seed):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return x, y


def test_a_run_leaves_its_curves_weights_and_result(tmp_path):
    lines = []
    result = train(made.toy_recipe(), wishes(tmp_path), lines.append)
    out = tmp_path / "run"
    names = {"answers.pt", "checkpoint.pt", "curves.json", "curves.png", "result.json", "weights.pt"}
    assert {path.name for path in out.iterdir()} == names
    assert result == json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert result["test"]["accuracy"] == 1.0
    assert result["test images"] == 12
    assert (result["device"].split()[0], result["precision"], result["compiled"]) == ("cpu", "float32", False)
    assert losses(out / "curves.json")[-1] < 0.5
    assert (out / "curves.png").read_bytes()[:4] == b"\x89PNG"
    answers = torch.load(out / "answers.pt", weights_only=True)
    assert (answers["logits"].argmax(dim=1) == answers["labels"]).all()
    assert sum(line.startswith("epoch") for line in lines) == 3
    assert "Aim: all right" in "\n".join(lines)
    assert "licence" in "\n".join(lines)


def test_the_weights_are_those_of_the_best_epoch(tmp_path, monkeypatch):
    scores = iter([0.5, 0.9, 0.7])
    recipe = made.toy_recipe(judge=lambda answers: {"accuracy": next(scores), "loss": 0.0})
    kept = []
    monkeypatch.setattr(Run, "answers", recording(Run.answers, kept))
    result = train(recipe, wishes(tmp_path), quiet)
    assert result["chosen epoch"] == 2
    weights = torch.load(tmp_path / "run" / "weights.pt", weights_only=True)
    after_second, after_third, judged = kept[1], kept[2], kept[-1]
    assert all(torch.equal(weights[name], after_second[name]) for name in weights)
    assert all(torch.equal(weights[name], judged[name]) for name in weights)
    assert not all(torch.equal(weights[name], after_third[name]) for name in weights)


def test_of_equal_scores_the_least_loss_decides(tmp_path):
    found = iter([(0.9, 0.5), (1.0, 0.4), (1.0, 0.2), (0.5, 0.1), (1.0, 0.3)])
    recipe = made.toy_recipe(epochs=5, judge=lambda answers: dict(zip(("accuracy", "loss"), next(found), strict=True)))
    assert train(recipe, wishes(tmp_path), quiet)["chosen epoch"] == 3


def recording(method, kept):
    """The method, which also notes the weights it is called with."""

    def noted(self, part):
        kept.append({name: value.clone() for name, value in self.model.state_dict().items()})
        return method(self, part)

    return noted


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("at", [0, 1, 3, 7])
def test_an_interrupted_run_goes_on_and_ends_as_if_nothing_had_been(tmp_path, optimizer, at):
    recipe = made.toy_recipe(optimizer=optimizer, lr=0.01)
    whole = wishes(tmp_path, out=tmp_path / "whole")
    expected = train(recipe, whole, quiet)
    lines = []
    with pytest.raises(KeyboardInterrupt):
        train(made.toy_recipe(optimizer=optimizer, lr=0.01, augment=Stops(at)), wishes(tmp_path), lines.append)
    assert f"Stopped in epoch {at // 3 + 1} of 3; {at // 3} are safe" in lines[-1]
    assert not (tmp_path / "run" / "result.json").exists()
    result = train(recipe, wishes(tmp_path), lines.append)
    assert (f"Going on after epoch {at // 3} of 3." in lines) == (at >= 3)
    assert losses(tmp_path / "run" / "curves.json") == losses(tmp_path / "whole" / "curves.json")
    assert result["test"] == expected["test"]


def test_half_precision_goes_on_too(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(made.toy_recipe(augment=Stops(4)), wishes(tmp_path, precision="float16"), quiet)
    result = train(made.toy_recipe(), wishes(tmp_path, precision="float16"), quiet)
    assert result["precision"] == "float16"
    assert result["test"]["accuracy"] == 1.0


def test_bfloat16_learns(tmp_path):
    assert train(made.toy_recipe(), wishes(tmp_path, precision="bfloat16"), quiet)["test"]["accuracy"] == 1.0


def test_the_test_is_looked_at_once(tmp_path, monkeypatch):
    looked = []
    plain = batches.plain_batches

    def watched(part, *rest):
        looked.append(len(part.labels))
        return plain(part, *rest)

    monkeypatch.setattr(batches, "plain_batches", watched)
    recipe = made.toy_recipe(load=lambda folder: made.toy_data(train=40))
    data = made.toy_data(train=40)
    assert len(data.validation.labels) != len(data.test.labels), "told apart by their sizes"
    first = train(recipe, wishes(tmp_path), quiet)
    assert looked.count(len(data.test.labels)) == 1
    lines = []
    assert train(recipe, wishes(tmp_path), lines.append) == first
    assert looked.count(len(data.test.labels)) == 1
    assert "This run is finished." in lines[0]


def test_what_is_frozen_stays_and_the_rest_learns(tmp_path):
    recipe = made.toy_recipe(
        model=lambda classes, weights: ResNet(18, num_classes=classes, small_images=True, width=2),
        frozen="layer3",
        depth_decay=0.5,
        epochs=1,
    )
    run = Run(recipe, made.toy_data(), {"epochs": 1, "batch_size": 16, "seed": 0, "weights": ""}, CPU)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.epoch()
    changed = {
        name.partition(".")[0] for name, value in run.model.state_dict().items() if (value != before[name]).any()
    }
    assert changed == {"layer4", "fc"}
    assert run.rates == pytest.approx([0.05, 0.1])


def test_rare_classes_weigh_more(tmp_path):
    data = made.toy_data()
    run = Run(made.toy_recipe(balanced=True), data, {"epochs": 1, "batch_size": 16, "seed": 0, "weights": ""}, CPU)
    assert run.weights.tolist() == [1.0, 1.0]


def test_the_rate_climbs_and_falls():
    settings = {"epochs": 10, "batch_size": 16, "seed": 0, "weights": ""}
    run = Run(made.toy_recipe(), made.toy_data(), settings, CPU)
    rates = []
    for number in range(30):
        run.step(torch.randn(4, 3, 8, 8), torch.eye(2).repeat(2, 1), number)
        rates.append(run.optimizer.param_groups[-1]["lr"])
    assert rates[:3] == pytest.approx([0.1 / 3, 0.2 / 3, 0.1])
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] < 0.001


def test_equal_seeds_give_equal_runs_and_leave_torch_s_random_state(tmp_path):
    state = torch.random.get_rng_state()
    one = train(made.toy_recipe(), wishes(tmp_path, out=tmp_path / "1"), quiet)
    two = train(made.toy_recipe(), wishes(tmp_path, out=tmp_path / "2"), quiet)
    other = train(made.toy_recipe(), wishes(tmp_path, out=tmp_path / "3", seed=1), quiet)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert one["test"] == two["test"]
    assert one["test"]["loss"] != other["test"]["loss"]


def test_compiling_is_for_long_runs_on_cuda(monkeypatch):
    settings = {"epochs": 1000, "batch_size": 16, "seed": 0, "weights": ""}
    run = Run(made.toy_recipe(), made.toy_data(), settings, CPU)
    assert not run.compiled
    monkeypatch.setattr("solutions.recipes.run.find_spec", lambda name: object())
    run.device = torch.device("cuda")
    assert run._pays()
    run.settings = {**settings, "epochs": 10}
    assert not run._pays()


def test_a_compiled_network_is_the_one_that_is_kept(tmp_path, monkeypatch):
    compiled = []

    def stand_in(model, **options):
        compiled.append(options)
        return lambda x: model(x)

    monkeypatch.setattr(torch, "compile", stand_in)
    result = train(made.toy_recipe(), wishes(tmp_path, compile=True), quiet)
    assert compiled == [{"dynamic": False}]
    assert result["compiled"] is True
    assert result["test"]["accuracy"] == 1.0


def test_looks_are_drawn_even_where_nothing_was_missed(tmp_path):
    recipe = made.toy_recipe(cam="block1")
    train(recipe, wishes(tmp_path), quiet)
    assert (tmp_path / "run" / "grad-cam.png").read_bytes()[:4] == b"\x89PNG"


def test_images_worth_a_look():
    labels = torch.tensor([1, 1, 1, 0, 0, 1])
    scores = torch.tensor([0.9, 0.2, 0.4, 0.8, 0.1, 0.95])
    found = {name: chosen.tolist() for name, chosen in curves._worth_a_look(labels, scores)}
    assert found == {"found": [5, 0], "missed": [1, 2], "false alarm": [3]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "--epochs 0 can't be: expected 1 or more"),
        ({"batch_size": 1}, "--batch-size 1 can't be: expected 2 or more"),
        ({"seed": -1}, "--seed -1 can't be"),
        ({"batch_size": 49}, "--batch-size 49 is more than the 48 training images"),
        ({"weights": "none"}, "begins with random weights: leave --weights out"),
        ({"tracker": "paper"}, "no tracker 'paper'"),
    ],
)
def test_wishes_that_can_t_be_met(tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        train(made.toy_recipe(), wishes(tmp_path, **changes), quiet)


def test_a_folder_that_can_t_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecipeError, match="can't be written to"):
        train(made.toy_recipe(), wishes(tmp_path, out=tmp_path / "file" / "run"), quiet)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"epochs": 5}, "epochs 3, and 5 is asked"), ({"batch_size": 8}, "batch size 16, and 8"), ({"seed": 4}, "seed 0")],
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_folder_with_another_run(tmp_path, changes, message, finished):
    if finished:
        train(made.toy_recipe(), wishes(tmp_path), quiet)
    else:
        with pytest.raises(KeyboardInterrupt):
            train(made.toy_recipe(augment=Stops(4)), wishes(tmp_path), quiet)
    with pytest.raises(RecipeError, match=f"holds a run with {message}"):
        train(made.toy_recipe(), wishes(tmp_path, **changes), quiet)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint(tmp_path, content):
    out = tmp_path / "run"
    out.mkdir()
    if content is None:
        torch.save({"weights": torch.zeros(1)}, out / "checkpoint.pt")
    else:
        (out / "checkpoint.pt").write_bytes(content)
    with pytest.raises(RecipeError, match=r"can't be read|no checkpoint of a recipe"):
        train(made.toy_recipe(), wishes(tmp_path), quiet)


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_damaged_result(tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text(content)
    with pytest.raises(RecipeError, match=r"can't be read|no result of a recipe"):
        train(made.toy_recipe(), wishes(tmp_path), quiet)


def test_a_loss_that_is_no_number(tmp_path):
    recipe = made.toy_recipe(augment=lambda x, y, seed: (x * float("inf"), y))
    with pytest.raises(RecipeError, match="became nan in epoch 1"):
        train(recipe, wishes(tmp_path), quiet)


def test_too_little_memory_says_what_to_try(tmp_path, monkeypatch):
    def fail(self, *rest):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Run, "step", fail)
    with pytest.raises(RecipeError, match=r"Try   --batch-size 8$"):
        train(made.toy_recipe(), wishes(tmp_path), quiet)


def test_a_network_that_can_t_be_compiled_says_what_to_try(tmp_path, monkeypatch):
    class NoCompilerError(Exception):
        __module__ = "torch._inductor.exc"

    def fail(x):
        raise NoCompilerError("Failed to find C compiler.\nPlease specify one.")

    monkeypatch.setattr(torch, "compile", lambda model, **options: fail)
    with pytest.raises(RecipeError, match=r"\(Failed to find C compiler\.\)\. Go on with .* --no-compile"):
        train(made.toy_recipe(), wishes(tmp_path, compile=True), quiet)
    assert train(made.toy_recipe(), wishes(tmp_path, compile=False), quiet)["test"]["accuracy"] == 1.0


def test_an_error_of_ours_is_not_hidden(tmp_path):
    def fail(x, y, seed):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(made.toy_recipe(augment=fail), wishes(tmp_path), quiet)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed")])
def test_a_full_disk_leaves_what_was_safe(tmp_path, monkeypatch, error):
    with pytest.raises(KeyboardInterrupt):
        train(made.toy_recipe(augment=Stops(4)), wishes(tmp_path), quiet)
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()

    def full(content, part):
        part.write_bytes(b"half")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(RecipeError, match=r"could not be written .* make room"):
            train(made.toy_recipe(), wishes(tmp_path), quiet)
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before
    assert not list((tmp_path / "run").glob("*.part"))
    assert train(made.toy_recipe(), wishes(tmp_path), quiet)["test"]["accuracy"] == 1.0


def test_the_tracker_hears_of_each_epoch_and_of_the_end(tmp_path, monkeypatch):
    heard = []

    class Listener:
        def log(self, step, values):
            heard.append((step, set(values)))

        def close(self):
            heard.append("closed")

    monkeypatch.setattr(engine.tracking, "tracker", lambda name, out, first, say: Listener())
    train(made.toy_recipe(), wishes(tmp_path), quiet)
    assert [item[0] for item in heard[:3]] == [1, 2, 3]
    assert {"training loss", "validation accuracy", "validation loss"} <= heard[0][1]
    assert heard[3] == "closed"


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    with pytest.raises(RecipeError, match=r"'cifar-cnn'\. There is: cifar10-cnn, cifar10-resnet18"):
        recipe_named("cifar-cnn")


@pytest.mark.parametrize(("weights", "learn"), [("", {"layer4", "fc"}), ("none", None)])
def test_what_has_learnt_nothing_is_not_frozen(weights, learn):
    def network(classes, given):
        return ResNet(18, num_classes=classes, small_images=True, width=2)

    recipe = made.toy_recipe(model=network, frozen="layer3", pretrained=True)
    settings = {"epochs": 1, "batch_size": 16, "seed": 0, "weights": weights}
    parameters = dict(Run(recipe, made.toy_data(), settings, CPU).model.named_parameters())
    found = {name.partition(".")[0] for name, item in parameters.items() if item.requires_grad}
    assert found == (learn or {name.partition(".")[0] for name in parameters})
