"""Records the studies of lesson 05, part b: what skips, gates and other designs of the U-Net give on simulated roads.

    python tools/studies/unet_parts.py               # about a quarter of an hour on one core
    python tools/studies/unet_parts.py --seconds 200 # stops after so long; called again, it goes on where it stopped
    python tools/studies/unet_parts.py --draw        # only the picture, from what was recorded

Writes datasets/p2v_data/studies/unet_parts.json, which the notebook draws, and docs/pictures/unet-parts-study.png.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "datasets")]

import p2v_data  # noqa: E402
from autograder.machine import processor  # noqa: E402
from solutions.resnet import k_fold  # noqa: E402
from solutions.unet import (  # noqa: E402
    FCN,
    AttentionUNet,
    NestedUNet,
    ResidualUNet,
    UNet,
    deep_supervision_loss,
    gate_maps,
    pixel_loss,
    train_segmenter,
    with_separable,
)
from tools.studies.scores import overlap  # noqa: E402

RESULT = ROOT / "datasets" / "p2v_data" / "studies" / "unet_parts.json"
PICTURE = ROOT / "docs" / "pictures" / "unet-parts-study.png"
STEPS, BATCH, RATE, SEEDS = 120, 8, 1e-2, 3
SEARCH_STEPS, FOLDS, WIDTHS, DEPTHS = 60, 3, (4, 8, 12), (1, 2, 3, 4)
THRESHOLDS = [round(0.02 * step, 2) for step in range(1, 46)]  # of probabilities, to choose from
BAND = 2  # pixels on both sides of a border
COMMAND = "python tools/studies/unet_parts.py"


def flips(images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The whole batch in one of its eight positions."""
    turns, mirrored = torch.randint(8, (), generator=generator).item() % 4, torch.rand((), generator=generator) < 0.5
    images, masks = images.rot90(int(turns), (-2, -1)), masks.rot90(int(turns), (-2, -1))
    return (images.flip(-1), masks.flip(-1)) if mirrored else (images, masks)


def overlap_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy, and what the batch lacks of a whole Dice."""
    chances, truth = logits[:, 0].sigmoid(), masks.to(logits.dtype)
    dice = (2 * (chances * truth).sum() + 1) / (chances.sum() + truth.sum() + 1)
    return pixel_loss(logits, masks) + 1 - dice


def of_all_outputs(outputs: list[Tensor], masks: Tensor) -> Tensor:
    return deep_supervision_loss(outputs, masks, overlap_loss)


def of_the_last(outputs: list[Tensor], masks: Tensor) -> Tensor:
    return overlap_loss(outputs[-1], masks)


@dataclass(frozen=True)
class Arm:
    """One way to do it: a network, and what is special about its training."""

    make: Callable[[], nn.Module]
    train: dict[str, Any] = field(default_factory=dict)
    tiles: int = 96
    data: str = "roads"


ARMS: dict[str, Arm] = {
    "U-Net": Arm(lambda: UNet(3, 1, 8, 3)),
    "no skips": Arm(lambda: UNet(3, 1, 9, 3, skips=False)),
    "gated skips": Arm(lambda: AttentionUNet(3, 1, (8, 16, 32, 64))),
    "the same without gates": Arm(lambda: AttentionUNet(3, 1, (8, 16, 32, 64), gates=False)),
    "residual": Arm(lambda: ResidualUNet(3, 1, 8, 3)),
    "UNet++": Arm(lambda: NestedUNet(3, 1, 6, 3), {"loss": of_all_outputs}),
    "UNet++, last output alone": Arm(lambda: NestedUNet(3, 1, 6, 3), {"loss": of_the_last}),
    "separable": Arm(lambda: with_separable(UNet(3, 1, 19, 3))),
    "FCN": Arm(lambda: FCN(3, 1, 13, 3)),
    "no norm": Arm(lambda: UNet(3, 1, 8, 3, norm="none")),
    "no augmentation": Arm(lambda: UNet(3, 1, 8, 3), {"augment": None}),
    "cross-entropy alone": Arm(lambda: UNet(3, 1, 8, 3), {"loss": pixel_loss}),
    "depth 1": Arm(lambda: UNet(3, 1, 8, 1)),
    "half the tiles": Arm(lambda: UNet(3, 1, 8, 3), tiles=48),
    "half the steps": Arm(lambda: UNet(3, 1, 8, 3), {"steps": STEPS // 2}),
    "U-Net, four times the steps": Arm(lambda: UNet(3, 1, 8, 3), {"steps": 4 * STEPS}),
    "FCN, four times the steps": Arm(lambda: FCN(3, 1, 13, 3), {"steps": 4 * STEPS}),
    "depth 1, four times the steps": Arm(lambda: UNet(3, 1, 8, 1), {"steps": 4 * STEPS}),
    "nuclei: U-Net": Arm(lambda: UNet(1, 1, 8, 3), data="nuclei"),
    "nuclei: no skips": Arm(lambda: UNet(1, 1, 9, 3, skips=False), data="nuclei"),
}


def data_of(name: str) -> Any:
    """Tiles to learn from and to judge by."""
    return p2v_data.roads(train=96, validation=48, test=96) if name == "roads" else p2v_data.nuclei()


def logits_of(model: nn.Module, images: Tensor) -> list[Tensor]:
    """The outputs of a network, the last one the best."""
    with torch.no_grad():
        out = model(images)
    return out if isinstance(out, list) else [out]


def near_border(masks: Tensor) -> Tensor:
    """The pixels with the other class within `BAND` pixels."""
    values, side = masks[:, None].float(), 2 * BAND + 1
    highest = F.max_pool2d(values, side, 1, BAND)
    lowest = -F.max_pool2d(-values, side, 1, BAND)
    return (highest != lowest)[:, 0]


def best_threshold(logits: Tensor, masks: Tensor) -> float:
    """The probability above which a pixel is called road with the highest IoU: for tiles that are not judged by."""
    chances = logits[:, 0].sigmoid()
    return max(THRESHOLDS, key=lambda at: overlap(chances > at, masks > 0))


def scores(logits: Tensor, masks: Tensor, threshold: float) -> dict[str, float]:
    """IoU of all pixels pooled, of those near a border, of the others; and of all, but at a threshold of a half."""
    found, true, near = logits[:, 0].sigmoid() > threshold, masks > 0, near_border(masks)
    found_at_half = overlap(logits[:, 0] > 0, true)
    parts = {"near": overlap(found & near, true & near), "far": overlap(found & ~near, true & ~near)}
    return {"iou": overlap(found, true), **parts, "iou at 0.5": found_at_half, "threshold": threshold}


def size_of(model: nn.Module, channels: int) -> dict[str, Any]:
    """Millions of floating-point operations for a tile of 64 × 64 (torch counts two a multiply-add), and parameters."""
    with FlopCounterMode(display=False) as counter:
        logits_of(model.eval(), torch.zeros(1, channels, 64, 64))
    numbers = sum(parameter.numel() for parameter in model.parameters())
    return {"mflops": round(counter.get_total_flops() / 1e6, 1), "parameters": numbers}


def learned(model: nn.Module, images: Tensor, masks: Tensor, seed: int, **settings: Any) -> dict[str, Any]:
    """Trains with the study's settings; says what it took."""
    asked = {"loss": overlap_loss, "steps": STEPS, "batch": BATCH, "rate": RATE, "augment": flips} | settings
    before = time.process_time()
    losses = train_segmenter(model, images, masks, seed=seed, **asked)
    return {"loss": round(statistics.mean(losses[-10:]), 4), "seconds": round(time.process_time() - before, 1)}


def gates_of(model: AttentionUNet, images: Tensor, masks: Tensor) -> dict[str, Any]:
    """What the gates let through: means on the road and beside it, lowest level first; maps of three tiles."""
    maps = gate_maps(model, images)
    road = F.interpolate(masks[:, None].float(), size=64)
    shares = []
    for weights in maps:
        here = F.adaptive_max_pool2d(road, weights.shape[-2:]) > 0
        shares.append([round(float(weights[here].mean()), 4), round(float(weights[~here].mean()), 4)])
    shown = masks.flatten(1).sum(1).argsort(descending=True)[:12:4]
    pictures = [
        [base64.b85encode((weights[tile] * 255).byte().numpy().tobytes()).decode() for weights in maps]
        for tile in shown.tolist()
    ]
    return {"on road, beside it": shares, "tiles": shown.tolist(), "maps": pictures}


def run_arm(name: str, seed: int, data: dict[str, Any]) -> dict[str, Any]:
    """One training of one arm."""
    arm = ARMS[name]
    tiles = data.setdefault(arm.data, None) or data_of(arm.data)
    data[arm.data] = tiles
    torch.manual_seed(seed)
    model = arm.make()
    images, masks = tiles.train.images[: arm.tiles], tiles.train.masks[: arm.tiles]
    run = {"arm": name, "seed": seed} | size_of(model, images.shape[1])
    run |= learned(model, images, (masks > 0).long(), seed, **arm.train)
    truth = (tiles.test.masks > 0).long()
    chosen = [best_threshold(out, tiles.validation.masks) for out in logits_of(model, tiles.validation.images)]
    found = [scores(out, truth, at) for out, at in zip(logits_of(model, tiles.test.images), chosen, strict=True)]
    run |= found[-1]
    if len(found) > 1:
        run["each output"] = [each["iou"] for each in found]
    if name == "gated skips":
        run["gates"] = gates_of(model, tiles.test.images, truth)
    return run


def run_search(name: str, fold: int, data: dict[str, Any]) -> dict[str, Any]:
    """One fold of one depth and width: trained on the others, judged on the fold."""
    depth, width = (int(word) for word in name.split() if word.isdigit())
    tiles = data.setdefault("roads", None) or data_of("roads")
    data["roads"] = tiles
    part = tiles.train
    rest, held = k_fold(len(part.masks), FOLDS, seed=0, groups=part.sources)[fold]
    torch.manual_seed(fold)
    model = UNet(3, 1, width, depth)
    run = {"arm": name, "seed": fold, "depth": depth, "width": width} | size_of(model, 3)
    run |= learned(model, part.images[rest], part.masks[rest], fold, steps=SEARCH_STEPS)
    threshold = best_threshold(logits_of(model, tiles.validation.images)[-1], tiles.validation.masks)
    return run | scores(logits_of(model, part.images[held])[-1], part.masks[held], threshold)


def jobs() -> Iterator[tuple[str, str, int]]:
    """Every training: kind, arm, seed or fold. A seed of all arms before the next one; the longest last."""
    long = [name for name in ARMS if "four times" in name]
    for seed in range(SEEDS):
        yield from (("arms", name, seed) for name in ARMS if name not in long)
    for fold in range(FOLDS):
        yield from (("search", f"depth {depth} width {width}", fold) for depth in DEPTHS for width in WIDTHS)
    for seed in range(SEEDS):
        yield from (("arms", name, seed) for name in long)


def record(seconds: float) -> dict[str, Any]:
    """Goes on with what is missing, for about so long; each result is written at once."""
    study: dict[str, Any] = {"arms": [], "search": []}
    if RESULT.exists():
        study = json.loads(RESULT.read_text(encoding="utf-8"))
    study["command"] = COMMAND
    study["about"] = (
        f"simulated roads, 96 tiles of 64 × 64 to learn from and 96 to judge by, and real nuclei (32 and 16 tiles); "
        f"{SEEDS} starts of each; {STEPS} steps of {BATCH} tiles, AdamW, rate {RATE}, tiles turned and mirrored, "
        f"cross-entropy plus Dice unless said; the threshold is chosen on validation tiles; search: {FOLDS} folds by "
        f"source, {SEARCH_STEPS} steps; near: within {BAND} pixels of a border; torch {torch.__version__} on "
        f"{processor()}"
    )
    torch.set_num_threads(1)
    data: dict[str, Any] = {}
    start = time.monotonic()
    for kind, name, seed in jobs():
        if any((run["arm"], run["seed"]) == (name, seed) for run in study[kind]):
            continue
        if time.monotonic() - start > seconds:
            print("stopped; call again to go on")
            break
        run = (run_arm if kind == "arms" else run_search)(name, seed, data)
        study[kind].append(run)
        RESULT.write_text(json.dumps(study, ensure_ascii=False) + "\n", encoding="utf-8")
        print({key: value for key, value in run.items() if key != "gates"}, flush=True)
    return study


def values(study: dict[str, Any], name: str, what: str = "iou", kind: str = "arms") -> list[float]:
    """A score of all runs of an arm."""
    return [run[what] for run in study[kind] if run["arm"] == name]


def main() -> None:
    """Records, unless only the picture is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="only the picture")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after about so long")
    settings = parser.parse_args()
    if settings.draw:
        draw(json.loads(RESULT.read_text(encoding="utf-8")))
    else:
        record(settings.seconds)


def draw(study: dict[str, Any]) -> None:
    """All arms by IoU; a dot each start."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), dpi=90, layout="constrained")
    axis = figure.subplots()
    names = [name for name, arm in ARMS.items() if arm.data == "roads"]
    for place, name in enumerate(names):
        found = values(study, name)
        axis.plot(found, [place] * len(found), "o", color="#0072B2", alpha=0.7)
        axis.plot(statistics.mean(found), place, "|", color="black", markersize=14)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.set(xlabel="IoU on 96 other tiles", title="simulated roads; a dot each start, a line their mean")
    figure.savefig(PICTURE)


if __name__ == "__main__":
    main()
