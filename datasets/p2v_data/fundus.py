"""Simulated photographs of the back of the eye, painted by a few rules: disc, vessels, lesions, light."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Generator, Tensor

SIDE = 64  # pixels
MIDDLE, RADIUS = 31.5, 29.5  # of the round field, in pixels
CHUNK = 100  # photographs painted at a time
FINE, THICK = 0.08, 0.25  # how much of its darkness a vessel leaves to each pixel beside it
TRUNK, BRANCH, TANGLE = 44, 18, 9  # steps of a vessel, each one pixel
RED, PALE, YELLOW, DARK = (0.74, 0.36, 0.17), (0.97, 0.83, 0.56), (0.98, 0.88, 0.52), (0.33, 0.06, 0.05)
MILK = (0.62, 0.46, 0.34)


class Spots(NamedTuple):
    """Soft round spots, `K` in each of `N` photographs; strength 0 is none."""

    x: Float[Tensor, "N K"]
    y: Float[Tensor, "N K"]
    width: Float[Tensor, "N K"]
    strength: Float[Tensor, "N K"]


def paint_eyes(
    severity: Float[Tensor, " N"], drusen: Float[Tensor, " N"], cloudy: Bool[Tensor, " N"], generator: Generator
) -> Float[Tensor, "N 3 64 64"]:
    """A photograph for each eye, 0 to 1, round on black.

    Args:
        severity: how much of the disease shows, 0 (nothing) to 5; grade 4's new vessels begin at 4.
        drusen: how many pale spots of old age there are; they look like exudates and mean nothing here.
        cloudy: which eyes are seen through a clouded lens: hardly anything shows.
        generator: draws all that varies.
    """
    import torch

    parts = zip(severity.split(CHUNK), drusen.split(CHUNK), cloudy.split(CHUNK), strict=True)
    return torch.cat([_painted(*part, generator) for part in parts])


def _painted(severity: Tensor, drusen: Tensor, cloudy: Tensor, generator: Generator) -> Tensor:
    import torch

    count = len(severity)
    side = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)  # left or right eye
    middle = MIDDLE + _normal((count, 2), generator) * 0.7
    disc = middle + torch.stack([side * (12.5 + _normal((count,), generator)), _normal((count,), generator)], dim=1)
    fovea = middle - torch.stack([side * 3.0, torch.zeros(count)], dim=1)

    ground = torch.tensor(RED)[:, None, None] * (1 + 0.10 * _clouds(count, generator)[:, None])
    pale, dark = _lesions(severity, drusen, middle, disc, generator)
    dark = _either(dark, 0.62 * _vessels(disc, side, generator))
    dark = _either(dark, _new_vessels(severity, disc, generator))
    _blend(ground, (4.8 * _round(disc, 3.0)).clamp(max=1), PALE)
    _blend(ground, _either(dark, 0.35 * _round(fovea, 4.0)), DARK)
    _blend(ground, pale, YELLOW)
    ground[cloudy] = _clouded(ground[cloudy])
    return _photographed(ground, middle, generator)


def _clouded(eyes: Tensor) -> Tensor:
    """As through milky glass."""
    import torch
    import torch.nn.functional as F

    coarse = F.interpolate(F.avg_pool2d(eyes, 16, 8), (SIDE, SIDE), mode="bilinear")
    return coarse.lerp(torch.tensor(MILK)[:, None, None], 0.45)


def _photographed(eyes: Tensor, middle: Tensor, generator: Generator) -> Tensor:
    """Light from one side, darker towards the rim, a tint, the round stop and grain."""
    import torch

    count = len(eyes)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    right, down = (x - middle[:, :1, None]) / RADIUS, (y - middle[:, 1:, None]) / RADIUS
    radius = (right**2 + down**2).sqrt()
    tilt = 0.12 * _normal((count, 2), generator)
    exposure = (0.16 * _normal((count,), generator)).exp()
    light = exposure[:, None, None] * (1 - 0.22 * radius**2 + tilt[:, :1, None] * right + tilt[:, 1:, None] * down)
    tint = (0.07 * _normal((count, 3), generator)).exp()
    stop = ((1 - radius) * RADIUS).clamp(0, 1)
    lit = eyes * light[:, None] * tint[:, :, None, None] * stop[:, None]
    return (lit + 0.012 * _normal(lit.shape, generator)).clamp(0, 1)


def _lesions(
    severity: Tensor, drusen: Tensor, middle: Tensor, disc: Tensor, generator: Generator
) -> tuple[Tensor, Tensor]:
    """What the disease leaves, from few and small to many and large, and what only looks like it: pale and dark."""
    import torch

    count = len(severity)
    dust = torch.where(torch.rand(count, generator=generator) < 0.2, 2.0, 0.2)  # on the lens, looks like a small bleed
    red_dots = 3.2 * (severity - 0.7).clamp(0, 2.5) + dust
    bleeds = 2.4 * (severity - 2).clamp(0, 2)
    exudates = 3.5 * (severity - 1.8).clamp(0, 1.8)
    small = _mask(_scattered(red_dots, 20, 0.72, 0.85, middle, generator))
    large = _mask(_scattered(bleeds, 12, 1.7, 0.85, middle, generator))
    old = _mask(_scattered(drusen, 12, 0.75, 0.55, middle, generator))
    return _either(old, _mask(_clustered(exudates, 14, middle, generator))), _either(small, large)


def _scattered(
    expected: Tensor, most: int, width: float, strength: float, middle: Tensor, generator: Generator
) -> Spots:
    """About `expected` spots an eye, all over the field."""
    import torch

    shape = (len(expected), most)
    angle = 2 * torch.pi * torch.rand(shape, generator=generator)
    radius = 0.88 * RADIUS * torch.rand(shape, generator=generator).sqrt()
    return Spots(
        middle[:, :1] + radius * angle.cos(),
        middle[:, 1:] + radius * angle.sin(),
        width * (0.2 * _normal(shape, generator)).exp(),
        strength * _present(expected, most, generator),
    )


def _clustered(expected: Tensor, most: int, middle: Tensor, generator: Generator) -> Spots:
    """Hard exudates lie together, around a leaking vessel."""
    import torch

    shape = (len(expected), most)
    centre = middle + 9 * _normal((len(expected), 2), generator).clamp(-1.7, 1.7)
    return Spots(
        centre[:, :1] + 3.2 * _normal(shape, generator),
        centre[:, 1:] + 3.2 * _normal(shape, generator),
        torch.full(shape, 0.75),
        0.85 * _present(expected, most, generator),
    )


def _present(expected: Tensor, most: int, generator: Generator) -> Tensor:
    """1 for each of the spots that are there: about `expected` of `most`, Poisson distributed."""
    import torch

    drawn = torch.poisson(expected, generator=generator)
    return (torch.arange(most) < drawn[:, None]).float()


def _new_vessels(severity: Tensor, disc: Tensor, generator: Generator) -> Tensor:
    """A tangle of fine vessels that grows on the disc from severity 4 on."""
    import torch

    count, threads = len(severity), 9
    start = disc[:, None] + 2.0 * _normal((count, threads, 2), generator)
    heading = 2 * torch.pi * torch.rand(count, threads, generator=generator)
    x, y = _walk(start, heading, 0.15 * _normal((count, threads), generator), TANGLE, 0.45, generator)
    return _line(x, y, (0.9 * (severity > 4).float())[:, None].expand(x.shape), FINE)


def _vessels(disc: Tensor, side: Tensor, generator: Generator) -> Tensor:
    """Four arcades of a vein and an artery each leave the disc, bend around the fovea and branch."""
    import torch

    count = len(disc)
    # with the disc on the left: up and down towards the fovea, up and down away from it; veins first, then arteries
    away = torch.tensor([0.95, -0.95, 2.3, -2.3]).repeat(2) + torch.tensor([0.0, 0.28]).repeat_interleave(4)
    bend = torch.tensor([-0.030, 0.030, -0.006, 0.006]).repeat(2)
    heading = away + 0.14 * _normal((count, len(away)), generator)
    curve = bend + 0.006 * _normal((count, len(away)), generator)
    heading = torch.where(side > 0, torch.pi, 0.0)[:, None] - side[:, None] * heading
    start = disc[:, None].expand(count, len(away), 2)
    x, y = _walk(start, heading, -side[:, None] * curve, TRUNK, 0.05, generator)
    branches = [_branch(x, y, place, generator) for place in (10, 17, 25)]

    strength = torch.linspace(1.15, 0.6, TRUNK).repeat(len(away)).expand(x.shape)
    veins = slice(0, x.shape[1] // 2)
    thick = _line(x[:, veins], y[:, veins], 0.8 * strength[:, veins], THICK)
    fine_x, fine_y = (torch.cat(parts, dim=1) for parts in zip((x, y), *branches, strict=True))
    fainter = torch.full((count, fine_x.shape[1] - x.shape[1]), 0.55)
    return (thick + _line(fine_x, fine_y, torch.cat([0.6 * strength, fainter], dim=1), FINE)).clamp(max=1)


def _branch(x: Tensor, y: Tensor, place: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Thinner vessels that leave each trunk after `place` steps, to one of its sides."""
    import torch

    x, y = x.unflatten(1, (-1, TRUNK)), y.unflatten(1, (-1, TRUNK))
    along = torch.atan2(y[..., place + 1] - y[..., place], x[..., place + 1] - x[..., place])
    turn = torch.where(torch.rand(along.shape, generator=generator) < 0.5, -0.7, 0.7)
    start = torch.stack([x[..., place], y[..., place]], dim=-1)
    return _walk(start, along + turn, -0.02 * turn, BRANCH, 0.08, generator)


def _walk(
    start: Tensor, heading: Tensor, curve: Tensor, steps: int, wobble: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Steps of a pixel with a heading that changes by `curve` and a little at random: x and y, (N, paths · steps)."""
    turns = curve[..., None] + wobble * _normal((*heading.shape, steps), generator)
    angle = heading[..., None] + turns.cumsum(-1)
    x = start[..., :1] + angle.cos().cumsum(-1)
    y = start[..., 1:] + angle.sin().cumsum(-1)
    return x.flatten(1), y.flatten(1)


def _line(x: Tensor, y: Tensor, strength: Tensor, profile: float) -> Tensor:
    """Points, each shared among the four pixels around it, then blurred along both axes by `profile`."""
    import torch

    count, room = len(x), SIDE + 2  # a rim that catches what leaves the picture
    x, y = (x + 1).clamp(0, SIDE), (y + 1).clamp(0, SIDE)
    left, top = x.long(), y.long()
    right, below = x - left, y - top
    first = top * room + left + room**2 * torch.arange(count)[:, None]
    drawn = torch.zeros(count * room**2)
    for offset, share in (
        (0, (1 - right) * (1 - below)),
        (1, right * (1 - below)),
        (room, (1 - right) * below),
        (room + 1, right * below),
    ):
        drawn.index_add_(0, (first + offset).flatten(), (share * strength).flatten())
    picture = drawn.view(count, room, room)
    for _ in range(2):  # along one axis, then along the other
        edge, core = profile * picture, (1 - 2 * profile) * picture
        picture = core[:, 1:-1] + edge[:, :-2] + edge[:, 2:]
        picture = picture.transpose(1, 2)
    return picture.clamp(max=1)


def _mask(spots: Spots) -> Tensor:
    """How much of each pixel the spots cover, 0 to 1. A round Gaussian is a product of one along and one across."""
    import torch

    pixels = torch.arange(SIDE)
    across = _bump(pixels - spots.x[..., None], spots.width) * spots.strength[..., None]
    along = _bump(pixels - spots.y[..., None], spots.width)
    return (along.transpose(1, 2) @ across).clamp(max=1)


def _bump(distance: Tensor, width: Tensor) -> Tensor:
    return (-0.5 * (distance / width[..., None]) ** 2).exp()


def _round(centre: Tensor, width: float) -> Tensor:
    """One soft disc an eye, 1 in its centre."""
    import torch

    pixels = torch.arange(SIDE)
    across, along = (_bump(pixels - centre[:, axis, None], torch.tensor(width)) for axis in (0, 1))
    return along[:, :, None] * across[:, None]


def _either(a: Tensor, b: Tensor) -> Tensor:
    """Two covers, one over the other."""
    return a + b - a * b


def _blend(eyes: Tensor, mask: Tensor, colour: tuple[float, ...]) -> None:
    """Covers `eyes` with a colour, in place."""
    import torch

    eyes.lerp_(torch.tensor(colour)[:, None, None], mask[:, None])


def _clouds(count: int, generator: Generator) -> Tensor:
    """Slow variation of the ground's brightness."""
    import torch.nn.functional as F

    coarse = _normal((count, 1, 6, 6), generator)
    return F.interpolate(coarse, (SIDE, SIDE), mode="bilinear", align_corners=True)[:, 0]


def _normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    import torch

    return torch.randn(tuple(shape), generator=generator)
