"""The fusion by cross-attention that answers are compared with, in parts that can go wrong."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from autograder.exercises.attention.crossing import Oracle as CrossAttention
from autograder.exercises.vit.tabular import Oracle as Columns

Answer = Tensor | tuple[Tensor, Tensor]
Found = tuple[Tensor, Tensor]


class Oracle(nn.Module):
    def __init__(self, dim: int, features: int, classes: int, heads: int = 4, vocabulary: int = 0) -> None:
        super().__init__()
        self.columns = Columns(features, dim)
        self.words = nn.Embedding(vocabulary + 2, dim) if vocabulary else None
        self.attend = CrossAttention(dim, dim, heads)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def context(self, table: Tensor, notes: Tensor | None) -> Tensor:
        columns: Tensor = self.columns(table)
        return columns if notes is None else torch.cat([columns, self.read(notes)], dim=1)

    def read(self, notes: Tensor) -> Tensor:
        assert self.words is not None
        found: Tensor = self.words(notes)
        return found

    def hidden(self, table: Tensor, notes: Tensor | None) -> Tensor | None:
        """True where nobody may look."""
        if notes is None:
            return None
        columns = torch.zeros(table.shape, dtype=torch.bool, device=table.device)
        return torch.cat([columns, self.blank(notes)], dim=1)

    def blank(self, notes: Tensor) -> Tensor:
        return notes == 0

    def look(self, x: Tensor, table: Tensor, notes: Tensor | None) -> Found:
        found, shares = self.attend(x, self.context(table, notes), self.hidden(table, notes), need_weights=True)
        return found, shares

    def join(self, x: Tensor, found: Tensor) -> Tensor:
        out: Tensor = self.norm(x + found)
        return out

    def summary(self, x: Tensor) -> Tensor:
        return x.mean(1)

    def answer(self, logits: Tensor) -> Tensor:
        return logits

    def shown(self, shares: Tensor) -> Tensor:
        return shares

    def forward(
        self, image_tokens: Tensor, table: Tensor, notes: Tensor | None = None, need_weights: bool = False
    ) -> Answer:
        found, shares = self.look(image_tokens, table, notes)
        logits = self.answer(self.head(self.summary(self.join(image_tokens, found))))
        return (logits, self.shown(shares)) if need_weights else logits
