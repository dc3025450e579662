"""Right answers about patches, places and norms that look different from the reference."""

import math

import torch
import torch.nn.functional as F
from torch import nn

# --- patches ---------------------------------------------------------------------------------------------------------


def patchify_by_slices(images, size):
    rows, columns = images.shape[2] // size, images.shape[3] // size
    cut = [
        images[:, :, y * size : (y + 1) * size, x * size : (x + 1) * size].flatten(1)
        for y in range(rows)
        for x in range(columns)
    ]
    return torch.stack(cut, dim=1)


def patchify_by_windows(images, size):
    """Tensor.unfold cuts an axis into windows, which stand last."""
    windows = images.unfold(2, size, size).unfold(3, size, size)
    return windows.permute(0, 2, 3, 1, 4, 5).reshape(len(images), -1, images.shape[1] * size * size)


def patchify_by_einsum(images, size):
    n, c, height, width = images.shape
    apart = images.reshape(n, c, height // size, size, width // size, size)
    return torch.einsum("nchpwq->nhwcpq", apart).reshape(n, -1, c * size**2)


def patchify_by_chunks(images, size):
    """Strips first, then pieces of strips."""
    strips = images.split(size, dim=2)
    return torch.stack([piece.flatten(1) for strip in strips for piece in strip.split(size, dim=3)], 1)


def unpatchify_by_slices(patches, size, grid):
    images = patches.new_zeros(len(patches), patches.shape[2] // size**2, grid[0] * size, grid[1] * size)
    for number in range(patches.shape[1]):
        y, x = divmod(number, grid[1])
        images[:, :, y * size : (y + 1) * size, x * size : (x + 1) * size] = patches[:, number].reshape(
            len(patches), -1, size, size
        )
    return images


def unpatchify_by_cat(patches, size, grid):
    pieces = [patch.unflatten(1, (-1, size, size)) for patch in patches.unbind(1)]
    strips = [torch.cat(pieces[y * grid[1] : (y + 1) * grid[1]], dim=3) for y in range(grid[0])]
    return torch.cat(strips, dim=2)


def unpatchify_by_einsum(patches, size, grid):
    n, _, numbers = patches.shape
    apart = patches.reshape(n, *grid, numbers // size**2, size, size)
    return torch.einsum("nhwcpq->nchpwq", apart).reshape(n, -1, grid[0] * size, grid[1] * size)


class EmbedByEinsum(nn.Module):
    """Image and kernels, both with their axes apart."""

    def __init__(self, patch_size=16, in_channels=3, dim=768):
        super().__init__()
        self.patch_size = patch_size
        self.proj = nn.Conv2d(in_channels, dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, images):
        n, c, height, width = images.shape
        size = self.patch_size
        apart = images.reshape(n, c, height // size, size, width // size, size)
        tokens = torch.einsum("nchpwq,dcpq->nhwd", apart, self.proj.weight)
        return tokens.flatten(1, 2) + self.proj.bias


class EmbedByParameters(nn.Module):
    """Weights of the convolution's shape, without a convolution."""

    def __init__(self, patch_size=16, in_channels=3, dim=768):
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(dim, in_channels, patch_size, patch_size))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, images):
        patches = patchify_by_windows(images, self.weight.shape[-1])
        return torch.addmm(self.bias, patches.flatten(0, 1), self.weight.flatten(1).T).unflatten(0, patches.shape[:2])


class EmbedPatchByPatch(EmbedByEinsum):
    def forward(self, images):
        rows = self.proj.weight.reshape(len(self.proj.weight), -1)
        patches = patchify_by_slices(images, self.patch_size)
        return torch.stack([patch @ rows.T + self.proj.bias for patch in patches.unbind(1)], dim=1)


# --- places ----------------------------------------------------------------------------------------------------------


def sincos_in_loops(grid, dim, base=10_000.0):
    count = dim // 4
    waves = [1 / base ** (k / count) for k in range(count)]
    rows = []
    for y in range(grid[0]):
        for x in range(grid[1]):
            quarters = [[turn(place * wave) for wave in waves] for turn in (math.sin, math.cos) for place in (y, x)]
            rows.append([number for quarter in quarters for number in quarter])
    return torch.tensor(rows)


def sincos_by_meshgrid(grid, dim, base=10_000.0):
    y, x = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    waves = torch.exp(torch.linspace(0, -math.log(base), dim // 4 + 1)[:-1])
    down, across = torch.outer(y.flatten(), waves), torch.outer(x.flatten(), waves)
    return torch.hstack([torch.sin(down), torch.sin(across), torch.cos(down), torch.cos(across)])


def sincos_by_complex_numbers(grid, dim, base=10_000.0):
    """exp(iφ) holds both cosine and sine."""
    waves = torch.logspace(0, -1, dim // 4 + 1, base=base, dtype=torch.float64)[:-1]
    turns = [torch.exp(1j * torch.arange(side)[:, None] * waves) for side in grid]
    down = turns[0].repeat_interleave(grid[1], 0)
    across = turns[1].repeat(grid[0], 1)
    return torch.cat([down.imag, across.imag, down.real, across.real], 1).float()


def positions_in_two_parts(tokens, pos_embed, cls_token=None):
    if cls_token is None:
        return tokens + pos_embed
    first = (cls_token + pos_embed[:, :1]).repeat(len(tokens), 1, 1)
    return torch.cat([first, tokens + pos_embed[:, 1:]], 1)


def positions_into_their_places(tokens, pos_embed, cls_token=None):
    out = pos_embed.repeat(len(tokens), 1, 1)
    if cls_token is None:
        return out + tokens
    out[:, 0] = out[:, 0] + cls_token[0, 0]
    out[:, 1:] = out[:, 1:] + tokens
    return out


def positions_by_padding(tokens, pos_embed, cls_token=None):
    """The class token added to the row of zeros in front."""
    if cls_token is not None:
        tokens = F.pad(tokens, (0, 0, 1, 0))
        pos_embed = pos_embed + F.pad(cls_token, (0, 0, 0, pos_embed.shape[1] - 1))
    return tokens + pos_embed


def interpolate_by_reshape(pos_embed, grid, old_grid=None, extra=1):
    dim = pos_embed.shape[2]
    if old_grid is None:
        old_grid = (math.isqrt(pos_embed.shape[1] - extra),) * 2
    picture = pos_embed[:, extra:].reshape(1, *old_grid, dim).permute(0, 3, 1, 2)
    picture = F.interpolate(picture, size=grid, mode="bicubic", antialias=True, align_corners=False)
    return torch.cat((pos_embed[:, :extra], picture.permute(0, 2, 3, 1).reshape(1, -1, dim)), dim=1)


def interpolate_channel_by_channel(pos_embed, grid, old_grid=None, extra=1):
    extras, places = pos_embed.split([extra, pos_embed.shape[1] - extra], dim=1)
    side = math.isqrt(places.shape[1])
    pictures = places.transpose(1, 2).unflatten(2, old_grid or (side, side))
    new = [F.interpolate(one[:, None], grid, mode="bicubic", antialias=True).flatten(1) for one in pictures.unbind(1)]
    return torch.cat([extras, torch.stack(new, 2)], 1)


def cubic_shares(old, new, dtype):
    """How much of each old place is in each new one, (new, old): a cubic kernel, widened where there are fewer."""
    step = old / new
    width = max(step, 1.0)
    middle = (torch.arange(new, dtype=torch.float64) + 0.5) * step
    away = ((torch.arange(old, dtype=torch.float64) + 0.5 - middle[:, None]) / width).abs()
    near = 1.5 * away**3 - 2.5 * away**2 + 1
    far = -0.5 * away**3 + 2.5 * away**2 - 4 * away + 2
    shares = torch.where(away < 1, near, torch.where(away < 2, far, 0.0))
    return (shares / shares.sum(1, keepdim=True)).to(dtype)


def interpolate_by_two_matrices(pos_embed, grid, old_grid=None, extra=1):
    """No library's resizing: rows and columns each by a matrix."""
    side = math.isqrt(pos_embed.shape[1] - extra)
    old_grid = old_grid or (side, side)
    if tuple(old_grid) == tuple(grid):
        return pos_embed.clone()
    down, across = (cubic_shares(a, b, pos_embed.dtype) for a, b in zip(old_grid, grid, strict=True))
    places = pos_embed[0, extra:].unflatten(0, old_grid)
    new = torch.einsum("yr,xc,rcd->yxd", down, across, places)
    return torch.cat([pos_embed[0, :extra], new.flatten(0, 1)])[None]


# --- norms -----------------------------------------------------------------------------------------------------------


def norm_by_var_mean(x, weight, bias, eps=1e-6):
    variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return weight * (x - mean) / torch.sqrt(variance + eps) + bias


def norm_by_length(x, weight, bias, eps=1e-6):
    """The variance is the squared length of the deviation, over dim."""
    deviation = x - x.mean(dim=-1, keepdim=True)
    variance = torch.einsum("...d,...d->...", deviation, deviation) / x.size(-1)
    return torch.addcmul(bias, deviation / (variance + eps).sqrt().unsqueeze(-1), weight)


def norm_by_matrix(x, weight, bias, eps=1e-6):
    """Taking the mean off is a projection."""
    dim = x.shape[-1]
    centring = torch.eye(dim, dtype=x.dtype, device=x.device) - 1 / dim
    deviation = (x.reshape(-1, dim) @ centring).reshape(x.shape)
    return deviation * ((deviation**2).sum(-1, keepdim=True) / dim + eps) ** -0.5 * weight + bias


def norm_backward_by_three_terms(grad_out, x, weight, eps=1e-6):
    dim = x.shape[-1]
    mean = x.mean(-1, keepdim=True)
    variance = x.var(-1, keepdim=True, unbiased=False)
    root = torch.sqrt(variance + eps)
    dnormal = grad_out * weight
    dvariance = (dnormal * (x - mean)).sum(-1, keepdim=True) * -0.5 / root**3
    dmean = -dnormal.sum(-1, keepdim=True) / root
    dx = dnormal / root + dvariance * 2 * (x - mean) / dim + dmean / dim
    normal = ((x - mean) / root).reshape(-1, dim)
    rows = grad_out.reshape(-1, dim)
    return dx, (rows * normal).sum(dim=0), rows.sum(dim=0)


def norm_backward_by_jacobian(grad_out, x, weight, eps=1e-6):
    """Each token's matrix of derivatives: (I − 1/dim − x̂ x̂ᵀ/dim) / σ."""
    dim = x.shape[-1]
    tokens, back = x.reshape(-1, dim), grad_out.reshape(-1, dim)
    deviation = tokens - tokens.mean(1, keepdim=True)
    root = (deviation.pow(2).mean(1, keepdim=True) + eps).sqrt()
    normal = deviation / root
    matrix = torch.eye(dim, dtype=x.dtype, device=x.device) - (1 + normal[:, :, None] * normal[:, None]) / dim
    dx = torch.einsum("tij,tj->ti", matrix, back * weight) / root
    return dx.reshape(x.shape), torch.einsum("td,td->d", back, normal), back.sum(0)


def norm_backward_by_einsum(grad_out, x, weight, eps=1e-6):
    dim = x.shape[-1]
    deviation = x - x.mean(-1, keepdim=True)
    steepness = ((deviation * deviation).mean(-1, keepdim=True) + eps) ** -0.5
    normal = deviation * steepness
    g = weight * grad_out
    along = torch.einsum("...d,...d->...", g, normal)[..., None]
    dx = steepness / dim * (dim * g - g.sum(-1, keepdim=True) - normal * along)
    return dx, torch.einsum("...d,...d->d", grad_out, normal), torch.einsum("...d->d", grad_out)


# --- GELU ------------------------------------------------------------------------------------------------------------


def gelu_by_ndtr(x, approximate="none"):
    if approximate == "tanh":
        return x * torch.sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x * x * x))
    return x * torch.special.ndtr(x)


def gelu_by_erfc(x, approximate="none"):
    if approximate == "none":
        return x * torch.erfc(-x / math.sqrt(2)) / 2
    inner = (2 / torch.pi) ** 0.5 * x * (1 + 0.044715 * x**2)
    return x / 2 * (1 + inner.tanh())


def gelu_by_distribution(x, approximate="none"):
    if approximate == "tanh":
        return x * (0.5 + 0.5 * torch.tanh((x + 0.044715 * x.pow(3)) * 0.7978845608028654))
    return x * torch.distributions.Normal(0.0, 1.0).cdf(x)


ALTERNATIVES = {
    "vit.patchify": [patchify_by_slices, patchify_by_windows, patchify_by_einsum, patchify_by_chunks],
    "vit.unpatchify": [unpatchify_by_slices, unpatchify_by_cat, unpatchify_by_einsum],
    "vit.PatchEmbed": [EmbedByEinsum, EmbedByParameters, EmbedPatchByPatch],
    "vit.sincos_2d": [sincos_in_loops, sincos_by_meshgrid, sincos_by_complex_numbers],
    "vit.add_positions": [positions_in_two_parts, positions_into_their_places, positions_by_padding],
    "vit.interpolate_pos_embed": [
        interpolate_by_reshape,
        interpolate_channel_by_channel,
        interpolate_by_two_matrices,
    ],
    "vit.layer_norm": [norm_by_var_mean, norm_by_length, norm_by_matrix],
    "vit.layer_norm_backward": [norm_backward_by_three_terms, norm_backward_by_jacobian, norm_backward_by_einsum],
    "vit.gelu": [gelu_by_ndtr, gelu_by_erfc, gelu_by_distribution],
}
