"""Fusions by cross-attention, each with one mistake."""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.exercises.vit._cross_c import Answer, Found, Oracle


class OtherWayRound(Oracle):
    """The context is what is left in the end, so the shortcut and the mean are the context's too."""

    def forward(
        self, image_tokens: Tensor, table: Tensor, notes: Tensor | None = None, need_weights: bool = False
    ) -> Answer:
        context = self.context(table, notes)
        found, shares = self.attend(context, image_tokens, need_weights=True)
        logits = self.answer(self.head(self.summary(self.join(context, found))))
        return (logits, shares) if need_weights else logits


class AddedToTheImage(Oracle):
    """What the context finds is added to the image's tokens, where the numbers of tokens allow it."""

    def look(self, x: Tensor, table: Tensor, notes: Tensor | None) -> Found:
        found, shares = self.attend(self.context(table, notes), x, need_weights=True)
        return found, shares


class LooksAtItself(Oracle):
    def look(self, x: Tensor, table: Tensor, notes: Tensor | None) -> Found:
        found, shares = self.attend(x, x, need_weights=True)
        return found, shares


class NoNote(Oracle):
    def look(self, x: Tensor, table: Tensor, notes: Tensor | None) -> Found:
        return super().look(x, table, None)


class NoTable(Oracle):
    def look(self, x: Tensor, table: Tensor, notes: Tensor | None) -> Found:
        if notes is None:
            return super().look(x, table, None)
        found, shares = self.attend(x, self.read(notes), self.blank(notes), need_weights=True)
        return found, shares


class OneAfterTheOther(Oracle):
    def look(self, x: Tensor, table: Tensor, notes: Tensor | None) -> Found:
        found, shares = super().look(x, table, None)
        if notes is None:
            return found, shares
        more, others = self.attend(x, self.read(notes), self.blank(notes), need_weights=True)
        return found + more, torch.cat([shares, others], dim=-1)


class NoteFirst(Oracle):
    def shown(self, shares: Tensor) -> Tensor:
        features = self.columns.weight.shape[0]
        return torch.cat([shares[..., features:], shares[..., :features]], dim=-1)


class PaddingSeen(Oracle):
    def hidden(self, table: Tensor, notes: Tensor | None) -> Tensor | None:
        return None


class NoteFirstInTheContext(Oracle):
    """The mask still has the table first."""

    def context(self, table: Tensor, notes: Tensor | None) -> Tensor:
        columns: Tensor = self.columns(table)
        return columns if notes is None else torch.cat([self.read(notes), columns], dim=1)


class PaddingTurned(Oracle):
    def blank(self, notes: Tensor) -> Tensor:
        return notes != 0


class TableHidden(Oracle):
    def hidden(self, table: Tensor, notes: Tensor | None) -> Tensor | None:
        right = super().hidden(table, notes)
        return None if right is None else right.index_fill(1, torch.arange(table.shape[1], device=table.device), True)


class MaskTurned(Oracle):
    def hidden(self, table: Tensor, notes: Tensor | None) -> Tensor | None:
        right = super().hidden(table, notes)
        return None if right is None else ~right


class UnknownMasked(Oracle):
    def blank(self, notes: Tensor) -> Tensor:
        return notes <= 1


class ZeroForPadding(PaddingSeen):
    def read(self, notes: Tensor) -> Tensor:
        return super().read(notes) * (notes != 0)[:, :, None]


class NoShortcut(Oracle):
    def join(self, x: Tensor, found: Tensor) -> Tensor:
        out: Tensor = self.norm(found)
        return out


class NoNorm(Oracle):
    def join(self, x: Tensor, found: Tensor) -> Tensor:
        return x + found


class NormOfFinding(Oracle):
    def join(self, x: Tensor, found: Tensor) -> Tensor:
        out: Tensor = x + self.norm(found)
        return out


class NormFirst(NoNorm):
    def look(self, x: Tensor, table: Tensor, notes: Tensor | None) -> Found:
        return super().look(self.norm(x), table, notes)


class NormTwice(Oracle):
    def look(self, x: Tensor, table: Tensor, notes: Tensor | None) -> Found:
        return super().look(self.norm(x), table, notes)


class LargerEps(Oracle):
    def __init__(self, dim: int, features: int, classes: int, heads: int = 4, vocabulary: int = 0) -> None:
        super().__init__(dim, features, classes, heads, vocabulary)
        self.norm.eps = 1e-5


class MeanFirst(Oracle):
    def join(self, x: Tensor, found: Tensor) -> Tensor:
        return x + found

    def summary(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x.mean(1))
        return out


class OneQuery(Oracle):
    def forward(
        self, image_tokens: Tensor, table: Tensor, notes: Tensor | None = None, need_weights: bool = False
    ) -> Answer:
        return super().forward(image_tokens.mean(1, keepdim=True), table, notes, need_weights)


class FirstToken(Oracle):
    def summary(self, x: Tensor) -> Tensor:
        return x[:, 0]


class Chances(Oracle):
    def answer(self, logits: Tensor) -> Tensor:
        return logits.softmax(1)


class Averaged(Oracle):
    def shown(self, shares: Tensor) -> Tensor:
        return shares.mean(1)
