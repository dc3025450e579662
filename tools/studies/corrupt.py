"""Records the study of corrupt data of lesson 05: what do bad labels and noisy images cost a small U-Net?

    python tools/studies/corrupt.py         # about five minutes on one core

Writes datasets/p2v_data/studies/corrupt.json, which the notebook draws.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "datasets")]

import p2v_data  # noqa: E402
from autograder.machine import processor  # noqa: E402
from solutions.unet import (  # noqa: E402
    UNet,
    add_noise,
    choose_threshold,
    connected_components,
    dilate,
    disk,
    erode,
    median_filter,
    train_segmenter,
)

RESULT = ROOT / "datasets" / "p2v_data" / "studies" / "corrupt.json"
STEPS, BATCH = 80, 8
THRESHOLDS = torch.linspace(0.02, 0.98, 49)
LABELS = {  # kind of mistake: how much of it
    "pixels flipped": (0.1, 0.2, 0.3, 0.4),
    "nuclei forgotten": (0.2, 0.4, 0.6),
    "outlines too wide": (1.0, 2.0, 3.0),
    "outlines now too wide, now too narrow": (1.0, 2.0, 3.0),
}
IMAGES = {"Gaussian noise": (0.05, 0.1, 0.2, 0.3), "salt and pepper": (0.05, 0.1, 0.2, 0.4)}


def spoiled(masks: Tensor, kind: str, amount: float, seed: int) -> Tensor:
    """The training masks with this mistake."""
    generator = torch.Generator().manual_seed(seed)
    if kind == "pixels flipped":
        return torch.where(torch.rand(masks.shape, generator=generator) < amount, 1 - masks, masks)
    return torch.stack([_one_spoiled(mask == 1, kind, amount, generator) for mask in masks]).long()


def _one_spoiled(mask: Tensor, kind: str, amount: float, generator: torch.Generator) -> Tensor:
    if kind == "nuclei forgotten":
        components = connected_components(mask)
        kept = torch.rand(int(components.max()) + 1, generator=generator) >= amount
        return mask & kept[components]
    narrow = kind != "outlines too wide" and bool(torch.rand((), generator=generator) < 0.5)
    return erode(mask, disk(amount), outside=True) if narrow else dilate(mask, disk(amount))


def noisy(images: Tensor, kind: str, amount: float, seed: int) -> Tensor:
    """The images with this noise."""
    generator = torch.Generator().manual_seed(1000 + seed)
    normal, uniform = torch.randn(images.shape, generator=generator), torch.rand(images.shape, generator=generator)
    return add_noise(images, normal, uniform[:, :1], **{"sigma" if kind == "Gaussian noise" else "flipped": amount})


def trained(images: Tensor, masks: Tensor, seed: int, augment: Any = None) -> nn.Module:
    torch.manual_seed(seed)
    model = UNet(1, 1, width=8, depth=3)
    train_segmenter(model, images, masks, steps=STEPS, batch=BATCH, augment=augment, seed=seed)
    return model


def probabilities(model: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(images).sigmoid()[:, 0]
    return found


def scores(model: nn.Module, data: p2v_data.MaskDataset) -> dict[str, float]:
    """The test IoU at one half, and at the threshold that is best on clean validation masks."""
    chosen, _ = choose_threshold(probabilities(model, data.validation.images), data.validation.masks, THRESHOLDS)
    test = probabilities(model, data.test.images), data.test.masks
    _, ious = choose_threshold(*test, torch.tensor([0.5, chosen]).sort().values)
    half, own = (ious[0], ious[1]) if chosen >= 0.5 else (ious[1], ious[0])
    return {"at one half": float(half), "at the chosen": float(own), "chosen": chosen}


def of_labels(data: p2v_data.MaskDataset, seed: int) -> Iterator[dict[str, Any]]:
    images, masks, _ = data.train
    jobs = [("none", 0.0), *((kind, amount) for kind, amounts in LABELS.items() for amount in amounts)]
    for kind, amount in jobs:
        bad = spoiled(masks, kind, amount, seed) if kind != "none" else masks
        model = trained(images, bad, seed)
        yield {"kind": kind, "amount": amount, "seed": seed, **scores(model, data)}


def train_noise(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A tile in three stays clean; the others get noise of both kinds, up to the largest that is tested."""
    normal, uniform = torch.randn(x.shape, generator=generator), torch.rand(x.shape, generator=generator)
    loud = torch.rand(len(x), 2, 1, 1, 1, generator=generator)
    mixed = torch.stack(
        [
            add_noise(x, normal, uniform[:, :1], float(a) * 0.3, float(b) * 0.4)[i]
            for i, (a, b) in enumerate(loud.flatten(1))
        ]
    )
    clean = torch.rand(len(x), 1, 1, 1, generator=generator) < 1 / 3
    return torch.where(clean, x, mixed), y


def of_images(data: p2v_data.MaskDataset, seed: int) -> Iterator[dict[str, Any]]:
    plain, hardened = trained(*data.train[:2], seed), trained(*data.train[:2], seed, train_noise)
    jobs = [("none", 0.0), *((kind, amount) for kind, amounts in IMAGES.items() for amount in amounts)]
    for kind, amount in jobs:
        x = noisy(data.test.images, kind, amount, seed) if kind != "none" else data.test.images
        arms = {
            "trained on clean images": (plain, x),
            "the same, behind a 3 × 3 median": (plain, median_filter(x, 3)),
            "trained on noisy images": (hardened, x),
        }
        for arm, (model, seen) in arms.items():
            _, iou = choose_threshold(probabilities(model, seen), data.test.masks, torch.tensor([0.5]))
            yield {"kind": kind, "amount": amount, "seed": seed, "arm": arm, "at one half": float(iou[0])}


def summary(runs: list[dict[str, Any]], keys: tuple[str, ...], values: tuple[str, ...]) -> list[dict[str, Any]]:
    """Runs that differ in nothing but the seed, with each value's mean and standard deviation."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault(tuple(run[key] for key in keys), []).append(run)
    found = []
    for group, mine in groups.items():
        item: dict[str, Any] = dict(zip(keys, group, strict=True))
        for value in values:
            each = [round(run[value], 4) for run in mine]
            item[value] = [round(statistics.mean(each), 4), round(statistics.stdev(each), 4)]
        found.append(item)
    return found


def main() -> None:
    """Records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    settings = parser.parse_args()
    torch.set_num_threads(1)
    data = p2v_data.nuclei()
    seeds = range(settings.seeds)
    labels = [run for seed in seeds for run in of_labels(data, seed)]
    images = [run for seed in seeds for run in of_images(data, seed)]
    about = (
        f"{len(data.train.masks)} tiles of 64 × 64 of one picture of nuclei to learn from, 16 for the threshold, 16 "
        f"to test, all of these with clean masks; UNet(width 8, depth 3), {STEPS} steps of {BATCH}, {settings.seeds} "
        f"seeds of starts and of mistakes; IoU of the pooled pixels; torch {torch.__version__} on {processor()}"
    )
    study = {
        "about": about,
        "command": f"python tools/studies/corrupt.py --seeds {settings.seeds}",
        "labels": summary(labels, ("kind", "amount"), ("at one half", "at the chosen", "chosen")),
        "images": summary(images, ("kind", "amount", "arm"), ("at one half",)),
    }
    RESULT.write_text(json.dumps(study, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
