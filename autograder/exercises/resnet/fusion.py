"""A convolution and the norm behind it as one convolution, against the two of them in evaluation mode."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from autograder.exercises.resnet._ready_made import FUSING, NETWORKS
from autograder.spec import Case, Exercise, Outputs, Probe, Ref, Rng, Step, Value, Wrong, call, state

FLOAT64 = torch.float64


def oracle(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    return fuse_conv_bn_eval(conv, bn)


def kernels(rng: Rng, out: int, inputs: int, size: int, dtype: torch.dtype, *, bias: bool) -> dict[str, Tensor]:
    found = {"weight": rng.normal(out, inputs, size, size, dtype=dtype)}
    return found | ({"bias": 1 + rng.uniform(out, dtype=dtype)} if bias else {})


def statistics(rng: Rng, channels: int, dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        "weight": rng.uniform(channels, low=1.3, high=2.0, dtype=dtype),
        "bias": rng.uniform(channels, low=0.5, high=1.5, dtype=dtype),
        "running_mean": rng.uniform(channels, low=-2.0, high=-0.5, dtype=dtype),
        "running_var": rng.uniform(channels, low=2.0, high=5.0, dtype=dtype),
        "num_batches_tracked": torch.tensor(1),
    }


def pair(
    name: str,
    x: Tensor,
    sizes: tuple[int, int, int],
    conv: Mapping[str, Tensor],
    norm: Mapping[str, Tensor],
    *,
    eps: float = 1e-5,
    expect: Mapping[str, Value] | None = None,
    note: str = "",
    **options: Value,
) -> Case:
    """Fuses, runs what came, and looks at all three modules. sizes: in and out channels, kernel."""
    inputs: dict[str, Value] = {
        "conv": Probe("layer", {"kind": "conv", "sizes": sizes, "weights": dict(conv), "options": options}),
        "bn": Probe("layer", {"kind": "norm", "sizes": (sizes[1],), "weights": dict(norm), "options": {"eps": eps}}),
        "x": x,
    }
    steps: tuple[Step, ...] = (
        call("fused", conv=Ref("conv"), bn=Ref("bn")),
        call("out", Ref("x"), target="fused"),
        state("fused", "parameters of the new convolution"),
        state("conv", "the old convolution"),
        state("bn", "the norm"),
    )
    return Case(name, steps, inputs=inputs, expect=expect or {}, note=note, terms=sizes[0] * sizes[2] ** 2, scale=30.0)


def drawn(
    rng: Rng, name: str, x: Tensor, channels: tuple[int, int], size: int, *, bias: bool = False, **options: Any
) -> Case:
    groups, dtype = int(options.get("groups", 1)), x.dtype
    conv = kernels(rng, channels[1], channels[0] // groups, size, dtype, bias=bias)
    return pair(
        name, x, (*channels, size), conv, statistics(rng, channels[1], dtype), **options, **({} if bias else NO_BIAS)
    )


NO_BIAS: dict[str, Any] = {"bias": False}


def by_hand() -> Case:
    def one(value: float) -> Tensor:
        return torch.tensor([value])

    norm = {"weight": one(6.0), "bias": one(5.0), "running_mean": one(1.0), "running_var": one(4.0)}
    return pair(
        "one number, by hand",
        torch.full((1, 1, 1, 1), 10.0),
        (1, 1, 1),
        {"weight": torch.full((1, 1, 1, 1), 2.0)},
        norm | {"num_batches_tracked": torch.tensor(7)},
        eps=0.0,
        bias=False,
        expect={
            "out": torch.full((1, 1, 1, 1), 62.0),
            "parameters of the new convolution": {"weight": torch.full((1, 1, 1, 1), 6.0), "bias": one(2.0)},
        },
        note="s = 6/√4 = 3; kernel 2·3 = 6, bias (0 − 1)·3 + 5 = 2; 6·10 + 2 = 62, as (2·10 − 1)·3 + 5",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield drawn(rng, "no bias", rng.normal(2, 3, 5, 6), (3, 4), 3)
    yield drawn(rng, "a bias", rng.normal(2, 3, 5, 6), (3, 4), 3, bias=True)
    yield drawn(rng, "as many channels in as out", rng.normal(1, 3, 4, 5), (3, 3), 3, bias=True)
    yield drawn(rng, "stride, padding, dilation", rng.normal(1, 2, 9, 8), (2, 3), 3, stride=2, padding=2, dilation=2)
    yield drawn(rng, "two groups", rng.normal(2, 4, 5, 4), (4, 6), 2, groups=2)
    yield drawn(rng, "depthwise", rng.normal(1, 3, 5, 4), (3, 3), 3, groups=3, bias=True, padding=1)
    yield drawn(rng, "a large eps", rng.normal(2, 2, 3, 4), (2, 3), 1, eps=0.8)
    yield drawn(rng, "float64", rng.normal(2, 3, 5, 5, dtype=FLOAT64), (3, 2), 3, bias=True)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Everything but the result's type."""
    return {name: value for name, value in outputs.items() if name != "fused"}


def fused_with(conv: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """A copy of `conv` with other parameters."""
    made = copy.deepcopy(conv)
    made.weight = nn.Parameter(weight.detach())
    made.bias = None if bias is None else nn.Parameter(bias.detach())
    return made


def scale_of(bn: Any) -> Tensor:
    scale: Tensor = bn.weight / (bn.running_var + bn.eps).sqrt()
    return scale


def mean_forgotten(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    made = oracle(conv, bn)
    assert made.bias is not None
    return fused_with(conv, made.weight, made.bias + bn.running_mean * scale_of(bn))


def bias_unscaled(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    made, own = oracle(conv, bn), 0.0 if conv.bias is None else conv.bias
    assert made.bias is not None
    return fused_with(conv, made.weight, made.bias + own * (1 - scale_of(bn)))


def bias_dropped(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    made, own = oracle(conv, bn), 0.0 if conv.bias is None else conv.bias
    assert made.bias is not None
    return fused_with(conv, made.weight, made.bias - own * scale_of(bn))


def mean_unscaled(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    made = oracle(conv, bn)
    assert made.bias is not None
    return fused_with(conv, made.weight, made.bias + bn.running_mean * (scale_of(bn) - 1))


def root_forgotten(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    squeezed = copy.deepcopy(bn)
    squeezed.running_var = (bn.running_var + bn.eps).square() - bn.eps
    return oracle(conv, squeezed)


def eps_forgotten(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    sharp = copy.deepcopy(bn)
    sharp.eps = 0.0
    return oracle(conv, sharp)


def kernels_only(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    return fused_with(conv, oracle(conv, bn).weight, conv.bias)


def bias_only(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    return fused_with(conv, conv.weight, oracle(conv, bn).bias)


def options_lost(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    made = oracle(conv, bn)
    made.stride, made.padding, made.dilation = (1, 1), (0, 0), (1, 1)
    return made


def old_one_changed(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    made = oracle(conv, bn)
    conv.weight, conv.bias = made.weight, made.bias
    return conv


def scales_input_channels(conv: nn.Conv2d, bn: Any) -> nn.Conv2d:
    made, scale = oracle(conv, bn), scale_of(bn)
    if conv.weight.shape[1] != len(scale):
        raise RuntimeError("the scale has as many values as there are output channels")
    return fused_with(conv, conv.weight * scale[:, None, None], made.bias)


FUSE_CONV_BN = Exercise(
    id="resnet.fuse_conv_bn",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        Wrong(
            "forgets the running mean",
            mean_forgotten,
            says="the new bias leaves the running mean out.",
            look="put x = 0 through both layers: what comes out must be the new bias.",
        ),
        Wrong(
            "doesn't scale the running mean",
            mean_unscaled,
            says="the running mean is taken off the bias as it is; the norm scales what is left after it.",
            look="put x = 0 through both layers, in order.",
        ),
        Wrong(
            "doesn't scale the old bias",
            bias_unscaled,
            says="the convolution's own bias is added unscaled; the norm scales it with everything else.",
            look="put x = 0 through both layers, in order.",
        ),
        Wrong(
            "drops the old bias",
            bias_dropped,
            says="the convolution's own bias, where it has one, is lost.",
            look="put x = 0 through both layers, in order.",
        ),
        Wrong(
            "divides by the variance",
            root_forgotten,
            says="the kernels are divided by the variance; the norm divides by its root.",
            look="s = weight / √(running_var + eps).",
        ),
        Wrong(
            "forgets eps",
            eps_forgotten,
            says="bn.eps is left out; with small variances it makes a difference.",
            look="s = weight / √(running_var + eps).",
        ),
        Wrong(
            "leaves the bias as it was",
            kernels_only,
            says="the kernels are scaled, but the bias is still the old one (or none).",
            look="what comes out of both layers for x = 0?",
        ),
        Wrong(
            "leaves the kernels as they were",
            bias_only,
            says="the bias is right, but the kernels are still the old ones.",
            look="the norm multiplies every output channel: so must its kernel.",
        ),
        Wrong(
            "loses stride, padding and dilation",
            options_lost,
            says="the new convolution has the right numbers, but not the old one's stride, padding or dilation.",
            look="copy.deepcopy(conv) keeps them all.",
        ),
        Wrong(
            "scales the input channels",
            scales_input_channels,
            says="the scale meets the kernels' axis of input channels; it belongs to the output channels.",
            look="weight is (out, in, k, k): the scale needs three ones behind it.",
        ),
        Wrong(
            "changes the old convolution",
            old_one_changed,
            says="the old convolution was changed; training could not go on with it.",
            look="make a new one: copy.deepcopy(conv).",
        ),
    ),
    hints=(
        "Write down what happens to one number z that the convolution puts out: s · (z − mean) + bias. Sort by z.",
        "The factor of z goes into the kernels of that output channel, all that is left into the bias.",
        "fused = copy.deepcopy(conv); fused.weight = nn.Parameter(conv.weight * s[:, None, None, None]); "
        "fused.bias = nn.Parameter((own bias or 0 − running_mean) * s + bn.bias), under torch.no_grad().",
    ),
    points=3,
    minutes=15,
    needs=("resnet.BatchNorm2d",),
    forbidden=(*FUSING, *NETWORKS),
)

EXERCISES = (FUSE_CONV_BN,)
