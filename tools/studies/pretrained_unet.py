"""Records the transfer study of lesson 05: what is a pretrained encoder worth, by number of labelled tiles?

    python tools/studies/pretrained_unet.py         # about three minutes on one core

Writes datasets/p2v_data/studies/pretrained_unet.json, which the notebook draws.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "datasets")]

import p2v_data  # noqa: E402
from autograder.machine import processor  # noqa: E402
from solutions.resnet import EfficientNetLite0, load_imagenet  # noqa: E402
from solutions.unet import EncoderUNet, LiteLevels, UNet, train_segmenter  # noqa: E402
from tools.studies.scores import at_half_and_chosen, mean_and_spread  # noqa: E402

RESULT = ROOT / "datasets" / "p2v_data" / "studies" / "pretrained_unet.json"
COUNTS, STEPS, BATCH, RATE = (2, 8, 32), 30, 8, 2e-3
ARMS = ("encoder from ImageNet", "the same encoder, random start", "plain U-Net")
THRESHOLDS = torch.linspace(0.05, 0.95, 19)


def network(arm: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    if arm == "plain U-Net":
        return UNet(1, 1, width=16, depth=4)
    backbone = EfficientNetLite0()
    if arm == "encoder from ImageNet" and not load_imagenet(backbone):
        raise SystemExit("the pretrained weights aren't here: see solutions/resnet/lite.py")
    return EncoderUNet(LiteLevels(backbone), LiteLevels.channels, 1)


def bend(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The batch turned by a multiple of 90° and perhaps mirrored, images and masks alike."""
    turns, mirrored = torch.randint(4, (2,), generator=generator).tolist()
    x, y = x.rot90(turns, (-2, -1)), y.rot90(turns, (-2, -1))
    return (x.flip(-1), y.flip(-1)) if mirrored % 2 else (x, y)


def run(data: p2v_data.MaskDataset, arm: str, count: int, seed: int) -> dict[str, Any]:
    """One network, trained on some of the tiles."""
    chosen = torch.randperm(len(data.train.masks), generator=torch.Generator().manual_seed(seed))[:count]
    images, masks, _ = data.train.some(chosen)
    model = network(arm, seed)
    train_segmenter(model, images, masks, steps=STEPS, rate=RATE, batch=BATCH, augment=bend, seed=seed)
    _, iou, _ = at_half_and_chosen(model, data.validation, data.test, THRESHOLDS)
    found = {"arm": arm, "tiles": count, "seed": seed, "iou": iou}
    print(found, flush=True)
    return found | {"parameters": sum(parameter.numel() for parameter in model.parameters())}


def main() -> None:
    """Records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    settings = parser.parse_args()
    torch.set_num_threads(1)
    data, arms = p2v_data.nuclei(), []
    for arm in ARMS:
        for count in COUNTS:
            runs = [run(data, arm, count, seed) for seed in range(settings.seeds)]
            ious = [item["iou"] for item in runs]
            item = {"arm": arm, "tiles": count, "iou": ious, "mean_and_spread": mean_and_spread(ious)}
            arms.append(item | {"parameters": runs[0]["parameters"]})
    about = (
        f"tiles of 64 × 64 of one picture of nuclei, 16 others for the threshold, 16 to test; {STEPS} steps of up to "
        f"{BATCH} tiles, turned and mirrored; all weights learn, at {RATE:g}; {settings.seeds} seeds, each with tiles "
        f"and starts of its own; IoU of the pooled pixels; torch {torch.__version__} on {processor()}"
    )
    command = f"python tools/studies/pretrained_unet.py --seeds {settings.seeds}"
    RESULT.write_text(
        json.dumps({"about": about, "command": command, "arms": arms}, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
