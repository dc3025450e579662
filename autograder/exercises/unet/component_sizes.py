"""Components that are kept for their size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.exercises.unet._cleaning_masks import SQUARE, blobs, dilated, drawn, eroded, kept_by, labelled, speckled
from autograder.exercises.unet._ready_made import IMAGES
from autograder.exercises.unet.numbering import GRAPHS
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

SIZES = drawn("##..#....", "##....##.", "...#.....", "####...##", "#......##", ".....#..#")
CHAIN = drawn("#....##", ".#...##", "..#....", "...#.##")
WIDE = drawn("#####...", "........", "##...#..", "##...#..", "##.###..")
DIAGONAL = drawn("#...###", ".#..###", "..#....", "...#...")


def remove(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return kept_by(mask, connectivity, lambda sizes: sizes >= least)


def firsts(best: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Keeps one component: the first of the best."""

    def keeps(sizes: Tensor) -> Tensor:
        kept = torch.zeros_like(sizes, dtype=torch.bool)
        if len(sizes):
            kept[int((sizes == best(sizes)).int().argmax())] = True
        return kept

    return keeps


def largest(mask: Tensor, connectivity: int = 8) -> Tensor:
    return kept_by(mask, connectivity, firsts(torch.amax))


def removing(rng: Rng) -> Iterator[Case]:
    yield of_call("a row, by hand", mask=drawn("##.#"), least=2, expect=drawn("##.."), note="2 ≥ 2 stays, 1 < 2 goes")
    yield of_call("sizes from 1 to 5", mask=SIZES, least=4)
    yield of_call("a chain of corners", mask=CHAIN, least=4)
    yield of_call("a chain, 4 neighbours", mask=CHAIN, least=4, connectivity=4)
    yield of_call("long ones and thick ones", mask=WIDE, least=6)
    yield of_call("shapes and specks", mask=blobs(rng, 16, 14, 0.4), least=8)
    yield of_call("speckled, 4 neighbours", mask=speckled(rng, 13, 17), least=5, connectivity=4)
    yield of_call("less than a pixel", mask=speckled(rng, 5, 6), least=0)
    yield of_call("more than there are", mask=speckled(rng, 5, 6), least=31)
    yield of_call("nothing is True", mask=torch.zeros(3, 4, dtype=torch.bool), least=3)
    yield of_call("little background", mask=~drawn("#...", "....", "..#."), least=3)
    yield of_call("not contiguous", mask=blobs(rng, 20, 11, 0.4).T[:, ::2], least=6)


def keeping(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a row, by hand",
        mask=drawn("#.##.##"),
        expect=drawn("..##..."),
        note="sizes 1, 2 and 2: the first of those with 2",
    )
    yield of_call("sizes from 1 to 5", mask=SIZES)
    yield of_call("a chain of corners", mask=drawn("#....##", ".#...##", "..#....", "...#...", "....#.."))
    yield of_call("a chain, 4 neighbours", mask=CHAIN, connectivity=4)
    yield of_call("a long one and a thick one", mask=drawn("########", "........", "###.....", "###.....", "###....."))
    yield of_call("shapes and specks", mask=blobs(rng, 16, 14, 0.4))
    yield of_call("speckled, 4 neighbours", mask=speckled(rng, 13, 17), connectivity=4)
    yield of_call("nothing is True", mask=torch.zeros(3, 4, dtype=torch.bool))
    yield of_call("a diagonal and a block", mask=DIAGONAL)
    yield of_call("as large, below", mask=drawn("#..", "#..", ".#.", "...", "###"), connectivity=4)
    yield of_call("as large in the columns' order", mask=drawn("...##", ".....", "##..."))
    yield of_call("not contiguous", mask=blobs(rng, 20, 11, 0.4).T[:, ::2])


# --- wrong answers: which are removed --------------------------------------------------------------------------------


def more_than(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return remove(mask, least + 1, connectivity)


def always_8(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return remove(mask, least, 8)


def always_4(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return remove(mask, least, 4)


def large_ones(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return mask & ~remove(mask, least, connectivity)


def boxes(mask: Tensor, connectivity: int) -> Tensor:
    """The areas of the components' boxes."""
    components = labelled(mask, connectivity)
    spans = [(components == number).nonzero() for number in range(1, int(components.max()) + 1)]
    areas = [int((span.amax(0) - span.amin(0) + 1).prod()) for span in spans]
    return torch.tensor(areas, dtype=torch.int64, device=mask.device)


def by_boxes(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return kept_by(mask, connectivity, lambda sizes: boxes(mask, connectivity) >= least)


def by_total(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return mask.clone() if int(mask.sum()) >= least else torch.zeros_like(mask)


def opened(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return dilated(eroded(mask, SQUARE, outside=True), SQUARE)


def background_kept(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    """The background, number 0, is taken for a component."""
    components = labelled(mask, connectivity)
    return (components.flatten().bincount() >= least)[components]


def off_by_one(sizes: Tensor) -> Tensor:
    """The sizes of 1, 2, 3, … taken for those of 0, 1, 2, …; the last one has none."""
    return torch.cat([sizes[1:], sizes.new_zeros(min(len(sizes), 1))])


def next_ones_size(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return kept_by(mask, connectivity, lambda sizes: off_by_one(sizes) >= least)


def numbers_left(mask: Tensor, least: int, connectivity: int = 8) -> Tensor:
    return labelled(mask, connectivity) * remove(mask, least, connectivity)


REMOVE_WRONG = (
    Wrong(
        "removes what has exactly the least size",
        more_than,
        says="a component with exactly `least` pixels goes; it stays.",
        look="> or >=?",
    ),
    Wrong(
        "always counts corners",
        always_8,
        says="corners connect also with connectivity 4.",
        look="pass `connectivity` on.",
    ),
    Wrong(
        "never counts corners",
        always_4,
        says="corners don't connect, also with connectivity 8.",
        look="pass `connectivity` on.",
    ),
    Wrong("keeps the small ones", large_ones, says="the small ones stay and the large ones go.", look="< or >=?"),
    Wrong(
        "measures boxes",
        by_boxes,
        says="a component counts as large as the box around it; it is its own pixels.",
        look="bincount of the numbers.",
    ),
    Wrong(
        "counts the whole mask",
        by_total,
        says="all pixels are counted together: everything stays or everything goes.",
        look="each component by itself.",
    ),
    Wrong(
        "opens instead",
        opened,
        says="what is thin goes, and what is compact stays: that is an opening. A long thin road may have many pixels.",
        look="count pixels.",
    ),
    Wrong(
        "takes the background for a component",
        background_kept,
        says="the background, number 0, is large enough and is kept: it becomes True.",
        look="sizes[0].",
    ),
    Wrong(
        "takes the next one's size",
        next_ones_size,
        says="each component stays or goes by the size of the next one; the last by none at all.",
        look="bincount()[1:] begins with component 1, at place 0.",
    ),
    Wrong(
        "leaves the numbers in",
        numbers_left,
        says="the components' numbers come back; asked is a mask of True and False.",
        look="!= 0.",
    ),
)


# --- wrong answers: which is the largest -----------------------------------------------------------------------------


def last_largest(mask: Tensor, connectivity: int = 8) -> Tensor:
    return kept_by(mask, connectivity, lambda sizes: firsts(torch.amax)(sizes.flip(0)).flip(0))


def all_largest(mask: Tensor, connectivity: int = 8) -> Tensor:
    return kept_by(mask, connectivity, lambda sizes: sizes == sizes.amax() if len(sizes) else sizes > 0)


def corners_always(mask: Tensor, connectivity: int = 8) -> Tensor:
    return largest(mask, 8)


def corners_never(mask: Tensor, connectivity: int = 8) -> Tensor:
    return largest(mask, 4)


def smallest(mask: Tensor, connectivity: int = 8) -> Tensor:
    return kept_by(mask, connectivity, firsts(torch.amin))


def first_one(mask: Tensor, connectivity: int = 8) -> Tensor:
    return labelled(mask, connectivity) == 1


def background_wins(mask: Tensor, connectivity: int = 8) -> Tensor:
    components = labelled(mask, connectivity)
    return components == components.flatten().bincount().argmax()


def by_box(mask: Tensor, connectivity: int = 8) -> Tensor:
    return kept_by(mask, connectivity, lambda sizes: firsts(torch.amax)(boxes(mask, connectivity)))


def longest(mask: Tensor, connectivity: int = 8) -> Tensor:
    """By the longer side of its box."""
    components = labelled(mask, connectivity)
    spans = [(components == number).nonzero() for number in range(1, int(components.max()) + 1)]
    sides = [int((span.amax(0) - span.amin(0)).amax()) for span in spans]
    return kept_by(mask, connectivity, lambda sizes: firsts(torch.amax)(torch.tensor(sides, device=mask.device)))


def all_if_nothing(mask: Tensor, connectivity: int = 8) -> Tensor:
    return largest(mask, connectivity) if mask.any() else ~mask


def the_one_before(mask: Tensor, connectivity: int = 8) -> Tensor:
    """The place of the largest among 1, 2, 3, … taken for its number."""
    components = labelled(mask, connectivity)
    sizes = components.flatten().bincount()[1:]
    return (components == sizes.argmax()) & mask if len(sizes) else mask.clone()


def from_the_left(mask: Tensor, connectivity: int = 8) -> Tensor:
    return largest(mask.T, connectivity).T.contiguous()


LARGEST_WRONG = (
    Wrong(
        "takes the last of the largest",
        last_largest,
        says="of several as large the last is kept; it is the first.",
        look="what does argmax do with equal numbers? What does a sort do?",
    ),
    Wrong(
        "keeps all that are as large",
        all_largest,
        says="several as large are all kept; asked is one.",
        look="argmax gives one number.",
    ),
    Wrong(
        "always counts corners",
        corners_always,
        says="corners connect also with connectivity 4.",
        look="pass `connectivity` on.",
    ),
    Wrong(
        "never counts corners",
        corners_never,
        says="corners don't connect, also with connectivity 8.",
        look="pass `connectivity` on.",
    ),
    Wrong("keeps the smallest", smallest, says="the smallest is kept.", look="argmax or argmin?"),
    Wrong(
        "keeps the first",
        first_one,
        says="the first component is kept, whatever its size.",
        look="bincount of the numbers.",
    ),
    Wrong(
        "takes the background for a component",
        background_wins,
        says="the background has the number 0 and often the most pixels: then it is what is kept.",
        look="sizes[0].",
    ),
    Wrong(
        "measures boxes",
        by_box,
        says="a component counts as large as the box around it; it is its own pixels.",
        look="bincount of the numbers.",
    ),
    Wrong(
        "takes the longest",
        longest,
        says="the component that reaches furthest is kept; it is the one with the most pixels.",
        look="bincount of the numbers.",
    ),
    Wrong(
        "keeps everything where nothing is",
        all_if_nothing,
        says="where nothing is True, everything becomes True.",
        look="& mask.",
    ),
    Wrong(
        "keeps the one before",
        the_one_before,
        says="the component before the largest is kept, or nothing if there is none.",
        look="bincount()[1:] begins with component 1, at place 0.",
    ),
    Wrong(
        "reads column by column",
        from_the_left,
        says="of several as large the leftmost is kept; it is the first one row by row.",
        look="connected_components numbers them in the right order.",
    ),
)

REMOVE = Exercise(
    id="unet.remove_small",
    cases=removing,
    oracle=remove,
    wrong=REMOVE_WRONG,
    hints=(
        "components.flatten().bincount() counts the pixels of each number; number 0 is the background.",
        "A table of True and False, one for each number, indexed with the components: kept[components].",
    ),
    points=2,
    minutes=8,
    needs=("unet.connected_components",),
    forbidden=(*IMAGES, *GRAPHS),
)

LARGEST = Exercise(
    id="unet.keep_largest",
    cases=keeping,
    oracle=largest,
    wrong=LARGEST_WRONG,
    hints=(
        "As in remove_small: sizes by bincount. The background must not win: sizes[0] = 0.",
        "components == sizes.argmax(), which takes the first of equal ones. And if there is no component?",
    ),
    points=1,
    minutes=5,
    needs=("unet.connected_components",),
    forbidden=(*IMAGES, *GRAPHS),
)

EXERCISES = (REMOVE, LARGEST)
