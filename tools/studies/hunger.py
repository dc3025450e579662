"""Records the data hunger study of lesson 04: how many labels do a CNN and vision transformers of several schools need?

    python tools/studies/hunger.py         # about a quarter of an hour on one core
    python tools/studies/hunger.py --draw  # only the picture, from what was recorded

Writes datasets/p2v_data/studies/hunger.json, which the notebook draws, and docs/pictures/hunger-study.png.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "datasets")]

import p2v_data  # noqa: E402
from autograder.machine import processor  # noqa: E402
from solutions.resnet import digit_net  # noqa: E402
from solutions.vit import VisionTransformer, pretrain_small, small_vit, train_small  # noqa: E402
from tools.studies.scores import mean_and_spread  # noqa: E402

RESULT = ROOT / "datasets" / "p2v_data" / "studies" / "hunger.json"
PICTURE = ROOT / "docs" / "pictures" / "hunger-study.png"
STEPS = {50: 200, 200: 250, 800: 300, 4000: 400}  # by number of labels; the same for all arms
PRETRAINING = 800
LOOKS = {  # colour, marker and line of each arm
    "CNN": ("#999999", "o", "--"),
    "CNN + augmentation": ("black", "o", "-"),
    "ViT": ("#56B4E9", "s", "--"),
    "ViT + augmentation": ("#0072B2", "s", "-"),
    "ViT + augmentation + distillation": ("#D55E00", "^", "-"),
    "ViT, masked patches first, + augmentation": ("#009E73", "v", "-"),
}


def arms(count: int, seed: int, pretrained: VisionTransformer) -> Iterator[tuple[str, nn.Module, dict[str, Any]]]:
    """Name, fresh network and what is special about its training. The second is the teacher of the fifth."""
    rest: dict[str, Any] = {"steps": STEPS[count], "seed": seed}

    def vit() -> VisionTransformer:
        torch.manual_seed(seed)
        return small_vit()

    def cnn() -> nn.Module:
        torch.manual_seed(seed)
        return digit_net(10)

    teacher = cnn()
    yield "CNN", cnn(), rest
    yield "CNN + augmentation", teacher, rest | {"augment": True}
    yield "ViT", vit(), rest
    yield "ViT + augmentation", vit(), rest | {"augment": True}
    yield "ViT + augmentation + distillation", vit(), rest | {"augment": True, "teacher": teacher}
    yield "ViT, masked patches first, + augmentation", deepcopy(pretrained), rest | {"augment": True}


def right(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of right answers."""
    with torch.no_grad():
        return round(float((model(images).argmax(1) == labels).double().mean()), 4)


def train(job: tuple[int, int]) -> list[dict[str, Any]]:
    """All arms of one seed: it decides which digits have labels, and the networks' starts."""
    seed, pretraining = job
    torch.set_num_threads(1)
    data = p2v_data.digits()
    torch.manual_seed(seed)
    pretrained = small_vit()
    pretrain_small(pretrained, data.train.images, pretraining, seed=seed)
    runs = []
    for count in STEPS:
        few = p2v_data.digits(train=count, seed=seed).train
        for name, model, settings in arms(count, seed, pretrained):
            before = time.process_time()
            losses = train_small(model, few.images, few.labels, **settings)
            run = {"arm": name, "labels": count, "seed": seed, "right": right(model, *data.test)}
            run |= {"loss": round(statistics.mean(losses[-20:]), 4), "seconds": round(time.process_time() - before, 1)}
            run["parameters"] = sum(parameter.numel() for parameter in model.parameters())
            runs.append(run)
            print(run, flush=True)
    return runs


def summary(runs: list[dict[str, Any]], seeds: int) -> list[dict[str, Any]]:
    """Each arm at each number of labels: its shares right by seed, their mean and standard deviation."""
    found = []
    for name in LOOKS:
        for count in STEPS:
            mine = sorted((r for r in runs if (r["arm"], r["labels"]) == (name, count)), key=lambda run: run["seed"])
            shares = [run["right"] for run in mine]
            assert len(shares) == seeds, f"{name}, {count} labels: expected {seeds} runs, got {len(shares)}"
            item = {"arm": name, "labels": count, "steps": STEPS[count], "right": shares}
            item |= {"mean_and_spread": mean_and_spread(shares), "loss": [run["loss"] for run in mine]}
            found.append(item | {"parameters": mine[0]["parameters"], "seconds": [run["seconds"] for run in mine]})
    return found


def record(settings: argparse.Namespace) -> dict[str, Any]:
    """All arms, numbers of labels and seeds."""
    steps = ", ".join(f"{count:,} labels {steps}" for count, steps in STEPS.items())
    about = (
        f"digits, tested on 1,000 others; {settings.seeds} seeds, each with labelled digits and starts of its own; the "
        f"same number of steps for all arms, in batches of 50: {steps}; "
        f"masked patches: {settings.pretraining} steps of 100 on all 4,000 digits, without labels; "
        f"torch {torch.__version__} on {processor()}"
    )
    asked = f"--seeds {settings.seeds} --pretraining {settings.pretraining}"
    jobs = [(seed, settings.pretraining) for seed in range(settings.seeds)]
    with get_context("spawn").Pool(settings.processes) as pool:
        runs = [run for found in pool.imap_unordered(train, jobs) for run in found]
    study = {
        "about": about,
        "command": f"python tools/studies/hunger.py {asked}",
        "arms": summary(runs, settings.seeds),
    }
    RESULT.write_text(json.dumps(study, ensure_ascii=False) + "\n", encoding="utf-8")
    return study


def draw(study: dict[str, Any]) -> None:
    """The share right by number of labels; bars are standard deviations over seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), dpi=90, layout="constrained")
    axis = figure.subplots()
    for place, (name, (colour, marker, line)) in enumerate(LOOKS.items()):
        mine = [item for item in study["arms"] if item["arm"] == name]
        beside = [item["labels"] * 1.03 ** (place - 2.5) for item in mine]  # so that bars don't hide each other
        means, spreads = zip(*(item["mean_and_spread"] for item in mine), strict=True)
        axis.errorbar(beside, means, spreads, color=colour, marker=marker, linestyle=line, capsize=3, label=name)
    axis.set(xscale="log", xlabel="labelled digits", ylabel="right, of 1,000 others", ylim=(0.3, 1.0))
    axis.set_xticks(list(STEPS), [f"{count:,}" for count in STEPS])
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, loc="lower right")
    axis.set_title(f"bars: standard deviation over {len(study['arms'][0]['right'])} seeds")
    figure.savefig(PICTURE)


def main() -> None:
    """Records, unless only the picture is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="only the picture")
    parser.add_argument("--seeds", type=int, default=3, help="starts of each arm")
    parser.add_argument("--pretraining", type=int, default=PRETRAINING, help="steps of filling in")
    parser.add_argument("--processes", type=int, default=1)
    settings = parser.parse_args()
    draw(json.loads(RESULT.read_text(encoding="utf-8")) if settings.draw else record(settings))


if __name__ == "__main__":
    main()
