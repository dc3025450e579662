"""Unusual answers to the layers of lesson 01."""

from tests.honest.notebooks import GIVEN, Honest

ANSWERS = [
    Honest(
        "lenet.pad2d",
        "numpy for the indices, a registry of modes filled by a decorator, positional-only parameters",
        """
import numpy as np, torch, torchvision
MODES = {}

def mode_named(name):
    def keep(function):
        MODES[name] = function
        return function
    return keep

@mode_named("constant")
def _index_constant(before, size, after):
    return np.concatenate([np.full(before, size), np.arange(size), np.full(after, size)])

@mode_named("reflect")
def _index_reflect(before, size, after):
    if max(before, after) >= size:
        raise ValueError("too wide")
    return np.concatenate([np.arange(before, 0, -1), np.arange(size), np.arange(size - 2, size - 2 - after, -1)])
# %%
def pad2d(x, padding, /, mode="constant", value=0.0):
    if mode not in MODES or min(padding) < 0:
        raise ValueError(mode)
    left, right, top, bottom = padding
    rows = torch.from_numpy(MODES[mode](top, x.shape[2], bottom)).long()
    columns = torch.from_numpy(MODES[mode](left, x.shape[3], right)).long()
    if mode == "constant":
        x = torch.cat([x, x.new_full((*x.shape[:2], 1, x.shape[3]), value)], 2)
        x = torch.cat([x, x.new_full((*x.shape[:3], 1), value)], 3)
    return x[:, :, rows][..., columns]
""",
    ),
    Honest(
        "lenet.pad2d",
        "recursion, one line of border after another; match; f-strings; a wrapper that takes anything",
        """
import functools, torch

def logged(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        print(f"{f.__name__} called with {len(args)} and {sorted(kwargs)}")
        return f(*args, **kwargs)
    return wrapper

@logged
def pad2d(x, padding, mode="constant", value=0.0):
    if any(p < 0 for p in padding):
        raise ValueError("negative")
    match mode:
        case "constant":
            return grow(x, list(padding), value)
        case "reflect":
            l, r, t, b = padding
            if max(l, r) >= x.shape[-1] or max(t, b) >= x.shape[-2]:
                raise ValueError("too wide")
            x = torch.cat([x[..., 1 : l + 1].flip(-1), x, x[..., x.shape[-1] - 1 - r : -1].flip(-1)], -1)
            return torch.cat([x[..., 1 : t + 1, :].flip(-2), x, x[..., x.shape[-2] - 1 - b : -1, :].flip(-2)], -2)
        case _:
            raise ValueError(mode)

def grow(x, padding, value):
    if not any(padding):
        return x.clone()
    side = next(i for i, p in enumerate(padding) if p)
    padding[side] -= 1
    axis = (-1, -1, -2, -2)[side]
    line = torch.full_like(x.narrow(axis, 0, 1), value)
    return grow(torch.cat([line, x] if side % 2 == 0 else [x, line], axis), padding, value)
""",
    ),
    Honest(
        "lenet.unfold2d",
        "einsum with matrices of zeros and ones, cached by lru_cache",
        """
from functools import lru_cache
import torch

@lru_cache(maxsize=None)
def picks(size, kernel, stride, dilation):
    places = (size - dilation * (kernel - 1) - 1) // stride + 1
    if places < 1:
        raise ValueError("does not fit")
    found = torch.zeros(kernel, places, size)
    for i in range(kernel):
        for p in range(places):
            found[i, p, p * stride + i * dilation] = 1
    return found

def unfold2d(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (h, w) = kernel_size, x.shape[2:]
    a, b = picks(h, kh, stride, dilation).to(x), picks(w, kw, stride, dilation).to(x)
    return torch.einsum("nchw,iyh,jxw->ncijyx", x, a, b).flatten(4).flatten(1, 3)
""",
    ),
    Honest(
        "lenet.unfold2d",
        "as_strided by functools.partial, the answer is the partial itself",
        """
import torch
from functools import partial

def _patches(view, x, kernel_size, stride=1, dilation=1):
    n, c, h, w = x.shape
    sn, sc, sh, sw = x.stride()
    kh, kw = kernel_size
    ho, wo = ((s - dilation * (k - 1) - 1) // stride + 1 for s, k in zip((h, w), kernel_size))
    if ho < 1 or wo < 1:
        raise ValueError
    shape, strides = (n, c, kh, kw, ho, wo), (sn, sc, sh * dilation, sw * dilation, sh * stride, sw * stride)
    return view(x, shape, strides, x.storage_offset()).reshape(n, c * kh * kw, ho * wo)

unfold2d = partial(_patches, torch.as_strided)
# %%
unfold2d(torch.rand(1, 1, 4, 4), (2, 2))
""",
        timed=True,
    ),
    Honest(
        "lenet.conv2d",
        "loops over all places, own helpers under the library's names through `import mine.lenet as m`",
        GIVEN
        + """
import mine.lenet as m
# %%
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if x.shape[1] != weight.shape[1] * groups or len(weight) % groups:
        raise ValueError
    patches = m.unfold2d(m.pad2d(x, [padding] * 4), tuple(weight.shape[2:]), stride, dilation)
    ho = (x.shape[2] + 2 * padding - dilation * (weight.shape[2] - 1) - 1) // stride + 1
    share, kernels = patches.shape[1] // groups, len(weight) // groups
    out = []
    for o in range(len(weight)):
        g = o // kernels
        seen = patches[:, g * share : (g + 1) * share]
        y = (seen * weight[o].reshape(1, -1, 1)).sum(1)
        out.append(y if bias is None else y + bias[o])
    return torch.stack(out, 1).unflatten(2, (ho, -1))
""",
    ),
    Honest(
        "lenet.conv2d",
        "a sparse matrix of the whole convolution",
        """
import torch
from mine.lenet import pad2d, unfold2d
# %%
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    n, c, h, w = x.shape
    o, d, kh, kw = weight.shape
    if c != d * groups or o % groups:
        raise ValueError
    hp, wp = h + 2 * padding, w + 2 * padding
    ho, wo = (hp - dilation * (kh - 1) - 1) // stride + 1, (wp - dilation * (kw - 1) - 1) // stride + 1
    if min(ho, wo) < 1:
        raise ValueError
    pixels = torch.arange(c * hp * wp, dtype=torch.float64).reshape(1, c, hp, wp)
    places = unfold2d(pixels, (kh, kw), stride, dilation)[0].long()
    rows, columns, values = [], [], []
    for k in range(o):
        g = k // (o // groups)
        mine = places[g * d * kh * kw : (g + 1) * d * kh * kw]
        columns.append(mine.flatten())
        rows.append((torch.arange(ho * wo) + k * ho * wo).repeat(len(mine)))
        values.append(weight[k].reshape(-1, 1).expand(-1, ho * wo).flatten())
    index = torch.stack([torch.cat(rows), torch.cat(columns)])
    matrix = torch.sparse_coo_tensor(index, torch.cat(values), (o * ho * wo, c * hp * wp))
    flat = pad2d(x, (padding,) * 4).reshape(n, -1)
    y = torch.sparse.mm(matrix, flat.T).T.reshape(n, o, ho, wo)
    return y if bias is None else y + bias.view(-1, 1, 1)
""",
    ),
    Honest(
        "lenet.conv2d",
        "threads, one for each group, and a semaphore; timed",
        """
import threading
from concurrent.futures import ThreadPoolExecutor
import torch
from mine.lenet import pad2d, unfold2d

POOL, GATE = ThreadPoolExecutor(max_workers=2), threading.Semaphore(2)

def one(patches, kernels):
    with GATE:
        return kernels.flatten(1) @ patches

def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError("groups")
    xp = pad2d(x, (padding, padding, padding, padding))
    patches = unfold2d(xp, weight.shape[2:], stride, dilation)
    jobs = [POOL.submit(one, *pair) for pair in zip(patches.chunk(groups, 1), weight.chunk(groups, 0))]
    out = torch.cat([job.result() for job in jobs], 1)
    if bias is not None:
        out += bias[:, None]
    side = (xp.shape[2] - dilation * (weight.shape[2] - 1) - 1) // stride + 1
    return out.view(x.shape[0], len(weight), side, -1)
""",
        timed=True,
    ),
    Honest(
        "lenet.conv2d_backward",
        "its own conv2d and unfolding, helper cells after the answer, redefined later",
        """
import torch, torch.nn.functional as F

def conv2d_backward(grad_out, x, weight, stride=1, padding=0):
    raise NotImplementedError("later")

n = 3
SIZES = [n] * 4
n = "reused"
# %%
def conv2d_backward(g, image, kernel, step=1, border=0):
    dk, di = torch.zeros_like(kernel), framed(torch.zeros_like(image), border)
    seen = framed(image, border)
    for i, j in cells(kernel):
        where = window(i, j, step, g)
        dk[:, :, i, j] = torch.einsum("noyx,ncyx->oc", g, seen[where])
        di[where] += torch.einsum("noyx,oc->ncyx", g, kernel[:, :, i, j])
    h, w = image.shape[2:]
    assert len(SIZES) == 4 and SIZES[0] == 3
    return di[:, :, border : border + h, border : border + w].clone(), dk, g.sum(dim=(0, 2, 3))
# %%
def framed(x, p):
    out = x.new_zeros(x.shape[0], x.shape[1], x.shape[2] + 2 * p, x.shape[3] + 2 * p)
    out[:, :, p : p + x.shape[2], p : p + x.shape[3]] = x
    return out

def cells(kernel):
    yield from ((i, j) for i in range(kernel.shape[2]) for j in range(kernel.shape[3]))
# %%
def window(i, j, step, g):
    rows = slice(i, i + step * (g.shape[2] - 1) + 1, step)
    return (Ellipsis, rows, slice(j, j + step * (g.shape[3] - 1) + 1, step))

F.conv2d(torch.rand(1, 1, 3, 3), torch.rand(1, 1, 2, 2))
conv2d_backward
""",
        timed=True,
    ),
    Honest(
        "lenet.max_pool2d",
        "a closure made by a factory, -inf by numpy, contextlib",
        """
import numpy as np
import torch
from contextlib import nullcontext, suppress

def pooling(reduce, filler):
    def pool(x, kernel_size, stride=None, padding=0):
        step = stride or kernel_size
        if 2 * padding > kernel_size:
            raise ValueError("padding")
        n, c, h, w = x.shape
        frame = torch.full((n, c, h + 2 * padding, w + 2 * padding), filler, dtype=x.dtype)
        frame[:, :, padding : padding + h, padding : padding + w] = x
        with nullcontext(), suppress(ZeroDivisionError):
            if min(frame.shape[2:]) < kernel_size:
                raise ValueError("too small")
            return reduce(frame.unfold(2, kernel_size, step).unfold(3, kernel_size, step).flatten(4))
    return pool

max_pool2d = pooling(lambda w: w.max(-1).values, -np.inf)
""",
        timed=True,
    ),
    Honest(
        "lenet.max_pool2d_backward",
        "a loop over all windows in plain Python, sizes by divmod",
        """
import math, torch

def max_pool2d_backward(grad_out, x, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    dx = torch.zeros_like(x)
    n, c, h, w = x.shape
    for b in range(n):
        for d in range(c):
            for y in range(grad_out.shape[2]):
                for z in range(grad_out.shape[3]):
                    best, at = -math.inf, None
                    for k in range(kernel_size**2):
                        i, j = divmod(k, kernel_size)
                        r, s = y * stride + i - padding, z * stride + j - padding
                        if 0 <= r < h and 0 <= s < w and (at is None or x[b, d, r, s] > best):
                            best, at = x[b, d, r, s], (r, s)
                    dx[b, d][at] += grad_out[b, d, y, z]
    return dx
""",
    ),
    Honest(
        "lenet.avg_pool2d",
        "its own max_pool2d's frame by `from mine.lenet import …` inside the function; del; cumulative sums",
        GIVEN
        + """
def frame(x, p):
    from mine.lenet import pad2d as border
    return border(x, (p, p, p, p))

def pad2d(x, padding, mode="constant", value=0.0):
    raise NotImplementedError
# %%
temporary = [1, 2]
ONE = temporary.pop(0)
del temporary

def avg_pool2d(x, kernel_size, stride=None, padding=0, count_include_pad=False):
    stride = stride if stride is not None else kernel_size
    if 2 * padding > kernel_size or min(x.shape[2:]) + 2 * padding < kernel_size:
        raise ValueError
    def windows(z):
        z = frame(z, padding).double()
        for axis in (2, 3):
            z = torch.cat([torch.zeros_like(z.narrow(axis, 0, ONE)), z.cumsum(axis)], axis)
            left = z.shape[axis] - kernel_size
            z = z.narrow(axis, kernel_size, left) - z.narrow(axis, 0, left)
        return z[:, :, ::stride, ::stride]
    count = kernel_size**2 if count_include_pad else windows(torch.ones_like(x[:1, :1]))
    return (windows(x) / count).to(x.dtype)
""",
    ),
]
