"""A program that paints land from above, with roads in it, as a satellite might see it at two metres a pixel.

Nothing here is measured. What makes real roads hard is here, though: they bend, meet and grow narrower; trees and their
shadows cover them; hedges, tracks of tractors and streams are thin lines too and no roads; roofs and yards are as grey
as asphalt; and the land takes up nearly all of the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from p2v_data.brushes import Path, blurred, clouds, coverage, walk

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy import ndarray
    from numpy.random import Generator

ASPHALT, GRAVEL, EARTH = (0.46, 0.46, 0.48), (0.62, 0.58, 0.52), (0.53, 0.44, 0.34)
CROPS = (
    (0.36, 0.43, 0.24),
    (0.44, 0.46, 0.28),
    (0.57, 0.53, 0.36),
    (0.45, 0.38, 0.29),
    (0.31, 0.38, 0.22),
    (0.50, 0.45, 0.34),
)
WOOD, WATER = (0.18, 0.25, 0.15), (0.22, 0.28, 0.29)
ROOFS = ((0.48, 0.47, 0.48), (0.58, 0.42, 0.36), (0.72, 0.71, 0.69))
SUN = (-0.6, -0.8)  # towards it: rows, columns; shadows fall the other way


class Land(NamedTuple):
    """One picture, 0 to 1, and where its roads are, those under trees included."""

    image: Float[ndarray, "3 H W"]
    roads: Bool[ndarray, "H W"]


def paint_land(side: int, random: Generator) -> Land:
    """A square of land, `side` pixels (at least 32) wide."""
    image, woods = _fields(side, random)
    if random.random() < 0.5:
        _lay(image, _across(side, random, width=(1.0, 2.2), bend=0.09, pull=0.06), np.array(WATER), 0.85)
    network = _network(side, random)
    roads = np.zeros((side, side), bool)
    for path in network:
        roads |= _lay(image, path, _surface(random), random.uniform(0.8, 0.97)) > 0.5
    _houses(image, network, roads, random)
    _trees(image, network, woods, random)
    return Land(_photographed(image, random), roads)


# --- the ground ------------------------------------------------------------------------------------------------------


def _fields(side: int, random: Generator) -> tuple[Float[ndarray, "3 H W"], Bool[ndarray, "H W"]]:
    """Plots of different crops, each sown in rows of its own direction, hedges between some; and where woods are."""
    plot = _plots(side, random)
    fine, coarse = clouds(side, 40, random), clouds(side, 6, random)
    grain = random.standard_normal((side, side), dtype=np.float32)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    image = np.empty((3, side, side), np.float32)
    woods = np.zeros((side, side), bool)
    for number in range(int(plot.max()) + 1):
        here = plot == number
        if random.random() < 0.18:
            colour, texture = np.array(WOOD), 0.11 * fine[here] + 0.04 * grain[here]
            woods |= here
        else:
            colour, texture = np.array(CROPS[random.integers(len(CROPS))]), 0.04 * coarse[here]
            across = _along(rows[here], columns[here], random.uniform(0, np.pi))
            texture += random.uniform(0, 0.02) * np.sin(2 * np.pi * across / random.uniform(2.5, 5.0))
            if random.random() < 0.3:  # where a tractor drives
                texture += 0.05 * (across % random.uniform(9, 16) < 1)
        colour = colour * random.uniform(0.85, 1.15) + 0.012 * random.standard_normal(3)
        image[:, here] = colour[:, None] + texture
    _hedges(image, plot, random)
    return image + 0.02 * clouds(side, 24, random), woods


def _plots(side: int, random: Generator) -> Int[ndarray, "H W"]:
    """The number of the plot that each pixel lies in: the nearest of some centres, by a measure that makes oblongs."""
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    rows, columns = rows + 0.03 * side * clouds(side, 4, random), columns + 0.03 * side * clouds(side, 4, random)
    angle = random.uniform(0, np.pi)
    down, right = _along(rows, columns, angle), _along(rows, columns, angle + np.pi / 2)
    places = random.uniform(-0.2, 1.2, (int(random.integers(5, 12)), 2)) * side
    stretch = random.uniform(0.5, 2.0, places.shape)
    away = [
        np.maximum(
            abs(down - _along(row, column, angle)) * tall, abs(right - _along(row, column, angle + np.pi / 2)) * wide
        )
        for (row, column), (tall, wide) in zip(places, stretch, strict=True)
    ]
    return np.unique(np.argmin(away, axis=0), return_inverse=True)[1].reshape(side, side)


def _along(rows: Any, columns: Any, angle: float) -> Any:
    """How far a place lies in the direction of `angle`."""
    return np.cos(angle) * rows + np.sin(angle) * columns


def _hedges(image: Float[ndarray, "3 H W"], plot: Int[ndarray, "H W"], random: Generator) -> None:
    """Thin lines where plots meet: dark bushes or a strip of pale grass, here and there broken."""
    hedged = random.random(int(plot.max()) + 1) < 0.6
    border = np.zeros(plot.shape, bool)
    border[1:] |= (plot[1:] != plot[:-1]) & hedged[plot[1:]]
    border[:, 1:] |= (plot[:, 1:] != plot[:, :-1]) & hedged[plot[:, 1:]]
    border &= clouds(len(plot), 10, random) > -0.6
    tone = np.array(WOOD if random.random() < 0.6 else (0.54, 0.52, 0.38))
    image[:, border] += 0.6 * (tone[:, None] - image[:, border])


# --- lines -----------------------------------------------------------------------------------------------------------


def _across(side: int, random: Generator, *, width: tuple[float, float], bend: float, pull: float) -> Path:
    """A line from just outside one border through the picture; its width is drawn from `width`."""
    place, aim = random.uniform(0.15, 0.85) * side, random.uniform(-0.5, 0.5)
    row, column, heading = (
        (place, -3.0, aim),
        (place, side + 2.0, np.pi + aim),
        (-3.0, place, np.pi / 2 + aim),
        (side + 2.0, place, -np.pi / 2 + aim),
    )[random.integers(4)]
    wide = random.uniform(*width)
    return walk((row, column), heading, 1.8 * side, random, width=(wide, wide), bend=bend, pull=pull)


def _network(side: int, random: Generator) -> list[Path]:
    """One or two roads across the picture, and before them the narrower ones that leave them."""
    main = [_across(side, random, width=(2.5, 4.2), bend=0.04, pull=0.03) for _ in range(1 + (random.random() < 0.15))]
    lanes = []
    for _ in range(random.choice(3, p=(0.35, 0.45, 0.2))):
        road = main[random.integers(len(main))]
        inside = np.flatnonzero(((road.points > 0) & (road.points < side)).all(1))
        place = inside[random.integers(len(inside) // 5, 4 * len(inside) // 5 + 1)]
        heading = road.headings[place] + random.choice([-1, 1]) * random.uniform(1.0, 1.9)
        start, wide = road.points[place], random.uniform(1.5, 2.6)
        ends = (wide, 0.85 * wide)
        length = random.uniform(0.25, 0.75) * side
        lanes.append(walk(tuple(start), heading, length, random, width=ends, bend=0.06, pull=0.04))
    return [*lanes, *main]


def _surface(random: Generator) -> Float[ndarray, " 3"]:
    colour = (ASPHALT, GRAVEL, EARTH)[random.choice(3, p=(0.6, 0.28, 0.12))]
    return np.array(colour) * random.uniform(0.8, 1.15)


def _lay(
    image: Float[ndarray, "3 H W"], path: Path, colour: Float[ndarray, " 3"], opacity: float
) -> Float[ndarray, "H W"]:
    """Paints a line into the image; returns how much of each pixel it covers, 0 to 1."""
    cover = coverage(path, image.shape[-1])
    image += opacity * cover * (colour[:, None, None] - image)
    return cover


# --- what stands on it -----------------------------------------------------------------------------------------------


def _houses(
    image: Float[ndarray, "3 H W"], network: list[Path], roads: Bool[ndarray, "H W"], random: Generator
) -> None:
    """Roofs beside the roads, each with its shadow, and some yards; none lies on a road."""
    side = image.shape[-1]
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    for _ in range(random.integers(0, 9)):
        row, column = _beside(network, 12, random)
        tall, wide, angle = random.uniform(2, 4.5), random.uniform(2, 7), random.uniform(0, np.pi)
        down = _along(rows - row, columns - column, angle)
        right = _along(rows - row, columns - column, angle + np.pi / 2)
        house = (abs(down) < tall) & (abs(right) < wide)
        if (house & roads).any() or not house.any():
            continue
        if random.random() < 0.3:
            yard = (abs(down) < tall + 3) & (abs(right) < wide + 4) & ~roads
            image[:, yard] += 0.7 * (_surface(random)[:, None] - image[:, yard])
        shadow = _shifted(house, 2) & ~house
        image[:, shadow] *= 0.6
        roof = np.array(ROOFS[random.integers(len(ROOFS))]) * random.uniform(0.85, 1.1)
        image[:, house] = roof[:, None] * (1 + 0.06 * np.sign(down[house]))


def _beside(network: list[Path], spread: float, random: Generator) -> Float[ndarray, " 2"]:
    """A place at most `spread` pixels down or up, left or right of one on a road."""
    path = network[random.integers(len(network))]
    place: Float[ndarray, " 2"] = path.points[random.integers(len(path.points))]
    return place + random.uniform(-spread, spread, 2)


def _shifted(shape: Bool[ndarray, "H W"], length: int) -> Bool[ndarray, "H W"]:
    """The shape and all places up to `length` steps away from the sun."""
    shadow = shape.copy()
    for step in range(1, length + 1):
        down, right = round(-SUN[0] * step), round(-SUN[1] * step)
        shadow[down:, right:] |= shape[: shape.shape[0] - down, : shape.shape[1] - right]
    return shadow


def _trees(image: Float[ndarray, "3 H W"], network: list[Path], woods: Bool[ndarray, "H W"], random: Generator) -> None:
    """Crowns along the roads and over them, most of them in woods; each hides what is below and throws a shadow."""
    side = image.shape[-1]
    avenue = random.random() < 0.35
    for _ in range(random.integers(20, 50) if avenue else random.integers(5, 18)):
        row, column = _beside(network, 7, random) if random.random() < 0.85 else random.uniform(0, side, 2)
        _plant(image, row, column, random.uniform(1.5, 4.0), random)
    for path in network:
        inside = ((path.points >= 0) & (path.points < side - 1)).all(1)
        at = path.points[inside].round().astype(int)
        shaded = at[woods[at[:, 0], at[:, 1]]]
        for place in shaded[:: int(random.integers(10, 30))]:
            row, column = place + random.uniform(-5, 5, 2)
            _plant(image, row, column, random.uniform(1.5, 3.5), random)


def _plant(image: Float[ndarray, "3 H W"], row: float, column: float, radius: float, random: Generator) -> None:
    side, reach = image.shape[-1], int(2.4 * radius + 2)
    top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
    low, right = min(int(row) + reach + 1, side), min(int(column) + reach + 1, side)
    if top >= low or left >= right:
        return
    part = image[:, top:low, left:right]
    down, over = np.mgrid[top - row : low - row, left - column : right - column][:, : low - top, : right - left]
    edge = radius * (1 + 0.15 * np.sin(random.integers(3, 6) * np.arctan2(down, over) + random.uniform(0, 6)))
    crown = np.hypot(down, over) < edge
    share = ((-down * SUN[0] - over * SUN[1]) / radius).clip(0, 1) * radius
    shadow = (np.hypot(down + share * SUN[0], over + share * SUN[1]) < edge) & ~crown
    part[:, shadow] *= 0.55
    lit = 0.06 * _along(down[crown], over[crown], 0.0) * SUN[0] / radius + 0.06 * over[crown] * SUN[1] / radius
    green = np.array(WOOD) * random.uniform(0.85, 1.4)
    part[:, crown] = green[:, None] + lit + 0.03 * random.standard_normal(int(crown.sum()))


def _photographed(image: Float[ndarray, "3 H W"], random: Generator) -> Float[ndarray, "3 H W"]:
    """Light and haze, a lens, a sensor's noise."""
    light = random.uniform(0.85, 1.25) * (1 + 0.12 * clouds(image.shape[-1], 2, random))
    haze = random.uniform(0, 0.12)
    seen = (1 - haze) * blurred(image * light, random.uniform(0.4, 0.8)) + haze * 0.8
    noise = random.uniform(0.008, 0.02) * random.standard_normal(image.shape, dtype=np.float32)
    return (seen + noise).clip(0, 1).astype(np.float32)
