"""The whole vision transformer of torch.nn's layers: the oracle, and what goes wrong with it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from autograder.exercises.vit._vit import EPS, Block, PatchEmbed, resized, under_other_names

STD = 0.02  # of first weights


class Oracle(nn.Module):
    """The network. What wrong answers do differently has a method or an attribute of its own."""

    cls_token: nn.Parameter | None
    eps = EPS
    cut = 2 * STD  # where the normal distribution of first weights ends

    def __init__(
        self,
        dim: int = 192,
        depth: int = 12,
        heads: int = 3,
        image_size: int = 224,
        patch_size: int = 16,
        in_channels: int = 3,
        num_classes: int = 1000,
        mlp_ratio: float = 4.0,
        class_token: bool = True,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        side = image_size // patch_size
        self.side = side
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim)) if class_token else None
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side + class_token, dim))
        self.patch_embed = PatchEmbed(patch_size, in_channels, dim)
        blocks = [Block(dim, heads, mlp_ratio, self.rate(index, depth, drop_path)) for index in range(depth)]
        self.blocks = nn.Sequential(*self.stacked(blocks))
        self.norm = nn.LayerNorm(dim, eps=self.eps) if class_token else nn.Identity()
        self.fc_norm = nn.Identity() if class_token else nn.LayerNorm(dim, eps=self.eps)
        self.head = nn.Linear(dim, num_classes)
        self.begin()

    def rate(self, index: int, depth: int, drop_path: float) -> float:
        return drop_path * index / max(1, depth - 1)

    def stacked(self, blocks: list[Block]) -> list[Block]:
        return blocks

    def begin(self) -> None:
        """First weights."""
        for part in self.modules():
            if isinstance(part, nn.Linear):
                self.filled(part.weight)
                nn.init.zeros_(part.bias)
        self.filled(self.pos_embed)

    def filled(self, weight: Tensor) -> None:
        nn.init.trunc_normal_(weight, std=STD, a=-self.cut, b=self.cut)

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Those of an image with this grid of patches."""
        extra = 0 if self.cls_token is None else 1
        places = resized(self.pos_embed[:, extra:], (self.side, self.side), grid)
        return torch.cat([self.pos_embed[:, :extra], places], dim=1)

    def placed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Tokens with the class token and positions."""
        if self.cls_token is not None:
            tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        return tokens + positions

    def embed(self, images: Tensor) -> Tensor:
        size = self.patch_embed.patch_size
        grid = (images.shape[2] // size, images.shape[3] // size)
        return self.placed(self.patch_embed(images), self.positions(grid))

    def one_token(self, tokens: Tensor) -> Tensor:
        """What is read off the tokens behind the blocks."""
        out: Tensor = self.fc_norm(tokens.mean(1)) if self.cls_token is None else self.norm(tokens)[:, 0]
        return out

    def read(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.head(self.one_token(tokens))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.read(self.blocks(self.embed(images)))


# --- what is read ----------------------------------------------------------------------------------------------------


class LastToken(Oracle):
    def one_token(self, tokens: Tensor) -> Tensor:
        return super().one_token(tokens) if self.cls_token is None else self.norm(tokens)[:, -1]


class MeanOfAll(Oracle):
    def one_token(self, tokens: Tensor) -> Tensor:
        return super().one_token(tokens) if self.cls_token is None else self.norm(tokens).mean(1)


class MeanOfPatches(Oracle):
    def one_token(self, tokens: Tensor) -> Tensor:
        return super().one_token(tokens) if self.cls_token is None else self.norm(tokens)[:, 1:].mean(1)


class FirstPatch(Oracle):
    """Without a class token, what stands where it would."""

    def one_token(self, tokens: Tensor) -> Tensor:
        return self.fc_norm(tokens[:, 0]) if self.cls_token is None else super().one_token(tokens)


class SumOfPatches(Oracle):
    def one_token(self, tokens: Tensor) -> Tensor:
        return self.fc_norm(tokens.sum(1)) if self.cls_token is None else super().one_token(tokens)


class NormBeforeTheMean(Oracle):
    def one_token(self, tokens: Tensor) -> Tensor:
        return self.fc_norm(tokens).mean(1) if self.cls_token is None else super().one_token(tokens)


class NoNorm(Oracle):
    """The norm with a class token; it is made, and isn't used."""

    def one_token(self, tokens: Tensor) -> Tensor:
        return super().one_token(tokens) if self.cls_token is None else tokens[:, 0] + 0 * self.norm(tokens)[:, 0]


class NoFcNorm(Oracle):
    def one_token(self, tokens: Tensor) -> Tensor:
        if self.cls_token is not None:
            return super().one_token(tokens)
        unused: Tensor = 0 * self.fc_norm(tokens.mean(1))
        return tokens.mean(1) + unused


class LargeEps(Oracle):
    eps = 1e-5


class Probabilities(Oracle):
    def read(self, tokens: Tensor) -> Tensor:
        return super().read(tokens).softmax(1)


# --- what goes into the blocks ---------------------------------------------------------------------------------------


class TokenAtTheEnd(Oracle):
    """Behind the patches, with the last position; and read there."""

    def placed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        if self.cls_token is not None:
            tokens = torch.cat([tokens, self.cls_token.expand(len(tokens), -1, -1)], dim=1)
        return tokens + positions

    def one_token(self, tokens: Tensor) -> Tensor:
        return super().one_token(tokens) if self.cls_token is None else self.norm(tokens)[:, -1]


class TokenAtTheEndUnread(TokenAtTheEnd):
    """Behind the patches, but the first token is read."""

    def one_token(self, tokens: Tensor) -> Tensor:
        return Oracle.one_token(self, tokens)


class NoPositions(Oracle):
    def placed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        return super().placed(tokens, 0 * positions)


class NoPositionForTheToken(Oracle):
    """Positions are added to the patches, and the class token comes after."""

    def placed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        first = torch.zeros_like(positions[:, : 0 if self.cls_token is None else 1])
        return super().placed(tokens, torch.cat([first, positions[:, first.shape[1] :]], dim=1))


class PositionsOfOthers(Oracle):
    """Patches get the positions from the first row on, the class token none."""

    def placed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        if self.cls_token is None:
            return super().placed(tokens, positions)
        return super().placed(tokens, torch.cat([0 * positions[:, :1], positions[:, :-1]], dim=1))


class CutPositions(Oracle):
    """For images of another size, the first rows, and from the start again where they don't suffice."""

    def positions(self, grid: tuple[int, int]) -> Tensor:
        wanted = grid[0] * grid[1] + (self.cls_token is not None)
        rows = torch.arange(wanted, device=self.pos_embed.device) % self.pos_embed.shape[1]
        return self.pos_embed[:, rows]


class GridTurned(Oracle):
    """Columns before rows."""

    def positions(self, grid: tuple[int, int]) -> Tensor:
        return super().positions((grid[1], grid[0]))


# --- the blocks ------------------------------------------------------------------------------------------------------


class OneBlockOften(Oracle):
    """`[block] * depth`."""

    def stacked(self, blocks: list[Block]) -> list[Block]:
        return [blocks[0]] * len(blocks)


class LastBlockMissing(Oracle):
    def forward(self, images: Tensor) -> Tensor:
        tokens = self.embed(images)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        return self.read(tokens + 0 * self.blocks[-1](tokens))


class Backwards(Oracle):
    def forward(self, images: Tensor) -> Tensor:
        tokens = self.embed(images)
        for block in reversed(list(self.blocks)):
            tokens = block(tokens)
        return self.read(tokens)


class NeverDrops(Oracle):
    def rate(self, index: int, depth: int, drop_path: float) -> float:
        return 0.0


class OneRate(Oracle):
    def rate(self, index: int, depth: int, drop_path: float) -> float:
        return drop_path


class RatesFalling(Oracle):
    def rate(self, index: int, depth: int, drop_path: float) -> float:
        return super().rate(depth - 1 - index, depth, drop_path)


class RatesByDepth(Oracle):
    def rate(self, index: int, depth: int, drop_path: float) -> float:
        return drop_path * index / depth


class RatesFromOne(Oracle):
    def rate(self, index: int, depth: int, drop_path: float) -> float:
        return drop_path * (index + 1) / depth


# --- first weights ---------------------------------------------------------------------------------------------------


class DefaultStart(Oracle):
    def begin(self) -> None:
        self.filled(self.pos_embed)


class Uncut(Oracle):
    cut = 2.0  # nn.init.trunc_normal_'s own


class UniformStart(Oracle):
    def filled(self, weight: Tensor) -> None:
        nn.init.uniform_(weight, -self.cut, self.cut)


class PositionsFromZero(Oracle):
    def begin(self) -> None:
        super().begin()
        nn.init.zeros_(self.pos_embed)


class LargePositions(Oracle):
    def begin(self) -> None:
        super().begin()
        nn.init.normal_(self.pos_embed)


class BiasedStart(Oracle):
    """Weights are filled, biases left as nn.Linear makes them."""

    def begin(self) -> None:
        for part in self.modules():
            if isinstance(part, nn.Linear):
                self.filled(part.weight)
        self.filled(self.pos_embed)


class RandomToken(Oracle):
    def begin(self) -> None:
        super().begin()
        if self.cls_token is not None:
            nn.init.normal_(self.cls_token, std=STD)


OTHERS = {"patch_embed": "patches", "blocks": "layers", "norm": "last_norm", "head": "classifier"}
OtherNames: Any = under_other_names(Oracle, OTHERS)
