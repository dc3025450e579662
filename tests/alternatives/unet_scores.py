"""Right answers of notebook 05d that look different from the reference."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt, find_objects
from scipy.spatial import KDTree

# --- counts ----------------------------------------------------------------------------------------------------------


def counts_by_numpy(true, predicted, classes, ignore=None):
    t, p = true.cpu().numpy().astype(np.int64).ravel(), predicted.cpu().numpy().astype(np.int64).ravel()
    if ignore is not None:
        t, p = t[t != ignore], p[true.cpu().numpy().ravel() != ignore]
    table = np.bincount(classes * p + t, minlength=classes * classes).reshape(classes, classes)
    right = np.diag(table)
    found = (right, table.sum(1) - right, table.sum(0) - right)
    return [torch.from_numpy(np.ascontiguousarray(part)).to(true.device) for part in found]


def counts_of_three(true, predicted, classes, ignore=None):
    """Three bincounts: of each map, and of where they agree."""
    t, p = true.reshape(-1).to(torch.int64), predicted.reshape(-1).to(torch.int64)
    if ignore is not None:
        keep = (t != ignore).nonzero()[:, 0]
        t, p = t[keep], p[keep]
    have, say, both = (torch.bincount(part, minlength=classes) for part in (t, p, t[t == p]))
    return both, say - both, have - both


def counts_with_a_bin_to_spare(true, predicted, classes, ignore=None):
    """Ignored pixels are counted in a last bin, which is cut off."""
    cells = true.long() * classes + predicted.long()
    if ignore is not None:
        cells = torch.where(true == ignore, classes * classes, cells)
    table = torch.bincount(cells.flatten(), minlength=classes * classes + 1)[:-1].view(classes, classes)
    tp = torch.diagonal(table)
    return tp.clone(), table.sum(dim=0) - tp, table.sum(dim=1) - tp


# --- overlaps --------------------------------------------------------------------------------------------------------


def iou_where_needed(tp, fp, fn):
    score = torch.ones(tp.shape, device=tp.device)
    union = tp + fp + fn
    some = union != 0
    score[some] = tp[some].float() / union[some].float()
    return score


def iou_with_a_speck(tp, fp, fn):
    """0 / 0 becomes 1, and nothing else changes by more than rounding does."""
    return (tp + 1e-7) / (tp + fp + fn + 1e-7)


def iou_from_errors(tp, fp, fn):
    wrong = (fp + fn).double()
    return (1 - wrong / (tp + wrong)).nan_to_num(nan=1.0).float()


def dice_from_iou(tp, fp, fn):
    overlap = iou_where_needed(tp, fp, fn).double()
    return (2 * overlap / (1 + overlap)).float()


def dice_by_halves(tp, fp, fn):
    errors = (fp.double() + fn) / 2
    share = tp / (tp + errors)
    return torch.where(tp + errors == 0, torch.ones_like(share), share).to(torch.float32)


def accuracy_in_python(tp, fp, fn):
    right, pixels = int(tp.sum()), int(tp.sum()) + int(fn.sum())
    return torch.tensor(right / pixels if pixels else 1.0, device=tp.device)


def accuracy_by_columns(tp, fp, fn):
    """Every wrong pixel is claimed by somebody."""
    pixels = (tp + fp).sum()
    if pixels == 0:
        return torch.ones((), device=tp.device)
    return tp.sum() / pixels


def miou_in_a_loop(tp, fp, fn, background=True):
    scores = []
    for label, (right, claimed, missed) in enumerate(zip(tp.tolist(), fp.tolist(), fn.tolist(), strict=True)):
        if (label or background) and right + claimed + missed:
            scores.append(right / (right + claimed + missed))
    return torch.tensor(sum(scores) / len(scores) if scores else 1.0, device=tp.device)


def miou_by_nanmean(tp, fp, fn, background=True):
    start = 0 if background else 1
    return (tp / (tp + fp + fn))[start:].nanmean().nan_to_num(nan=1.0)


# --- borders ---------------------------------------------------------------------------------------------------------


def border_by_padding(mask):
    padded = F.pad(mask, [1, 1] * mask.ndim)
    inside = mask
    for axis, size in enumerate(mask.shape):
        for start in (0, 2):
            middle = [slice(1, -1)] * mask.ndim
            middle[axis] = slice(start, start + size)
            inside = inside & padded[tuple(middle)]
    return mask.logical_xor(inside)


def border_by_pooling(mask):
    """The background grown by one along each axis; pooling pads with −∞, so it is padded by hand."""
    outside = F.pad((~mask).float()[None, None], [1, 1] * mask.ndim, value=1.0)
    pool = F.max_pool2d if mask.ndim == 2 else F.max_pool3d
    near = torch.zeros_like(mask)
    for axis in range(mask.ndim):
        size = [3 if axis == other else 1 for other in range(mask.ndim)]
        cut = tuple(slice(None) if axis == other else slice(1, -1) for other in range(mask.ndim))
        near |= pool(outside, size, stride=1)[0, 0][cut] > 0
    return near & mask


def border_by_convolution(mask):
    size = (3,) * mask.ndim
    kernel = torch.zeros(size)
    for axis in range(mask.ndim):
        for end in (0, 2):
            kernel[tuple(end if axis == other else 1 for other in range(mask.ndim))] = 1
    convolve = F.conv2d if mask.ndim == 2 else F.conv3d
    neighbours = convolve(mask.float()[None, None].cpu(), kernel[None, None], padding=1)[0, 0].to(mask.device)
    return mask & (neighbours < 2 * mask.ndim)


# --- distances -------------------------------------------------------------------------------------------------------


def distances_by_transform(a, b, spacing=None):
    edges = [border_by_padding(mask).cpu().numpy() for mask in (a, b)]
    lists = []
    for edge, other in (edges, edges[::-1]):
        if other.any():
            values = distance_transform_edt(np.logical_not(other), sampling=spacing)[edge]
        else:
            values = np.full(np.count_nonzero(edge), np.inf)
        lists.append(torch.tensor(values, dtype=torch.float64, device=a.device))
    return lists


def distances_by_trees(a, b, spacing=None):
    scale = np.asarray(spacing if spacing is not None else [1] * a.ndim, dtype=float)
    p, q = (np.argwhere(border_by_padding(mask).cpu().numpy()) * scale for mask in (a, b))

    def nearest(points, others):
        if len(others) == 0:
            return torch.full((len(points),), math.inf, dtype=torch.double)
        return torch.as_tensor(KDTree(others).query(points)[0])

    return nearest(p, q).to(a.device), nearest(q, p).to(a.device)


def distances_by_cdist(a, b, spacing=None):
    """Every pair of points, by a matrix product: 0 comes out as some 1e-8."""
    step = torch.tensor(spacing or [1.0] * a.ndim, dtype=torch.float64, device=a.device)
    p, q = (border_by_padding(mask).nonzero() * step for mask in (a, b))
    if len(p) == 0 or len(q) == 0:
        return tuple(torch.full((len(part),), math.inf, dtype=torch.float64, device=a.device) for part in (p, q))
    apart = torch.cdist(p, q)
    return apart.amin(dim=1), apart.amin(dim=0)


def hausdorff_in_float32(a, b, spacing=None, percentile=100.0):
    there, back = distances_by_cdist(a, b, spacing)
    if len(there) == 0 or len(back) == 0:
        return 0.0 if len(there) == len(back) else math.inf
    return max(part.float().quantile(percentile / 100).item() for part in (there, back))


def hausdorff_by_sorting(a, b, spacing=None, percentile=100.0):
    if not a.any() or not b.any():
        return math.inf if a.any() or b.any() else 0.0
    found = []
    for values in distances_by_transform(a, b, spacing):
        values = values.sort().values
        place = percentile / 100 * (len(values) - 1)
        low, part = int(place), place - int(place)
        high = min(low + 1, len(values) - 1)
        found.append((values[low] + part * (values[high] - values[low])).item())
    return max(found)


def hausdorff_by_numpy(a, b, spacing=None, percentile=100.0):
    there, back = distances_by_trees(a, b, spacing)
    if min(len(there), len(back)) == 0:
        return float("inf") if len(there) != len(back) else 0.0
    return float(np.maximum(*(np.percentile(part.cpu().numpy(), percentile) for part in (there, back))))


def average_by_sums(a, b, spacing=None):
    there, back = distances_by_trees(a, b, spacing)
    count = len(there) + len(back)
    return (float(there.sum()) + float(back.sum())) / count if count else 0.0


def average_asked_first(a, b, spacing=None):
    if not a.any() and not b.any():
        return 0.0
    if a.any() != b.any():
        return math.inf
    return torch.hstack(distances_by_transform(a, b, spacing)).mean().item()


# --- all classes -----------------------------------------------------------------------------------------------------


def per_class_by_numpy(true, predicted, classes, spacing=None):
    t, p = true.cpu().numpy(), predicted.cpu().numpy()
    boxes_t, boxes_p = find_objects(t, classes - 1), find_objects(p, classes - 1)
    found = np.zeros(classes - 1)
    for index in range(classes - 1):
        one, other = boxes_t[index], boxes_p[index]
        if one is None or other is None:
            found[index] = 0 if one is other else np.inf
            continue
        box = tuple(slice(min(s.start, r.start), max(s.stop, r.stop)) for s, r in zip(one, other, strict=True))
        masks = [torch.from_numpy(labels[box] == index + 1) for labels in (t, p)]
        found[index] = hausdorff_by_numpy(*masks, spacing, 95)
    return torch.from_numpy(found).to(true.device)


def per_class_in_float32(true, predicted, classes, spacing=None):
    found = [hausdorff_in_float32(true == label, predicted == label, spacing, 95.0) for label in range(1, classes)]
    return torch.tensor(found, dtype=torch.float64, device=true.device)


def per_class_of_both_maps(true, predicted, classes, spacing=None):
    """One search for both: laid on top of each other, and cut without the axis that parts them."""
    boxes = find_objects(torch.stack([true, predicted]).cpu().numpy(), max_label=classes - 1)
    found = [0.0] * (classes - 1)
    for index, box in enumerate(boxes):
        if box is not None:
            masks = (labels[box[1:]] == index + 1 for labels in (true, predicted))
            found[index] = hausdorff_by_sorting(*masks, spacing=spacing, percentile=95)
    return torch.tensor(found, dtype=torch.float64, device=true.device)


def card_in_loops(true, predicted, classes, spacing=None):
    columns = {"cases": [], "iou": [], "dice": [], "infinite": [], "hd95": []}
    far = [per_class_by_numpy(t, p, classes, spacing) for t, p in zip(true, predicted, strict=True)]
    counts = [counts_of_three(t, p, classes) for t, p in zip(true, predicted, strict=True)]
    for label in range(1, classes):
        ious, dices, distances, infinite = [], [], [], 0
        for (tp, fp, fn), distance in zip(counts, far, strict=True):
            if tp[label] + fp[label] + fn[label] == 0:
                continue
            ious.append(iou_where_needed(tp, fp, fn)[label])
            dices.append(dice_by_halves(tp, fp, fn)[label])
            if math.isinf(distance[label - 1]):
                infinite += 1
            else:
                distances.append(float(distance[label - 1]))
        columns["cases"].append(len(ious))
        columns["iou"].append(float(torch.stack(ious).mean()) if ious else 1.0)
        columns["dice"].append(float(torch.stack(dices).mean()) if dices else 1.0)
        columns["infinite"].append(infinite)
        columns["hd95"].append(float(np.mean(distances)) if distances else math.inf if infinite else 0.0)
    card = {name: torch.tensor(values, device=true.device) for name, values in columns.items()}
    return {**card, "hd95": torch.tensor(columns["hd95"], dtype=torch.float64, device=true.device)}


def card_by_nanmean(true, predicted, classes, spacing=None):
    rows = [counts_by_numpy(t, p, classes) for t, p in zip(true, predicted, strict=True)]
    tp, fp, fn = (torch.stack([row[kind][1:] for row in rows]) for kind in range(3))
    far = torch.stack(list(map(lambda t, p: per_class_of_both_maps(t, p, classes, spacing), true, predicted)))
    occurs = (tp + fp + fn) > 0
    shares = {}
    for name, above, below in (("iou", tp, tp + fp + fn), ("dice", 2 * tp, 2 * tp + fp + fn)):
        shares[name] = torch.nanmean(above / below, dim=0).nan_to_num(nan=1.0)
    usual = torch.where(far.isinf() | ~occurs, math.nan, far).nanmean(dim=0)
    nothing = torch.where(occurs.any(dim=0), math.inf, 0.0).double()
    hd95 = torch.where(usual.isnan(), nothing, usual)
    return {"hd95": hd95, "infinite": far.isinf().sum(dim=0), "cases": occurs.sum(dim=0), **shares}


ALTERNATIVES = {
    "unet.label_counts": [counts_by_numpy, counts_of_three, counts_with_a_bin_to_spare],
    "unet.iou": [iou_where_needed, iou_from_errors, iou_with_a_speck],
    "unet.dice": [dice_from_iou, dice_by_halves],
    "unet.pixel_accuracy": [accuracy_in_python, accuracy_by_columns],
    "unet.mean_iou": [miou_in_a_loop, miou_by_nanmean],
    "unet.mask_border": [border_by_padding, border_by_pooling, border_by_convolution],
    "unet.surface_distances": [distances_by_transform, distances_by_trees, distances_by_cdist],
    "unet.hausdorff": [hausdorff_by_sorting, hausdorff_by_numpy, hausdorff_in_float32],
    "unet.average_surface_distance": [average_by_sums, average_asked_first],
    "unet.hd95_per_class": [per_class_by_numpy, per_class_of_both_maps, per_class_in_float32],
    "unet.score_card": [card_in_loops, card_by_nanmean],
}
