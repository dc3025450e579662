"""Scores of notebook 05d: ours under each peer's own definition, and where the definitions part.

medpy isn't installed: its definition stands here by its formula.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from monai.metrics import (
    compute_average_surface_distance,
    compute_dice,
    compute_hausdorff_distance,
    compute_iou,
)
from monai.metrics.utils import get_mask_edges, get_surface_distance
from scipy.ndimage import binary_erosion, distance_transform_edt, generate_binary_structure
from sklearn.metrics import accuracy_score, jaccard_score, multilabel_confusion_matrix

import solutions.unet as ours
from tests.peers.comparing import close, normal
from tests.peers.mask_pairs import EMPTY, EVERY, PAIRS, SOME, ellipse

pytestmark = pytest.mark.filterwarnings("ignore:monai.metrics.utils get_mask_edges:FutureWarning")  # it asks itself


def channels(*masks):
    return [mask[None, None].float() for mask in masks]


# --- counts and overlaps ---------------------------------------------------------------------------------------------


def label_maps(*shape, classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    true = torch.randint(0, classes, shape, generator=generator)
    replaced = torch.rand(shape, generator=generator) < 0.4
    return true, torch.where(replaced, torch.randint(0, classes, shape, generator=generator), true)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8], ids=str)
@pytest.mark.parametrize("classes", [2, 5, 20])
def test_counts_are_scikit_learns(classes, dtype):
    true, predicted = (part.to(dtype) for part in label_maps(3, 9, 7, classes=classes))
    table = multilabel_confusion_matrix(true.flatten(), predicted.flatten(), labels=range(classes))
    counts = ours.label_counts(true, predicted, classes)
    for got, (row, column) in zip(counts, ((1, 1), (0, 1), (1, 0)), strict=True):
        assert got.dtype == torch.int64
        assert got.tolist() == table[:, row, column].tolist()


def test_ignored_pixels_are_as_if_they_were_not_there():
    true, predicted = label_maps(6, 8, classes=4)
    for ignore in (0, 3, 255):
        marked = true.where(normal(6, 8) > -0.5, ignore)
        keep = marked != ignore
        wanted = ours.label_counts(marked[keep], predicted[keep], 4)
        got = ours.label_counts(marked, predicted, 4, ignore)
        assert [part.tolist() for part in got] == [part.tolist() for part in wanted]


def test_a_network_may_say_anything_where_truth_is_ignored():
    got = ours.label_counts(torch.tensor([255, 1]), torch.tensor([200, 1]), 2, ignore=255)
    assert [part.tolist() for part in got] == [[0, 1], [0, 0], [0, 0]]


def test_bool_masks_are_two_classes():
    a, b, _ = PAIRS["noise"]
    tp, fp, fn = ours.label_counts(a, b, 2)
    assert (tp[1], fp[1], fn[1]) == ((a & b).sum(), (~a & b).sum(), (a & ~b).sum())


def test_labels_out_of_range_and_other_shapes_are_refused():
    with pytest.raises(ValueError, match="predicted holds a label outside 0 … 2"):
        ours.label_counts(torch.tensor([0, 1]), torch.tensor([0, 3]), 3)
    with pytest.raises(ValueError, match="true holds a label outside 0 … 2"):
        ours.label_counts(torch.tensor([0, -1]), torch.tensor([0, 1]), 3)
    with pytest.raises(ValueError, match="one shape"):
        ours.label_counts(torch.zeros(2, 3).long(), torch.zeros(3, 2).long(), 3)


@pytest.mark.parametrize(("mine", "peer"), [("dice", compute_dice), ("iou", compute_iou)])
def test_overlaps_are_monais(mine, peer):
    true, predicted = label_maps(2, 9, 11, classes=4)
    one_hot = [F.one_hot(labels, 4).movedim(-1, 1).float() for labels in (predicted, true)]
    each = [ours.label_counts(t, p, 4) for t, p in zip(true, predicted, strict=True)]
    counts = [torch.stack(column) for column in zip(*each, strict=True)]
    close(getattr(ours, mine)(*counts), peer(*one_hot))


@pytest.mark.parametrize(("mine", "peer"), [("dice", compute_dice), ("iou", compute_iou)])
def test_monai_says_nan_for_an_empty_truth_unless_told_otherwise(mine, peer):
    for name, wanted in (("first", 0.0), ("second", 0.0), ("both", 1.0)):
        true, predicted = EMPTY[name]
        counts = (part[1] for part in ours.label_counts(true, predicted, 2))
        assert getattr(ours, mine)(*counts) == wanted
        told = peer(*channels(predicted, true), ignore_empty=False)
        assert told.item() == wanted
        assert peer(*channels(predicted, true)).isnan().item() == (not true.any())


def test_dice_is_twice_j_over_one_plus_j():
    tp, fp, fn = torch.randint(0, 50, (3, 200), generator=torch.Generator().manual_seed(0))
    j = ours.iou(tp, fp, fn)
    close(ours.dice(tp, fp, fn), 2 * j / (1 + j))


@pytest.mark.parametrize("left_out", [(), (2,), (0, 3)], ids=str)
def test_means_are_scikit_learns(left_out):
    true, predicted = label_maps(12, 9, classes=5)
    for label in left_out:
        true, predicted = (part.where(part != label, 1) for part in (true, predicted))
    counts = ours.label_counts(true, predicted, 6)
    flat = true.flatten().numpy(), predicted.flatten().numpy()
    assert ours.mean_iou(*counts).item() == pytest.approx(jaccard_score(*flat, average="macro"), abs=1e-6)
    assert ours.pixel_accuracy(*counts).item() == pytest.approx(accuracy_score(*flat), abs=1e-6)
    present = sorted(set(true.unique().tolist()) | set(predicted.unique().tolist()) - {0})
    inner = jaccard_score(*flat, average="macro", labels=[label for label in present if label])
    assert ours.mean_iou(*counts, background=False).item() == pytest.approx(inner, abs=1e-6)


def test_scores_of_nothing_are_one_and_never_nan():
    nothing = torch.zeros(3, 4, dtype=torch.int64)
    for score in (ours.iou, ours.dice, ours.pixel_accuracy, ours.mean_iou):
        assert (score(*nothing) == 1).all()


# --- borders ---------------------------------------------------------------------------------------------------------


@EVERY
def test_borders_are_monais(pair):
    for mask in pair[:2]:
        (edge, _) = get_mask_edges(mask, mask, crop=False)
        assert np.array_equal(ours.mask_border(mask).numpy(), edge)


def test_a_border_does_not_change_its_mask():
    mask = SOME.clone()
    border = ours.mask_border(mask)
    border[:] = True
    assert torch.equal(mask, SOME)


# --- MONAI: the larger of two directed percentiles -------------------------------------------------------------------


def monais(a, b, spacing, percentile):
    """MONAI's definition from our lists: nan where a list is empty, but infinite if no percentile is asked."""
    there, back = ours.surface_distances(a, b, spacing)
    if percentile is None:
        longest = [float(part.amax()) if len(part) else math.nan for part in (there, back)]
        return math.nan if all(map(math.isnan, longest)) else np.nanmax(longest)
    return max(float(part.quantile(percentile / 100)) if len(part) else math.nan for part in (there, back))


@EVERY
@pytest.mark.parametrize("percentile", [None, 95, 50])
def test_hausdorff_is_monais(pair, percentile):
    a, b, spacing = pair
    peer = compute_hausdorff_distance(
        *channels(a, b), include_background=True, percentile=percentile, spacing=list(spacing)
    ).item()
    assert monais(a, b, spacing, percentile) == pytest.approx(peer, rel=1e-5)
    assert ours.hausdorff(a, b, spacing, percentile or 100.0) == pytest.approx(peer, rel=1e-5)


@EVERY
def test_the_lists_are_monais(pair):
    a, b, spacing = pair
    edges = [edge for (edge, _) in (get_mask_edges(mask, mask, crop=False) for mask in (a, b))]
    there, back = ours.surface_distances(a, b, spacing)
    for mine, (one, other) in ((there, edges), (back, edges[::-1])):
        close(mine.float(), torch.as_tensor(get_surface_distance(one, other, spacing=spacing)).float())


@EVERY
def test_the_average_is_monais(pair):
    a, b, spacing = pair
    peer = compute_average_surface_distance(
        *channels(a, b), include_background=True, symmetric=True, spacing=list(spacing)
    ).item()
    assert ours.average_surface_distance(a, b, spacing) == pytest.approx(peer, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_mask_hides_nothing(name):
    wanted = 0.0 if name == "both" else math.inf
    for percentile in (0.0, 50.0, 95.0, 100.0):
        assert ours.hausdorff(*EMPTY[name], percentile=percentile) == wanted
    assert ours.average_surface_distance(*EMPTY[name]) == wanted


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.filterwarnings("ignore:the (prediction|ground truth).*:UserWarning")
def test_monai_says_nan_for_an_empty_mask_and_a_percentile(name):
    peer = compute_hausdorff_distance(*channels(*EMPTY[name]), include_background=True, percentile=95).item()
    assert math.isnan(peer)
    whole = compute_hausdorff_distance(*channels(*EMPTY[name]), include_background=True).item()
    assert math.isnan(whole) if name == "both" else math.isinf(whole)


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.filterwarnings("ignore:the (prediction|ground truth).*:UserWarning")
def test_monais_average_of_an_empty_mask(name):
    peer = compute_average_surface_distance(*channels(*EMPTY[name]), include_background=True, symmetric=True).item()
    assert math.isnan(peer) if name == "both" else math.isinf(peer)


# --- medpy: both lists in one ----------------------------------------------------------------------------------------


def directed_by_medpy(result, truth, spacing):
    """Its list of distances: result's border to the truth's, by a distance transform."""
    cross = generate_binary_structure(result.ndim, 1)
    edges = [mask.numpy() ^ binary_erosion(mask.numpy(), structure=cross, iterations=1) for mask in (result, truth)]
    return distance_transform_edt(~edges[1], sampling=spacing)[edges[0]]


@EVERY
def test_ours_under_medpys_definition(pair):
    a, b, spacing = pair
    there, back = ours.surface_distances(a, b, spacing)
    lists = [directed_by_medpy(a, b, spacing), directed_by_medpy(b, a, spacing)]
    close(there, torch.from_numpy(lists[0]))
    close(back, torch.from_numpy(lists[1]))
    hd95, assd = np.percentile(np.hstack(lists), 95), np.mean([part.mean() for part in lists])
    assert float(torch.cat([there, back]).quantile(0.95)) == pytest.approx(hd95, rel=1e-10)
    assert float(there.mean() + back.mean()) / 2 == pytest.approx(assd, rel=1e-10)


# --- refusals and classes --------------------------------------------------------------------------------------------


def test_spacings_that_do_not_fit_are_refused():
    for spacing in ((1.0,), (1.0, 0.0), (1.0, -2.0), (1.0, 1.0, 1.0)):
        with pytest.raises(ValueError, match="2 spacings above 0"):
            ours.surface_distances(SOME, SOME, spacing)
    with pytest.raises(ValueError, match="one shape"):
        ours.surface_distances(SOME, SOME[1:])
    for percentile in (-1.0, 101.0):
        with pytest.raises(ValueError, match="0 to 100"):
            ours.hausdorff(SOME, SOME, percentile=percentile)


@pytest.mark.parametrize("spacing", [None, (2.5, 0.7, 1.0)])
def test_every_class_as_monai_has_it(spacing):
    true = torch.zeros(12, 14, 13, dtype=torch.int64)
    for label in (1, 2, 3):
        true[ellipse(12, 14, 13, seed=label).roll((3 * label - 6, 2 * label), (0, 1))] = label
    predicted = true.roll((1, -1), (1, 2))
    one_hot = [F.one_hot(labels, 4).movedim(-1, 0)[None].float() for labels in (predicted, true)]
    peer = compute_hausdorff_distance(*one_hot, percentile=95, spacing=spacing and list(spacing))[0]
    close(ours.hd95_per_class(true, predicted, 4, spacing).float(), peer)


def test_boxes_change_nothing():
    true, predicted = label_maps(9, 11, classes=6, seed=3)
    true, predicted = (part.where(part != 4, 0) for part in (true, predicted))
    predicted[predicted == 2] = 0
    wanted = [ours.hausdorff(true == label, predicted == label, (0.5, 2.0), 95.0) for label in range(1, 7)]
    assert ours.hd95_per_class(true, predicted, 7, (0.5, 2.0)).tolist() == wanted
    assert math.isinf(wanted[1])
    assert wanted[3] == wanted[5] == 0


def test_the_card_of_one_case_is_its_scores():
    true, predicted = label_maps(1, 12, 9, classes=4)
    card = ours.score_card(true, predicted, 4, (1.0, 2.0))
    counts = [part[1:] for part in ours.label_counts(true, predicted, 4)]
    close(card["iou"], ours.iou(*counts))
    close(card["dice"], ours.dice(*counts))
    close(card["hd95"], ours.hd95_per_class(true[0], predicted[0], 4, (1.0, 2.0)))
    assert card["cases"].tolist() == [1, 1, 1]


def test_the_card_is_never_nan():
    nothing = torch.zeros(3, 5, 6, dtype=torch.int64)
    missed = nothing.clone()
    missed[1, 2:4, 2] = 1
    for true, predicted in ((nothing, nothing), (missed, nothing), (nothing, missed)):
        assert not any(column.isnan().any() for column in ours.score_card(true, predicted, 3).values())
    card = ours.score_card(missed, nothing, 3)
    assert (card["cases"].tolist(), card["infinite"].tolist()) == ([1, 0], [1, 0])
    assert card["hd95"].tolist() == [math.inf, 0.0]
