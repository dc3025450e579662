"""How large the next step is: learning rates that change while a network trains."""

import math


def cosine_warmup(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    """The learning rate of a step, counted from 0, of `total`: up in a straight line, down along half
    a cosine.

    - The first `warmup` steps climb: step 0 has lr / warmup, step 1 twice that, step warmup − 1 has
      lr. Without a warm-up (0) there are none.
    - After that it falls, from lr at step `warmup` to min_lr, which it would reach at step `total`
      (one after the last).

    total 6, warmup 2, lr 1: 0.5, 1, then (1 + cos 0) / 2 = 1, (1 + cos 45°) / 2 = 0.854, 0.5, 0.146.

    Raises ValueError unless 0 ≤ step < total and 0 ≤ warmup < total. Source: Goyal and others 2017
    for the warm-up, Loshchilov and Hutter 2017 for the cosine. Peer: `LinearLR` and
    `CosineAnnealingLR` in `torch.optim.lr_scheduler`.
    """
    if not (0 <= step < total and 0 <= warmup < total):
        raise ValueError(f"expected 0 ≤ step < {total} and 0 ≤ warmup < {total}, got {step} and {warmup}")
    if step < warmup:
        return lr * (step + 1) / warmup
    done = (step - warmup) / (total - warmup)
    return min_lr + (lr - min_lr) * (1 + math.cos(math.pi * done)) / 2


class ReduceOnPlateau:
    """A learning rate that falls when the loss has stopped falling.

    Call `step(loss)` after each epoch with its validation loss; it returns the rate for the next
    epoch, which also stands in `lr`.

    - A loss is better if it is below best · (1 − `threshold`), where best is the last loss that was
      better; the first always is.
    - When more than `patience` epochs in a row were no better, the rate is multiplied by `factor`,
      but never falls below `min_lr`, and the counting of epochs begins anew. best stays.

    lr 1, factor 0.1, patience 1, losses 5, 4, 4, 4: after the third epoch one was no better, after
    the fourth two, and 2 > 1: the rates are 1, 1, 1, 0.1.

    Raises ValueError unless 0 < factor < 1. Peer: `torch.optim.lr_scheduler.ReduceLROnPlateau`.
    """

    def __init__(
        self, lr: float, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4, min_lr: float = 0.0
    ) -> None:
        if not 0 < factor < 1:
            raise ValueError(f"factor must lie between 0 and 1, got {factor}")
        self.lr, self.factor, self.patience = lr, factor, patience
        self.threshold, self.min_lr = threshold, min_lr
        self.best, self.waited = math.inf, 0

    def step(self, loss: float) -> float:
        """The rate after an epoch with this validation loss."""
        if loss < self.best * (1 - self.threshold):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.lr, self.waited = max(self.lr * self.factor, self.min_lr), 0
        return self.lr


def cyclical_lr(step: int, step_size: int, low: float, high: float) -> float:
    """A learning rate that climbs in a straight line from `low` to `high` in `step_size` steps, falls
    back in as many, and begins again. Step 0 has `low`.

    step_size 2, low 1, high 3: 1, 2, 3, 2, 1, 2, 3, 2, …

    Raises ValueError if step_size is less than 1. Source: Smith 2017, the triangular policy. Peer:
    `torch.optim.lr_scheduler.CyclicLR`.
    """
    if step_size < 1:
        raise ValueError(f"step_size must be at least 1, got {step_size}")
    from_top = abs(step % (2 * step_size) - step_size)
    return low + (high - low) * (1 - from_top / step_size)
