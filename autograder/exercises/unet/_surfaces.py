"""Borders and the distances between them by SciPy, with parts that a wrong answer may change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.exercises.unet._ready_made import SCORES
from autograder.spec import Wrong

Spacing = Sequence[float] | None
Lists = tuple[Tensor, Tensor]
Measure = Callable[[Tensor, Tensor, Spacing], Lists]

ROUNDING = 1e-5  # what a right distance may be off by: cdist and float32 on the way cost 1e-7 of a few tens
READY_MADE = (*SCORES, "skimage", "cv2", "SimpleITK", "itk", "scipy.spatial.distance.directed_hausdorff")


def border_of(mask: Tensor, *, corners: bool = False, outside: int = 0) -> Tensor:
    """The mask minus its erosion by the cross, or by the full square; outside: what lies beyond the image."""
    from scipy.ndimage import binary_erosion, generate_binary_structure

    cells = mask.cpu().numpy()
    element = generate_binary_structure(mask.ndim, mask.ndim if corners else 1)
    return torch.from_numpy(cells & ~binary_erosion(cells, element, border_value=outside)).to(mask.device)


def to_nearest(points: Tensor, target: Tensor, spacing: Spacing = None, *, none: float = np.inf) -> Tensor:
    """How far each pixel of the first mask is from the second mask, `none` where that one is empty."""
    from scipy.ndimage import distance_transform_edt

    chosen = points.cpu().numpy()
    if not target.any():
        return torch.full((int(chosen.sum()),), none, dtype=torch.float64, device=points.device)
    distance = distance_transform_edt(~target.cpu().numpy(), sampling=spacing)
    return torch.from_numpy(distance[chosen]).to(points.device)


def distances(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    """The two lists, as they are right."""
    return between(border_of(a), border_of(b), spacing)


def between(a: Tensor, b: Tensor, spacing: Spacing) -> Lists:
    """The two lists of two borders."""
    return to_nearest(a, b, spacing), to_nearest(b, a, spacing)


def unspaced(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return distances(a, b)


def spaced_backwards(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return distances(a, b, None if spacing is None else spacing[::-1])


def cornered(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return between(border_of(a, corners=True), border_of(b, corners=True), spacing)


def open_edges(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return between(border_of(a, outside=1), border_of(b, outside=1), spacing)


def filled(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return between(a, b, spacing)


SAID: dict[Measure, tuple[str, str, str]] = {  # of each wrong measure: the mistake, what it says and where to look
    unspaced: ("ignores the spacing", "distances are counted in pixels.", "hand the spacing on."),
    spaced_backwards: (
        "takes the spacing backwards",
        "the spacing meets the axes in reverse order.",
        "spacing[0] belongs to axis 0.",
    ),
    filled: (
        "takes all pixels for border",
        "all pixels of the masks are compared, not their borders.",
        "surface_distances.",
    ),
    cornered: ("takes borders across corners", "these borders count neighbours across corners.", "mask_border."),
    open_edges: (
        "has no border at the image's edge",
        "where a mask touches the image's edge it has no border here; outside is background.",
        "mask_border.",
    ),
}


def wrong_measures(answer: Callable[[Measure], Callable[..., Any]], measures: Iterable[Measure]) -> tuple[Wrong, ...]:
    """A wrong answer for each of these measures, in their order; `answer` makes one of a measure."""
    return tuple(
        Wrong(name, answer(measure), says=says, look=look)
        for measure in measures
        for name, says, look in (SAID[measure],)
    )


def one_list(lists: Lists) -> float | None:
    """What every score of distances says where a mask is empty: 0 for both, infinite for one; None if none is."""
    there, back = (len(part) for part in lists)
    if there and back:
        return None
    return 0.0 if there == back else float("inf")
