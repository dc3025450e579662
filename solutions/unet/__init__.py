"""Lesson 05: the U-Net.

Notebook a: `sampling`, `blocks`, `net`, `gates`, `training`.
"""

from solutions.unet.blocks import DoubleConv, fit_to, norm_layer
from solutions.unet.net import UNet, UpStep
from solutions.unet.sampling import conv_transpose2d
from solutions.unet.training import pixel_loss, train_segmenter

__all__ = ["DoubleConv", "UNet", "UpStep", "conv_transpose2d", "fit_to", "norm_layer", "pixel_loss", "train_segmenter"]
