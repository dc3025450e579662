"""Vision transformers as recipes use them: by size, by parameter group, and with DeiT's second answer for a teacher."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from solutions.recipes.choices import PATCH
from solutions.vit import VIT_SIZES, VisionTransformer, add_positions, decay_groups, interpolate_pos_embed

NORMS, HEADS = ("norm", "fc_norm"), ("head", "head_dist")
SPARED = ("dist_token",)  # from decay, beside what `decay_groups` spares


def sized_vit(network: str, image_size: int, classes: int, drop_path: float) -> VisionTransformer:
    """The vision transformer of that name, with patches of 16 pixels."""
    sizes = VIT_SIZES[network]
    return VisionTransformer(
        sizes["dim"],
        sizes["depth"],
        sizes["heads"],
        image_size=image_size,
        patch_size=PATCH,
        num_classes=classes,
        drop_path=drop_path,
    )


def vit_groups(model: nn.Module, rate: float, depth_decay: float, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups by depth and decay: tokens, positions and patches first, then block after block, then the head.

    The head learns at `rate`, each part before it at `depth_decay` times the rate of the next, and the last norm as the
    last block does. What `decay_groups` spares from decay is spared, and so is the distillation token.
    Peer: timm's `param_groups_layer_decay`.
    """
    decays = {
        id(parameter): group["weight_decay"]
        for group in decay_groups(model, weight_decay)
        for parameter in group["params"]
    }
    blocks = model.get_submodule("blocks")
    deepest = sum(1 for _ in blocks.children()) + 1
    groups: dict[tuple[int, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = 0.0 if name.endswith(SPARED) else decays[id(parameter)]
            groups.setdefault((_depth(name, deepest), decay), []).append(parameter)
    return [
        {"params": found, "lr": rate * depth_decay ** (deepest - depth), "weight_decay": decay}
        for (depth, decay), found in sorted(groups.items(), key=lambda item: item[0])
    ]


def _depth(name: str, deepest: int) -> int:
    first, _, rest = name.partition(".")
    if first == "blocks":
        return 1 + int(rest.partition(".")[0])
    return deepest if first in HEADS else deepest - 1 if first in NORMS else 0


class DistilledTransformer(nn.Module):
    """A vision transformer with a token more, which answers to a teacher; timm's names.

    `dist_token` stands behind the class token and has a position and a head of its own, `head_dist`.

    forward: while it learns the answers of both heads, (labels, teacher); else their mean.

    Source: Touvron and others 2021, section 4. Peer: timm's `deit_tiny_distilled_patch16_224`.
    """

    def __init__(self, network: str, image_size: int, classes: int, drop_path: float) -> None:
        super().__init__()
        vit = sized_vit(network, image_size, classes, drop_path)
        dim = vit.pos_embed.shape[2]
        self.grid = (image_size // PATCH, image_size // PATCH)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.cat([vit.pos_embed[:, :1], vit.pos_embed], dim=1).detach().clone())
        self.patch_embed, self.blocks, self.norm, self.head = vit.patch_embed, vit.blocks, vit.norm, vit.head
        self.head_dist = nn.Linear(dim, classes)
        for values in (self.cls_token, self.dist_token, self.head_dist.weight):
            nn.init.trunc_normal_(values, std=0.02, a=-0.04, b=0.04)
        nn.init.zeros_(self.head_dist.bias)

    def forward(
        self, images: Float[Tensor, "N 3 H W"]
    ) -> Float[Tensor, "N K"] | tuple[Float[Tensor, "N K"], Float[Tensor, "N K"]]:
        grid = (images.shape[2] // PATCH, images.shape[3] // PATCH)
        positions = interpolate_pos_embed(self.pos_embed, grid, self.grid, extra=2)
        extra = torch.cat([self.cls_token, self.dist_token], dim=1)
        tokens = self.norm(self.blocks(add_positions(self.patch_embed(images), positions, extra)))
        labels, teacher = self.head(tokens[:, 0]), self.head_dist(tokens[:, 1])
        return (labels, teacher) if self.training else (labels + teacher) / 2
