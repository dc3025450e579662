"""How sure a difference is."""

import torch
from jaxtyping import Float
from torch import Tensor


def paired_bootstrap(
    one: Float[Tensor, "N"], other: Float[Tensor, "N"], draws: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """How much larger `one` is than `other` on average, with the limits of a 95 % interval:
    (difference, low, high).

    The i-th values of both belong together: the same seed, patient or test image. In each
    of `draws` rounds N pairs are drawn with replacement, and the mean difference of those is
    noted; low and high cut off 2.5 % of these means at either end. Equal seeds give equal
    limits, and torch's global random state is left alone.

    Differences 1 and 3: a round's mean is 1, 2 or 3 with the odds 1 : 2 : 1, so the answer is
    (2, 1, 3).

    Raises ValueError if the lengths differ or are 0. Source: Efron 1979; for tests of
    systems, Koehn 2004.
    """
    if one.shape != other.shape or len(one) == 0:
        raise ValueError(f"expected as many values of both, at least one; got {len(one)} and {len(other)}")
    difference = (one - other).double().cpu()
    generator = torch.Generator().manual_seed(seed)
    rounds = torch.randint(len(difference), (draws, len(difference)), generator=generator)
    means = difference[rounds].mean(dim=1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return float(difference.mean()), low, high
