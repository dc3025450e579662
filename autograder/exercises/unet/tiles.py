"""Large images tile by tile. The model notes what it is asked, and says something else in every tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.exercises.unet._ready_made import AUGMENTERS
from autograder.spec import Case, Exercise, Probe, Ref, Rng, Wrong, call

Model = Callable[[Tensor], Tensor]


def starts(length: int, tile: int, step: int) -> list[int]:
    """Where tiles begin on an axis; the last one ends with it."""
    found = [0]
    while found[-1] + tile < length:
        found.append(min(found[-1] + step, length - tile))
    return found


def made(
    model: Model,
    image: Tensor,
    tile: int,
    overlap: int,
    batch: int,
    *,
    window: Literal["ends", "even", "from one", "smaller", "summed", "bare", "cut late"] = "ends",
    last: Literal["back", "left out", "padded", "twice"] = "back",
    step: int | None = None,
    together: Literal["weighted", "later", "summed"] = "weighted",
    alone: bool = False,
    at_once: bool = False,
    small_padded: bool = False,
    gradients: bool = False,
) -> Tensor:
    """Tile by tile, in float64, with the habits of mistakes."""
    height, width = image.shape[1:]
    high, wide = (tile, tile) if small_padded else (min(tile, height), min(tile, width))
    step = tile - overlap if step is None else step
    room = image
    if last == "padded" or small_padded:
        room = torch.zeros(len(image), height + tile, width + tile, dtype=image.dtype, device=image.device)
        room[:, :height, :width] = image
    corners = [(top, left) for top in _begun(height, high, step, last) for left in _begun(width, wide, step, last)]
    weight = _window(high, wide, window).to(image.device)
    total: Tensor | None = None
    sums = torch.zeros(room.shape[1:], dtype=torch.float64, device=image.device)
    size = 1 if alone else len(corners) if at_once else batch
    for group in (corners[first : first + size] for first in range(0, len(corners), size)):
        with torch.set_grad_enabled(gradients):
            said = model(torch.stack([room[:, top : top + high, left : left + wide] for top, left in group]))
        said = said.detach()
        if total is None:
            total = torch.zeros(said.shape[1], *room.shape[1:], dtype=torch.float64, device=image.device)
        for (top, left), part in zip(group, said.double(), strict=True):
            here = (slice(top, top + high), slice(left, left + wide))
            total[:, *here] = part if together == "later" else total[:, *here] + weight * part
            sums[here] += weight
    assert total is not None
    out = total if together != "weighted" else total / sums
    return out[:, :height, :width].to(image.dtype)


def _begun(length: int, tile: int, step: int, last: str) -> list[int]:
    found = starts(length, tile, step)
    if last == "back" or found == [0]:
        return found
    if last == "twice":
        return [*range(0, length - tile + 1, step), length - tile]
    return list(range(0, length - tile + 1, step)) if last == "left out" else list(range(0, length, step))


def _window(high: int, wide: int, kind: str) -> Tensor:
    ends = []
    for length in (high, wide):
        near = torch.arange(length, dtype=torch.float64)
        near = torch.minimum(near, length - 1 - near)
        ends.append(near + 1 if kind == "from one" else near if kind == "bare" else near.clamp(min=1e-6))
    down, across = ends[0][:, None], ends[1][None]
    if kind == "even":
        return torch.ones(high, wide, dtype=torch.float64)
    if kind == "smaller":
        return torch.minimum(down, across)
    if kind == "cut late":
        return (down.floor() * across.floor()).clamp(min=1e-6)
    return down + across if kind == "summed" else down * across


def oracle(model: Model, image: Tensor, tile: int, overlap: int, batch: int = 8) -> Tensor:
    return made(model, image, tile, overlap, batch)


def case(name: str, weight: Tensor, image: Tensor, *, moody: float = 0.0, note: str = "", **options: Any) -> Case:
    """The result, and how the model was asked."""
    inputs = {"model": Probe("seer", {"weight": weight, "moody": moody}), "image": image, **options}
    given: dict[str, Any] = {key: Ref(key) for key in inputs}
    steps = (
        call("out", **given),
        call("journal", target="model", method="journal"),
    )
    return Case(name, steps, inputs=inputs, note=note, terms=64, scale=4.0)


def cases(rng: Rng) -> Iterator[Case]:
    middle = torch.zeros(1, 1, 3, 3)
    middle[0, 0, 1, 1] = 1.0
    yield case(
        "a row of six, the mean of each tile, by hand",
        0 * middle,
        torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).reshape(1, 1, 6),
        moody=1.0,
        tile=4,
        overlap=2,
        note="tile 1 says 2.5 everywhere, tile 2 says 4.5. Weights 1e-6 1 1 1e-6 each: column 2 is (1·2.5 + 1e-6·4.5) "
        "/ (1 + 1e-6) = 2.500002, column 3 is 4.499998; the first two are 2.5, the last two 4.5",
    )
    weight = 0.5 * rng.normal(2, 3, 3, 3)
    yield case("tiles that fit", weight, rng.normal(3, 12, 16), moody=3.0, tile=8, overlap=4)
    yield case("tiles that don't fit", weight, rng.normal(3, 13, 18), moody=3.0, tile=8, overlap=3, batch=4)
    yield case("two at a time", weight, rng.normal(3, 11, 9), moody=3.0, tile=6, overlap=2, batch=2)
    yield case("smaller than a tile", weight, rng.normal(3, 5, 7), moody=1.0, tile=8, overlap=2)
    yield case("narrower than a tile", weight, rng.normal(3, 14, 5), moody=3.0, tile=6, overlap=4, batch=3)
    yield case("no overlap", weight, rng.normal(3, 9, 8), moody=3.0, tile=4, overlap=0, batch=3)
    yield case("one pixel of overlap", weight, rng.normal(3, 7, 10), moody=3.0, tile=4, overlap=1, batch=16)
    one = 0.5 * rng.normal(1, 1, 3, 3)
    yield case("not contiguous, sees one pixel far", one, rng.strided(1, 15, 12), tile=6, overlap=3, batch=5)


def habit(**options: Any) -> Callable[..., Tensor]:
    """The oracle with one habit changed."""

    def answer(model: Model, image: Tensor, tile: int, overlap: int, batch: int = 8) -> Tensor:
        return made(model, image, tile, overlap, batch, **options)

    return answer


def steps_by_overlap(model: Model, image: Tensor, tile: int, overlap: int, batch: int = 8) -> Tensor:
    return made(model, image, tile, overlap, batch, step=max(1, overlap))


def quietly_evaluated(model: Model, image: Tensor, tile: int, overlap: int, batch: int = 8) -> Tensor:
    if isinstance(model, torch.nn.Module):
        model.eval()
    return oracle(model, image, tile, overlap, batch)


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


TILE_AND_STITCH = Exercise(
    id="unet.tile_and_stitch",
    cases=cases,
    oracle=oracle,
    wrong=(
        _wrong(
            "averages evenly",
            "all tiles that cover a pixel count the same, so the result still jumps where a tile begins.",
            "what weight has a tile's outermost pixel?",
            window="even",
        ),
        _wrong(
            "counts distances from 1",
            "the outermost pixel of a tile has weight 1, the next one 2: what a model guesses at a tile's end goes in.",
            "distances to the first and last pixel begin with 0.",
            window="from one",
        ),
        _wrong(
            "takes the smaller distance",
            "a pixel's weight is the smaller of its two distances; it is their product.",
            "ramp[:, None] * ramp.",
            window="smaller",
        ),
        _wrong(
            "adds the distances",
            "a pixel's weight is the sum of its two distances, so it isn't 0 all along a tile's end.",
            "ramp[:, None] * ramp.",
            window="summed",
        ),
        _wrong(
            "divides by nothing",
            "weights of 0 are left 0, so a pixel that lies only on ends is 0 / 0.",
            "at least 1e-6.",
            window="bare",
        ),
        _wrong(
            "leaves the rest out",
            "where tiles don't fit evenly, the last rows or columns belong to no tile.",
            "the last tile of an axis ends with the image.",
            last="left out",
        ),
        _wrong(
            "pads with zeros",
            "the last tiles reach beyond the image and see zeros there; they are moved back into it.",
            "where does the last tile of an axis end?",
            last="padded",
        ),
        _wrong(
            "lets the last tile win",
            "each tile overwrites what others said.",
            "add weight · result, and the weights too; divide in the end.",
            together="later",
        ),
        _wrong(
            "never divides",
            "the weighted results are added up but not divided by the sum of weights.",
            "a weighted mean.",
            together="summed",
        ),
        Wrong(
            "steps by the overlap",
            steps_by_overlap,
            says="tiles begin `overlap` pixels apart; that far they should overlap.",
            look="two tiles of 8 that share 3 pixels begin 5 apart.",
        ),
        _wrong(
            "asks tile by tile",
            "the model gets one tile at a time; it gets `batch` of them.",
            "cut the list of tiles into stretches of `batch`.",
            alone=True,
        ),
        _wrong(
            "asks for all tiles at once",
            "the model gets all tiles in one go, however many there are; it gets `batch` of them.",
            "cut the list of tiles into stretches of `batch`.",
            at_once=True,
        ),
        _wrong(
            "asks for the last tile twice",
            "where tiles fit evenly, the last one comes twice and counts double.",
            "is there a tile that ends with the image already?",
            last="twice",
        ),
        _wrong(
            "pads a small image",
            "an image smaller than a tile is filled up with zeros; it is one tile of its own length.",
            "the shorter of tile and axis.",
            small_padded=True,
        ),
        _wrong(
            "raises products instead of distances",
            "the product of the two distances is at least 1e-6; each distance should be.",
            "clamp before you multiply.",
            window="cut late",
        ),
        Wrong(
            "sets the model's mode",
            quietly_evaluated,
            says="the model is asked in evaluation mode, and left in it.",
            look="its mode is the caller's choice: mc_dropout, say, wants dropout at work.",
        ),
        _wrong(
            "records gradients",
            "every tile's activations are kept for a backward pass that never comes: the memory is gone.",
            "torch.no_grad().",
            gradients=True,
        ),
    ),
    hints=(
        "[*range(0, length − tile, tile − overlap), max(length − tile, 0)] are the beginnings on one axis.",
        "ramp = torch.minimum(i, tile − 1 − i).clamp(min=1e-6) for i = 0, 1, …; the window is ramp[:, None] * ramp.",
        "Two tensors of zeros, (K, H, W) and (H, W): add window · result to one, window to the other; divide.",
    ),
    points=4,
    minutes=30,
    forbidden=AUGMENTERS,
)

EXERCISES = (TILE_AND_STITCH,)
