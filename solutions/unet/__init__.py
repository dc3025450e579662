"""Lesson 05: the U-Net.

Notebook a: `sampling`, `blocks`, `net`, `gates`, `training`.
Notebook f: `groups`, `pairs`, `elastic`, `augmenter`, `tiles`, `uncertainty`, `stain`.
"""

from solutions.unet.augmenter import PairedAugment
from solutions.unet.blocks import DoubleConv, fit_to, norm_layer
from solutions.unet.elastic import elastic_deform
from solutions.unet.groups import group_split
from solutions.unet.net import UNet, UpStep
from solutions.unet.pairs import affine_pair, flip_rotate, sample_pair
from solutions.unet.sampling import conv_transpose2d
from solutions.unet.stain import normalise_stain, stain_vectors, unmix_stains
from solutions.unet.tiles import tile_and_stitch
from solutions.unet.training import pixel_loss, train_segmenter
from solutions.unet.uncertainty import mc_dropout

__all__ = [
    "DoubleConv",
    "PairedAugment",
    "UNet",
    "UpStep",
    "affine_pair",
    "conv_transpose2d",
    "elastic_deform",
    "fit_to",
    "flip_rotate",
    "group_split",
    "mc_dropout",
    "norm_layer",
    "normalise_stain",
    "pixel_loss",
    "sample_pair",
    "stain_vectors",
    "tile_and_stitch",
    "train_segmenter",
    "unmix_stains",
]
