"""Right answers in a student's style; `test_lenet_training` puts one mistake at a time into this text."""

import copy
import math

import torch


def log_softmax(x, dim=-1):
    z = x - x.amax(dim, keepdim=True)
    return z - z.exp().sum(dim, keepdim=True).log()


def cross_entropy(logits, target, weight=None, ignore_index=-100, label_smoothing=0.0):
    kept = target != ignore_index
    logits, target = logits[kept], target[kept]
    log_p = log_softmax(logits)
    w = torch.ones_like(logits[0]) if weight is None else weight
    each = w[target]
    total = each.sum()
    hard = -(log_p.gather(1, target[:, None])[:, 0] * each).sum() / total
    smooth = -(log_p * w).mean(1).sum() / total
    return (1 - label_smoothing) * hard + label_smoothing * smooth if label_smoothing else hard


def fans(shape):
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def kaiming_init(shape, mode="fan_in", negative_slope=0.0):
    fan_in, fan_out = fans(shape)
    fan = fan_in if mode == "fan_in" else fan_out
    return torch.randn(shape) * math.sqrt(2 / (1 + negative_slope**2) / fan)


def xavier_init(shape, gain=1.0):
    bound = gain * math.sqrt(6 / sum(fans(shape)))
    return (2 * torch.rand(shape) - 1) * bound


class Base:
    def __init__(self, params):
        self.params = list(params)

    def zero_grad(self):
        for p in self.params:
            p.grad = None


class SGD(Base):
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__(params)
        self.lr, self.momentum, self.nesterov, self.decay = lr, momentum, nesterov, weight_decay
        self.v = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.v, strict=True):
            if p.grad is None:
                continue
            g = p.grad + self.decay * p
            v.mul_(self.momentum).add_(g)
            p -= self.lr * (g + self.momentum * v if self.nesterov else v)


class RMSprop(Base):
    def __init__(self, params, lr=0.01, alpha=0.99, eps=1e-8, momentum=0.0, weight_decay=0.0):
        super().__init__(params)
        self.lr, self.alpha, self.eps, self.momentum, self.decay = lr, alpha, eps, momentum, weight_decay
        self.s = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self):
        for p, s, v in zip(self.params, self.s, self.v, strict=True):
            if p.grad is None:
                continue
            g = p.grad + self.decay * p
            s.mul_(self.alpha).add_((1 - self.alpha) * g * g)
            root = s.sqrt() + self.eps
            v.mul_(self.momentum).add_(g / root)
            p -= self.lr * v


class Adam(Base):
    coupled = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params)
        self.lr, self.betas, self.eps, self.decay = lr, betas, eps, weight_decay
        self.m = [torch.zeros_like(p) for p in self.params]
        self.s = [torch.zeros_like(p) for p in self.params]
        self.t = [0 for _ in self.params]
        self.calls = 0

    @torch.no_grad()
    def step(self):
        b1, b2 = self.betas
        self.calls += 1
        for i, (p, m, s) in enumerate(zip(self.params, self.m, self.s, strict=True)):
            if p.grad is None:
                continue
            self.t[i] += 1
            t = self.t[i]
            if not self.coupled:
                p *= 1 - self.lr * self.decay
            g = p.grad + self.decay * p if self.coupled else p.grad
            m.mul_(b1).add_((1 - b1) * g)
            s.mul_(b2).add_((1 - b2) * g * g)
            mean, square = m / (1 - b1**t), s / (1 - b2**t)
            p -= self.lr * mean / (square.sqrt() + self.eps)


class AdamW(Adam):
    coupled = False

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps, weight_decay)


def fit(model, optimizer, loss_fn, train, val, epochs, patience=3, on_epoch=None):
    train_losses, val_losses = [], []
    best, best_epoch, best_state, bad = math.inf, -1, None, 0
    for epoch in range(epochs):
        model.train()
        total = count = 0
        for x, y in train:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total, count = total + loss.item() * len(x), count + len(x)
        train_losses.append(total / count)
        model.eval()
        total = count = 0
        with torch.no_grad():
            for x, y in val:
                loss = loss_fn(model(x), y)
                total, count = total + loss.item() * len(x), count + len(x)
        val_losses.append(total / count)
        score = val_losses[-1]
        if score < best:
            best, best_epoch, bad = score, epoch, 0
            best_state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
        if on_epoch is not None:
            on_epoch(epoch, train_losses[-1], val_losses[-1])
        if bad >= patience:
            break
    model.load_state_dict(best_state)
    return {"train_loss": train_losses, "val_loss": val_losses, "best_epoch": best_epoch}


def confusion_matrix(target, predicted, num_classes):
    cells = target.long() * num_classes + predicted.long()
    return torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def ratio(part, whole):
    return part.float() / whole.clamp(min=1)


def averaged(part, whole, average):
    if average == "micro":
        return ratio(part.sum(), whole.sum())
    each = ratio(part, whole)
    return each.mean() if average == "macro" else each


def precision(confusion, average="macro"):
    return averaged(confusion.diagonal(), confusion.sum(0), average)


def recall(confusion, average="macro"):
    return averaged(confusion.diagonal(), confusion.sum(1), average)


def f1(confusion, average="macro"):
    return averaged(2 * confusion.diagonal(), confusion.sum(0) + confusion.sum(1), average)
