"""Lesson 05: the U-Net.

Notebook a: `sampling`, `blocks`, `net`, `gates`, `training`, `goals`.
Notebook b: `residual`, `nested`, `separable`, `fcn`.
Notebook c: `overlap`, `focal`, `boundary`, `robust`, `mining`.
Notebook d: `counting`, `surfaces`, `gallery`, `report`.
Notebook e: `threshold`, `morphology`, `components`, `denoise`.
Notebook f: `groups`, `pairs`, `elastic`, `augmenter`, `tiles`, `uncertainty`, `stain`, `encoder`.
"""

from solutions.unet.augmenter import PairedAugment
from solutions.unet.blocks import DoubleConv, fit_to, norm_layer
from solutions.unet.boundary import boundary_loss, class_distances, hausdorff_dt_loss, signed_distance
from solutions.unet.components import clean_up, connected_components, fill_holes, keep_largest, remove_small
from solutions.unet.counting import dice, iou, label_counts, mean_iou, pixel_accuracy
from solutions.unet.denoise import add_noise, median_filter
from solutions.unet.elastic import elastic_deform
from solutions.unet.encoder import EncoderUNet, LiteLevels
from solutions.unet.fcn import FCN
from solutions.unet.focal import dice_focal_loss, focal_loss, over_kept, pixel_log_p
from solutions.unet.gallery import failure_gallery
from solutions.unet.gates import AttentionGate, AttentionUNet, conv_block, from_monai, gate_maps, merge_block, up_block
from solutions.unet.goals import train_cells, train_roads, train_vessels
from solutions.unet.groups import group_split
from solutions.unet.mining import hard_pixel_loss
from solutions.unet.morphology import close_mask, dilate, disk, erode, open_mask
from solutions.unet.nested import NestedUNet, deep_supervision_loss
from solutions.unet.net import UNet, UpStep
from solutions.unet.overlap import (
    focal_tversky_loss,
    foreground,
    generalised_dice_loss,
    probabilities,
    reduced,
    soft_counts,
    soft_dice_loss,
    tversky_loss,
)
from solutions.unet.pairs import affine_pair, flip_rotate, sample_pair
from solutions.unet.report import score_card
from solutions.unet.residual import ResidualUNet
from solutions.unet.robust import generalised_cross_entropy, huber_loss
from solutions.unet.sampling import conv_transpose2d, upsample_bilinear
from solutions.unet.separable import SeparableConv2d, with_separable
from solutions.unet.stain import normalise_stain, stain_vectors, unmix_stains
from solutions.unet.surfaces import average_surface_distance, hausdorff, hd95_per_class, mask_border, surface_distances
from solutions.unet.threshold import choose_threshold
from solutions.unet.tiles import tile_and_stitch
from solutions.unet.training import pixel_loss, train_segmenter
from solutions.unet.uncertainty import mc_dropout

__all__ = [
    "FCN",
    "AttentionGate",
    "AttentionUNet",
    "DoubleConv",
    "EncoderUNet",
    "LiteLevels",
    "NestedUNet",
    "PairedAugment",
    "ResidualUNet",
    "SeparableConv2d",
    "UNet",
    "UpStep",
    "add_noise",
    "affine_pair",
    "average_surface_distance",
    "boundary_loss",
    "choose_threshold",
    "class_distances",
    "clean_up",
    "close_mask",
    "connected_components",
    "conv_block",
    "conv_transpose2d",
    "deep_supervision_loss",
    "dice",
    "dice_focal_loss",
    "dilate",
    "disk",
    "elastic_deform",
    "erode",
    "failure_gallery",
    "fill_holes",
    "fit_to",
    "flip_rotate",
    "focal_loss",
    "focal_tversky_loss",
    "foreground",
    "from_monai",
    "gate_maps",
    "generalised_cross_entropy",
    "generalised_dice_loss",
    "group_split",
    "hard_pixel_loss",
    "hausdorff",
    "hausdorff_dt_loss",
    "hd95_per_class",
    "huber_loss",
    "iou",
    "keep_largest",
    "label_counts",
    "mask_border",
    "mc_dropout",
    "mean_iou",
    "median_filter",
    "merge_block",
    "norm_layer",
    "normalise_stain",
    "open_mask",
    "over_kept",
    "pixel_accuracy",
    "pixel_log_p",
    "pixel_loss",
    "probabilities",
    "reduced",
    "remove_small",
    "sample_pair",
    "score_card",
    "signed_distance",
    "soft_counts",
    "soft_dice_loss",
    "stain_vectors",
    "surface_distances",
    "tile_and_stitch",
    "train_cells",
    "train_roads",
    "train_segmenter",
    "train_vessels",
    "tversky_loss",
    "unmix_stains",
    "up_block",
    "upsample_bilinear",
    "with_separable",
]
