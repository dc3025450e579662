"""Four optimisers that give torch.optim's numbers.

Each keeps what it remembers of a parameter in a list beside `params`. Parameters without a gradient are passed over.
"""

from collections.abc import Iterable

import torch
from torch import Tensor


class Optimizer:
    """What every optimiser has: `params`, the tensors it moves, and `lr`, which may be
    changed between steps.
    """

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.params = list(params)
        self.lr = lr

    def zero_grad(self) -> None:
        """Forget all gradients (`p.grad` becomes None)."""
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient, in place."""
        raise NotImplementedError(f"{type(self).__name__} has no step yet")


class SGD(Optimizer):
    """Gradient descent with momentum.

    Each `step`, for every parameter p with the gradient g: g ← g + weight_decay · p;
    velocity ← momentum · velocity + g (the first time velocity ← g); p ← p − lr · velocity,
    or with `nesterov` p ← p − lr · (g + momentum · velocity). Without momentum p ← p − lr ·
    g.

    p = 1, lr = 0.1, momentum = 0.5, gradients 2 and then 4: p = 1 − 0.1·2 = 0.8, then 0.8 −
    0.1·(0.5·2 + 4) = 0.3. With nesterov 1 − 0.1·(2 + 0.5·2) = 0.7, then 0.7 − 0.1·(4 +
    0.5·5) = 0.05.

    Raises ValueError for `nesterov` without momentum. Peer: `torch.optim.SGD`.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr)
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs momentum above 0, got momentum=0.0")
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        self.velocity = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self) -> None:
        for p, velocity in zip(self.params, self.velocity, strict=True):
            if p.grad is None:
                continue
            grad = p.grad.add(p, alpha=self.weight_decay) if self.weight_decay else p.grad
            if self.momentum:
                velocity.mul_(self.momentum).add_(grad)
                grad = grad.add(velocity, alpha=self.momentum) if self.nesterov else velocity
            p.sub_(grad, alpha=self.lr)


class RMSprop(Optimizer):
    """Gradient descent whose step is divided by a running root mean square of the gradient.

    Each `step`, for every parameter p with the gradient g: g ← g + weight_decay · p; square
    ← alpha · square + (1 − alpha) · g² (from 0); u = g / (√square + eps); velocity ←
    momentum · velocity + u (from 0); p ← p − lr · velocity.

    p = 1, lr = 0.1, alpha = 0.75, gradient 2: square = 0.25·4 = 1, p = 1 − 0.1·2/√1 = 0.8
    (eps left out).

    Peer: `torch.optim.RMSprop`. Source: Tieleman and Hinton, Coursera lecture 6.5, 2012.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr)
        self.alpha, self.eps, self.momentum, self.weight_decay = alpha, eps, momentum, weight_decay
        self.square = [torch.zeros_like(p) for p in self.params]
        self.velocity = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self) -> None:
        for p, square, velocity in zip(self.params, self.square, self.velocity, strict=True):
            if p.grad is None:
                continue
            grad = p.grad.add(p, alpha=self.weight_decay) if self.weight_decay else p.grad
            square.mul_(self.alpha).addcmul_(grad, grad, value=1 - self.alpha)
            velocity.mul_(self.momentum).addcdiv_(grad, square.sqrt().add_(self.eps))
            p.sub_(velocity, alpha=self.lr)


class Adam(Optimizer):
    """Momentum and a running mean square of the gradient, both corrected for having started
    from 0.

    Each `step`, the t-th of this parameter, with `betas` = (b1, b2), for every parameter p
    with the gradient g: g ← g + weight_decay · p; mean ← b1 · mean + (1 − b1) · g; square ←
    b2 · square + (1 − b2) · g²; p ← p − lr · (mean / (1 − b1ᵗ)) / (√(square / (1 − b2ᵗ)) +
    eps).

    p = 1, lr = 0.1, gradient 2, first step: mean = 0.1·2 = 0.2, square = 0.001·4 = 0.004;
    corrected 0.2 / 0.1 = 2 and 0.004 / 0.001 = 4, so p = 1 − 0.1·2/√4 = 0.9 (eps left out).

    Peer: `torch.optim.Adam`. Paper: Kingma and Ba, "Adam: a method for stochastic
    optimization", 2015.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr)
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        self.mean = [torch.zeros_like(p) for p in self.params]
        self.square = [torch.zeros_like(p) for p in self.params]
        self.steps = [0 for _ in self.params]

    @torch.no_grad()
    def step(self) -> None:
        b1, b2 = self.betas
        for i, p in enumerate(self.params):
            if p.grad is None:
                continue
            self.steps[i] += 1
            grad = p.grad.add(p, alpha=self.weight_decay) if self.weight_decay else p.grad
            mean = self.mean[i].lerp_(grad, 1 - b1)
            square = self.square[i].mul_(b2).addcmul_(grad, grad, value=1 - b2)
            root = square.sqrt().div_((1 - b2 ** self.steps[i]) ** 0.5).add_(self.eps)
            p.addcdiv_(mean, root, value=-self.lr / (1 - b1 ** self.steps[i]))


class AdamW(Optimizer):
    """Adam with weight decay on the weights themselves, apart from the gradient.

    Each `step`, for every parameter p that has a gradient: first p ← p − lr · weight_decay
    · p, then Adam's step with the plain gradient, which the decay has not touched.

    p = 1, lr = 0.1, weight_decay = 0.5, gradient 2, first step: p = 1 − 0.1·0.5·1 = 0.95,
    then Adam's step of 0.1·2/√4 makes it 0.85.

    Peer: `torch.optim.AdamW`. Paper: Loshchilov and Hutter, "Decoupled weight decay
    regularization", 2019.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr)
        self.weight_decay = weight_decay
        self.adam = Adam(self.params, lr, betas, eps)

    @torch.no_grad()
    def step(self) -> None:
        for p in self.params:
            if p.grad is not None:
                p.mul_(1 - self.lr * self.weight_decay)
        self.adam.lr = self.lr
        self.adam.step()
