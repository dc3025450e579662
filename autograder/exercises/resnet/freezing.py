"""Frozen parts, and thawing them from the output: who learns, and whose norms still collect statistics.

The probes' network keeps parts in eval mode by itself when it is told to, so the oracle only has to name them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from torch import Tensor

from autograder.exercises.resnet._staged import PARTS, images, net
from autograder.spec import Case, Exercise, Ref, Rng, Step, Value, Wrong, call, mode, state

EVERYTHING = ("stage1", "stage2", "stage3", "pool", "fc")
Answer = Callable[..., Any]


def settle(model: Any, frozen: Collection[str], kept: Collection[str] | None = None) -> None:
    """Freezes exactly these parts. kept: those that stay in eval mode, if others."""
    for name, part in model.named_children():
        part.requires_grad_(name not in frozen)
    model.keep_in_eval(frozen if kept is None else kept)


def upto(names: Sequence[str], until: str) -> Sequence[str]:
    """The names from the first up to and including `until`."""
    return names[: names.index(until) + 1] if until else []


def names_of(model: Any) -> list[str]:
    return [name for name, _ in model.named_children()]


def freeze_oracle(model: Any, until: str = "") -> None:
    settle(model, upto(names_of(model), until))


def look(out: str, x: Tensor) -> list[Step]:
    """How the model is after a pass in train mode, and what it answers then in eval mode."""
    return [
        mode("model", "train"),
        call(f"{out}, logits in train mode", x, target="model"),
        state("model", f"{out}, weights after that pass"),
        call(f"{out}, what learns", target="model", method="learning"),
        mode("model", "eval"),
        call(f"{out}, logits in eval mode", x, target="model"),
    ]


def freeze_case(rng: Rng, name: str, until: str, *then: str, note: str = "", **options: Value) -> Case:
    """One call, or several in a row on the same model."""
    inputs: dict[str, Value] = {"model": net(rng, **options), "until": until}
    steps = [call("returned", model=Ref("model"), until=Ref("until")), *look("frozen", images(rng))]
    for number, following in enumerate(then, start=1):
        steps.append(call(f"returned {number}", model=Ref("model"), until=following))
        steps += look(f"then {following or 'nothing'}", images(rng))
    return Case(name, tuple(steps), inputs=inputs, note=note, terms=60)


def freeze_cases(rng: Rng) -> Iterator[Case]:
    yield freeze_case(
        rng, "up to stage1", "stage1",
        note="stage1 learns nothing: its 3 parameters don't ask for gradients, and its running mean and variance are "
        "the same before and after a pass in train mode; stage2, stage3 and fc learn",
    )  # fmt: skip
    yield freeze_case(rng, "up to stage2, a model in train mode", "stage2", train=True)
    yield freeze_case(rng, "all but the head", "pool")
    yield freeze_case(rng, "nothing", "", frozen=True)
    yield freeze_case(rng, "up to stage3, then up to stage1", "stage3", "stage1")
    yield freeze_case(rng, "up to stage2, then nothing, then stage1", "stage2", "", "stage1")


def norms_left_in_train(model: Any, until: str = "") -> None:
    settle(model, upto(names_of(model), until), kept=())


def before_until(model: Any, until: str = "") -> None:
    settle(model, upto(names_of(model), until)[:-1])


def until_alone(model: Any, until: str = "") -> None:
    settle(model, [until])


def behind_until(model: Any, until: str = "") -> None:
    names = names_of(model)
    settle(model, names[len(upto(names, until)) :] if until else [])


def everything(model: Any, until: str = "") -> None:
    settle(model, names_of(model) if until else [])


def whole_model_in_eval(model: Any, until: str = "") -> None:
    frozen = upto(names_of(model), until)
    settle(model, frozen, kept=names_of(model) if frozen else ())


def gradients_left_on(model: Any, until: str = "") -> None:
    settle(model, (), kept=upto(names_of(model), until))


def norms_still_learn(model: Any, until: str = "") -> None:
    freeze_oracle(model, until)
    for name in upto(names_of(model), until):
        for key, item in model.get_submodule(name).named_parameters():
            item.requires_grad_(key.startswith("1."))


def never_thaws(model: Any, until: str = "") -> None:
    frozen = set(upto(names_of(model), until)) | {
        name.partition(".")[0] for name, learns in model.learning().items() if not learns
    }
    settle(model, frozen)


def modes_never_thaw(model: Any, until: str = "") -> None:
    frozen = upto(names_of(model), until)
    settle(model, frozen, kept={*frozen, *(model._kept or ())})


FREEZE = Exercise(
    id="resnet.freeze",
    cases=freeze_cases,
    oracle=freeze_oracle,
    wrong=(
        Wrong(
            "leaves the frozen norms in train mode",
            norms_left_in_train,
            says="no weight of the frozen parts moves, but their batch norms still use each batch's own statistics, "
            "and their running mean and variance drift.",
            look="requires_grad stops gradients only. Which mode decides what a batch norm does?",
        ),
        Wrong(
            "freezes one part too few",
            before_until,
            says="the part `until` itself still learns; it is the last one to be frozen.",
            look="up to and *including*.",
        ),
        Wrong(
            "freezes that part alone",
            until_alone,
            says="only the part `until` is frozen; all parts before it should be as well.",
            look="go through named_children() until you meet it.",
        ),
        Wrong(
            "freezes what comes behind",
            behind_until,
            says="the parts behind `until` are frozen, and those that should be are not.",
            look="early layers see edges and colours, which serve every task: those are kept.",
        ),
        Wrong(
            "freezes everything",
            everything,
            says="the parts behind `until` are frozen too, so nothing is left to learn.",
            look="what happens in your loop after `until` was met?",
        ),
        Wrong(
            "keeps the whole model in eval mode",
            whole_model_in_eval,
            says="the parts that learn ignore model.train() as well: their norms should use the batch.",
            look="only the frozen parts keep to eval mode.",
        ),
        Wrong(
            "freezes the statistics, not the weights",
            gradients_left_on,
            says="the parts stay in eval mode, but their parameters still ask for gradients.",
            look="requires_grad_(False).",
        ),
        Wrong(
            "lets the frozen norms' weights learn",
            norms_still_learn,
            says="the weight and bias of the frozen parts' batch norms still ask for gradients.",
            look="part.requires_grad_(False) reaches all parameters of a part.",
        ),
        Wrong(
            "never thaws",
            never_thaws,
            says="what was frozen by an earlier call stays frozen; all parts behind `until` should learn again.",
            look="set requires_grad of every part, True or False.",
        ),
        Wrong(
            "leaves thawed parts in eval mode",
            modes_never_thaw,
            says="a part that learns again still keeps to eval mode, as an earlier call taught it.",
            look="undo what you did to the part's mode.",
        ),
    ),
    hints=(
        "Two things for each part up to `until`: requires_grad_(False), and eval mode that lasts.",
        "model.train() calls train(mode) of each child. What if a frozen part had its own idea of train, one that does "
        "nothing? Or a forward pre-hook that calls eval() just in time?",
        "part.train = lambda mode=True, part=part: part, on the instance, hides the class's method; "
        "part.__dict__.pop('train', None) brings it back.",
        "Freezing is a state, not a change: go through all parts each time, and set those behind `until` to learn.",
    ),
    points=4,
    minutes=20,
)


def gradual_oracle(model: Any, epoch: int, every: int = 1) -> list[str]:
    names = _with_parameters(model)
    learning = names[max(0, len(names) - 1 - epoch // every) :]
    return learning_only(model, learning)


def learning_only(model: Any, learning: Collection[str]) -> list[str]:
    """Freezes all parts with parameters but these, and gives these."""
    settle(model, [name for name in PARTS if name not in learning])
    return [name for name in EVERYTHING if name in learning]


def _with_parameters(model: Any) -> list[str]:
    return [name for name, part in model.named_children() if list(part.parameters())]


def gradual_case(
    rng: Rng, name: str, epochs: Sequence[int], note: str = "", expect: Value = None, **every: int
) -> Case:
    inputs: dict[str, Value] = {"model": net(rng), "epoch": epochs[0], **every}
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps: list[Step] = []
    for epoch in epochs:
        steps.append(call(f"epoch {epoch}", **{**given, "epoch": epoch}))
        steps += look(f"epoch {epoch}", images(rng))
    by_hand = {} if expect is None else {f"epoch {epochs[0]}": expect}
    return Case(name, tuple(steps), inputs=inputs, expect=by_hand, note=note, terms=60)


def gradual_cases(rng: Rng) -> Iterator[Case]:
    yield gradual_case(
        rng, "epoch 1, by hand", [1], expect=["stage3", "fc"],
        note="parts with parameters: stage1, stage2, stage3, fc; in epoch 1 the last 1 + 1 = 2 learn",
    )  # fmt: skip
    yield gradual_case(rng, "epoch 0", [0])
    yield gradual_case(rng, "epochs 0 to 4 of one training", range(5))
    yield gradual_case(rng, "one part every 2 epochs", [0, 1, 2, 5], every=2)
    yield gradual_case(rng, "long after the last part", [40], every=3)
    yield gradual_case(rng, "back to epoch 0", [3, 0], every=1)


def from_the_input(model: Any, epoch: int, every: int = 1) -> list[str]:
    return learning_only(model, _with_parameters(model)[: 1 + epoch // every])


def counts_all_parts(model: Any, epoch: int, every: int = 1) -> list[str]:
    return learning_only(model, names_of(model)[max(0, 4 - epoch // every) :])


def starts_with_none(model: Any, epoch: int, every: int = 1) -> list[str]:
    names = _with_parameters(model)
    return learning_only(model, names[max(0, len(names) - epoch // every) :])


def every_ignored(model: Any, epoch: int, every: int = 1) -> list[str]:
    return gradual_oracle(model, epoch)


def every_as_size(model: Any, epoch: int, every: int = 1) -> list[str]:
    """`every` parts an epoch."""
    return gradual_oracle(model, epoch * every)


def all_at_once(model: Any, epoch: int, every: int = 1) -> list[str]:
    return gradual_oracle(model, 0 if epoch < every else 99)


def one_part_only(model: Any, epoch: int, every: int = 1) -> list[str]:
    return learning_only(model, gradual_oracle(model, epoch, every)[:1])


def gradual_norms_in_train(model: Any, epoch: int, every: int = 1) -> list[str]:
    learning = gradual_oracle(model, epoch, every)
    model.keep_in_eval(())
    return learning


def names_the_frozen(model: Any, epoch: int, every: int = 1) -> list[str]:
    learning = gradual_oracle(model, epoch, every)
    return [name for name in PARTS if name not in learning]


def from_the_end(model: Any, epoch: int, every: int = 1) -> list[str]:
    return gradual_oracle(model, epoch, every)[::-1]


UNFREEZE_GRADUALLY = Exercise(
    id="resnet.unfreeze_gradually",
    cases=gradual_cases,
    oracle=gradual_oracle,
    wrong=(
        Wrong(
            "thaws from the input",
            from_the_input,
            says="the first parts learn first; it goes from the output towards the input.",
            look="which part is new and knows nothing?",
        ),
        Wrong(
            "counts parts without parameters",
            counts_all_parts,
            says="the pooling counts as a part, so an epoch goes by in which nothing new learns.",
            look="leave out parts whose parameters() are empty.",
        ),
        Wrong(
            "starts with nothing",
            starts_with_none,
            says="in epoch 0 nothing learns; it should be the last part.",
            look="1 + epoch // every.",
        ),
        Wrong(
            "ignores every",
            every_ignored,
            says="one part joins in each epoch, whatever `every` says.",
            look="epoch // every.",
        ),
        Wrong(
            "thaws several parts an epoch",
            every_as_size,
            says="`every` parts join in each epoch; it should be one part in `every` epochs.",
            look="divide, don't multiply.",
        ),
        Wrong(
            "thaws everything at once",
            all_at_once,
            says="after the first stage of training all parts learn at once.",
            look="one more part each time.",
        ),
        Wrong(
            "lets one part learn at a time",
            one_part_only,
            says="when a part joins in, those behind it are frozen; they should go on learning.",
            look="the last n parts, not the n-th from the end.",
        ),
        Wrong(
            "leaves the frozen norms in train mode",
            gradual_norms_in_train,
            says="the frozen parts' batch norms use the batch's statistics after model.train().",
            look="your own freeze takes care of that.",
        ),
        Wrong(
            "names the frozen parts",
            names_the_frozen,
            says="the names of the frozen parts come back; those that learn are asked for.",
            look="the other half of the list.",
        ),
        Wrong(
            "names them from the output",
            from_the_end,
            says="the names come from the output to the input; the other way round is asked for.",
            look="the order of named_children().",
        ),
    ),
    hints=(
        "List the names of the parts that have parameters. How many of them, from the end, learn in this epoch?",
        'min(1 + epoch // every, len(names)) learn. The last of the others is what freeze wants as `until`, or "".',
    ),
    points=2,
    minutes=10,
    needs=("resnet.freeze",),
)

EXERCISES = (FREEZE, UNFREEZE_GRADUALLY)
