"""Adam and AdamW, compared with torch.optim over twenty steps in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from autograder.exercises.forbidden import OPTIMISERS
from autograder.exercises.lenet.optimisers import (
    IN_PLACE,
    NEW_TENSOR,
    NO_DECAY,
    NONE_AS_ZERO,
    SKIP,
)
from autograder.exercises.lenet.steps import (
    Hook,
    Params,
    by_hand,
    cleared,
    decay_into_gradient,
    from_generator,
    gradient_kept,
    members,
    run,
    shrink,
    speed_case,
    twisted,
    zero_for_none,
)
from autograder.spec import Case, Exercise, Rng, Speed, Wrong

Optimizer = torch.optim.Optimizer
Betas = tuple[float, float]
Made = Callable[..., Optimizer]


def adam_oracle(
    params: Params, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
) -> Optimizer:
    return torch.optim.Adam(params, lr, betas, eps, weight_decay, foreach=False, fused=False)


def adamw_oracle(
    params: Params, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.01
) -> Optimizer:
    return torch.optim.AdamW(params, lr, betas, eps, weight_decay, foreach=False, fused=False)


def adam_cases(rng: Rng) -> Iterator[Case]:
    yield by_hand(
        0.9,
        0.9 - 0.1 * (2.5 / 0.75) / (4.75 / 0.4375) ** 0.5,
        "mean 0.5·2 = 1, corrected 1/0.5 = 2; square 0.25·4 = 1, corrected 1/0.25 = 4; 1 − 0.1·2/√4 = 0.9",
        lr=0.1,
        betas=(0.5, 0.75),
        eps=0.0,
    )
    yield from shared_cases(rng)


def adamw_cases(rng: Rng) -> Iterator[Case]:
    yield by_hand(
        0.8,
        0.8 * 0.9 - 0.1 * (2.5 / 0.75) / (4.75 / 0.4375) ** 0.5,
        "first 1 − 0.1·1·1 = 0.9 by the decay, then Adam's step: 0.9 − 0.1·2/√4 = 0.8",
        lr=0.1,
        betas=(0.5, 0.75),
        eps=0.0,
        weight_decay=1.0,
    )
    yield from shared_cases(rng)
    yield run("no weight decay", rng, lr=0.05, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.0)


def shared_cases(rng: Rng) -> Iterator[Case]:
    yield run("nothing but params", rng)
    yield run("lr 0.1", rng, lr=0.1)
    yield run("betas 0.5 and 0.9", rng, lr=0.05, betas=(0.5, 0.9))
    yield run("a large eps", rng, lr=0.1, betas=(0.8, 0.95), eps=0.5)
    yield run("tiny gradients", rng, size=1e-8, lr=0.1, betas=(0.9, 0.999), eps=1e-8)
    yield run("parameters that are not contiguous", rng, strided=True, lr=0.1)
    yield from_generator(rng, lr=0.1)
    yield cleared(rng, lr=0.1, betas=(0.0, 0.0), eps=1e-8, weight_decay=0.0)
    yield run("weight decay", rng, lr=0.05, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.5)
    yield run(
        "no gradient for w in steps 1, 4 and 5", rng, absent=(1, 4, 5), lr=0.05, betas=(0.9, 0.99), eps=1e-8,
        weight_decay=0.2,
    )  # fmt: skip
    yield gradient_kept(rng, lr=0.1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.5)


class Moments(NamedTuple):
    """What an update is made of: g's running mean and mean square, both uncorrected, and what corrects them."""

    mean: Tensor
    square: Tensor
    eps: float
    first: float  # 1 − β₁ᵗ, for this parameter
    second: float  # 1 − β₂ᵗ
    first_of_all: float  # the same with t counted for all parameters together
    second_of_all: float
    betas: Betas


Update = Callable[[Moments], Tensor]


def updating(oracle: Made, update: Update) -> Made:
    """The library's optimiser, whose p − lr · (right update) is taken back for p − lr · `update`."""

    def answer(params: Params, **options: Any) -> Optimizer:
        made = oracle(params, **options)
        start: dict[Tensor, Tensor] = {}
        calls = [0]

        def before(_: Optimizer) -> None:
            calls[0] += 1
            for p, group in members(made):
                decay = group["weight_decay"] if group["decoupled_weight_decay"] else 0.0
                start[p] = p * (1.0 - group["lr"] * decay)

        def after(_: Optimizer) -> None:
            for p, group in members(made):
                if p.grad is not None:
                    p.copy_(start[p] - group["lr"] * update(_moments(made.state[p], group, calls[0])))

        return twisted(made, before, after)

    return answer


def _moments(kept: dict[str, Any], group: dict[str, Any], calls: int) -> Moments:
    b1, b2 = group["betas"]
    steps = int(kept["step"])
    return Moments(
        kept["exp_avg"],
        kept["exp_avg_sq"],
        group["eps"],
        1.0 - b1**steps,
        1.0 - b2**steps,
        1.0 - b1**calls,
        1.0 - b2**calls,
        (b1, b2),
    )


def swapped(oracle: Made) -> Made:
    def answer(params: Params, betas: Betas = (0.9, 0.999), **options: Any) -> Optimizer:
        return oracle(params, betas=(betas[1], betas[0]), **options)

    return answer


def hooked(oracle: Made, before: Hook | None = None, after: Hook | None = None) -> Made:
    def answer(params: Params, **options: Any) -> Optimizer:
        return twisted(oracle(params, **options), before, after)

    return answer


def overwrite_with_corrected(optimizer: Optimizer) -> None:
    """After a step: what is remembered becomes what was used."""
    for p, group in members(optimizer):
        if p.grad is not None:
            b1, b2 = group["betas"]
            kept = optimizer.state[p]
            kept["exp_avg"].div_(1.0 - b1 ** int(kept["step"]))
            kept["exp_avg_sq"].div_(1.0 - b2 ** int(kept["step"]))


def undecayed(oracle: Made) -> Made:
    def answer(params: Params, weight_decay: float = 0.0, **options: Any) -> Optimizer:
        return oracle(params, weight_decay=0.0, **options)

    return answer


def adam_decoupled(params: Params, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    return adamw_oracle(params, weight_decay=weight_decay, **options)


def adam_changing_gradients(params: Params, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    return twisted(adam_oracle(params, **options), before=decay_into_gradient(weight_decay))


def adamw_coupled(params: Params, weight_decay: float = 0.01, **options: Any) -> Optimizer:
    return adam_oracle(params, weight_decay=weight_decay, **options)


def adamw_decay_without_lr(params: Params, lr: float = 1e-3, weight_decay: float = 0.01, **options: Any) -> Optimizer:
    return adamw_oracle(params, lr, weight_decay=weight_decay / lr, **options)


def adamw_decay_last(params: Params, weight_decay: float = 0.01, **options: Any) -> Optimizer:
    return twisted(adam_oracle(params, **options), after=shrink(weight_decay))


def adamw_decay_always(params: Params, weight_decay: float = 0.01, **options: Any) -> Optimizer:
    return twisted(adam_oracle(params, **options), before=shrink(weight_decay, absent_too=True))


def adamw_other_default(params: Params, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    return adamw_oracle(params, weight_decay=weight_decay, **options)


def shared_wrong(oracle: Made) -> Iterator[Wrong]:
    """The mistakes that Adam and AdamW invite alike."""
    yield Wrong(
        "forgets the bias correction",
        updating(oracle, lambda m: m.mean / (m.square.sqrt() + m.eps)),
        says="mean and mean square start from 0 and are too small at first; nothing makes up for it.",
        look="after t steps a running mean has gathered only a share of 1 − βᵗ.",
    )
    yield Wrong(
        "corrects the mean only",
        updating(oracle, lambda m: m.mean / m.first / (m.square.sqrt() + m.eps)),
        says="the mean square starts from 0 too, and is never corrected.",
        look="both are divided by 1 − βᵗ, each with its own β.",
    )
    yield Wrong(
        "corrects the mean square only",
        updating(oracle, lambda m: m.mean / ((m.square / m.second).sqrt() + m.eps)),
        says="the mean of the gradient starts from 0 too, and is never corrected.",
        look="both are divided by 1 − βᵗ, each with its own β.",
    )
    yield Wrong(
        "counts steps for all parameters together",
        updating(
            oracle,
            lambda m: m.mean / m.first_of_all / ((m.square / m.second_of_all).sqrt() + m.eps),
        ),
        says="t counts calls of step(). A parameter that had no gradient in some of them has taken fewer steps, "
        "and its correction goes by its own.",
        look="keep a counter for each parameter, beside its mean.",
    )
    yield Wrong(
        "overwrites the means with the corrected ones",
        hooked(oracle, after=overwrite_with_corrected),
        says="the corrected values replace what is remembered, so the next step corrects them once more.",
        look="the correction is for this step only: put it into new variables.",
    )
    yield Wrong(
        "puts eps inside the root",
        updating(oracle, lambda m: m.mean / m.first / (m.square / m.second + m.eps).sqrt()),
        says="eps is added before the root is taken; it belongs after, where it is as large as it says.",
        look="√(corrected square) + eps.",
    )
    yield Wrong(
        "adds eps before the correction",
        updating(oracle, lambda m: m.mean / m.first / ((m.square.sqrt() + m.eps) / m.second**0.5)),
        says="eps is added to the uncorrected root, and so gets corrected with it.",
        look="√(corrected square) + eps, in this order.",
    )
    yield Wrong(
        "forgets the root",
        updating(oracle, lambda m: m.mean / m.first / (m.square / m.second + m.eps)),
        says="the mean is divided by the mean square, not by the root of it.",
        look="if all gradients were ten times as large, the step should stay the same.",
    )
    yield Wrong(
        "swaps the betas",
        swapped(oracle),
        says="β₁ and β₂ have changed places: the first belongs to the mean, the second to the mean square.",
        look="betas = (β₁, β₂) = (0.9, 0.999).",
    )
    yield Wrong("takes no gradient for zero", hooked(oracle, before=zero_for_none), says=NONE_AS_ZERO, look=SKIP)


HINTS = (
    "Momentum and RMSprop together: a running mean of g and one of g², both zeros to begin with.",
    "After t steps both are too small by 1 − βᵗ. Divide by that, without changing what you remember.",
)

ADAM = Exercise(
    id="lenet.Adam",
    cases=adam_cases,
    oracle=adam_oracle,
    wrong=(
        *shared_wrong(adam_oracle),
        Wrong("ignores weight decay", undecayed(adam_oracle), says=NO_DECAY, look="here it belongs to the gradient."),
        Wrong(
            "decouples the decay",
            adam_decoupled,
            says="the decay acts on the parameter directly. That is AdamW; in Adam it is part of the gradient, "
            "and is normalised with it.",
            look="add weight_decay · p to the gradient before the means see it.",
        ),
        Wrong("changes the gradients", adam_changing_gradients, says=IN_PLACE, look=NEW_TENSOR),
    ),
    hints=(*HINTS, "p ← p − lr · (m / (1 − β₁ᵗ)) / (√(s / (1 − β₂ᵗ)) + eps), where weight_decay · p was added to g."),
    points=3,
    minutes=20,
    forbidden=OPTIMISERS,
    speed=Speed(case=speed_case, limit=3.0, gold=1.3, against="torch.optim.Adam"),
)

ADAMW = Exercise(
    id="lenet.AdamW",
    cases=adamw_cases,
    oracle=adamw_oracle,
    wrong=(
        Wrong(
            "couples the decay",
            adamw_coupled,
            says="the decay goes through the gradient and is normalised away with it. That is Adam; AdamW shrinks the "
            "parameter directly.",
            look="the gradient stays as it is: p ← p · (1 − lr · weight_decay).",
        ),
        Wrong(
            "decays without the learning rate",
            adamw_decay_without_lr,
            says="the parameter shrinks by weight_decay itself; it should be lr · weight_decay.",
            look="p ← p · (1 − lr · weight_decay).",
        ),
        Wrong(
            "decays after the step",
            adamw_decay_last,
            says="the parameter shrinks after it has moved, so the move shrinks too.",
            look="decay first, then Adam's step.",
        ),
        Wrong(
            "decays parameters without a gradient",
            adamw_decay_always,
            says="a parameter without a gradient is left out of the step, but still decays.",
            look=SKIP,
        ),
        Wrong(
            "ignores weight decay",
            undecayed(adamw_oracle),
            says=NO_DECAY,
            look="p ← p · (1 − lr · weight_decay).",
        ),
        Wrong(
            "has no decay by default",
            adamw_other_default,
            says="AdamW decays by 0.01 unless it is told otherwise; here the default is 0.",
            look="look at the signature.",
        ),
        *shared_wrong(adamw_oracle),
    ),
    hints=(
        "This is Adam with one more line, and without weight decay in the gradient.",
        "For each parameter with a gradient: p ← p · (1 − lr · weight_decay), then Adam's step with decay 0.",
    ),
    points=2,
    minutes=10,
    needs=("lenet.Adam",),
    forbidden=OPTIMISERS,
    speed=Speed(case=speed_case, limit=3.0, gold=1.3, against="torch.optim.AdamW"),
)

EXERCISES = (ADAM, ADAMW)
