"""Random crop and flip. The images' pixels all differ, so that each window says where it was cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.resnet.draws import drawn, draws_of, even, related, repeated, repeats, share
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong

N = 300
READY_MADE = ("torchvision", "skimage", "cv2", "kornia", "albumentations", "timm", "PIL")


def oracle(x: Tensor, padding: int = 4, seed: int = 0) -> Tensor:
    return made(x, padding, seed)


def made(
    x: Tensor,
    padding: int,
    seed: int,
    *,
    reach: int = 1,
    mode: str = "constant",
    one_place: bool = False,
    diagonal: bool = False,
    flips: float = 0.5,
    flip_axis: int = -1,
    by_place: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A window of each padded image, with the habits of mistakes."""
    generator = generator or torch.Generator().manual_seed(seed)
    n, side = len(x), 2 * padding + 1
    top, left = torch.randint(max(1, side - 1 + reach), (2, n), generator=generator).unbind()
    if one_place:
        top, left = top[:1].expand(n), left[:1].expand(n)
    if diagonal:
        left = top
    mirrored = torch.rand(n, generator=generator) < flips
    if by_place:
        mirrored = top > padding
    windows = all_windows(x, padding, mode)
    cut = windows[torch.arange(n), :, side * top + left].reshape(x.shape)
    return torch.where(mirrored.to(x.device)[:, None, None, None], cut.flip(flip_axis), cut)


def all_windows(x: Tensor, padding: int, mode: str = "constant") -> Tensor:
    """(N, C·H·W, places): every window of every padded image, row by row of places."""
    padded = F.pad(x, (padding,) * 4, mode=mode)
    return F.unfold(padded, (x.shape[2], x.shape[3])).reshape(len(x), x[0].numel(), -1)


def images(rng: Rng, n: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Images in which no pixel is 0, as the border is."""
    return rng.uniform(n, *shape, low=0.1, high=1.0, dtype=dtype)


def cases(rng: Rng) -> Iterator[Case]:
    row = torch.tensor([1.0, 2.0, 3.0]).expand(200, 1, 1, 3).contiguous()
    yield drawn(
        "no padding: 200 times the row 1 2 3, by hand",
        rng,
        note="nowhere to move, so each row is 1 2 3 or, mirrored, 3 2 1, about a hundred of each",
        x=row,
        padding=0,
    )
    yield drawn("one pixel of padding", rng, x=images(rng, N, 1, 4, 4), padding=1)
    yield drawn("two pixels, three channels, not square", rng, x=images(rng, N, 3, 3, 5), padding=2)
    small = images(rng, N, 1, 2, 3, dtype=torch.float64)
    yield drawn("padding wider than the image, float64", rng, x=small, padding=3)
    across = images(rng, 3, 5, N, 1).permute(2, 3, 1, 0)
    yield drawn("not contiguous", rng, x=across, padding=1)
    yield repeated(rng, x=images(rng, 12, 3, 6, 6), padding=2)


def matches(x: Tensor, out: Tensor, padding: int, mode: str = "constant", axis: int = -1) -> tuple[Tensor, Tensor]:
    """Which windows of its padded image each answer equals, upright and turned along an axis: (N, places) each."""
    windows = all_windows(x, padding, mode)
    one, other = ((windows == seen.flatten(1)[:, :, None]).all(dim=1) for seen in (out, out.flip(axis)))
    return one, other


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Where each window was cut, if it is one, and what that says of all together."""
    if "again" in outputs:
        return repeats(outputs)
    x, padding = case.inputs["x"], case.inputs["padding"]
    (out,) = draws_of(outputs)
    if out.shape != x.shape or out.dtype != x.dtype:
        raise ValueError("another shape or dtype")
    upright, turned = matches(x, out, padding)
    known = upright.any(1) | turned.any(1)
    if not bool(known.all()):
        return {"each image is a window of its own padded image": False} | _instead(x, out, padding)
    flip = ~upright.any(1)
    place = torch.where(flip, turned.long().argmax(1), upright.long().argmax(1))
    side = 2 * padding + 1
    top, left = place // side, place % side
    facts: Outputs = {
        "each image is a window of its own padded image": True,
        "mirrored": share(int(flip.sum()), len(x), 0.5),
        "different places": len(place.unique()) > 1,
        "moved at all": bool((top != padding).any() or (left != padding).any()),
        "all rows equally often": even(top, side),
        "all columns equally often": even(left, side),
    }
    if padding:
        facts["rows and columns go together"] = related(top, left)
        facts["mirrored by place"] = related(flip, top) or related(flip, left)
    return facts


def _instead(x: Tensor, out: Tensor, padding: int) -> Outputs:
    """What the answers are windows of, if not of their own images in a border of zeros."""

    def explained(mode: str, axis: int, images: Tensor = x) -> bool:
        if mode != "constant" and padding >= min(x.shape[2:]):
            return False
        one, other = matches(images, out, padding, mode, axis)
        return bool((one | other).any(1).all())

    return {
        "windows of a mirrored border": explained("reflect", -1),
        "windows of a border that repeats the other side": explained("circular", -1),
        "windows turned upside down": explained("constant", -2),
    }


def habit(**options: object) -> Callable[..., Tensor]:
    """The oracle with one habit changed."""

    def answer(x: Tensor, padding: int = 4, seed: int = 0) -> Tensor:
        return made(x, padding, seed, **options)  # type: ignore[arg-type]  # checked where it is used

    return answer


def only_flips(x: Tensor, padding: int = 4, seed: int = 0) -> Tensor:
    return made(x, 0, seed)


def other_seed(x: Tensor, padding: int = 4, seed: int = 0) -> Tensor:
    return made(x, padding, 0)


def seeds_global(x: Tensor, padding: int = 4, seed: int = 0) -> Tensor:
    return made(x, padding, seed, generator=torch.manual_seed(seed))


RANDOM_CROP_FLIP = Exercise(
    id="resnet.random_crop_flip",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        Wrong(
            "gives all images the same place",
            habit(one_place=True),
            says="all images of the batch are moved by the same amount: the place is drawn once, not once an image.",
            look="how many numbers do you draw? There are N images.",
        ),
        Wrong(
            "never reaches the last place",
            habit(reach=0),
            says="the last row and column of places never come: there are 2 · padding + 1 of them, not 2 · padding.",
            look="torch.randint leaves its upper end out.",
        ),
        Wrong(
            "moves along the diagonal",
            habit(diagonal=True),
            says="one number moves the image down and across, so only places on the diagonal come.",
            look="top and left are two draws.",
        ),
        Wrong(
            "never mirrors",
            habit(flips=0.0),
            says="the places are right, but no image is mirrored.",
            look="about every second one should be turned along its last axis.",
        ),
        Wrong(
            "mirrors every image",
            habit(flips=1.0),
            says="every image is mirrored; about every second one should be.",
            look="each image throws its own coin.",
        ),
        Wrong(
            "turns images upside down",
            habit(flip_axis=-2),
            says="images are mirrored from top to bottom. A car on its roof is seldom seen.",
            look="left and right lie along the last axis, W.",
        ),
        Wrong(
            "mirrors by the place",
            habit(by_place=True),
            says="whether an image is mirrored depends on where it was moved: the same draw is used twice.",
            look="draw the coins apart from the places.",
        ),
        Wrong(
            "mirrors the border",
            habit(mode="reflect"),
            says="the border is a mirror image of the picture; it should be zeros.",
            look="which mode does your padding have?",
        ),
        Wrong(
            "rolls the image",
            habit(mode="circular"),
            says="what leaves on one side comes back on the other; zeros should come in instead.",
            look="torch.roll turns the picture round. Pad first, then cut.",
        ),
        Wrong(
            "doesn't move the images",
            only_flips,
            says="images are mirrored, but stay where they are.",
            look="cut a window out of the padded image, at a random place.",
        ),
        Wrong(
            "ignores the seed",
            other_seed,
            says="every seed gives the same result.",
            look="hand seed to your generator.",
        ),
        Wrong(
            "seeds torch's global generator",
            seeds_global,
            says="the result is right, but torch.manual_seed changed the random numbers of everything else.",
            look="torch.Generator().manual_seed(seed) makes a generator of your own.",
        ),
    ),
    hints=(
        "Pad the whole batch with F.pad. For each image draw top and left from 0 … 2 · padding, and a coin.",
        "A loop over images is fine: padded[i, :, top : top + H, left : left + W], then .flip(-1) if the coin says so.",
        "Without a loop: make the row numbers (N, H) and column numbers (N, W) of all windows; mirrored images have "
        "their column numbers reversed. padded[image, :, rows, columns] gathers all at once.",
    ),
    points=3,
    minutes=20,
    forbidden=READY_MADE,
)

EXERCISES = (RANDOM_CROP_FLIP,)
