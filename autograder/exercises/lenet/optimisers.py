"""SGD and RMSprop, compared with torch.optim over twenty steps in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.forbidden import OPTIMISERS
from autograder.exercises.lenet.steps import (
    Params,
    by_hand,
    cleared,
    decay_into_gradient,
    from_generator,
    gradient_kept,
    members,
    none_after_none,
    none_at_all,
    run,
    shrink,
    speed_case,
    twisted,
    zero_for_none,
)
from autograder.spec import Case, Exercise, Rng, Speed, Wrong

Optimizer = torch.optim.Optimizer


def sgd_oracle(
    params: Params, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
) -> Optimizer:
    return torch.optim.SGD(
        params, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, foreach=False, fused=False
    )


def sgd_cases(rng: Rng) -> Iterator[Case]:
    yield by_hand(0.8, 0.4, "1 − 0.1·2 = 0.8, then 0.8 − 0.1·4 = 0.4", lr=0.1)
    yield run("plain steps", rng, lr=0.1)
    yield run("momentum 0.9", rng, lr=0.05, momentum=0.9)
    yield run("nesterov", rng, lr=0.05, momentum=0.8, nesterov=True)
    yield run("weight decay", rng, lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.3)
    yield run("momentum and weight decay", rng, lr=0.05, momentum=0.7, nesterov=False, weight_decay=0.2)
    yield run("nesterov and weight decay", rng, lr=0.03, momentum=0.9, nesterov=True, weight_decay=0.1)
    yield from_generator(rng, lr=0.1)
    yield run("parameters that are not contiguous", rng, strided=True, lr=0.1, momentum=0.5)
    yield run(
        "no gradient for w in steps 1, 4 and 5", rng, absent=(1, 4, 5), lr=0.1, momentum=0.5, nesterov=False,
        weight_decay=0.1,
    )  # fmt: skip
    yield gradient_kept(rng, lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.5)
    yield cleared(rng, lr=0.1)


# The wrong answers take their options by name, as the cases do.


def sgd_uphill(params: Params, lr: float, **options: Any) -> Optimizer:
    made = sgd_oracle(params, lr, **options)
    made.param_groups[0]["lr"] = -lr
    return made


def sgd_unmoved(params: Params, lr: float, **options: Any) -> Optimizer:
    return twisted(sgd_oracle(params, lr, **options), before=none_at_all)


def sgd_without_momentum(
    params: Params, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
) -> Optimizer:
    return sgd_oracle(params, lr, weight_decay=weight_decay)


def sgd_averaging(
    params: Params, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
) -> Optimizer:
    """velocity ← momentum · velocity + (1 − momentum) · g: the plain velocity, 1 − momentum times as long."""
    made = sgd_oracle(params, (1.0 - momentum) * lr, momentum, nesterov, weight_decay)
    ahead: dict[Tensor, Tensor] = {}

    def before(_: Optimizer) -> None:
        for p, _group in members(made):
            if p.grad is not None and nesterov:
                ahead[p] = lr * momentum * (p.grad + weight_decay * p)

    def after(_: Optimizer) -> None:
        for p, _group in members(made):
            if p in ahead:
                p.sub_(ahead.pop(p))

    return twisted(made, before, after)


def sgd_without_nesterov(params: Params, lr: float, nesterov: bool = False, **options: Any) -> Optimizer:
    return sgd_oracle(params, lr, **options)


def sgd_without_decay(params: Params, lr: float, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    return sgd_oracle(params, lr, **options)


def sgd_decoupled(params: Params, lr: float, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    return twisted(sgd_oracle(params, lr, **options), before=shrink(weight_decay))


def sgd_zero_for_none(params: Params, lr: float, **options: Any) -> Optimizer:
    return twisted(sgd_oracle(params, lr, **options), before=zero_for_none)


def sgd_stops_at_none(params: Params, lr: float, **options: Any) -> Optimizer:
    return twisted(sgd_oracle(params, lr, **options), before=none_after_none)


def sgd_changing_gradients(params: Params, lr: float, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    return twisted(sgd_oracle(params, lr, **options), before=decay_into_gradient(weight_decay))


class KeepingGradients(torch.optim.SGD):
    def zero_grad(self, set_to_none: bool = True) -> None:
        return None


def sgd_never_clearing(params: Params, lr: float, **options: Any) -> Optimizer:
    return KeepingGradients(params, lr, **options)


NONE_AS_ZERO = "a parameter without a gradient is moved all the same, by what is remembered of it or by the decay."
SKIP = "when p.grad is None, leave this parameter and what you remember of it alone."
IN_PLACE = "the decay is added to p.grad itself, so whoever uses the gradient next finds another one."
NEW_TENSOR = "p.grad.add(…) makes a new tensor, p.grad.add_(…) and += change the old one."
NO_DECAY = "weight_decay is never used."

SGD = Exercise(
    id="lenet.SGD",
    cases=sgd_cases,
    oracle=sgd_oracle,
    wrong=(
        Wrong(
            "moves uphill",
            sgd_uphill,
            says="each step goes along the gradient; downhill is against it.",
            look="check the sign of the update.",
        ),
        Wrong(
            "never moves the parameters",
            sgd_unmoved,
            says="the parameters stay as they were: p = p − … only gives the name p to a new tensor.",
            look="change the tensor itself: p.sub_(…) or p -= …, under torch.no_grad().",
        ),
        Wrong(
            "forgets the momentum",
            sgd_without_momentum,
            says="momentum is never used: every step follows the present gradient alone.",
            look="one velocity a parameter has to live from step to step.",
        ),
        Wrong(
            "averages where it should add",
            sgd_averaging,
            says="the velocity takes in (1 − momentum) · gradient. In SGD the gradient is added whole.",
            look="velocity ← momentum · velocity + gradient.",
        ),
        Wrong(
            "ignores nesterov",
            sgd_without_nesterov,
            says="nesterov makes no difference: the step is the plain velocity.",
            look="Nesterov's step is gradient + momentum · velocity, with the velocity just updated.",
        ),
        Wrong(
            "ignores weight decay", sgd_without_decay, says=NO_DECAY, look="it belongs to the gradient: + decay · p."
        ),
        Wrong(
            "decays past the momentum",
            sgd_decoupled,
            says="the decay acts on the parameter at once and never enters the velocity (that is AdamW's way).",
            look="add weight_decay · p to the gradient before the velocity sees it.",
        ),
        Wrong("takes no gradient for zero", sgd_zero_for_none, says=NONE_AS_ZERO, look=SKIP),
        Wrong(
            "stops at a missing gradient",
            sgd_stops_at_none,
            says="after the first parameter without a gradient, the others are left out too.",
            look="is it continue that you mean, instead of return or break?",
        ),
        Wrong("changes the gradients", sgd_changing_gradients, says=IN_PLACE, look=NEW_TENSOR),
        Wrong(
            "keeps gradients after zero_grad",
            sgd_never_clearing,
            says="zero_grad leaves the gradients as they are, so they would add up from batch to batch.",
            look="set p.grad to None (or to zeros) for every parameter.",
        ),
    ),
    hints=(
        "Go through self.params; skip those whose grad is None. Everything happens under torch.no_grad().",
        "Keep a list of velocities beside self.params, zeros to begin with (torch.zeros_like).",
        "g = grad + decay · p; v ← momentum · v + g; p ← p − lr · (v, or g + momentum · v with nesterov).",
    ),
    points=3,
    minutes=20,
    forbidden=OPTIMISERS,
    speed=Speed(
        case=lambda rng: speed_case(rng, lr=0.01, momentum=0.9), limit=3.0, gold=1.3, against="torch.optim.SGD"
    ),
)


def rmsprop_oracle(
    params: Params,
    lr: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> Optimizer:
    return torch.optim.RMSprop(params, lr, alpha, eps, weight_decay, momentum, foreach=False)


def rmsprop_cases(rng: Rng) -> Iterator[Case]:
    yield by_hand(
        0.8,
        0.8 - 0.4 / 4.75**0.5,
        "0.25·2² = 1, so 1 − 0.1·2/√1 = 0.8; then 0.75·1 + 0.25·4² = 4.75, so 0.8 − 0.1·4/√4.75 = 0.616",
        lr=0.1,
        alpha=0.75,
        eps=0.0,
    )
    yield run("nothing but params", rng)
    yield run("lr 0.1, alpha 0.8", rng, lr=0.1, alpha=0.8)
    yield run("a large eps", rng, lr=0.1, alpha=0.9, eps=0.5)
    yield run("tiny gradients", rng, size=1e-8, lr=0.1, alpha=0.9, eps=1e-8)
    yield run("momentum 0.9", rng, lr=0.02, alpha=0.9, eps=1e-8, momentum=0.9)
    yield run("weight decay", rng, lr=0.05, alpha=0.9, eps=1e-8, momentum=0.0, weight_decay=0.5)
    yield run("momentum and weight decay", rng, lr=0.02, alpha=0.95, eps=1e-3, momentum=0.7, weight_decay=0.3)
    yield from_generator(rng, lr=0.1)
    yield run(
        "no gradient for w in steps 1, 4 and 5", rng, absent=(1, 4, 5), lr=0.05, alpha=0.9, eps=1e-8, momentum=0.5,
        weight_decay=0.1,
    )  # fmt: skip
    yield gradient_kept(rng, lr=0.1, alpha=0.9, eps=1e-8, momentum=0.0, weight_decay=0.5)
    yield cleared(rng, lr=0.1)


Update = Callable[[Tensor, Tensor, dict[str, Any]], Tensor]  # of (gradient, its mean square, options)


def rmsprop_updating(update: Update) -> Callable[..., Optimizer]:
    """The library's RMSprop, whose velocity is taken back and gathers `update` instead."""

    def answer(params: Params, **options: Any) -> Optimizer:
        made = rmsprop_oracle(params, **options)
        start: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}

        def before(_: Optimizer) -> None:
            start.clear()
            for p, group in members(made):
                if p.grad is not None:
                    carried = group["momentum"] * made.state.get(p, {}).get("momentum_buffer", torch.zeros_like(p))
                    start[p] = (p.clone(), p.grad + group["weight_decay"] * p, carried)

        def after(_: Optimizer) -> None:
            for p, group in members(made):
                if p in start:
                    old, gradient, carried = start[p]
                    velocity = carried + update(gradient, made.state[p]["square_avg"], group)
                    p.copy_(old - group["lr"] * velocity)
                    if group["momentum"]:
                        made.state[p]["momentum_buffer"].copy_(velocity)

        return twisted(made, before, after)

    return answer


def rmsprop_swapped(params: Params, alpha: float = 0.99, **options: Any) -> Optimizer:
    return rmsprop_oracle(params, alpha=1.0 - alpha, **options)


def rmsprop_without_momentum(params: Params, momentum: float = 0.0, **options: Any) -> Optimizer:
    return rmsprop_oracle(params, **options)


def rmsprop_without_decay(params: Params, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    return rmsprop_oracle(params, **options)


def rmsprop_decoupled(params: Params, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    return twisted(rmsprop_oracle(params, **options), before=shrink(weight_decay))


def rmsprop_zero_for_none(params: Params, **options: Any) -> Optimizer:
    return twisted(rmsprop_oracle(params, **options), before=zero_for_none)


def rmsprop_forgetful(params: Params, **options: Any) -> Optimizer:
    return twisted(rmsprop_oracle(params, **options), before=lambda made: made.state.clear())


def rmsprop_changing_gradients(params: Params, weight_decay: float = 0.0, **options: Any) -> Optimizer:
    return twisted(rmsprop_oracle(params, **options), before=decay_into_gradient(weight_decay))


RMSPROP = Exercise(
    id="lenet.RMSprop",
    cases=rmsprop_cases,
    oracle=rmsprop_oracle,
    wrong=(
        Wrong(
            "puts eps inside the root",
            rmsprop_updating(lambda g, square, group: g / (square + group["eps"]).sqrt()),
            says="eps is added before the root is taken; it belongs after, where it is as large as it says.",
            look="√square + eps.",
        ),
        Wrong(
            "forgets the root",
            rmsprop_updating(lambda g, square, group: g / (square + group["eps"])),
            says="the gradient is divided by its mean square, not by the root of it.",
            look="if all gradients were ten times as large, the step should stay the same.",
        ),
        Wrong(
            "leaves out eps",
            rmsprop_updating(lambda g, square, group: g / square.sqrt()),
            says="eps is never used: tiny gradients make full steps, and zeros make 0/0.",
            look="√square + eps.",
        ),
        Wrong(
            "forgets 1 − alpha",
            rmsprop_updating(lambda g, square, group: g / ((square / (1.0 - group["alpha"])).sqrt() + group["eps"])),
            says="g² is added whole, so the running mean is a sum, 1/(1 − alpha) times too large.",
            look="a running mean: alpha · old + (1 − alpha) · new.",
        ),
        Wrong(
            "swaps alpha and 1 − alpha",
            rmsprop_swapped,
            says="the weights of old and new are the wrong way round: with alpha = 0.99 the past should count most.",
            look="a running mean: alpha · old + (1 − alpha) · new.",
        ),
        Wrong(
            "forgets the momentum",
            rmsprop_without_momentum,
            says="momentum is never used.",
            look="the velocity gathers the gradients after they were divided.",
        ),
        Wrong(
            "ignores weight decay",
            rmsprop_without_decay,
            says=NO_DECAY,
            look="it belongs to the gradient: + decay · p.",
        ),
        Wrong(
            "decays past the gradient",
            rmsprop_decoupled,
            says="the decay acts on the parameter directly (that is AdamW's way); here it is part of the gradient.",
            look="add weight_decay · p to the gradient before anything else.",
        ),
        Wrong(
            "starts anew at every step",
            rmsprop_forgetful,
            says="nothing is remembered: square and velocity start from 0 again at every step.",
            look="s = … in a loop over a list gives a new tensor the name s; the list keeps the old one.",
        ),
        Wrong("takes no gradient for zero", rmsprop_zero_for_none, says=NONE_AS_ZERO, look=SKIP),
        Wrong("changes the gradients", rmsprop_changing_gradients, says=IN_PLACE, look=NEW_TENSOR),
    ),
    hints=(
        "Remember a running mean of g² for every parameter, zeros to begin with.",
        "square ← alpha · square + (1 − alpha) · g²; u = g / (√square + eps).",
        "velocity ← momentum · velocity + u; p ← p − lr · velocity.",
    ),
    points=2,
    minutes=15,
    forbidden=OPTIMISERS,
    speed=Speed(case=speed_case, limit=3.0, gold=1.3, against="torch.optim.RMSprop"),
)

EXERCISES = (SGD, RMSPROP)
