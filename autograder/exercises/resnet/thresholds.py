"""What a detector is worth at one threshold: F-beta, sensitivity and specificity, and the recall that is to be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.resnet._ready_made_c import SCORES
from autograder.spec import Case, Exercise, Rng, Value, Wrong, of_call

HAND = {"predicted": torch.tensor([1, 1, 0, 0, 0]), "labels": torch.tensor([1, 0, 1, 1, 0])}
Pair = tuple[Tensor, Tensor]


def _numpy(*tensors: Tensor) -> list[Any]:
    return [item.cpu().numpy() for item in tensors]


def _number(value: Any, like: Tensor) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float32, device=like.device)


def answers(rng: Rng, n: int, *, ill: float = 0.4, found: float = 0.7, alarms: float = 0.2) -> dict[str, Tensor]:
    """Labels, and what a detector says that finds so many and raises so many false alarms."""
    labels = rng.uniform(n) < ill
    labels[:4] = torch.tensor([True, True, False, False])
    predicted = torch.where(labels, rng.uniform(n) < found, rng.uniform(n) < alarms)
    predicted[:4] = torch.tensor([True, False, True, False])
    return {"predicted": predicted.long(), "labels": labels.long()}


def binary_cases(expect: Value, note: str, *, beta: bool = False) -> Callable[[Rng], Iterator[Case]]:
    """The cases of a score of yes-or-no answers; expect: its value for HAND. beta: with that parameter too."""

    def cases(rng: Rng) -> Iterator[Case]:
        def case(name: str, inputs: dict[str, Any], weight: float | None = None, **more: Any) -> Case:
            options: dict[str, Any] = {"beta": weight} if beta and weight is not None else {}
            return of_call(name, **inputs, **options, **more)

        yield case("five samples, by hand", HAND, 2.0, expect=expect, note=note)
        yield case("40 samples", answers(rng, 40))
        yield case("many alarms", answers(rng, 60, alarms=0.9), 0.5)
        yield case("few found", answers(rng, 60, found=0.2), 1.0)
        zeros, ones = torch.zeros(6, dtype=torch.int64), torch.ones(6, dtype=torch.int64)
        some = torch.tensor([0, 1, 0, 0, 1, 0])
        yield case("never says yes", {"predicted": zeros, "labels": some}, 2.0)
        yield case("always says yes", {"predicted": ones, "labels": some}, 3.0)
        yield case("nobody is ill", {"predicted": some, "labels": zeros}, 2.0)
        yield case("nobody is ill, and none is called so", {"predicted": zeros, "labels": zeros.clone()}, 2.0)
        yield case("all are ill", {"predicted": some, "labels": ones}, 2.0)
        table = torch.stack(list(answers(rng, 50).values()), dim=1)
        yield case("not contiguous", {"predicted": table[:, 0], "labels": table[:, 1]}, 4.0)
        yield case("one in a hundred is ill", answers(rng, 400, ill=0.01, alarms=0.05), 2.0)

    return cases


def tallies(predicted: Tensor, labels: Tensor) -> tuple[float, float, float, float]:
    """Hits, misses, false alarms, and the healthy that are left alone."""
    said, ill = predicted == 1, labels == 1
    kinds = (said & ill, ~said & ill, said & ~ill, ~said & ~ill)
    hits, misses, alarms, quiet = (float(kind.sum()) for kind in kinds)
    return hits, misses, alarms, quiet


def share(part: float, whole: float, undefined: float = 0.0) -> float:
    return part / whole if whole else undefined


# --- f_beta ----------------------------------------------------------------------------------------------------------


def f_oracle(predicted: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
    from sklearn.metrics import fbeta_score

    return _number(fbeta_score(*_numpy(labels, predicted), beta=beta, zero_division=0), labels)


def f_from(score: Callable[..., float]) -> Callable[..., Tensor]:
    """An answer from hits, misses, false alarms, quiet ones and beta."""

    def answer(predicted: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
        return _number(score(*tallies(predicted, labels), beta), labels)

    return answer


def with_beta(change: Callable[[float], float]) -> Callable[..., Tensor]:
    def answer(predicted: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
        return f_oracle(predicted, labels, change(beta))

    return answer


def f_swapped(predicted: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
    return f_oracle(labels, predicted, beta)


def f_of_healthy(predicted: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
    return f_oracle(1 - predicted, 1 - labels, beta)


def f_macro(predicted: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
    return (f_oracle(predicted, labels, beta) + f_of_healthy(predicted, labels, beta)) / 2


def f_undefined(value: float) -> Callable[..., Tensor]:
    """0 where nothing is found, `value` where there is nothing to find and nothing said."""

    def answer(predicted: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
        hits, misses, alarms, _ = tallies(predicted, labels)
        return f_oracle(predicted, labels, beta) if hits + misses + alarms else _number(value, labels)

    return answer


def f_by_division(predicted: Tensor, labels: Tensor, beta: float = 2.0) -> Tensor:
    """From precision and recall, whose 0/0 is NaN."""
    found = tallies(predicted, labels)[0] > 0
    return f_oracle(predicted, labels, beta) if found else _number("nan", labels)


def _arithmetic(hits: float, misses: float, alarms: float, quiet: float, beta: float) -> float:
    return (share(hits, hits + alarms) + beta**2 * share(hits, hits + misses)) / (1 + beta**2)


def _no_factor(hits: float, misses: float, alarms: float, quiet: float, beta: float) -> float:
    return share(hits, (1 + beta**2) * hits + beta**2 * misses + alarms)


F_BETA = Exercise(
    id="resnet.f_beta",
    cases=binary_cases(
        torch.tensor(5 / 14),
        "1 hit, 2 misses, 1 false alarm; β = 2: 5·1 / (5·1 + 4·2 + 1) = 5/14 = 0.357",
        beta=True,
    ),
    oracle=f_oracle,
    wrong=(
        Wrong(
            "doesn't square beta",
            with_beta(lambda beta: beta**0.5),
            says="beta goes into the formula as it is; it has to be squared.",
            look="1 + β², and β² · misses.",
        ),
        Wrong(
            "weights precision instead of recall",
            f_swapped,
            says="β² stands at the false alarms, so precision counts more; F2 is for those who fear misses.",
            look="β² · misses. (Or have predicted and labels changed places?)",
        ),
        Wrong(
            "ignores beta",
            with_beta(lambda beta: 1.0),
            says="this is F1, whatever beta says.",
            look="beta² in all three places.",
        ),
        Wrong(
            "takes the weighted arithmetic mean",
            f_from(_arithmetic),
            says="precision and recall are averaged; F-beta is their harmonic mean, near the smaller of the two.",
            look="(1 + β²) p r / (β² p + r).",
        ),
        Wrong(
            "forgets the factor in front",
            f_from(_no_factor),
            says="a perfect detector gets 1 / (1 + β²) here.",
            look="(1 + β²) · hits above the line too.",
        ),
        Wrong(
            "scores the healthy",
            f_of_healthy,
            says="this is the score of class 0.",
            look="label 1 is the one that is looked for.",
        ),
        Wrong(
            "averages both classes",
            f_macro,
            says="this is the mean of both classes' scores; only label 1 counts.",
            look="no mean over classes.",
        ),
        Wrong(
            "leaves 0 / 0 as NaN",
            f_undefined(float("nan")),
            says="where nobody is ill and nobody is called ill, 0 / 0 gives NaN; it counts as 0.",
            look="torch.where, or nan_to_num.",
        ),
        Wrong(
            "divides 0 by 0 where nothing is found",
            f_by_division,
            says="where nothing is found, precision and recall give 0/0; the score is 0.",
            look="hits, misses and alarms in one fraction need a guard in one place only.",
        ),
        Wrong(
            "counts 0 / 0 as 1",
            f_undefined(1.0),
            says="where nobody is ill and nobody is called ill, it gives 1; here it counts as 0.",
            look="what does scikit-learn do with zero_division=0?",
        ),
    ),
    hints=(
        "Three counts are enough: hits, misses, false alarms.",
        "(1 + β²) · hits / ((1 + β²) · hits + β² · misses + alarms), and 0 for 0/0.",
    ),
    points=1,
    minutes=8,
    forbidden=SCORES,
)

# --- sensitivity_specificity -----------------------------------------------------------------------------------------


def ss_oracle(predicted: Tensor, labels: Tensor) -> Pair:
    from sklearn.metrics import recall_score

    found = (recall_score(*_numpy(labels, predicted), pos_label=kind, zero_division=0) for kind in (1, 0))
    sensitivity, specificity = (_number(value, labels) for value in found)
    return sensitivity, specificity


def ss_from(score: Callable[[float, float, float, float], tuple[float, float]]) -> Callable[..., Pair]:
    """An answer from hits, misses, false alarms and quiet ones."""

    def answer(predicted: Tensor, labels: Tensor) -> Pair:
        sensitivity, specificity = (_number(value, labels) for value in score(*tallies(predicted, labels)))
        return sensitivity, specificity

    return answer


def _undefined(value: float) -> Callable[..., Pair]:
    return ss_from(lambda hit, miss, alarm, quiet: (share(hit, hit + miss, value), share(quiet, quiet + alarm, value)))


SENSITIVITY_SPECIFICITY = Exercise(
    id="resnet.sensitivity_specificity",
    cases=binary_cases((torch.tensor(1 / 3), torch.tensor(0.5)), "1 of 3 ill is found; 1 of 2 healthy is left alone"),
    oracle=ss_oracle,
    wrong=(
        Wrong(
            "swaps the two",
            ss_from(lambda hit, miss, alarm, quiet: (share(quiet, quiet + alarm), share(hit, hit + miss))),
            says="the specificity comes first; the sensitivity is asked for first.",
            look="sensitivity is the share of the *ill* that are found.",
        ),
        Wrong(
            "gives the precision for the sensitivity",
            ss_from(lambda hit, miss, alarm, quiet: (share(hit, hit + alarm), share(quiet, quiet + alarm))),
            says="hits are divided by how many were called ill (precision); sensitivity divides by how many are ill.",
            look="one label, one row of the confusion matrix.",
        ),
        Wrong(
            "gives predictive values",
            ss_from(lambda hit, miss, alarm, quiet: (share(hit, hit + alarm), share(quiet, quiet + miss))),
            says="these are the predictive values: how far a yes and a no can be believed. (Or have predicted and "
            "labels changed places?)",
            look="divide by the ill, and by the healthy.",
        ),
        Wrong(
            "gives the negative predictive value",
            ss_from(lambda hit, miss, alarm, quiet: (share(hit, hit + miss), share(quiet, quiet + miss))),
            says="the second is the share of the *no*s that are right; specificity divides by the healthy.",
            look="false alarms are healthy people too.",
        ),
        Wrong(
            "gives the alarm rate",
            ss_from(lambda hit, miss, alarm, quiet: (share(hit, hit + miss), share(alarm, quiet + alarm))),
            says="the second is the share of the healthy that raise an alarm: 1 minus the specificity.",
            look="left alone, not alarmed.",
        ),
        Wrong(
            "gives the accuracy",
            ss_from(lambda hit, miss, alarm, quiet: (share(hit + quiet, hit + miss + alarm + quiet),) * 2),
            says="both are the share of right answers over all.",
            look="the ill and the healthy apart.",
        ),
        Wrong(
            "leaves 0 / 0 as NaN",
            _undefined(float("nan")),
            says="where nobody is ill (or nobody healthy) it gives NaN; 0 / 0 counts as 0.",
            look="nan_to_num.",
        ),
        Wrong(
            "counts 0 / 0 as 1",
            _undefined(1.0),
            says="where nobody is ill (or nobody healthy) it gives 1; 0 / 0 counts as 0.",
            look="what does scikit-learn do with zero_division=0?",
        ),
    ),
    hints=(
        "labels == 1 are the ill. Of them, how many were called ill?",
        "(said & ill).sum() / ill.sum(), and the same with both turned round.",
    ),
    points=1,
    minutes=8,
    forbidden=SCORES,
)

EXERCISES = (F_BETA, SENSITIVITY_SPECIFICITY)
