"""Masked autoencoding: hide most patches, and learn by filling them in."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from solutions.vit.blocks import TransformerBlock
from solutions.vit.net import VisionTransformer
from solutions.vit.patches import patchify
from solutions.vit.positions import sincos_2d


def random_masking(
    tokens: Float[Tensor, "N n dim"], noise: Float[Tensor, "N n"], keep: int
) -> tuple[Float[Tensor, "N keep dim"], Float[Tensor, "N n"], Int[Tensor, "N n"]]:
    """Keep some tokens of each image, chosen by `noise`, and hide the others.

    The `keep` tokens with the smallest noise stay, that with the smallest of all first. Returned
    are (kept, mask, order). `mask` has the tokens' dtype, and 1 where a token is hidden, 0 where
    it is kept, in the tokens' own order. `order` says for each token which place it takes when
    the tokens of its image are sorted by noise: kept are those with a place below `keep`.

    Tokens [10], [20], [30], [40], noise 0.6, 0.1, 0.9, 0.3, keep 2: kept [20], [40]; mask 1, 0,
    1, 0; order 2, 0, 3, 1, as token 0 comes third, token 1 first, and so on.

    The noise of an image has no number twice. Raises ValueError unless 1 ≤ keep ≤ n. Source: He
    and others 2022 (MAE), section 3.
    """
    if not 1 <= keep <= tokens.shape[1]:
        raise ValueError(f"keep must be 1 to {tokens.shape[1]}, the number of tokens; got {keep}")
    by_noise = noise.argsort(1)
    order = by_noise.argsort(1)
    kept = tokens.take_along_dim(by_noise[:, :keep, None], 1)
    return kept, (order >= keep).to(tokens.dtype), order


def restore_masked(
    kept: Float[Tensor, "N keep dim"], mask_token: Float[Tensor, "1 1 dim"], order: Int[Tensor, "N n"]
) -> Float[Tensor, "N n dim"]:
    """Put the kept tokens of `random_masking` back where they came from, and the mask token, which
    all hidden places share, everywhere else.

    `order` as from `random_masking`: a token of place k in it is `kept[:, k]`, and the mask token
    where k isn't below keep.

    Kept [20], [40], mask token [0], order 2, 0, 3, 1: [0], [20], [0], [40].
    """
    hidden = mask_token.expand(len(kept), order.shape[1] - kept.shape[1], -1)
    return torch.cat([kept, hidden], dim=1).take_along_dim(order[:, :, None], 1)


def masked_loss(
    predicted: Float[Tensor, "N n p"],
    patches: Float[Tensor, "N n p"],
    mask: Float[Tensor, "N n"],
    normalise: bool = True,
) -> Float[Tensor, ""]:
    """The mean squared error of the hidden patches' numbers: where `mask` is 1. The others, which
    the encoder has seen, don't count.

    With `normalise` each true patch is first brought to mean 0 and variance 1 over its own p
    numbers: divided by √(variance + 1e-6), the variance being the unbiased one, divided by
    p − 1. So a patch in the shade counts as much as one in the sun.

    Patches [1, 3] and [5, 5], predictions [0, 0] and [1, 2], the first one hidden. Not
    normalised: (1 + 9) / 2 = 5. Normalised: the mean is 2, the variance (1 + 1) / 1 = 2, so the
    patch is [−0.707, 0.707] and the loss (0.5 + 0.5) / 2 = 0.5.

    At least one patch is hidden. Source: He and others 2022 (MAE), section 3.
    """
    if normalise:
        variance, mean = torch.var_mean(patches, dim=-1, keepdim=True)
        patches = (patches - mean) * (variance + 1e-6).rsqrt()
    error = (predicted - patches).square().mean(-1)
    return (error * mask).sum() / mask.sum()


class MaskedAutoencoder(nn.Module):
    """Teaches `encoder` to see, without any label: from a few patches of an image a small decoder
    must draw the others.

    `encoder`: a `VisionTransformer` with a class token, which it always gets. It never sees a
    hidden patch, so it is quick; afterwards it is used on whole images. The decoder (`embed`,
    `mask_token`, `blocks`, `norm`, `predict`; `dim` numbers a token) gets all places, hidden
    ones as the mask token, each with its position in waves. It is thrown away in the end.

    ratio: the share of patches that are hidden. forward: the loss; `noise` (N, n), n the number
    of patches, decides which patches are hidden. `draw` gives predicted patches and mask.

    Raises ValueError for an encoder without a class token. Source: He and others 2022 (MAE).
    """

    positions: Tensor

    def __init__(
        self, encoder: VisionTransformer, dim: int = 64, depth: int = 1, heads: int = 4, ratio: float = 0.75
    ) -> None:
        super().__init__()
        if encoder.cls_token is None:
            raise ValueError("expected an encoder with a class token")
        size, rows_and_columns = encoder.patch_embed.patch_size, encoder.old_grid
        places = rows_and_columns[0] * rows_and_columns[1]
        self.encoder = encoder
        self.keep = max(1, int(places * (1 - ratio)))
        self.embed = nn.Linear(encoder.pos_embed.shape[-1], dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        waves = torch.cat([torch.zeros(1, dim), sincos_2d(rows_and_columns, dim)])
        self.register_buffer("positions", waves[None])
        self.blocks = nn.Sequential(*(TransformerBlock(dim, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.predict = nn.Linear(dim, encoder.patch_embed.proj.in_channels * size**2)

    def draw(
        self, images: Float[Tensor, "N C H W"], noise: Float[Tensor, "N n"]
    ) -> tuple[Float[Tensor, "N n p"], Float[Tensor, "N n"]]:
        """The patches as the decoder draws them, and which of them were hidden (1)."""
        encoder = self.encoder
        tokens = encoder.patch_embed(images) + encoder.pos_embed[:, 1:]
        kept, mask, order = random_masking(tokens, noise, self.keep)
        assert encoder.cls_token is not None
        first = (encoder.cls_token + encoder.pos_embed[:, :1]).expand(len(images), -1, -1)
        seen = self.embed(encoder.norm(encoder.blocks(torch.cat([first, kept], dim=1))))
        places = restore_masked(seen[:, 1:], self.mask_token, order)
        decoded = self.blocks(torch.cat([seen[:, :1], places], dim=1) + self.positions)
        return self.predict(self.norm(decoded))[:, 1:], mask

    def forward(self, images: Float[Tensor, "N C H W"], noise: Float[Tensor, "N n"]) -> Float[Tensor, ""]:
        predicted, mask = self.draw(images, noise)
        return masked_loss(predicted, patchify(images, self.encoder.patch_embed.patch_size), mask)
