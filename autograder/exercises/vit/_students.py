"""What a goal may demand of a network: that it is a vision transformer, and answers as its weights do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import p2v_data
from autograder.exercises.vit._net import Oracle
from autograder.spec import Probe

CLASSES, SIDE = 10, 28
FILTERS, WIDTH, PLACES = 64, 9, 4  # of the teacher
THRESHOLD, RIDGE, LOUDNESS = -1.0, 1.0, 10.0
MOST_HEADS = 64


def teacher() -> Probe:
    """A small convolutional network that reads 97 % of other people's digits, in evaluation mode."""
    layers = {
        "conv": ("conv", 1, FILTERS, WIDTH, 2, WIDTH // 2, {"bias": False}),
        "norm": ("norm", FILTERS),
        "relu": ("relu",),
        "pool": ("mean", PLACES),
        "flatten": ("flatten",),
        "fc": ("linear", FILTERS * PLACES**2, CLASSES),
    }
    given = {"layers": layers, "order": list(layers), "weights": dict(_learned()), "evaluating": ["", *layers]}
    return Probe("patchwork", given)


@cache
def _learned() -> Mapping[str, Tensor]:
    """The teacher's weights, once in a process: pieces of digits for kernels, and a head by least squares from all
    4,000 digits, straight and bent. A second or two, where training would take half a minute.
    """
    generator = torch.Generator().manual_seed(0)
    images, labels = p2v_data.digits().train
    owners = torch.randint(len(images), (FILTERS,), generator=generator).tolist()
    corners = torch.randint(2, SIDE - WIDTH - 1, (FILTERS, 2), generator=generator).tolist()
    pieces = [images[i, :, y : y + WIDTH, x : x + WIDTH] for i, (y, x) in zip(owners, corners, strict=True)]
    kernels = torch.stack(pieces) - torch.stack(pieces).mean((2, 3), keepdim=True)
    kernels = kernels / (kernels.flatten(1).norm(dim=1)[:, None, None, None] + 1e-3)
    answers = F.conv2d(images[:500], kernels, None, 2, WIDTH // 2)
    weights = {
        "conv.weight": kernels,
        "norm.weight": torch.ones(FILTERS),
        "norm.bias": torch.full((FILTERS,), THRESHOLD),
        "norm.running_mean": answers.mean((0, 2, 3)),
        "norm.running_var": answers.var((0, 2, 3)),
    }
    seen = torch.cat([images, _bent(images, generator)])
    described = torch.cat([_described(part, weights) for part in seen.split(500)])
    described = torch.cat([described, torch.ones(len(described), 1)], dim=1)
    wanted = LOUDNESS * F.one_hot(labels.repeat(2), CLASSES).float()
    ridge = RIDGE * torch.eye(described.shape[1])
    head = torch.linalg.solve(described.T @ described + ridge, described.T @ wanted)
    return weights | {"fc.weight": head[:-1].T.contiguous(), "fc.bias": head[-1]}


def _described(images: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """What goes into the teacher's last layer."""
    x = F.conv2d(images, weights["conv.weight"], None, 2, WIDTH // 2)
    mean, var, weight, bias = (weights[f"norm.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
    return F.adaptive_avg_pool2d(F.relu(F.batch_norm(x, mean, var, weight, bias)), PLACES).flatten(1)


def _bent(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image a little turned, stretched and moved."""
    bent = torch.eye(2, 3) + 0.1 * torch.randn(len(images), 2, 3, generator=generator)
    return F.grid_sample(images, F.affine_grid(bent, list(images.shape), align_corners=False), align_corners=False)


def rebuilt(state: Mapping[str, Tensor]) -> Iterator[nn.Module]:
    """The vision transformers whose weights these may be: one for each number of heads. None, if they are of no such
    network for these images.
    """
    try:
        dim, channels, patch, _ = state["patch_embed.proj.weight"].shape
        depth = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
        ratio = state["blocks.0.mlp.fc1.weight"].shape[0] / dim
        sizes = (SIDE, patch, channels, len(state["head.weight"]), ratio, "cls_token" in state)
        for heads in (count for count in range(1, MOST_HEADS + 1) if dim % count == 0):
            model = Oracle(dim, depth, heads, *sizes)
            model.load_state_dict(dict(state), strict=True)
            yield model.double().eval()
    except (KeyError, ValueError, RuntimeError, AttributeError, TypeError):
        return


def is_transformer(state: object) -> bool:
    """Whether a state_dict has the names and shapes of a `VisionTransformer`'s, and no others."""
    return isinstance(state, dict) and any(True for _ in rebuilt(state))


def answers_as_weights_do(state: Mapping[str, Tensor], images: Tensor, logits: Tensor, share: float = 0.01) -> bool:
    """Whether a `VisionTransformer` with these weights gives these logits, with some number of heads."""
    largest = float(logits.abs().max())
    with torch.no_grad():
        return any(
            float((model(images.double()) - logits.double()).abs().max()) <= share * largest for model in rebuilt(state)
        )
