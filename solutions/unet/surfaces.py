"""Scores that measure how far one border lies from the other, in the unit of the spacing."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import find_objects
from scipy.spatial import cKDTree
from torch import Tensor


def mask_border(mask: Bool[Tensor, "..."]) -> Bool[Tensor, "..."]:
    """The outermost layer of a mask's own pixels, (H, W), or voxels, (D, H, W).

    A pixel of the mask is border if at least one of its direct neighbours isn't in the mask: 4 in
    an image, 6 in a volume, none across a corner. Outside the image is background, so a mask that
    touches the image's edge has a border there. It is the mask minus its erosion by the cross.

    Of a filled square of 3 × 3 only the middle is no border. A mask one pixel wide is all border.

    Peer: `monai.metrics.utils.get_mask_edges`, where the same holds.
    """
    inside = mask.clone()
    for axis, size in enumerate(mask.shape):
        before, after = mask.narrow(axis, 0, size - 1), mask.narrow(axis, 1, size - 1)
        inside.narrow(axis, 1, size - 1).logical_and_(before)
        inside.narrow(axis, 0, size - 1).logical_and_(after)
        inside.select(axis, 0).fill_(False)
        inside.select(axis, size - 1).fill_(False)
    return mask & ~inside


def surface_distances(
    a: Bool[Tensor, "..."], b: Bool[Tensor, "..."], spacing: Sequence[float] | None = None
) -> tuple[Float[Tensor, "A"], Float[Tensor, "B"]]:
    """How far each border pixel of one mask is from the other mask's border: (from a to b, from b
    to a), float64.

    Borders as in `mask_border`; (H, W) or (D, H, W). The first list has a number for each border
    pixel of `a`, in the order in which reading row by row meets them: the distance from its
    centre to the nearest centre of a border pixel of `b`. The second list the other way round.
    `spacing` is the step along each axis, in the axes' order, all 1 if None.

    If one mask is empty, its list is empty, and all distances to it are infinite.

    a: pixels 0 and 1 of a row of five, b: pixel 4; both are all border. From a to b: 4, 3; from b
    to a: 3. With a step of 0.5 along the row: 2, 1.5 and 1.5.

    Raises ValueError for shapes that differ or a spacing without a positive number for each axis.
    Allowed: `scipy.spatial.cKDTree`, `scipy.ndimage.distance_transform_edt`. Peer: MONAI's
    `get_surface_distance`; DeepMind's surface-distance measures between pieces of surface instead
    and weighs them by area.
    """
    if a.shape != b.shape:
        raise ValueError(f"expected two masks of one shape, got {tuple(a.shape)} and {tuple(b.shape)}")
    step = torch.ones(a.ndim).double() if spacing is None else torch.tensor(spacing, dtype=torch.float64)
    if step.shape != (a.ndim,) or not (step > 0).all():
        raise ValueError(f"expected {a.ndim} spacings above 0, one an axis; got {spacing}")
    points = [(mask_border(mask).nonzero().cpu() * step).numpy() for mask in (a, b)]
    trees = [cKDTree(found, leafsize=32, compact_nodes=False, balanced_tree=False) for found in points]
    there, back = trees[1].query(points[0])[0], trees[0].query(points[1])[0]  # infinite from a tree of nothing
    return torch.from_numpy(there).to(a.device), torch.from_numpy(back).to(a.device)


def hausdorff(
    a: Bool[Tensor, "..."],
    b: Bool[Tensor, "..."],
    spacing: Sequence[float] | None = None,
    percentile: float = 100.0,
) -> float:
    """How far the two borders lie apart at the worst place, in the unit of `spacing`; with
    percentile=95 HD95, which the worst twentieth of each border doesn't move.

    Of each list of `surface_distances` take the percentile, with linear interpolation between two
    neighbours in the sorted list; the answer is the larger of the two. Both masks empty: 0. Exactly
    one empty: infinite, so a miss is never hidden.

    The percentile p of a sorted list of n is at place p / 100 · (n − 1), counted from 0.
    Distances from a to b 0, 1, 2, 3, 4, from b to a 0, 1, 1: Hausdorff max(4, 1) = 4. At 75 %:
    place 0.75 · 4 = 3 of the first list, 3, and place 0.75 · 2 = 1.5 of the second, 1: so 3.

    Raises ValueError unless 0 ≤ percentile ≤ 100, and as `surface_distances` does. Source of the
    percentile: Huttenlocher and others 1993. Peer: `monai.metrics.compute_hausdorff_distance`, which
    says nan for an empty mask and a percentile.
    """
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile is 0 to 100, got {percentile}")
    lists = surface_distances(a, b, spacing)
    lengths = [len(distances) for distances in lists]
    if min(lengths) == 0:
        return 0.0 if max(lengths) == 0 else math.inf
    return max(float(distances.quantile(percentile / 100)) for distances in lists)


def average_surface_distance(
    a: Bool[Tensor, "..."], b: Bool[Tensor, "..."], spacing: Sequence[float] | None = None
) -> float:
    """How far the two borders lie apart on average, in the unit of `spacing`: the mean over both
    lists of `surface_distances` together, so that every border pixel counts once.

    Both masks empty: 0. Exactly one empty: infinite.

    Distances from a to b 4, 3, from b to a 3: (4 + 3 + 3) / 3 = 3.33. (The mean of the two means
    would be 3.25.)

    Raises ValueError as `surface_distances` does. Source: Heimann and others 2009. Peer:
    `monai.metrics.compute_average_surface_distance` with `symmetric=True`; medpy's `assd` takes the
    mean of the two means.
    """
    distances = torch.cat(surface_distances(a, b, spacing))
    return float(distances.mean()) if len(distances) else 0.0


def hd95_per_class(
    true: Int[Tensor, "..."], predicted: Int[Tensor, "..."], classes: int, spacing: Sequence[float] | None = None
) -> Float[Tensor, "K-1"]:
    """HD95 of every class but the background: `hausdorff` at 95 % of the pixels with label k in
    one map against those in the other, for k = 1 … classes − 1, float64.

    Label maps (H, W) or (D, H, W) with 0 … classes − 1, of an integer type; 0 is background and has
    no number. A class in neither map: 0; in only one: infinite.

    Row 1 1 0 2 2 against 1 0 0 0 2, three classes: class 1 is pixels 0, 1 against 0: distances 0,
    1 and 0; 95 % of the way from 0 to 1 is 0.95. Class 2 is pixels 3, 4 against 4: 0.95 too.

    To be quick, look at each class only where it is: `scipy.ndimage.find_objects` gives the box of
    every label in one pass. The box must hold the class in both maps. Peer: MONAI's
    `compute_hausdorff_distance` on one-hot maps.
    """
    boxes = [find_objects(labels.cpu().numpy(), max_label=classes - 1) for labels in (true, predicted)]
    scores = []
    for label, parts in enumerate(zip(*boxes, strict=True), start=1):
        found = [part for part in parts if part is not None]
        box = tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*found, strict=True))
        scores.append(hausdorff(true[box] == label, predicted[box] == label, spacing, 95.0) if found else 0.0)
    return torch.tensor(scores, dtype=torch.float64, device=true.device)
