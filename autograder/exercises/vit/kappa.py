"""Cohen's kappa with quadratic weights, compared with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.exercises.forbidden import METRICS
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

Grader = Callable[[Tensor, Tensor, int], Tensor]
Table = Callable[[Tensor], Tensor]


def by_chance_alone(labels: Tensor, predicted: Tensor) -> bool:
    """Whether all labels and all predictions are one and the same grade."""
    return bool((labels == labels[0]).all() and (predicted == labels[0]).all())


def linear(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    return weighted(labels, predicted, classes, "linear")


def unweighted(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    return weighted(labels, predicted, classes, None)


def as_score(value: float, like: Tensor) -> Tensor:
    return torch.tensor(value, dtype=torch.float32, device=like.device)


def weighted(labels: Tensor, predicted: Tensor, classes: int, weights: str | None) -> Tensor:
    from sklearn.metrics import cohen_kappa_score

    if by_chance_alone(labels, predicted):
        return as_score(0.0, labels)
    found = cohen_kappa_score(labels.cpu().numpy(), predicted.cpu().numpy(), weights=weights, labels=range(classes))
    return as_score(float(found), labels)


def oracle(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    return weighted(labels, predicted, classes, "quadratic")


def graded(rng: Rng, count: int, classes: int, error: float = 0.9) -> tuple[Tensor, Tensor]:
    """Labels of which low grades are frequent, and predictions near them, rather too low."""
    labels = (classes * rng.uniform(count).square()).long()
    predicted = (labels + error * rng.normal(count) - 0.3).round().long().clamp(0, classes - 1)
    return labels, predicted


def case(name: str, labels: Tensor, predicted: Tensor, classes: int) -> Case:
    return of_call(name, labels=labels, predicted=predicted, classes=classes, terms=classes**2, scale=1.0)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one error of one grade, by hand",
        labels=torch.tensor([0, 0, 2, 2]),
        predicted=torch.tensor([0, 1, 2, 2]),
        classes=3,
        expect=torch.tensor(0.85714286),
        note="Σ w·O = 1/4; Σ w·E = 1/8 · 1 + 1/4 · 4 + 1/8 · 4 + 1/8 · 1 = 1.75; 1 − 0.25 / 1.75 = 0.857",
        terms=9,
    )
    yield case("five grades, 40 eyes", *graded(rng, 40, 5), 5)
    yield case("five grades, 200 eyes, large errors", *graded(rng, 200, 5, 2.0), 5)
    yield case("two grades", *graded(rng, 60, 2, 0.6), 2)
    yield case("ten grades", *graded(rng, 80, 10, 2.5), 10)
    spread, (few, given) = torch.tensor([0, 1, 4]), graded(rng, 50, 3)
    yield case("grades that nobody has or gives", spread[few], spread[given], 6)
    labels, _ = graded(rng, 30, 5)
    yield case("all right", labels, labels.clone(), 5)
    yield case("turned round", labels, 4 - labels, 5)
    yield case("everyone gets one grade", labels, torch.full_like(labels, 2), 5)
    yield case("one and the same grade throughout", torch.full((7,), 3), torch.full((7,), 3), 5)
    yield case("one eye", torch.tensor([1]), torch.tensor([3]), 4)
    both = torch.stack([labels, rng.integers(0, 5, 30)], dim=1)
    yield case("not contiguous, by chance", both[:, 0], both[:, 1], 5)


def tables(labels: Tensor, predicted: Tensor, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Costs (i − j)², observed shares and those by chance, float64."""
    grades = torch.arange(classes, device=labels.device)
    cost = (grades[:, None] - grades).square().double()
    rows, columns = (torch.nn.functional.one_hot(part, classes).double() for part in (labels, predicted))
    return cost, rows.T @ columns / len(labels), torch.outer(rows.mean(0), columns.mean(0))


def of_tables(
    *,
    cost: Table = lambda x: x,
    chance: Table = lambda x: x,
    observed: Table = lambda x: x,
    finish: Table = lambda x: 1 - x,
    undefined: float = 0.0,
) -> Grader:
    """Kappa by its formula, with one of the parts changed."""

    def answer(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
        costs, seen, expected = tables(labels, predicted, classes)
        above, below = (cost(costs) * observed(seen)).sum(), (cost(costs) * chance(expected)).sum()
        if by_chance_alone(labels, predicted):
            return as_score(undefined, labels)
        return finish(above / below).float()

    return answer


def uniform(expected: Tensor) -> Tensor:
    return torch.full_like(expected, 1 / expected.numel())


def labels_twice(expected: Tensor) -> Tensor:
    return torch.outer(expected.sum(1), expected.sum(1))


def of_the_diagonal(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """The weights of agreement, 1 on the diagonal, where costs belong."""
    costs, seen, expected = tables(labels, predicted, classes)
    near = 1 - costs / costs.max()
    if not (near * expected).sum() > 0:
        return as_score(0.0, labels)
    return (1 - (near * seen).sum() / (near * expected).sum()).float()


def counts_against_shares(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    return of_tables(observed=lambda seen: seen * len(labels))(labels, predicted, classes)


def products_of_counts(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    return of_tables(chance=lambda expected: expected * len(labels))(labels, predicted, classes)


def accuracy(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    return (labels == predicted).float().mean()


def correlation(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    one, other = (part.double() - part.double().mean() for part in (labels, predicted))
    return torch.nn.functional.cosine_similarity(one, other, dim=0).float()


def closed_up(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Grades are numbered anew, those that don't occur left out."""
    found, index = torch.cat([labels, predicted]).unique(return_inverse=True)
    return oracle(index[: len(labels)], index[len(labels) :], len(found))


COSTS = (
    Wrong(
        "counts each grade of an error once",
        linear,
        says="an error of two grades costs twice an error of one; it costs four times as much.",
        look="quadratic: (i − j)².",
    ),
    Wrong(
        "counts all errors alike",
        unweighted,
        says="every error costs the same; an error of two grades costs four times an error of one.",
        look="the cost depends on the distance i − j.",
    ),
    Wrong(
        "squares the costs again",
        of_tables(cost=Tensor.square),
        says="the cost grows with the fourth power of the distance.",
        look="(i − j)², squared once.",
    ),
    Wrong(
        "takes agreement for cost",
        of_the_diagonal,
        says="the weights are 1 on the diagonal and fall off; in 1 − Σ w·O / Σ w·E they are costs, 0 on the diagonal.",
        look="what does a right answer cost?",
    ),
    Wrong(
        "closes up the grades that don't occur",
        closed_up,
        says="grades that nobody has or gives are left out, and their neighbours move together: from 1 to 4 is then "
        "one step.",
        look="`classes` says how many grades there are.",
    ),
)

CHANCE = (
    Wrong(
        "gives the accuracy",
        accuracy,
        says="this is the share of right answers, by chance or not, and however far off the others are.",
        look="1 − Σ w·O / Σ w·E.",
    ),
    Wrong(
        "takes all grades for equally frequent",
        of_tables(chance=uniform),
        says="by chance, every pair of grades is taken for equally likely; both sides have grades they like best.",
        look="E[i, j] is a product of two shares that you can count.",
    ),
    Wrong(
        "takes the labels' shares for both sides",
        of_tables(chance=labels_twice),
        says="chance is worked out from the labels alone; the predictions have shares of their own.",
        look="E[i, j]: i among the labels, j among the predictions.",
    ),
    Wrong(
        "sets counts against shares",
        counts_against_shares,
        says="Σ w·O is made of counts and Σ w·E of shares; the result depends on how many samples there are.",
        look="divide the counts by N.",
    ),
    Wrong(
        "multiplies counts",
        products_of_counts,
        says="Σ w·E is too large by a factor of N: a product of two counts is divided by N to be a count.",
        look="both tables should sum to the same number.",
    ),
    Wrong(
        "gives the correlation",
        correlation,
        says="this is the correlation, which forgives predictions that are all too low by the same amount.",
        look="1 − Σ w·O / Σ w·E.",
    ),
)

RESULTS = (
    Wrong(
        "gives the disagreement",
        of_tables(finish=lambda ratio: ratio),
        says="0 is full agreement here: this is Σ w·O / Σ w·E, the disagreement.",
        look="1 minus it.",
    ),
    Wrong(
        "stops at 0",
        of_tables(finish=lambda ratio: (1 - ratio).clamp(min=0)),
        says="agreement worse than chance is cut off at 0; it is below 0.",
        look="no clamp.",
    ),
    Wrong(
        "gives NaN where chance never errs",
        of_tables(undefined=float("nan")),
        says="where all labels and predictions are one grade, 0 / 0 is NaN; κ is 0 there.",
        look="the case with one and the same grade throughout.",
    ),
    Wrong(
        "takes one grade throughout for full agreement",
        of_tables(undefined=1.0),
        says="where all labels and predictions are one grade, κ is 1; chance would do as well, so it is 0.",
        look="the case with one and the same grade throughout.",
    ),
)

KAPPA = Exercise(
    id="vit.quadratic_weighted_kappa",
    cases=cases,
    oracle=oracle,
    wrong=(*COSTS, *CHANCE, *RESULTS),
    hints=(
        "You have confusion_matrix from lesson 01: divided by N it is O.",
        "E = torch.outer(O.sum(1), O.sum(0)); the costs are (i[:, None] − i[None, :])² for i = 0 … classes − 1.",
        "Where Σ w·E is 0, answer 0. The result is float32.",
    ),
    points=2,
    minutes=15,
    needs=("lenet.confusion_matrix",),
    forbidden=METRICS,
    speed=Speed(
        case=lambda rng: case("speed", *graded(rng, 100_000, 5), 5),
        limit=5.0,
        baseline=of_tables(),
        against="tables from one-hot rows",
    ),
)

EXERCISES = (KAPPA,)
