"""An image as a row of tokens: its patches, flattened and projected; or what a few convolutions see."""

from jaxtyping import Float
from torch import Tensor, nn


def patchify(images: Float[Tensor, "N C H W"], size: int) -> Float[Tensor, "N n C*size*size"]:
    """Cut images into patches of `size` × `size` pixels that lie side by side, and make each a
    row of numbers.

    The patches come row by row, as one reads; n = (H / size) · (W / size). Within a patch the
    channel comes first, then the row, then the column: the order in which a convolution's kernel
    (dim, C, size, size) is flattened.

    The image [[1, 2, 3, 4], [5, 6, 7, 8]], size 2: two patches, [1, 2, 5, 6] and [3, 4, 7, 8].

    Raises ValueError unless `size` divides H and W. Peer: `F.unfold(images, size, stride=size)`,
    transposed. (MAE's own `patchify` puts the channel last.)
    """
    height, width = images.shape[-2:]
    if height % size or width % size:
        raise ValueError(f"patches of {size} × {size} pixels don't fill an image of {height} × {width}")
    cut: Tensor = images.unflatten(3, (-1, size)).unflatten(2, (-1, size))  # N C rows size columns size
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpatchify(patches: Float[Tensor, "N n C*size*size"], size: int, grid: tuple[int, int]) -> Float[Tensor, "N C H W"]:
    """Undo `patchify`: put the patches back. `grid` is how many patches there are from top to
    bottom and from left to right; H = grid[0] · size, W = grid[1] · size.

    Patches [1, 2, 5, 6] and [3, 4, 7, 8], size 2, grid (1, 2): [[1, 2, 3, 4], [5, 6, 7, 8]].

    Raises ValueError unless there are grid[0] · grid[1] patches of a multiple of size² numbers.
    """
    if patches.shape[1] != grid[0] * grid[1] or patches.shape[2] % size**2:
        raise ValueError(
            f"expected {grid[0]} × {grid[1]} patches of a multiple of {size}² numbers, got {tuple(patches.shape[1:])}"
        )
    cut: Tensor = patches.unflatten(2, (-1, size, size)).unflatten(1, grid)  # N rows columns C size size
    return cut.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


class PatchEmbed(nn.Module):
    """Each patch becomes a token of `dim` numbers: all patches go through one linear layer.

    `proj`: an `nn.Conv2d(in_channels, dim, patch_size, patch_size)` that holds the weights under
    the name and in the shape in which the published ones come. It is never called: its kernels,
    flattened, are the linear layer's rows, and `patchify` makes what they are multiplied with.
    That is what a convolution with stride = kernel size computes.

    forward: tokens in the order of `patchify`.

    Source: Dosovitskiy and others 2021, section 3.1. Peer: `timm.layers.PatchEmbed`.
    """

    def __init__(self, patch_size: int = 16, in_channels: int = 3, dim: int = 768) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.proj = nn.Conv2d(in_channels, dim, patch_size, patch_size)

    def forward(self, images: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N n dim"]:
        patches = patchify(images, self.patch_size)
        return nn.functional.linear(patches, self.proj.weight.flatten(1), self.proj.bias)
