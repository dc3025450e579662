"""A loss that listens to labels and to a teacher."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from autograder.exercises.vit import _distilling_b as losses
from autograder.exercises.vit._ready_made_b import LIBRARIES
from autograder.spec import Case, Exercise, Ref, Rng, Value, Wrong, backward, call, of_call

FLOAT64 = torch.float64
LOG3 = 1.0986123


def drawn(rng: Rng, n: int, k: int, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """Logits of both answers and of the teacher, which is surer; labels."""
    return {
        "logits": rng.normal(n, k, dtype=dtype),
        "distilled": rng.normal(n, k, dtype=dtype),
        "teacher": 3 * rng.normal(n, k, dtype=dtype),
        "labels": rng.integers(0, k, n),
    }


def case(name: str, given: dict[str, Any], *, scale: float | None = None, **asks: Value) -> Case:
    """With gradients, also to the teacher, where none should arrive."""
    wrt = ("logits", "distilled", "teacher")
    return of_call(name, **given, **asks, gradients=wrt, terms=given["logits"].numel(), scale=scale)


def one_answer(rng: Rng, name: str, **asks: Value) -> Case:
    """A model with one answer: it stands for both."""
    given = drawn(rng, 3, 4)
    inputs: dict[str, Value] = {key: given[key] for key in ("logits", "teacher", "labels")} | asks
    asked: dict[str, Any] = {key: Ref(key) for key in inputs}
    steps = (call("out", **asked, distilled=Ref("logits")), backward("out", "logits"))
    return Case(name, steps, inputs=inputs, terms=12)


def by_hand() -> Iterator[Case]:
    zero = torch.zeros(1, 2)
    yield of_call(
        "hard, by hand",
        logits=zero,
        distilled=torch.tensor([[0.0, LOG3]]),
        teacher=torch.tensor([[5.0, 1.0]]),
        labels=torch.tensor([0]),
        expect=torch.tensor(1.0397208),
        note="logits: (½, ½), −log ½ = 0.693; distilled: (¼, ¾), the teacher says class 0, −log ¼ = 1.386; "
        "½·0.693 + ½·1.386 = 1.040",
        terms=4,
    )
    yield of_call(
        "soft, temperature 2, by hand",
        logits=zero,
        distilled=zero.clone(),
        teacher=torch.tensor([[2 * LOG3, 0.0]]),
        labels=torch.tensor([1]),
        hard=False,
        alpha=0.25,
        temperature=2.0,
        expect=torch.tensor(0.6506725),
        note="p = (¾, ¼), q = (½, ½): KL = ¾·log 1.5 + ¼·log 0.5 = 0.1308; ¾·0.6931 + ¼·2²·0.1308 = 0.6507",
        terms=4,
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield from by_hand()
    yield case("hard, 5 images", drawn(rng, 5, 3))
    yield case("hard, alpha 0.2", drawn(rng, 4, 6), hard=True, alpha=0.2)
    yield case("soft, defaults", drawn(rng, 4, 5), hard=False)
    yield case("soft, alpha 0.9, temperature 5", drawn(rng, 6, 4), hard=False, alpha=0.9, temperature=5.0)
    yield case("soft, a low temperature", drawn(rng, 3, 7), hard=False, alpha=0.3, temperature=0.5)
    yield case("one image", drawn(rng, 1, 9), hard=False, alpha=0.6, temperature=2.0)
    yield case("the teacher alone counts", drawn(rng, 3, 3), hard=False, alpha=1.0, temperature=4.0)
    yield case("hard, whatever the temperature", drawn(rng, 4, 4), hard=True, alpha=0.7, temperature=10.0)
    yield one_answer(rng, "a model with one answer", hard=False, alpha=0.4, temperature=2.0)
    large = {key: value if key == "labels" else 100 * value for key, value in drawn(rng, 4, 5).items()}
    yield case("large logits", large, scale=1000.0, hard=False, alpha=0.4, temperature=2.0)
    strided = drawn(rng, 6, 5, FLOAT64) | {"teacher": rng.strided(6, 5, dtype=FLOAT64)}
    yield case("soft, float64, not contiguous", strided, hard=False, alpha=0.35, temperature=1.5)
    yield case("hard, float64", drawn(rng, 7, 4, FLOAT64), hard=True, alpha=0.15)


TERMS = (
    Wrong(
        "exchanges the two shares",
        losses.shares_exchanged,
        says="alpha weighs the labels and 1 − alpha the teacher; it is the other way round.",
        look="what does alpha 1 mean?",
    ),
    Wrong("always takes one half", losses.always_half, says="alpha is not used.", look="where alpha stands."),
    Wrong(
        "counts the labels in full",
        losses.label_in_full,
        says="the labels' term isn't multiplied by 1 − alpha.",
        look="the two shares add up to 1.",
    ),
    Wrong(
        "adds the two terms as they are",
        losses.both_in_full,
        says="both terms count in full; they have the shares 1 − alpha and alpha.",
        look="where alpha stands.",
    ),
    Wrong(
        "mixes up the two answers",
        losses.exchanged,
        says="`distilled` is compared with the labels and `logits` with the teacher; it is the other way round.",
        look="which of the two learns from the teacher?",
    ),
    Wrong(
        "asks the same answer twice",
        losses.logits_alone,
        says="`logits` are compared with the labels and with the teacher; `distilled` is not used.",
        look="where `distilled` stands in your answer.",
    ),
    Wrong(
        "never uses the logits",
        losses.distilled_alone,
        says="`distilled` is compared with the teacher and with the labels; `logits` are not used.",
        look="where `logits` stands in your answer.",
    ),
    Wrong(
        "softens the labels' term too",
        losses.labels_softened,
        says="the logits are divided by the temperature for the labels as well; it is for the teacher's term only.",
        look="CE(logits, labels) is the plain cross-entropy.",
    ),
    Wrong(
        "applies softmax twice",
        losses.labels_softmax,
        says="the logits become probabilities before cross_entropy takes its own softmax of them.",
        look="cross_entropy takes logits.",
    ),
)

FORMS = (
    Wrong("is always soft", losses.always_soft, says="`hard` is not used: this is the soft form.", look="an if."),
    Wrong("is always hard", losses.always_hard, says="`hard` is not used: this is the hard form.", look="an if."),
    Wrong(
        "mixes up hard and soft",
        losses.soft_for_hard,
        says="with hard=True comes the soft form, and with hard=False the hard one.",
        look="what is compared with the argmax?",
    ),
    Wrong(
        "keeps the teacher's doubts in the hard form",
        losses.teachers_doubts_kept,
        says="in the hard form the teacher's probabilities are the target; it is its most likely class alone.",
        look="argmax.",
    ),
    Wrong(
        "softens the hard form",
        losses.hardly_softened,
        says="in the hard form `distilled` is divided by the temperature.",
        look="`temperature` belongs to the soft form.",
    ),
    Wrong(
        "squares the temperature in the hard form",
        losses.hardly_squared,
        says="the hard form is multiplied by temperature².",
        look="`temperature` belongs to the soft form.",
    ),
)

SOFT = (
    Wrong(
        "forgets the square of the temperature",
        losses.without_square,
        says="KL isn't multiplied by temperature²: the higher the temperature, the less the teacher would count.",
        look="by how much do the gradients shrink when both logits are divided by the temperature?",
    ),
    Wrong(
        "multiplies by the temperature once",
        losses.times_temperature,
        says="KL is multiplied by the temperature, not by its square.",
        look="** 2.",
    ),
    Wrong(
        "never softens",
        losses.never_softened,
        says="the softmaxes are those of temperature 1.",
        look="divide both logits by the temperature first.",
    ),
    Wrong(
        "ignores the temperature",
        losses.temperature_ignored,
        says="`temperature` is not used.",
        look="in two softmaxes, and in front of KL.",
    ),
    Wrong(
        "softens the teacher alone",
        losses.teacher_alone_softened,
        says="only the teacher's logits are divided by the temperature.",
        look="both are compared at the same temperature.",
    ),
    Wrong(
        "multiplies the logits by the temperature",
        losses.multiplied,
        says="the logits are multiplied by the temperature, which makes the softmaxes sharper.",
        look="a high temperature makes all classes alike.",
    ),
    Wrong(
        "divides by the temperature after the softmax",
        losses.divided_after_the_softmax,
        says="logarithms of probabilities are divided by the temperature; what comes out doesn't sum to 1 any more.",
        look="divide the logits.",
    ),
    Wrong(
        "turns KL round",
        losses.other_way_round,
        says="this is KL(q ‖ p), of the student against the teacher; asked is KL(p ‖ q).",
        look="whose probabilities are the weights in the sum? In F.kl_div the target comes second.",
    ),
    Wrong(
        "takes cross-entropy for KL",
        losses.cross_entropy_for_kl,
        says="this is −Σ p · log q: the gradients are right, but the value isn't 0 where both agree.",
        look="Σ p · log(p / q) = Σ p · (log p − log q).",
    ),
    Wrong(
        "takes probabilities for logarithms",
        losses.probabilities_for_logarithms,
        says="F.kl_div was given q as probabilities; it expects their logarithms first.",
        look="log_softmax for the first of the two.",
    ),
    Wrong(
        "divides by the number of classes too",
        losses.per_number,
        says="KL is averaged over classes; they are summed, and only images are averaged.",
        look='F.kl_div averages over all numbers unless reduction is "batchmean".',
    ),
    Wrong(
        "adds up the images",
        losses.added_up,
        says="KL is summed over the batch; it is the mean over images.",
        look="cross_entropy takes the mean as well.",
    ),
    Wrong(
        "compares logits by squared error",
        losses.by_squared_error,
        says="the squared difference of logits is taken; asked is KL of the softened probabilities.",
        look="KL(p ‖ q).",
    ),
    Wrong(
        "teaches the teacher",
        losses.with_gradient_to_the_teacher,
        says="the value is right, but a gradient arrives at the teacher, which would learn to agree with its pupil.",
        look="detach.",
    ),
)

DISTILLATION = Exercise(
    id="vit.distillation_loss",
    cases=cases,
    oracle=losses.oracle,
    wrong=(*TERMS, *FORMS, *SOFT),
    hints=(
        "Two terms: F.cross_entropy(logits, labels), and one of two for the teacher. teacher = teacher.detach() first.",
        "Hard: F.cross_entropy(distilled, teacher.argmax(1)).",
        "Soft: log_p and log_q are the log_softmax of teacher / temperature and distilled / temperature. Sum "
        "p · (log p − log q) over the classes, mean over the batch, times temperature ** 2.",
    ),
    points=3,
    minutes=15,
    needs=("lenet.log_softmax", "lenet.cross_entropy"),
    forbidden=LIBRARIES,
)

EXERCISES = (DISTILLATION,)
