"""Pixels that belong together: components, holes, specks, and the clean-up made of them."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from solutions.unet.morphology import close_mask


def connected_components(mask: Bool[Tensor, "H W"], connectivity: int = 8) -> Int[Tensor, "H W"]:
    """Number the mask's components 1, 2, 3, …, each pixel with its component's number; 0 where the
    mask is False.

    Two pixels belong together if a path of True pixels joins them, each the neighbour of the one
    before. With connectivity 4 neighbours share a side, with 8 a side or a corner. Components are
    numbered in the order in which one meets them reading row by row, from the left; int64.

    The rows `0 1 0`, `1 0 0`, `0 0 1`: with 4 there are three, `0 1 0`, `2 0 0`, `0 0 3`. With 8
    the first two touch at a corner: `0 1 0`, `1 0 0`, `0 0 2`.

    Raises ValueError unless connectivity is 4 or 8. Peer: `scipy.ndimage.label`.
    """
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity is 4 or 8, got {connectivity}")
    steps = [(0, 1), (1, 0)] + ([(1, -1), (1, 1)] if connectivity == 8 else [])  # rows down, columns right
    height, width = mask.shape
    place = torch.arange(mask.numel(), device=mask.device).view(height, width)
    pairs = []
    for down, right in steps:
        from_column, to_column = max(-right, 0), width - max(right, 0)
        here = (slice(0, height - down), slice(from_column, to_column))
        there = (slice(down, height), slice(from_column + right, to_column + right))
        both = mask[here] & mask[there]
        pairs.append(torch.stack([place[here][both], place[there][both]]))
    joined = torch.cat(pairs, dim=1)
    root = place.flatten()
    while len(different := (ends := root[joined]).diff(dim=0).nonzero()):  # pairs that don't know of each other
        joined, ends = joined[:, different[:, 1]], ends[:, different[:, 1]]
        root = root.scatter_reduce(0, ends.amax(0), ends.amin(0), "amin")
        while not torch.equal(further := root[root], root):
            root = further
    numbers = torch.zeros_like(place)
    numbers[mask] = torch.unique(root.view(height, width)[mask], return_inverse=True)[1] + 1
    return numbers


def fill_holes(mask: Bool[Tensor, "H W"]) -> Bool[Tensor, "H W"]:
    """Fill the holes: background from which no path leads to the image's edge.

    A path goes over background pixels that share a side, so a ring that is closed only by corners
    holds tight. Background on the edge itself is no hole.

    The rows `1 1 1 0`, `1 0 1 0`, `1 1 1 0`: the pixel in the ring is filled, the last column stays.

    Peer: `scipy.ndimage.binary_fill_holes`.
    """
    regions = connected_components(~mask, connectivity=4)
    edge = torch.cat([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    return mask | ~torch.isin(regions, edge)


def remove_small(mask: Bool[Tensor, "H W"], least: int, connectivity: int = 8) -> Bool[Tensor, "H W"]:
    """Keep the components that have at least `least` pixels; `connectivity` as in `connected_components`.

    The row `1 1 0 1` with least 2: `1 1 0 0`.

    Peer: `skimage.morphology.remove_small_objects`, whose max_size is `least` − 1.
    """
    components = connected_components(mask, connectivity)
    kept = components.flatten().bincount() >= least
    return mask & kept[components]


def keep_largest(mask: Bool[Tensor, "H W"], connectivity: int = 8) -> Bool[Tensor, "H W"]:
    """Keep the component with the most pixels; of several as large the first, reading row by row.

    The row `1 0 1 1 0 1 1` becomes `0 0 1 1 0 0 0`. Where nothing is True, nothing is.

    Peer: MONAI's `KeepLargestConnectedComponent`, where no two are equally large.
    """
    components = connected_components(mask, connectivity)
    sizes = components.flatten().bincount()
    sizes[0] = 0  # the background
    return mask & (components == sizes.argmax())


def clean_up(
    probabilities: Float[Tensor, "H W"], threshold: float, kernel: Bool[Tensor, "h w"], least: int
) -> Bool[Tensor, "H W"]:
    """From probabilities to a tidy mask, in four steps, each on what the one before has left:

    1. foreground where the probability is at least `threshold`;
    2. gaps that are too narrow for `kernel` are closed;
    3. holes are filled;
    4. components of fewer than `least` pixels are removed; corners connect.

    The row 0.9 0.2 0.5 0.1 0.1 0.1 0.7 with threshold 0.5, kernel `1 1 1` and least 2: first
    `1 0 1 0 0 0 1`, closed `1 1 1 0 0 0 1` (a gap of three is too wide), in the end `1 1 1 0 0 0 0`.
    """
    return remove_small(fill_holes(close_mask(probabilities >= threshold, kernel)), least)
