"""Lesson 05: the U-Net.

Notebook a: `sampling`, `blocks`, `net`, `gates`, `training`.
Notebook d: `counting`, `surfaces`, `report`, `gallery`.
"""

from solutions.unet.blocks import DoubleConv, fit_to, norm_layer
from solutions.unet.counting import dice, iou, label_counts, mean_iou, pixel_accuracy
from solutions.unet.gallery import failure_gallery
from solutions.unet.net import UNet, UpStep
from solutions.unet.report import score_card
from solutions.unet.sampling import conv_transpose2d
from solutions.unet.surfaces import average_surface_distance, hausdorff, hd95_per_class, mask_border, surface_distances
from solutions.unet.training import pixel_loss, train_segmenter

__all__ = [
    "DoubleConv",
    "UNet",
    "UpStep",
    "average_surface_distance",
    "conv_transpose2d",
    "dice",
    "failure_gallery",
    "fit_to",
    "hausdorff",
    "hd95_per_class",
    "iou",
    "label_counts",
    "mask_border",
    "mean_iou",
    "norm_layer",
    "pixel_accuracy",
    "pixel_loss",
    "score_card",
    "surface_distances",
    "train_segmenter",
]
