"""Records the augmentation study of lesson 05: what do random moves and colours give a U-Net that has few tiles?

    python tools/studies/augmentation.py    # about eight minutes on one core

Writes datasets/p2v_data/studies/augmentation.json, which the notebook draws.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "datasets")]

import p2v_data  # noqa: E402
from autograder.machine import processor  # noqa: E402
from solutions.unet import PairedAugment, UNet, train_segmenter  # noqa: E402
from tools.studies.scores import at_half_and_chosen, mean_and_spread  # noqa: E402

RESULT = ROOT / "datasets" / "p2v_data" / "studies" / "augmentation.json"
TILES = (2, 8, 32)
STEPS, BATCH, RATE, WIDTH, DEPTH = 120, 8, 1e-2, 8, 3
STILL: dict[str, Any] = {"turns": False, "degrees": 0.0, "zoom": 1.0, "shift": 0.0, "bend": 0.0, "colour": 0.0}


class ImageAlone(PairedAugment):
    """The mistake that raises no error: the image moves, its mask doesn't."""

    def apply(self, images: Tensor, masks: Tensor, drawn: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The moved images with the masks as they were."""
        return super().apply(images, masks, drawn)[0], masks


def arms() -> dict[str, PairedAugment | None]:
    """By name, each with all that the one before has."""
    moves: dict[str, Any] = {"degrees": 45.0, "zoom": 1.3, "shift": 0.1}
    return {
        "nothing": None,
        "the eight turns": PairedAugment(**STILL | {"turns": True}),
        "+ angle, zoom, shift": PairedAugment(**STILL | {"turns": True} | moves),
        "+ elastic": PairedAugment(**STILL | {"turns": True, "bend": 2.0} | moves),
        "+ brightness, contrast": PairedAugment(**STILL | {"turns": True, "bend": 2.0, "colour": 0.4} | moves),
        "all, but masks stay behind": ImageAlone(**STILL | {"turns": True, "bend": 2.0, "colour": 0.4} | moves),
    }


def one_run(name: str, augment: PairedAugment | None, count: int, seed: int) -> dict[str, Any]:
    """Train on `count` tiles, drawn and started by `seed`, and test on the others."""
    data = p2v_data.nuclei()
    order = torch.randperm(len(data.train.images), generator=torch.Generator().manual_seed(seed))
    order = order[data.train.masks[order].flatten(1).any(1)][:count]  # tiles with a nucleus in them
    torch.manual_seed(seed)
    model = UNet(1, 1, width=WIDTH, depth=DEPTH)
    before = time.process_time()
    images, masks, _ = data.train.some(order)
    losses = train_segmenter(model, images, masks, steps=STEPS, batch=BATCH, rate=RATE, augment=augment, seed=seed)
    half, chosen, _ = at_half_and_chosen(model, data.validation, data.test)
    found = {"arm": name, "tiles": len(order), "seed": seed, "iou": half, "chosen": chosen}
    found |= {"loss": round(statistics.mean(losses[-10:]), 4), "seconds": round(time.process_time() - before, 1)}
    print(found, flush=True)
    return found


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each arm at each number of tiles: by seed, the mean and the standard deviation."""
    found = []
    for name in arms():
        for count in TILES:
            mine = [run for run in runs if (run["arm"], run["tiles"]) == (name, count)]
            item: dict[str, Any] = {"arm": name, "tiles": count}
            item |= {key: [run[key] for run in mine] for key in ("iou", "chosen", "loss")}
            found.append(item | {"mean_and_spread": mean_and_spread(item["iou"])})
    return found


def main() -> None:
    """All arms, numbers of tiles and seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="draws of the tiles and starts")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(settings.seeds)
    runs = [one_run(name, arm, count, seed) for name, arm in arms().items() for count in TILES for seed in seeds]
    about = (
        f"nuclei, tiles of 64 × 64 from the left half of one picture, tested on the 16 of its lower right quarter; "
        f"{settings.seeds} seeds, each with tiles and a start of its own; U-Net of width {WIDTH} and depth {DEPTH}, "
        f"{STEPS} steps of {BATCH} tiles (of 2, where there are no more) at {RATE:g} for all arms; IoU of all "
        f"test pixels together at ½, and, as “chosen”, at the threshold that is best on the 16 tiles above them; "
        f"torch {torch.__version__} on {processor()}"
    )
    command = f"python tools/studies/augmentation.py --seeds {settings.seeds}"
    study = {"about": about, "command": command, "arms": summary(runs)}
    RESULT.write_text(json.dumps(study, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
