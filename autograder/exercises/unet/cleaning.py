"""From probabilities to a tidy mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.exercises.unet._cleaning_masks import CROSS, SQUARE, blobs, dilated, drawn, eroded, filled, kept_by
from autograder.exercises.unet._ready_made import IMAGES
from autograder.exercises.unet.numbering import GRAPHS
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

Step = Callable[[Tensor], Tensor]


def oracle(probabilities: Tensor, threshold: float, kernel: Tensor, least: int) -> Tensor:
    return in_order("cfr", probabilities >= threshold, kernel, least)


def in_order(order: str, mask: Tensor, kernel: Tensor, least: int, *, connectivity: int = 8) -> Tensor:
    """c: close, e: close and eat the edge, o: open, f: fill, r: remove the small."""
    steps: dict[str, Step] = {
        "c": lambda seen: eroded(dilated(seen, kernel), kernel, outside=True),
        "e": lambda seen: eroded(dilated(seen, kernel), kernel),
        "o": lambda seen: dilated(eroded(seen, kernel, outside=True), kernel),
        "f": filled,
        "r": lambda seen: kept_by(seen, connectivity, lambda sizes: sizes >= least),
    }
    for letter in order:
        mask = steps[letter](mask)
    return mask


def probable(rng: Rng, mask: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Probabilities that say so."""
    return torch.where(mask, 0.55, 0.05).to(dtype) + 0.4 * rng.uniform(*mask.shape, dtype=dtype)


SCENE = drawn(
    ".........#.",
    ".###.###...",
    ".#.....#..#",
    "...........",
    ".#.....#.#.",
    ".###.###..#",
    "...........",
    "##......##.",
    "##.#.......",
)

RINGS = (
    "........................",
    "........................",
    "..#####....###...#####..",
    "..#...#....#.#...#...#..",
    "..#...#....###...#......",
    "..#...#..........#...#..",
    "..#####..........#####..",
    "........................",
    "........................",
)


def cases(rng: Rng) -> Iterator[Case]:
    row = torch.ones(1, 3, dtype=torch.bool)
    yield of_call(
        "a row, by hand",
        probabilities=torch.tensor([[0.9, 0.2, 0.5, 0.1, 0.1, 0.1, 0.7]]),
        threshold=0.5,
        kernel=row,
        least=2,
        expect=drawn("###...."),
        note="#.#...# by the threshold, ###...# closed; nothing to fill; the last pixel stands alone",
    )
    ring = drawn("#######..", "#.....#..", "#.....#..", "#.......#", "#.....#..", "#######..")
    yield of_call("a ring with a gap", probabilities=probable(rng, ring), threshold=0.5, kernel=SQUARE, least=4)
    yield of_call(
        "a broken frame and specks", probabilities=probable(rng, SCENE), threshold=0.5, kernel=SQUARE, least=5
    )
    for size, least in ((15, 6), (18, 9)):
        p = probable(rng, blobs(rng, size, size + 3))
        yield of_call(f"shapes and specks, at least {least}", probabilities=p, threshold=0.5, kernel=CROSS, least=least)
    yield of_call("another threshold", probabilities=rng.uniform(12, 14), threshold=0.7, kernel=CROSS, least=3)
    rings = drawn(*RINGS)
    yield of_call("rings, whole and broken", probabilities=probable(rng, rings), threshold=0.5, kernel=CROSS, least=23)
    corner = drawn("#....", "#..#.", ".....", "....#", "...#.")
    yield of_call("corners", probabilities=probable(rng, corner), threshold=0.5, kernel=drawn("#"), least=2)
    specks = drawn("#.#.....", "........", "#.......", ".......#", "........")
    yield of_call("specks side by side", probabilities=probable(rng, specks), threshold=0.5, kernel=SQUARE, least=3)
    yield of_call("nothing", probabilities=0.4 * rng.uniform(4, 5), threshold=0.5, kernel=CROSS, least=2)
    strided = rng.strided(11, 13, dtype=torch.float64).sigmoid()
    yield of_call("float64, not contiguous", probabilities=strided, threshold=0.55, kernel=CROSS, least=4)


def does(order: str, says: str, look: str, name: str, connectivity: int = 8) -> Wrong:
    def answer(probabilities: Tensor, threshold: float, kernel: Tensor, least: int) -> Tensor:
        return in_order(order, probabilities >= threshold, kernel, least, connectivity=connectivity)

    return Wrong(name, answer, says, look)


def above(probabilities: Tensor, threshold: float, kernel: Tensor, least: int) -> Tensor:
    return in_order("cfr", probabilities > threshold, kernel, least)


def half(probabilities: Tensor, threshold: float, kernel: Tensor, least: int) -> Tensor:
    return oracle(probabilities, 0.5, kernel, least)


def larger_than(probabilities: Tensor, threshold: float, kernel: Tensor, least: int) -> Tensor:
    return oracle(probabilities, threshold, kernel, least + 1)


def first_largest(sizes: Tensor) -> Tensor:
    return torch.arange(len(sizes), device=sizes.device) == (sizes.argmax() if len(sizes) else 0)


def one_object(probabilities: Tensor, threshold: float, kernel: Tensor, least: int) -> Tensor:
    return kept_by(in_order("cf", probabilities >= threshold, kernel, least), 8, first_largest)


CLEAN = Exercise(
    id="unet.clean_up",
    cases=cases,
    oracle=oracle,
    wrong=(
        does("fr", "gaps stay open: nothing is closed.", "four steps.", "doesn't close"),
        does("cr", "holes stay.", "four steps.", "doesn't fill"),
        does("cf", "specks stay.", "four steps.", "doesn't remove specks"),
        does(
            "rcf",
            "specks go first; but two that stand side by side may be one object with a gap.",
            "the order of the steps.",
            "removes specks first",
        ),
        does(
            "fcr",
            "holes are filled before gaps are closed; a ring with a gap has no hole yet.",
            "the order of the steps.",
            "fills before it closes",
        ),
        does(
            "crf",
            "specks go before holes are filled; but a thin ring weighs more when it is full.",
            "the order of the steps.",
            "removes before it fills",
        ),
        does("ofr", "the mask is opened: gaps grow wider.", "which step closes gaps?", "opens instead of closing"),
        does(
            "efr",
            "closing eats from the image's edge.",
            "close_mask is yours already; what does it do at the edge?",
            "eats from the edge",
        ),
        does(
            "cfr",
            "in the last step corners don't connect; there they do.",
            "remove_small connects corners if it isn't told otherwise.",
            "doesn't let corners connect",
            connectivity=4,
        ),
        Wrong(
            "keeps the largest alone",
            one_object,
            "only the largest component is left; all that have at least `least` pixels stay.",
            "remove_small.",
        ),
        Wrong("leaves out what equals the threshold", above, "the threshold itself isn't enough.", "> or >=?"),
        Wrong("always takes 0.5", half, "the threshold is 0.5, whatever is given.", "where `threshold` stands."),
        Wrong(
            "removes what has exactly the least size",
            larger_than,
            "a component with exactly `least` pixels goes.",
            "> or >=?",
        ),
    ),
    hints=("Four of your own functions, one after the other.", "probabilities >= threshold is the innermost."),
    points=2,
    minutes=6,
    needs=(
        "unet.dilate",
        "unet.erode",
        "unet.close_mask",
        "unet.connected_components",
        "unet.fill_holes",
        "unet.remove_small",
    ),
    forbidden=(*IMAGES, *GRAPHS),
)

EXERCISES = (CLEAN,)
