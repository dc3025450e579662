"""Learning from a teacher: its answers beside the labels."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def distillation_loss(
    logits: Float[Tensor, "N K"],
    distilled: Float[Tensor, "N K"],
    teacher: Float[Tensor, "N K"],
    labels: Int[Tensor, "N"],
    hard: bool = True,
    alpha: float = 0.5,
    temperature: float = 3.0,
) -> Float[Tensor, ""]:
    """Teach with labels and with a teacher's logits: (1 − alpha) · CE(logits, labels) + alpha ·
    what `distilled` lacks of the teacher. Means over the batch.

    `logits` answer the labels, `distilled` the teacher: the class token's and the distillation
    token's answers in DeiT, twice the same tensor in a model with one answer. No gradient goes
    into the teacher.

    hard: CE(distilled, the class that the teacher thinks most likely); `temperature` isn't used.
    Otherwise, with p = softmax(teacher / temperature) and q = softmax(distilled / temperature):
    temperature² · KL(p ‖ q), where KL(p ‖ q) = Σ p · log(p / q), summed over the classes. The
    square keeps the gradients as large as they were: both softmaxes are flatter by temperature.

    One image of class 0, two classes, logits [0, 0]: CE = log 2 = 0.693. Hard, distilled
    [0, log 3], teacher [5, 1]: CE against class 0 is log 4 = 1.386, so ½ · 0.693 + ½ · 1.386 =
    1.040. Soft, distilled [0, 0], teacher [3 log 3, 0]: p = [¾, ¼], q = [½, ½], KL = ¾ log 1.5 +
    ¼ log 0.5 = 0.131, so ½ · 0.693 + ½ · 9 · 0.131 = 0.935.

    Raises ValueError unless temperature > 0. Source: Touvron and others 2021 (DeiT), equations 2
    and 3; Hinton, Vinyals and Dean 2015, section 2. DeiT's published code divides KL by the
    number of classes too; here, as in the paper, it doesn't. Peer: `F.kl_div` with reduction
    "batchmean".
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    teacher = teacher.detach()
    right = F.cross_entropy(logits, labels)
    if hard:
        return (1 - alpha) * right + alpha * F.cross_entropy(distilled, teacher.argmax(1))
    log_p, log_q = (teacher / temperature).log_softmax(1), (distilled / temperature).log_softmax(1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(1).mean()
    return (1 - alpha) * right + alpha * temperature**2 * divergence
