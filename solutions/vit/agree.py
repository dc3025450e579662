"""How well two graders agree on grades that have an order."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def quadratic_weighted_kappa(labels: Int[Tensor, "N"], predicted: Int[Tensor, "N"], classes: int) -> Float[Tensor, ""]:
    """Agreement beyond chance, where an error of two grades costs four times an error of one; 1 is
    full agreement, 0 what chance gives, below 0 worse than chance; float32.

    With O[i, j] the share of samples of grade i that were given grade j, E[i, j] = (share of
    grade i among the labels) · (share of grade j among the predictions), and the cost
    w[i, j] = (i − j)²:

        κ = 1 − Σ w·O / Σ w·E

    Where chance alone never errs, Σ w·E = 0 (all labels and all predictions are one and the same
    grade), nothing beyond chance is shown, and κ is 0; so whoever gives everyone one grade
    always has κ = 0.

    labels 0 0 2 2, predicted 0 1 2 2: one error of one grade, Σ w·O = 1/4. By chance: label 0
    (1/2) meets 1 (1/4) and 2 (1/2), label 2 (1/2) meets 0 (1/4) and 1 (1/4):
    Σ w·E = 1/8 · 1 + 1/4 · 4 + 1/8 · 4 + 1/8 · 1 = 1.75. κ = 1 − 0.25 / 1.75 = 0.857.

    Source: Cohen 1968. Peer: scikit-learn's `cohen_kappa_score(…, weights="quadratic")`, which
    gives NaN where chance never errs.
    """
    grades = torch.arange(classes, device=labels.device)
    cost = (grades[:, None] - grades).square().double()
    observed = torch.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes).double()
    expected = observed.sum(1)[:, None] * observed.sum(0) / len(labels)
    by_chance = (cost * expected).sum()
    kappa = 1 - (cost * observed).sum() / by_chance
    return torch.where(by_chance > 0, kappa, 0.0).float()
