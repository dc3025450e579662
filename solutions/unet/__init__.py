"""Lesson 05: the U-Net.

Notebook a: `sampling`, `blocks`, `net`, `gates`, `training`.
"""

from solutions.unet.blocks import DoubleConv, fit_to, norm_layer
from solutions.unet.gates import (
    AttentionGate,
    AttentionUNet,
    conv_block,
    from_monai,
    gate_maps,
    merge_block,
    up_block,
)
from solutions.unet.net import UNet, UpStep
from solutions.unet.sampling import conv_transpose2d, upsample_bilinear
from solutions.unet.training import pixel_loss, train_segmenter

__all__ = [
    "AttentionGate",
    "AttentionUNet",
    "DoubleConv",
    "UNet",
    "UpStep",
    "conv_block",
    "conv_transpose2d",
    "fit_to",
    "from_monai",
    "gate_maps",
    "merge_block",
    "norm_layer",
    "pixel_loss",
    "train_segmenter",
    "up_block",
    "upsample_bilinear",
]
