"""The transposed convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import CONVOLUTION
from autograder.exercises.unet._ready_made import NETWORKS
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong, of_call

FLOAT64 = torch.float64


def oracle(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Tensor:
    return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)


def case(name: str, x: Tensor, weight: Tensor, *gradients: str, **others: Value) -> Case:
    """Arguments as far as `others` goes."""
    defaults: dict[str, Value] = {"bias": None, "stride": 1, "padding": 0, "output_padding": 0}
    last = max((list(defaults).index(key) for key in others), default=-1)
    given: dict[str, Any] = {key: others.get(key, defaults[key]) for key in list(defaults)[: last + 1]}
    return of_call(name, x=x, weight=weight, **given, gradients=gradients, terms=max(weight.numel(), x.numel()))


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two pixels, stride 2, by hand",
        x=torch.tensor([[[[1.0, 2.0]]]]),
        weight=torch.tensor([[[[1.0, 10.0, 100.0]]]]),
        bias=None,
        stride=2,
        expect=torch.tensor([[[[1.0, 10.0, 102.0, 20.0, 200.0]]]]),
        note="stamps 1·(1 10 100) from column 0 and 2·(1 10 100) from column 2: 100 + 2·1 = 102 where they meet",
    )
    yield case("one pixel is one stamp", rng.normal(1, 1, 1, 1), rng.normal(1, 1, 2, 3), "x", "weight")
    yield case("three channels to three", rng.normal(1, 3, 3, 2), rng.normal(3, 3, 2, 2))
    yield case(
        "side by side, as in a U-Net", rng.normal(2, 4, 3, 5), rng.normal(4, 2, 2, 2), bias=rng.normal(2), stride=2
    )
    yield case("stamps overlap, batch of 3", rng.normal(3, 2, 3, 4), rng.normal(2, 3, 3, 3), "x", "weight", stride=2)
    yield from with_options(rng)


def with_options(rng: Rng) -> Iterator[Case]:
    """Strides, paddings and what comes beyond the last stamp."""
    yield case("gaps between stamps", rng.normal(1, 2, 3, 2), rng.normal(2, 3, 2, 1), bias=rng.normal(3), stride=3)
    yield case(
        "cut by 1, as many channels as columns",
        rng.normal(2, 2, 3, 3),
        rng.normal(2, 3, 3, 3),
        bias=rng.normal(3),
        padding=1,
    )
    yield case(
        "doubles exactly",
        rng.normal(2, 2, 4, 3),
        rng.normal(2, 3, 3, 3),
        bias=rng.normal(3),
        stride=2,
        padding=1,
        output_padding=1,
    )
    yield case("2 beyond the last stamp", rng.normal(1, 1, 2, 3), rng.normal(1, 2, 2, 2), stride=3, output_padding=2)
    yield case("not contiguous", rng.strided(2, 3, 4, 3), rng.strided(3, 2, 2, 3), stride=2, padding=1)
    yield case(
        "float64, everything at once",
        rng.normal(2, 3, 5, 3, dtype=FLOAT64),
        rng.normal(3, 2, 4, 5, dtype=FLOAT64),
        *("x", "weight", "bias"),
        bias=rng.normal(2, dtype=FLOAT64),
        stride=3,
        padding=2,
        output_padding=2,
    )


# --- wrong answers ---------------------------------------------------------------------------------------------------


def with_bias(out: Tensor, bias: Tensor | None) -> Tensor:
    return out if bias is None else out + bias[:, None, None]


def changed(**others: int) -> Callable[..., Tensor]:
    """The oracle with some numbers always the same."""

    def answer(
        x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, output_padding: int = 0
    ) -> Tensor:
        given = {"stride": stride, "padding": padding, "output_padding": output_padding} | others
        given["output_padding"] = min(given["output_padding"], given["stride"] - 1)
        return oracle(x, weight, bias, **given)

    return answer


def one_gap_too_many(x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, *rest: int) -> Tensor:
    return oracle(x, weight, bias, stride + 1, *rest)


def overwrites(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Tensor:
    """Each stamp replaces what it meets."""
    whole = torch.zeros_like(oracle(x, weight, None, stride, 0, output_padding))
    stamps = torch.einsum("nchw,ckij->hwnkij", x, weight)
    kh, kw = weight.shape[2:]
    for row, across in enumerate(stamps):
        for column, stamp in enumerate(across):
            whole[..., row * stride : row * stride + kh, column * stride : column * stride + kw] = stamp
    shape = oracle(x, weight, None, stride, padding, output_padding).shape
    return with_bias(whole[..., padding : padding + shape[2], padding : padding + shape[3]], bias)


def averages(x: Tensor, weight: Tensor, bias: Any = None, *numbers: int) -> Tensor:
    count = oracle(torch.ones_like(x[:, :1]), torch.ones_like(weight[:1, :1]), None, *numbers)
    return with_bias(oracle(x, weight, None, *numbers) / count.clamp(min=1), bias)


def flipped(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    return oracle(x, weight.flip(-1, -2), *rest)


def turned(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    return oracle(x, weight.mT, *rest)


def outputs_first(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    channels, kernels, *size = weight.shape
    return oracle(x, weight.reshape(kernels, channels, *size).transpose(0, 1), *rest)


def enlarged(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Tensor:
    return oracle(F.pad(x, (padding,) * 4), weight, bias, stride, 0, output_padding)


def cut_at_the_end(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Tensor:
    height, width = oracle(x, weight, None, stride, padding, output_padding).shape[2:]
    return oracle(x, weight, bias, stride, 0, output_padding)[..., :height, :width].clone()


def cut_in_full(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Tensor:
    """Cut first, then zeros put on."""
    out = F.pad(oracle(x, weight, None, stride, padding), (0, output_padding, 0, output_padding))
    return with_bias(out, bias)


def beyond_at_the_start(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Tensor:
    whole = F.pad(oracle(x, weight, None, stride), (output_padding, 0, output_padding, 0))
    end = -padding or None
    return with_bias(whole[..., padding:end, padding:end], bias)


def without_bias(x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: int) -> Tensor:
    return oracle(x, weight, None if bias is None else 0 * bias, *rest)


def bias_along_columns(x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: int) -> Tensor:
    out = oracle(x, weight, None, *rest)
    if bias is None:
        return out
    return out + bias.repeat(-(-out.shape[-1] // len(bias)))[: out.shape[-1]]


def bias_with_every_stamp(x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: int) -> Tensor:
    out = oracle(x, weight, None, *rest)
    if bias is None:
        return out
    shifts = bias[None, :, None, None].expand(1, -1, *weight.shape[2:])
    return out + oracle(torch.ones_like(x[:, :1]), shifts, None, *rest)


def first_channel_only(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    first = torch.zeros_like(weight)
    first[:1] = 1.0
    return oracle(x, weight * first, *rest)


STAMPS = (
    Wrong(
        "ignores stride",
        changed(stride=1),
        says="the stamps stand one pixel apart; they stand `stride` pixels apart.",
        look="where does the stamp of x[…, i, j] begin?",
    ),
    Wrong(
        "leaves one gap too many",
        one_gap_too_many,
        says="the stamps stand stride + 1 pixels apart. Between pixels that are `stride` apart lie stride − 1 others.",
        look="where does the stamp of x[…, 1, 1] begin?",
    ),
    Wrong(
        "overwrites where stamps overlap",
        overwrites,
        says="where stamps overlap, the later one replaces the earlier; they add up.",
        look="= or +=?",
    ),
    Wrong(
        "averages where stamps overlap",
        averages,
        says="where stamps overlap, their mean is taken; they add up.",
        look="nothing is divided here.",
    ),
    Wrong(
        "flips the kernel",
        flipped,
        says="the stamps are turned by half a circle: x[…, i, j] · weight[…, 0, 0] belongs in a stamp's upper left.",
        look="one pixel that is 1 gives the kernel as it is.",
    ),
    Wrong(
        "turns the kernel on its side",
        turned,
        says="the kernel's rows and columns are swapped.",
        look="weight is (C, K, kh, kw).",
    ),
    Wrong(
        "reads the weight as a convolution's",
        outputs_first,
        says="weight's first two axes are swapped: here the incoming channel comes first.",
        look="weight[c, k] leads from channel c of x to channel k of the result.",
    ),
    Wrong(
        "uses only the first channel",
        first_channel_only,
        says="only the first incoming channel counts; the stamps of all channels add up.",
        look="over which axes does your einsum sum?",
    ),
)

SIZES = (
    Wrong(
        "never cuts",
        changed(padding=0),
        says="nothing is cut off; `padding` rows and columns are, on every side.",
        look="Ho = (H − 1) · stride − 2 · padding + kh + output_padding.",
    ),
    Wrong(
        "puts padding on instead of cutting it off",
        enlarged,
        says="a border was put round the input, as a convolution does; here `padding` is cut off the result.",
        look="it undoes the sizes of a convolution with this padding. Which way do they go?",
    ),
    Wrong(
        "cuts at one side only",
        cut_at_the_end,
        says="all is cut off below and at the right; `padding` of it belongs on each side.",
        look="the result begins at row `padding`.",
    ),
    Wrong(
        "ignores output_padding",
        changed(output_padding=0),
        says="output_padding is ignored, so the result is too small.",
        look="it says how many rows fewer are cut off below.",
    ),
    Wrong(
        "puts zeros for output_padding",
        cut_in_full,
        says="`padding` rows are cut off below, then output_padding rows of zeros put there; but stamps may reach "
        "there: those rows are not to be cut in the first place.",
        look="at which row does the result end, counted before anything is cut?",
    ),
    Wrong(
        "has output_padding at the start",
        beyond_at_the_start,
        says="the rows of output_padding are above and at the left; they are below and at the right.",
        look="the result begins at row `padding`, whatever output_padding is.",
    ),
)

BIAS = (
    Wrong(
        "forgets the bias",
        without_bias,
        says="the bias is never added.",
        look="it has one number for each channel of the result.",
    ),
    Wrong(
        "adds the bias along the columns",
        bias_along_columns,
        says="the bias meets the columns; it belongs to the channels.",
        look="shapes line up from the right: how does (K,) become (K, 1, 1)?",
    ),
    Wrong(
        "adds the bias with every stamp",
        bias_with_every_stamp,
        says="each stamp brings the bias with it, so it counts twice where two overlap, and not at all in gaps.",
        look="add it once, at the end.",
    ),
)

TRANSPOSED = Exercise(
    id="unet.conv_transpose2d",
    cases=cases,
    oracle=oracle,
    wrong=(*STAMPS, *SIZES, *BIAS),
    hints=(
        "All stamps at once: torch.einsum('nchw,ckij->nkijhw', x, weight).",
        "All stamps' cells (i, j) lie `stride` apart: out[..., i : … : stride, j : … : stride] += stamps[:, :, i, j].",
        "Make `out` of (H − 1) · stride + kh + output_padding rows. The result is a part of it, from row `padding` on.",
    ),
    points=4,
    minutes=25,
    forbidden=(*CONVOLUTION, *NETWORKS),
    speed=Speed(
        case=lambda rng: case(
            "speed", rng.normal(8, 32, 32, 32), rng.normal(32, 16, 2, 2), bias=rng.normal(16), stride=2
        ),
        limit=8.0,
        gold=3.0,
        against="F.conv_transpose2d",
    ),
)

EXERCISES = (TRANSPOSED,)
