"""Wrong answers as students write them, with the name of the mistake."""

from tests.honest.notebooks import Mistaken

MISTAKES = [
    Mistaken(
        "warmup.standardize",
        "divides by n − 1",
        """
def standardize(x, mean=None, std=None, eps=1e-8):
    mean = x.mean(dim=(0, 2, 3)) if mean is None else mean
    std = x.std(dim=(0, 2, 3)) if std is None else std
    return (x - mean.view(1, -1, 1, 1)) / (std.view(1, -1, 1, 1) + eps)
""",
    ),
    Mistaken(
        "warmup.one_hot",
        "counts classes from 1",
        """
import torch
def one_hot(labels, num_classes):
    return torch.eye(num_classes)[(labels - 1) % num_classes]
""",
    ),
    Mistaken(
        "warmup.accuracy",
        "ignores k",
        """
import torch
def accuracy(logits, labels, k=1):
    return (logits.argmax(1) == labels).float().mean() if len(labels) else torch.tensor(0.0)
""",
    ),
    Mistaken(
        "warmup.batches",
        "never shuffles",
        """
def batches(x, y, batch_size, shuffle=True, drop_last=False, seed=0):
    for start in range(0, len(x), batch_size):
        if not drop_last or start + batch_size <= len(x):
            yield x[start : start + batch_size].clone(), y[start : start + batch_size].clone()
""",
    ),
    Mistaken(
        "lenet.pad2d",
        "swaps H and W",
        """
import torch
def axis_padded(x, before, after, axis, mode, value):
    if mode == "reflect":
        n = x.shape[axis]
        at = torch.arange(-before, n + after).abs()
        return x.index_select(axis, torch.where(at < n, at, 2 * (n - 1) - at))
    shape = list(x.shape)
    shape[axis] += before + after
    out = x.new_full(shape, value)
    out.narrow(axis, before, x.shape[axis]).copy_(x)
    return out

def pad2d(x, padding, mode="constant", value=0.0):
    left, right, top, bottom = padding
    return axis_padded(axis_padded(x, left, right, 2, mode, value), top, bottom, 3, mode, value)
""",
    ),
    Mistaken(
        "lenet.conv2d",
        "forgets the bias",
        """
import torch
from mine.lenet import pad2d, unfold2d
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if x.shape[1] != weight.shape[1] * groups or len(weight) % groups:
        raise ValueError
    xp = pad2d(x, (padding,) * 4)
    patches = unfold2d(xp, weight.shape[2:], stride, dilation)
    out = torch.cat([w.flatten(1) @ p for w, p in zip(weight.chunk(groups), patches.chunk(groups, 1))], 1)
    return out.unflatten(2, ((xp.shape[2] - dilation * (weight.shape[2] - 1) - 1) // stride + 1, -1))
""",
    ),
    Mistaken(
        "lenet.max_pool2d",
        "pads with zeros",
        """
from mine.lenet import pad2d
def max_pool2d(x, kernel_size, stride=None, padding=0):
    stride = stride or kernel_size
    if 2 * padding > kernel_size:
        raise ValueError
    windows = pad2d(x, (padding,) * 4).unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.flatten(-2).max(-1).values
""",
    ),
    Mistaken("lenet.relu", "caps at 6", "def relu(x):\n    return x.clamp(0, 6)\n"),
    Mistaken(
        "lenet.log_softmax",
        "overflows",
        "import torch\ndef log_softmax(x, dim=-1):\n    return x - x.exp().sum(dim, keepdim=True).log()\n",
    ),
    Mistaken(
        "lenet.Adam",
        "forgets the bias correction",
        """
import torch
class Adam:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.params, self.lr, self.betas, self.eps, self.decay = list(params), lr, betas, eps, weight_decay
        self.m = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                g = p.grad + self.decay * p
                m.lerp_(g, 1 - self.betas[0])
                v.lerp_(g * g, 1 - self.betas[1])
                p -= self.lr * m / (v.sqrt() + self.eps)
""",
    ),
    Mistaken(
        "lenet.confusion_matrix",
        "swaps rows and columns",
        """
import torch
def confusion_matrix(target, predicted, num_classes):
    pairs = predicted.long() * num_classes + target.long()
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
""",
    ),
]
