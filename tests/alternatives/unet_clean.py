"""Right answers of notebook 05e, and of the encoder's U-Net, that look different from the reference."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from solutions.unet import DoubleConv, close_mask, connected_components, dilate, erode, fill_holes, remove_small

# --- thresholds ------------------------------------------------------------------------------------------------------


def threshold_in_a_loop(probabilities, masks, thresholds):
    ious = []
    for threshold in thresholds:
        said = probabilities >= threshold
        both, either = (said & (masks == 1)).sum().item(), (said | (masks == 1)).sum().item()
        ious.append(both / either if either else 1.0)
    first = ious.index(max(ious))
    last = first
    while last + 1 < len(ious) and ious[last + 1] == ious[first]:
        last += 1
    chosen = thresholds[(first + last) // 2].item()
    return chosen, torch.tensor(ious, dtype=probabilities.dtype, device=probabilities.device)


def threshold_by_broadcasting(probabilities, masks, thresholds):
    said = probabilities.reshape(1, -1) >= thresholds[:, None]
    true = masks.reshape(1, -1).bool()
    hits = (said * true).sum(1)
    union = said.sum(1) + true.sum() - hits
    ious = (hits.double() / union).to(probabilities.dtype)
    ious[union == 0] = 1
    best = (ious == ious.max()).tolist()
    run = [best.index(True)]
    while run[-1] + 1 < len(best) and best[run[-1] + 1]:
        run.append(run[-1] + 1)
    return float(thresholds[run[(len(run) - 1) // 2]]), ious


# --- growing and shrinking -------------------------------------------------------------------------------------------


def dilate_by_convolution(mask, kernel):
    weight = kernel.flip(0, 1)[None, None].float()
    counts = F.conv2d(mask[None, None].float(), weight, padding=(kernel.shape[0] // 2, kernel.shape[1] // 2))
    return counts[0, 0] > 0.5


def dilate_by_stamping(mask, kernel):
    height, width = mask.shape
    rows, columns = kernel.shape
    out = torch.zeros(height + rows - 1, width + columns - 1, dtype=torch.bool, device=mask.device)
    for i, j in mask.nonzero().tolist():
        out[i : i + rows, j : j + columns] |= kernel.to(mask.device)
    return out[rows // 2 : rows // 2 + height, columns // 2 : columns // 2 + width].clone()


def erode_by_convolution(mask, kernel, outside=False):
    rows, columns = kernel.shape
    padding = (columns // 2, columns // 2, rows // 2, rows // 2)
    padded = F.pad(mask.float(), padding, value=float(outside))
    counts = F.conv2d(padded[None, None], kernel[None, None].float())
    return counts[0, 0].round() == kernel.sum()


def erode_by_windows(mask, kernel, outside=False):
    rows, columns = kernel.shape
    padded = torch.full((mask.shape[0] + rows - 1, mask.shape[1] + columns - 1), outside, device=mask.device)
    padded[rows // 2 : rows // 2 + mask.shape[0], columns // 2 : columns // 2 + mask.shape[1]] = mask
    return padded.unfold(0, rows, 1).unfold(1, columns, 1)[..., kernel].all(-1)


def open_by_convolution(mask, kernel):
    return dilate_by_convolution(erode_by_convolution(mask, kernel, True), kernel)


def close_by_hand(mask, kernel):
    grown = dilate_by_stamping(mask, kernel)
    return erode_by_windows(grown, kernel, outside=True)


def close_by_padding(mask, kernel):
    """The grown image, with a rim of True round it."""
    rows, columns = kernel.shape
    rim = (columns // 2, columns // 2, rows // 2, rows // 2)
    wide = erode(F.pad(dilate(mask, kernel), rim, value=True), kernel)
    return wide[rows // 2 : rows // 2 + mask.shape[0], columns // 2 : columns // 2 + mask.shape[1]].clone()


# --- components ------------------------------------------------------------------------------------------------------


def components_by_flooding(mask, connectivity=8):
    """A stack of pixels that are still to be visited."""
    steps = [(-1, 0), (0, -1), (0, 1), (1, 0)] + ([(-1, -1), (-1, 1), (1, -1), (1, 1)] if connectivity == 8 else [])
    here, (height, width) = mask.tolist(), mask.shape
    numbers, count = [[0] * width for _ in range(height)], 0
    for i in range(height):
        for j in range(width):
            if not here[i][j] or numbers[i][j]:
                continue
            count += 1
            stack = [(i, j)]
            numbers[i][j] = count
            while stack:
                row, column = stack.pop()
                for down, right in steps:
                    y, x = row + down, column + right
                    if 0 <= y < height and 0 <= x < width and here[y][x] and not numbers[y][x]:
                        numbers[y][x] = count
                        stack.append((y, x))
    return torch.tensor(numbers, device=mask.device)


def components_by_union_find(mask, connectivity=8):
    """Two passes over a numpy array, and a forest of provisional numbers."""
    before = [(0, -1), (-1, 0)] + ([(-1, -1), (-1, 1)] if connectivity == 8 else [])
    array, parents = mask.cpu().numpy(), [0]

    def root(number):
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    padded = np.zeros((array.shape[0] + 1, array.shape[1] + 2), dtype=np.int64)
    for i, j in zip(*np.nonzero(array), strict=True):
        roots = {root(padded[i + 1 + down, j + 1 + right]) for down, right in before} - {0}
        if not roots:
            parents.append(len(parents))
            roots = {len(parents) - 1}
        padded[i + 1, j + 1] = min(roots)
        for other in roots:
            parents[other] = min(roots)
    final, seen = np.zeros_like(array, dtype=np.int64), {}
    for i, j in zip(*np.nonzero(array), strict=True):
        final[i, j] = seen.setdefault(root(padded[i + 1, j + 1]), len(seen) + 1)
    return torch.from_numpy(final).to(mask.device)


def components_by_pooling(mask, connectivity=8):
    """The largest neighbour, again and again."""
    places = torch.arange(mask.numel(), 0, -1, device=mask.device).view(mask.shape).double() * mask
    while True:
        spread = places[None, None]
        if connectivity == 8:
            spread = F.max_pool2d(spread, 3, stride=1, padding=1)
        else:
            spread = torch.maximum(F.max_pool2d(spread, (3, 1), 1, (1, 0)), F.max_pool2d(spread, (1, 3), 1, (0, 1)))
        spread = spread[0, 0] * mask
        if torch.equal(spread, places):
            break
        places = spread
    values = torch.unique(places[mask]).flip(0)
    return sum(
        ((places == value) * (k + 1) for k, value in enumerate(values)), torch.zeros_like(mask, dtype=torch.int64)
    )


def fill_by_flooding(mask):
    """The outside grows from the edge until it can grow no further."""
    free = ~mask
    outside = torch.zeros_like(mask)
    outside[0], outside[-1], outside[:, 0], outside[:, -1] = True, True, True, True
    outside &= free
    cross = torch.tensor([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=torch.bool)
    while not torch.equal(larger := dilate(outside, cross) & free, outside):
        outside = larger
    return ~outside


def fill_by_a_frame(mask):
    """A frame of background round the image: the outside is its component."""
    regions = connected_components(~F.pad(mask, (1, 1, 1, 1)), 4)
    return (regions != regions[0, 0])[1:-1, 1:-1].clone()


def remove_in_a_loop(mask, least, connectivity=8):
    components, out = connected_components(mask, connectivity), mask.clone()
    for number in range(1, int(components.max()) + 1):
        if (components == number).sum() < least:
            out[components == number] = False
    return out


def remove_by_unique(mask, least, connectivity=8):
    components = connected_components(mask, connectivity)
    numbers, sizes = components.unique(return_counts=True)
    return torch.isin(components, numbers[(sizes >= least) & (numbers > 0)])


def largest_by_sorting(mask, connectivity=8):
    components = connected_components(mask, connectivity)
    if not mask.any():
        return mask.clone()
    numbers, sizes = components[mask].unique(return_counts=True)
    return components == numbers[sizes.argsort(descending=True, stable=True)[0]]


def largest_in_a_loop(mask, connectivity=8):
    components, best, most = connected_components(mask, connectivity), torch.zeros_like(mask), 0
    for number in range(1, int(components.max()) + 1):
        one = components == number
        if int(one.sum()) > most:
            best, most = one, int(one.sum())
    return best


def clean_step_by_step(probabilities, threshold, kernel, least):
    mask = ~(probabilities < threshold)
    mask = close_by_padding(mask, kernel)
    mask = fill_by_a_frame(mask)
    return remove_in_a_loop(mask, least)


def clean_with_own_parts(probabilities, threshold, kernel, least):
    return remove_small(mask=fill_holes(close_mask(torch.ge(probabilities, threshold), kernel)), least=least)


# --- noise -----------------------------------------------------------------------------------------------------------


def noise_by_where(images, normal, uniform, sigma=0.0, flipped=0.0):
    out = torch.clip(torch.add(images, normal, alpha=sigma), 0, 1)
    out = torch.where(uniform >= 1 - flipped / 2, torch.ones_like(out), out)
    return torch.where(uniform < flipped / 2, torch.zeros_like(out), out)


def noise_by_products(images, normal, uniform, sigma=0.0, flipped=0.0):
    salt, pepper = uniform >= 1 - flipped / 2, uniform < flipped / 2
    kept = (~(salt | pepper)).to(images.dtype)
    return (images + sigma * normal).clamp(min=0, max=1) * kept + salt.to(images.dtype)


def median_by_unfolding(images, size=3):
    n, channels, height, width = images.shape
    padded = F.pad(images, [size // 2] * 4, mode="reflect")
    windows = F.unfold(padded, size).reshape(n, channels, size * size, height, width)
    return windows.sort(dim=2).values[:, :, size * size // 2]


def median_of_moved_images(images, size=3):
    height, width = images.shape[2:]
    padded = F.pad(images, (size // 2, size // 2, size // 2, size // 2), mode="reflect")
    moved = [padded[:, :, i : i + height, j : j + width] for i in range(size) for j in range(size)]
    return torch.stack(moved).quantile(0.5, dim=0, interpolation="nearest").to(images.dtype)


# --- the encoder's U-Net ---------------------------------------------------------------------------------------------


class UNetFromABottom(nn.Module):
    """The list of steps is filled from the front; sizes by tuple."""

    def __init__(self, encoder, channels, classes=1):
        super().__init__()
        self.encoder = encoder
        channels = list(channels)
        steps, below = [], channels.pop()
        while channels:
            here = channels.pop()
            steps.append(DoubleConv(below + here, here))
            below = here
        self.ups = nn.ModuleList(steps)
        self.head = nn.Conv2d(below, classes, kernel_size=1)

    def forward(self, images):
        levels = list(self.encoder(images))
        x = levels.pop()
        for step in self.ups:
            skip = levels.pop()
            x = F.interpolate(x, size=(skip.shape[-2], skip.shape[-1]), mode="bilinear")
            x = step(torch.cat((skip, x), 1))
        return F.interpolate(self.head(x), size=(images.shape[-2], images.shape[-1]), mode="bilinear")


class UNetWithAHeadBehind(nn.Module):
    """The map is enlarged before the head: a 1 × 1 convolution and bilinear sampling commute."""

    def __init__(self, encoder, channels, classes=1):
        super().__init__()
        self.encoder = encoder
        pairs = list(itertools.pairwise(channels))[::-1]
        self.ups = nn.ModuleList([DoubleConv(fine + coarse, fine) for fine, coarse in pairs])
        self.head = nn.Conv2d(channels[0], classes, 1)

    def forward(self, images):
        maps = self.encoder(images)
        x = maps[-1]
        for index, up in enumerate(self.ups):
            fine = maps[-2 - index]
            x = up(torch.cat([fine, F.interpolate(x, fine.shape[2:], mode="bilinear", align_corners=False)], dim=1))
        return self.head(F.interpolate(x, images.shape[2:], mode="bilinear", align_corners=False))


ALTERNATIVES = {
    "unet.choose_threshold": [threshold_in_a_loop, threshold_by_broadcasting],
    "unet.dilate": [dilate_by_convolution, dilate_by_stamping],
    "unet.erode": [erode_by_convolution, erode_by_windows],
    "unet.open_mask": [open_by_convolution],
    "unet.close_mask": [close_by_hand, close_by_padding],
    "unet.connected_components": [components_by_flooding, components_by_union_find, components_by_pooling],
    "unet.fill_holes": [fill_by_flooding, fill_by_a_frame],
    "unet.remove_small": [remove_in_a_loop, remove_by_unique],
    "unet.keep_largest": [largest_by_sorting, largest_in_a_loop],
    "unet.add_noise": [noise_by_where, noise_by_products],
    "unet.median_filter": [median_by_unfolding, median_of_moved_images],
    "unet.clean_up": [clean_step_by_step, clean_with_own_parts],
    "unet.EncoderUNet": [UNetFromABottom, UNetWithAHeadBehind],
}
