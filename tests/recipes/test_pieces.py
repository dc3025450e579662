"""The parts of the engine, one by one."""

import json
import sys
from types import ModuleType

import pytest
import torch
from sklearn.metrics import precision_score, recall_score
from torch import nn

from p2v_data import UserError
from solutions.recipes import RECIPES, BlockNet, RecipeError, imagenet_resnet, tracking, with_library_norms
from solutions.recipes import batches as batching
from solutions.recipes import files as filing
from solutions.recipes import precision as numbers
from solutions.recipes.scores import Answers, judged, positive_score, screened, sensitive_threshold
from solutions.resnet import BatchNorm2d, ResNet
from tests.recipes import made

CPU = torch.device("cpu")


@pytest.mark.parametrize("model", [BlockNet(blocks=2, width=4), ResNet(18, num_classes=3, width=4)])
def test_library_norms_change_nothing(model):
    x = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        model(x)  # so that the running statistics are not at their start
        before, state = model.eval()(x), {name: value.clone() for name, value in model.state_dict().items()}
        model.train()
        expected = model(x)
        model.load_state_dict(state)
        assert with_library_norms(model) is model
        assert not any(isinstance(part, BatchNorm2d) for part in model.modules())
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
        torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)
        model.load_state_dict(state)
        torch.testing.assert_close(model.eval()(x), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "supported", "expected"),
    [
        ("cpu", True, torch.float32),
        ("mps", True, torch.float32),
        ("cuda", True, torch.bfloat16),
        ("cuda", False, torch.float16),
    ],
)
def test_numbers_by_device(monkeypatch, kind, supported, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert numbers.chosen(torch.device(kind)) is expected
    assert numbers.chosen(torch.device(kind), "float16") is torch.float16


def test_unknown_numbers_are_refused():
    with pytest.raises(UserError, match="'half' is unknown"):
        numbers.chosen(CPU, "half")


def test_half_precision_is_used_where_it_is_asked_for():
    layer, x = nn.Linear(4, 4), torch.randn(2, 4)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        with numbers.mixed(CPU, dtype):
            assert layer(x).dtype is dtype
    assert numbers.scaler(CPU, torch.float16).is_enabled()
    assert not numbers.scaler(CPU, torch.bfloat16).is_enabled()


def test_training_batches_are_whole_repeatable_and_shuffled():
    data, recipe = made.toy_data(train=50), made.toy_recipe(augment=lambda x, y, seed: (x + seed % 7, y))
    draw = lambda seed: list(batching.training_batches(data.train, recipe, 2, 16, seed, CPU))  # noqa: E731
    one, same, other = draw(1), draw(1), draw(2)
    assert [len(x) for x, _ in one] == [16, 16, 16]
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(one, same, strict=True))
    assert not any(torch.equal(a, b) for (a, _), (b, _) in zip(one, other, strict=True))
    shares = torch.cat([y for _, y in one])
    assert shares.shape == (48, 2)
    assert shares.sum(dim=1).tolist() == [1.0] * 48
    (x, _), *rest = batching.training_batches(data.train, recipe, 2, 64, 0, CPU)
    assert (len(x), rest) == (50, [])


def test_what_the_network_sees():
    data, recipe = made.toy_data(), made.toy_recipe(size=4, normal=made.Normal((0.5, 0.25, 0.0), (0.5, 0.25, 1.0)))
    (x, labels), *_ = batching.plain_batches(data.test, recipe, 5, CPU)
    pixels = data.test.images[:5, :, 2:6, 2:6].float() / 255
    torch.testing.assert_close(x[:, 0], (pixels[:, 0] - 0.5) / 0.5)
    torch.testing.assert_close(x[:, 1], (pixels[:, 1] - 0.25) / 0.25)
    torch.testing.assert_close(x[:, 2], pixels[:, 2])
    assert torch.equal(labels, data.test.labels[:5])
    grey = torch.full((1, 1, 8, 8), 51, dtype=torch.uint8)
    assert batching.looked_at(grey, RECIPES["pneumonia-resnet18"]).shape == (1, 3, 8, 8)


def test_the_rate_follows_the_batch():
    recipe = made.toy_recipe(lr=0.1, batch_size=16)
    assert recipe.rate(32) == pytest.approx(0.2)
    assert made.toy_recipe(lr=0.1, batch_size=16, optimizer="adamw").rate(64) == pytest.approx(0.2)


def test_the_last_word_on_all_classes():
    logits = torch.tensor([[4.0, 0, 0], [4, 0, 0], [0, 4, 0], [4, 0, 0]])
    found = judged(Answers(logits, torch.tensor([0, 0, 1, 0])), Answers(logits, torch.tensor([0, 0, 1, 2])))
    assert found["accuracy"] == 0.75
    assert found["mean accuracy of a class"] == pytest.approx(2 / 3)


def test_the_last_word_on_screening():
    random = torch.Generator().manual_seed(0)
    labels = (torch.rand(200, generator=random) < 0.7).long()
    logits = torch.randn(200, 2, generator=random)
    logits[:, 1] += 1.5 * labels
    validation, test = Answers(logits[:100], labels[:100]), Answers(logits[100:], labels[100:])
    found = screened(validation, test)
    scores = positive_score(validation)
    assert ((scores >= found["threshold"]) & (validation.labels == 1)).sum() >= 0.95 * validation.labels.sum()
    for name, at in (("at ½", 0.5), ("at the threshold", found["threshold"])):
        said = positive_score(test) >= at
        assert found[f"precision {name}"] == pytest.approx(precision_score(test.labels, said))
        assert found[f"sensitivity {name}"] == pytest.approx(recall_score(test.labels, said))
        assert found[f"specificity {name}"] == pytest.approx(recall_score(test.labels, said, pos_label=0))


def test_the_threshold_is_the_highest_that_finds_enough():
    scores, labels = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.1]), torch.tensor([1, 0, 1, 1, 0])
    assert sensitive_threshold(scores, labels, wanted=0.6) == pytest.approx(0.7)
    assert sensitive_threshold(scores, labels) == pytest.approx(0.6)
    assert sensitive_threshold(scores, torch.zeros(5, dtype=torch.int64)) == 0


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "result.json"
    filing.write_json(path, {"settings": {}, "test": {}, "aim": "½"})
    assert filing.read_json(path)["aim"] == "½"

    def half_way(part):
        part.write_text("{")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filing.written_aside(path, half_way)
    assert json.loads(path.read_text(encoding="utf-8"))["aim"] == "½"


def test_weights_of_our_own_file(tmp_path):
    path = tmp_path / "weights.pt"
    torch.manual_seed(0)
    given = ResNet(18).state_dict()
    torch.save(given, path)
    assert torch.equal(imagenet_resnet(18, str(path)).fc.weight, given["fc.weight"])
    with pytest.raises(RecipeError, match="don't fit a ResNet-50"):
        imagenet_resnet(50, str(path))
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(RecipeError, match="can't be read"):
        imagenet_resnet(18, str(path))
    with pytest.raises(RecipeError, match="No such file"):
        imagenet_resnet(18, str(tmp_path / "none.pt"))


def test_weights_that_can_t_be_fetched_are_said_kindly():
    with pytest.raises(RecipeError, match="could not be fetched") as caught:
        imagenet_resnet(50)
    for word in ("ResNet-50", "https://download.pytorch.org/models/resnet50", "--weights FILE", "--weights none"):
        assert word in str(caught.value)


class Package(ModuleType):
    """Stands for a tracker's package and notes what it is asked."""

    def __init__(self, name):
        super().__init__(name)
        self.calls = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs)) or self


@pytest.mark.parametrize(
    ("name", "module", "calls"),
    [
        ("tensorboard", "torch.utils.tensorboard", ["SummaryWriter", "add_scalar", "flush", "close"]),
        ("wandb", "wandb", ["init", "log", "finish"]),
        ("trackio", "trackio", ["init", "log", "finish"]),
        ("mlflow", "mlflow", ["start_run", "log_metrics", "end_run"]),
    ],
)
def test_trackers_are_told(monkeypatch, tmp_path, name, module, calls):
    package = Package(module)
    monkeypatch.setitem(sys.modules, module, package)
    told = tracking.tracker(name, tmp_path / "run", 3)
    told.log(3, {"training loss": 0.5})
    told.close()
    assert [call for call, _, _ in package.calls] == calls
    assert "0.5" in str(package.calls[1])
    assert "3" in str(package.calls[1])


def test_without_tensorboard_a_run_goes_on(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = []
    tracking.tracker("tensorboard", tmp_path, 1, said.append).log(1, {"loss": 1.0})
    assert "isn't installed" in said[0]


def test_a_tracker_that_isn_t_there(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(RecipeError, match="pip install wandb"):
        tracking.tracker("wandb", tmp_path, 1)
    with pytest.raises(RecipeError, match="no tracker 'board'"):
        tracking.tracker("board", tmp_path, 1)
