"""What a distillation loss is put together from, for wrong answers that change one part."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Part = Callable[[Tensor, Tensor, float], Tensor]  # of distilled, teacher and temperature
Mix = Callable[[Tensor, Tensor, float], Tensor]  # of both terms and alpha


def softly(distilled: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    p, q = F.log_softmax(teacher / temperature, 1), F.log_softmax(distilled / temperature, 1)
    return temperature**2 * F.kl_div(q, p, reduction="batchmean", log_target=True)


def hardly(distilled: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    return F.nll_loss(F.log_softmax(distilled, 1), teacher.max(1).indices)


def shared(right: Tensor, lacking: Tensor, alpha: float) -> Tensor:
    return torch.lerp(right, lacking, alpha)


def variant(
    *,
    soft: Part = softly,
    hard_part: Part = hardly,
    mix: Mix = shared,
    label_part: Callable[[Tensor, Tensor, float], Tensor] = lambda logits, labels, _: F.cross_entropy(logits, labels),
    detach: bool = True,
    taken: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda logits, distilled: (logits, distilled),
) -> Callable[..., Tensor]:
    """A distillation loss of these parts. label_part: of logits, labels and temperature. taken: which answers
    meet the label and the teacher."""

    def answer(
        logits: Tensor,
        distilled: Tensor,
        teacher: Tensor,
        labels: Tensor,
        hard: bool = True,
        alpha: float = 0.5,
        temperature: float = 3.0,
    ) -> Tensor:
        teacher = teacher.detach() if detach else teacher
        logits, distilled = taken(logits, distilled)
        part = hard_part if hard else soft
        return mix(label_part(logits, labels, temperature), part(distilled, teacher, temperature), alpha)

    return answer


def turned(distilled: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    return softly(teacher, distilled, temperature)


def without_doubt(distilled: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Cross-entropy between the two: KL without what the teacher itself is unsure of."""
    p = (teacher / temperature).softmax(1)
    return temperature**2 * F.cross_entropy(distilled / temperature, p)


def of_probabilities(distilled: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    q, p = (distilled / temperature).softmax(1), (teacher / temperature).softmax(1)
    return temperature**2 * F.kl_div(q, p, reduction="batchmean")


def softened_after(distilled: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    q, p = F.log_softmax(distilled, 1) / temperature, F.log_softmax(teacher, 1) / temperature
    return temperature**2 * F.kl_div(q, p, reduction="batchmean", log_target=True)


def doubtful(distilled: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    return F.cross_entropy(distilled, teacher.softmax(1))


oracle = variant()
with_gradient_to_the_teacher = variant(detach=False)
without_square = variant(soft=lambda d, t, tau: softly(d, t, tau) / tau**2)
times_temperature = variant(soft=lambda d, t, tau: softly(d, t, tau) / tau)
never_softened = variant(soft=lambda d, t, tau: tau**2 * softly(d, t, 1.0))
temperature_ignored = variant(soft=lambda d, t, tau: softly(d, t, 1.0))
teacher_alone_softened = variant(soft=lambda d, t, tau: softly(tau * d, t, tau))
multiplied = variant(soft=lambda d, t, tau: tau**2 * softly(tau * d, tau * t, 1.0))
per_number = variant(soft=lambda d, t, tau: softly(d, t, tau) / d.shape[1])
added_up = variant(soft=lambda d, t, tau: softly(d, t, tau) * len(d))
hardly_softened = variant(hard_part=lambda d, t, tau: hardly(d / tau, t, tau))
hardly_squared = variant(hard_part=lambda d, t, tau: tau**2 * hardly(d, t, tau))
shares_exchanged = variant(mix=lambda right, lacking, alpha: shared(right, lacking, 1 - alpha))
always_half = variant(mix=lambda right, lacking, alpha: shared(right, lacking, 0.5))
label_in_full = variant(mix=lambda right, lacking, alpha: right + alpha * lacking)
both_in_full = variant(mix=lambda right, lacking, alpha: right + lacking)
labels_softened = variant(label_part=lambda logits, labels, tau: F.cross_entropy(logits / tau, labels))
labels_softmax = variant(label_part=lambda logits, labels, _: F.cross_entropy(logits.softmax(1), labels))
other_way_round = variant(soft=turned)
cross_entropy_for_kl = variant(soft=without_doubt)
probabilities_for_logarithms = variant(soft=of_probabilities)
divided_after_the_softmax = variant(soft=softened_after)
by_squared_error = variant(soft=lambda d, t, _: F.mse_loss(d, t))
always_soft = variant(hard_part=softly)
always_hard = variant(soft=hardly)
soft_for_hard = variant(soft=hardly, hard_part=softly)
teachers_doubts_kept = variant(hard_part=doubtful)
exchanged = variant(taken=lambda logits, distilled: (distilled, logits))
logits_alone = variant(taken=lambda logits, distilled: (logits, logits))
distilled_alone = variant(taken=lambda logits, distilled: (distilled, distilled))
