"""Components with their numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy import ndimage, sparse
from torch import Tensor

from autograder.exercises.unet._cleaning_masks import CROSS, blobs, by_numpy, drawn, labelled, speckled
from autograder.exercises.unet._ready_made import IMAGES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

GRAPHS = ("scipy.sparse.csgraph", "networkx", "sklearn")
SPIRAL = drawn("########", "......##", "#####..#", "#...##.#", "#.#..#.#", "#.####.#", "#......#", "########")
COMB = drawn("#.#.#.#", "#.#.#.#", "#.#.###", "#######", ".......", "#.#.#.#", "#.###.#")


def oracle(mask: Tensor, connectivity: int = 8) -> Tensor:
    return labelled(mask, connectivity)


def cases(rng: Rng) -> Iterator[Case]:
    small = drawn(".#.", "#..", "..#")
    yield of_call(
        "three pixels, 4 neighbours, by hand",
        mask=small,
        connectivity=4,
        expect=torch.tensor([[0, 1, 0], [2, 0, 0], [0, 0, 3]]),
        note="no two share a side: three components, numbered row by row",
    )
    yield of_call(
        "three pixels, 8 neighbours, by hand",
        mask=small,
        expect=torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 2]]),
        note="the first two share a corner; the third touches neither",
    )
    yield of_call("a comb", mask=COMB, connectivity=4)
    yield of_call("a spiral", mask=SPIRAL)
    yield of_call("shapes and specks", mask=blobs(rng, 13, 17), connectivity=4)
    yield of_call("speckled, 8 neighbours", mask=speckled(rng, 12, 15, 0.35), connectivity=8)
    yield of_call("speckled, 4 neighbours", mask=speckled(rng, 15, 11, 0.58), connectivity=4)
    yield of_call("both diagonals", mask=drawn("#...#", ".#.#.", ".....", ".#.#.", "#...#"))
    yield of_call("nothing is True", mask=torch.zeros(3, 4, dtype=torch.bool))
    yield of_call("everything is True", mask=torch.ones(4, 3, dtype=torch.bool), connectivity=4)
    yield of_call("one row", mask=drawn("##.#.###"), connectivity=4)
    yield of_call("one column", mask=drawn("##.#.###").T)
    yield of_call("not contiguous", mask=blobs(rng, 18, 9).T[:, ::2])


# --- the baseline ---------------------------------------------------------------------------------------------------


def spread_numbers(mask: Tensor, connectivity: int, rounds: int) -> Tensor:
    """The largest number among the neighbours, again and again, until nothing changes; at most so often."""
    places = torch.arange(mask.numel(), 0, -1, dtype=torch.float32, device=mask.device).view(1, 1, *mask.shape)
    largest = places * mask
    for _ in range(rounds):
        if connectivity == 8:
            next_ones = torch.nn.functional.max_pool2d(largest, 3, 1, 1) * mask
        else:
            down = torch.nn.functional.max_pool2d(largest, (3, 1), 1, (1, 0))
            next_ones = torch.maximum(down, torch.nn.functional.max_pool2d(largest, (1, 3), 1, (0, 1))) * mask
        if torch.equal(next_ones, largest):
            break
        largest = next_ones
    return largest[0, 0]


def counted_by_size(largest: Tensor, mask: Tensor) -> Tensor:
    """1, 2, 3, … in place of falling numbers."""
    numbers = torch.unique(-largest[mask], return_inverse=True)[1] + 1
    return torch.zeros_like(mask, dtype=torch.int64).masked_scatter(mask, numbers)


def spread(mask: Tensor, connectivity: int = 8) -> Tensor:
    return counted_by_size(spread_numbers(mask, connectivity, mask.numel()), mask)


# --- wrong answers ---------------------------------------------------------------------------------------------------


def by_structure(mask: Tensor, structure: Tensor) -> Tensor:
    return by_numpy(lambda array: ndimage.label(array, structure.numpy())[0].astype(np.int64), mask)


def renumbered(components: Tensor) -> Tensor:
    """In the order in which they are met."""
    flat = components.flatten().tolist()
    found = {0: 0} | {old: new for new, old in enumerate(dict.fromkeys(item for item in flat if item), start=1)}
    return torch.tensor([found[item] for item in flat], device=components.device).reshape(components.shape)


def always_8(mask: Tensor, connectivity: int = 8) -> Tensor:
    return labelled(mask, 8)


def always_4(mask: Tensor, connectivity: int = 8) -> Tensor:
    return labelled(mask, 4)


def swapped(mask: Tensor, connectivity: int = 8) -> Tensor:
    return labelled(mask, 12 - connectivity)


def one_diagonal(mask: Tensor, connectivity: int = 8) -> Tensor:
    return by_structure(mask, CROSS if connectivity == 4 else CROSS | torch.eye(3, dtype=torch.bool))


def column_by_column(mask: Tensor, connectivity: int = 8) -> Tensor:
    return labelled(mask.T, connectivity).T.contiguous()


def largest_first(mask: Tensor, connectivity: int = 8) -> Tensor:
    components = labelled(mask, connectivity)
    sizes = components.flatten().bincount()[1:]
    rank = (-sizes).argsort(stable=True).argsort() + 1
    return torch.cat([torch.zeros(1, dtype=torch.int64, device=mask.device), rank])[components]


def backwards(mask: Tensor, connectivity: int = 8) -> Tensor:
    components = labelled(mask, connectivity)
    return torch.where(mask, components.max() + 1 - components, 0)


def by_last_pixel(mask: Tensor, connectivity: int = 8) -> Tensor:
    """The first to end comes first."""
    turned_round = renumbered(labelled(mask.flip(0, 1), connectivity)).flip(0, 1)
    return torch.where(mask, turned_round.max() + 1 - turned_round, 0)


def by_first_place(mask: Tensor, connectivity: int = 8) -> Tensor:
    """Each component has the place of its first pixel for a number."""
    components = labelled(mask, connectivity)
    place = torch.arange(1, mask.numel() + 1, device=mask.device).view(mask.shape)
    out = torch.zeros_like(components)
    for number in range(1, int(components.max()) + 1):
        out[components == number] = place[components == number].min()
    return out


def from_zero(mask: Tensor, connectivity: int = 8) -> Tensor:
    return (labelled(mask, connectivity) - 1).clamp(min=0)


def background_minus_one(mask: Tensor, connectivity: int = 8) -> Tensor:
    return labelled(mask, connectivity) - 1


def in_one_pass(mask: Tensor, connectivity: int = 8) -> Tensor:
    """Each pixel takes the smallest number among the neighbours before it; where two meet, nobody is told."""
    before = ((0, -1), (-1, 0)) if connectivity == 4 else ((0, -1), (-1, -1), (-1, 0), (-1, 1))
    height, width = mask.shape
    numbers = [[0] * (width + 2) for _ in range(height + 1)]
    count = 0
    for i, row in enumerate(mask.tolist()):
        for j in (j for j, here in enumerate(row) if here):
            near = [numbers[i + 1 + down][j + 1 + right] for down, right in before]
            known = [number for number in near if number]
            count += not known
            numbers[i + 1][j + 1] = min(known) if known else count
    return torch.tensor([row[1:-1] for row in numbers[1:]], device=mask.device)


def round_the_edge(mask: Tensor, connectivity: int = 8) -> Tensor:
    """Neighbours in the flattened mask: the end of a row touches the start of the next."""
    width = mask.shape[1]
    flat = mask.flatten().cpu().numpy()
    steps = (1, width) if connectivity == 4 else (1, width - 1, width, width + 1)
    pairs = [(i, i + step) for step in steps for i in range(len(flat) - step) if flat[i] and flat[i + step]]
    one, other = np.array(pairs or [(0, 0)]).T
    graph = sparse.coo_matrix((np.ones(len(one)), (one, other)), shape=(len(flat), len(flat)))
    numbers = sparse.csgraph.connected_components(graph, directed=False)[1] + 1
    return renumbered(torch.from_numpy(np.where(flat, numbers, 0)).reshape(mask.shape).to(mask.device))


def too_few_rounds(mask: Tensor, connectivity: int = 8) -> Tensor:
    """Numbers spread as many pixels as the image is long."""
    return counted_by_size(spread_numbers(mask, connectivity, max(mask.shape)), mask)


def background_too(mask: Tensor, connectivity: int = 8) -> Tensor:
    both = labelled(mask, connectivity), labelled(~mask, connectivity)
    return renumbered(torch.where(mask, both[0], both[0].max() + both[1]))


def the_number_alone(mask: Tensor, connectivity: int = 8) -> int:
    return int(labelled(mask, connectivity).max())


def in_int32(mask: Tensor, connectivity: int = 8) -> Tensor:
    return labelled(mask, connectivity).int()


NEIGHBOURS = (
    Wrong(
        "always counts corners",
        always_8,
        says="pixels that share a corner are taken for neighbours, also with connectivity 4.",
        look="where `connectivity` stands in your answer.",
    ),
    Wrong(
        "never counts corners",
        always_4,
        says="only pixels that share a side are taken for neighbours, also with connectivity 8.",
        look="where `connectivity` stands in your answer.",
    ),
    Wrong(
        "swaps 4 and 8",
        swapped,
        says="with 4 corners count, with 8 they don't.",
        look="how many neighbours does a pixel have?",
    ),
    Wrong(
        "forgets a diagonal",
        one_diagonal,
        says="with connectivity 8 only one diagonal joins: down to the right, but not down to the left.",
        look="a pixel has four neighbours behind it: right, and three in the row below.",
    ),
    Wrong(
        "goes round the edge",
        round_the_edge,
        says="a row's last pixel is taken for the neighbour of the next row's first: in the flattened mask they are.",
        look="which columns have a right neighbour?",
    ),
    Wrong(
        "doesn't join what meets later",
        in_one_pass,
        says="each pixel takes a number from the pixels before it; where two arms meet further down, both keep theirs.",
        look="the comb: what is left to do when two numbers meet?",
    ),
    Wrong(
        "stops spreading too early",
        too_few_rounds,
        says="numbers spread as many times as the image is long; a winding path is longer than that.",
        look="when is there nothing left to do? Compare with the round before.",
    ),
)

NUMBERS = (
    Wrong(
        "numbers column by column",
        column_by_column,
        says="the components are right, but numbered from left to right; it is row by row.",
        look="which one has the topmost pixel?",
    ),
    Wrong(
        "numbers backwards",
        backwards,
        says="the components are right, but the last one has the number 1.",
        look="which number does torch.unique give to the smallest value?",
    ),
    Wrong(
        "numbers by the last pixel",
        by_last_pixel,
        says="the components are right, but in the order in which they end; asked is the order in which they begin.",
        look="whose number wins in a component, its first pixel's or its last one's?",
    ),
    Wrong(
        "numbers the largest first",
        largest_first,
        says="the components are right, but numbered by size.",
        look="in the order in which one meets them.",
    ),
    Wrong(
        "leaves gaps in the numbers",
        by_first_place,
        says="the components are right, but their numbers aren't 1, 2, 3, …: each has that of a pixel.",
        look="torch.unique with return_inverse=True counts.",
    ),
    Wrong(
        "starts with 0",
        from_zero,
        says="the first component has the number 0, like the background.",
        look="+ 1.",
    ),
    Wrong(
        "gives the background −1",
        background_minus_one,
        says="the background has −1 and the first component 0; it is 0 and 1.",
        look="+ 1.",
    ),
    Wrong(
        "numbers the background too",
        background_too,
        says="pieces of background get numbers as well; they stay 0.",
        look="the mask.",
    ),
    Wrong(
        "gives the number of components",
        the_number_alone,
        says="only how many components there are; asked is a number for each pixel.",
        look="an image of the mask's shape.",
    ),
    Wrong("gives int32", in_int32, says="the numbers are right, but int32; asked is int64.", look=".long()."),
)


COMPONENTS = Exercise(
    id="unet.connected_components",
    cases=cases,
    oracle=oracle,
    wrong=(*NEIGHBOURS, *NUMBERS),
    hints=(
        "The simple way: give every True pixel a number of its own; then each takes the largest number in its "
        "neighbourhood, again and again, until nothing changes.",
        "F.max_pool2d(numbers, 3, stride=1, padding=1) is the largest among the 8 neighbours; multiply by the mask. "
        "For 4, take the larger of a (3, 1) and a (1, 3) pooling.",
        "If numbers fall from the first pixel to the last, each component ends with its first pixel's, the largest.",
        "torch.unique(values, return_inverse=True) turns values into 0, 1, 2, … by size. Take minus the numbers to "
        "have the first pixel's first, and add 1.",
    ),
    points=4,
    minutes=25,
    forbidden=(*IMAGES, *GRAPHS),
    speed=Speed(
        case=lambda rng: of_call("speed", mask=speckled(rng, 128, 128, 0.58), connectivity=4),
        limit=3.0,
        baseline=spread,
        against="the largest neighbour, again and again",
    ),
)

EXERCISES = (COMPONENTS,)
