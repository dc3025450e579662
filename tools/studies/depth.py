"""Records the depth study of lesson 02: plain and residual networks of 8, 20, 32 and 56 layers.

    python tools/studies/depth.py                       # on the embedded digits, at half size; about half an hour
    python tools/studies/depth.py --cifar10 --width 16  # the original, once `p2v data fetch cifar10` has run
    python tools/studies/depth.py --draw                # only the picture, from what was recorded

Writes datasets/p2v_data/studies/depth.json, which the notebook draws, and docs/pictures/depth-study.png.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "datasets")]

import p2v_data  # noqa: E402
from autograder.machine import processor  # noqa: E402
from solutions.resnet import CifarNet, count_parameters, gradient_norms  # noqa: E402

RESULT = ROOT / "datasets" / "p2v_data" / "studies" / "depth.json"
PICTURE = ROOT / "docs" / "pictures" / "depth-study.png"
DEPTHS = (8, 20, 32, 56)
BATCH, MOMENTUM, DECAY = 64, 0.9, 1e-4
POINTS = 60  # of each curve
COLOURS = {8: "#0072B2", 20: "#009E73", 32: "#E69F00", 56: "#D55E00"}


def images(cifar: bool) -> tuple[list[Tensor], str]:
    """Training images and labels, test images and labels; and what they are."""
    data = p2v_data.cifar10() if cifar else p2v_data.digits()
    x_train, y_train, x_test, y_test = *data.train, *data.test
    if cifar:
        return [x_train, y_train, x_test, y_test], "CIFAR-10, 50,000 images of 32×32, not augmented"
    small = [F.avg_pool2d(x, 2) for x in (x_train, x_test)]
    return [small[0], y_train, small[1], y_test], "4,000 handwritten digits at half size, 14×14, not augmented"


def batches(count: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Places of the images of each step: epoch after epoch, each in a random order."""
    source = torch.Generator().manual_seed(seed)
    left = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(left) < BATCH:
            left = torch.randperm(count, generator=source)
        yield left[:BATCH]
        left = left[BATCH:]


def train(model: CifarNet, data: list[Tensor], steps: int, rate: float, seed: int) -> list[float]:
    """The loss of every step: SGD with momentum; a tenth of the rate after half the steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM, weight_decay=DECAY)
    losses = []
    for step, chosen in enumerate(batches(len(data[0]), steps, seed)):
        if step == steps // 2:
            optimizer.param_groups[0]["lr"] /= 10
        loss = F.cross_entropy(model(data[0][chosen]), data[1][chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def right(model: CifarNet, x: Tensor, y: Tensor) -> float:
    """The share of right answers, in evaluation mode."""
    model.eval()
    answers = torch.cat([model(part).argmax(1) for part in x.split(500)])
    return float((answers == y).float().mean())


def arm(depth: int, residual: bool, data: list[Tensor], settings: argparse.Namespace) -> dict[str, Any]:
    """One network: gradients before and after, losses, what it is worth on new images."""
    torch.manual_seed(settings.seed)
    model = CifarNet(depth, residual, in_channels=data[0].shape[1], width=settings.width).to(data[0].device)
    look = data[0][:128], data[1][:128]
    before = gradient_norms(model, *look)
    start = time.perf_counter()
    losses = train(model, data, settings.steps, settings.rate, settings.seed)
    seconds = time.perf_counter() - start
    after = gradient_norms(model.train(), *look)
    stride = settings.steps // POINTS
    return {
        "depth": depth,
        "residual": residual,
        "parameters": count_parameters(model),
        "loss": [round(sum(part) / len(part), 5) for part in chunks(losses, stride)],
        "loss_at_the_end": round(sum(losses[-stride:]) / stride, 5),
        "training": round(right(model, data[0], data[1]), 4),
        "test": round(right(model, data[2], data[3]), 4),
        "gradients": [(name, float(f"{length:.4g}")) for name, length in before],
        "gradients_at_the_end": [(name, float(f"{length:.4g}")) for name, length in after],
        "seconds": round(seconds, 1),
    }


def chunks(values: list[float], size: int) -> list[list[float]]:
    """The values in pieces of `size`, without what is left over."""
    return [values[start : start + size] for start in range(0, len(values) - size + 1, size)]


def record(settings: argparse.Namespace) -> dict[str, Any]:
    """All arms, written after each."""
    found, what = images(settings.cifar10)
    device = p2v_data.device()
    data = [part.to(device) for part in found]
    about = (
        f"{what}; width {settings.width}, {settings.steps} steps of {BATCH}, SGD with rate {settings.rate} (a tenth of "
        f"it in the second half), momentum {MOMENTUM}, weight decay {DECAY}; one run with seed {settings.seed}, "
        f"torch {torch.__version__} on {processor() if device.type == 'cpu' else torch.cuda.get_device_name()}"
    )
    stride = settings.steps // POINTS
    study: dict[str, Any] = {
        "about": about,
        "command": "python tools/studies/depth.py" + (" --cifar10" if settings.cifar10 else ""),
        "steps": [stride * (place + 1) for place in range(settings.steps // stride)],
        "limits": [1e-4, 3.0],
        "arms": [],
    }
    for depth in settings.depths:
        for residual in (False, True):
            study["arms"].append(arm(depth, residual, data, settings))
            line = study["arms"][-1]
            print({key: line[key] for key in ("depth", "residual", "loss_at_the_end", "training", "test", "seconds")})
            lowest = min(min(item["loss"]) for item in study["arms"])
            study["limits"] = [float(f"{lowest / 1.5:.1g}"), 3.0]
            RESULT.parent.mkdir(exist_ok=True)
            RESULT.write_text(json.dumps(study, indent=None, ensure_ascii=False) + "\n", encoding="utf-8")
    return study


def draw(study: dict[str, Any]) -> None:
    """Losses and gradients of all arms."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), dpi=90, layout="constrained")
    axes = figure.subplots(2, 2, sharey="row")
    for item in study["arms"]:
        column, colour = int(item["residual"]), COLOURS[item["depth"]]
        axes[0, column].semilogy(study["steps"], item["loss"], color=colour, label=f"{item['depth']} layers")
        lengths = [length for _, length in item["gradients"]]
        places = [place / (len(lengths) - 1) for place in range(len(lengths))]
        axes[1, column].semilogy(places, lengths, color=colour)
    for column, kind in enumerate(("plain", "residual")):
        axes[0, column].set(title=f"{kind}: training loss", xlabel="step")
        axes[1, column].set(title=f"{kind}: gradients at the start", xlabel="from the first layer to the last")
    axes[0, 1].legend()
    figure.savefig(PICTURE)


def main() -> None:
    """Records, unless only the picture is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="only the picture")
    parser.add_argument("--cifar10", action="store_true")
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args()
    torch.set_num_threads(p2v_data.threads())
    draw(json.loads(RESULT.read_text(encoding="utf-8")) if settings.draw else record(settings))


if __name__ == "__main__":
    main()
