"""What trainings of segmenters have in common, for the specs of goals: the case, the score, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from autograder.exercises.goals import NOT_FINITE, demand_rising, random_state, trained
from autograder.spec import Case, Outputs, Ref, attribute, call, mode
from p2v_data import MaskSplit

PROBABILITIES = "probabilities, not logits"
NOTHING, NOTHING_BUT_RANKED = "marks nothing", "marks nothing, though it ranks well"
EVERYTHING, GROUND = "marks nearly everything", "marks the ground"
TURNED, TRAINING = "turned answers", "left in training mode"
RANKED = 0.75  # how often a pixel of the mask has a larger logit than one of the ground, where something is learned
CLEARER = 0.15  # by so much more IoU another reading of the answer has to fit, to be believed


def mask_case(name: str, learned: MaskSplit, held_out: MaskSplit, start: int) -> Case:
    """Trains once with images, masks and seed, then asks for logits of the tiles that were held out, in eval mode.

    held_out: its masks stay with the judge, as what is expected. start: see `goals.trained`.
    """
    given = {"images": learned.images, "masks": learned.masks, "seed": start}
    steps = (
        *trained(start, *given),
        attribute("training", "training", "model"),
        mode("model", "eval"),
        call("logits", Ref("held_out"), target="model"),
    )
    sure = 2.0 * held_out.masks[:, None] - 1  # logits that mark every pixel rightly
    return Case(name, steps, inputs=given | {"held_out": held_out.images}, expect={"logits": sure})


def pooled_iou(marked: Tensor, truth: Tensor) -> float:
    """Intersection over union of all pixels of all tiles together; 1 where nothing is marked and nothing there."""
    union = int((marked | truth).sum())
    return int((marked & truth).sum()) / union if union else 1.0


def ranks(logits: Tensor, truth: Tensor) -> float:
    """How often a pixel of the mask has a larger logit than one of the ground: 0.5 by chance; ties count half."""
    values, place = torch.unique(logits.flatten(), return_inverse=True)
    inside = torch.bincount(place[truth.flatten()], minlength=len(values)).double()
    outside = torch.bincount(place[~truth.flatten()], minlength=len(values)).double()
    below = outside.cumsum(0) - outside / 2
    return float((inside @ below) / (inside.sum() * outside.sum()).clamp(min=1))


@dataclass(frozen=True)
class MaskGoal:
    """The IoU that must be reached on held-out tiles, and what is said of a training that doesn't reach it.

    what: the tiles, "held-out nuclei"; the finding's name. passed: the finding where the goal is reached.
    below: IoUs, 0 to 1 and rising, each with the finding where less is reached; the last one is the goal.
    """

    what: str
    below: tuple[tuple[float, str], ...]
    passed: str

    def __post_init__(self) -> None:
        demand_rising(self.what, "IoUs", self.below)

    def finding(self, logits: Tensor, truth: Tensor) -> str:
        """One sentence on logits (N, 1, H, W) for the true pixels, of the same shape."""
        if not bool(logits.isfinite().all()):
            return NOT_FINITE
        if float(logits.min()) >= 0 and float(logits.max()) <= 1:
            return PROBABILITIES
        marked = logits > 0
        score = pooled_iou(marked, truth)
        if score >= self.below[-1][0]:
            return self.passed
        return _misread(logits, truth, score) or next(said for least, said in self.below if score < least)

    def measure(self, case: Case, outputs: Outputs) -> Outputs:
        """The finding; and the random state, where the goal is reached. For cases made by `mask_case`.

        Raises ValueError for logits of another shape.
        """
        logits, truth = outputs["logits"], case.expect["logits"]
        if logits.shape != truth.shape:
            raise ValueError(f"expected logits of shape {tuple(truth.shape)}, got {tuple(logits.shape)}")
        found = self.finding(logits, truth > 0)
        if found == self.passed and outputs["training"]:
            return {self.what: TRAINING}
        return {self.what: found} | (random_state(case, outputs) if found == self.passed else {})


def _misread(logits: Tensor, truth: Tensor, score: float) -> str:
    """What else the answer could be, where the masks don't fit as they are; "" if nothing is clearer."""
    marked = logits > 0
    if not bool(marked.any()):
        return NOTHING_BUT_RANKED if ranks(logits, truth) > RANKED else NOTHING
    if pooled_iou(~marked, truth) > score + CLEARER:
        return GROUND
    if float(marked.double().mean()) > 0.95:
        return EVERYTHING
    turns = (marked.flip(-1), marked.flip(-2), marked.transpose(-1, -2), marked.rot90(2, (-2, -1)))
    if max(pooled_iou(turn, truth) for turn in turns if turn.shape == truth.shape) > score + CLEARER:
        return TURNED
    return ""
