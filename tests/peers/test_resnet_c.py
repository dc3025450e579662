"""Transfer, rare classes and rankings against torch, torchvision and scikit-learn."""

import ast
import copy
import json
import re

import pytest
import torch
import torch.nn.functional as F
import torchvision
from sklearn import metrics as sk
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

import solutions.resnet as ours
from autograder.home import repo_root
from tests.peers.comparing import BOTH, normal, same

# --- transfer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("maker", "head"), [("resnet18", "fc"), ("mobilenet_v2", "classifier.1")])
def test_replace_head_on_torchvisions_networks(maker, head):
    model = getattr(torchvision.models, maker)().double().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    new = ours.replace_head(model, head, 7)
    assert model.get_submodule(head) is new
    assert model(normal(2, 3, 32, 32)).shape == (2, 7)
    assert new.weight.dtype == torch.float64
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items() if not name.startswith(head))


def test_replace_head_keeps_to_no_bias_and_refuses_what_is_no_linear():
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Linear(4, 2, bias=False))
    assert ours.replace_head(model, "1", 3).bias is None
    with pytest.raises(ValueError, match="Conv2d"):
        ours.replace_head(model, "0", 3)
    with pytest.raises(AttributeError):
        ours.replace_head(model, "fc", 3)


def statistics(model):
    return {name: value.clone() for name, value in model.state_dict().items() if "running" in name or "tracked" in name}


def test_freeze_leaves_the_frozen_statistics_alone():
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=4)
    ours.freeze(model, "layer2")
    model.train()
    before = statistics(model)
    F.cross_entropy(model(torch.randn(4, 3, 32, 32)), torch.arange(4)).backward()
    frozen = ("conv1", "bn1", "layer1", "layer2")
    for name, value in statistics(model).items():
        assert torch.equal(value, before[name]) == name.startswith(frozen), name
    for name, item in model.named_parameters():
        assert (item.grad is None) == name.startswith(frozen), name


def test_freeze_is_undone_by_an_earlier_part_or_none_and_survives_a_copy():
    model = torchvision.models.resnet18(num_classes=4)
    ours.freeze(model, "layer3")
    double = copy.deepcopy(model)
    assert double.layer3.__dict__["train"].__self__ is double.layer3
    ours.freeze(double, "layer1")
    double.train()
    assert not double.layer1.training
    assert double.layer2.training
    assert not model.train().layer2.training
    ours.freeze(double)
    assert all(module.training for module in double.train().modules())
    assert all(item.requires_grad for item in double.parameters())
    with pytest.raises(ValueError, match="layer9"):
        ours.freeze(model, "layer9")


def test_unfreeze_gradually_on_a_resnet():
    model = torchvision.models.resnet18(num_classes=4)
    names = ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"]
    for epoch in range(20):
        assert ours.unfreeze_gradually(model, epoch, every=2) == names[max(0, 6 - epoch // 2) :]
    for wrong in ({"epoch": -1}, {"epoch": 0, "every": 0}):
        with pytest.raises(ValueError, match="epoch"):
            ours.unfreeze_gradually(model, **wrong)


def test_layer_wise_lr_in_torchs_optimiser():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    start = copy.deepcopy(model)
    optimizer = torch.optim.SGD(ours.layer_wise_lr(model, lr=0.4, decay=0.5))
    model(torch.randn(5, 3)).square().sum().backward()
    optimizer.step()
    for index, rate in ((0, 0.2), (2, 0.4)):
        for old, new in zip(start[index].parameters(), model[index].parameters(), strict=True):
            torch.testing.assert_close(new, old - rate * new.grad)
    for decay in (0.0, 1.5):
        with pytest.raises(ValueError, match="decay"):
            ours.layer_wise_lr(model, 0.1, decay)


# --- rare classes ----------------------------------------------------------------------------------------------------


def labels_of(seed, n, share):
    labels = (torch.rand(n, generator=torch.Generator().manual_seed(seed)) < share).long()
    labels[:2] = torch.tensor([0, 1])
    return labels


@pytest.mark.parametrize("seed", range(5))
def test_class_weights(seed):
    labels = torch.randint(6, (100,), generator=torch.Generator().manual_seed(seed))
    labels[labels == 2] = 3
    kinds = labels.unique()
    wanted = torch.zeros(6)
    wanted[kinds] = torch.from_numpy(compute_class_weight("balanced", classes=kinds.numpy(), y=labels.numpy())).float()
    torch.testing.assert_close(ours.class_weights(labels, 6), wanted)


def test_balanced_sampler():
    labels = torch.tensor([0] * 50 + [3] * 7 + [1] * 20)
    over, under = (ours.balanced_sampler(labels, mode, seed=4) for mode in ("over", "under"))
    assert torch.bincount(labels[over]).tolist() == [50, 50, 0, 50]
    assert torch.bincount(over).min() >= 1
    assert torch.bincount(labels[under]).tolist() == [7, 7, 0, 7]
    assert len(under.unique()) == 21
    assert torch.equal(over, ours.balanced_sampler(labels, seed=4))
    with pytest.raises(ValueError, match="mode"):
        ours.balanced_sampler(labels, "both")


@BOTH
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("pos_weight", [None, 3.0, [0.1, 1.0, 7.0]])
def test_bce_with_logits(pos_weight, scale, dtype):
    target = (normal(8, 3, seed=1, dtype=dtype) > 0).to(dtype)
    weight = None if pos_weight is None else torch.tensor(pos_weight, dtype=dtype)
    same(
        lambda x: ours.bce_with_logits(x, target, weight),
        lambda x: F.binary_cross_entropy_with_logits(x, target, pos_weight=weight),
        scale * normal(8, 3, dtype=dtype),
    )


def test_bce_with_logits_has_the_right_slope_at_0():
    same(
        lambda x: ours.bce_with_logits(x, torch.tensor([0.0, 1.0])),
        lambda x: F.binary_cross_entropy_with_logits(x, torch.tensor([0.0, 1.0])),
        torch.zeros(2),
    )


# --- rankings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [0, 5], ids=["all different", "many equal"])
@pytest.mark.parametrize("seed", range(6))
def test_rankings(seed, levels):
    labels = labels_of(seed, 200, 0.3)
    scores = normal(200, seed=seed) + labels
    scores = (levels * scores).round() if levels else scores
    fpr, tpr, edges = sk.roc_curve(labels, scores, drop_intermediate=False)
    thresholds, hits, alarms = ours.threshold_counts(scores, labels)
    assert thresholds.tolist() == edges[1:].tolist()
    assert (hits / labels.sum().double()).tolist() == pytest.approx(tpr[1:])
    assert (alarms / (1 - labels).sum().double()).tolist() == pytest.approx(fpr[1:])
    assert ours.roc_auc(scores, labels).item() == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-6)
    wanted = sk.average_precision_score(labels, scores)
    assert ours.average_precision(scores, labels).item() == pytest.approx(wanted, abs=1e-6)
    for least in (0.3, 0.6, 0.9):
        precision, recall, cuts = sk.precision_recall_curve(labels, scores)
        best = max((r for p, r in zip(precision[:-1], recall[:-1], strict=True) if p >= least), default=0.0)
        got, threshold = ours.recall_at_precision(scores, labels, least)
        assert got.item() == pytest.approx(best, abs=1e-6)
        if best:
            reached = [c for p, r, c in zip(precision, recall, cuts, strict=False) if p >= least and r == best]
            assert threshold.item() == max(reached)
        else:
            assert threshold.isinf()


@pytest.mark.parametrize("seed", range(6))
def test_scores_at_a_threshold(seed):
    labels = labels_of(seed, 100, 0.2)
    predicted = torch.where(torch.rand(100, generator=torch.Generator().manual_seed(seed)) < 0.3, 1 - labels, labels)
    for beta in (0.5, 1.0, 2.0, 3.0):
        wanted = sk.fbeta_score(labels, predicted, beta=beta, zero_division=0)
        assert ours.f_beta(predicted, labels, beta).item() == pytest.approx(wanted, abs=1e-6)
    sensitivity, specificity = ours.sensitivity_specificity(predicted, labels)
    assert sensitivity.item() == pytest.approx(sk.recall_score(labels, predicted), abs=1e-6)
    assert specificity.item() == pytest.approx(sk.recall_score(labels, predicted, pos_label=0), abs=1e-6)


def test_rankings_refuse_a_single_class():
    scores = torch.rand(5)
    for labels in (torch.zeros(5, dtype=torch.long), torch.ones(5, dtype=torch.long)):
        with pytest.raises(ValueError, match="both classes"):
            ours.roc_auc(scores, labels)
    for score in (ours.average_precision, ours.recall_at_precision):
        with pytest.raises(ValueError, match="positive"):
            score(scores, torch.zeros(5, dtype=torch.long))


# --- the recorded study ----------------------------------------------------------------------------------------------


def test_the_lesson_shows_the_numbers_that_were_recorded():
    lesson = (repo_root() / "solutions" / "resnet_c.md").read_text(encoding="utf-8")
    shown = ast.literal_eval(re.search(r"^recorded = (\{.*?^\})", lesson, re.S | re.M)[1])
    right = json.loads((repo_root() / "tools" / "studies" / "transfer.json").read_text(encoding="utf-8"))["right"]
    for name, arm in (("from scratch", "scratch"), ("transfer", "transfer")):
        assert {str(labels): values for labels, values in shown[name].items()} == right[arm]
