"""Unusual answers to losses, first weights, optimisers, training and scores of lesson 01."""

from tests.honest.notebooks import GIVEN, Honest

ANSWERS = [
    Honest(
        "lenet.log_softmax",
        "recursion over the halves of the axis, decimal's constant, an assertion",
        """
import torch
from decimal import Decimal

ZERO = float(Decimal("0"))

def level(x):
    if x.shape[-1] == 1:
        return x
    middle = x.shape[-1] // 2
    a, b = level(x[..., :middle]), level(x[..., middle:])
    top = torch.maximum(a, b).detach()
    return top + ((a - top).exp() + (b - top).exp()).log()

def log_softmax(x, dim=-1):
    assert x.dim() > 0, "a number has no axis"
    rows = x.movedim(dim, -1)
    return (rows - level(rows) + ZERO).movedim(-1, dim)
""",
    ),
    Honest(
        "lenet.cross_entropy",
        "a class whose instance is the answer; loops over samples; own log_softmax defined after it",
        """
import torch as t

class CrossEntropy:
    def __call__(self, logits, target, weight=None, ignore_index=-100, label_smoothing=0.0):
        logs = log_softmax(logits, 1)
        weight = t.ones(logits.shape[1], dtype=logits.dtype) if weight is None else weight
        losses, weights = [], []
        for row, label in zip(logs, target.tolist()):
            if label == ignore_index:
                continue
            hard, soft = -weight[label] * row[label], -(weight * row).mean()
            losses.append((1 - label_smoothing) * hard + label_smoothing * soft)
            weights.append(weight[label])
        return sum(losses) / sum(weights) if losses else logits.sum() * float("nan")

cross_entropy = CrossEntropy()
# %%
def log_softmax(x, dim):
    raise NotImplementedError()
""",
    ),
    Honest(
        "lenet.kaiming_init",
        "normal numbers by scipy, seeded from torch's generator, a ChainMap of options",
        """
import math
from collections import ChainMap
import numpy as np, scipy.special as special
import torch

DEFAULTS = ChainMap({"fan_in": 1}, {"fan_out": 0})

def kaiming_init(shape, mode="fan_in", negative_slope=0.0):
    try:
        axis = DEFAULTS[mode]
    except KeyError:
        raise ValueError(f"unknown mode {mode}") from None
    if len(shape) < 2:
        raise ValueError("two axes at least")
    fan = shape[axis] * math.prod(shape[2:])
    rng = np.random.default_rng(int(torch.randint(2**31, ())))
    normal = special.ndtri(rng.uniform(1e-9, 1, size=tuple(shape)))
    return torch.from_numpy(normal * math.sqrt(2 / (1 + negative_slope**2) / fan)).to(torch.get_default_dtype())
""",
    ),
    Honest(
        "lenet.xavier_init",
        "in-place on its own tensor under a no_grad decorator, keyword-only helper, statistics",
        """
import torch
from statistics import harmonic_mean
from functools import reduce
from operator import mul

def fans(shape, *, first=1):
    if len(shape) < 2:
        raise ValueError("too few axes")
    field = reduce(mul, shape[2:], 1)
    return shape[first] * field, shape[1 - first] * field

@torch.no_grad()
def xavier_init(shape, gain=1.0):
    a, b = fans(shape)
    assert harmonic_mean([a, b]) > 0
    w = torch.empty(shape)
    w.uniform_(-1, 1).mul_(gain * (6 / (a + b)) ** 0.5)
    return w
""",
    ),
    Honest(
        "lenet.SGD",
        "an abstract base class, a defaultdict, a generator of parameters",
        """
from __future__ import annotations
import abc, collections, torch

class Optimizer(abc.ABC):
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
        self.state: dict[int, dict] = collections.defaultdict(dict)

    def with_gradients(self: Optimizer):
        yield from (p for p in self.params if p.grad is not None)

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @abc.abstractmethod
    def step(self) -> None: ...

class SGD(Optimizer):
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        if nesterov and momentum <= 0:
            raise ValueError("nesterov needs momentum")
        super().__init__(params, lr)
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay

    def same(self, other: SGD | None) -> bool:
        return self is other

    @torch.no_grad()
    def step(self):
        for p in self.with_gradients():
            g = p.grad + self.weight_decay * p
            if self.momentum:
                v = self.state[id(p)].get("v")
                v = self.state[id(p)]["v"] = g.clone() if v is None else v.mul_(self.momentum).add_(g)
                g = g + self.momentum * v if self.nesterov else v
            p -= self.lr * g
""",
        timed=True,
    ),
    Honest(
        "lenet.RMSprop",
        "dataclass with a method, updates through .data, math in a lambda",
        """
from dataclasses import dataclass, field
import torch

@dataclass
class RMSprop:
    params: list
    lr: float = 0.01
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    weight_decay: float = 0.0
    squares: list = field(default_factory=list, repr=False)

    def __post_init__(self):
        self.params = list(self.params)
        self.squares = [torch.zeros_like(p) for p in self.params]
        self.moving = [torch.zeros_like(p) for p in self.params]
        self.blend = lambda old, new: self.alpha * old + (1 - self.alpha) * new

    def zero_grad(self):
        for p in self.params: p.grad = None

    def step(self):
        for i, p in enumerate(self.params):
            if p.grad is not None:
                g = p.grad + self.weight_decay * p.data
                self.squares[i] = self.blend(self.squares[i], g**2).detach()
                self.moving[i] = (self.momentum * self.moving[i] + g / (self.squares[i].sqrt() + self.eps)).detach()
                p.data = p.data - self.lr * self.moving[i]
""",
    ),
    Honest(
        "lenet.Adam",
        "one flat vector for all parameters with gradients, itertools.count, closures in place of attributes",
        """
import itertools, torch

class Adam:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.params, self.lr = [*params], lr
        def updates(p):
            m = v = torch.zeros_like(p)
            for t in itertools.count(1):
                g = p.grad + weight_decay * p
                m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
                yield m / (1 - betas[0] ** t) / ((v / (1 - betas[1] ** t)) ** 0.5 + eps)
        self.updates = {p: updates(p) for p in self.params}

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.inference_mode(False)
    @torch.no_grad()
    def step(self):
        for p, update in self.updates.items():
            if p.grad is not None:
                p.sub_(next(update), alpha=self.lr)
""",
    ),
    Honest(
        "lenet.AdamW",
        "a subclass of the accepted Adam under another name, super() with arguments",
        """
import torch
from mine.lenet import Adam as Base

class AdamW(Base):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        params = list(params)
        super(AdamW, self).__init__(params, lr, betas, eps, 0.0)
        self._mine, self._decay = params, weight_decay

    def step(self):
        with torch.no_grad():
            for p in self._mine:
                if p.grad is not None:
                    p.mul_(1 - self.lr * self._decay)
        super().step()
""",
        timed=True,
    ),
    Honest(
        "lenet.fit",
        "a defaultdict as history, NumPy's means, deep copies, tqdm, a context manager of its own",
        GIVEN
        + """
import copy
from collections import defaultdict
from contextlib import contextmanager

@contextmanager
def mode(model, training):
    model.train(training)
    with torch.set_grad_enabled(training):
        yield

def fit(model, optimizer, loss_fn, train, val, epochs, patience=3, on_epoch=None):
    if not len(train) or not len(val):
        raise ValueError("no batches")
    history, best, kept, bad = defaultdict(list), np.inf, None, 0
    history["train_loss"], history["val_loss"], history["best_epoch"] = [], [], -1
    for epoch in tqdm(range(epochs), desc="training"):
        for name, batches in {"train_loss": train, "val_loss": val}.items():
            losses, counts = [], []
            with mode(model, name == "train_loss"):
                for x, y in batches:
                    loss = loss_fn(model(x), y)
                    if torch.is_grad_enabled():
                        optimizer.zero_grad(); loss.backward(); optimizer.step()
                    losses.append(loss.item()), counts.append(len(x))
            history[name].append(np.average(losses, weights=counts))
        bad += 1
        if history["val_loss"][-1] < best:
            best, kept, bad = history["val_loss"][-1], copy.deepcopy(model.state_dict()), 0
            history["best_epoch"] = epoch
        if on_epoch: on_epoch(epoch, history["train_loss"][-1], history["val_loss"][-1])
        if bad >= patience: break
    if kept is not None: model.load_state_dict(kept)
    model.eval()
    return history
# %%
fit(nn.Linear(2, 2), None, F.mse_loss, [], [], 3)
""",
    ),
    Honest(
        "lenet.train_lenet",
        "batches and SGD of before from mine, the given device, a LiveCurve, seeds of all kinds, a DataLoader",
        GIVEN
        + """
import random, time
from mine.warmup import accuracy, batches
from mine.lenet import SGD, fit, cross_entropy

curve = LiveCurve("digits")
torch.set_num_threads(1)
# %%
def train_lenet(images, labels, seed=0):
    random.seed(seed); np.random.seed(seed)
    time.sleep(0.01)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(8, 24, 5, stride=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(600, 80), nn.ReLU(), nn.Linear(80, 10),
        ).to(device)
    x, y = images[:-200].to(device), labels[:-200].to(device)
    optimizer = SGD(net.parameters(), lr=0.05, momentum=0.9)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images[-200:], labels[-200:]), batch_size=100)
    for epoch in range(8):
        train = list(batches(torch.roll(x, (epoch % 2, 0), (2, 3)), y, 32, seed=seed + epoch))
        fit(net, optimizer, cross_entropy, train, list(loader), epochs=1, on_epoch=curve)
        print("held out:", accuracy(net(images[-200:]), labels[-200:]).item())
        optimizer.lr *= 0.75
    return net.eval()
""",
    ),
    Honest(
        "lenet.confusion_matrix",
        "collections.Counter and a loop over elements",
        """
import torch
from collections import Counter
from itertools import product

def confusion_matrix(target, predicted, num_classes):
    pairs = Counter(zip(target.tolist(), predicted.tolist()))
    if any(not 0 <= label < num_classes for pair in pairs for label in pair):
        raise ValueError("no such class")
    cells = [pairs[place] for place in product(range(num_classes), repeat=2)]
    return torch.tensor(cells, dtype=torch.int64).reshape(num_classes, num_classes)
""",
    ),
    Honest(
        "lenet.confusion_matrix",
        "NumPy's histogram; pandas beside it; timed",
        """
import numpy as np
import pandas as pd
import torch

def confusion_matrix(truth, answer, k):
    both = torch.stack([truth, answer]).to(torch.int64).numpy()
    if both.size and (both.min() < 0 or both.max() >= k):
        raise ValueError
    return torch.from_numpy(np.bincount(both[0] * k + both[1], minlength=k * k).reshape(k, k))

pd.DataFrame(confusion_matrix(torch.tensor([0, 1]), torch.tensor([1, 1]), 2).numpy()).style.background_gradient()
""",
        timed=True,
    ),
    Honest(
        "lenet.precision",
        "fractions, match, nothing but plain numbers",
        """
import torch
from fractions import Fraction as Q

def share(hit, of):
    return Q(hit, of) if of else Q(0)

def precision(confusion, average="macro"):
    rows = confusion.to(torch.int64).tolist()
    columns = [sum(column) for column in zip(*rows)]
    hits = [rows[i][i] for i, _ in enumerate(rows)]
    each = [share(*pair) for pair in zip(hits, columns)]
    match average:
        case "none":
            return torch.tensor([float(q) for q in each])
        case "macro":
            return torch.tensor(float(sum(each) / len(each)))
        case "micro":
            return torch.tensor(float(share(sum(hits), sum(columns))))
    raise ValueError(average)
""",
    ),
    Honest(
        "lenet.recall",
        "its accepted precision, transposed, through a lambda",
        """
from mine.lenet import precision as p
recall = lambda confusion, average="macro": p(confusion.t(), average=average)
""",
        timed=True,
    ),
    Honest(
        "lenet.f1",
        "a dictionary of averages filled in other cells, own helper in a cell that the student added",
        """
import torch
AVERAGES = {}
# %%
AVERAGES["none"] = lambda a, b: ratio(a, b)
AVERAGES["macro"] = lambda a, b: ratio(a, b).mean()
# %%
def f1(confusion, average="macro"):
    if average not in AVERAGES:
        raise ValueError(f"{average!r}: not one of {list(AVERAGES)}")
    c = confusion.double()
    return AVERAGES[average](2 * c.diagonal(), c.sum(0) + c.sum(1)).float()
# %%
def ratio(a, b):
    out = torch.zeros_like(a)
    torch.div(a, b, out=out)
    return out.masked_fill_(b == 0, 0)
# %%
AVERAGES.update(micro=lambda a, b: ratio(a.sum(), b.sum()))
""",
    ),
]
