"""The vision transformer, in timm's names, so that timm's weights fit; and Hugging Face's, renamed."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from solutions.vit.blocks import TransformerBlock
from solutions.vit.patches import PatchEmbed
from solutions.vit.positions import add_positions, interpolate_pos_embed

VIT_SIZES: dict[str, dict[str, int]] = {
    "tiny": {"dim": 192, "depth": 12, "heads": 3},
    "small": {"dim": 384, "depth": 12, "heads": 6},
    "base": {"dim": 768, "depth": 12, "heads": 12},
}


class VisionTransformer(nn.Module):
    """Patches, positions, `depth` blocks, a norm, a linear layer; answers in logits.

    `patch_embed`            `PatchEmbed`
    `cls_token`              (1, 1, dim), in front of the patches' tokens; None without it
    `pos_embed`              (1, m, dim), for the class token too, added by `add_positions`
    `blocks`                 a Sequential of `depth` `TransformerBlock`s
    `norm` or `fc_norm`      LayerNorm, eps 1e-6; the other one is an Identity
    `head`                   Linear to `num_classes`

    With a class token every token goes through `norm`, and the class token through `head`.
    Without one, the mean of all tokens goes through `fc_norm` and `head`. `image_size`, the side of
    a square in pixels, fixes how many positions are learned; images of other sizes get theirs from
    `interpolate_pos_embed`.
    Block i of 0 … depth − 1 drops paths with probability drop_path · i / (depth − 1): three
    blocks and drop_path 0.2 give 0, 0.1, 0.2; a single block gets 0.

    `embed(images)`: the tokens that go into the first block.

    The weights of linear layers and the positions start from a normal distribution with std 0.02,
    cut off at two std: `nn.init.trunc_normal_(weight, std=0.02, a=-0.04, b=0.04)`. Biases of
    linear layers and the class token start at 0; `patch_embed` and the norms stay as PyTorch
    makes them.

    `VisionTransformer(**VIT_SIZES["base"])` is ViT-B/16. One block that adds nothing, class token
    [1, 2] with position [0, 1]: the class token leaves the blocks as [1, 3] and `norm` as [−1, 1].

    Source: Dosovitskiy and others 2021, section 3.1. Peer: timm's `vit_base_patch16_224` and its
    kin; without a class token `class_token=False, global_pool="avg"`.
    """

    cls_token: nn.Parameter | None

    def __init__(
        self,
        dim: int = 192,
        depth: int = 12,
        heads: int = 3,
        image_size: int = 224,
        patch_size: int = 16,
        in_channels: int = 3,
        num_classes: int = 1000,
        mlp_ratio: float = 4.0,
        class_token: bool = True,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        side = image_size // patch_size
        self.old_grid = (side, side)
        self.patch_embed = PatchEmbed(patch_size, in_channels, dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim)) if class_token else None
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side + class_token, dim))
        rates = [drop_path * index / max(1, depth - 1) for index in range(depth)]
        self.blocks = nn.Sequential(*(TransformerBlock(dim, heads, mlp_ratio, rate) for rate in rates))
        self.norm = nn.LayerNorm(dim, eps=1e-6) if class_token else nn.Identity()
        self.fc_norm = nn.Identity() if class_token else nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, num_classes)
        nn.init.trunc_normal_(self.pos_embed, std=0.02, a=-0.04, b=0.04)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.trunc_normal_(part.weight, std=0.02, a=-0.04, b=0.04)
                nn.init.zeros_(part.bias)

    def embed(self, images: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N m dim"]:
        """The tokens that go into the first block: patches, class token, positions."""
        size, extra = self.patch_embed.patch_size, 0 if self.cls_token is None else 1
        grid = (images.shape[2] // size, images.shape[3] // size)
        positions = interpolate_pos_embed(self.pos_embed, grid, self.old_grid, extra)
        return add_positions(self.patch_embed(images), positions, self.cls_token)

    def forward(self, images: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N num_classes"]:
        tokens = self.norm(self.blocks(self.embed(images)))
        answer = tokens.mean(1) if self.cls_token is None else tokens[:, 0]
        logits: Tensor = self.head(self.fc_norm(answer))
        return logits


def attention_weights(
    model: VisionTransformer, images: Float[Tensor, "N in_channels H W"]
) -> list[Float[Tensor, "N heads m m"]]:
    """What each block's heads look at, block by block, for `attention_maps` and rollout."""
    x = model.embed(images)
    blocks: Any = model.blocks  # in a notebook they need not be of the class that it defines
    found = []
    for block in blocks:
        _, weights = block.attn(block.norm1(x), need_weights=True)
        found.append(weights)
        x = block(x)
    return found


def from_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of Hugging Face's `ViTForImageClassification`, as its published files hold them,
    under `VisionTransformer`'s names.

    | theirs                                             | ours                            |
    |----------------------------------------------------|---------------------------------|
    | vit.embeddings.cls_token                           | cls_token                       |
    | vit.embeddings.position_embeddings                 | pos_embed                       |
    | vit.embeddings.patch_embeddings.projection         | patch_embed.proj                |
    | vit.encoder.layer.3.layernorm_before, …_after      | blocks.3.norm1, norm2           |
    | vit.encoder.layer.3.attention.attention.query,     | blocks.3.attn.qkv: one below    |
    |   …key, …value                                     |   the other, in this order      |
    | vit.encoder.layer.3.attention.output.dense         | blocks.3.attn.proj              |
    | vit.encoder.layer.3.intermediate.dense             | blocks.3.mlp.fc1                |
    | vit.encoder.layer.3.output.dense                   | blocks.3.mlp.fc2                |
    | vit.layernorm                                      | norm                            |
    | classifier                                         | head                            |

    Each with .weight and .bias, where it isn't a parameter by itself. The names may come in any
    order; in files they stand in that of the alphabet: key, query, value. The values are not
    changed, and `state` isn't either.

    Query [[1]], key [[2]] and value [[3]] become the weight [[1], [2], [3]] of qkv.

    Raises ValueError for a name that is not in the table. Peer: `save_pretrained` of
    `transformers`. (In memory, from its version 5 on, layers have other names. Its norms add
    1e-12 where ours add 1e-6, so outputs differ a little unless `eps` is set.)
    """
    whole = {
        "vit.embeddings.cls_token": "cls_token",
        "vit.embeddings.position_embeddings": "pos_embed",
        "vit.embeddings.patch_embeddings.projection": "patch_embed.proj",
        "vit.layernorm": "norm",
        "classifier": "head",
    }
    inside = {
        "layernorm_before": "norm1",
        "attention.output.dense": "attn.proj",
        "layernorm_after": "norm2",
        "intermediate.dense": "mlp.fc1",
        "output.dense": "mlp.fc2",
    }
    three = [f"attention.attention.{part}" for part in ("query", "key", "value")]
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        stem, _, kind = name.rpartition(".")
        start, _, rest = stem.partition("vit.encoder.layer.")
        number, _, part = rest.partition(".")
        if name in whole:
            found[whole[name]] = value
        elif stem in whole:
            found[f"{whole[stem]}.{kind}"] = value
        elif start or part not in (*inside, *three):
            raise ValueError(f"{name!r} is no parameter of a ViTForImageClassification")
        elif part in inside:
            found[f"blocks.{number}.{inside[part]}.{kind}"] = value
        elif part == three[0]:
            parts = [state[name.replace(part, other)] for other in three]
            found[f"blocks.{number}.attn.qkv.{kind}"] = torch.cat(parts)
    return found
