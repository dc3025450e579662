"""From bytes in memory to what the network sees."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from p2v_data import Split
from solutions.recipes.pictures import Pictures
from solutions.recipes.recipe import Recipe, class_shares
from solutions.resnet import next_seed

RESIDENT = 0.2  # of a CUDA device's free memory may hold images
Part = Split | Pictures


def near(part: Part, device: torch.device) -> Part:
    """The part on a CUDA device where there is room, so that no batch has to be brought; else as it is."""
    if isinstance(part, Pictures) or device.type != "cuda":
        return part
    if part.images.nbytes > RESIDENT * torch.cuda.mem_get_info(device)[0]:
        return part
    return Split(part.images.to(device), part.labels.to(device))


def training_batches(
    part: Part, recipe: Recipe, num_classes: int, batch_size: int, seed: int, device: torch.device
) -> Iterator[tuple[Float[Tensor, "B C H W"], Float[Tensor, "B K"]]]:
    """One epoch in random order, augmented: (what the network sees, label shares).

    All batches have `batch_size` images, and what is left over waits for another epoch; a part with fewer is one batch.
    Equal seeds give equal batches.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(part.labels), generator=generator)
    for images, labels in _read(part, order.split(batch_size)[: steps(len(order), batch_size)], seed):
        x = images.to(device, non_blocking=True).float() / 255
        y = class_shares(labels.to(device, non_blocking=True), num_classes)
        x, y = recipe.augment(x, y, next_seed(generator))
        yield seen(x, recipe), y


def steps(images: int, batch_size: int) -> int:
    """How many batches an epoch has."""
    return max(images // batch_size, 1)


def plain_batches(
    part: Part, recipe: Recipe, batch_size: int, device: torch.device
) -> Iterator[tuple[Float[Tensor, "B C H W"], Int[Tensor, "B"]]]:
    """All images in order, nothing changed but cut to the recipe's `size`: (what the network sees, labels)."""
    for images, labels in _read(part, torch.arange(len(part.labels)).split(batch_size)):
        yield looked_at(images.to(device, non_blocking=True), recipe), labels


def looked_at(images: Int[Tensor, "N C H W"], recipe: Recipe) -> Float[Tensor, "N C size size"]:
    """Bytes as the network sees them when it is judged."""
    x = images.float() / 255
    if recipe.size is not None:
        top, left = ((side - recipe.size) // 2 for side in x.shape[2:])
        x = x[:, :, top : top + recipe.size, left : left + recipe.size]
    return seen(x, recipe)


def seen(x: Float[Tensor, "N C H W"], recipe: Recipe) -> Float[Tensor, "N D H W"]:
    """Pixels from 0 to 1, shifted and scaled; channels last on CUDA, whose tensor cores want them so.

    On the CPU not: there torch's float32 batch norm loses digits with channels last.
    """
    mean, std = (x.new_tensor(values)[:, None, None] for values in recipe.normal)
    layout = torch.channels_last if x.is_cuda else torch.contiguous_format
    return ((x - mean) / std).contiguous(memory_format=layout)


def _read(
    part: Part, order: Sequence[Int[Tensor, "B"]], seed: int | None = None
) -> Iterator[tuple[Int[Tensor, "B C H W"], Int[Tensor, "B"]]]:
    """Bytes and labels; pictures in files are drawn from `seed` if there is one."""
    if isinstance(part, Pictures):
        yield from part.batches(order, seed)
    else:
        for chosen in order:
            here = chosen.to(part.images.device)
            yield part.images[here], part.labels[here]
