"""Augmentation and tiles, notebooks 05f and 05g, against Albumentations and MONAI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from autograder.bench.pair import Answer, Inputs, Pair
from autograder.references import reference

COUNT, SIDE = 8, 256
Made = tuple[Answer, Answer, Inputs]


def unet_augment() -> Iterator[Pair]:
    """A batch of pairs: ours at once, Albumentations image by image as it does it; and a large image in tiles.

    Albumentations calls OpenCV, which is written for the processor: no aim but to know.
    """
    batch = f"{COUNT} pairs, 3 × {SIDE} × {SIDE}"
    yield Pair(f"flip_rotate, {batch}", "Albumentations' D4", _turn, wanted=None)
    yield Pair(f"affine_pair, {batch}", "Albumentations' Affine", _affine, wanted=None)
    yield Pair("tile_and_stitch, 512 × 512", "monai.inferers.sliding_window_inference", _tiles)


def _pairs() -> tuple[Tensor, Tensor, list[tuple[Any, Any]]]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(COUNT, 3, SIDE, SIDE, generator=generator)
    masks = torch.randint(0, 3, (COUNT, SIDE, SIDE), generator=generator)
    theirs = [(x.permute(1, 2, 0).contiguous().numpy(), y.int().numpy()) for x, y in zip(images, masks, strict=True)]
    return images, masks, theirs


def _theirs(move: Any, pairs: list[tuple[Any, Any]], *_: Any) -> Tensor:
    """Each pair by itself; images as ours."""
    done = [move(image=image, mask=mask) for image, mask in pairs]
    return torch.stack([torch.from_numpy(pair["image"].copy()).permute(2, 0, 1) for pair in done])


def _library() -> Any:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # so that it doesn't go online
    return import_module("albumentations")


def _turn() -> Made:
    images, masks, theirs = _pairs()
    move = _library().Compose([_library().Transpose(p=1)])
    return _turned, partial(_theirs, move, theirs), (images, masks)


def _turned(images: Tensor, masks: Tensor) -> Tensor:
    turn = reference("unet", "flip_rotate")
    turn(masks, 5).contiguous()
    out: Tensor = turn(images, 5).contiguous()
    return out


def _affine() -> Made:
    import cv2

    images, masks, theirs = _pairs()
    move = _library().Affine(
        rotate=(20, 20),
        scale=(1.1, 1.1),
        translate_px={"x": (7, 7), "y": (-4, -4)},
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,
        p=1,
    )
    numbers = torch.full((COUNT,), 20.0), torch.full((COUNT,), 1.1), torch.tensor([[-4.0, 7.0]]).repeat(COUNT, 1)
    return _moved, partial(_theirs, _library().Compose([move]), theirs), (images, masks, *numbers)


def _moved(*inputs: Tensor) -> Tensor:
    out: Tensor = reference("unet", "affine_pair")(*inputs)[0]
    return out


def _tiles() -> Made:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1)).eval()
    image = torch.rand(3, 512, 512, generator=torch.Generator().manual_seed(0))
    return partial(_stitched, net), partial(_slid, net), (image,)


def _stitched(net: nn.Module, image: Tensor) -> Tensor:
    out: Tensor = reference("unet", "tile_and_stitch")(net, image, 128, 32, 8)
    return out


def _slid(net: nn.Module, image: Tensor) -> Tensor:
    from monai.inferers.utils import sliding_window_inference

    near = torch.arange(128).minimum(torch.arange(128).flip(0)).float().clamp(min=1e-6)
    with torch.no_grad():
        out = sliding_window_inference(
            image[None], (128, 128), 8, net, overlap=0.25, roi_weight_map=near[:, None] * near
        )
    assert isinstance(out, Tensor)
    return out[0]
