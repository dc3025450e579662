"""Small puzzles made of real handwritten digits: one for attention in a convolutional network, one for tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2v_data.dataset import ImageDataset, Provenance, Split
from p2v_data.digits import NAMES, digits

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Generator, Tensor

HEIGHT, WIDTH = 34, 32  # pixels of a picture with two digits
BAR = 4  # rows
READ = 3  # classes of digits in the pictures: 0 to 2
CELL = 16  # pixels of a digit in a strip, with its frame
FRAMED = 6  # digits to choose from
MARKS = ("top", "right", "bottom", "left")


def pointed_digits(*, train: int = 6_000, test: int = 1_000, seed: int = 0) -> ImageDataset:
    """Pictures of a red and a blue digit; the label is the red one's class where a bar is below, else the blue one's.

    3×34×32, 0 to 1: red, bar, blue. The digits are 14×14, real, from 0 to 2, of different classes, one in each half of
    the upper 16 rows, either colour left. The bar fills the last 4 rows, in half of the pictures. The 14 rows between
    are empty: no window of 15×15 sees a digit and the bar. Training and test pictures are made of different digits
    (`digits()`'s split).

    Args:
        train: how many training pictures to make.
        test: how many test pictures.
        seed: which digits, where, and in which colour.
    """
    made = [
        _pointed(part, count, seed + n) for n, (part, count) in enumerate(zip(_parts(), (train, test), strict=True))
    ]
    return _dataset(
        made, "Pointed digits", NAMES[:READ], "a red and a blue digit, and a bar, or none, that says which is meant"
    )


def marked_digits(*, train: int = 12_000, test: int = 1_000, seed: int = 0) -> ImageDataset:
    """Strips of seven digits; the label is the mark of the digit that is of the first one's class.

    1×16×112, 0 to 1: seven cells of 16×16. The first shows a digit without a mark. The other six show digits of six
    different classes, each with a bright line at one of its four sides; one of them is of the first one's class, in
    another handwriting. Training and test strips are made of different digits (`digits()`'s split).

    Args:
        train: how many training strips to make.
        test: how many test strips.
        seed: which digits with which marks.
    """
    made = [_marked(part, count, seed + n) for n, (part, count) in enumerate(zip(_parts(), (train, test), strict=True))]
    return _dataset(made, "Marked digits", MARKS, "a digit, and six marked ones among which its like is to be found")


def _parts() -> tuple[Split, Split]:
    whole = digits()
    return whole.train, whole.test


def _dataset(made: list[Split], name: str, class_names: tuple[str, ...], what: str) -> ImageDataset:
    import torch

    images = torch.cat([part.images for part in made])
    real = digits().provenance
    about = Provenance(
        name=name,
        source=f"{what}; made here of {real.name}: {real.source}",
        licence=real.licence,
        citation=real.citation,
        kind="simulated",
        count=len(images),
        shape=tuple(images.shape[1:]),
    )
    labels = torch.cat([part.labels for part in made])
    return ImageDataset(
        images=images, labels=labels, class_names=class_names, train_count=len(made[0].labels), provenance=about
    )


def _pointed(part: Split, count: int, seed: int) -> Split:
    import torch

    generator = torch.Generator().manual_seed(seed)
    small = _halved(part.images)
    classes = _distinct_classes(READ, count, 2, generator)
    drawn = small[_examples(part.labels, classes, generator)]  # (N, 2, 14, 14), left and right
    room = WIDTH // 2 - small.shape[-1] + 1
    left = torch.randint(room, (count, 2), generator=generator) + torch.tensor([0, WIDTH // 2])
    top = torch.randint(room, (count, 2), generator=generator)
    colour = 2 * (torch.tensor([0, 1]) ^ torch.randint(2, (count, 1), generator=generator))  # red 0, blue 2
    images = torch.zeros(count, 3, HEIGHT, WIDTH)
    _paint(images, drawn, colour, top, left)

    meant = torch.randint(2, (count, 1), generator=generator)
    images[:, 1, -BAR:] = (colour.gather(1, meant) == 0)[:, :, None].float()
    return Split(images, classes.gather(1, meant)[:, 0])


def _marked(part: Split, count: int, seed: int) -> Split:
    import torch

    generator = torch.Generator().manual_seed(seed)
    classes = _distinct_classes(len(NAMES), count, FRAMED, generator)
    asked = torch.randint(FRAMED, (count, 1), generator=generator)
    wanted = torch.cat([classes.gather(1, asked), classes], dim=1)
    examples = _examples(part.labels, wanted, generator)
    cells = torch.zeros(count, FRAMED + 1, CELL, CELL)
    cells[..., 1:-1, 1:-1] = _halved(part.images)[examples]
    marks = torch.randint(len(MARKS), (count, FRAMED), generator=generator)
    lines = torch.zeros(len(MARKS), CELL, CELL)
    lines[0, 0], lines[1, :, -1], lines[2, -1], lines[3, :, 0] = 1.0, 1.0, 1.0, 1.0
    cells[:, 1:] += lines[marks]
    return Split(cells.transpose(1, 2).flatten(2)[:, None], marks.gather(1, asked)[:, 0])


def _halved(images: Float[Tensor, "N 1 28 28"]) -> Float[Tensor, "N 14 14"]:
    import torch.nn.functional as F

    return F.avg_pool2d(images, 2)[:, 0]


def _distinct_classes(among: int, count: int, of: int, generator: Generator) -> Int[Tensor, "count of"]:
    import torch

    return torch.rand(count, among, generator=generator).argsort(dim=1)[:, :of]


def _examples(
    labels: Int[Tensor, " n"], classes: Int[Tensor, "count k"], generator: Generator
) -> Int[Tensor, "count k"]:
    """A random image of each class that is asked for; two of one class in a row are never the same image."""
    import torch

    order, counts = labels.argsort(stable=True), labels.bincount(minlength=len(NAMES))
    starts = counts.cumsum(0) - counts
    place = (torch.rand(classes.shape, generator=generator) * counts[classes]).long()
    twin = (classes[:, 1:] == classes[:, :1]) & (place[:, 1:] == place[:, :1])
    place[:, 1:] += twin.long()
    return order[starts[classes] + place % counts[classes]]


def _paint(
    images: Float[Tensor, "N 3 H W"],
    stamps: Float[Tensor, "N k h w"],
    colour: Int[Tensor, "N k"],
    top: Int[Tensor, "N k"],
    left: Int[Tensor, "N k"],
) -> None:
    """Puts each stamp on its picture, in place."""
    import torch

    height, width = stamps.shape[2:]
    picture = torch.arange(len(images))[:, None, None, None]
    rows = top[:, :, None, None] + torch.arange(height)[:, None]
    columns = left[:, :, None, None] + torch.arange(width)
    images[picture, colour[:, :, None, None], rows, columns] = stamps
