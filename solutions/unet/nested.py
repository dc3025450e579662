"""UNet++: a U-Net of every depth inside one another, and a loss for several outputs at once."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from solutions.unet.blocks import DoubleConv, Norm, fit_to


class NestedUNet(nn.Module):
    """UNet++: U-Nets of depth 1, 2, …, `depth` that share their nodes, with an output for each.

    Node (i, j) stands at level i (0: the images' size) and step j. Level i has width · 2^i
    channels.

    - Step 0 is the way down: (0, 0) sees the images, (i, 0) the 2 × 2 max pooling of (i − 1, 0).
    - Node (i, j), j ≥ 1, sees side by side all nodes to its left, (i, 0) … (i, j − 1), and last
      the enlarged node below, (i + 1, j − 1), brought to their size by `fit_to`.

    `nodes`   a ModuleDict: "i_j" is the `DoubleConv` of node (i, j)
    `ups`     a ModuleDict: "i_j", j ≥ 1, is the 2 × 2 transposed convolution of stride 2 that
              enlarges for it, from level i + 1's channels to level i's
    `heads`   a ModuleList of 1 × 1 convolutions from `width` to `classes`: head j − 1 reads node
              (0, j)

    Depth 2 has the nodes 0_0, 1_0, 0_1, 2_0, 1_1, 0_2 and two heads.

    forward: a list of logits of the images' size, the shallowest U-Net's first. With `steps` only
    that many of them, and only the nodes that they need: those with i + j ≤ steps.

    Raises ValueError unless 1 ≤ steps ≤ `depth`. Source: Zhou and others 2018. Peer: MONAI's
    `BasicUNetPlusPlus`, but there level 0 enlarges without halving its channels.
    """

    def __init__(
        self, in_channels: int = 1, classes: int = 1, width: int = 16, depth: int = 4, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.depth = depth
        self.nodes = nn.ModuleDict({"0_0": DoubleConv(in_channels, width, norm)})
        self.ups = nn.ModuleDict()
        for lowest in range(1, depth + 1):
            self.nodes[f"{lowest}_0"] = DoubleConv(widths[lowest - 1], widths[lowest], norm)
            for step in range(1, lowest + 1):
                level = lowest - step
                wide = widths[level]
                self.ups[f"{level}_{step}"] = nn.ConvTranspose2d(2 * wide, wide, 2, 2)
                self.nodes[f"{level}_{step}"] = DoubleConv((step + 1) * wide, wide, norm)
        self.heads = nn.ModuleList(nn.Conv2d(width, classes, 1) for _ in range(depth))

    def forward(
        self, images: Float[Tensor, "N in_channels H W"], steps: int | None = None
    ) -> list[Float[Tensor, "N classes H W"]]:
        wanted = self.depth if steps is None else steps
        if not 1 <= wanted <= self.depth:
            raise ValueError(f"there are 1 to {self.depth} outputs, got steps = {steps}")
        rows = [[self.nodes["0_0"](images)]]  # rows[i] holds the nodes (i, 0), (i, 1), … made so far
        for lowest in range(1, wanted + 1):
            rows.append([self.nodes[f"{lowest}_0"](F.max_pool2d(rows[-1][0], 2))])
            for step in range(1, lowest + 1):
                level = lowest - step
                name, row, below = f"{level}_{step}", rows[level], rows[level + 1][-1]
                larger = fit_to(self.ups[name](below), row[0].shape[-2:])
                row.append(self.nodes[name](torch.cat([*row, larger], dim=1)))
        return [head(node) for head, node in zip(self.heads, rows[0][1:], strict=False)]


def deep_supervision_loss(
    outputs: Sequence[Float[Tensor, "N K _ _"]],
    target: Shaped[Tensor, "N *C H W"],
    loss: Callable[[Tensor, Tensor], Tensor],
    weights: Sequence[float] | None = None,
) -> Float[Tensor, ""]:
    """Judge every output of a network, not only the last: Σ weights[k] · loss(outputs[k], target).

    An output may be smaller than the target, as one from a lower level is. Then the target comes
    down to it, so that labels stay labels: pixel i of h takes the target's pixel ⌊(i + ½) · H / h⌋,
    the one in which its middle lies (of two, the later); columns likewise.

    weights: one for each output, taken as they are. None: 1 / number of outputs each.

    A target row of 6 pixels, `a b c d e f`, for an output of 3: the middles ½, 1½, 2½ lie at 1, 3,
    5, so `b d f`. Losses 0.2 and 0.6: without weights 0.4; with 1 and 0.5, 0.2 + 0.3 = 0.5.

    Raises ValueError if there is no output, or another number of weights than of outputs. Source:
    Lee and others 2015. Peer: MONAI's `DeepSupervisionLoss`, whose default weights are 1, ½, ¼, ….
    """
    if weights is None:
        weights = [1 / max(len(outputs), 1)] * len(outputs)
    if not outputs or len(weights) != len(outputs):
        raise ValueError(f"expected at least one output and a weight for each, got {len(outputs)} and {len(weights)}")
    terms = []
    for out, weight in zip(outputs, weights, strict=True):
        rows, columns = (
            (2 * torch.arange(few, device=target.device) + 1) * many // (2 * few)
            for few, many in zip(out.shape[-2:], target.shape[-2:], strict=True)
        )
        terms.append(weight * loss(out, target[..., rows[:, None], columns]))
    return torch.stack(terms).sum()
