"""Tokens from convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.vit._ready_made_b import LIBRARIES
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong, attribute, new


class Oracle(nn.Module):
    """Each step is a method of its own, for the wrong answers to change."""

    def __init__(self, in_channels: int = 3, dim: int = 192, halvings: int = 4) -> None:
        super().__init__()
        self.patch_size = self.step(halvings)
        layers: list[nn.Module] = []
        for index in range(halvings):
            width = dim >> (halvings - 1 - index)
            layers += [nn.Conv2d(in_channels, width, 3, bias=False), nn.BatchNorm2d(width)]
            in_channels = width
        self.body = nn.ModuleList(layers)
        self.proj = nn.Conv2d(dim, dim, 1)

    def step(self, halvings: int) -> int:
        return 1 << halvings

    def halve(self, x: Tensor, kernel: Tensor) -> Tensor:
        return nn.functional.conv2d(x, kernel, stride=2, padding=1)

    def bend(self, x: Tensor, norm: nn.Module, last: bool) -> Tensor:
        return torch.relu(norm(x))

    def lay_out(self, x: Tensor) -> Tensor:
        rows: Tensor = x.flatten(2)
        return rows.transpose(1, 2)

    def finish(self, x: Tensor) -> Tensor:
        out: Tensor = self.proj(x)
        return out

    def forward(self, images: Tensor) -> Tensor:
        x = images
        for index in range(0, len(self.body), 2):
            kernel = self.body[index].weight
            assert isinstance(kernel, Tensor)
            x = self.bend(self.halve(x, kernel), self.body[index + 1], index + 2 == len(self.body))
        return self.lay_out(self.finish(x))


def case(
    rng: Rng,
    name: str,
    images: Tensor,
    *,
    dim: int,
    halvings: int,
    train: bool = False,
    gradients: tuple[str, ...] = (),
) -> Case:
    channels = images.shape[1]
    found = weights(rng, Oracle(channels, dim, halvings), images.dtype)
    options = {"in_channels": channels, "dim": dim, "halvings": halvings}
    return module_case(name, {"images": images}, found, options=options, train=train, gradients=gradients)


def size_case(**options: int) -> Case:
    """The attribute `patch_size` alone."""
    asked = attribute("patch_size", "patch_size", "net")
    return Case(f"patch_size of {options['halvings']} halvings", (new("net", **options), asked))


def by_hand() -> Case:
    found: Mapping[str, Value] = {
        "body.0.weight": torch.ones(1, 1, 3, 3),
        "body.1.weight": torch.tensor([2.0]),
        "body.1.bias": torch.tensor([-6.0]),
        "body.1.running_mean": torch.tensor([1.0]),
        "body.1.running_var": torch.tensor([1.0 - 1e-5]),
        "body.1.num_batches_tracked": torch.tensor(0),
        "proj.weight": torch.full((1, 1, 1, 1), -1.0),
        "proj.bias": torch.tensor([0.5]),
    }
    image = torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 0.0, 2.0]]).reshape(1, 1, 2, 4)
    return module_case(
        "one channel, 2 × 4 pixels, one halving, by hand",
        {"images": image},
        found,
        options={"in_channels": 1, "dim": 1, "halvings": 1},
        expect=torch.tensor([[[0.5], [-1.5]]]),
        note="around row 0, columns 0 and 2: 1 + 1 = 2 and 2 + 1 + 2 = 5; the norm gives 2·(2 − 1) − 6 = −4 and "
        "2·(5 − 1) − 6 = 2, the ReLU 0 and 2, proj 0.5 − 0 and 0.5 − 2",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield case(rng, "two halvings, 3 × 5 tokens", rng.normal(1, 3, 12, 20), dim=8, halvings=2)
    yield case(rng, "three halvings, batch of 2", rng.normal(2, 1, 16, 24), dim=12, halvings=3)
    yield case(rng, "four halvings, one token", rng.normal(2, 2, 16, 16), dim=8, halvings=4)
    yield case(rng, "one halving", rng.normal(3, 2, 6, 4), dim=5, halvings=1)
    yield case(rng, "not contiguous", rng.strided(2, 3, 8, 12), dim=6, halvings=2)
    yield case(
        rng,
        "float64, gradients, train mode",
        rng.normal(3, 2, 8, 12, dtype=torch.float64),
        dim=8,
        halvings=2,
        train=True,
        gradients=("images", "net"),
    )
    yield size_case(in_channels=3, dim=12, halvings=3)
    yield size_case(in_channels=3, dim=32, halvings=5)


class NotPadded(Oracle):
    def halve(self, x: Tensor, kernel: Tensor) -> Tensor:
        return nn.functional.conv2d(nn.functional.pad(x, (0, 1, 0, 1)), kernel, stride=2)


class PooledByMaximum(Oracle):
    def halve(self, x: Tensor, kernel: Tensor) -> Tensor:
        return nn.functional.max_pool2d(nn.functional.conv2d(x, kernel, padding=1), 2)


class PooledByMean(Oracle):
    def halve(self, x: Tensor, kernel: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(nn.functional.conv2d(x, kernel, padding=1), 2)


class Straight(Oracle):
    def bend(self, x: Tensor, norm: nn.Module, last: bool) -> Tensor:
        out: Tensor = norm(x)
        return out


class StraightAtTheEnd(Oracle):
    def bend(self, x: Tensor, norm: nn.Module, last: bool) -> Tensor:
        out: Tensor = norm(x)
        return out if last else torch.relu(out)


class BentBeforeTheNorm(Oracle):
    def bend(self, x: Tensor, norm: nn.Module, last: bool) -> Tensor:
        out: Tensor = norm(torch.relu(x))
        return out


class NotNormalised(Oracle):
    def bend(self, x: Tensor, norm: nn.Module, last: bool) -> Tensor:
        return torch.relu(x)


class BentByGelu(Oracle):
    def bend(self, x: Tensor, norm: nn.Module, last: bool) -> Tensor:
        return nn.functional.gelu(norm(x))


class BentAfterProj(Oracle):
    def finish(self, x: Tensor) -> Tensor:
        return torch.relu(self.proj(x))


class NoProj(Oracle):
    def finish(self, x: Tensor) -> Tensor:
        return x


class DownTheColumns(Oracle):
    def lay_out(self, x: Tensor) -> Tensor:
        return super().lay_out(x.transpose(2, 3))


class ReshapedAlone(Oracle):
    def lay_out(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), -1, x.shape[1])


class ChannelsFirst(Oracle):
    def lay_out(self, x: Tensor) -> Tensor:
        return x.flatten(2)


class AsAPicture(Oracle):
    def lay_out(self, x: Tensor) -> Tensor:
        return x


class SizeCounted(Oracle):
    def step(self, halvings: int) -> int:
        return halvings


class SizeDoubled(Oracle):
    def step(self, halvings: int) -> int:
        return 2 * halvings


class SizeSquared(Oracle):
    def step(self, halvings: int) -> int:
        return halvings**2


CONVOLUTIONS = (
    Wrong(
        "pads at one side only",
        NotPadded,
        says="the windows stand one pixel too far to the lower right: zeros are added at two sides, not at all four.",
        look="padding=1 adds a row or column on every side.",
    ),
    Wrong(
        "halves by max pooling",
        PooledByMaximum,
        says="the convolutions look at every pixel and a pooling keeps the largest of four; the convolutions "
        "themselves take steps of 2.",
        look="stride.",
    ),
    Wrong(
        "halves by average pooling",
        PooledByMean,
        says="the convolutions look at every pixel and a pooling takes the mean of four; the convolutions themselves "
        "take steps of 2.",
        look="stride.",
    ),
    Wrong(
        "leaves out the ReLUs",
        Straight,
        says="nothing bends between the convolutions: in eval mode the whole stem is one linear map.",
        look="convolution, norm, ReLU.",
    ),
    Wrong(
        "leaves out the last ReLU",
        StraightAtTheEnd,
        says="after the last norm there is no ReLU; only proj has none.",
        look="each of the halvings has the same three layers.",
    ),
    Wrong(
        "bends before the norm",
        BentBeforeTheNorm,
        says="the ReLU comes before the batch norm.",
        look="convolution, norm, ReLU.",
    ),
    Wrong(
        "never uses the norms",
        NotNormalised,
        says="the batch norms are there, but nothing goes through them.",
        look="which layers does forward call?",
    ),
    Wrong(
        "bends by GELU",
        BentByGelu,
        says="the convolutions are followed by GELU, as in the transformer's Mlp; here it is ReLU.",
        look="nn.ReLU.",
    ),
    Wrong(
        "bends after proj",
        BentAfterProj,
        says="a ReLU follows the 1 × 1 convolution, so no token has a negative number.",
        look="proj comes last, as it is.",
    ),
    Wrong(
        "leaves out proj",
        NoProj,
        says="the tokens come right from the last ReLU; the 1 × 1 convolution, which mixes them, comes last.",
        look="what happens to self.proj in forward?",
    ),
)

TOKENS = (
    Wrong(
        "goes down the columns",
        DownTheColumns,
        says="the tokens come column by column; they come row by row.",
        look="flatten(2) goes through rows; what did you do before it?",
    ),
    Wrong(
        "reshapes where it should transpose",
        ReshapedAlone,
        says="the shape is right, but each token holds numbers of several places: reshape doesn't move channels to "
        "the end.",
        look="(N, dim, n) first, then exchange two axes.",
    ),
    Wrong(
        "leaves the channels before the tokens",
        ChannelsFirst,
        says="the result is (N, dim, n); tokens are (N, n, dim).",
        look="exchange the last two axes.",
    ),
    Wrong(
        "answers with a picture",
        AsAPicture,
        says="this is the map (N, dim, H', W'); its places should stand in one row.",
        look="flatten the two axes of places.",
    ),
    Wrong(
        "takes the number of halvings for patch_size",
        SizeCounted,
        says="patch_size is how many pixels a token stands for along a side; you have the number of halvings.",
        look="two halvings make one of four pixels.",
    ),
    Wrong(
        "doubles the number of halvings",
        SizeDoubled,
        says="patch_size is 2 · halvings; each halving doubles the pixels a token stands for.",
        look="the power, not the product.",
    ),
    Wrong(
        "squares the number of halvings",
        SizeSquared,
        says="patch_size is halvings²; it is the other power of the two.",
        look="what is it for one halving?",
    ),
)

CONV_STEM = Exercise(
    id="vit.ConvStem",
    cases=cases,
    oracle=Oracle,
    wrong=(*CONVOLUTIONS, *TOKENS),
    hints=(
        "A loop over the halvings makes the widths: dim // 2 ** (halvings − 1), …, dim // 2, dim.",
        "Collect nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU() in a list, and give "
        "it to nn.Sequential(*layers).",
        "proj(body(images)) is (N, dim, H', W'). flatten(2), then transpose(1, 2).",
    ),
    points=3,
    minutes=15,
    forbidden=LIBRARIES,
    speed=Speed(
        case=lambda rng: case(rng, "speed", rng.normal(4, 3, 64, 64), dim=64, halvings=4),
        limit=3.0,
        against="the same layers, called one by one",
    ),
)

EXERCISES = (CONV_STEM,)
