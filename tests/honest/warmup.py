"""Unusual answers to lesson 00."""

from tests.honest.notebooks import GIVEN, Honest

ANSWERS = [
    Honest(
        "warmup.standardize",
        "other parameter names, the given cell's device, loops over numbers, a global counter",
        GIVEN
        + """
CALLS = 0


def standardize(images, m=None, s=None, tiny=1e-8):
    global CALLS
    CALLS += 1
    out = torch.zeros(images.shape, device=device, dtype=images.dtype)
    for c in range(images.shape[1]):
        numbers = images[:, c].flatten()
        own = sum(part.sum() for part in numbers.split(10)) / max(len(numbers), 1)
        middle = own if m is None else m[c]
        spread = (sum(((v - own) ** 2).sum() for v in numbers.split(10)) / len(numbers)) ** 0.5 if s is None else s[c]
        for n in range(images.shape[0]):
            for y in range(images.shape[2]):
                out[n, c, y] = (images[n, c, y] - middle) / (spread + tiny)
    return out
# %%
standardize(torch.rand(2, 3, 4, 4))
assert CALLS == 1
""",
    ),
    Honest(
        "warmup.standardize",
        "float64 in between, a dataclass of options, walrus, imports in one line of which one is ruled out",
        """
import numpy as np, torch, sklearn
from dataclasses import dataclass, field

@dataclass
class Options:
    axes: tuple = field(default=(0, 2, 3))
    kind: object = torch.float64

OPTIONS = Options()
# %%
def standardize(x, mean=None, std=None, eps=1e-8):
    a = x.to(OPTIONS.kind)
    m = mean if (given := mean is not None) else a.mean(OPTIONS.axes)
    s = std if std is not None else a.var(OPTIONS.axes, correction=0) ** 0.5
    print(given)
    return ((a - m[None, :, None, None]) / (s[None, :, None, None] + np.float64(eps))).to(x.dtype)
""",
    ),
    Honest(
        "warmup.one_hot",
        "from torch import *, recursion, an assertion, try and except, prints",
        """
from torch import *
# %%
def rows(numbers, k):
    if not numbers:
        return []
    first, *rest = numbers
    assert 0 <= first < k, "no such class"
    return [[1.0 if i == first else 0.0 for i in arange(k).tolist()]] + rows(rest, k)


def one_hot(labels, num_classes):
    print("labels", labels)
    try:
        found = rows(labels.tolist(), num_classes)
    except AssertionError as error:
        raise ValueError(str(error)) from error
    else:
        return tensor(found, dtype=get_default_dtype()).reshape(len(labels), num_classes)
    finally:
        print("done")
""",
    ),
    Honest(
        "warmup.one_hot",
        "a class with __slots__ and __call__, bound by an instance; warnings on stderr",
        """
import sys
import warnings
import torch as t

class OneHot:
    __slots__ = ("calls",)

    def __init__(self):
        self.calls = 0

    def __call__(self, labels, num_classes):
        self.calls += 1
        warnings.warn("slow")
        print("a word", file=sys.stderr)
        if labels.numel() and (int(labels.max()) >= num_classes or int(labels.min()) < 0):
            raise ValueError
        return (labels[:, None] == t.arange(num_classes)).to(t.float32)

one_hot = OneHot()
""",
    ),
    Honest(
        "warmup.one_hot",
        "a lambda in a conditional expression, unicode names, a semicolon",
        """
import torch; größe = lambda ν, κ: not ν.numel() or (0 <= ν.min() and ν.max() < κ)
# %%
def _fehler():
    raise ValueError("keine Klasse")

one_hot = lambda ν, κ: torch.eye(κ)[ν] if größe(ν, κ) else _fehler()
""",
    ),
    Honest(
        "warmup.accuracy",
        "statistics and fractions, nested functions, tabs",
        """
from fractions import Fraction
from statistics import mean
import torch

def accuracy(logits, labels, k = 1):
\tdef hit(row, label):
\t\tdef order(i):
\t\t\treturn -row[i]
\t\treturn label in sorted(range(len(row)), key = order)[:k]
\thits = [Fraction(int(hit(r, l))) for r, l in zip(logits.tolist(), labels.tolist())]
\treturn torch.tensor(float(mean(hits)) if hits else 0.0)
""",
    ),
    Honest(
        "warmup.accuracy",
        "Windows line ends, magics, a %%time cell, a help line, shell lines",
        "%matplotlib inline\n%load_ext autoreload\n!pip list\nimport torch\n# %%\n"
        + """%%time
def accuracy(logits, labels, k=1):
    if not len(labels):
        return torch.tensor(0.)
    best = logits.topk(k, 1)[1]
    return (best == labels.view(-1, 1)).any(1).float().mean()
accuracy?
%timeit accuracy(torch.rand(9, 3), torch.zeros(9).long())
files = !ls
""".replace("\n", "\r\n"),
    ),
    Honest(
        "warmup.batches",
        "a generator with yield from, itertools, randomness from Python's random",
        """
import random
from itertools import islice

def chunks(it, n):
    it = iter(it)
    while part := list(islice(it, n)):
        yield part

def batches(x, y, batch_size, shuffle=True, drop_last=False, seed=0):
    if batch_size < 1 or len(x) != len(y):
        raise ValueError("no")
    order = list(range(len(x)))
    if shuffle:
        random.Random(seed).shuffle(order)
    yield from ((x[part], y[part]) for part in chunks(order, batch_size) if len(part) == batch_size or not drop_last)
""",
    ),
    Honest(
        "warmup.batches",
        "a class with __iter__, a property and keyword-only arguments behind *args",
        """
import torch

class Order:
    def __init__(self, n, seed):
        self.n, self.seed = n, seed

    @property
    def numbers(self):
        g = torch.Generator()
        g.manual_seed(self.seed)
        return torch.randperm(self.n, generator=g)

class batches:
    def __init__(self, x, y, batch_size, shuffle=True, drop_last=False, *rest, seed=0, **more):
        if batch_size < 1 or x.size(0) != y.size(0):
            raise ValueError("sizes")
        self.order = Order(len(x), seed).numbers if shuffle else torch.arange(len(x))
        self.data, self.size, self.drop = (x, y), batch_size, drop_last

    def __iter__(self):
        for start in range(0, len(self.order), self.size):
            mine = self.order[start : start + self.size]
            if self.drop and len(mine) != self.size:
                return
            yield tuple(t[mine] for t in self.data)
""",
    ),
]
