"""Lesson 04: the vision transformer.

Notebook a: `patches`, `positions`, `blocks`, `net`.
"""

from solutions.vit.blocks import (
    DropPath,
    Mlp,
    SelfAttention,
    TransformerBlock,
    gelu,
    layer_norm,
    layer_norm_backward,
)
from solutions.vit.net import VIT_SIZES, VisionTransformer, attention_weights, from_hugging_face
from solutions.vit.patches import PatchEmbed, patchify, unpatchify
from solutions.vit.positions import add_positions, interpolate_pos_embed, sincos_2d

__all__ = [
    "VIT_SIZES",
    "DropPath",
    "Mlp",
    "PatchEmbed",
    "SelfAttention",
    "TransformerBlock",
    "VisionTransformer",
    "add_positions",
    "attention_weights",
    "from_hugging_face",
    "gelu",
    "interpolate_pos_embed",
    "layer_norm",
    "layer_norm_backward",
    "patchify",
    "sincos_2d",
    "unpatchify",
]
