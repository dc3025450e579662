"""Augmentation of images and masks by one draw of chance."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from solutions.resnet import colour_jitter
from solutions.unet.elastic import elastic_deform
from solutions.unet.pairs import affine_pair, flip_rotate


class PairedAugment:
    """Changes a batch of images and masks at random: image and mask alike where things move, the
    image alone where colours change.

    `draw` makes all random numbers of a batch, `apply` uses them, and a call does both. In between
    nothing is random, so nothing can fall apart. A call takes (images, masks, generator), as
    `train_segmenter` gives them to `augment`; images run from 0 to 1 and have 3 channels or 1.

    turns: whether images are turned and mirrored, as `flip_rotate` does.
    degrees, zoom, shift: how far `affine_pair` goes: angles −degrees … degrees, zooms 1/zoom … zoom
    (≥ 1), shifts up to this share of height and width.
    bend: standard deviation of `elastic_deform`'s arrows, in pixels; 0 leaves it out.
    colour: strength of `colour_jitter`'s three steps; 0 leaves it out.
    outside: as in `sample_pair`.

    Raises ValueError if a strength is negative or `zoom` below 1. Peer: Albumentations' `Compose`.
    """

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
        if zoom < 1 or min(degrees, shift, bend, colour) < 0:
            raise ValueError("zoom must be at least 1, and degrees, shift, bend and colour at least 0")
        self.turns, self.degrees, self.zoom = turns, degrees, zoom
        self.shift, self.bend, self.colour, self.outside = shift, bend, colour, outside

    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> dict[str, Tensor]:
        """All random numbers for `count` images of `size` (H, W), each image its own:

        `turns`   (count,) numbers for `flip_rotate`, each of the eight as likely; of images that
                  aren't square only 0, 2, 4 and 6, which keep their shape; zeros if turns is False
        `angles`  (count,) degrees, uniform
        `zooms`   (count,) of which the logarithm is uniform, so that ½ is as likely as 2
        `shifts`  (count, 2) pixels down and right, uniform up to shift · H and shift · W
        `field`   (count, 2, 4, 4) arrows, normal
        `colour`  a whole number 0 … 2³¹ − 1, the seed of `colour_jitter`, without an axis

        float32 and int64, on the CPU, as the generator is. Nothing else is random.
        """
        square = size[0] == size[1]
        turns = torch.randint(8 if square else 4, (count,), generator=generator) * (1 if square else 2)
        angle, zoom, down, right = (2 * torch.rand(count, 4, generator=generator) - 1).unbind(1)
        return {
            "turns": turns * self.turns,
            "angles": self.degrees * angle,
            "zooms": (math.log(self.zoom) * zoom).exp(),
            "shifts": self.shift * torch.stack([size[0] * down, size[1] * right], dim=1),
            "field": self.bend * torch.randn(count, 2, 4, 4, generator=generator),
            "colour": torch.randint(2**31, (), generator=generator),
        }

    def apply(
        self, images: Float[Tensor, "N C H W"], masks: Int[Tensor, "N H W"], drawn: dict[str, Tensor]
    ) -> tuple[Float[Tensor, "N C H W"], Int[Tensor, "N H W"]]:
        """What was drawn, done: `flip_rotate`, `affine_pair`, `elastic_deform` (unless bend is 0), and
        last, for the image alone, `colour_jitter` (unless colour is 0) with the strength `colour` for
        each of its steps. A grey image is jittered as three equal channels, of which one is kept.
        """
        numbers = drawn["turns"].tolist()
        images = torch.stack([flip_rotate(image, number) for image, number in zip(images, numbers, strict=True)])
        masks = torch.stack([flip_rotate(mask, number) for mask, number in zip(masks, numbers, strict=True)])
        angles, zooms, shifts = (drawn[name].to(images) for name in ("angles", "zooms", "shifts"))
        images, masks = affine_pair(images, masks, angles, zooms, shifts, self.outside)
        if self.bend:
            images, masks = elastic_deform(images, masks, drawn["field"].to(images), self.outside)
        if self.colour:
            coloured = images.expand(-1, 3, -1, -1)
            jittered = colour_jitter(coloured, self.colour, self.colour, self.colour, int(drawn["colour"]))
            images = jittered[:, : images.shape[1]]
        return images, masks

    def __call__(
        self, images: Float[Tensor, "N C H W"], masks: Int[Tensor, "N H W"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "N C H W"], Int[Tensor, "N H W"]]:
        """`apply` with a fresh `draw`."""
        return self.apply(images, masks, self.draw(len(images), (images.shape[2], images.shape[3]), generator))
