"""Records the corruption study of lesson 05: what do noisy images and wrong masks cost a U-Net, and what helps?

    python tools/studies/corrupt.py    # about six minutes on one core

Writes datasets/p2v_data/studies/corrupt.json, which the notebook draws.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "datasets")]

import p2v_data  # noqa: E402
from autograder.machine import processor  # noqa: E402
from p2v_data.masks import MaskSplit  # noqa: E402
from solutions.unet import (  # noqa: E402
    UNet,
    add_noise,
    dilate,
    disk,
    erode,
    generalised_cross_entropy,
    median_filter,
    pixel_loss,
    train_segmenter,
)
from tools.studies.scores import at_half_and_chosen, mean_and_spread, overlap  # noqa: E402

RESULT = ROOT / "datasets" / "p2v_data" / "studies" / "corrupt.json"
STEPS, BATCH, RATE, WIDTH, DEPTH = 60, 8, 1e-2, 8, 3
MOST = 0.2  # sigma, or share of pixels lost, in the training with noise
GAUSSIAN, SALT = "Gaussian noise, sigma", "salt and pepper, share of pixels"
IMAGES = {GAUSSIAN: (0, 0.02, 0.05, 0.1, 0.2, 0.3), SALT: (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)}
EMPTIED, SWAPPED, MOVED = "masks emptied, share", "masks swapped, share", "outlines moved outwards, pixels"
SHIFTED, FLIPPED = "masks shifted to the right, pixels", "pixels flipped, share"
MASKS = {
    EMPTIED: (0, 0.25, 0.5, 0.75),
    SWAPPED: (0, 0.25, 0.5, 0.75),
    MOVED: (-4, -2, 0, 2, 4),
    SHIFTED: (0, 2, 4),
    FLIPPED: (0, 0.2, 0.4),
}
LOSSES = {"cross-entropy": pixel_loss, "generalised cross-entropy": generalised_cross_entropy}
TREATMENTS = ("trained clean", "trained clean, median 3 × 3 in front", "trained with noise")


def noisy(images: Tensor, kind: str, level: float, generator: torch.Generator) -> Tensor:
    """The images with so much noise of this kind."""
    normal, uniform = (draw(images.shape, generator=generator) for draw in (torch.randn, torch.rand))
    amount = {"sigma": level} if kind == GAUSSIAN else {"flipped": level}
    return add_noise(images, normal, uniform[:, :1], **amount)


def noise_anew(images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """An augmentation: every batch with one of the two kinds, and an amount of its own."""
    which, amount = torch.rand(2, generator=generator).tolist()
    return noisy(images, GAUSSIAN if which < 0.5 else SALT, MOST * amount, generator), masks


def spoilt(masks: Tensor, kind: str, level: float, generator: torch.Generator) -> Tensor:
    """The masks with mistakes of this kind. With equal draws, what a low level spoils a high one spoils too."""
    if kind == FLIPPED:
        return torch.where(torch.rand(masks.shape, generator=generator) < level, 1 - masks, masks)
    if kind == MOVED:
        kernel = disk(abs(level))
        moved = [dilate(m, kernel) if level > 0 else erode(m, kernel, outside=True) for m in masks == 1]
        return torch.stack(moved).long()
    if kind == SHIFTED:
        return F.pad(masks, (int(level), -int(level)))
    chosen = torch.randperm(len(masks), generator=generator)[: round(level * len(masks))]
    out = masks.clone()
    out[chosen] = 0 if kind == EMPTIED else masks[chosen.roll(1)]
    return out


def trained(data: p2v_data.MaskDataset, masks: Tensor, seed: int, steps: int, **options: Any) -> nn.Module:
    """A fresh network, trained on the training images with these masks."""
    torch.manual_seed(seed)
    model = UNet(1, 1, width=WIDTH, depth=DEPTH)
    train_segmenter(model, data.train.images, masks, steps=steps, batch=BATCH, rate=RATE, seed=seed, **options)
    return model


def scores(model: nn.Module, validation: MaskSplit, test: MaskSplit) -> dict[str, float]:
    """What is recorded of a network, by name."""
    return dict(zip(("half", "chosen", "threshold"), at_half_and_chosen(model, validation, test), strict=True))


def on_noise(data: p2v_data.MaskDataset, models: dict[str, nn.Module], seed: int) -> Iterator[dict[str, Any]]:
    """Every treatment at every level of noise; validation and test tiles have noise alike."""
    for kind, levels in IMAGES.items():
        for level in levels:
            generator = torch.Generator().manual_seed(seed)
            dirty = [
                part._replace(images=noisy(part.images, kind, level, generator))
                for part in (data.validation, data.test)
            ]
            smooth = [part._replace(images=median_filter(part.images)) for part in dirty]
            for name in TREATMENTS:
                model = models["noise" if name == "trained with noise" else "cross-entropy"]
                found = scores(model, *(smooth if "median" in name else dirty))
                yield {"corruption": kind, "arm": name, "level": level, "seed": seed} | found


def on_masks(
    data: p2v_data.MaskDataset, clean: dict[str, nn.Module], seed: int, steps: int
) -> Iterator[dict[str, Any]]:
    """Each loss with each kind and amount of wrong training masks; all other masks are right."""
    for kind, levels in MASKS.items():
        for level in levels:
            bad = spoilt(data.train.masks, kind, level, torch.Generator().manual_seed(seed))
            for name, loss in LOSSES.items():
                model = trained(data, bad, seed, steps, loss=loss) if level else clean[name]
                found = scores(model, data.validation, data.test)
                found["labels"] = overlap(bad == 1, data.train.masks == 1)
                yield {"corruption": kind, "arm": name, "level": level, "seed": seed} | found


def one_seed(seed: int, steps: int) -> list[dict[str, Any]]:
    """All trainings and tests of one start."""
    data = p2v_data.nuclei()
    models = {name: trained(data, data.train.masks, seed, steps, loss=loss) for name, loss in LOSSES.items()}
    models["noise"] = trained(data, data.train.masks, seed, steps, augment=noise_anew)
    runs = []
    for found in (*on_noise(data, models, seed), *on_masks(data, models, seed, steps)):
        print(found, flush=True)
        runs.append(found)
    return runs


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each arm at each level: its scores by seed, their means and standard deviations."""
    arms: dict[tuple[str, str, float], list[dict[str, Any]]] = {}
    for run in runs:
        arms.setdefault((run["corruption"], run["arm"], run["level"]), []).append(run)
    found = []
    for (corruption, arm, level), mine in arms.items():
        item: dict[str, Any] = {"corruption": corruption, "arm": arm, "level": level}
        for score in ("half", "chosen", "threshold", *(["labels"] if "labels" in mine[0] else [])):
            item[score] = [run[score] for run in mine]
        item["mean_and_spread"] = {score: mean_and_spread(item[score]) for score in ("half", "chosen")}
        found.append(item)
    return found


def main() -> None:
    """Records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="starts, each with noise and mistakes of its own")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each training")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    runs = [run for seed in range(settings.seeds) for run in one_seed(seed, settings.steps)]
    about = (
        f"nuclei, 32 tiles of 64 × 64 to learn from, 16 to choose a threshold, 16 to be judged by; noise in validation "
        f"and test images, or mistakes in training masks alone; {settings.seeds} seeds, each with a start, noise and "
        f"mistakes of its own; U-Net of width {WIDTH} and depth {DEPTH}, {settings.steps} steps of {BATCH} tiles at "
        f"{RATE:g}; trained with noise: of one kind in each batch, of up to {MOST:g}; IoU of all test pixels together; "
        f"torch {torch.__version__} on {processor()}"
    )
    command = f"python tools/studies/corrupt.py --seeds {settings.seeds} --steps {settings.steps}"
    study = {"about": about, "command": command, "seeds": list(range(settings.seeds)), "arms": summary(runs)}
    RESULT.write_text(json.dumps(study, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
