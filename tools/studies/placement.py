"""Records the placement study of lesson 03: which attention pays behind which stage of a small residual network?

    python tools/studies/placement.py         # about a quarter of an hour on two cores
    python tools/studies/placement.py --draw  # only the picture, from what was recorded

Writes datasets/p2v_data/studies/placement.json, which the notebook draws, and docs/pictures/placement-study.png.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "datasets")]

import p2v_data  # noqa: E402
from autograder.machine import processor  # noqa: E402
from solutions.attention import NonLocalBlock, PlacedNet, SEBlock, SpatialAttention, train_arm  # noqa: E402

RESULT = ROOT / "datasets" / "p2v_data" / "studies" / "placement.json"
PICTURE = ROOT / "docs" / "pictures" / "placement-study.png"
COLOURS = {"none": "#999999", "SE": "#0072B2", "spatial": "#E69F00", "non-local": "#009E73"}
STAGES = (1, 2, 3)
STUDENT = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}  # 97.5 % quantile of t, by number of starts

Places = dict[int, Callable[[int], nn.Module]]


def squeeze(channels: int) -> nn.Module:
    """SE with a quarter of the channels in the middle: a sixteenth of 16 would be one."""
    return SEBlock(channels, 4)


def spatial(channels: int) -> nn.Module:
    """Spatial attention doesn't care how many channels there are."""
    return SpatialAttention()


KINDS: dict[str, Callable[[int], nn.Module]] = {
    "SE": squeeze,
    "spatial": spatial,
    "non-local": NonLocalBlock,
}


def arms() -> dict[str, Places]:
    """What stands behind which stage, by the arm's name."""
    found: dict[str, Places] = {"none": {}}
    for kind, block in KINDS.items():
        found |= {f"{kind} behind {stage}": {stage: block} for stage in STAGES}
    return found | {"SE behind all": dict.fromkeys(STAGES, squeeze)}


def train(job: tuple[str, int, int, float]) -> dict[str, Any]:
    """One arm from one start, on pictures of its own."""
    name, seed, epochs, rate = job
    torch.set_num_threads(1)
    data = p2v_data.pointed_digits(seed=seed)
    torch.manual_seed(seed)
    net = PlacedNet(arms()[name])
    before = time.process_time()
    history = train_arm(net, *data.train, epochs=epochs, seed=seed, rate=rate)
    spent = time.process_time() - before
    with torch.no_grad():
        right = net(data.test.images).argmax(1) == data.test.labels
    return {
        "arm": name,
        "seed": seed,
        "right": round(float(right.double().mean()), 4),
        "loss": [round(loss, 4) for loss in history["val_loss"]],
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "seconds": round(spent, 1),
    }


def interval(right: list[float]) -> tuple[float, float, float]:
    """The mean, and the ends of its 95 % confidence interval by Student's t."""
    mean = statistics.mean(right)
    half = STUDENT[len(right)] * statistics.stdev(right) / len(right) ** 0.5
    return round(mean, 4), round(mean - half, 4), round(mean + half, 4)


def summary(runs: list[dict[str, Any]], seeds: int) -> list[dict[str, Any]]:
    """What the runs of each finished arm come to."""
    found = []
    for name in arms():
        mine = sorted((run for run in runs if run["arm"] == name), key=lambda run: run["seed"])
        if len(mine) == seeds:
            right = [run["right"] for run in mine]
            item = {"arm": name, "right": right, "mean_and_interval": interval(right)}
            item["loss"] = [run["loss"] for run in mine]
            found.append(item | {"parameters": mine[0]["parameters"], "seconds": [run["seconds"] for run in mine]})
    return found


def record(settings: argparse.Namespace) -> dict[str, Any]:
    """All arms and starts; written whenever an arm is finished."""
    about = (
        f"pointed digits, 5,400 pictures to learn from and 600 to watch for each start, {settings.epochs} epochs of "
        f"batches of 32, Adam with a rate that rises to {settings.rate}; {settings.seeds} starts each, with pictures "
        f"of their own (the same for all arms) and tested on 1,000 others; torch {torch.__version__} on {processor()}"
    )
    asked = " ".join(f"--{name} {getattr(settings, name)}" for name in ("seeds", "epochs", "rate"))
    study: dict[str, Any] = {"about": about, "command": f"python tools/studies/placement.py {asked}", "arms": []}
    jobs = [(name, seed, settings.epochs, settings.rate) for name in arms() for seed in range(settings.seeds)]
    runs: list[dict[str, Any]] = []
    with get_context("spawn").Pool(settings.processes) as pool:
        for run in pool.imap_unordered(train, jobs):
            runs.append(run)
            print({key: run[key] for key in ("arm", "seed", "right", "seconds")}, flush=True)
            study["arms"] = summary(runs, settings.seeds)
            RESULT.write_text(json.dumps(study, ensure_ascii=False) + "\n", encoding="utf-8")
    return study


def draw(study: dict[str, Any]) -> None:
    """All starts of all arms as dots, and the means' intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), dpi=90, layout="constrained")
    axis = figure.subplots()
    for place, item in enumerate(study["arms"]):
        colour = COLOURS[item["arm"].split(" ")[0]]
        mean, low, high = item["mean_and_interval"]
        axis.plot([place - 0.12] * 2, [max(low, 0), min(high, 1)], color=colour, linewidth=2)
        axis.plot(place - 0.12, mean, "_", color=colour, markersize=14)
        axis.plot([place + 0.12] * len(item["right"]), item["right"], "o", color=colour, alpha=0.7, markersize=5)
    names = [item["arm"].replace(" behind ", "\nbehind ") for item in study["arms"]]
    axis.set_xticks(range(len(names)), names, fontsize=8)
    axis.axhline(0.5, color="black", linewidth=0.5, linestyle="--")
    axis.set(ylim=(0.3, 1.02), ylabel="right", title="dots: starts; bars: 95 % intervals of the mean; dashed: a coin")
    figure.savefig(PICTURE)


def main() -> None:
    """Records, unless only the picture is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="only the picture")
    parser.add_argument("--seeds", type=int, default=5, choices=sorted(STUDENT), help="starts of each arm")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--processes", type=int, default=2)
    settings = parser.parse_args()
    draw(json.loads(RESULT.read_text(encoding="utf-8")) if settings.draw else record(settings))


if __name__ == "__main__":
    main()
