"""Lesson 05: the U-Net.

Notebook a: `sampling`, `blocks`, `net`, `gates`, `training`.
Notebook b: `residual`, `nested`, `separable`, `fcn`.
"""

from solutions.unet.blocks import DoubleConv, fit_to, norm_layer
from solutions.unet.fcn import FCN
from solutions.unet.gates import (
    AttentionGate,
    AttentionUNet,
    conv_block,
    from_monai,
    gate_maps,
    merge_block,
    up_block,
)
from solutions.unet.nested import NestedUNet, deep_supervision_loss
from solutions.unet.net import UNet, UpStep
from solutions.unet.residual import ResidualUNet
from solutions.unet.sampling import conv_transpose2d, upsample_bilinear
from solutions.unet.separable import SeparableConv2d, with_separable
from solutions.unet.training import pixel_loss, train_segmenter

__all__ = [
    "FCN",
    "AttentionGate",
    "AttentionUNet",
    "DoubleConv",
    "NestedUNet",
    "ResidualUNet",
    "SeparableConv2d",
    "UNet",
    "UpStep",
    "conv_block",
    "conv_transpose2d",
    "deep_supervision_loss",
    "fit_to",
    "from_monai",
    "gate_maps",
    "merge_block",
    "norm_layer",
    "pixel_loss",
    "train_segmenter",
    "up_block",
    "upsample_bilinear",
    "with_separable",
]
