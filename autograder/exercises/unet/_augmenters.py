"""What augments images and masks, in float64, and how students get it wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.exercises.resnet.colour import oracle as jittered
from autograder.exercises.unet._sampled import Pair, pair_at
from autograder.exercises.unet.affine import places as affine_places
from autograder.exercises.unet.elastic import places as elastic_places
from autograder.exercises.unet.turning import oracle as turned

Drawn = dict[str, Tensor]


class Oracle:
    """With hooks for the habits of mistakes."""

    def __init__(
        self,
        turns: bool = True,
        degrees: float = 15.0,
        zoom: float = 1.2,
        shift: float = 0.1,
        bend: float = 0.0,
        colour: float = 0.2,
        outside: int | None = None,
    ) -> None:
        self.turns, self.degrees, self.zoom = turns, degrees, zoom
        self.shift, self.bend, self.colour, self.outside = shift, bend, colour, outside

    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        square = size[0] == size[1]
        number = torch.randint(8 if square else 4, (count,), generator=generator) * (1 if square else 2)
        chance = 2 * torch.rand(4, count, generator=generator) - 1
        return {
            "turns": number if self.turns else 0 * number,
            "angles": self.degrees * chance[0],
            "zooms": self.zooms(chance[1]),
            "shifts": self.shift * torch.stack([size[0] * chance[2], size[1] * chance[3]], 1),
            "field": self.bend * torch.randn(count, 2, 4, 4, generator=generator),
            "colour": torch.randint(2**31, (), generator=generator),
        }

    def zooms(self, chance: Tensor) -> Tensor:
        return self.zoom**chance

    def flipped(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        numbers = drawn["turns"].tolist()
        both = [(turned(x, k), turned(y, k)) for x, y, k in zip(images, masks, numbers, strict=True)]
        return torch.stack([x for x, _ in both]), torch.stack([y for _, y in both])

    def moved(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        size = (images.shape[2], images.shape[3])
        at = affine_places(size, *(drawn[key].cpu() for key in ("angles", "zooms", "shifts"))).to(images.device)
        return pair_at(images, masks, at, self.outside)

    def bent(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        if not self.bend:
            return images, masks
        at = elastic_places(drawn["field"].cpu(), (images.shape[2], images.shape[3])).to(images.device)
        return pair_at(images, masks, at, self.outside)

    def coloured(self, images: Tensor, drawn: Drawn) -> Tensor:
        if not self.colour:
            return images
        strengths = (self.colour,) * 3
        return jittered(images.expand(-1, 3, -1, -1), *strengths, int(drawn["colour"]))[:, : images.shape[1]]

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        for done in (self.flipped, self.moved, self.bent):
            images, masks = done(images, masks, drawn)
        return self.coloured(images, drawn), masks

    def __call__(self, images: Tensor, masks: Tensor, generator: torch.Generator) -> Pair:
        return self.apply(images, masks, self.draw(len(images), (images.shape[2], images.shape[3]), generator))


class OneForAll(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(1, size, generator)
        shared = {key: value.expand(count, *value.shape[1:]).clone() for key, value in drawn.items() if key != "colour"}
        return shared | {"colour": drawn["colour"]}


class UniformZoom(Oracle):
    def zooms(self, chance: Tensor) -> Tensor:
        low, high = 1 / self.zoom, self.zoom
        return low + (high - low) * (chance + 1) / 2


class OnlyEnlarges(Oracle):
    def zooms(self, chance: Tensor) -> Tensor:
        return self.zoom ** chance.abs()


class ZoomsAroundOne(Oracle):
    def zooms(self, chance: Tensor) -> Tensor:
        return 1 + (self.zoom - 1) * chance


class OneSide(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(count, size, generator)
        return drawn | {"angles": drawn["angles"].abs()}


class Radians(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(count, size, generator)
        return drawn | {"angles": drawn["angles"].deg2rad()}


class SharesForPixels(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(count, size, generator)
        return drawn | {"shifts": drawn["shifts"] / torch.tensor(size)}


class HeightForBoth(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(count, size, generator)
        return drawn | {"shifts": drawn["shifts"] / torch.tensor(size) * size[0]}


class NeverMirrors(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(count, size, generator)
        return drawn | {"turns": drawn["turns"] % 4}


class TurnsAnyShape(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(count, size, generator)
        number = torch.randint(8, (count,), generator=generator)
        return drawn | {"turns": number if self.turns else 0 * number}


class TurnsAnyway(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        return super().draw(count, size, generator) | {"turns": torch.randint(8, (count,), generator=generator)}


class OneDrawForTwo(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(count, size, generator)
        right = drawn["shifts"][:, :1] / size[0] * size[1]
        return drawn | {"shifts": torch.cat([drawn["shifts"][:, :1], right], 1)}


class StrengthlessArrows(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(count, size, generator)
        return drawn | {"field": torch.randn(count, 2, 4, 4, generator=generator)}


class EvenArrows(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        drawn = super().draw(count, size, generator)
        return drawn | {"field": self.bend * (2 * torch.rand(count, 2, 4, 4, generator=generator) - 1)}


class GlobalChance(Oracle):
    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Drawn:
        return super().draw(count, size, torch.default_generator)


class DrawsTwice(Oracle):
    """The classic: a draw for the image, and another one for its mask."""

    def __call__(self, images: Tensor, masks: Tensor, generator: torch.Generator) -> Pair:
        first, second = (super(DrawsTwice, self).__call__(images, masks, generator) for _ in range(2))
        return first[0], second[1]


class SizeTurned(Oracle):
    """Width before height."""

    def __call__(self, images: Tensor, masks: Tensor, generator: torch.Generator) -> Pair:
        return self.apply(images, masks, self.draw(len(images), (images.shape[3], images.shape[2]), generator))


class MasksOfFloats(Oracle):
    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        images, masks = super().apply(images, masks, drawn)
        return images, masks.to(images.dtype)


class MaskFlipsNot(Oracle):
    def flipped(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        return super().flipped(images, masks, drawn)[0], masks


class MaskStays(Oracle):
    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        return super().apply(images, masks, drawn)[0], masks.clone()


class MovesFirst(Oracle):
    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        for done in (self.moved, self.flipped, self.bent):
            images, masks = done(images, masks, drawn)
        return self.coloured(images, drawn), masks


class BendsFirst(Oracle):
    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        for done in (self.flipped, self.bent, self.moved):
            images, masks = done(images, masks, drawn)
        return self.coloured(images, drawn), masks


class NeverBends(Oracle):
    def bent(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        return images, masks


class BendsAlways(Oracle):
    def bent(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        self_bend, self.bend = self.bend, 1.0
        out = super().bent(images, masks, drawn)
        self.bend = self_bend
        return out


class BendsTwiceAsFar(Oracle):
    """Multiplies by bend what was drawn with it."""

    def bent(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        return super().bent(images, masks, drawn | {"field": self.bend * drawn["field"]})


class BendsMirrored(Oracle):
    """`outside` goes to affine_pair alone."""

    def bent(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        outside, self.outside = self.outside, None
        out = super().bent(images, masks, drawn)
        self.outside = outside
        return out


class OutsideForgotten(Oracle):
    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        self.outside = 0
        return super().apply(images, masks, drawn)


class NeverColours(Oracle):
    def coloured(self, images: Tensor, drawn: Drawn) -> Tensor:
        return images


class ColoursLittle(Oracle):
    """The strength of colour isn't handed on."""

    def coloured(self, images: Tensor, drawn: Drawn) -> Tensor:
        if not self.colour:
            return images
        return jittered(images.expand(-1, 3, -1, -1), 0.9, 0.9, 0.9, int(drawn["colour"]))[:, : images.shape[1]]


class ColoursFirst(Oracle):
    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> Pair:
        images = self.coloured(images, drawn)
        for done in (self.flipped, self.moved, self.bent):
            images, masks = done(images, masks, drawn)
        return images, masks


class OneColourSeed(Oracle):
    def coloured(self, images: Tensor, drawn: Drawn) -> Tensor:
        return super().coloured(images, drawn | {"colour": torch.tensor(0)})


class OnlyBrightens(Oracle):
    def coloured(self, images: Tensor, drawn: Drawn) -> Tensor:
        return jittered(images.expand(-1, 3, -1, -1), self.colour, 0.0, 0.0, int(drawn["colour"]))[:, : images.shape[1]]


class ThreeGreys(Oracle):
    def coloured(self, images: Tensor, drawn: Drawn) -> Tensor:
        return super().coloured(images.expand(-1, 3, -1, -1), drawn)
