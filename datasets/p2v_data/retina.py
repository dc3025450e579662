"""A program that paints the back of an eye with its tree of vessels, and knows where they are.

Nothing here is measured. What makes real vessels hard is here, though: they leave the disc, bend around the fovea and
fork until they are thinner than a pixel and fainter than the grain; arteries are pale and have a shining line along
them; the choroid below has dim vessels of its own, which nobody marks; and there are spots, the disc's bright rim, and
light from one side.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from p2v_data.brushes import blurred, clouds, stamped, walk

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy import ndarray
    from numpy.random import Generator

GROUND, CHOROID, PALE, DARK = (0.72, 0.36, 0.18), (0.66, 0.29, 0.13), (0.98, 0.82, 0.56), (0.46, 0.13, 0.06)
ARTERY, VEIN, SHINE = (0.55, 0.19, 0.08), (0.44, 0.11, 0.06), (0.78, 0.40, 0.22)
THINNEST = 0.9  # pixels: thinner ones end
WIDE = (3.0, 1.8)  # widths, in pixels, that are stamped together: above the first, between, below


class Retina(NamedTuple):
    """One photograph, 0 to 1; where its vessels are; and the round field that the camera sees."""

    image: Float[ndarray, "3 H W"]
    vessels: Bool[ndarray, "H W"]
    field: Bool[ndarray, "H W"]


class _Tree(NamedTuple):
    """Points along all vessels of a tree, with their widths in pixels."""

    points: Float[ndarray, "n 2"]
    widths: Float[ndarray, " n"]


class _Eye(NamedTuple):
    """Where things are, in pixels (row, column); `towards` is 1 where the fovea is right of the disc, else -1."""

    side: int
    middle: Float[ndarray, " 2"]
    radius: float
    disc: Float[ndarray, " 2"]
    fovea: Float[ndarray, " 2"]
    towards: int


def paint_retina(side: int, random: Generator) -> Retina:
    """A photograph of `side` × `side` pixels, 128 or more; vessels' widths don't change with it."""
    eye = _eye(side, random)
    image = _ground(eye, random)
    veins, arteries = (_grown(eye, random, vein=vein) for vein in (True, False))
    vessels = np.zeros((side, side), bool)
    for tree, colour in ((arteries, ARTERY), (veins, VEIN)):
        strength = 0.34 + 0.46 * (tree.widths / 3.5).clip(0, 1)
        _blend(image, _drawn(tree, side, strength), colour)
        vessels |= _drawn(tree, side) > 0.5
    wide = arteries.widths > 2.6
    _blend(image, 0.55 * stamped(arteries.points[wide], 0.28 * arteries.widths[wide], side), SHINE)
    _spots(image, eye, random)
    inside = _away(eye, eye.middle) < eye.radius
    return Retina(_photographed(image, eye, random), vessels & inside, inside)


def _eye(side: int, random: Generator) -> _Eye:
    towards = int(random.choice([-1, 1]))
    middle = (side - 1) / 2 + 0.01 * side * random.standard_normal(2)
    disc = middle + side * np.array([0.02 * random.standard_normal(), -towards * random.uniform(0.22, 0.28)])
    fovea = disc + side * np.array([random.uniform(0.0, 0.05), towards * random.uniform(0.28, 0.32)])
    return _Eye(side, middle, 0.48 * side, disc, fovea, towards)


def _away(eye: _Eye, place: Float[ndarray, " 2"]) -> Float[ndarray, "H W"]:
    rows, columns = np.mgrid[: eye.side, : eye.side].astype(np.float32)
    away: Float[ndarray, "H W"] = np.hypot(rows - place[0], columns - place[1])
    return away


def _blend(image: Float[ndarray, "3 H W"], cover: Float[ndarray, "H W"], colour: tuple[float, ...]) -> None:
    """Covers the image with a colour, in place."""
    image += cover * (np.array(colour, np.float32)[:, None, None] - image)


# --- the ground ------------------------------------------------------------------------------------------------------


def _ground(eye: _Eye, random: Generator) -> Float[ndarray, "3 H W"]:
    """Orange, with the choroid's dim vessels, a dark fovea and the bright disc with its cup."""
    side = eye.side
    image = np.empty((3, side, side), np.float32)
    image[:] = np.array(GROUND)[:, None, None] * (1 + 0.02 * random.standard_normal((3, 1, 1)))
    image *= 1 + 0.05 * clouds(side, 5, random) + 0.02 * clouds(side, 40, random)
    choroid = [
        walk(tuple(random.uniform(0, side, 2)), random.uniform(0, 6), 0.5 * side, random, width=(3, 7), bend=0.1)
        for _ in range(random.integers(8, 18))
    ]
    points, widths = (np.concatenate(each) for each in zip(*(path[:2] for path in choroid), strict=True))
    web = stamped(points, widths, side)
    _blend(image, random.uniform(0.1, 0.5) * blurred(web[None], 2.0)[0], CHOROID)
    _blend(image, 0.5 * np.exp(-0.5 * (_away(eye, eye.fovea) / (0.05 * side)) ** 2), DARK)
    disc, size = _away(eye, eye.disc), random.uniform(0.065, 0.08) * side
    _blend(image, 0.85 / (1 + np.exp((disc - size) / 1.2)), PALE)
    _blend(image, 0.5 / (1 + np.exp((disc - 0.45 * size) / 1.5)), (1.0, 0.93, 0.78))
    return image


def _spots(image: Float[ndarray, "3 H W"], eye: _Eye, random: Generator) -> None:
    """Small bleeds and pale deposits in some eyes."""
    for colour, most in ((DARK, 14), (PALE, 14)):
        count = int(random.integers(0, most)) if random.random() < 0.4 else 0
        places = eye.middle + 0.3 * eye.side * random.standard_normal((count, 2))
        _blend(image, 0.7 * stamped(places, random.uniform(0.8, 4.0, count), eye.side), colour)


# --- vessels ---------------------------------------------------------------------------------------------------------


def _grown(eye: _Eye, random: Generator, *, vein: bool) -> _Tree:
    """Four trunks leave the disc, two of them bend around the fovea; each forks and forks again."""
    twigs = []
    for up in (-1, 1):
        for towards in (True, False):
            angle = (1.05 if towards else 2.15) + (0.2 if vein else -0.08) + 0.12 * random.standard_normal()
            heading = np.arctan2(up * np.sin(angle), eye.towards * np.cos(angle))
            curve = -up * eye.towards * (0.6 if towards else 0.16) / eye.side
            width = random.uniform(3.6, 4.6) if vein else random.uniform(2.6, 3.4)
            start = eye.disc + 2 * random.standard_normal(2)
            twigs += _forked(eye, start, heading, width, curve, random, trunk=towards)
    points, widths = (np.concatenate(each) for each in zip(*twigs, strict=True))
    return _Tree(points, widths)


def _forked(
    eye: _Eye,
    start: Float[ndarray, " 2"],
    heading: float,
    width: float,
    curve: float,
    random: Generator,
    *,
    trunk: bool,
) -> list[_Tree]:
    """A vessel up to its end, around the fovea if it is a `trunk`, and all that leave it."""
    grown, waiting = [], [(start, heading, width, curve, trunk)]
    while waiting:
        start, heading, width, curve, trunk = waiting.pop()
        length = (6 + 5 * width) * random.uniform(0.7, 1.5)
        path = walk(
            tuple(start), heading, length, random, width=(width, 0.95 * width), bend=0.07, pull=0.05, curve=curve
        )
        grown.append(_Tree(path.points, path.widths))
        end, heading = path.points[-1], path.headings[-1]
        lost = np.hypot(*(end - eye.middle)) > eye.radius + 2 or np.hypot(*(end - eye.fovea)) < 0.055 * eye.side
        if lost:
            continue
        if trunk:
            heading += _around_fovea(eye, end, heading)
        turn = random.choice([-1, 1])
        thin, angle = random.uniform(0.42, 0.72) * width, random.uniform(0.5, 1.1) * turn
        if 0.9 * width > THINNEST:
            waiting.append((end, heading - 0.1 * turn, 0.9 * width, curve, trunk))
        if thin > THINNEST:
            waiting.append((end, heading + angle, thin, -0.008 * turn, False))
    return grown


def _around_fovea(eye: _Eye, place: Float[ndarray, " 2"], heading: float) -> float:
    """How far a trunk turns to go around the fovea, in radians."""
    turn = float((np.arctan2(*(place - eye.fovea)) - heading + np.pi) % (2 * np.pi) - np.pi)
    return float(np.sign(turn) * np.clip(abs(turn) - np.pi / 2, -0.22, 0.5))


def _drawn(tree: _Tree, side: int, strength: Float[ndarray, " n"] | None = None) -> Float[ndarray, "H W"]:
    """The tree's cover, 0 to 1, or its strength: thin and thick vessels apart, as thick ones need larger stamps."""
    bounds = (np.inf, *WIDE, 0.0)
    drawn = np.zeros((side, side), np.float32)
    for high, low in pairwise(bounds):
        some = (tree.widths > low) & (tree.widths <= high)
        part = stamped(tree.points[some], tree.widths[some], side, None if strength is None else strength[some])
        np.maximum(drawn, part, out=drawn)
    return drawn


def _photographed(image: Float[ndarray, "3 H W"], eye: _Eye, random: Generator) -> Float[ndarray, "3 H W"]:
    """Light from one side, darker towards the rim, a tint, a lens, grain and the round stop."""
    side = eye.side
    rows, columns = (np.mgrid[:side, :side].astype(np.float32) - eye.middle[:, None, None]) / eye.radius
    tilt = 0.1 * random.standard_normal(2)
    light = np.exp(0.12 * random.standard_normal()) * (
        1 - random.uniform(0.15, 0.4) * (rows**2 + columns**2) + tilt[0] * rows + tilt[1] * columns
    )
    light = light * (1 + 0.06 * clouds(side, 3, random))
    tint = np.exp(0.06 * random.standard_normal((3, 1, 1)))
    seen = blurred(image * light * tint, random.uniform(0.5, 0.9))
    seen += random.uniform(0.007, 0.016) * random.standard_normal(image.shape, dtype=np.float32)
    stop = (eye.radius - np.hypot(rows, columns) * eye.radius).clip(0, 1)
    photograph: Float[ndarray, "3 H W"] = (seen * stop).clip(0, 1).astype(np.float32)
    return photograph
