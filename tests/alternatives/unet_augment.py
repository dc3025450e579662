"""Right answers of notebooks 05f and 05g that look different from the reference."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# --- splitting -------------------------------------------------------------------------------------------------------


def split_by_cutting(sources, fractions=(0.7, 0.15, 0.15), seed=0):
    """Sources in a random order, cut where the sum of their tiles passes each border."""
    chance = np.random.default_rng(seed)
    names = chance.permutation(np.unique(sources.numpy()))
    borders = np.cumsum(fractions) * len(sources)
    parts, passed, part = [[] for _ in fractions], 0, 0
    for name in names:
        while part < len(fractions) - 1 and passed >= borders[part] - 1e-6:
            part += 1
        tiles = (sources == int(name)).nonzero().flatten()
        parts[part].append(tiles)
        passed += len(tiles)
    empty = torch.zeros(0, dtype=torch.long)
    return [torch.cat([empty, *tiles]).sort().values for tiles in parts]


def split_by_a_dict(sources, fractions=(0.7, 0.15, 0.15), seed=0):
    """Each source to the part that is emptiest relative to its share."""
    tiles = {}
    for number, source in enumerate(sources.tolist()):
        tiles.setdefault(source, []).append(number)
    names = list(tiles)
    generator = torch.Generator()
    generator.manual_seed(seed)
    parts = [[] for _ in fractions]
    for index in torch.randperm(len(names), generator=generator):
        lacking = [share * len(sources) - len(part) for share, part in zip(fractions, parts, strict=True)]
        parts[max(range(len(parts)), key=lacking.__getitem__)] += tiles[names[index]]
    return tuple(torch.tensor(sorted(part), dtype=torch.int64) for part in parts)


# --- pairs -----------------------------------------------------------------------------------------------------------


def turned_by_index(x, number, inverse=False):
    """Every pixel says where it comes from."""
    turns = number % 4
    if inverse and number < 4:
        turns = (4 - turns) % 4
    height, width = x.shape[-2:]
    rows, columns = torch.arange(height)[:, None].expand(height, width), torch.arange(width).expand(height, width)
    if number >= 4:
        columns = width - 1 - columns
    for _ in range(turns):
        rows, columns = (part.T.flip(0) for part in (rows, columns))
    return x[..., rows, columns]


def turned_by_cases(x, number, inverse=False):
    """Eight lines; the inverse is looked up."""
    if inverse:
        number = [0, 3, 2, 1, 4, 5, 6, 7][number]
    return [
        lambda a: a.clone(),
        lambda a: a.mT.flip(-2),
        lambda a: a.flip(-1, -2),
        lambda a: a.mT.flip(-1),
        lambda a: a.flip(-1),
        lambda a: a.mT,
        lambda a: a.flip(-2),
        lambda a: a.mT.flip(-1, -2),
    ][number](x)


def sampled_by_hand(images, masks, at, outside=0):
    """Four neighbours, looked up one after the other in flattened pictures."""
    n, channels, height, width = images.shape
    if outside is None:
        at = torch.stack([_folded(at[..., 0], height), _folded(at[..., 1], width)], -1)
    above, left = at[..., 0].floor(), at[..., 1].floor()
    down, right = at[..., 0] - above, at[..., 1] - left
    out = torch.zeros(n, channels, *at.shape[1:3], dtype=images.dtype)
    for i, row_share in ((0, 1 - down), (1, down)):
        for j, column_share in ((0, 1 - right), (1, right)):
            row, column = (above + i).long(), (left + j).long()
            there = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).flatten(1)
            found = images.flatten(2).gather(2, place[:, None].expand(-1, channels, -1)).unflatten(2, at.shape[1:3])
            out = out + (there * row_share * column_share).to(images.dtype)[:, None] * found
    row, column = (at[..., 0] + 0.5).floor().long(), (at[..., 1] + 0.5).floor().long()
    there = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    place = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).flatten(1)
    labels = masks.flatten(1).gather(1, place).unflatten(1, at.shape[1:3])
    labels[~there] = outside or 0
    return out, labels


def _folded(place, size):
    while size > 1 and bool(((place < 0) | (place > size - 1)).any()):
        place = place.abs()
        place = torch.where(place > size - 1, 2 * (size - 1) - place, place)
    return place


def sampled_from_a_pad(images, masks, at, outside=0):
    """Both by grid_sample, after a shift of the mask by `outside`, and reflection by torch."""
    height, width = images.shape[2:]
    grid = torch.stack([2 * at[..., 1] / (width - 1) - 1, 2 * at[..., 0] / (height - 1) - 1], -1).to(images.dtype)
    beyond = "reflection" if outside is None else "zeros"
    moved = masks.double() - (outside or 0)
    image = F.grid_sample(images, grid, "bilinear", beyond, align_corners=True)
    mask = F.grid_sample(moved[:, None], grid.double(), "nearest", beyond, align_corners=True)[:, 0]
    return image, (mask + (outside or 0)).round().to(masks.dtype)


def affine_by_theta(images, masks, angles, zooms, shifts, outside=0):
    """One 3 × 3 matrix an image, inverted."""
    height, width = images.shape[2:]
    places = []
    rows, columns = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    homogeneous = torch.stack([rows, columns, torch.ones_like(rows)], -1)
    for angle, zoom, (down, right) in zip(angles.tolist(), zooms.tolist(), shifts.tolist(), strict=True):
        c, s = zoom * math.cos(math.radians(angle)), zoom * math.sin(math.radians(angle))
        centre = torch.eye(3, dtype=torch.float64)
        centre[:2, 2] = torch.tensor([(height - 1) / 2, (width - 1) / 2])
        turn = torch.tensor([[c, -s, down], [s, c, right], [0, 0, 1]], dtype=torch.float64)
        places.append(homogeneous @ torch.linalg.inv(centre @ turn @ torch.linalg.inv(centre)).T)
    return sampled_by_hand(images, masks, torch.stack(places)[..., :2], outside)


def affine_one_by_one(images, masks, angles, zooms, shifts, outside=0):
    """With complex numbers: a turn is a product."""
    height, width = images.shape[2:]
    done = []
    for k in range(len(images)):
        right = torch.arange(width).double()[None] - (width - 1) / 2 - shifts[k, 1]
        up = -(torch.arange(height).double()[:, None] - (height - 1) / 2 - shifts[k, 0])
        z = torch.complex(*torch.broadcast_tensors(right, up))
        z = z * torch.polar(1 / zooms[k].double(), -torch.deg2rad(angles[k].double()))
        at = torch.stack([(height - 1) / 2 - z.imag, (width - 1) / 2 + z.real], -1)
        done.append(sampled_by_hand(images[k : k + 1], masks[k : k + 1], at[None], outside))
    return tuple(torch.cat(parts) for parts in zip(*done, strict=True))


def bent_by_sampling_arrows(images, masks, field, outside=None):
    """Rows and columns apart."""
    height, width = images.shape[2:]
    dense = F.interpolate(field, size=[height, width], mode="bicubic", align_corners=True)
    rows = torch.arange(height).reshape(1, -1, 1) + dense[:, 0]
    columns = torch.arange(width).reshape(1, 1, -1) + dense[:, 1]
    return sampled_by_hand(images, masks, torch.stack((rows, columns), 3), outside)


def bent_one_by_one(images, masks, field, outside=None):
    """Image by image, in float64."""
    pairs = []
    for image, mask, arrows in zip(images, masks, field, strict=True):
        own = torch.cartesian_prod(torch.arange(image.shape[1]), torch.arange(image.shape[2]))
        dense = F.interpolate(arrows.double()[None], image.shape[1:], mode="bicubic", align_corners=True)[0]
        at = own.double() + dense.flatten(1).T
        pairs.append(sampled_by_hand(image[None], mask[None], at.reshape(1, *image.shape[1:], 2), outside))
    return torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs])


# --- the augmenter ---------------------------------------------------------------------------------------------------


class AugmenterOfPlainNumbers:
    """Draws number by number, and goes through the batch image by image."""

    def __init__(self, turns=True, degrees=15.0, zoom=1.2, shift=0.1, bend=0.0, colour=0.2, outside=None):
        self.options = (turns, degrees, zoom, shift, bend, colour, outside)

    def draw(self, count, size, generator):
        turns, degrees, zoom, shift, bend, _, _ = self.options
        ways = [0]
        if turns:
            ways = range(8) if size[0] == size[1] else (0, 2, 4, 6)

        def between(low, high):
            return low + (high - low) * float(torch.rand((), generator=generator))

        numbers = [ways[int(torch.randint(len(ways), (1,), generator=generator))] for _ in range(count)]
        angles = [between(-degrees, degrees) for _ in range(count)]
        zooms = [math.exp(between(-math.log(zoom), math.log(zoom))) for _ in range(count)]
        shifts = [[between(-shift * side, shift * side) for side in size] for _ in range(count)]
        return {
            "colour": int(torch.randint(1 << 31, (1,), generator=generator)),
            "field": torch.empty(count, 2, 4, 4).normal_(0, 1, generator=generator) * bend,
            "turns": torch.tensor(numbers),
            "angles": torch.tensor(angles),
            "zooms": torch.tensor(zooms),
            "shifts": torch.tensor(shifts),
        }

    def apply(self, images, masks, drawn):
        *_, bend, colour, outside = self.options
        pairs = []
        for k, number in enumerate(drawn["turns"].tolist()):
            image, mask = (turned_by_cases(x[k], number)[None] for x in (images, masks))
            moves = [drawn[key][k : k + 1] for key in ("angles", "zooms", "shifts")]
            image, mask = affine_by_theta(image, mask, *moves, outside=outside)
            if bend > 0:
                image, mask = bent_by_sampling_arrows(image, mask, drawn["field"][k : k + 1], outside)
            pairs.append((image, mask))
        images, masks = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        return self._colour(images, colour, int(drawn["colour"])), masks

    @staticmethod
    def _colour(images, strength, seed):
        """Brightness, contrast and saturation, with draws of its own."""
        if not strength:
            return images
        three = images.repeat(1, 4 - images.shape[1] if images.shape[1] == 1 else 1, 1, 1)
        generator = torch.Generator().manual_seed(seed)
        f = 1 - strength + 2 * strength * torch.rand(3, len(images), 1, 1, 1, generator=generator)
        weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
        three = (f[0] * three).clamp(0, 1)
        middle = (weights * three).sum(1, keepdim=True).mean((2, 3), keepdim=True)
        three = (f[1] * three + (1 - f[1]) * middle).clamp(0, 1)
        three = (f[2] * three + (1 - f[2]) * (weights * three).sum(1, keepdim=True)).clamp(0, 1)
        return three[:, : images.shape[1]]

    def __call__(self, images, masks, generator):
        drawn = self.draw(images.shape[0], tuple(images.shape[-2:]), generator)
        return self.apply(images, masks, drawn)


class AugmenterWithParents(AugmenterOfPlainNumbers):
    """Draws all at once, by distributions of torch's tensors."""

    def draw(self, count, size, generator):
        turns, degrees, zoom, shift, bend, _, _ = self.options
        height, width = size
        uniform = torch.empty(4, count).uniform_(-1, 1, generator=generator)
        allowed = torch.arange(8) if height == width else torch.arange(0, 8, 2)
        chosen = allowed[(torch.rand(count, generator=generator) * len(allowed)).long()]
        return {
            "turns": chosen if turns else torch.zeros_like(chosen),
            "angles": uniform[0] * degrees,
            "zooms": torch.tensor(float(zoom)) ** uniform[1],
            "shifts": (uniform[2:].T * torch.tensor([height, width])) * shift,
            "field": bend * torch.randn((count, 2, 4, 4), generator=generator),
            "colour": torch.randint(0, 2**31 - 1, [], generator=generator),
        }


# --- tiles -----------------------------------------------------------------------------------------------------------


def stitched_with_while(model, image, tile, overlap, batch=8):
    """Corners by counting up, results kept and added at the end."""
    if overlap < 0 or overlap >= tile:
        raise ValueError("0 ≤ overlap < tile")
    size = [min(tile, length) for length in image.shape[1:]]
    begins = []
    for length in image.shape[1:]:
        found, start = [], 0
        while start + tile < length:
            found.append(start)
            start += tile - overlap
        begins.append([*found, max(0, length - tile)])
    corners = torch.cartesian_prod(torch.tensor(begins[0]), torch.tensor(begins[1])).tolist()
    results = []
    with torch.inference_mode():
        for group in torch.arange(len(corners)).split(batch):
            pieces = [image[:, r : r + size[0], c : c + size[1]] for r, c in (corners[k] for k in group.tolist())]
            results.extend(model(torch.stack(pieces)).unbind())
    weight = torch.ones(size, dtype=torch.float64)
    for axis in (0, 1):
        i = torch.arange(size[axis])
        near = torch.where(i < size[axis] - 1 - i, i, size[axis] - 1 - i).double().clamp_min(1e-6)
        weight *= near.unsqueeze(1 - axis)
    total = torch.zeros(2, results[0].shape[0], *image.shape[1:], dtype=torch.float64)
    for (r, c), said in zip(corners, results, strict=True):
        here = total[:, :, r : r + size[0], c : c + size[1]]
        here += torch.stack([weight * said, weight.expand_as(said)])
    return (total[0] / total[1]).to(results[0].dtype)


@torch.no_grad()
def stitched_from_padded_windows(model, image, tile, overlap, batch=8):
    """Every tile's weight laid out over the whole image, and divided first."""
    height, width = image.shape[1:]
    if not 0 <= overlap < tile:
        raise ValueError("overlap")
    rows = [*range(0, height - tile, tile - overlap), max(height - tile, 0)]
    columns = [*range(0, width - tile, tile - overlap), max(width - tile, 0)]
    boxes = [(r, q, min(r + tile, height), min(q + tile, width)) for r in rows for q in columns]

    def ramp(n):
        return torch.tensor([max(min(i, n - 1 - i), 1e-6) for i in range(n)])

    window = torch.outer(ramp(min(tile, height)), ramp(min(tile, width)))
    weights = torch.zeros(len(boxes), height, width)
    for weight, (top, left, bottom, right) in zip(weights, boxes, strict=True):
        weight[top:bottom, left:right] = window
    weights = weights / weights.sum(0)
    out = None
    for first in range(0, len(boxes), batch):
        some = boxes[first : first + batch]
        said = model(torch.stack([image[:, t:b, q:r] for t, q, b, r in some]))
        if out is None:
            out = torch.zeros(said.shape[1], height, width)
        for k, (top, left, bottom, right) in enumerate(some):
            out[:, top:bottom, left:right] += weights[first + k, top:bottom, left:right] * said[k]
    return out


# --- uncertainty -----------------------------------------------------------------------------------------------------


def dropout_stacked(model, x, draws, seed=0):
    """All draws kept; modes by name."""
    if draws < 1:
        raise ValueError("draws")
    before = {name: module.training for name, module in model.named_modules()}
    state = torch.get_rng_state()
    try:
        model.eval()
        for module in model.modules():
            if "Dropout" in type(module).__name__:
                module.train()
        torch.manual_seed(seed)
        with torch.inference_mode():
            logits = torch.stack([model(x) for _ in range(draws)]).clone()
    finally:
        torch.set_rng_state(state)
        for name, module in model.named_modules():
            module.training = before[name]
    p = torch.sigmoid(logits) if logits.shape[2] == 1 else torch.softmax(logits, 2)
    full = torch.cat((p, 1 - p), 2) if logits.shape[2] == 1 else p

    def entropy(q, axis):
        return -(q * q.clamp(min=torch.finfo(q.dtype).tiny).log()).sum(axis)

    total = entropy(full.mean(0), 1)
    return p.mean(0), total, (total - entropy(full, 2).mean(0)).clamp(min=0)


def dropout_as_a_batch(model, x, draws, seed=0):
    """One pass over `draws` copies: each copy drops for itself."""
    if draws < 1:
        raise ValueError("draws")
    modes = [module.training for module in model.modules()]
    for module in model.modules():
        module.training = isinstance(module, nn.modules.dropout._DropoutNd)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        logits = model(torch.cat([x] * draws)).unflatten(0, (draws, len(x)))
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
    full = torch.cat([logits.sigmoid(), (-logits).sigmoid()], 2) if logits.shape[2] == 1 else logits.softmax(2)
    mean = full.mean(0)
    total, own = torch.special.entr(mean).sum(1), torch.special.entr(full).sum(2).mean(0)
    return mean[:, : logits.shape[2]], total, torch.relu(total - own)


ALTERNATIVES = {
    "unet.group_split": [split_by_cutting, split_by_a_dict],
    "unet.flip_rotate": [turned_by_index, turned_by_cases],
    "unet.sample_pair": [sampled_by_hand, sampled_from_a_pad],
    "unet.affine_pair": [affine_by_theta, affine_one_by_one],
    "unet.elastic_deform": [bent_by_sampling_arrows, bent_one_by_one],
    "unet.PairedAugment": [AugmenterOfPlainNumbers, AugmenterWithParents],
    "unet.tile_and_stitch": [stitched_with_while, stitched_from_padded_windows],
    "unet.mc_dropout": [dropout_stacked, dropout_as_a_batch],
}
