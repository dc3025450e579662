"""An image's tokens together with a table and a note: side by side, or by cross-attention."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from solutions.attention import CrossAttention
from solutions.vit.tables import TabularTokens


class ConcatFusion(nn.Module):
    """The simplest fusion: the mean of an image's tokens, the table's row beside it, and a small
    network over both.

    `fc1`: Linear from dim + features (the image first) to `hidden`; ReLU; `fc2`: Linear from
    hidden to `classes`, the logits.
    """

    def __init__(self, dim: int, features: int, classes: int, hidden: int = 64) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim + features, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(
        self, image_tokens: Float[Tensor, "N n dim"], table: Float[Tensor, "N F"]
    ) -> Float[Tensor, "N classes"]:
        both = torch.cat([image_tokens.mean(1), table], dim=1)
        out: Tensor = self.fc2(self.fc1(both).relu())
        return out


class CrossAttentionFusion(nn.Module):
    """Every place of the image looks at the table and at the words of the note.

    `columns`  `TabularTokens(features, dim)`
    `words`    `nn.Embedding(vocabulary + 2, dim)` for the numbers of `note_tokens`;
               None where `vocabulary`, the number of known words, is 0
    `attend`   lesson 03's `CrossAttention(dim, dim, heads)`
    `norm`     `nn.LayerNorm(dim, eps=1e-6)`
    `head`     Linear from dim to `classes`

    forward: the context is the table's F tokens, then the note's L words, if notes are given;
    m = F + L. Words of number 0 are padding, which nobody looks at. The image's tokens are the
    queries. What they find is added to them, the sum goes through `norm`, and the mean over the
    n tokens through `head`: logits. With `need_weights` the answer is a pair, the logits and the
    weights (N, heads, n, m).

    Raises ValueError for notes where `vocabulary` is 0, and unless `heads` divides `dim`.
    """

    def __init__(self, dim: int, features: int, classes: int, heads: int = 4, vocabulary: int = 0) -> None:
        super().__init__()
        self.columns = TabularTokens(features, dim)
        self.words = nn.Embedding(vocabulary + 2, dim) if vocabulary else None
        self.attend = CrossAttention(dim, dim, heads)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def forward(
        self,
        image_tokens: Float[Tensor, "N n dim"],
        table: Float[Tensor, "N F"],
        notes: Int[Tensor, "N L"] | None = None,
        need_weights: bool = False,
    ) -> Float[Tensor, "N classes"] | tuple[Float[Tensor, "N classes"], Float[Tensor, "N heads n m"]]:
        context, padding = self.columns(table), None
        if notes is not None:
            if self.words is None:
                raise ValueError("notes came, but this layer was built with vocabulary=0 and knows no words")
            context = torch.cat([context, self.words(notes)], dim=1)
            padding = torch.cat([torch.zeros_like(table, dtype=torch.bool), notes == 0], dim=1)
        found, weights = self.attend(image_tokens, context, padding, need_weights=True)
        logits: Tensor = self.head(self.norm(image_tokens + found).mean(1))
        return (logits, weights) if need_weights else logits
