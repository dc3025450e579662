"""Whether a probability of 0.8 is right eight times in ten, and how to mend it if not."""

import math

from jaxtyping import Float, Int
from torch import Tensor


def ece(probabilities: Float[Tensor, "N K"], labels: Int[Tensor, "N"], bins: int = 15) -> Float[Tensor, ""]:
    """The expected calibration error: how far confidence and accuracy lie apart, float32.

    A sample's confidence is its largest probability. Samples are sorted by it into `bins`
    of equal width, bin b from above b / bins up to and including (b + 1) / bins (b = 0, 1,
    …; the first takes 0 as well); for each bin the distance of its accuracy from its mean
    confidence, weighted with its share of all samples.

    Confidences 0.9 0.8 0.6 0.6, of which the first and third are right, 2 bins: all lie in
    the second; accuracy 0.5, confidence 0.725, so 0.225.

    Raises ValueError if there are no samples, or bins < 1. Source: Guo and others 2017.
    Peer: netcal's `ECE`.
    """
    if bins < 1 or len(labels) == 0:
        raise ValueError(f"expected samples and at least one bin, got {len(labels)} and {bins}")
    confidence, answer = probabilities.double().max(dim=1)
    surplus = (answer == labels).double() - confidence
    place = ((confidence * bins).ceil().long() - 1).clamp(0, bins - 1)
    gaps = surplus.new_zeros(bins).index_add(0, place, surplus)  # samples of the bin · (accuracy − confidence)
    return (gaps.abs().sum() / len(labels)).float()


def temperature_scaling(logits: Float[Tensor, "N K"], labels: Int[Tensor, "N"]) -> float:
    """The temperature T, from 0.05 to 20, for which logits / T have the smallest mean
    cross-entropy, to three digits.

    T > 1 makes a network less sure of itself, T < 1 surer; the answers stay the same.
    Logits (2, 0), of which three quarters are right: σ(2/T) = 3/4, so T = 2 / log 3 = 1.82.

    With s = 1 / T the loss is convex, and its slope is the mean over the samples of (the
    logit that s · logits expects) minus (the logit of the label): where the slope changes
    its sign is found by halving. Source: Guo and others 2017.
    """
    exact = logits.double()
    own = exact.gather(1, labels[:, None]).mean()

    def slope(log_t: float) -> float:
        expected = ((exact * math.exp(-log_t)).softmax(dim=1) * exact).sum(dim=1).mean()
        return float(expected - own)

    low, high = math.log(0.05), math.log(20.0)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return math.exp((low + high) / 2)
