"""Lesson 05: the U-Net.

Notebook a: `sampling`, `blocks`, `net`, `gates`, `training`.
Notebook b: `residual`, `nested`, `separable`, `fcn`.
"""

from solutions.unet.blocks import DoubleConv, fit_to, norm_layer
from solutions.unet.fcn import FCN
from solutions.unet.nested import NestedUNet, deep_supervision_loss
from solutions.unet.net import UNet, UpStep
from solutions.unet.residual import ResidualUNet
from solutions.unet.sampling import conv_transpose2d
from solutions.unet.separable import SeparableConv2d, with_separable
from solutions.unet.training import pixel_loss, train_segmenter

__all__ = [
    "FCN",
    "DoubleConv",
    "NestedUNet",
    "ResidualUNet",
    "SeparableConv2d",
    "UNet",
    "UpStep",
    "conv_transpose2d",
    "deep_supervision_loss",
    "fit_to",
    "norm_layer",
    "pixel_loss",
    "train_segmenter",
    "with_separable",
]
