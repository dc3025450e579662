"""Right answers to losses, first weights, optimisers and training that look different from the reference."""

import copy
import math

import torch
from torch import nn

# --- losses ----------------------------------------------------------------------------------------------------------


def log_softmax_by_maximum(x, dim=-1):
    largest = torch.amax(x, dim=dim, keepdim=True)
    return x - (largest + torch.log(torch.sum(torch.exp(x - largest), dim=dim, keepdim=True)))


def log_softmax_last_axis(x, dim=-1):
    """Moves the axis to the end, works on rows, moves it back."""
    rows = x.movedim(dim, -1)
    rows = rows - rows.detach().amax(-1, keepdim=True)
    return (rows - rows.exp().sum(-1, keepdim=True).log()).movedim(-1, dim)


def cross_entropy_by_level(logits, target, weight=None, ignore_index=-100, label_smoothing=0.0):
    """Never writes log-probabilities down: each is a logit minus its row's level, log Σ exp."""
    if bool((target == ignore_index).any()):
        logits, target = logits[target != ignore_index], target[target != ignore_index]
    if weight is None:
        weight = torch.ones(logits.shape[1], dtype=logits.dtype, device=logits.device)
    largest = logits.detach().max(dim=1).values
    level = largest + (logits - largest[:, None]).exp().sum(dim=1).log()
    due = weight[target]
    loss = due @ (level - torch.take_along_dim(logits, target[:, None], 1).squeeze(1))
    if label_smoothing != 0:
        share = (level[:, None] - logits).mv(weight).sum() / len(weight)
        loss = loss + label_smoothing * (share - loss)
    return loss / due.sum()


def cross_entropy_masked(logits, target, weight=None, ignore_index=-100, label_smoothing=0.0):
    """Keeps every row, and gives the ignored ones no weight."""
    n, k = logits.shape
    log_p = log_softmax_last_axis(logits, dim=1)
    kept = (target != ignore_index).to(logits.dtype)
    label = target.masked_fill(target == ignore_index, 0)
    per_class = torch.ones(k, dtype=logits.dtype, device=logits.device) if weight is None else weight
    per_sample = per_class.index_select(0, label) * kept
    hit = -log_p[torch.arange(n, device=logits.device), label] @ per_sample
    if not label_smoothing:
        return hit / per_sample.sum()
    flat = -(log_p @ per_class) @ kept / k
    return ((1 - label_smoothing) * hit + label_smoothing * flat) / per_sample.sum()


# --- first weights ---------------------------------------------------------------------------------------------------


def fan(shape, axis):
    if len(shape) < 2:
        raise ValueError("too few axes")
    size = shape[axis]
    for pixels in shape[2:]:
        size *= pixels
    return size


def kaiming_init_in_place(shape, mode="fan_in", negative_slope=0.0):
    axis = {"fan_in": 1, "fan_out": 0}.get(mode)
    if axis is None:
        raise ValueError("mode is fan_in or fan_out")
    gain = (2 / (1 + negative_slope**2)) ** 0.5
    return torch.empty(*shape).normal_(0.0, gain / fan(shape, axis) ** 0.5)


def kaiming_init_by_distribution(shape, mode="fan_in", negative_slope=0.0):
    """Box and Muller's way from uniform to normal numbers."""
    if mode not in {"fan_in", "fan_out"}:
        raise ValueError(mode)
    size = fan(shape, int(mode == "fan_in"))
    radius = torch.sqrt(-2 * torch.log(1 - torch.rand(shape)))
    return radius * torch.cos(2 * math.pi * torch.rand(shape)) * math.sqrt(2 / (size * (1 + negative_slope**2)))


def xavier_init_from_unit(shape, gain=1.0):
    bound = gain * (6 / (fan(shape, 0) + fan(shape, 1))) ** 0.5
    return (torch.rand(shape) * 2 - 1) * bound


def xavier_init_by_std(shape, gain=1.0):
    std = gain * math.sqrt(2.0 / (fan(shape, 1) + fan(shape, 0)))
    return torch.zeros(shape).uniform_(-math.sqrt(3.0) * std, math.sqrt(3.0) * std)


# --- optimisers ------------------------------------------------------------------------------------------------------


class Stepper:
    """Keeps what it remembers in a dictionary for each parameter."""

    def __init__(self, params, lr, **options):
        self.params, self.lr = list(params), lr
        self.options = options
        self.memory = {id(p): {} for p in self.params}

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * self.direction(p, p.grad, self.memory[id(p)], **self.options)


class SGDByFormula(Stepper):
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        if nesterov and not momentum:
            raise ValueError("nesterov needs momentum")
        super().__init__(params, lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    @staticmethod
    def direction(p, grad, memory, momentum, nesterov, weight_decay):
        grad = grad + weight_decay * p
        memory["v"] = momentum * memory["v"] + grad if "v" in memory else grad
        return grad + momentum * memory["v"] if nesterov else memory["v"]


class RMSpropByFormula(Stepper):
    def __init__(self, params, lr=0.01, alpha=0.99, eps=1e-8, momentum=0.0, weight_decay=0.0):
        super().__init__(params, lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay)

    @staticmethod
    def direction(p, grad, memory, alpha, eps, momentum, weight_decay):
        grad = grad + weight_decay * p
        memory["s"] = alpha * memory.get("s", 0) + (1 - alpha) * grad**2
        memory["v"] = momentum * memory.get("v", 0) + grad / (memory["s"] ** 0.5 + eps)
        return memory["v"]


def adam_direction(grad, memory, betas, eps):
    t = memory["t"] = memory.get("t", 0) + 1
    for name, beta, value in (("m", betas[0], grad), ("s", betas[1], grad * grad)):
        memory[name] = beta * memory.get(name, 0) + (1 - beta) * value
    mean, square = memory["m"] / (1 - betas[0] ** t), memory["s"] / (1 - betas[1] ** t)
    return mean / (square.sqrt() + eps)


class AdamByFormula(Stepper):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr, betas=betas, eps=eps, weight_decay=weight_decay)

    @staticmethod
    def direction(p, grad, memory, betas, eps, weight_decay):
        return adam_direction(grad + weight_decay * p, memory, betas, eps)


class AdamWByFormula(Stepper):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas=betas, eps=eps, weight_decay=weight_decay)

    @staticmethod
    def direction(p, grad, memory, betas, eps, weight_decay):
        return adam_direction(grad, memory, betas, eps) + weight_decay * p


class SGDOnData:
    """No base class; updates through `.data`."""

    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        if nesterov and momentum <= 0:
            raise ValueError("momentum must be above 0")
        self.params = [*params]
        self.lr, self.momentum, self.nesterov, self.weight_decay = lr, momentum, nesterov, weight_decay
        self.buffers = [None] * len(self.params)

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    def step(self):
        for i, p in enumerate(self.params):
            if p.grad is None:
                continue
            d = p.grad.detach().clone()
            if self.weight_decay != 0:
                d.add_(p.data, alpha=self.weight_decay)
            if self.momentum != 0:
                if self.buffers[i] is None:
                    self.buffers[i] = d.clone()
                else:
                    self.buffers[i] = self.buffers[i] * self.momentum + d
                d = d + self.momentum * self.buffers[i] if self.nesterov else self.buffers[i]
            p.data.add_(d, alpha=-self.lr)


class RMSpropOnData(SGDOnData):
    def __init__(self, params, lr=0.01, alpha=0.99, eps=1e-8, momentum=0.0, weight_decay=0.0):
        super().__init__(params, lr, momentum=momentum, weight_decay=weight_decay)
        self.alpha, self.eps = alpha, eps
        self.squares = [p.detach() * 0 for p in self.params]

    def step(self):
        for i, p in enumerate(self.params):
            if p.grad is None:
                continue
            d = p.grad.detach() + self.weight_decay * p.data
            self.squares[i].lerp_(d.square(), 1 - self.alpha)
            scaled = d.div(self.squares[i].sqrt() + self.eps)
            if self.momentum > 0:
                last = 0 if self.buffers[i] is None else self.buffers[i]
                scaled = self.buffers[i] = self.momentum * last + scaled
            p.data.sub_(self.lr * scaled)


class AdamOnData:
    """The correction folded into the step length, decay as a switch."""

    decoupled = False

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.params = list(params)
        self.lr, (self.b1, self.b2), self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.state = [(torch.zeros_like(p.data), torch.zeros_like(p.data), [0]) for p in self.params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p, (m, v, count) in zip(self.params, self.state, strict=True):
            if p.grad is None:
                continue
            count[0] += 1
            grad = p.grad
            if self.decoupled:
                p.copy_(p - self.lr * self.weight_decay * p)
            else:
                grad = grad + self.weight_decay * p
            m.copy_(self.b1 * m + (1 - self.b1) * grad)
            v.copy_(self.b2 * v + (1 - self.b2) * grad * grad)
            correction = math.sqrt(1 - self.b2 ** count[0])
            length = self.lr * correction / (1 - self.b1 ** count[0])
            p.copy_(p - length * m / (v.sqrt() + self.eps * correction))


class AdamWOnData(AdamOnData):
    decoupled = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps, weight_decay)


# --- training --------------------------------------------------------------------------------------------------------


def fit_with_counter(model, optimizer, loss_fn, train, val, epochs, patience=3, on_epoch=None):
    """One loop over both phases, a count of the bad epochs, and a deep copy of the best weights."""
    if len(train) == 0 or len(val) == 0:
        raise ValueError("no batches")
    history = {"train_loss": [], "val_loss": [], "best_epoch": -1}
    best, best_weights, bad = float("inf"), None, 0
    for epoch in range(epochs):
        for name, batches in (("train_loss", train), ("val_loss", val)):
            learning = name == "train_loss"
            model.train(learning)
            losses, sizes = [], []
            with torch.set_grad_enabled(learning):
                for x, y in batches:
                    loss = loss_fn(model(x), y)
                    if learning:
                        optimizer.zero_grad()
                        loss.backward()
                        optimizer.step()
                    losses.append(loss.detach().item())
                    sizes.append(y.shape[0])
            history[name].append(sum(a * b for a, b in zip(losses, sizes, strict=True)) / sum(sizes))
        now = history["val_loss"][-1]
        bad += 1
        if now < best:
            best, bad, history["best_epoch"] = now, 0, epoch
            best_weights = copy.deepcopy(model.state_dict())
        if on_epoch:
            on_epoch(epoch, history["train_loss"][-1], now)
        if bad == patience:
            break
    if best_weights:
        model.load_state_dict(best_weights)
    model.eval()
    return history


class Keeper:
    """Remembers the best epoch and copies its tensors back in place."""

    def __init__(self, model, patience):
        self.model, self.patience = model, patience
        self.loss, self.epoch, self.tensors = math.inf, -1, []

    def held(self):
        return [*self.model.parameters(), *self.model.buffers()]

    def stop_after(self, epoch, loss):
        if loss < self.loss:
            self.loss, self.epoch, self.tensors = loss, epoch, [t.detach().clone() for t in self.held()]
        return epoch >= self.epoch + self.patience

    def restore(self):
        with torch.no_grad():
            for tensor, kept in zip(self.held(), self.tensors, strict=False):
                tensor.copy_(kept)


def fit_with_keeper(model, optimizer, loss_fn, train, val, epochs, patience=3, on_epoch=None):
    def over(batches, after):
        total = count = 0
        for x, y in batches:
            loss = loss_fn(model(x), y)
            after(loss)
            total, count = total + float(loss.detach()) * len(x), count + len(x)
        return total / count

    def learn(loss):
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    if not (len(train) and len(val)):
        raise ValueError("nothing to learn from")
    keeper, train_losses, val_losses = Keeper(model, patience), [], []
    optimizer.zero_grad()
    for epoch in range(epochs):
        model.train()
        train_losses += [over(train, learn)]
        model.eval()
        with torch.no_grad():
            val_losses += [over(val, lambda loss: None)]
        stop = keeper.stop_after(epoch, val_losses[-1])
        if on_epoch is not None:
            on_epoch(epoch, train_losses[-1], val_losses[-1])
        if stop:
            break
    keeper.restore()
    model.eval()
    return {"train_loss": train_losses, "val_loss": val_losses, "best_epoch": keeper.epoch}


def train_lenet_with_torch(images, labels, seed=0):
    """Torch's layers, a wider net, momentum with a falling rate, its own loop."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 12, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(12, 32, 5, stride=2, padding=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 49, 100), nn.ReLU(), nn.Linear(100, 10),
        ).to(images.device)  # fmt: skip
        velocity, epochs = [torch.zeros_like(p) for p in net.parameters()], 12
        for epoch in range(epochs):
            rate = 0.05 * (1 + math.cos(math.pi * epoch / epochs)) / 2
            for chosen in torch.randperm(len(images)).split(50):
                shift = torch.randint(-1, 2, (2,)).tolist()
                out = net(images[chosen].roll(shift, (2, 3)))
                grads = torch.autograd.grad(cross_entropy_masked(out, labels[chosen]), tuple(net.parameters()))
                with torch.no_grad():
                    for p, v, g in zip(net.parameters(), velocity, grads, strict=True):
                        p -= rate * v.mul_(0.9).add_(g)
    return net.eval()


def train_lenet_with_fit(images, labels, seed=0):
    """The parts above; the validation set is every eighth image."""
    saved = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10)).to(images.device)
    aside = torch.arange(len(images)) % 8 == 0
    shifts = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    x = torch.cat([images[~aside].roll(shift, (2, 3)) for shift in shifts])
    y = torch.cat([labels[~aside]] * len(shifts))
    order = torch.randperm(len(x))
    torch.set_rng_state(saved)
    train = list(zip(x[order].split(100), y[order].split(100), strict=True))
    fit_with_counter(
        net, AdamByFormula(net.parameters()), cross_entropy_masked, train, [(images[aside], labels[aside])], 8
    )
    return net


ALTERNATIVES = {
    "lenet.log_softmax": [log_softmax_by_maximum, log_softmax_last_axis],
    "lenet.cross_entropy": [cross_entropy_by_level, cross_entropy_masked],
    "lenet.kaiming_init": [kaiming_init_in_place, kaiming_init_by_distribution],
    "lenet.xavier_init": [xavier_init_from_unit, xavier_init_by_std],
    "lenet.SGD": [SGDByFormula, SGDOnData],
    "lenet.RMSprop": [RMSpropByFormula, RMSpropOnData],
    "lenet.Adam": [AdamByFormula, AdamOnData],
    "lenet.AdamW": [AdamWByFormula, AdamWOnData],
    "lenet.fit": [fit_with_counter, fit_with_keeper],
    "lenet.train_lenet": [train_lenet_with_torch, train_lenet_with_fit],
}
