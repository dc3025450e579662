"""Right answers of notebook 05c that look different from the reference."""

import torch
import torch.nn.functional as F

# --- counting --------------------------------------------------------------------------------------------------------


def single(logits):
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def counts_in_loops(logits, labels, batch=False, ignore_index=None):
    """Sample by sample, class by class, with masks of bools."""
    x = single(logits)
    p = torch.sigmoid(x) if x.shape[1] == 1 else torch.softmax(x, 1)
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


ALTERNATIVES = {
    "unet.soft_counts": [counts_in_loops, counts_by_scatter],
}
