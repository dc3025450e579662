"""A U-Net over the maps of an encoder that is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.resnet.residual_blocks import sizes_of, weights
from autograder.exercises.unet._ready_made import NETWORKS
from autograder.exercises.unet._variants import FLOAT64, GRADIENTS, OUT
from autograder.exercises.unet.double_conv import Oracle as DoubleConv
from autograder.exercises.vit._vit import under_other_names
from autograder.probes.levels import LevelsNet
from autograder.spec import Case, Exercise, Outputs, Probe, Ref, Rng, Step, Wrong, attribute, call, load, mode, new

MODE = attribute("encoder in training", "training", "encoder")
PARTS = call("parts", target="net", method="state_dict")


class Oracle(nn.Module):
    """What wrong answers do differently has a method of its own."""

    def __init__(self, encoder: nn.Module, channels: Sequence[int], classes: int = 1) -> None:
        super().__init__()
        self.encoder = encoder
        backwards = range(len(channels) - 1, 0, -1)
        self.ups = nn.ModuleList(DoubleConv(channels[i] + channels[i - 1], channels[i - 1]) for i in backwards)
        self.head = nn.Conv2d(channels[0], classes, 1)

    def maps(self, images: Tensor) -> list[Tensor]:
        return list(self.encoder(images))

    def enlarged(self, x: Tensor, size: Sequence[int]) -> Tensor:
        return F.interpolate(x, tuple(size), mode="bilinear")

    def joined(self, level: Tensor, larger: Tensor) -> Tensor:
        return torch.cat([level, larger], dim=1)

    def finished(self, x: Tensor, size: Sequence[int]) -> Tensor:
        return F.interpolate(self.head(x), tuple(size), mode="bilinear")

    def forward(self, images: Tensor) -> Tensor:
        maps = self.maps(images)
        x = maps[-1]
        for level, up in zip(maps[-2::-1], self.ups, strict=True):
            x = up(self.joined(level, self.enlarged(x, level.shape[2:])))
        return self.finished(x, images.shape[2:])


def one(
    rng: Rng, name: str, x: Tensor, channels: Sequence[int], strides: Sequence[int], *steps: Step, classes: int = 1
) -> Case:
    """A network whose weights, the encoder's too, are loaded, then `steps`."""
    asked = {"in_channels": x.shape[1], "channels": list(channels), "strides": list(strides)}
    sizes = sizes_of(lambda: Oracle(LevelsNet(**asked), channels, classes))  # type: ignore[arg-type]
    program = (
        new("net", encoder=Ref("encoder"), channels=list(channels), classes=classes),
        load("net", weights(rng, sizes, x.dtype)),
        *steps,
    )
    inputs = {"encoder": Probe("levels_net", asked), "x": x}
    return Case(name, program, inputs=inputs, terms=9 * x.numel(), scale=20.0)


def by_hand() -> Case:
    """Weights of 0: the head gives its bias."""
    asked = {"in_channels": 1, "channels": [1, 2], "strides": [1, 2]}
    sizes = sizes_of(lambda: Oracle(LevelsNet(**asked), [1, 2], 1))  # type: ignore[arg-type]
    zeros = {key: torch.zeros(shape) for key, shape in sizes.items()}
    zeros |= {key: torch.tensor(0) for key in sizes if key.endswith("num_batches_tracked")}
    zeros |= {"head.bias": torch.tensor([2.5]), "head.weight": torch.full((1, 1, 1, 1), 3.0)}
    zeros |= {"ups.0.norm2.bias": torch.tensor([0.5])}
    return Case(
        "weights of 0 and two biases, by hand",
        (new("net", encoder=Ref("encoder"), channels=[1, 2]), load("net", zeros), mode("net", "eval"), OUT),
        inputs={"encoder": Probe("levels_net", asked), "x": torch.ones(1, 1, 3, 4)},
        expect={"out": torch.full((1, 1, 3, 4), 4.0)},
        note="the last norm gives its bias 0.5 everywhere; the head makes 3 · 0.5 + 2.5 of it",
        terms=9,
    )


def made_of(name: str, channels: Sequence[int], classes: int) -> Case:
    """What an answer builds, before anything is loaded."""
    asked = {"in_channels": 1, "channels": list(channels), "strides": [2] * len(channels)}
    program = (
        new("net", encoder=Ref("encoder"), channels=list(channels), classes=classes),
        PARTS,
        call("parameters", target="encoder", method="parameters"),
        call("weight", target="parameters", method="__next__"),
        attribute("encoder learns", "requires_grad", "weight"),
    )
    return Case(name, program, inputs={"encoder": Probe("levels_net", asked)})


def cases(rng: Rng) -> Iterator[Case]:
    evaluation, train = mode("net", "eval"), mode("net", "train")
    yield by_hand()
    yield made_of("what it is made of", (4, 6, 8), 3)
    yield made_of("what it is made of, 4 levels", (2, 3, 5, 4), 1)
    yield one(rng, "3 levels, not square", rng.normal(2, 1, 8, 12), (3, 4, 5), (1, 2, 2), evaluation, OUT)
    yield one(rng, "odd sizes", rng.normal(1, 2, 11, 7), (2, 3, 4), (1, 2, 2), evaluation, OUT, classes=2)
    yield one(rng, "the finest map is halved", rng.normal(2, 3, 9, 14), (3, 2), (2, 2), evaluation, OUT, classes=3)
    yield one(rng, "thirds and quarters", rng.normal(1, 1, 13, 24), (2, 3, 2), (1, 3, 4), evaluation, OUT)
    yield one(
        rng, "4 levels, 4 classes", rng.normal(1, 1, 16, 17), (2, 2, 3, 3), (2, 1, 2, 2), evaluation, OUT, classes=4
    )
    yield one(rng, "not contiguous", rng.strided(2, 1, 9, 8), (2, 3), (1, 2), evaluation, OUT)
    x = rng.normal(2, 1, 7, 6, dtype=FLOAT64)
    yield one(rng, "training, gradients, float64", x, (2, 3, 4), (1, 2, 2), train, OUT, GRADIENTS, MODE)
    x = rng.normal(2, 2, 10, 9, dtype=FLOAT64)
    yield one(rng, "gradients, float64", x, (3, 4), (2, 2), evaluation, OUT, GRADIENTS, classes=2)


def shapes(parts: Mapping[str, Any]) -> list[str]:
    return [f"{name} {tuple(value.shape)}" for name, value in parts.items()]


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Of a state_dict the first name and shape that it lacks; all else as it is."""
    if "parts" not in outputs:
        return outputs
    options = next(item.kwargs for item in case.steps if item.verb == "new")
    wanted = Oracle(LevelsNet(**case.inputs["encoder"].options), options["channels"], options["classes"]).state_dict()
    got = shapes(outputs["parts"])
    missing = [item for item in shapes(wanted) if item not in got]
    return {
        "first part that is missing": missing[0] if missing else "none",
        "number of parts": len(got),
        "encoder learns": outputs["encoder learns"],
    }


# --- wrong answers ---------------------------------------------------------------------------------------------------


def twisted(**methods: Any) -> Any:
    return type("Twisted", (Oracle,), methods)


def behind(self: Oracle, level: Tensor, larger: Tensor) -> Tensor:
    """The finer map's channels come last; the convolution's weights expect them first."""
    return torch.cat([larger, level], dim=1)


class Listed(Oracle):
    """The finest step first in the list."""

    def __init__(self, encoder: nn.Module, channels: Sequence[int], classes: int = 1) -> None:
        super().__init__(encoder, channels, classes)
        self.ups = nn.ModuleList(list(self.ups)[::-1])

    def forward(self, images: Tensor) -> Tensor:
        maps = self.maps(images)
        x = maps[-1]
        for level, up in zip(maps[-2::-1], list(self.ups)[::-1], strict=True):
            x = up(self.joined(level, self.enlarged(x, level.shape[2:])))
        return self.finished(x, images.shape[2:])


OtherNames = under_other_names(Oracle, {"ups": "decoder", "head": "last"})


def frozen(self: Oracle, images: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return list(self.encoder(images))


def in_evaluation(self: Oracle, images: Tensor) -> list[Tensor]:
    self.encoder.eval()
    return list(self.encoder(images))


class Frozen(Oracle):
    def __init__(self, encoder: nn.Module, channels: Sequence[int], classes: int = 1) -> None:
        super().__init__(encoder, channels, classes)
        self.encoder.requires_grad_(False)


def no_skips(self: Oracle, level: Tensor, larger: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(level), larger], dim=1)


def nothing_from_below(self: Oracle, level: Tensor, larger: Tensor) -> Tensor:
    return torch.cat([level, torch.zeros_like(larger)], dim=1)


def nearest(self: Oracle, x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, tuple(size), mode="nearest")


def corners(self: Oracle, x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=True)


def twice_as_large(self: Oracle, x: Tensor, size: Sequence[int]) -> Tensor:
    """Doubled, and cut where that is too much."""
    larger = F.interpolate(x, scale_factor=2.0, mode="bilinear")[:, :, : size[0], : size[1]]
    return F.pad(larger, (0, size[1] - larger.shape[3], 0, size[0] - larger.shape[2]))


def small_logits(self: Oracle, x: Tensor, size: Sequence[int]) -> Tensor:
    out: Tensor = self.head(x)
    return out


def nearest_logits(self: Oracle, x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(self.head(x), tuple(size), mode="nearest")


def corner_logits(self: Oracle, x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(self.head(x), tuple(size), mode="bilinear", align_corners=True)


def probabilities(self: Oracle, x: Tensor, size: Sequence[int]) -> Tensor:
    return Oracle.finished(self, x, size).sigmoid()


ENCODER_UNET = Exercise(
    id="unet.EncoderUNet",
    cases=cases,
    oracle=Oracle,
    measure=measure,
    wrong=(
        Wrong(
            "puts the finer map's channels last",
            twisted(joined=behind),
            "what comes from below stands in front of the finer map's channels; it stands behind.",
            "torch.cat([finer, larger], dim=1).",
        ),
        Wrong(
            "leaves the finer maps out",
            twisted(joined=no_skips),
            "the finer maps' channels are zeros: nothing comes across.",
            "torch.cat([finer, larger], dim=1).",
        ),
        Wrong(
            "leaves out what comes from below",
            twisted(joined=nothing_from_below),
            "only the finer maps are used; what the levels below have seen never arrives.",
            "x is a new one after each step.",
        ),
        Wrong(
            "enlarges to the nearest",
            twisted(enlarged=nearest),
            "maps are enlarged by repeating pixels; asked is bilinear.",
            "mode=.",
        ),
        Wrong(
            "aligns corners",
            twisted(enlarged=corners),
            "maps are enlarged with corners on corners.",
            "align_corners=False.",
        ),
        Wrong(
            "doubles instead of fitting",
            twisted(enlarged=twice_as_large),
            "each map is enlarged by two, whatever the finer one's size; sizes may be odd, and levels further apart.",
            "finer.shape[2:].",
        ),
        Wrong(
            "leaves the logits at the finest map's size",
            twisted(finished=small_logits),
            "the logits are as large as the finest map, which may be smaller than the images.",
            "images.shape[2:].",
        ),
        Wrong(
            "enlarges the logits to the nearest",
            twisted(finished=nearest_logits),
            "in the end pixels are repeated; asked is bilinear.",
            "mode=.",
        ),
        Wrong(
            "aligns the logits' corners",
            twisted(finished=corner_logits),
            "in the end corners are on corners.",
            "align_corners=False.",
        ),
        Wrong(
            "gives probabilities",
            twisted(finished=probabilities),
            "the results are between 0 and 1: a sigmoid too many. Losses want logits.",
            "the last step.",
        ),
        Wrong(
            "cuts the encoder off",
            twisted(maps=frozen),
            "no gradient reaches the encoder: it will never learn.",
            "torch.no_grad, or detach. To freeze it is the caller's choice.",
        ),
        Wrong(
            "freezes the encoder",
            Frozen,
            "the encoder's parameters no longer ask for gradients: it will never learn.",
            "requires_grad. To freeze it is the caller's choice.",
        ),
        Wrong(
            "keeps the encoder in evaluation",
            twisted(maps=in_evaluation),
            "the encoder is put into evaluation mode in every pass, whatever mode the network is in.",
            "its mode is the caller's choice, by train() and eval().",
        ),
        Wrong(
            "aligns corners everywhere",
            twisted(enlarged=corners, finished=corner_logits),
            "maps and logits are enlarged with corners on corners.",
            "align_corners=False.",
        ),
        Wrong(
            "enlarges everything to the nearest",
            twisted(enlarged=nearest, finished=nearest_logits),
            "maps and logits are enlarged by repeating pixels, as F.interpolate does unless told otherwise.",
            "mode=.",
        ),
        Wrong(
            "lists the finest step first",
            Listed,
            "`ups` begins with the finest level; it begins with the lowest.",
            "the order in which forward needs them.",
        ),
        Wrong(
            "gives its parts other names",
            OtherNames,
            "it works, but its parts aren't called encoder, ups and head.",
            "the contract's table.",
        ),
    ),
    hints=(
        "maps = self.encoder(images); x = maps[-1]; then from the last but one back to the first.",
        "Step k from below has DoubleConv(finer + coarser, finer): for channels 8 16 32 that is (16 + 32, 16), "
        "(8 + 16, 8).",
        'F.interpolate(x, finer.shape[2:], mode="bilinear", align_corners=False), then torch.cat([finer, …], dim=1).',
    ),
    points=3,
    minutes=20,
    needs=("unet.DoubleConv",),
    forbidden=NETWORKS,
)

EXERCISES = (ENCODER_UNET,)
