"""Lesson 05: the U-Net.

Notebook a: `sampling`, `blocks`, `net`, `gates`, `training`.
Notebook e: `threshold`, `morphology`, `components`, `denoise`. In f, besides: `encoder`.
"""

from solutions.unet.blocks import DoubleConv, fit_to, norm_layer
from solutions.unet.components import clean_up, connected_components, fill_holes, keep_largest, remove_small
from solutions.unet.denoise import add_noise, median_filter
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
from solutions.unet.morphology import close_mask, dilate, disk, erode, open_mask
from solutions.unet.net import UNet, UpStep
from solutions.unet.sampling import conv_transpose2d, upsample_bilinear
from solutions.unet.threshold import choose_threshold
from solutions.unet.training import pixel_loss, train_segmenter

__all__ = [
    "AttentionGate",
    "AttentionUNet",
    "DoubleConv",
    "EncoderUNet",
    "LiteLevels",
    "UNet",
    "UpStep",
    "add_noise",
    "choose_threshold",
    "clean_up",
    "close_mask",
    "connected_components",
    "conv_block",
    "conv_transpose2d",
    "dilate",
    "disk",
    "erode",
    "fill_holes",
    "fit_to",
    "from_monai",
    "gate_maps",
    "keep_largest",
    "median_filter",
    "merge_block",
    "norm_layer",
    "open_mask",
    "pixel_loss",
    "remove_small",
    "train_segmenter",
    "up_block",
    "upsample_bilinear",
]
