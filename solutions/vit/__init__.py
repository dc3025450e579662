"""Lesson 04: the vision transformer.

Notebook a: `patches`, `positions`, `blocks`, `net`.
Notebook b: `training`, `stem`, `rollout`, `distil`, `masked`, `hunger`, `goal`.
Notebook c: `tables`, `notes`, `fusion`, `agree`, `importance`, `grader`, `report`.
"""

from solutions.vit.agree import quadratic_weighted_kappa
from solutions.vit.blocks import DropPath, Mlp, SelfAttention, TransformerBlock, gelu, layer_norm, layer_norm_backward
from solutions.vit.distil import distillation_loss
from solutions.vit.fusion import ConcatFusion, CrossAttentionFusion
from solutions.vit.goal import learn_from_teacher
from solutions.vit.grader import EyeGrader, evened, expected_grade, train_eye_grader, train_grader, turned
from solutions.vit.hunger import pretrain_small, small_vit, train_small
from solutions.vit.importance import permutation_importance
from solutions.vit.masked import MaskedAutoencoder, masked_loss, random_masking, restore_masked
from solutions.vit.net import VIT_SIZES, VisionTransformer, attention_weights, from_hugging_face
from solutions.vit.notes import note_tokens
from solutions.vit.patches import PatchEmbed, patchify, unpatchify
from solutions.vit.positions import add_positions, interpolate_pos_embed, sincos_2d
from solutions.vit.report import EyeReport, report_headline, report_html, report_page, report_rows, write_report
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
    "EyeGrader",
    "EyeReport",
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
    "evened",
    "expected_grade",
    "from_hugging_face",
    "gelu",
    "impute",
    "interpolate_pos_embed",
    "layer_norm",
    "layer_norm_backward",
    "learn_from_teacher",
    "masked_loss",
    "note_tokens",
    "patchify",
    "permutation_importance",
    "pretrain_small",
    "quadratic_weighted_kappa",
    "random_masking",
    "report_headline",
    "report_html",
    "report_page",
    "report_rows",
    "restore_masked",
    "sincos_2d",
    "small_vit",
    "train_eye_grader",
    "train_grader",
    "train_small",
    "turned",
    "unpatchify",
    "write_report",
]
