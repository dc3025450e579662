"""Lesson 04: the vision transformer.

Notebook a: `patches`, `positions`, `blocks`, `net`.
Notebook b: `training`, `stem`, `rollout`, `distil`, `masked`, `hunger`, `goal`.
Notebook c: `tables`, `notes`, `fusion`, `agree`, `importance`, `grader`, `report`.
"""

from solutions.vit.agree import quadratic_weighted_kappa
from solutions.vit.blocks import DropPath, Mlp, SelfAttention, TransformerBlock, gelu, layer_norm, layer_norm_backward
from solutions.vit.distil import distillation_loss
from solutions.vit.fusion import ConcatFusion, CrossAttentionFusion
from solutions.vit.importance import permutation_importance
from solutions.vit.masked import MaskedAutoencoder, masked_loss, random_masking, restore_masked
from solutions.vit.net import VIT_SIZES, VisionTransformer, attention_weights, from_hugging_face
from solutions.vit.notes import note_tokens
from solutions.vit.patches import PatchEmbed, patchify, unpatchify
from solutions.vit.positions import add_positions, interpolate_pos_embed, sincos_2d
from solutions.vit.rollout import attention_rollout
from solutions.vit.stem import ConvStem
from solutions.vit.tables import TabularTokens, impute
from solutions.vit.training import decay_groups

__all__ = [
    "VIT_SIZES",
    "ConcatFusion",
    "ConvStem",
    "CrossAttentionFusion",
    "DropPath",
    "MaskedAutoencoder",
    "Mlp",
    "PatchEmbed",
    "SelfAttention",
    "TabularTokens",
    "TransformerBlock",
    "VisionTransformer",
    "add_positions",
    "attention_rollout",
    "attention_weights",
    "decay_groups",
    "distillation_loss",
    "from_hugging_face",
    "gelu",
    "impute",
    "interpolate_pos_embed",
    "layer_norm",
    "layer_norm_backward",
    "masked_loss",
    "note_tokens",
    "patchify",
    "permutation_importance",
    "quadratic_weighted_kappa",
    "random_masking",
    "restore_masked",
    "sincos_2d",
    "unpatchify",
]
