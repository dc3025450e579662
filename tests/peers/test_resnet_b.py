"""Lesson 02 b against torchvision, torch and scikit-learn; what is random, by its law and by what must hold of it."""

import math

import pytest
import torch
import torch.nn.functional as F
from sklearn.model_selection import GroupKFold, KFold
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as tv

import solutions.resnet as ours
from tests.peers.comparing import BOTH, close, normal


def uniform(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# --- augmentation ----------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_crops_are_windows_that_torchvision_cuts(padding, dtype):
    x = uniform(20, 3, 7, 9, dtype=dtype)
    padded = F.pad(x, (padding,) * 4)
    for image, out in zip(padded, ours.random_crop_flip(x, padding, seed=5), strict=True):
        places = [(top, left) for top in range(2 * padding + 1) for left in range(2 * padding + 1)]
        windows = [tv.crop(image, top, left, 7, 9) for top, left in places]
        assert any(torch.equal(out, window) or torch.equal(out, tv.hflip(window)) for window in windows)


@pytest.mark.parametrize(
    ("size", "scale", "ratio"),
    [((40, 60), (0.08, 1.0), (3 / 4, 4 / 3)), ((64, 64), (0.3, 0.9), (0.5, 2.0)), ((9, 60), (0.5, 1.0), (1.0, 2.0))],
)
def test_boxes_are_as_torchvisions_in_mean_and_spread(size, scale, ratio):
    n, image = 4000, torch.zeros(1, *size)
    boxes = ours.random_boxes(n, *size, scale, ratio, seed=1).double()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        peers = [RandomResizedCrop.get_params(image, list(scale), list(ratio)) for _ in range(n)]
    peers = torch.tensor(peers, dtype=torch.float64)
    for what in (lambda b: b, lambda b: b[:, 2:].prod(1, keepdim=True), lambda b: (b[:, 3:] / b[:, 2:3]).log()):
        mine, theirs = what(boxes), what(peers)
        error = ((mine.var(0) + theirs.var(0)) / n).sqrt()
        assert ((mine.mean(0) - theirs.mean(0)).abs() <= 5 * error + 1e-9).all()
        assert torch.allclose(mine.std(0), theirs.std(0), rtol=0.1, atol=1e-9)


@BOTH
def test_resized_crops_are_torchvisions(dtype):
    x = normal(12, 3, 20, 30, dtype=dtype)
    boxes = ours.random_boxes(12, 20, 30, seed=4).tolist()
    for size in (8, 40):
        out = ours.random_resized_crop(x, size, seed=4)
        for image, box, mine in zip(x, boxes, out, strict=True):
            close(mine, tv.resized_crop(image, *box, [size, size], antialias=False))


def test_no_crop_leaves_the_image():
    x = normal(3, 2, 8, 8)
    close(ours.random_resized_crop(x, 8, (1.0, 1.0), (1.0, 1.0)), x)


@BOTH
@pytest.mark.parametrize("strengths", [(0.4, 0, 0), (0, 0.4, 0), (0, 0, 0.4), (0.4, 0.4, 0.4), (1, 1, 1)])
def test_colours_are_torchvisions_for_the_same_factors(strengths, dtype):
    x = uniform(16, 3, 6, 5, dtype=dtype)
    out = ours.colour_jitter(x, *strengths, seed=3)
    draws = torch.rand(16, 3, generator=torch.Generator().manual_seed(3))
    factors = 1 + torch.tensor(strengths) * (2 * draws - 1)
    for image, mine, (b, c, s) in zip(x, out, factors.tolist(), strict=True):
        step = tv.adjust_contrast(tv.adjust_brightness(image, b), c)
        peer = tv.adjust_saturation(step, s)
        torch.testing.assert_close(mine, peer, rtol=0, atol=5e-4)  # its grey weighs 0.2989, ours 0.299


def test_grey_weighs_as_torchvision_does():
    x = uniform(2, 3, 4, 4)
    torch.testing.assert_close(ours.grey(x), tv.rgb_to_grayscale(x), rtol=0, atol=2e-4)


@BOTH
@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_mixup_mixes_images_and_labels_alike(alpha, dtype):
    x = normal(8, 3, 4, 4, dtype=dtype)
    for seed in range(10):
        mixed, labels = ours.mixup(x, x.flatten(1)[:, :5], alpha, seed)
        close(mixed.flatten(1)[:, :5], labels)
        close(mixed.sum(0), x.sum(0))


@BOTH
def test_cutmix_counts_pixels(dtype):
    x = torch.eye(6, dtype=dtype)[:, :, None, None].expand(6, 6, 9, 11).contiguous()
    for seed in range(20):
        mixed, labels = ours.cutmix(x, torch.eye(6, dtype=dtype), seed=seed)
        close(mixed.mean((2, 3)), labels)


@pytest.mark.parametrize("name", ["random_crop_flip", "random_resized_crop", "colour_jitter", "mixup", "cutmix"])
def test_augmentation_leaves_its_input_and_the_global_state_alone(name):
    x, y = uniform(5, 3, 8, 8), torch.eye(5, dtype=torch.float64)
    more = {"mixup": (y,), "cutmix": (y,), "random_resized_crop": (6,)}.get(name, ())
    kept, state = x.clone(), torch.get_rng_state()
    one, again = (getattr(ours, name)(x, *more, seed=9) for _ in range(2))
    one, again = (out[0] if isinstance(out, tuple) else out for out in (one, again))
    assert torch.equal(one, again)
    assert torch.equal(x, kept)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()


def test_augmentation_refuses():
    x, y = uniform(2, 3, 4, 4), torch.eye(2)
    for wrong in (
        lambda: ours.random_crop_flip(x, -1),
        lambda: ours.random_boxes(1, 4, 4, (0.0, 1.0)),
        lambda: ours.random_boxes(1, 4, 4, (0.5, 0.4)),
        lambda: ours.random_resized_crop(x, 4, ratio=(2.0, 1.0)),
        lambda: ours.colour_jitter(x, 1.5),
        lambda: ours.mixup(x, y, 0.0),
        lambda: ours.cutmix(x, y, -1.0),
        lambda: ours.dropout(x, 1.1),
        lambda: ours.drop_path(x, -0.1),
    ):
        with pytest.raises(ValueError, match="got"):
            wrong()


# --- dropping --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_dropout_has_torchs_moments(p):
    x = torch.ones(200, 300)
    with torch.random.fork_rng(devices=[]):
        peer = F.dropout(x, p)
    mine = ours.dropout(x, p, seed=1)
    assert mine.unique().tolist() == pytest.approx(peer.unique().tolist())
    for one, other in ((mine.mean(), peer.mean()), (mine.std(), peer.std())):
        assert one.item() == pytest.approx(other.item(), rel=0.1, abs=1e-6)
    assert torch.equal(ours.dropout(x, p, training=False), F.dropout(x, p, training=False))


@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
def test_drop_path_drops_samples(p):
    x = normal(400, 2, 3, 3)
    out = ours.drop_path(x, p, seed=2)
    gone = (out == 0).flatten(1)
    assert torch.equal(gone.any(1), gone.all(1))
    assert gone.all(1).double().mean().item() == pytest.approx(p, abs=0.1)
    if p < 1:
        close(out[~gone.all(1)], x[~gone.all(1)] / (1 - p))


@pytest.mark.parametrize("drop", [ours.dropout, ours.drop_path])
def test_gradients_go_where_values_went(drop):
    x = normal(30, 4).requires_grad_()
    out = drop(x, 0.4, seed=3)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    close(gradient, (out.detach() != 0).double() / 0.6)
    (nothing,) = torch.autograd.grad(drop(x, 1.0).sum(), x)
    assert not nothing.any()


# --- learning rates --------------------------------------------------------------------------------------------------


def rates_of(make, steps, lr=0.1):
    """The rates that a schedule of torch's gives, one for each step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    schedule, found = make(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize(("total", "warmup", "min_lr"), [(30, 5, 0.0), (12, 0, 0.01), (7, 6, 0.02), (100, 1, 0.0)])
def test_cosine_warmup(total, warmup, min_lr):
    from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

    mine = [ours.cosine_warmup(step, total, warmup, 0.1, min_lr) for step in range(total)]
    climb = rates_of(lambda o: LambdaLR(o, lambda step: (step + 1) / max(1, warmup)), warmup)
    fall = rates_of(lambda o: CosineAnnealingLR(o, total - warmup, min_lr), total - warmup)
    assert mine == pytest.approx(climb + fall, rel=1e-10)


@pytest.mark.parametrize("step_size", [1, 4, 25])
def test_cyclical_lr(step_size):
    from torch.optim.lr_scheduler import CyclicLR

    peer = rates_of(lambda o: CyclicLR(o, 0.01, 0.3, step_size, cycle_momentum=False), 6 * step_size)
    assert [ours.cyclical_lr(step, step_size, 0.01, 0.3) for step in range(6 * step_size)] == pytest.approx(peer)


@pytest.mark.parametrize(
    "options", [{}, {"patience": 2, "factor": 0.5}, {"patience": 0, "threshold": 0.05, "min_lr": 0.01}]
)
def test_reduce_on_plateau(options):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **{"patience": 10, **options}, eps=0.0)
    mine = ours.ReduceOnPlateau(1.0, **options)
    for loss in (torch.linspace(2, 1, 60) + 0.3 * uniform(60, seed=6)).tolist():
        peer.step(loss)
        assert mine.step(loss) == mine.lr == optimizer.param_groups[0]["lr"]


def test_schedules_refuse():
    for wrong in (
        lambda: ours.cosine_warmup(5, 5, 0, 1.0),
        lambda: ours.cosine_warmup(0, 5, 5, 1.0),
        lambda: ours.cyclical_lr(0, 0, 0.1, 1.0),
        lambda: ours.ReduceOnPlateau(1.0, factor=1.0),
    ):
        with pytest.raises(ValueError, match="got"):
            wrong()


# --- folds and search ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(10, 2), (23, 4), (7, 7)])
def test_k_fold_has_scikit_learns_sizes(n, k):
    mine = ours.k_fold(n, k, seed=1)
    peer = list(KFold(k, shuffle=True, random_state=0).split(range(n)))
    assert sorted(len(val) for _, val in mine) == sorted(len(val) for _, val in peer)
    assert sorted(torch.cat([val for _, val in mine]).tolist()) == list(range(n))
    for train, val in mine:
        assert sorted(train.tolist() + val.tolist()) == list(range(n))


def test_groups_stay_together_as_in_scikit_learn():
    groups = torch.randint(12, (90,), generator=torch.Generator().manual_seed(0)) ** 2
    mine = ours.k_fold(90, 3, seed=5, groups=groups)
    peer = GroupKFold(3).split(range(90), groups=groups.numpy())
    assert sorted(len(val) for _, val in mine) == sorted(len(val) for _, val in peer)
    homes = [set(groups[val].tolist()) for _, val in mine]
    assert sum(map(len, homes)) == len(set.union(*homes))


def test_log_uniform_spreads_over_factors_of_ten():
    values = ours.log_uniform(1e-4, 1.0, 4000, seed=7)
    counts = values.log10().floor().long().add(4).bincount(minlength=4)
    assert values.dtype == torch.float64
    assert counts.tolist() == pytest.approx([1000] * 4, abs=150)


def test_random_search_finds_the_valley_and_spends_what_it_says():
    asked = []

    def loss(settings, budget):
        asked.append(budget)
        distance = abs(math.log10(settings["lr"]) + 2) + abs(math.log10(settings["decay"]) + 4)
        return math.nan if settings["lr"] > 0.5 else distance + 0.1 / budget

    found = ours.random_search(loss, {"lr": (1e-5, 1.0), "decay": (1e-6, 1e-2)}, trials=64, budget=2, seed=3)
    assert [asked.count(2 * 2**i) for i in range(7)] == [64, 32, 16, 8, 4, 2, 1]
    assert len(found["history"]) == len(asked)
    assert found["loss"] < 0.6


def test_folds_and_search_refuse():
    for wrong in (
        lambda: ours.k_fold(5, 6),
        lambda: ours.k_fold(5, 1),
        lambda: ours.k_fold(4, 3, groups=torch.tensor([1, 1, 2, 2])),
        lambda: ours.log_uniform(0.0, 1.0, 3),
        lambda: ours.random_search(lambda settings, budget: 0.0, {"lr": (0.1, 1.0)}, trials=0),
        lambda: ours.random_search(lambda settings, budget: 0.0, {}, trials=3),
    ):
        with pytest.raises(ValueError, match="got"):
            wrong()
