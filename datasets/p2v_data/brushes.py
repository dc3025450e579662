"""What painted pictures have in common: smooth noise, bent lines with a width, and how much of a pixel they cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy import ndarray
    from numpy.random import Generator

STEP = 3  # pixels that a walk takes before it turns again


class Path(NamedTuple):
    """A bent line: points half a pixel apart (row, column), with a width and a heading at each.

    Headings are in radians, 0 where columns grow and a quarter turn where rows do.
    """

    points: Float[ndarray, "n 2"]
    widths: Float[ndarray, " n"]
    headings: Float[ndarray, " n"]


def clouds(side: int, detail: int, random: Generator) -> Float[ndarray, "side side"]:
    """Smooth noise of mean about 0 and spread about 0.6: `detail` bumps along a side, and finer ones on top."""
    import torch
    import torch.nn.functional as F

    total = torch.zeros(side, side)
    weight = 0.0
    for octave in range(3):
        cells = min(detail * 2**octave, side) + 1
        coarse = torch.from_numpy(random.standard_normal((1, 1, cells, cells), dtype=np.float32))
        fine = F.interpolate(coarse, (side, side), mode="bilinear", align_corners=True)[0, 0]
        total += 0.5**octave * fine
        weight += 0.25**octave
    return total.numpy() / np.float32(weight**0.5)


def walk(
    start: tuple[float, float],
    heading: float,
    length: float,
    random: Generator,
    *,
    width: tuple[float, float],
    bend: float,
    pull: float = 0.02,
    curve: float = 0.0,
    wobble: float = 0.04,
) -> Path:
    """A line of `length` pixels that turns slowly and never far from where it began to head.

    Args:
        start: row and column.
        heading: in radians, see `Path`.
        length: in pixels.
        random: draws all that varies.
        width: at the start and at the end, in pixels.
        bend: how much the heading wanders, in radians a step.
        pull: how strongly it is drawn back, 0 to 1 a step.
        curve: how much the heading turns on purpose, in radians a pixel.
        wobble: how much the width wanders a step, as a share of it.
    """
    steps = max(int(length / STEP), 2)
    noise = bend * random.standard_normal(steps)
    off, turn, offs = 0.0, 0.0, []
    for each in noise:
        turn = 0.8 * turn + each - pull * off
        off += turn
        offs.append(off)
    headings = heading + np.array(offs) + curve * STEP * np.arange(steps)
    table = np.empty((steps + 1, 4))  # row, column, width, heading at each step
    table[0, :2] = start
    table[1:, 0], table[1:, 1] = np.sin(headings), np.cos(headings)
    table[1:, :2] = table[0, :2] + STEP * table[1:, :2].cumsum(0)
    wandering = (wobble * random.standard_normal(steps + 1)).cumsum()
    share = np.arange(steps + 1) / steps
    table[:, 2] = (width[0] + (width[1] - width[0]) * share) * (1 + wandering - wandering.mean()).clip(0.7, 1.3)
    table[:-1, 3], table[-1, 3] = headings, headings[-1]
    between = np.arange(2 * STEP)[:, None] / (2 * STEP)
    fine = (table[:-1, None] + between * (table[1:] - table[:-1])[:, None]).reshape(-1, 4)
    fine = np.concatenate([fine, table[-1:]])
    return Path(fine[:, :2], fine[:, 2], fine[:, 3])


def coverage(path: Path, side: int) -> Float[ndarray, "side side"]:
    """How much of each pixel the line covers, 0 to 1: a soft edge of one pixel, half a width from the middle."""
    return stamped(path.points, path.widths, side)


def stamped(
    points: Float[ndarray, "n 2"],
    widths: Float[ndarray, " n"],
    side: int,
    strength: Float[ndarray, " n"] | None = None,
) -> Float[ndarray, "side side"]:
    """Soft discs as wide as `widths`, the strongest in each pixel; `strength`, 0 to 1, is that of their middle."""
    drawn = np.zeros(side * side, np.float32)
    if not len(points):
        return drawn.reshape(side, side)
    reach = int(np.ceil(widths.max() / 2 + 0.5))
    around = np.arange(-reach, reach + 1)
    near = (points > -reach - 1).all(1) & (points < side + reach).all(1)
    points, widths = points[near], widths[near]
    middle = points.round().astype(int)
    rows = middle[:, 0, None, None] + around[:, None]
    columns = middle[:, 1, None, None] + around
    away = np.hypot(rows - points[:, 0, None, None], columns - points[:, 1, None, None])
    covered = (widths[:, None, None] / 2 + 0.5 - away).clip(0, 1)
    if strength is not None:
        covered *= strength[near, None, None]
    inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side) & (covered > 0)
    np.maximum.at(drawn, (rows * side + columns)[inside], covered[inside].astype(np.float32))
    return drawn.reshape(side, side)


def blurred(image: Float[ndarray, "C H W"], sigma: float) -> Float[ndarray, "C H W"]:
    """As through a lens: a Gaussian of `sigma` pixels along rows and columns."""
    from scipy.ndimage import gaussian_filter

    soft: Float[ndarray, "C H W"] = gaussian_filter(image, (0, sigma, sigma))
    return soft
