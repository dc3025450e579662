"""Patches as tokens: one linear layer for all of them, with a convolution's weights."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.vit._ready_made_a import CALLED_CONVOLUTION
from autograder.spec import Case, Exercise, Rng, Speed, Wrong

FLOAT64 = torch.float64


class Oracle(nn.Module):
    def __init__(self, patch_size: int = 16, in_channels: int = 3, dim: int = 768) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.proj = nn.Conv2d(in_channels, dim, patch_size, patch_size)

    def kernels(self) -> Tensor:
        return self.proj.weight

    def bias(self) -> Tensor:
        assert self.proj.bias is not None
        return self.proj.bias

    def picture(self, images: Tensor) -> Tensor:
        """The tokens where they stand: (N, dim, rows, columns)."""
        return F.conv2d(images, self.kernels(), self.bias(), stride=self.patch_size)

    def in_a_row(self, picture: Tensor) -> Tensor:
        return picture.flatten(2).transpose(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.in_a_row(self.picture(images))


def by_hand() -> Case:
    found = {
        "proj.weight": torch.tensor([[[[1.0, 0.0], [0.0, 2.0]]], [[[0.0, 1.0], [0.0, 0.0]]]]),
        "proj.bias": torch.tensor([0.0, 10.0]),
    }
    return module_case(
        "two patches, tokens of two numbers, by hand",
        {"images": torch.tensor([[[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]])},
        found,
        options={"patch_size": 2, "in_channels": 1, "dim": 2},
        expect=torch.tensor([[[13.0, 12.0], [19.0, 14.0]]]),
        note="the patch 1 2 5 6 meets the kernels 1 0 0 2 and 0 1 0 0: 1·1 + 6·2 = 13 and 2·1 + 10 = 12",
    )


def case(
    name: str,
    rng: Rng,
    images: Tensor,
    size: int = 2,
    dim: int = 5,
    gradients: tuple[str, ...] = (),
    train: bool = False,
) -> Case:
    options = {"patch_size": size, "in_channels": images.shape[1], "dim": dim}
    found = weights(rng, Oracle(**options), images.dtype)
    return module_case(name, {"images": images}, found, options=options, gradients=gradients, train=train)


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield case("two rows of patches", rng, rng.normal(1, 1, 4, 6), dim=3)
    yield case("three channels, batch of 2", rng, rng.normal(2, 3, 6, 4), gradients=("images", "net"))
    yield case("as many rows as columns", rng, rng.normal(2, 2, 6, 6), dim=12)
    yield case("patches of 4 × 4", rng, rng.normal(2, 3, 8, 12), size=4, dim=7)
    yield case("as many numbers in a token as in a patch", rng, rng.normal(1, 3, 4, 6), dim=12)
    yield case("tokens of one number", rng, rng.normal(2, 3, 4, 4), dim=1)
    yield case("patches of one pixel", rng, rng.normal(2, 3, 3, 2), size=1)
    yield case("not contiguous", rng, rng.strided(2, 3, 6, 8))
    usual = module_case(
        "patches of 16 × 16 pixels in colour, unless told otherwise",
        {"images": rng.normal(1, 3, 32, 48)},
        weights(rng, Oracle(dim=4)),
        options={"dim": 4},
    )
    yield usual
    yield module_case(
        "768 numbers, unless told otherwise",
        {"images": rng.normal(1, 3, 4, 4)},
        weights(rng, Oracle(2)),
        options={"patch_size": 2},
    )
    exact = rng.normal(2, 3, 6, 9, dtype=FLOAT64)
    yield case("float64, train mode", rng, exact, size=3, gradients=("images", "net"), train=True)


class DownFirst(Oracle):
    def in_a_row(self, picture: Tensor) -> Tensor:
        return picture.transpose(2, 3).flatten(2).transpose(1, 2)


class ChannelLast(Oracle):
    def kernels(self) -> Tensor:
        size = self.patch_size
        apart: Tensor = self.proj.weight.flatten(1).unflatten(1, (size, size, -1))
        return apart.movedim(-1, 1)


class PixelsDownFirst(Oracle):
    def kernels(self) -> Tensor:
        return self.proj.weight.transpose(2, 3)


class Flipped(Oracle):
    def kernels(self) -> Tensor:
        return self.proj.weight.flip(2, 3)


class NoBias(Oracle):
    def bias(self) -> Tensor:
        return 0 * super().bias()


class WeightReshaped(Oracle):
    def kernels(self) -> Tensor:
        weight = self.proj.weight
        return weight.reshape(-1, len(weight)).T.reshape(weight.shape)


class StillAPicture(Oracle):
    def in_a_row(self, picture: Tensor) -> Tensor:
        return picture


class TokensAsColumns(Oracle):
    def in_a_row(self, picture: Tensor) -> Tensor:
        return picture.flatten(2)


class Scrambled(Oracle):
    def in_a_row(self, picture: Tensor) -> Tensor:
        return picture.reshape(len(picture), -1, picture.shape[1])


class Overlapping(Oracle):
    def picture(self, images: Tensor) -> Tensor:
        return F.conv2d(images, self.kernels(), self.bias())


class CutInOneStep(Oracle):
    def forward(self, images: Tensor) -> Tensor:
        patches = images.reshape(len(images), -1, images.shape[1] * self.patch_size**2)
        return F.linear(patches, self.proj.weight.flatten(1), self.bias())


ROWS = "which order do patchify's numbers have, and which order has a kernel (C, size, size)?"

PATCH_EMBED = Exercise(
    id="vit.PatchEmbed",
    cases=cases,
    oracle=Oracle,
    wrong=(
        Wrong(
            "goes through the patches column by column",
            DownFirst,
            says="every token is right, but they come column by column; they come row by row.",
            look="the order of patchify.",
        ),
        Wrong(
            "takes the channel for the kernel's last axis",
            ChannelLast,
            says="the pixels meet the wrong weights: patches with the channel last, kernels with the channel first.",
            look=ROWS,
        ),
        Wrong(
            "turns the patches over their diagonal",
            PixelsDownFirst,
            says="rows and columns of a patch meet columns and rows of the kernels.",
            look=ROWS,
        ),
        Wrong(
            "flips the kernels",
            Flipped,
            says="the kernels are turned round by 180°; deep learning's convolution doesn't flip.",
            look=ROWS,
        ),
        Wrong("forgets the bias", NoBias, says="the bias is never added.", look="`proj` has a weight and a bias."),
        Wrong(
            "turns the weights by a reshape",
            WeightReshaped,
            says="the weights were reshaped to (C·size·size, dim), which mixes the kernels; turning a matrix is a "
            "transposition.",
            look="flatten(1) gives one kernel a row, as F.linear wants it.",
        ),
        Wrong(
            "leaves the tokens in a picture",
            StillAPicture,
            says="the result is (N, dim, rows, columns); a transformer wants a row of tokens.",
            look="(N, n, dim).",
        ),
        Wrong(
            "writes tokens as columns",
            TokensAsColumns,
            says="the result is (N, dim, n); tokens come before their numbers.",
            look="(N, n, dim).",
        ),
        Wrong(
            "reshapes where it should turn",
            Scrambled,
            says="the shape is right, but (N, dim, …) was reshaped to (N, n, dim): each token holds one number of many "
            "patches.",
            look="axes change places by transpose or permute, never by reshape.",
        ),
        Wrong(
            "lets the patches overlap",
            Overlapping,
            says="there is a token for every pixel's neighbourhood; patches lie side by side.",
            look="the step from a patch to the next is patch_size.",
        ),
        Wrong(
            "cuts the patches by a reshape",
            CutInOneStep,
            says="the linear layer is right, but its inputs are stretches of the image's rows, not patches.",
            look="your patchify cuts them as they should be.",
        ),
    ),
    hints=(
        "Two steps: patchify, then one linear layer for all patches.",
        "Its matrix is proj.weight with a kernel a row: (dim, C·size·size).",
        "nn.functional.linear(patches, self.proj.weight.flatten(1), self.proj.bias).",
    ),
    points=2,
    minutes=10,
    needs=("vit.patchify",),
    forbidden=CALLED_CONVOLUTION,
    speed=Speed(
        case=lambda rng: case("speed", rng, rng.normal(4, 3, 224, 224), size=16, dim=192),
        limit=5.0,
        against="the strided convolution",
    ),
)

EXERCISES = (PATCH_EMBED,)
