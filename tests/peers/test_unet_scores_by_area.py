"""Distances of notebook 05d under the definition of DeepMind's surface-distance: pieces of surface, weighed by area."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

import solutions.unet as ours
from tests.peers.comparing import close
from tests.peers.mask_pairs import EMPTY, EVERY, PAIRS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import surface_distance
    from surface_distance import lookup_tables


@pytest.fixture
def old_numpy(monkeypatch):
    """What surface-distance 0.1 asks of NumPy and SciPy, which say otherwise since."""
    monkeypatch.setattr(np, "Inf", np.inf, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def surfels(mask, spacing):
    """The corners between pixels where the surface runs, and how much of it runs there."""
    if mask.ndim == 2:
        kernel = lookup_tables.ENCODE_NEIGHBOURHOOD_2D_KERNEL
        sizes = lookup_tables.create_table_neighbour_code_to_contour_length(spacing)
    else:
        kernel = lookup_tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL
        sizes = lookup_tables.create_table_neighbour_code_to_surface_area(spacing)
    codes = correlate(np.pad(mask.numpy(), 1).astype(np.uint8), kernel, mode="constant")
    return (codes != 0) & (codes != len(sizes) - 1), sizes[codes]


def by_area(a, b, spacing):
    """For each direction: distances of surfels, ascending, and their areas. Distances by our lists: points that are no
    neighbours are all border, so each corner is set two apart from the next."""
    (edge, area), (other, its_area) = surfels(a, spacing), surfels(b, spacing)
    spread = []
    for corners in (edge, other):
        wide = torch.zeros([2 * length for length in corners.shape], dtype=torch.bool)
        wide[(slice(None, None, 2),) * corners.ndim] = torch.from_numpy(corners)
        spread.append(wide)
    lists = ours.surface_distances(*spread, [step / 2 for step in spacing])
    for distances, areas in zip(lists, (area[edge], its_area[other]), strict=True):
        order = distances.argsort(stable=True)
        yield distances[order].numpy(), areas[order.numpy()]


def robust(distances, areas, percentile):
    """The distance below which so much of the area lies."""
    if len(distances) == 0:
        return math.inf
    place = np.searchsorted(np.cumsum(areas) / np.sum(areas), percentile / 100)
    return distances[min(place, len(distances) - 1)]


@EVERY
def test_ours_under_surface_distances_definition(pair, old_numpy):
    a, b, spacing = pair
    peer = surface_distance.compute_surface_distances(a.numpy(), b.numpy(), spacing)
    (there, areas), (back, its_areas) = by_area(a, b, spacing)
    close(torch.from_numpy(there), torch.from_numpy(peer["distances_gt_to_pred"]))
    close(torch.from_numpy(back), torch.from_numpy(peer["distances_pred_to_gt"]))
    means = surface_distance.compute_average_surface_distance(peer)
    assert means == pytest.approx([(d * w).sum() / w.sum() for d, w in ((there, areas), (back, its_areas))])
    for percentile in (95, 50):
        wanted = surface_distance.compute_robust_hausdorff(peer, percentile)
        assert max(robust(there, areas, percentile), robust(back, its_areas, percentile)) == pytest.approx(wanted)


def test_surface_distance_calls_two_empty_masks_infinitely_far_apart(old_numpy):
    for name in EMPTY:
        peer = surface_distance.compute_surface_distances(*(mask.numpy() for mask in EMPTY[name]), (1.0, 1.0))
        assert math.isinf(surface_distance.compute_robust_hausdorff(peer, 95))


def test_surface_distances_average_of_an_empty_mask_has_a_nan(old_numpy):
    for name in EMPTY:
        peer = surface_distance.compute_surface_distances(*(mask.numpy() for mask in EMPTY[name]), (1.0, 1.0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            means = surface_distance.compute_average_surface_distance(peer)
        assert any(math.isnan(mean) for mean in means)


def ball(middle, radius, wave, side=40):
    """As notebook d draws it."""
    z, y, x = torch.meshgrid(*(torch.arange(side) - at for at in middle), indexing="ij")
    waves = (z / 2 + wave).sin() + 1.5 * (y / 3).cos() + (x / 4 + wave * y / 9).sin()
    return (z**2 + y**2 + x**2).sqrt() < radius + waves


def test_the_numbers_that_the_notebook_gives(old_numpy):
    a, b = ball((20, 20, 20), 12, 1), ball((22, 19, 20), 10, 2)
    there, back = ours.surface_distances(a, b)
    assert f"{ours.hausdorff(a, b, percentile=95.0):.2f}" == "4.12"
    assert f"{float(torch.cat([there, back]).quantile(0.95)):.2f}" == "4.00"
    peer = surface_distance.compute_surface_distances(a.numpy(), b.numpy(), (1.0, 1.0, 1.0))
    assert f"{surface_distance.compute_robust_hausdorff(peer, 95):.2f}" == "3.74"
    b[2:7, 2:7, 2:7] = True
    there, back = ours.surface_distances(a, b)
    islet = back[(ours.mask_border(b).nonzero() < 7).all(1)]
    assert (round(float(islet.min())), round(float(islet.max()))) == (13, 20)
    assert (f"{len(islet) / len(back):.0%}", f"{len(islet) / (len(back) + len(there)):.0%}") == ("9%", "4%")


def test_three_definitions_three_numbers(old_numpy):
    a, b, spacing = PAIRS["ellipsoids"]
    there, back = ours.surface_distances(a, b, spacing)
    pooled = float(torch.cat([there, back]).quantile(0.95))
    areas = max(robust(*part, 95) for part in by_area(a, b, spacing))
    assert len({round(value, 3) for value in (ours.hausdorff(a, b, spacing, 95.0), pooled, areas)}) == 3
