"""Lesson 05: the U-Net.

Notebook a: `sampling`, `blocks`, `net`, `gates`, `training`.
Notebook e: `threshold`, `morphology`, `components`, `denoise`.
Notebook f: `groups`, `pairs`, `elastic`, `augmenter`, `tiles`, `uncertainty`, `stain`, `encoder`.
"""

from solutions.unet.augmenter import PairedAugment
from solutions.unet.blocks import DoubleConv, fit_to, norm_layer
from solutions.unet.components import clean_up, connected_components, fill_holes, keep_largest, remove_small
from solutions.unet.denoise import add_noise, median_filter
from solutions.unet.elastic import elastic_deform
from solutions.unet.encoder import EncoderUNet, LiteLevels
from solutions.unet.gates import (
    AttentionGate,
    AttentionUNet,
    conv_block,
    from_monai,
    gate_maps,
    merge_block,
    up_block,
)
from solutions.unet.groups import group_split
from solutions.unet.morphology import close_mask, dilate, disk, erode, open_mask
from solutions.unet.net import UNet, UpStep
from solutions.unet.pairs import affine_pair, flip_rotate, sample_pair
from solutions.unet.sampling import conv_transpose2d, upsample_bilinear
from solutions.unet.stain import normalise_stain, stain_vectors, unmix_stains
from solutions.unet.threshold import choose_threshold
from solutions.unet.tiles import tile_and_stitch
from solutions.unet.training import pixel_loss, train_segmenter
from solutions.unet.uncertainty import mc_dropout

__all__ = [
    "AttentionGate",
    "AttentionUNet",
    "DoubleConv",
    "EncoderUNet",
    "LiteLevels",
    "PairedAugment",
    "UNet",
    "UpStep",
    "add_noise",
    "affine_pair",
    "choose_threshold",
    "clean_up",
    "close_mask",
    "connected_components",
    "conv_block",
    "conv_transpose2d",
    "dilate",
    "disk",
    "elastic_deform",
    "erode",
    "fill_holes",
    "fit_to",
    "flip_rotate",
    "from_monai",
    "gate_maps",
    "group_split",
    "keep_largest",
    "mc_dropout",
    "median_filter",
    "merge_block",
    "norm_layer",
    "normalise_stain",
    "open_mask",
    "pixel_loss",
    "remove_small",
    "sample_pair",
    "stain_vectors",
    "tile_and_stitch",
    "train_segmenter",
    "unmix_stains",
    "up_block",
    "upsample_bilinear",
]
