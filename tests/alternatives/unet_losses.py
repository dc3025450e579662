"""Right answers of notebook 05c that look different from the reference."""

import torch
import torch.nn.functional as F

# --- counting --------------------------------------------------------------------------------------------------------


def single(logits):
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def chances(logits):
    x = single(logits)
    return torch.sigmoid(x) if x.shape[1] == 1 else x.log_softmax(1).exp()


def counts_in_loops(logits, labels, batch=False, ignore_index=None):
    """Sample by sample, class by class, with masks of bools."""
    p = chances(logits)
    rows = []
    for sample, label in zip(p, labels, strict=True):
        use = torch.ones_like(label, dtype=torch.bool) if ignore_index is None else label != ignore_index
        for c, q in enumerate(sample):
            here = (label == (1 if len(sample) == 1 else c)) & use
            rows += [q[here].sum(), q[use].sum(), here.sum().to(q.dtype)]
    table = torch.stack(rows).reshape(len(p), -1, 3)
    table = table.sum(0) if batch else table
    return table[..., 0], table[..., 1], table[..., 2]


def counts_by_scatter(logits, labels, batch=False, ignore_index=None):
    """Two channels where there is one; the probability of each pixel's label, added to its class's sum."""
    x = single(logits)
    alone = x.shape[1] == 1
    if alone:
        x = torch.cat([torch.zeros_like(x), x], 1)
    p = F.softmax(x, 1).flatten(2)
    flat = labels.flatten(1)
    use = (torch.ones_like(flat) if ignore_index is None else (flat != ignore_index).long()).to(p.dtype)
    places = torch.where(use > 0, flat, 0)
    own = p.gather(1, places[:, None])[:, 0] * use
    hits = torch.zeros(p.shape[:2], dtype=p.dtype).scatter_add(1, places, own)
    true = torch.zeros(p.shape[:2], dtype=p.dtype).scatter_add(1, places, use)
    found = [part[:, 1:] if alone else part for part in (hits, (p * use[:, None]).sum(-1), true)]
    return tuple(part.sum(0) for part in found) if batch else tuple(found)


# --- overlap ---------------------------------------------------------------------------------------------------------


def ended(losses, reduction):
    return losses if reduction == "none" else getattr(torch, reduction)(losses)


def dice_by_errors(
    logits, labels, reduction="mean", batch=False, include_background=True, ignore_index=None, smooth=1e-5
):
    """What is wrong over what there is: the same quotient, taken from 1."""
    hits, predicted, true = counts_in_loops(logits, labels, batch, ignore_index)
    losses = ((predicted - hits) + (true - hits)) / (predicted + true + smooth)
    if not include_background and logits.shape[1] > 1:
        losses = losses.narrow(-1, 1, losses.shape[-1] - 1)
    return ended(losses, reduction)


def dice_by_einsum(
    logits, labels, reduction="mean", batch=False, include_background=True, ignore_index=None, smooth=1e-5
):
    p = chances(logits).flatten(2)
    flat = labels.flatten(1)
    if ignore_index is not None:
        p = p * (flat != ignore_index)[:, None]
        flat = flat.masked_fill(flat == ignore_index, -1)
    names = torch.arange(p.shape[1]) if p.shape[1] > 1 else torch.tensor([1])
    t = (flat[:, None] == names[:, None]).to(p.dtype)
    to = "k" if batch else "nk"
    hits = torch.einsum(f"nkm,nkm->{to}", p, t)
    sizes = torch.einsum(f"nkm->{to}", p + t)
    losses = 1.0 - (hits + smooth / 2) / (sizes / 2 + smooth / 2)
    first = 0 if include_background or p.shape[1] == 1 else 1
    return ended(losses[..., first:], reduction)


def generalised_in_a_loop(
    logits, labels, reduction="mean", batch=False, include_background=True, ignore_index=None, smooth=1e-5
):
    sums = torch.stack(counts_in_loops(logits, labels, batch, ignore_index), -1)
    rows = [sums] if batch else list(sums)
    losses = []
    for row in rows:
        if not include_background and len(row) > 1:
            row = row[1:]
        sizes = [float(size) for size in row[:, 2]]
        rarest = min([size for size in sizes if size > 0], default=1.0)
        above = below = smooth
        for (hits, predicted, true), size in zip(row, sizes, strict=True):
            w = (rarest / size) ** 2 if size else 1.0
            above, below = above + 2 * w * hits, below + w * (predicted + true)
        losses.append(1 - above / below)
    return ended(losses[0] if batch else torch.stack(losses), reduction)


def generalised_by_clamping(
    logits, labels, reduction="mean", batch=False, include_background=True, ignore_index=None, smooth=1e-5
):
    """An absent class gets the rarest one's size."""
    h, p, t = counts_by_scatter(logits, labels, batch, ignore_index)
    if not include_background and logits.shape[1] > 1:
        h, p, t = h[..., 1:], p[..., 1:], t[..., 1:]
    large = t.masked_fill(t == 0, 1e30).min(-1, keepdim=True)[0]
    w = (large / torch.where(t == 0, large, t)) ** 2
    numerator, denominator = (w * h).sum(-1), (w * (p + t)).sum(-1)
    return ended((denominator - 2 * numerator) / (denominator + smooth), reduction)


def tversky_by_errors(
    logits,
    labels,
    alpha=0.3,
    beta=0.7,
    reduction="mean",
    batch=False,
    include_background=True,
    ignore_index=None,
    smooth=1e-5,
):
    hits, predicted, true = counts_by_scatter(logits, labels, batch, ignore_index)
    wrong = alpha * (predicted - hits) + beta * (true - hits)
    losses = wrong / (wrong + hits + smooth)
    return ended(losses if include_background or logits.shape[1] == 1 else losses[..., 1:], reduction)


def tversky_by_sizes(
    logits,
    labels,
    alpha=0.3,
    beta=0.7,
    reduction="mean",
    batch=False,
    include_background=True,
    ignore_index=None,
    smooth=1e-5,
):
    """The divisor, sorted by sums."""
    h, p, t = counts_in_loops(logits, labels, batch, ignore_index)
    losses = 1 - (h + smooth) / ((1 - alpha - beta) * h + alpha * p + beta * t + smooth)
    return ended(losses if include_background or logits.shape[1] == 1 else losses[..., 1:], reduction)


def focal_tversky_by_index(
    logits,
    labels,
    alpha=0.3,
    beta=0.7,
    gamma=0.75,
    reduction="mean",
    batch=False,
    include_background=True,
    ignore_index=None,
    smooth=1e-5,
):
    """Only what is above 0 goes through the power."""
    losses = tversky_by_sizes(logits, labels, alpha, beta, "none", batch, include_background, ignore_index, smooth)
    flat = losses.flatten()
    places = (flat > 0).nonzero()[:, 0]
    powers = torch.zeros_like(flat).index_put((places,), flat[places] ** gamma)
    return ended(powers.view(losses.shape), reduction)


def focal_tversky_by_exp(
    logits,
    labels,
    alpha=0.3,
    beta=0.7,
    gamma=0.75,
    reduction="mean",
    batch=False,
    include_background=True,
    ignore_index=None,
    smooth=1e-5,
):
    losses = tversky_by_sizes(logits, labels, alpha, beta, "none", batch, include_background, ignore_index, smooth)
    perfect = losses <= 0
    powers = torch.exp(gamma * torch.log(losses.masked_fill(perfect, 1.0))).masked_fill(perfect, 0.0)
    return ended(powers, reduction)


# --- pixels ----------------------------------------------------------------------------------------------------------


def own_log(logits, labels, ignore_index=None):
    x = single(logits)
    use = torch.ones_like(labels, dtype=torch.bool) if ignore_index is None else labels != ignore_index
    if x.shape[1] == 1:
        own = -F.binary_cross_entropy_with_logits(x[:, 0], (labels == 1).to(x.dtype), reduction="none")
    else:
        own = x.log_softmax(1).gather(1, torch.where(use, labels, 0)[:, None])[:, 0]
    return torch.where(use, own, 0.0), use


def ended_over(losses, use, reduction):
    return losses.sum() / max(int(use.sum()), 1) if reduction == "mean" else ended(losses, reduction)


def focal_by_cases(logits, labels, gamma=2.0, alpha=None, reduction="mean", ignore_index=None):
    """Right pixels by masks, gamma 0 apart."""
    log, use = own_log(logits, labels, ignore_index)
    wrong = -log.expm1()
    some = wrong > 0
    factor = torch.ones_like(log) if gamma == 0 else wrong.masked_fill(~some, 1.0).pow(gamma) * some
    losses = -factor * log
    if alpha is not None:
        losses = losses * torch.tensor([1 - alpha, alpha], dtype=losses.dtype)[(labels > 0).long()]
    return ended_over(losses, use, reduction)


def focal_by_labels(logits, labels, gamma=2.0, alpha=None, reduction="mean", ignore_index=None):
    """One label after the other, each with its weight; the slope at p = 1 kept finite by a tiny number."""
    log, use = own_log(logits, labels, ignore_index)
    losses = 0 * log
    for label in labels[use].unique().tolist():
        here = (labels == label) & use
        weight = 1.0 if alpha is None else (alpha if label else 1 - alpha)
        found = log[here]
        losses[here] = -weight * torch.maximum(-found.expm1(), torch.tensor(1e-37).to(found)) ** gamma * found
    return ended_over(losses, use, reduction)


def dice_focal_in_parts(
    logits,
    labels,
    gamma=2.0,
    alpha=None,
    focal_weight=1.0,
    reduction="mean",
    batch=False,
    include_background=True,
    ignore_index=None,
    smooth=1e-5,
):
    focal = focal_by_cases(logits, labels, gamma, alpha, reduction, ignore_index)
    dice = dice_by_errors(logits, labels, reduction, batch, include_background, ignore_index, smooth)
    if reduction != "none":
        return torch.add(dice, focal, alpha=focal_weight)
    dice = dice.mean(dim=-1)
    return torch.stack([(dice if batch else dice[n]) + focal_weight * row for n, row in enumerate(focal)])


def dice_focal_by_broadcast(
    logits,
    labels,
    gamma=2.0,
    alpha=None,
    focal_weight=1.0,
    reduction="mean",
    batch=False,
    include_background=True,
    ignore_index=None,
    smooth=1e-5,
):
    focal = focal_weight * focal_by_labels(logits, labels, gamma, alpha, reduction, ignore_index)
    dice = dice_by_einsum(logits, labels, reduction, batch, include_background, ignore_index, smooth)
    if reduction == "none":
        dice = dice.mean(-1, keepdim=not batch).reshape(-1, *[1] * (focal.ndim - 1))
    return focal + dice


# --- robust ----------------------------------------------------------------------------------------------------------


def huber_by_where(predicted, target, delta=1.0, reduction="mean"):
    error = (predicted - target).abs()
    return ended(torch.where(error <= delta, 0.5 * error**2, delta * (error - 0.5 * delta)), reduction)


def huber_by_excess(predicted, target, delta=1.0, reduction="mean"):
    """The line by what is beyond delta."""
    error = predicted - target
    near = error.clamp(-delta, delta)
    return ended(near.square() / 2 + delta * (error - near).abs(), reduction)


def gce_by_expm1(logits, labels, q=0.7, reduction="mean", ignore_index=None):
    log, use = own_log(logits, labels, ignore_index)
    return ended_over(torch.special.expm1(log.mul(q)).div(-q), use, reduction)


def gce_by_masks(logits, labels, q=0.7, reduction="mean", ignore_index=None):
    """Only kept pixels; the rest is filled with 0."""
    log, use = own_log(logits, labels, ignore_index)
    losses = torch.zeros_like(log)
    losses[use] = -(torch.expm1(log[use] * q) / q)
    return ended_over(losses, use, reduction)


def hard_by_sorting(logits, labels, share=0.1, reduction="mean", batch=False, ignore_index=None):
    log, use = own_log(logits, labels, ignore_index)
    pools = [(log.flatten(), use.flatten())] if batch else [*zip(log.flatten(1), use.flatten(1), strict=True)]
    found = []
    for values, some in pools:
        values = values[some].sort().values
        count = max(1, int(share * len(values)))
        found.append(-values[:count].sum() / count)
    return ended(found[0] if batch else torch.stack(found), reduction)


def hard_by_threshold(logits, labels, share=0.1, reduction="mean", batch=False, ignore_index=None):
    """All whose loss reaches that of the last one picked."""
    log, use = own_log(logits, labels, ignore_index)
    losses = -log
    if batch:
        losses, use = losses.flatten()[None], use.flatten()[None]
    found = []
    for values, some in zip(losses, use, strict=True):
        pool = values[some]
        if not len(pool):
            found.append(0 * values.sum())
            continue
        count = max(int(len(pool) * share), 1)
        last = pool.detach().kthvalue(len(pool) - count + 1).values
        found.append(pool[pool >= last].mean())
    return ended(found[0] if batch else torch.stack(found), reduction)


ALTERNATIVES = {
    "unet.soft_counts": [counts_in_loops, counts_by_scatter],
    "unet.soft_dice_loss": [dice_by_errors, dice_by_einsum],
    "unet.generalised_dice_loss": [generalised_in_a_loop, generalised_by_clamping],
    "unet.tversky_loss": [tversky_by_errors, tversky_by_sizes],
    "unet.focal_tversky_loss": [focal_tversky_by_index, focal_tversky_by_exp],
    "unet.focal_loss": [focal_by_cases, focal_by_labels],
    "unet.dice_focal_loss": [dice_focal_in_parts, dice_focal_by_broadcast],
    "unet.huber_loss": [huber_by_where, huber_by_excess],
    "unet.generalised_cross_entropy": [gce_by_expm1, gce_by_masks],
    "unet.hard_pixel_loss": [hard_by_sorting, hard_by_threshold],
}
