"""Lesson 04: the vision transformer.

Notebook a: `patches`, `positions`, `blocks`, `net`. Notebook c: `tables`, `notes`, `fusion`, `agree`, `importance`.
"""

from solutions.vit.agree import quadratic_weighted_kappa
from solutions.vit.blocks import (
    DropPath,
    Mlp,
    SelfAttention,
    TransformerBlock,
    gelu,
    layer_norm,
    layer_norm_backward,
)
from solutions.vit.fusion import ConcatFusion, CrossAttentionFusion
from solutions.vit.importance import permutation_importance
from solutions.vit.net import VIT_SIZES, VisionTransformer, attention_weights, from_hugging_face
from solutions.vit.notes import note_tokens
from solutions.vit.patches import PatchEmbed, patchify, unpatchify
from solutions.vit.positions import add_positions, interpolate_pos_embed, sincos_2d
from solutions.vit.tables import TabularTokens, impute

__all__ = [
    "VIT_SIZES",
    "ConcatFusion",
    "CrossAttentionFusion",
    "DropPath",
    "Mlp",
    "PatchEmbed",
    "SelfAttention",
    "TabularTokens",
    "TransformerBlock",
    "VisionTransformer",
    "add_positions",
    "attention_weights",
    "from_hugging_face",
    "gelu",
    "impute",
    "interpolate_pos_embed",
    "layer_norm",
    "layer_norm_backward",
    "note_tokens",
    "patchify",
    "permutation_importance",
    "quadratic_weighted_kappa",
    "sincos_2d",
    "unpatchify",
]
