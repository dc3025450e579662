"""What trainings have in common, for the specs of goals: the steps that carry one out, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

import p2v_data
from autograder.spec import Case, Outputs, Ref, SpecError, Step, call, draw, mode, new, seed

NOT_FINITE = "logits that are not finite"


def trained(start: int, *inputs: str) -> tuple[Step, ...]:
    """The first steps of a case: calls the answer with its inputs of these names, which makes "model", and draws.

    start: the seed that the answer is given. Output "random" is for `random_state`.
    """
    return (
        seed(start + 1),  # not the training's own: else to seed with that would change nothing
        new("model", **{name: Ref(name) for name in inputs}),
        draw("random"),
    )


def held_out_case(name: str, data: p2v_data.ImageDataset, start: int) -> Case:
    """Trains once with images, labels and seed, then asks for logits of the images that were held out, in eval mode.

    data: both parts; the labels of `data.test` stay with the judge, as what is expected. start: see `trained`.
    """
    given = {"images": data.train.images, "labels": data.train.labels, "seed": start}
    return Case(
        name,
        (*trained(start, *given), mode("model", "eval"), call("logits", Ref("held_out"), target="model")),
        inputs=given | {"held_out": data.test.images},
        expect={"logits": F.one_hot(data.test.labels, len(data.class_names)).float()},
    )


def logits_and_truth(case: Case, outputs: Outputs) -> tuple[Tensor, Tensor]:
    """The answer's logits, (N, classes), and the true classes, (N,). Raises ValueError for logits of another shape."""
    logits, truth = outputs["logits"], case.expect["logits"]
    if logits.shape != truth.shape:
        raise ValueError(f"expected logits of shape {tuple(truth.shape)}, got {tuple(logits.shape)}")
    return logits, truth.argmax(1)


def share_right(logits: Tensor, truth: Tensor) -> float:
    """The accuracy, 0 to 1, of logits (N, classes) for true classes (N,)."""
    return float((logits.argmax(1) == truth).double().mean())


def random_state(case: Case, outputs: Outputs) -> Outputs:
    """Whether torch's next random number is the first one after the seed that the case sets; see `trained`."""
    untouched = float(torch.rand((), generator=torch.Generator().manual_seed(case.steps[0].args[0])))
    return {"torch's random state is as it was": outputs["random"] == untouched}


def demand_rising(what: str, scores: str, below: tuple[tuple[float, str], ...]) -> None:
    """Raises SpecError unless the numbers of a goal's findings lie between 0 and 1 and rise.

    what: the examples. scores: what the numbers are, "accuracies".
    """
    numbers = [number for number, _ in below]
    if not numbers or not all(one < two for one, two in pairwise((0.0, *numbers, 1.0))):
        raise SpecError(f"{what}: expected rising {scores} between 0 and 1, got {numbers}")


@dataclass(frozen=True)
class Goal:
    """How many of the held-out examples must be right, and what is said of a training with which fewer are.

    what: the examples, "held-out digits"; the finding's name. passed: the finding where the goal is reached.
    below: accuracies, 0 to 1 and rising, each with the finding where fewer are right; the last one is the goal.
    unanswered: the finding where a class is never answered, between the first accuracy and the goal; "" looks for none.
    """

    what: str
    below: tuple[tuple[float, str], ...]
    passed: str
    unanswered: str = ""

    def __post_init__(self) -> None:
        demand_rising(self.what, "accuracies", self.below)

    def finding(self, logits: Tensor, truth: Tensor) -> str:
        """One sentence on logits (N, classes) for true classes (N,)."""
        if not bool(logits.isfinite().all()):
            return NOT_FINITE
        right = share_right(logits, truth)
        chance, goal = self.below[0][0], self.below[-1][0]
        if self.unanswered and chance <= right < goal and len(logits.argmax(1).unique()) < logits.shape[1]:
            return self.unanswered
        return next((said for accuracy, said in self.below if right < accuracy), self.passed)

    def measure(self, case: Case, outputs: Outputs) -> Outputs:
        """The finding; and the random state, where the goal is reached. For cases that begin with `trained`."""
        found = self.finding(*logits_and_truth(case, outputs))
        return {self.what: found} | (random_state(case, outputs) if found == self.passed else {})
