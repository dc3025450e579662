"""The threshold that is best on validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._ready_made import SCORES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

Chosen = tuple[float, Tensor]
Pick = Callable[[Tensor], int]


def runs(scores: Tensor) -> list[list[int]]:
    """The unbroken runs of best scores, by index."""
    found: list[list[int]] = []
    for index in (scores == scores.max()).nonzero().flatten().tolist():
        if found and found[-1][-1] == index - 1:
            found[-1].append(index)
        else:
            found.append([index])
    return found


def middle(run: list[int]) -> int:
    return run[(len(run) - 1) // 2]


def scores_of(
    probabilities: Tensor,
    masks: Tensor,
    thresholds: Tensor,
    *,
    strictly: bool = False,
    below: bool = False,
    by_image: bool = False,
    empty: float = 1.0,
    dice: bool = False,
    accuracy: bool = False,
    positives: bool = True,
    single: bool = False,
    extra: float = 0.0,
) -> Tensor:
    """A score for each threshold, with the habits of mistakes."""
    columns = (1, -1, len(masks)) if by_image else (1, -1)
    p, true = (item.reshape(len(masks), -1).T.reshape(*columns) for item in (probabilities, masks == 1))
    limits = thresholds.reshape(-1, *[1] * (len(columns) - 1))
    said = p > limits if strictly else p < limits if below else p >= limits
    if not positives:
        said, true = ~said, ~true
    if accuracy:
        return (said == true).double().mean(1).to(probabilities.dtype)
    both, either = (said & true).sum(1).double(), (said | true).sum(1).double()
    top, bottom = (2 * both, both + either) if dice else (both, either)
    if single:
        top, bottom = top.float(), bottom.float()
    ratios = torch.where(bottom > 0, (top + extra) / (bottom + extra).clamp(min=1), empty)
    return (ratios.mean(1) if by_image else ratios).to(probabilities.dtype)


def by(pick: Pick = lambda scores: middle(runs(scores)[0]), **habits: Any) -> Callable[..., Chosen]:
    def answer(probabilities: Tensor, masks: Tensor, thresholds: Tensor) -> Chosen:
        scores = scores_of(probabilities, masks, thresholds, **habits)
        return float(thresholds[pick(scores)]), scores

    return answer


oracle = by()


def case(name: str, probabilities: Tensor, masks: Tensor, thresholds: Tensor) -> Case:
    return of_call(name, probabilities=probabilities, masks=masks, thresholds=thresholds)


def uneven(rng: Rng, *shape: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Probabilities that know something of the masks; the images have more and more foreground."""
    share = torch.linspace(0.1, 0.7, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    masks = (rng.uniform(*shape) < share).long()
    noise = rng.normal(*shape, dtype=dtype)
    return (1.5 * masks - 0.75 + noise).sigmoid(), masks


def plateaus() -> tuple[Tensor, Tensor, Tensor]:
    """Two runs of best thresholds, the second one longer."""
    p = torch.tensor([[0.9, 0.9, 0.5, 0.5, 0.3, 0.05]])
    return p, torch.tensor([[1, 1, 0, 0, 1, 1]]), torch.tensor([0.2, 0.4, 0.6, 0.7, 0.8])


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "three pixels, by hand",
        probabilities=torch.tensor([[0.9, 0.6, 0.2]]),
        masks=torch.tensor([[1, 1, 0]]),
        thresholds=torch.tensor([0.1, 0.3, 0.5, 0.7]),
        expect=(0.3, torch.tensor([2 / 3, 1.0, 1.0, 0.5])),
        note="intersections 2 2 2 1, unions 3 2 2 2; best are 0.3 and 0.5, of which the lower is taken",
    )
    yield case("4 images with more and more foreground", *uneven(rng, 4, 5, 7), torch.linspace(0.05, 0.95, 19))
    yield case("two runs of best thresholds", *plateaus())
    coarse = rng.integers(0, 5, 2, 3, 4) / 4
    yield case("probabilities equal to thresholds", coarse, rng.integers(0, 2, 2, 3, 4), torch.linspace(0, 1, 5))
    steps = torch.tensor([[0.2, 0.2, 0.2, 0.8, 0.8]])
    yield case("a long flat part", steps, torch.tensor([[0, 0, 0, 1, 1]]), torch.linspace(0.1, 0.9, 9))
    large = torch.full((1, 2000), 0.9)
    large[0, :3] = torch.tensor([0.3, 0.5, 0.7])
    yield case("a lost pixel in two thousand", large, torch.ones(1, 2000).long(), torch.tensor([0.2, 0.4, 0.6, 0.8]))
    yield case("no foreground at all", rng.uniform(2, 4, 3, high=0.6), torch.zeros(2, 4, 3).long(), torch.arange(6) / 5)
    yield case("one threshold, one image", *uneven(rng, 1, 3, 3), torch.tensor([0.5]))
    p, masks = uneven(rng, 6, 5, 3)
    yield case("not contiguous", p.transpose(0, 1), masks.transpose(0, 1), torch.linspace(0.2, 0.8, 7))
    double = torch.linspace(0.1, 0.9, 17, dtype=torch.float64)
    yield case("volumes, float64", *uneven(rng, 3, 2, 3, 4, dtype=torch.float64), double)


def threshold_alone(probabilities: Tensor, masks: Tensor, thresholds: Tensor) -> float:
    return oracle(probabilities, masks, thresholds)[0]


def index_for_threshold(probabilities: Tensor, masks: Tensor, thresholds: Tensor) -> Chosen:
    _, scores = oracle(probabilities, masks, thresholds)
    return float(middle(runs(scores)[0])), scores


def between_the_ends(probabilities: Tensor, masks: Tensor, thresholds: Tensor) -> Chosen:
    _, scores = oracle(probabilities, masks, thresholds)
    run = runs(scores)[0]
    return float(thresholds[[run[0], run[-1]]].mean()), scores


def almost(scores: Tensor) -> int:
    return middle(runs((scores >= scores.max() - 1e-3).float())[0])


def best_alone(probabilities: Tensor, masks: Tensor, thresholds: Tensor) -> tuple[float, float]:
    chosen, scores = oracle(probabilities, masks, thresholds)
    return chosen, float(scores.max())


COUNTS = (
    Wrong(
        "averages the images' own IoUs",
        by(by_image=True),
        says="each image has an IoU of its own, and these are averaged; here all pixels are counted together first.",
        look="over which axes do you count?",
    ),
    Wrong(
        "leaves out what equals the threshold",
        by(strictly=True),
        says="a probability that equals the threshold is taken for background; at least the threshold is enough.",
        look="> or >=?",
    ),
    Wrong(
        "takes what is below the threshold",
        by(below=True),
        says="foreground is where the probability is below the threshold.",
        look="a high probability speaks for foreground.",
    ),
    Wrong(
        "counts the background",
        by(positives=False),
        says="this is the background's IoU: intersection and union of the zeros.",
        look="masks has 1 where foreground is.",
    ),
    Wrong(
        "computes Dice",
        by(dice=True),
        says="2 · intersection / (sum of both) is Dice. (It rises and falls with the IoU, but isn't it.)",
        look="intersection over union.",
    ),
    Wrong(
        "computes the accuracy",
        by(accuracy=True),
        says="the share of right pixels counts; background that is right counts there too, and it is most of an image.",
        look="intersection over union.",
    ),
    Wrong(
        "gives 0 where nothing is found and nothing there",
        by(empty=0.0),
        says="an empty union gives 0; where nothing is there and nothing is found the IoU is 1.",
        look="the last thresholds of the case without foreground.",
    ),
    Wrong(
        "gives 0 / 0",
        by(empty=float("nan"), pick=lambda scores: middle(runs(scores.nan_to_num(1.0))[0])),
        says="an empty union gives 0 / 0, which is no number.",
        look="the IoU is 1 there.",
    ),
    Wrong(
        "adds a little to both counts",
        by(extra=1e-6),
        says="a small number is added above and below, as in a loss; that is why all IoUs are a little off.",
        look="only where the union is empty there is something to decide.",
    ),
    Wrong(
        "divides in float32",
        by(single=True),
        says="one count divided by another gives float32, whatever comes afterwards; with float64 probabilities the "
        "IoUs are too coarse.",
        look="turn the counts into the probabilities' dtype before you divide.",
    ),
)

PICKS = (
    Wrong(
        "takes the first of the best",
        by(lambda scores: runs(scores)[0][0]),
        says="of several equally good thresholds the lowest is taken: on the brink of the plateau.",
        look="the middle one of the first run.",
    ),
    Wrong(
        "takes the last of the best",
        by(lambda scores: runs(scores)[-1][-1]),
        says="of several equally good thresholds the highest is taken.",
        look="the middle one of the first run.",
    ),
    Wrong(
        "takes the upper of two in the middle",
        by(lambda scores: runs(scores)[0][len(runs(scores)[0]) // 2]),
        says="of a run of even length the upper middle is taken; it is the lower.",
        look="(length − 1) // 2.",
    ),
    Wrong(
        "takes the middle of all that are best",
        by(lambda scores: middle([index for run in runs(scores) for index in run])),
        says="all best thresholds are put in one row; but between two runs the IoU is lower.",
        look="an unbroken run: which are neighbours?",
    ),
    Wrong(
        "takes the longest run",
        by(lambda scores: middle(max(runs(scores), key=len))),
        says="the middle of the longest run is taken; asked is the first run.",
        look="where the first run ends.",
    ),
    Wrong(
        "takes the mean of the run's ends",
        between_the_ends,
        says="halfway between the run's first and last threshold lies a number that need not be one of the thresholds.",
        look="of two in the middle, the lower.",
    ),
    Wrong(
        "takes almost as good for as good",
        by(almost),
        says="thresholds that are a thousandth worse count as equally good, and move the middle.",
        look="which IoUs equal the largest?",
    ),
    Wrong(
        "takes the worst",
        by(lambda scores: middle(runs(-scores)[0])),
        says="the threshold is that with the lowest IoU.",
        look="max or min?",
    ),
)

RESULTS = (
    Wrong(
        "gives the threshold alone",
        threshold_alone,
        says="the threshold comes alone; asked are two things, the threshold and all IoUs.",
        look="return threshold, ious.",
    ),
    Wrong(
        "gives the index",
        index_for_threshold,
        says="the first number is the place in the list; it is the threshold itself.",
        look="thresholds[…].",
    ),
    Wrong(
        "gives the best IoU alone",
        best_alone,
        says="the second is the best IoU; asked is the IoU of every threshold.",
        look="a tensor as long as thresholds.",
    ),
)

CHOOSE = Exercise(
    id="unet.choose_threshold",
    cases=cases,
    oracle=oracle,
    wrong=(*COUNTS, *PICKS, *RESULTS),
    hints=(
        "For each threshold: predicted = probabilities >= threshold, then the sums of predicted & true and of "
        "predicted | true.",
        "Where the union is 0 the IoU is 1: torch.where, or an if.",
        "best = ious == ious.max(); walk from the first True as long as it stays True.",
        "Of a run from `first` with `length` thresholds it is number first + (length - 1) // 2.",
    ),
    points=2,
    minutes=15,
    forbidden=SCORES,
    speed=Speed(
        case=lambda rng: case("speed", *uneven(rng, 16, 64, 64), torch.linspace(0.05, 0.95, 19)),
        limit=3.0,
        against="a comparison for each threshold",
    ),
)

EXERCISES = (CHOOSE,)
