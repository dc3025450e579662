"""Lesson 02: residual networks, from batch normalisation to a transferred backbone.

Notebook a: `norm`, `blocks`, `net`, `depth`, `count`.
Notebook b: `augment`, `regularise`, `schedules`, `search`, `recipe`.
Notebook c: `transfer`, `few_labels`, `lite`, `patches`, `bootstrap`, `imbalance`, `scores`, `explain`, `calibrate`.
"""

from solutions.resnet.augment import (
    colour_jitter,
    cutmix,
    grey,
    mixup,
    random_boxes,
    random_crop_flip,
    random_resized_crop,
)
from solutions.resnet.blocks import BasicBlock, Bottleneck
from solutions.resnet.bootstrap import paired_bootstrap
from solutions.resnet.calibrate import ece, temperature_scaling
from solutions.resnet.count import count_flops, count_parameters
from solutions.resnet.depth import CifarNet, PlainOrResidual, gradient_norms
from solutions.resnet.explain import grad_cam
from solutions.resnet.few_labels import digit_net, learn_from_ten, nudged
from solutions.resnet.imbalance import balanced_sampler, bce_with_logits, class_weights
from solutions.resnet.lite import EfficientNetLite0, load_imagenet
from solutions.resnet.net import BLOCKS, ResNet, folded, zero_init_residual
from solutions.resnet.norm import BatchNorm2d, TrainingNorm, batch_norm, batch_norm_backward, fuse_conv_bn
from solutions.resnet.patches import PHOTOGRAPHS, photo_patches
from solutions.resnet.recipe import SmallResNet, next_seed, train_with_recipe
from solutions.resnet.regularise import drop_path, dropout
from solutions.resnet.schedules import ReduceOnPlateau, cosine_warmup, cyclical_lr
from solutions.resnet.scores import (
    average_precision,
    f_beta,
    recall_at_precision,
    roc_auc,
    sensitivity_specificity,
    threshold_counts,
)
from solutions.resnet.search import k_fold, log_uniform, random_search
from solutions.resnet.transfer import freeze, layer_wise_lr, replace_head, unfreeze_gradually

__all__ = [
    "BLOCKS",
    "PHOTOGRAPHS",
    "BasicBlock",
    "BatchNorm2d",
    "Bottleneck",
    "CifarNet",
    "EfficientNetLite0",
    "PlainOrResidual",
    "ReduceOnPlateau",
    "ResNet",
    "SmallResNet",
    "TrainingNorm",
    "average_precision",
    "balanced_sampler",
    "batch_norm",
    "batch_norm_backward",
    "bce_with_logits",
    "class_weights",
    "colour_jitter",
    "cosine_warmup",
    "count_flops",
    "count_parameters",
    "cutmix",
    "cyclical_lr",
    "digit_net",
    "drop_path",
    "dropout",
    "ece",
    "f_beta",
    "folded",
    "freeze",
    "fuse_conv_bn",
    "grad_cam",
    "gradient_norms",
    "grey",
    "k_fold",
    "layer_wise_lr",
    "learn_from_ten",
    "load_imagenet",
    "log_uniform",
    "mixup",
    "next_seed",
    "nudged",
    "paired_bootstrap",
    "photo_patches",
    "random_boxes",
    "random_crop_flip",
    "random_resized_crop",
    "random_search",
    "recall_at_precision",
    "replace_head",
    "roc_auc",
    "sensitivity_specificity",
    "temperature_scaling",
    "threshold_counts",
    "train_with_recipe",
    "unfreeze_gradually",
    "zero_init_residual",
]
