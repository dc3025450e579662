"""A border around an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import PADDING
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

Border = tuple[int, int, int, int]  # left, right, top, bottom


def oracle(x: Tensor, padding: Border, mode: str = "constant", value: float = 0.0) -> Tensor:
    return F.pad(x, padding, mode, value if mode == "constant" else None)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "left and right, by hand",
        x=torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]),
        padding=(2, 1, 0, 0),
        expect=torch.tensor([[[[0.0, 0.0, 1.0, 2.0, 3.0, 0.0], [0.0, 0.0, 4.0, 5.0, 6.0, 0.0]]]]),
        note="the first row 1 2 3 gets two zeros before and one after: 0 0 1 2 3 0",
    )
    yield of_call("top only", x=rng.normal(1, 1, 2, 3), padding=(0, 0, 1, 0))
    yield of_call("four different widths", x=rng.normal(2, 3, 3, 4), padding=(1, 2, 3, 4), gradients=("x",))
    yield of_call("filled with 7.5", x=rng.normal(1, 2, 3, 2), padding=(1, 0, 2, 1), mode="constant", value=7.5)
    yield of_call("filled with −∞", x=rng.normal(1, 1, 2, 2), padding=(1, 1, 1, 1), mode="constant", value=-torch.inf)
    yield of_call(
        "reflect, by hand",
        x=torch.tensor([[[[1.0, 2.0, 3.0]]]]),
        padding=(2, 1, 0, 0),
        mode="reflect",
        expect=torch.tensor([[[[3.0, 2.0, 1.0, 2.0, 3.0, 2.0]]]]),
        note="1 2 3 seen in a mirror at the 1 goes on 2 3, read from the right: 3 2 · 1 2 3 · 2",
    )
    yield of_call("reflect below", x=rng.normal(1, 1, 3, 2), padding=(0, 0, 0, 2), mode="reflect")
    reflected = rng.normal(2, 3, 5, 6)
    yield of_call(
        "reflect, four different widths", x=reflected, padding=(1, 2, 3, 4), mode="reflect", gradients=("x",), terms=4
    )
    yield of_call("no padding: a copy", x=rng.normal(2, 2, 3, 3), padding=(0, 0, 0, 0))
    yield of_call("reflect without padding: a copy", x=rng.normal(2, 1, 3, 3), padding=(0, 0, 0, 0), mode="reflect")
    yield of_call("not contiguous", x=rng.strided(2, 3, 4, 5), padding=(2, 0, 1, 3))
    wide = rng.normal(2, 2, 3, 4, dtype=torch.float64)
    yield of_call("float64, filled with 0.1", x=wide, padding=(0, 3, 1, 0), mode="constant", value=0.1)
    yield of_call("float64, reflect", x=wide + 1, padding=(3, 1, 2, 0), mode="reflect", gradients=("x",), terms=4)
    yield of_call("no images", x=rng.normal(0, 2, 3, 4), padding=(1, 2, 0, 1))


def sample_axes(x: Tensor, padding: Border, *rest: Any) -> Tensor:
    return oracle(x.permute(2, 3, 0, 1), padding, *rest).permute(2, 3, 0, 1)


def swapped_axes(x: Tensor, padding: Border, *rest: Any) -> Tensor:
    left, right, top, bottom = padding
    return oracle(x, (top, bottom, left, right), *rest)


def other_side(x: Tensor, padding: Border, *rest: Any) -> Tensor:
    left, right, top, bottom = padding
    return oracle(x, (right, left, bottom, top), *rest)


def corner_first(x: Tensor, padding: Border, *rest: Any) -> Tensor:
    left, top, right, bottom = padding
    return oracle(x, (left, right, top, bottom), *rest)


def ignores_value(x: Tensor, padding: Border, mode: str = "constant", value: float = 0.0) -> Tensor:
    return oracle(x, padding, mode)


def ignores_mode(x: Tensor, padding: Border, mode: str = "constant", value: float = 0.0) -> Tensor:
    return oracle(x, padding, "constant", value)


def replicates(x: Tensor, padding: Border, mode: str = "constant", value: float = 0.0) -> Tensor:
    return oracle(x, padding, mode.replace("reflect", "replicate"), value)


def wraps(x: Tensor, padding: Border, mode: str = "constant", value: float = 0.0) -> Tensor:
    return oracle(x, padding, mode.replace("reflect", "circular"), value)


def repeats_edge(x: Tensor, padding: Border, mode: str = "constant", value: float = 0.0) -> Tensor:
    if mode == "constant":
        return oracle(x, padding, mode, value)
    left, right, top, bottom = padding
    rows = np.pad(np.arange(x.shape[2]), (top, bottom), mode="symmetric")
    columns = np.pad(np.arange(x.shape[3]), (left, right), mode="symmetric")
    return x[:, :, torch.from_numpy(rows)][..., torch.from_numpy(columns)]


def shifts_image(x: Tensor, padding: Border, mode: str = "constant", value: float = 0.0) -> Tensor:
    return oracle(x + (value if mode == "constant" else 0), padding, mode, value)


def single_precision(x: Tensor, padding: Border, *rest: Any) -> Tensor:
    return oracle(x.float(), padding, *rest)


def same_tensor(x: Tensor, padding: Border, *rest: Any) -> Tensor:
    return oracle(x, padding, *rest) if any(padding) else x


PAD2D = Exercise(
    id="lenet.pad2d",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "pads the batch and channel axes",
            sample_axes,
            says="the border went around samples and channels instead of rows and columns.",
            look="in (N, C, H, W) the image's axes are the last two.",
        ),
        Wrong(
            "swaps H and W",
            swapped_axes,
            says="height and width are swapped: left and right belong to the last axis.",
            look="padding is (left, right, top, bottom): the first pair adds columns.",
        ),
        Wrong(
            "puts the border on the opposite side",
            other_side,
            says="what belongs on the left is on the right, and what belongs on top is at the bottom.",
            look="at which row and column of the output does the image start?",
        ),
        Wrong(
            "reads the widths as (left, top, right, bottom)",
            corner_first,
            says="padding is read as (left, top, right, bottom); it is (left, right, top, bottom).",
            look="unpack padding into four names, in the order of the docstring.",
        ),
        Wrong(
            "ignores value",
            ignores_value,
            says="the border is always 0; it should hold value.",
            look="what was your output filled with before the image went in?",
        ),
        Wrong(
            "ignores mode",
            ignores_mode,
            says='the border is filled with a constant even if mode is "reflect".',
            look="print mode, and follow which lines run.",
        ),
        Wrong(
            "repeats the edge when it mirrors",
            repeats_edge,
            says="the edge pixel is repeated: 1 2 3 became 2 1 · 1 2 3; the mirror stands on the edge pixel itself.",
            look="the first mirrored pixel is the edge's neighbour: your slice starts one too early.",
        ),
        Wrong(
            "smears the edge instead of mirroring",
            replicates,
            says="the edge pixel is copied outwards; reflect goes back into the image.",
            look="for 1 2 3 and two on the left, the border reads 3 2.",
        ),
        Wrong(
            "wraps around instead of mirroring",
            wraps,
            says="the border continues with the far side of the image; reflect mirrors the near side.",
            look="a mirrored strip is a slice next to the edge, flipped.",
        ),
        Wrong(
            "adds value to the image too",
            shifts_image,
            says="value was added to the image as well as to its border.",
            look="the image replaces what fills your output; it isn't added to it.",
        ),
        Wrong(
            "answers in float32 whatever comes in",
            single_precision,
            says="the result is float32 although x is not.",
            look="x.new_full(…) makes a tensor of x's dtype, on x's device.",
        ),
        Wrong(
            "returns x itself when there is nothing to pad",
            same_tensor,
            says="without padding you return x itself: whoever changes the result changes the input.",
            look="always build a new tensor, or clone.",
        ),
    ),
    hints=(
        "How large is the output, and at which row and column does the image start in it?",
        'For "constant": make an output full of value, then write x into the right slice of it.',
        'For "reflect": the strip left of the image is x[..., 1 : left + 1], flipped. Do columns first, then rows.',
    ),
    points=3,
    minutes=15,
    forbidden=PADDING,
    speed=Speed(
        case=lambda rng: of_call("speed", x=rng.uniform(4, 32, 64, 64), padding=(1, 2, 3, 4)),
        limit=3.0,
        against="F.pad",
    ),
)

EXERCISES = (PAD2D,)
