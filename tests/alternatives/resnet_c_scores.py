"""Right answers to the exercises on rare classes and on judging that look different from the reference."""

import math

import numpy as np
import torch
import torch.nn.functional as F

# --- rare classes ----------------------------------------------------------------------------------------------------


def class_weights_by_loop(labels, num_classes):
    counts = [int((labels == kind).sum()) for kind in range(num_classes)]
    present = sum(count > 0 for count in counts)
    weights = [len(labels) / (present * count) if count else 0.0 for count in counts]
    return torch.tensor(weights, dtype=torch.float32, device=labels.device)


def class_weights_by_one_hot(labels, num_classes):
    counts = F.one_hot(labels.long(), num_classes).sum(0).double()
    weights = counts.sum() / (counts.count_nonzero() * counts)
    return weights.masked_fill(counts == 0, 0.0).float()


def balanced_sampler_with_extras(labels, mode="over", seed=0):
    """All of a class, and random extras with replacement; by NumPy's generator."""
    random = np.random.default_rng(seed)
    truth = labels.cpu().numpy()
    kinds, counts = np.unique(truth, return_counts=True)
    chosen = []
    for kind in kinds:
        group = np.flatnonzero(truth == kind)
        if mode == "under":
            chosen.append(random.choice(group, counts.min(), replace=False))
        elif mode == "over":
            chosen += [group, random.choice(group, counts.max() - len(group))]
        else:
            raise ValueError(mode)
    return torch.from_numpy(random.permutation(np.concatenate(chosen))).to(labels.device)


def balanced_sampler_by_rounds(labels, mode="over", seed=0):
    """Deals out the classes round by round, then mixes."""
    generator = torch.Generator().manual_seed(seed)
    if mode not in ("over", "under"):
        raise ValueError(mode)
    piles = {}
    for index in torch.randperm(len(labels), generator=generator).tolist():
        piles.setdefault(int(labels[index]), []).append(index)
    rounds = (max if mode == "over" else min)(map(len, piles.values()))
    dealt = [pile[turn % len(pile)] for turn in range(rounds) for pile in piles.values()]
    mixed = torch.tensor(dealt)[torch.randperm(len(dealt), generator=generator)]
    return mixed.to(labels.device)


def bce_with_logits_classical(logits, target, pos_weight=None):
    """The largest term taken out: relu(x) − x·t + log(1 + exp(−|x|))."""
    soft = logits.clamp(min=0) + torch.log1p(torch.exp(-logits.abs()))  # log(1 + exp(x))
    weight = torch.ones_like(logits) if pos_weight is None else pos_weight
    return ((1 - target) * soft + weight * target * (soft - logits)).mean()


def bce_with_logits_by_log_softmax(logits, target, pos_weight=None):
    both = torch.stack([torch.zeros_like(logits), logits], dim=-1).log_softmax(dim=-1)
    positive = target if pos_weight is None else target * pos_weight
    return -((1 - target) * both[..., 0] + positive * both[..., 1]).mean()


# --- rankings --------------------------------------------------------------------------------------------------------


def threshold_counts_by_unique(scores, labels):
    thresholds, place, all_of_it = scores.unique(return_inverse=True, return_counts=True)
    hits = torch.zeros_like(all_of_it).scatter_add_(0, place, labels.long())
    hits, passed = hits.flip(0).cumsum(0), all_of_it.flip(0).cumsum(0)
    return thresholds.flip(0), hits, passed - hits


def threshold_counts_by_search(scores, labels):
    thresholds = scores.unique().flip(0)
    counts = []
    for kind in (1, 0):
        own = scores[labels == kind].sort().values.contiguous()
        counts.append(len(own) - torch.searchsorted(own, thresholds.contiguous()))
    return thresholds, counts[0], counts[1]


def roc_auc_by_ranks(scores, labels):
    """Mann and Whitney's: the sum of the positives' ranks, equal scores sharing the mean rank."""
    _, place, counts = scores.unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[place].double()
    positive = int(labels.sum())
    negative = len(labels) - positive
    if positive == 0 or negative == 0:
        raise ValueError("one class only")
    above = ranks[labels == 1].sum() - positive * (positive + 1) / 2
    return (above / (positive * negative)).float()


def roc_auc_by_searching(scores, labels):
    """For each positive, how many negatives lie below and at or below."""
    negatives, positives = scores[labels == 0].sort().values.contiguous(), scores[labels == 1].contiguous()
    if len(negatives) == 0 or len(positives) == 0:
        raise ValueError("one class only")
    below = torch.searchsorted(negatives, positives)
    upto = torch.searchsorted(negatives, positives, right=True)
    return ((below + upto).double().mean() / (2 * len(negatives))).float()


def average_precision_over_positives(scores, labels):
    """The mean, over the positives, of the precision at their own score."""
    thresholds, hits, alarms = threshold_counts_by_unique(scores, labels)
    if hits[-1] == 0:
        raise ValueError("no positive")
    precision = hits.double() / (hits + alarms)
    rising = thresholds.flip(0).contiguous()
    place = len(rising) - 1 - torch.searchsorted(rising, scores[labels == 1].contiguous())
    return precision[place].mean().float()


def average_precision_by_loop(scores, labels):
    pairs = sorted(zip(scores.tolist(), labels.tolist(), strict=True), reverse=True)
    total = sum(label for _, label in pairs)
    area, hits, recall = 0.0, 0, 0.0
    for place, (score, label) in enumerate(pairs, start=1):
        hits += label
        if place == len(pairs) or pairs[place][0] != score:
            area += (hits / total - recall) * hits / place
            recall = hits / total
    return torch.tensor(area, dtype=torch.float32, device=scores.device)


def recall_at_precision_by_loop(scores, labels, precision=0.9):
    best, chosen = 0.0, math.inf
    total = int(labels.sum())
    for threshold, hit, alarm in zip(
        *(part.tolist() for part in threshold_counts_by_unique(scores, labels)), strict=True
    ):
        if hit / (hit + alarm) >= precision and hit / total > best:
            best, chosen = hit / total, threshold
    return torch.tensor(best, device=scores.device), torch.tensor(chosen, dtype=scores.dtype, device=scores.device)


def recall_at_precision_masked(scores, labels, precision=0.9):
    thresholds, hits, alarms = threshold_counts_by_search(scores, labels)
    good = (hits.double() / (hits + alarms) >= precision) & (hits > 0)
    if not good.any():
        return scores.new_zeros((), dtype=torch.float32), scores.new_full((), float("inf"))
    most = hits[good].max()
    return (most / hits[-1]).float(), thresholds[good & (hits == most)].max()


# --- one threshold ---------------------------------------------------------------------------------------------------


def f_beta_of_precision_and_recall(predicted, labels, beta=2.0):
    hits = float((predicted * labels).sum())
    if hits == 0:
        return torch.tensor(0.0, device=labels.device)
    p, r = hits / float(predicted.sum()), hits / float(labels.sum())
    return torch.tensor((1 + beta**2) * p * r / (beta**2 * p + r), device=labels.device)


def f_beta_from_table(predicted, labels, beta=2.0):
    table = torch.bincount(2 * labels + predicted, minlength=4).double()
    above = (1 + beta**2) * table[3]
    below = above + beta**2 * table[2] + table[1]
    return torch.where(below > 0, above / below.clamp(min=1e-300), torch.zeros_like(below)).float()


def sensitivity_specificity_by_masks(predicted, labels):
    def found(kind):
        those = predicted[labels == kind] == kind
        return those.float().mean() if len(those) else torch.tensor(0.0, device=labels.device)

    return found(1), found(0)


def sensitivity_specificity_from_table(predicted, labels):
    table = torch.bincount(2 * labels + predicted, minlength=4).reshape(2, 2)
    shares = table.diagonal() / table.sum(1).clamp(min=1)
    return shares[1].float(), shares[0].float()


# --- looking and calibrating -----------------------------------------------------------------------------------------


def grad_cam_by_jacobian(model, layer, x, classes=None):
    """Takes the activations' place with a leaf of its own, image by image."""
    maps = []
    for index in range(len(x)):
        found = {}

        def take(module, inputs, output, found=found):
            found["leaf"] = output.detach().requires_grad_()
            return found["leaf"]

        hook = layer.register_forward_hook(take)
        try:
            logits = model(x[index : index + 1])[0]
        finally:
            hook.remove()
        wanted = int(logits.argmax()) if classes is None else int(classes[index])
        (gradient,) = torch.autograd.grad(logits[wanted], found["leaf"])
        one = torch.einsum("k,khw->hw", gradient[0].mean((1, 2)), found["leaf"][0].detach()).clamp(min=0)
        one = F.interpolate(one[None, None], x.shape[-2:], mode="bilinear")[0, 0]
        one = one - one.min()
        maps.append(one / one.max() if one.max() > 0 else one)
    return torch.stack(maps)


def grad_cam_with_retained_gradients(model, layer, x, classes=None):
    """backward() on a copy of the model, so that no gradient stays."""
    from copy import deepcopy

    place = next(name for name, module in model.named_modules() if module is layer)
    double = deepcopy(model)
    kept = []

    def keep(module, inputs, output):
        output.retain_grad()
        kept.append(output)

    double.get_submodule(place).register_forward_hook(keep)
    logits = double(x.clone().requires_grad_())
    wanted = logits.argmax(1) if classes is None else classes
    logits[torch.arange(len(x)), wanted].sum().backward()
    alpha = kept[0].grad.flatten(2).mean(2)
    maps = (alpha[:, :, None, None] * kept[0]).sum(1).detach().relu()
    maps = F.interpolate(maps[:, None], size=x.shape[2:], mode="bilinear", align_corners=False).squeeze(1)
    flat = maps.flatten(1)
    flat = flat - flat.min(1, keepdim=True).values
    return (flat / flat.max(1, keepdim=True).values.clamp(min=1e-300)).reshape(maps.shape)


def grad_cam_with_a_small_number(model, layer, x, classes=None):
    """As pytorch-grad-cam scales: 1e-7 below the line."""
    kept = []
    hook = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    logits = model(x.clone().requires_grad_())
    hook.remove()
    wanted = logits.argmax(1) if classes is None else classes
    (gradient,) = torch.autograd.grad(logits[torch.arange(len(x)), wanted].sum(), kept[0])
    maps = torch.einsum("nk,nkhw->nhw", gradient.mean((2, 3)), kept[0].detach()).relu()
    maps = F.interpolate(maps[:, None], x.shape[2:], mode="bilinear")[:, 0]
    maps = maps - maps.amin((1, 2), keepdim=True)
    return maps / (maps.amax((1, 2), keepdim=True) + 1e-7)


def ece_by_loop(probabilities, labels, bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    total = 0.0
    for number in range(bins):
        inside = (confidence > number / bins) & (confidence <= (number + 1) / bins)
        if number == 0:
            inside |= confidence == 0
        if inside.any():
            total += float(inside.double().mean() * (right[inside].mean() - confidence[inside].double().mean()).abs())
    return torch.tensor(total, dtype=torch.float32, device=labels.device)


def ece_by_buckets(probabilities, labels, bins=15):
    confidence, answer = probabilities.double().max(1)
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=labels.device)
    place = torch.bucketize(confidence, edges[1:-1])
    sums = [torch.bincount(place, weights, minlength=bins) for weights in (confidence, (answer == labels).double())]
    return ((sums[0] - sums[1]).abs().sum() / len(labels)).float()


def temperature_scaling_by_lbfgs(logits, labels):
    log_t = torch.zeros((), dtype=torch.float64, device=logits.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(logits.double() * (-log_t).exp(), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_t.exp().clamp(0.05, 20.0))


def temperature_scaling_by_grids(logits, labels):
    low, high = 0.05, 20.0
    for _ in range(5):
        grid = torch.logspace(math.log10(low), math.log10(high), 41, dtype=torch.float64)
        losses = torch.stack([F.cross_entropy(logits.double() / float(t), labels) for t in grid])
        best = int(losses.argmin())
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 40)])
    return (low + high) / 2


ALTERNATIVES = {
    "resnet.class_weights": [class_weights_by_loop, class_weights_by_one_hot],
    "resnet.balanced_sampler": [balanced_sampler_with_extras, balanced_sampler_by_rounds],
    "resnet.bce_with_logits": [bce_with_logits_classical, bce_with_logits_by_log_softmax],
    "resnet.threshold_counts": [threshold_counts_by_unique, threshold_counts_by_search],
    "resnet.roc_auc": [roc_auc_by_ranks, roc_auc_by_searching],
    "resnet.average_precision": [average_precision_over_positives, average_precision_by_loop],
    "resnet.f_beta": [f_beta_of_precision_and_recall, f_beta_from_table],
    "resnet.recall_at_precision": [recall_at_precision_by_loop, recall_at_precision_masked],
    "resnet.sensitivity_specificity": [sensitivity_specificity_by_masks, sensitivity_specificity_from_table],
    "resnet.grad_cam": [grad_cam_by_jacobian, grad_cam_with_retained_gradients, grad_cam_with_a_small_number],
    "resnet.ece": [ece_by_loop, ece_by_buckets],
    "resnet.temperature_scaling": [temperature_scaling_by_lbfgs, temperature_scaling_by_grids],
}
