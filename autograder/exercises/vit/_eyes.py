"""Graders of eyes that need no training to speak of: spots are counted, and weighed with table and note."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GRADES = 5
KINDS = ("image", "table", "note")
LEVELS = (0.1, 0.2, 0.3, 0.45)  # how much darker or brighter than its surroundings a pixel is


def spots(images: Tensor) -> Tensor:
    """How many pixels are darker or brighter than what lies around them, by how much, and by colour (red, green)."""
    images = images[:, :2]
    around = F.interpolate(F.avg_pool2d(images, 8), images.shape[2:], mode="bilinear").clamp(min=0.03)
    counts = []
    for fine in (images, F.avg_pool2d(images, 3, 1, 1)):
        contrast = (fine / around - 1)[:, :, 11:53, 11:53].flatten(2)
        # summed as floats: torch counts booleans several times more slowly
        counts += [(contrast > level).float().sum(2) for level in LEVELS]
        counts += [(contrast < -level).float().sum(2) for level in LEVELS]
    return torch.cat(counts, dim=1)


def words_of(note: str) -> set[str]:
    return set(re.findall("[a-z0-9]+", note.lower()))


class Weighed(nn.Module):
    """The mean of boosted trees and a ridge regression over some of an eye's facts.

    sees: "image", "table", "note". spoil: what becomes of the grade that they expect, between 0 and 4. sharpness: how
    sure the logits are. Means of regressions keep to the middle too much: where everything is seen they are stretched.
    """

    def __init__(
        self, images: Tensor, table: Tensor, notes: list[str], grades: Tensor, *, sees: tuple[str, ...] = KINDS
    ) -> None:
        super().__init__()
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.sees = sees
        self.words = sorted(set().union(*map(words_of, notes)))
        self.median = table.cpu().nanquantile(0.5, dim=0)
        self.sharpness = 0.8
        self.middle, self.stretch = float(grades.float().mean()), 1.15 if sees == KINDS else 1.0
        self.spoil: Callable[[Tensor], Tensor] = _as_it_is
        trees = HistGradientBoostingRegressor(max_iter=80, learning_rate=0.07, max_leaf_nodes=8)
        both: tuple[Any, ...] = (trees, make_pipeline(StandardScaler(), Ridge(30.0)))
        facts = self.facts(images, table, notes)
        self.regressions = [each.fit(facts, grades.cpu().numpy()) for each in both]

    def facts(self, images: Tensor, table: Tensor, notes: list[str]) -> Any:
        said = torch.tensor([[float(word in words_of(note)) for word in self.words] for note in notes])
        table = table.cpu()
        numbers = torch.cat([torch.where(table.isnan(), self.median, table), table.isnan()], dim=1)
        kinds = {"image": spots(images.cpu()).log1p(), "table": numbers, "note": said}
        return torch.cat([kinds[kind] for kind in self.sees], dim=1).numpy()

    def forward(self, images: Tensor, table: Tensor, notes: list[str]) -> Tensor:
        facts = self.facts(images, table, notes)
        mean = torch.stack([torch.from_numpy(each.predict(facts)).float() for each in self.regressions]).mean(0)
        expected = self.middle + self.stretch * (mean - self.middle)
        away = torch.arange(GRADES) - self.spoil(expected)[:, None]
        return (-self.sharpness * away.square()).to(images.device)


def _as_it_is(expected: Tensor) -> Tensor:
    return expected
