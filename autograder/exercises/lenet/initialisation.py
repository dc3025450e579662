"""Kaiming and Xavier initialisation, judged by the statistics of what was drawn, whatever the order of the draws.

The oracle doesn't draw: it gives the distribution's evenly spaced quantiles, shuffled, whose statistics are exact.
Every tensor has at least N values, and tolerances are Z standard errors of a right answer at N, so that a right
answer fails with a probability below 1e-6 a check (Z = 5.6 is 2e-8 for one statistic, and there are under 40).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.forbidden import INITIALISERS
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Tolerance, Value, Wrong, call, seed

N = 16_384
Z = 5.6
Shape = tuple[int, ...]


def _shares(shape: Shape) -> Tensor:
    n = math.prod(shape)
    return ((torch.arange(n, dtype=torch.float64) + 0.5) / n).reshape(shape)


def spread_normal(shape: Shape, std: float) -> Tensor:
    """A normal distribution's quantiles, in order."""
    values: Tensor = std * torch.special.ndtri(_shares(shape))
    return values.float()


def spread_uniform(shape: Shape, bound: float) -> Tensor:
    """A uniform distribution's quantiles in ±bound, in order."""
    return (bound * (2.0 * _shares(shape) - 1.0)).float()


def shuffled(values: Tensor) -> Tensor:
    """The values in a random order, drawn from torch's global generator."""
    return values.flatten()[torch.randperm(values.numel())].reshape(values.shape)


def fans(shape: Shape) -> tuple[int, int]:
    """Inputs to one output, and outputs of one input."""
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def kaiming_std(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> float:
    fan = fans(shape)[mode == "fan_out"]
    return math.sqrt(2.0 / (1.0 + negative_slope**2) / fan)


def xavier_bound(shape: Shape, gain: float = 1.0) -> float:
    return gain * math.sqrt(6.0 / sum(fans(shape)))


def kaiming_oracle(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return shuffled(spread_normal(shape, kaiming_std(shape, mode, negative_slope)))


def xavier_oracle(shape: Shape, gain: float = 1.0) -> Tensor:
    return shuffled(spread_uniform(shape, xavier_bound(shape, gain)))


MEAN, STD, INNER = "mean / std", "std (1 is right)", "share within one std"


def kaiming_measure(case: Case, outputs: Outputs) -> Outputs:
    """Mean, width and shape of what was drawn."""
    if "again" in outputs:
        return _repeats(outputs)
    return _statistics(case, outputs["out"], kaiming_std(**case.inputs))


def xavier_measure(case: Case, outputs: Outputs) -> Outputs:
    """Mean, width, shape and bound of what was drawn."""
    if "again" in outputs:
        return _repeats(outputs)
    bound = xavier_bound(**case.inputs)
    found = _statistics(case, outputs["out"], bound / math.sqrt(3.0))
    largest = float(outputs["out"].abs().max()) / bound
    return found | {"no value beyond the bound": largest < 1.0 + 1e-3, "values near the bound": largest > 1.0 - 1e-3}


def _repeats(outputs: Outputs) -> Outputs:
    out, again, following = (outputs[name] for name in ("out", "again", "next"))
    return {
        "the same seed gives the same values": torch.equal(out, again),
        "the next draw gives new values": not torch.equal(again, following),
    }


def _statistics(case: Case, drawn: Value, std: float) -> Outputs:
    if not isinstance(drawn, Tensor) or tuple(drawn.shape) != tuple(case.inputs["shape"]):
        raise ValueError("not a tensor of the shape that was asked for")
    values = drawn.double()
    own = float(values.std())
    return {
        "dtype": str(drawn.dtype),
        STD: own / std,
        MEAN: float(values.mean()) / own,
        INNER: float((values.abs() < own).double().mean()),
        "values differ from each other": drawn.unique().numel() > 0.95 * drawn.numel(),
    }


# Standard errors at N values: 1/√N of the mean; 1/√(2N) of a normal std, which is more than of a uniform one;
# √(p(1−p)/N) of a share p near 0.6. The largest of N uniform values is below 1 − 1e-3 with probability e^−16.4.
TOLERANCE = Tolerance(
    absolute={MEAN: Z / math.sqrt(N), INNER: Z * math.sqrt(0.24 / N)}, relative={STD: Z / math.sqrt(2 * N)}
)


def drawn(name: str, rng: Rng, *, expect: Tensor | None = None, note: str = "", **inputs: Value) -> Case:
    """One draw after seeding."""
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = (seed(int(rng.integers(0, 2**31, 1))), call("out", **given))
    return Case(name, steps, inputs=inputs, expect={} if expect is None else {"out": expect}, note=note)


def repeated(rng: Rng, shape: Shape) -> Case:
    """Two draws after the same seed, and one more."""
    start = seed(int(rng.integers(0, 2**31, 1)))
    draws = [call(name, shape=Ref("shape")) for name in ("out", "again", "next")]
    return Case("torch.manual_seed decides", (start, draws[0], start, *draws[1:]), inputs={"shape": shape})


def kaiming_cases(rng: Rng) -> Iterator[Case]:
    yield drawn(
        "a linear layer with 50 inputs, by hand",
        rng,
        shape=(400, 50),
        expect=spread_normal((400, 50), 0.2),
        note="fan_in = 50, so std = √(2 / 50) = 0.2",
    )
    yield drawn("a single input", rng, shape=(20_000, 1))
    yield drawn("3×3 kernels on 32 channels", rng, shape=(64, 32, 3, 3))
    yield drawn("a kernel that is not square", rng, shape=(150, 8, 2, 7))
    yield drawn("fan_out of a linear layer", rng, shape=(300, 60), mode="fan_out")
    yield drawn("fan_out of 3×3 kernels", rng, shape=(16, 128, 3, 3), mode="fan_out")
    yield drawn("leaky ReLU, slope 0.5", rng, shape=(128, 32, 5), mode="fan_in", negative_slope=0.5)
    yield drawn("3-D kernels, fan_out, slope 2", rng, shape=(40, 16, 3, 3, 3), mode="fan_out", negative_slope=2.0)
    yield repeated(rng, (30, 20))


def xavier_cases(rng: Rng) -> Iterator[Case]:
    yield drawn(
        "a linear layer, 50 inputs and 400 outputs, by hand",
        rng,
        shape=(400, 50),
        expect=spread_uniform((400, 50), 0.1154701),
        note="bound = √(6 / (50 + 400)) = √0.01333 = 0.1155",
    )
    yield drawn("a single output", rng, shape=(1, 20_000))
    yield drawn("3×3 kernels on 32 channels", rng, shape=(64, 32, 3, 3))
    yield drawn("a kernel that is not square", rng, shape=(150, 8, 2, 7))
    yield drawn("gain 5/3, as for tanh", rng, shape=(300, 60), gain=5.0 / 3.0)
    yield drawn("1-D kernels, gain 0.5", rng, shape=(128, 32, 5), gain=0.5)
    yield repeated(rng, (30, 20))


def swapped_fans(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return kaiming_oracle(shape, "fan_in" if mode == "fan_out" else "fan_out", negative_slope)


def mode_ignored(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return kaiming_oracle(shape, "fan_in", negative_slope)


def kernel_size_left_out(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return shuffled(spread_normal(shape, kaiming_std(shape[:2], mode, negative_slope)))


def gain_left_out(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return kaiming_oracle(shape, mode, 1.0)


def slope_ignored(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return kaiming_oracle(shape, mode)


def slope_not_squared(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return kaiming_oracle(shape, mode, math.sqrt(negative_slope))


def variance_as_std(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return shuffled(spread_normal(shape, kaiming_std(shape, mode, negative_slope) ** 2))


def uniform_for_normal(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return shuffled(spread_uniform(shape, math.sqrt(3.0) * kaiming_std(shape, mode, negative_slope)))


def own_generator(shape: Shape, mode: str = "fan_in", negative_slope: float = 0.0) -> Tensor:
    return spread_normal(shape, kaiming_std(shape, mode, negative_slope))


def bound_of_fan_in(shape: Shape, gain: float = 1.0) -> Tensor:
    return shuffled(spread_uniform(shape, gain * math.sqrt(3.0 / fans(shape)[0])))


def twice_the_fan_in(shape: Shape, gain: float = 1.0) -> Tensor:
    return shuffled(spread_uniform(shape, gain * math.sqrt(6.0 / fans(shape)[0])))


def xavier_kernel_left_out(shape: Shape, gain: float = 1.0) -> Tensor:
    return shuffled(spread_uniform(shape, xavier_bound(shape[:2], gain)))


def std_as_bound(shape: Shape, gain: float = 1.0) -> Tensor:
    return xavier_oracle(shape, gain / math.sqrt(3.0))


def normal_for_uniform(shape: Shape, gain: float = 1.0) -> Tensor:
    return shuffled(spread_normal(shape, xavier_bound(shape, gain) / math.sqrt(3.0)))


def gain_ignored(shape: Shape, gain: float = 1.0) -> Tensor:
    return xavier_oracle(shape)


def gain_inside_the_root(shape: Shape, gain: float = 1.0) -> Tensor:
    return xavier_oracle(shape, math.sqrt(gain))


def never_negative(shape: Shape, gain: float = 1.0) -> Tensor:
    return xavier_oracle(shape, gain) / 2.0 + xavier_bound(shape, gain) / 2.0


FANS = "one output sums shape[1] × kernel height × kernel width products: that is fan_in. fan_out has shape[0] instead."

KAIMING = Exercise(
    id="lenet.kaiming_init",
    cases=kaiming_cases,
    oracle=kaiming_oracle,
    measure=kaiming_measure,
    tolerance=TOLERANCE,
    wrong=(
        Wrong("swaps fan_in and fan_out", swapped_fans, says="fan_in and fan_out are the wrong way round.", look=FANS),
        Wrong("ignores the mode", mode_ignored, says="mode is never used: fan_in is always taken.", look=FANS),
        Wrong(
            "leaves the kernel's size out",
            kernel_size_left_out,
            says="the kernel's height and width are not counted in the fan (the receptive field is left out).",
            look="how many products are summed into one output of a 3×3 convolution with 32 channels?",
        ),
        Wrong(
            "forgets the gain of ReLU",
            gain_left_out,
            says="std is √(1/fan). ReLU sets half of the signal to zero, and the 2 makes up for it.",
            look="the variance is 2 / (1 + slope²) / fan.",
        ),
        Wrong(
            "ignores the slope",
            slope_ignored,
            says="negative_slope is never used.",
            look="the more of the negative side passes, the smaller the gain: where does the slope come in?",
        ),
        Wrong(
            "doesn't square the slope",
            slope_not_squared,
            says="the slope goes into a variance, so it has to be squared.",
            look="the variance is 2 / (1 + slope²) / fan.",
        ),
        Wrong(
            "takes the variance for the std",
            variance_as_std,
            says="the values are scaled by the variance; it is the standard deviation that scales them.",
            look="a square root is missing.",
        ),
        Wrong(
            "draws from a uniform distribution",
            uniform_for_normal,
            says="the width is right, but the values are uniform; a normal distribution is asked for.",
            look="which of torch's functions draws normal values?",
        ),
        Wrong(
            "gives the same values every time",
            own_generator,
            says="each call gives the same values: two layers of one shape would start out equal.",
            look="draw from torch's global generator, and don't seed it inside.",
        ),
    ),
    hints=(
        "Every output is a sum of fan_in products. Its variance is fan_in · Var(weight) · mean(x²): keep it steady.",
        "fan_in = shape[1] · (product of shape[2:]); fan_out = shape[0] · (the same product).",
        "Standard normal values times std, with std² = 2 / (1 + slope²) / fan.",
    ),
    points=2,
    minutes=15,
    forbidden=INITIALISERS,
)

XAVIER = Exercise(
    id="lenet.xavier_init",
    cases=xavier_cases,
    oracle=xavier_oracle,
    measure=xavier_measure,
    tolerance=TOLERANCE,
    wrong=(
        Wrong(
            "uses fan_in alone",
            bound_of_fan_in,
            says="only fan_in counts here; Xavier's variance lies between what forward and backward pass want: "
            "2 / (fan_in + fan_out).",
            look="both fans belong under the root.",
        ),
        Wrong(
            "divides 6 by fan_in alone",
            twice_the_fan_in,
            says="the 6 is divided by fan_in alone; it belongs over fan_in + fan_out.",
            look="both fans belong under the root.",
        ),
        Wrong(
            "leaves the kernel's size out",
            xavier_kernel_left_out,
            says="the kernel's height and width are not counted in the fans (the receptive field is left out).",
            look=FANS,
        ),
        Wrong(
            "takes the std for the bound",
            std_as_bound,
            says="the values lie within ±std; a uniform distribution within ±bound has std = bound / √3.",
            look="so how much larger than std must the bound be?",
        ),
        Wrong(
            "draws from a normal distribution",
            normal_for_uniform,
            says="the width is right, but the values are normal; a uniform distribution is asked for.",
            look="uniform values between −bound and bound.",
        ),
        Wrong("ignores the gain", gain_ignored, says="gain is never used.", look="the gain multiplies the bound."),
        Wrong(
            "puts the gain inside the root",
            gain_inside_the_root,
            says="the gain is under the square root; it multiplies the bound itself.",
            look="twice the gain, twice the bound.",
        ),
        Wrong(
            "draws no negative values",
            never_negative,
            says="all values lie between 0 and the bound; half of them should be negative.",
            look="how do you map [0, 1) onto [−bound, bound)?",
        ),
    ),
    hints=(
        "kaiming_init has the fans already; here both count.",
        "A uniform distribution in ±b has variance b²/3. Set that to 2 / (fan_in + fan_out) and solve for b.",
    ),
    points=2,
    minutes=10,
    forbidden=INITIALISERS,
)

EXERCISES = (KAIMING, XAVIER)
