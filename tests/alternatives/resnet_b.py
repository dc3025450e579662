"""Right answers to lesson 02 b that look different from the reference: augmentation, dropping, rates."""

import math
import random

import numpy as np
import torch
import torch.nn.functional as F

# --- one image at a time ---------------------------------------------------------------------------------------------


def own(seed):
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def random_crop_flip_by_loop(x, padding=4, seed=0):
    if padding < 0:
        raise ValueError("padding")
    rng = np.random.default_rng(seed)
    out = torch.zeros_like(x)
    canvas = x.new_zeros(x.shape[1], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)
    for i, image in enumerate(x):
        canvas[:, padding : padding + x.shape[2], padding : padding + x.shape[3]] = image
        top, left = rng.integers(0, 2 * padding + 1, size=2)
        out[i] = canvas[:, top : top + x.shape[2], left : left + x.shape[3]]
        if rng.random() < 0.5:
            out[i] = out[i].flip(2)
    return out


def random_crop_flip_by_shift(x, padding=4, seed=0):
    """Mirrors first, then moves by −padding … padding with what is outside left 0."""
    g = own(seed)
    n, _, h, w = x.shape
    coins = torch.randint(2, (n,), generator=g).tolist()
    moves = (torch.randint(2 * padding + 1, (n, 2), generator=g) - padding).tolist()
    result = []
    for image, coin, (down, right) in zip(x, coins, moves, strict=True):
        image = torch.flip(image, (-1,)) if coin else image
        moved = torch.zeros_like(image)
        target = moved[:, max(down, 0) : max(h + down, 0), max(right, 0) : max(w + right, 0)]
        source = image[:, max(-down, 0) : max(h - down, 0), max(-right, 0) : max(w - right, 0)]
        target.copy_(source)
        result.append(moved)
    return torch.stack(result)


def random_boxes_by_loop(n, height, width, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), seed=0):
    """As torchvision does it, box by box."""
    chance = random.Random(seed)
    boxes = []
    for _ in range(n):
        for _ in range(10):
            area = height * width * chance.uniform(*scale)
            r = math.exp(chance.uniform(math.log(ratio[0]), math.log(ratio[1])))
            w, h = round(math.sqrt(area * r)), round(math.sqrt(area / r))
            if 0 < w <= width and 0 < h <= height:
                boxes.append((chance.randint(0, height - h), chance.randint(0, width - w), h, w))
                break
        else:
            h, w = height, width
            if width / height < ratio[0]:
                h = round(width / ratio[0])
            elif width / height > ratio[1]:
                w = round(height * ratio[1])
            boxes.append(((height - h) // 2, (width - w) // 2, h, w))
    return torch.tensor(boxes).reshape(-1, 4)


def random_boxes_redrawn(n, height, width, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), seed=0):
    """All boxes at once; those that don't fit are drawn again, nine times."""
    rng = np.random.default_rng(seed)
    h, w = np.zeros(n), np.zeros(n)
    open_ = np.ones(n, dtype=bool)
    for _ in range(10):
        area = rng.uniform(*scale, n) * height * width
        r = np.exp(rng.uniform(*np.log(ratio), n))
        h = np.where(open_, np.rint(np.sqrt(area / r)), h)
        w = np.where(open_, np.rint(np.sqrt(area * r)), w)
        open_ = (h < 1) | (w < 1) | (h > height) | (w > width)
    h[open_] = min(height, round(width / ratio[0]))
    w[open_] = min(width, round(height * ratio[1]))
    h, w = h.astype(int), w.astype(int)
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    top = np.where(open_, (height - h) // 2, top)
    left = np.where(open_, (width - w) // 2, left)
    return torch.from_numpy(np.stack([top, left, h, w], axis=1).astype(np.int64))


def random_resized_crop_by_weights(x, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), seed=0):
    """Bilinear interpolation as two matrix products an image, all images at once."""
    boxes = random_boxes_by_loop(len(x), *x.shape[2:], scale, ratio, seed).to(x.device)

    def taps(first, count, length):
        place = (torch.arange(size, device=x.device) + 0.5) * count[:, None] / size - 0.5
        place = first[:, None] + place.clamp(min=0).minimum((count - 1)[:, None])
        return (1 - (place[..., None] - torch.arange(length, device=x.device)).abs()).clamp(min=0).to(x)

    rows, columns = taps(boxes[:, 0], boxes[:, 2], x.shape[2]), taps(boxes[:, 1], boxes[:, 3], x.shape[3])
    return rows[:, None] @ x @ columns[:, None].transpose(-1, -2)


def random_resized_crop_by_list(x, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), seed=0):
    found = random_boxes_redrawn(x.shape[0], x.shape[2], x.shape[3], scale, ratio, seed)
    return torch.stack(
        [
            F.interpolate(image.narrow(1, t, h).narrow(2, left, w).unsqueeze(0), size=size, mode="bilinear").squeeze(0)
            for image, (t, left, h, w) in zip(x, found.tolist(), strict=True)
        ]
    )


def colour_jitter_by_loop(x, brightness=0.4, contrast=0.4, saturation=0.4, seed=0):
    rng = np.random.default_rng(seed)
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype, device=x.device).view(3, 1, 1)
    done = []
    for image in x:
        b, c, s = (float(rng.uniform(1 - size, 1 + size)) for size in (brightness, contrast, saturation))
        image = torch.clamp(image * b, 0, 1)
        level = (weights * image).sum(0).mean()
        image = torch.clamp(level + c * (image - level), 0, 1)
        shade = (weights * image).sum(0, keepdim=True)
        done.append(torch.clamp(torch.lerp(shade.expand_as(image), image, s), 0, 1))
    return torch.stack(done)


def colour_jitter_at_once(x, brightness=0.4, contrast=0.4, saturation=0.4, seed=0):
    g = own(seed)

    def factor(strength):
        return torch.empty(len(x), 1, 1, 1).uniform_(1 - strength, 1 + strength, generator=g).to(x)

    def shade(image):
        return 0.299 * image[:, :1] + 0.587 * image[:, 1:2] + 0.114 * image[:, 2:]

    for strength, other in (
        (brightness, torch.zeros_like),
        (contrast, lambda image: shade(image).mean(dim=(1, 2, 3), keepdim=True)),
        (saturation, shade),
    ):
        f = factor(strength)
        x = (f * x + (1 - f) * other(x)).clamp(min=0, max=1)
    return x


# --- mixing ----------------------------------------------------------------------------------------------------------


def beta(alpha, g):
    """Jöhnk's and Cheng's way are for libraries; a ratio of gammas does as well."""
    chance = random.Random(int(torch.randint(1 << 30, (), generator=g)))
    return chance.betavariate(alpha, alpha)


def mixup_by_lerp(x, y, alpha=0.2, seed=0):
    g = own(seed)
    share, order = beta(alpha, g), torch.randperm(x.shape[0], generator=g).to(x.device)
    return torch.lerp(x[order], x, share), torch.lerp(y[order], y, share)


def mixup_by_matrix(x, y, alpha=0.2, seed=0):
    rng = np.random.RandomState(seed)
    n = len(x)
    share = rng.beta(alpha, alpha)
    weights = share * np.eye(n) + (1 - share) * np.eye(n)[rng.permutation(n)]
    weights = torch.from_numpy(weights).to(x)
    return torch.einsum("ij,jchw->ichw", weights, x), weights.to(y) @ y


def cutmix_by_mask(x, y, alpha=1.0, seed=0):
    g = own(seed)
    share = beta(alpha, g)
    order = torch.randperm(len(x), generator=g).to(x.device)
    h, w = x.shape[-2:]
    box_h, box_w = int(h * math.sqrt(1 - share)), int(w * math.sqrt(1 - share))
    cy, cx = int(torch.randint(h, (1,), generator=g)), int(torch.randint(w, (1,), generator=g))
    row, column = torch.arange(h, device=x.device)[:, None], torch.arange(w, device=x.device)[None]
    above, before = cy - box_h // 2, cx - box_w // 2
    mask = (row >= above) & (row < above + box_h) & (column >= before) & (column < before + box_w)
    part = mask.double().mean().item()
    return torch.where(mask, x[order], x), (1 - part) * y + part * y[order]


def cutmix_as_published(x, y, alpha=1.0, seed=0):
    """The ends of the box are clipped, as in the authors' code."""
    rng = np.random.default_rng(seed)
    share, order = rng.beta(alpha, alpha), torch.from_numpy(rng.permutation(len(x)))
    h, w = x.shape[2], x.shape[3]
    cut_h, cut_w = int(h * np.sqrt(1.0 - share)), int(w * np.sqrt(1.0 - share))
    cy, cx = rng.integers(h), rng.integers(w)
    y1, y2 = np.clip([cy - cut_h // 2, cy - cut_h // 2 + cut_h], 0, h)
    x1, x2 = np.clip([cx - cut_w // 2, cx - cut_w // 2 + cut_w], 0, w)
    out = x.detach().clone()
    out[:, :, y1:y2, x1:x2] = x[order][:, :, y1:y2, x1:x2]
    share = 1 - float((y2 - y1) * (x2 - x1)) / (h * w)
    return out, y * share + y[order] * (1 - share)


# --- dropping --------------------------------------------------------------------------------------------------------


def dropout_by_bernoulli(x, p=0.5, training=True, seed=0):
    if not 0 <= p <= 1:
        raise ValueError("p")
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    mask = torch.empty(x.shape).bernoulli_(1 - p, generator=own(seed)).to(x)
    return mask * x / (1 - p)


def dropout_by_choice(x, p=0.5, training=True, seed=0):
    if p < 0 or p > 1:
        raise ValueError("p")
    if not training:
        return x.clone()
    gone = torch.from_numpy(np.random.default_rng(seed).random(tuple(x.shape)) < p).to(x.device)
    return (x * (1 / max(1 - p, 1e-9))).masked_fill(gone, 0)


def drop_path_by_bernoulli(x, p=0.1, training=True, seed=0):
    if not training or p == 0:
        return x
    keep = 1 - p
    shape = (x.shape[0],) + (1,) * (x.ndim - 1)
    mask = x.new_empty(shape).bernoulli_(keep, generator=own(seed))
    return x * mask.div_(keep) if keep > 0 else x * mask


def drop_path_by_choice(x, p=0.1, training=True, seed=0):
    if not training:
        return x
    kept = torch.from_numpy(np.random.default_rng(seed).random(len(x)) >= p).to(x.device)
    factors = kept.to(x) / (1 - p if p < 1 else 1)
    return torch.einsum("n...,n->n...", x, factors)


# --- rates -----------------------------------------------------------------------------------------------------------


def cosine_warmup_by_table(step, total, warmup, lr, min_lr=0.0):
    """The whole schedule, then one entry."""
    up = [lr * (i + 1) / warmup for i in range(warmup)]
    share = torch.linspace(0, 1, total - warmup + 1, dtype=torch.float64)[:-1]
    down = min_lr + (lr - min_lr) * (1 + torch.cos(math.pi * share)) / 2
    return (up + down.tolist())[step]


def cosine_warmup_by_sine(step, total, warmup, lr, min_lr=0.0):
    if warmup > step:
        return (step + 1) / warmup * lr
    half = math.sin(math.pi / 2 * (step - warmup) / (total - warmup)) ** 2
    return lr * (1 - half) + min_lr * half


class ReduceOnPlateauByHistory:
    """Keeps all losses since the rate last fell."""

    def __init__(self, lr, factor=0.1, patience=10, threshold=1e-4, min_lr=0.0):
        if factor <= 0 or factor >= 1:
            raise ValueError("factor")
        self.lr, self.factor, self.patience, self.threshold, self.min_lr = lr, factor, patience, threshold, min_lr
        self.best, self.bad = None, []

    def step(self, loss):
        if self.best is None or loss < self.best - self.threshold * self.best:
            self.best, self.bad = loss, []
            return self.lr
        self.bad.append(loss)
        if len(self.bad) == self.patience + 1:
            self.lr, self.bad = max(self.min_lr, self.factor * self.lr), []
        return self.lr


class ReduceOnPlateauByCountdown:
    def __init__(self, lr, factor=0.1, patience=10, threshold=1e-4, min_lr=0.0):
        self.rate, self.options = lr, (factor, patience, 1 - threshold, min_lr)
        self.best, self.left = float("inf"), patience

    @property
    def lr(self):
        return self.rate

    def step(self, loss):
        factor, patience, share, floor = self.options
        if loss < self.best * share:
            self.best, self.left = float(loss), patience
        elif self.left:
            self.left -= 1
        else:
            self.left = patience
            self.rate = self.rate * factor if self.rate * factor > floor else floor
        return self.rate


def cyclical_lr_by_halves(step, step_size, low, high):
    place = step % (2 * step_size)
    up = place if place <= step_size else 2 * step_size - place
    return low + up * (high - low) / step_size


def cyclical_lr_by_table(step, step_size, low, high):
    climb = np.linspace(low, high, step_size + 1)
    return float(np.concatenate([climb, climb[-2:0:-1]])[step % (2 * step_size)])


ALTERNATIVES = {
    "resnet.random_crop_flip": [random_crop_flip_by_loop, random_crop_flip_by_shift],
    "resnet.random_boxes": [random_boxes_by_loop, random_boxes_redrawn],
    "resnet.random_resized_crop": [random_resized_crop_by_weights, random_resized_crop_by_list],
    "resnet.colour_jitter": [colour_jitter_by_loop, colour_jitter_at_once],
    "resnet.mixup": [mixup_by_lerp, mixup_by_matrix],
    "resnet.cutmix": [cutmix_by_mask, cutmix_as_published],
    "resnet.dropout": [dropout_by_bernoulli, dropout_by_choice],
    "resnet.drop_path": [drop_path_by_bernoulli, drop_path_by_choice],
    "resnet.cosine_warmup": [cosine_warmup_by_table, cosine_warmup_by_sine],
    "resnet.ReduceOnPlateau": [ReduceOnPlateauByHistory, ReduceOnPlateauByCountdown],
    "resnet.cyclical_lr": [cyclical_lr_by_halves, cyclical_lr_by_table],
}
