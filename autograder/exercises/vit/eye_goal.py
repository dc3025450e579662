"""The goal of part c: a grader of eyes from photograph, table and note, judged on patients who were held out.

Tried with simulated patients of several seeds: photographs alone reach a kappa of 0.47 to 0.65, table and note without
them 0.61 to 0.67, all three 0.71 to 0.75 with the lesson's model and 0.74 to 0.78 with counted spots.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from sklearn.metrics import cohen_kappa_score
from torch import Tensor, nn

import p2v_data
from autograder.exercises.forbidden import DATA, TRAINERS
from autograder.exercises.goals import logits_and_truth, random_state, trained
from autograder.exercises.vit._eyes import GRADES, Weighed
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong, call, mode

GOAL, CHANCE = 0.68, 0.25
SURE = 1.5  # cross-entropy; whoever only knows how frequent each grade is has 1.42
HELD_OUT, SOME, ALONE = (
    1500,
    40,
    3,
)  # patients who come again, with a stranger's photograph or table, or in a smaller batch
PASSED = "kappa of at least 0.68"


def cases(rng: Rng) -> Iterator[Case]:
    """Trains once, on patients made anew. The grades of the held-out ones stay with the judge."""
    eyes = p2v_data.eyes(seed=int(rng.integers(0, 1000, 1)), test=HELD_OUT)
    start = int(rng.integers(0, 1000, 1))
    held_out = eyes.test
    some = eyes.test.some(torch.arange(SOME))
    few = eyes.test.some(torch.arange(ALONE))
    yield Case(
        "1,500 patients who were held out",
        (
            *trained(start, "images", "table", "notes", "grades", "seed"),
            mode("model", "eval"),
            call("logits", held_out.images, held_out.table, held_out.notes, target="model"),
            call("some", some.images, some.table, some.notes, target="model"),
            call("alone", few.images, few.table, few.notes, target="model"),
            call("other photographs", some.images.roll(1, 0), some.table, some.notes, target="model"),
            call("other tables", some.images, some.table.roll(1, 0), some.notes, target="model"),
        ),
        inputs={
            "images": eyes.train.images,
            "table": eyes.train.table,
            "notes": eyes.train.notes,
            "grades": eyes.train.grades,
            "seed": start,
        },
        expect={"logits": 4 * F.one_hot(held_out.grades, GRADES).float()},
    )


def measure(case: Case, outputs: Outputs) -> Outputs:
    """One sentence on the answers: whether the goal is reached, or what is wrong first. Then the random state."""
    if outputs["logits"].shape == case.expect["logits"].shape[:1]:
        return {"held-out patients": "grades, not logits"}
    logits, truth = logits_and_truth(case, outputs)
    found = _unsound(outputs) or _agreement(logits.double(), truth)
    return {"held-out patients": found} | (random_state(case, outputs) if found == PASSED else {})


def _unsound(outputs: Outputs) -> str:
    """What is wrong however well the grades fit."""
    finite = outputs["logits"].isfinite().all(1)
    if not bool(finite.any()):
        return "logits that are not finite"
    if not bool(finite.all()):
        return "NaN for patients whose table has gaps"
    if not _same(outputs["some"][:ALONE], outputs["alone"]):
        return "answers depend on who else is in the batch"
    return ""


def _agreement(logits: Tensor, truth: Tensor) -> str:
    expected = (logits.softmax(1) @ torch.arange(GRADES, dtype=logits.dtype)).round().long()
    if len(expected.unique()) == 1:
        return "one grade for everybody"
    kappa = float(cohen_kappa_score(truth, expected, labels=range(GRADES), weights="quadratic"))
    if kappa >= GOAL:
        return PASSED if float(F.cross_entropy(logits, truth)) < SURE else "far surer than right"
    if kappa < -CHANCE:
        return "grades in reverse order"
    return "little better than chance" if kappa < CHANCE else "kappa below 0.68"


def _same(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=1e-2, atol=1e-3 * float(one.abs().max() + 1)))


def judged(case: Case, outputs: Outputs) -> Outputs:
    """As `measure`; but what doesn't look at everything is told so first, however well it grades."""
    found = measure(case, outputs)
    if found["held-out patients"] not in (PASSED, "kappa below 0.68", "little better than chance"):
        return found
    blind = [what for what in ("photographs", "tables") if _same(outputs["some"], outputs[f"other {what}"])]
    return {"held-out patients": f"doesn't look at {' or '.join(blind)}"} if blind else found


class Linear(nn.Module):
    """A linear layer over the table as it comes, gaps and all."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.layer = nn.Linear(table.shape[1], GRADES).to(table.device)

    def forward(self, images: Tensor, table: Tensor, notes: list[str]) -> Tensor:
        out: Tensor = self.layer(table)
        return out


class FilledFromTheBatch(nn.Module):
    """Gaps are filled with the medians of those who happen to come together."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, table: Tensor, notes: list[str]) -> Tensor:
        filled = torch.where(table.isnan(), table.nanquantile(0.5, dim=0).nan_to_num(), table)
        out: Tensor = self.model(images, filled - filled.mean(0), notes)
        return out


class Constant(nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor, table: Tensor, notes: list[str]) -> Tensor:
        return self.logits.to(images).expand(len(images), -1)


class Brightness(nn.Module):
    """Never trained: waves over the photograph's mean colour and the sum of the row."""

    def forward(self, images: Tensor, table: Tensor, notes: list[str]) -> Tensor:
        colour = images.mean((2, 3)) - images.mean((1, 2, 3))[:, None]
        angle = (400 * colour[:, :1] + table.nan_to_num().sum(1, keepdim=True)) * torch.tensor(
            [1.0, -1.0, 2.0, -2.0, 3.0]
        ).to(images)
        return 3 * angle.sin()


class Answered(nn.Module):
    """Another model's grades instead of its logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, table: Tensor, notes: list[str]) -> Tensor:
        out: Tensor = self.model(images, table, notes)
        return out.argmax(1)


def weighed(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> Weighed:
    return Weighed(images, table, notes, grades)


def seeds_for_all(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return Weighed(images, table, notes, grades)


def photographs_only(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    return Weighed(images, table, notes, grades, sees=("image",))


def rows_only(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    return Weighed(images, table, notes, grades, sees=("table", "note"))


def note_only(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    return Weighed(images, table, notes, grades, sees=("note",))


def stops_early(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    model = Weighed(images, table, notes, grades)
    model.spoil = lambda expected: 0.5 * expected + 0.4
    return model


def turned_round(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    model = Weighed(images, table, notes, grades)
    model.spoil = lambda expected: GRADES - 1 - expected
    return model


def too_sure(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    model = Weighed(images, table, notes, grades)
    model.sharpness = 40.0
    return model


def gaps_go_through(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    return Linear(table)


def filled_from_the_batch(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    return FilledFromTheBatch(Weighed(images, table - table.nanmean(0), notes, grades))


def majority(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    return Constant(4 * F.one_hot(grades.mode().values, GRADES).float())


def overflowing(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    return Constant(torch.full((GRADES,), float("nan")))


def untrained(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    return Brightness()


def no_logits(images: Tensor, table: Tensor, notes: list[str], grades: Tensor, seed: int = 0) -> nn.Module:
    return Answered(Weighed(images, table, notes, grades))


TRAIN_EYE_GRADER = Exercise(
    id="vit.train_eye_grader",
    cases=cases,
    oracle=weighed,  # its logits give way to what the case expects
    measure=judged,
    wrong=(
        Wrong(
            "looks at photographs only",
            photographs_only,
            "with a stranger's table the answers stay the same. Three lenses in ten are clouded: photographs alone "
            "don't get there.",
            "does the fusion get the table, and do its parameters change in training?",
        ),
        Wrong(
            "looks at table and note only",
            rows_only,
            "with a stranger's photograph the answers stay the same.",
            "do the image's tokens reach the head? Photographs are learned far more slowly than a table.",
        ),
        Wrong(
            "looks at the note only",
            note_only,
            "with a stranger's photograph and with a stranger's table the answers stay the same.",
            "what becomes of images and table on their way to the head?",
        ),
        Wrong(
            "lets gaps through",
            gaps_go_through,
            "patients whose table has a gap get NaN, and they are most of all patients.",
            "impute(training table, table) inside the model: gaps come in those to be graded, too.",
        ),
        Wrong(
            "fills gaps from the batch",
            filled_from_the_batch,
            "the same three patients get other logits when they come alone. What fills the gaps, or what standardises, "
            "comes from those who are being graded.",
            "keep the training table, or what you need of it, in the model. And is it in eval mode?",
        ),
        Wrong(
            "gives everybody one grade",
            majority,
            "all patients get the same grade. Nearly half are healthy, so accuracy hardly complains; kappa is 0.",
            "does the training loss fall below 1.42, which is what the shares of the grades alone give?",
        ),
        Wrong(
            "never learns",
            untrained,
            "the grades agree with the truth little better than chance (kappa under 0.25).",
            "does the training loss fall? Is the same order applied to images, table, notes and grades?",
        ),
        Wrong(
            "turns the grades round",
            turned_round,
            "the answers are far from the truth in a way that is no accident: the sicker, the lower the grade.",
            "which logit belongs to which grade?",
        ),
        Wrong(
            "stops too early",
            stops_early,
            "it looks at photograph and table, but kappa is below 0.68.",
            "if the loss still falls, train on; else another rate, or the photographs evened out first.",
        ),
        Wrong(
            "is far too sure of itself",
            too_sure,
            "the grades are good enough, but the probabilities are worth nothing: on held-out patients their "
            "cross-entropy is above 1.5, more than that of somebody who only knows how frequent each grade is.",
            "logits that have grown too large: fewer epochs, weight decay, or a temperature.",
        ),
        Wrong(
            "answers with grades",
            no_logits,
            "one number for each patient came; five logits are asked for.",
            "leave out the arg max: the report needs probabilities.",
        ),
        Wrong(
            "moves torch's global random state",
            seeds_for_all,
            "it grades well enough, but whoever draws random numbers after this training gets others than before it.",
            "with torch.random.fork_rng(devices=[]): seed and make the model in there.",
        ),
        Wrong(
            "overflows",
            overflowing,
            "the logits are NaN or infinite for everybody: training blew up.",
            "a smaller rate; and no NaN of the table in the loss.",
        ),
    ),
    hints=(
        "EyeGrader and train_grader are enough.",
        "EyeGrader(table, notes), then train_grader(model, images, table, notes, grades, seed=seed): ten epochs.",
        "Seed inside torch.random.fork_rng(devices=[]), build there; then train_grader; return the model.",
    ),
    points=5,
    minutes=25,
    needs=("vit.impute", "vit.note_tokens", "vit.CrossAttentionFusion", "vit.ConvStem", "vit.decay_groups"),
    forbidden=(
        *TRAINERS,
        *DATA,
        *("p2v_data.eyes*", "p2v_data.fundus*", "mlxtend", "sklearn", "torchvision.models", "timm"),
    ),
    time_limit=150.0,
    live=True,
)

EXERCISES = (TRAIN_EYE_GRADER,)
