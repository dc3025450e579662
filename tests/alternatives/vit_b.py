"""Right answers of notebook 04b that look different from the reference."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

# --- parameter groups ------------------------------------------------------------------------------------------------


def groups_by_identity(model, weight_decay=0.05):
    """All parameters that learn, less those that are exempt."""
    exempt = set()
    for name, parameter in model.named_parameters():
        last = name.split(".")[-1]
        if parameter.dim() in (0, 1) or last.endswith(("cls_token", "pos_embed")):
            exempt.add(id(parameter))
    learning = [p for p in model.parameters() if p.requires_grad]
    groups = []
    if any(id(p) not in exempt for p in learning):
        groups.append({"params": [p for p in learning if id(p) not in exempt], "weight_decay": weight_decay})
    if any(id(p) in exempt for p in learning):
        groups.append({"params": [p for p in learning if id(p) in exempt], "weight_decay": 0.0})
    return groups


def groups_by_filter(model, weight_decay=0.05):
    """With more in each group than is asked for."""

    def decays(item):
        name, parameter = item
        return parameter.ndim > 1 and name[-9:] not in ("cls_token", "pos_embed")

    named = [item for item in model.named_parameters() if item[1].requires_grad]
    kinds = [("decay", weight_decay, True), ("no decay", 0.0, False)]
    groups = [
        {"name": kind, "params": [p for name, p in named if decays((name, p)) is wanted], "weight_decay": rate}
        for kind, rate, wanted in kinds
    ]
    return list(filter(lambda group: len(group["params"]) > 0, groups))


# --- the stem --------------------------------------------------------------------------------------------------------


class StemOfBlocks(nn.Module):
    """A Sequential of Sequentials, and tokens by permute."""

    def __init__(self, in_channels=3, dim=192, halvings=4):
        super().__init__()
        self.patch_size = pow(2, halvings)
        width = dim // 2 ** (halvings - 1)
        blocks = [self.block(in_channels, width)]
        while width < dim:
            blocks.append(self.block(width, 2 * width))
            width *= 2
        self.stem = nn.Sequential(*blocks, nn.Conv2d(width, dim, kernel_size=1))

    def block(self, inputs, outputs):
        convolution = nn.Conv2d(inputs, outputs, kernel_size=3, stride=2, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    def forward(self, images):
        x = self.stem(images)
        n, channels, height, width = x.shape
        return x.permute(0, 2, 3, 1).reshape(n, height * width, channels)


class StemOfALinear(nn.Module):
    """Tokens first, then the 1 × 1 convolution as a linear layer of each token; the size is a property."""

    def __init__(self, in_channels=3, dim=192, halvings=4):
        super().__init__()
        self.halvings = halvings
        widths = [in_channels] + [dim // 2**i for i in range(halvings - 1, -1, -1)]
        self.layers = nn.ModuleList()
        for before, after in itertools.pairwise(widths):
            self.layers.append(nn.Conv2d(before, after, 3, padding=1, stride=2, bias=False))
            self.layers.append(nn.BatchNorm2d(after))
        self.proj = nn.Conv2d(dim, dim, 1)

    @property
    def patch_size(self):
        return 2**self.halvings

    def forward(self, images):
        x = images
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.BatchNorm2d):
                x = x.clamp(min=0)
        return F.linear(x.flatten(2).mT, self.proj.weight[:, :, 0, 0], self.proj.bias)


# --- rollout ---------------------------------------------------------------------------------------------------------


def rollout_by_recursion(weights, residual=0.5):
    """The last block's matrix times the rollout of those before it."""
    block = torch.einsum("nhij->nij", weights[-1]) / weights[-1].size(1)
    block = block * (1 - residual)
    block.diagonal(dim1=1, dim2=2).add_(residual)
    block = block / block.sum(dim=2).unsqueeze(2)
    return block if len(weights) == 1 else torch.bmm(block, rollout_by_recursion(weights[:-1], residual))


def rollout_of_a_stack(weights, residual=0.5):
    """All blocks mixed at once, then multiplied from the output to the input."""
    mean = torch.stack(list(weights)).mean(2)
    eye = torch.eye(mean.shape[-1], device=mean.device).to(mean)
    mixed = F.normalize(residual * eye + (1 - residual) * mean, p=1, dim=-1)
    flow = mixed[-1]
    for block in reversed(mixed[:-1]):
        flow = torch.matmul(flow, block)
    return flow


def rollout_in_loops(weights, residual=0.5):
    first = weights[0]
    flows = []
    for image in range(first.shape[0]):
        flow = torch.eye(first.shape[2], dtype=first.dtype, device=first.device)
        for block in weights:
            heads = [block[image, head] for head in range(block.shape[1])]
            step = sum(heads) / len(heads) * (1 - residual) + torch.eye(len(flow)).to(flow) * residual
            flow = (step / step.sum(1)[:, None]).mm(flow)
        flows.append(flow)
    return torch.stack(flows)


# --- distillation ----------------------------------------------------------------------------------------------------


def distillation_by_kl_div(logits, distilled, teacher, labels, hard=True, alpha=0.5, temperature=3.0):
    with torch.no_grad():
        sure = teacher.argmax(dim=-1)
        soft = F.softmax(teacher / temperature, dim=-1)
    if hard:
        second = F.cross_entropy(distilled, sure)
    else:
        student = F.log_softmax(distilled / temperature, dim=-1)
        second = F.kl_div(student, soft, reduction="batchmean") * (temperature * temperature)
    return F.cross_entropy(logits, labels) * (1.0 - alpha) + second * alpha


def distillation_by_soft_labels(logits, distilled, teacher, labels, hard=True, alpha=0.5, temperature=3.0):
    """KL is the cross-entropy with the teacher's shares, less the teacher's own entropy."""
    right = F.nll_loss(F.log_softmax(logits, 1), labels)
    if hard:
        return right + alpha * (F.cross_entropy(distilled, teacher.detach().max(1)[1]) - right)
    shares = (teacher.detach() / temperature).softmax(1)
    entropy = -torch.xlogy(shares, shares).sum(1).mean()
    return right + alpha * (temperature**2 * (F.cross_entropy(distilled / temperature, shares) - entropy) - right)


def distillation_in_a_loop(logits, distilled, teacher, labels, hard=True, alpha=0.5, temperature=3.0):
    losses = []
    for one, two, wise, label in zip(logits, distilled, teacher.detach(), labels, strict=True):
        first = one.logsumexp(0) - one[label]
        if hard:
            second = two.logsumexp(0) - two[wise.argmax()]
        else:
            wise, two = wise / temperature, two / temperature
            log_p, log_q = wise - wise.logsumexp(0), two - two.logsumexp(0)
            second = temperature**2 * (log_p.exp() * (log_p - log_q)).sum()
        losses.append((1 - alpha) * first + alpha * second)
    return torch.stack(losses).mean()


# --- masking ---------------------------------------------------------------------------------------------------------


def masking_by_scatter(tokens, noise, keep):
    """The mask is written at the kept places, and so is the order."""
    ids = torch.argsort(noise, dim=1)
    kept = torch.gather(tokens, 1, ids[:, :keep].unsqueeze(-1).repeat(1, 1, tokens.shape[2]))
    mask = torch.ones(noise.shape, dtype=tokens.dtype, device=tokens.device).scatter(1, ids[:, :keep], 0.0)
    places = torch.arange(noise.shape[1], device=noise.device).expand_as(noise)
    return kept, mask, torch.zeros_like(ids).scatter_(1, ids, places)


def masking_as_published(tokens, noise, keep):
    """Zeros and ones in the order of the noise, brought back by the inverse."""
    n, length = noise.shape
    shuffle = noise.argsort(dim=1)
    restore = shuffle.argsort(dim=1)
    mask = tokens.new_ones(n, length)
    mask[:, :keep] = 0
    kept = tokens[torch.arange(n, device=tokens.device)[:, None], shuffle[:, :keep]]
    return kept, mask.gather(1, restore), restore


def masking_in_a_loop(tokens, noise, keep):
    found = []
    for row, luck in zip(tokens, noise, strict=True):
        ids = luck.topk(len(luck), largest=False).indices
        order = torch.empty_like(ids)
        order[ids] = torch.arange(len(ids), device=ids.device)
        mask = torch.ones(len(ids), dtype=row.dtype, device=row.device)
        mask[ids[:keep]] = 0
        found.append((row[ids[:keep]], mask, order))
    return tuple(torch.stack(parts) for parts in zip(*found, strict=True))


def restore_by_scatter(kept, mask_token, order):
    """The inverse, and scatter."""
    n, keep, dim = kept.shape
    ids = order.argsort(1)[:, :keep, None].expand(-1, -1, dim)
    return mask_token.repeat(n, order.shape[1], 1).scatter(1, ids, kept)


def restore_by_where(kept, mask_token, order):
    """A kept token for every place, of which the hidden ones are replaced."""
    keep = kept.shape[1]
    images = torch.arange(len(kept), device=kept.device)[:, None]
    return torch.where((order < keep)[..., None], kept[images, order.clamp(max=keep - 1)], mask_token)


def restore_by_one_hot(kept, mask_token, order):
    """A product with a matrix of zeros and ones."""
    row = torch.cat([kept, mask_token.expand(len(kept), 1, -1)], dim=1)
    ones = F.one_hot(order.clamp(max=kept.shape[1]), kept.shape[1] + 1).to(kept.dtype)
    return ones @ row


def restore_by_too_many(kept, mask_token, order):
    """More mask tokens than are ever picked."""
    row = torch.cat([kept, mask_token.repeat(len(kept), order.shape[1], 1)], 1)
    return torch.gather(row, 1, order.unsqueeze(2).repeat(1, 1, kept.shape[2]))


def loss_of_picked_patches(predicted, patches, mask, normalise=True):
    hidden = mask.bool()
    wanted, got = patches[hidden], predicted[hidden]
    if normalise:
        wanted = (wanted - wanted.mean(1, keepdim=True)) / torch.sqrt(wanted.var(1, keepdim=True) + 1e-6)
    return F.mse_loss(got, wanted)


def loss_as_published(predicted, patches, mask, normalise=True):
    target = patches
    if normalise:
        mean = target.mean(dim=-1, keepdim=True)
        var = ((target - mean) ** 2).sum(dim=-1, keepdim=True) / (target.shape[-1] - 1)
        target = (target - mean) / (var + 1.0e-6) ** 0.5
    loss = ((predicted - target) ** 2).mean(dim=-1)
    return (loss * mask).sum() / mask.sum()


def loss_in_loops(predicted, patches, mask, normalise=True):
    errors = []
    for image in range(mask.shape[0]):
        for place in range(mask.shape[1]):
            if mask[image, place] == 1:
                wanted = patches[image, place]
                if normalise:
                    wanted = (wanted - wanted.mean()) / (wanted.var() + 1e-6) ** 0.5
                errors.append((predicted[image, place] - wanted).pow(2).mean())
    return sum(errors) / len(errors)


ALTERNATIVES = {
    "vit.decay_groups": [groups_by_identity, groups_by_filter],
    "vit.ConvStem": [StemOfBlocks, StemOfALinear],
    "vit.attention_rollout": [rollout_by_recursion, rollout_of_a_stack, rollout_in_loops],
    "vit.distillation_loss": [distillation_by_kl_div, distillation_by_soft_labels, distillation_in_a_loop],
    "vit.random_masking": [masking_by_scatter, masking_as_published, masking_in_a_loop],
    "vit.restore_masked": [restore_by_scatter, restore_by_where, restore_by_one_hot, restore_by_too_many],
    "vit.masked_loss": [loss_of_picked_patches, loss_as_published, loss_in_loops],
}
