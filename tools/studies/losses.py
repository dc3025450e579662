"""Records the loss study of lesson 05: eight losses on thin roads that are 1 % of the pixels. Which fail, and how?

    python tools/studies/losses.py         # about a quarter of an hour on one core
    python tools/studies/losses.py --draw  # only the picture, from what was recorded

Writes datasets/p2v_data/studies/losses.json, which the notebook draws, and docs/pictures/losses-study.png.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "datasets")]

import p2v_data  # noqa: E402
from autograder.machine import processor  # noqa: E402
from p2v_data.masks import MaskSplit  # noqa: E402
from solutions.resnet import bce_with_logits  # noqa: E402
from solutions.unet import (  # noqa: E402
    UNet,
    dice_focal_loss,
    focal_loss,
    hard_pixel_loss,
    pixel_loss,
    soft_dice_loss,
    train_segmenter,
    tversky_loss,
)
from tools.studies.scores import mean_and_spread  # noqa: E402

RESULT = ROOT / "datasets" / "p2v_data" / "studies" / "losses.json"
PICTURE = ROOT / "docs" / "pictures" / "losses-study.png"
SHARE = 0.01  # of the pixels, after full tiles are left out
TILES = (240, 120, 120)  # drawn; the emptiest are kept
EVERY = 20  # steps between two looks at the test tiles
THRESHOLDS = torch.arange(0.02, 0.99, 0.02)
LOOKS = {  # colour and line
    "cross-entropy": ("black", "-"),
    "weighted cross-entropy": ("#999999", "-"),
    "focal": ("#0072B2", "-"),
    "hardest tenth of the pixels": ("#56B4E9", "--"),
    "Dice, tile by tile": ("#CC79A7", "--"),
    "Dice of the batch": ("#D55E00", "-"),
    "Tversky of the batch": ("#E69F00", "--"),
    "Dice of the batch + focal": ("#009E73", "-"),
}
Loss = Callable[[Tensor, Tensor], Tensor]


def losses(positives: float) -> dict[str, Loss]:
    """All arms; the weight of the second is what makes both classes weigh the same."""
    weight = torch.tensor((1 - positives) / positives)

    def weighted(logits: Tensor, masks: Tensor) -> Tensor:
        return bce_with_logits(logits[:, 0], masks.to(logits), weight)

    arms = (
        pixel_loss,
        weighted,
        focal_loss,
        partial(hard_pixel_loss, share=0.1),
        soft_dice_loss,
        partial(soft_dice_loss, batch=True),
        partial(tversky_loss, batch=True),
        partial(dice_focal_loss, batch=True),
    )
    return dict(zip(LOOKS, arms, strict=True))


def emptiest(split: MaskSplit) -> MaskSplit:
    """The tiles with the fewest road pixels, as many as have 1 % together."""
    counts = split.masks.flatten(1).sum(1)
    order = counts.argsort(stable=True)
    means = counts[order].cumsum(0) / (torch.arange(len(order)) + 1) / split.masks[0].numel()
    return split.some(order[: int((means <= SHARE).sum())])


def counts(model: nn.Module, split: MaskSplit, thresholds: Tensor) -> Tensor:
    """Hits, false alarms and misses, pooled over all pixels, at each threshold: (3, thresholds)."""
    with torch.no_grad():
        p = model(split.images)[:, 0].sigmoid().flatten()
    true = split.masks.flatten() == 1
    marked = p[None] >= thresholds[:, None]
    return torch.stack([(marked & true).sum(1), (marked & ~true).sum(1), (~marked & true).sum(1)])


def scores(hits: float, alarms: float, misses: float) -> dict[str, float]:
    """IoU, precision and recall; 0 where nothing is marked."""
    found = {"iou": (hits, hits + alarms + misses), "precision": (hits, hits + alarms), "recall": (hits, hits + misses)}
    return {name: round(above / max(below, 1), 4) for name, (above, below) in found.items()}


def train(job: tuple[str, int, int]) -> dict[str, Any]:
    """One loss from one start."""
    name, seed, steps = job
    torch.set_num_threads(1)
    data = p2v_data.roads(train=TILES[0], validation=TILES[1], test=TILES[2])
    learning, validation, test = (emptiest(part) for part in (data.train, data.validation, data.test))
    loss = losses(float(learning.masks.float().mean()))[name]
    torch.manual_seed(seed)
    model = UNet(3, 1, width=8, depth=3)
    half = torch.tensor([0.5])
    curve: list[dict[str, float]] = []
    done = 0

    def watched(logits: Tensor, masks: Tensor) -> Tensor:
        nonlocal done
        if done % EVERY == 0:
            model.eval()
            curve.append(scores(*counts(model, test, half)[:, 0].tolist()))
            model.train()
        done += 1
        return loss(logits, masks)

    before = time.process_time()
    train_segmenter(model, learning.images, learning.masks, watched, steps=steps, seed=seed)
    curve.append(scores(*counts(model, test, half)[:, 0].tolist()))
    hits, alarms, misses = counts(model, validation, THRESHOLDS)
    best = THRESHOLDS[(hits / (hits + alarms + misses)).argmax()].reshape(1)
    run: dict[str, Any] = {"arm": name, "seed": seed, "curve": curve, "threshold": round(float(best), 2)}
    run["chosen"] = scores(*counts(model, test, best)[:, 0].tolist())
    run["seconds"] = round(time.process_time() - before, 1)
    run["tiles"] = [len(part.masks) for part in (learning, validation, test)]
    run["shares"] = [round(float(part.masks.float().mean()), 4) for part in (learning, validation, test)]
    if seed == 0:
        fullest = test.masks.flatten(1).sum(1).argsort(descending=True)[[0, 5, 10]]
        run["shown"] = _shown(model, test.some(fullest))
    print({key: run[key] for key in ("arm", "seed", "threshold", "chosen", "seconds")}, curve[-1], flush=True)
    return run


def _shown(model: nn.Module, some: MaskSplit) -> dict[str, str]:
    """Images, masks and probabilities as bytes, in base64."""
    with torch.no_grad():
        p = model(some.images)[:, 0].sigmoid()
    parts = {"images": some.images * 255, "masks": some.masks, "probabilities": p * 255}
    return {
        name: base64.b64encode(part.round().to(torch.uint8).numpy().tobytes()).decode() for name, part in parts.items()
    }


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each arm: its curves and end scores by seed, and their means and standard deviations."""
    found = []
    for name in LOOKS:
        mine = sorted((run for run in runs if run["arm"] == name), key=lambda run: run["seed"])
        item: dict[str, Any] = {"arm": name, "curves": [[look["iou"] for look in run["curve"]] for run in mine]}
        for score in ("iou", "precision", "recall"):
            item[score] = mean_and_spread([run["curve"][-1][score] for run in mine])
        item["thresholds"] = [run["threshold"] for run in mine]
        item["chosen_iou"] = mean_and_spread([run["chosen"]["iou"] for run in mine])
        item["probabilities"] = mine[0]["shown"]["probabilities"]
        found.append(item | {"seconds": [run["seconds"] for run in mine]})
    return found


def record(settings: argparse.Namespace) -> dict[str, Any]:
    """All losses and seeds."""
    jobs = [(name, seed, settings.steps) for seed in range(settings.seeds) for name in LOOKS]
    with get_context("spawn").Pool(settings.processes) as pool:
        study = study_of(list(pool.imap_unordered(train, jobs)), settings)
    RESULT.write_text(json.dumps(study, ensure_ascii=False) + "\n", encoding="utf-8")
    return study


def study_of(runs: list[dict[str, Any]], settings: argparse.Namespace) -> dict[str, Any]:
    """What is recorded of all runs."""
    one = runs[0]
    about = (
        f"simulated roads, the emptiest tiles of {', '.join(map(str, TILES))}: {one['tiles'][0]} to learn from, "
        f"{one['tiles'][1]} to choose a threshold, {one['tiles'][2]} to be judged by, of 64 × 64 pixels, of which "
        f"{one['shares'][0]:.1%}, {one['shares'][1]:.1%} and {one['shares'][2]:.1%} are road; UNet(3, 1, width=8, "
        f"depth=3), {settings.steps} steps of 16 tiles, {settings.seeds} seeds; IoU of the pooled pixels; "
        f"torch {torch.__version__} on {processor()}"
    )
    return {
        "about": about,
        "command": f"python tools/studies/losses.py --seeds {settings.seeds} --steps {settings.steps}",
        "steps": [*range(0, settings.steps, EVERY), settings.steps],
        "images": next(run["shown"]["images"] for run in runs if "shown" in run),
        "masks": next(run["shown"]["masks"] for run in runs if "shown" in run),
        "arms": summary(runs),
    }


def draw(study: dict[str, Any]) -> None:
    """IoU over the steps, and precision against recall at the end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), dpi=90, layout="constrained")
    left, right = figure.subplots(1, 2)
    for item in study["arms"]:
        colour, line = LOOKS[item["arm"]]
        means = [statistics.mean(values) for values in zip(*item["curves"], strict=True)]
        left.plot(study["steps"], means, line, color=colour, label=item["arm"])
        (recall, wide), (precision, high) = item["recall"], item["precision"]
        right.errorbar(recall, precision, high, wide, color=colour, marker="o", capsize=2, label=item["arm"])
    seeds = len(study["arms"][0]["curves"])
    left.set(xlabel="step", ylabel="IoU of the road, test tiles", title=f"threshold ½, mean of {seeds} seeds")
    right.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1), title="at the end")
    left.legend(fontsize=7)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(PICTURE)


def main() -> None:
    """Records, unless only the picture is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="only the picture")
    parser.add_argument("--seeds", type=int, default=3, help="starts of each loss")
    parser.add_argument("--steps", type=int, default=240, help="of each training")
    parser.add_argument("--processes", type=int, default=1)
    settings = parser.parse_args()
    draw(json.loads(RESULT.read_text(encoding="utf-8")) if settings.draw else record(settings))


if __name__ == "__main__":
    main()
