"""The training loop: its exact history and final weights on a tiny model (see `autograder.probes.training`).

The problems are fixed, so that their losses go up and down where the case needs it, and turned and scaled at random,
which changes every number but neither the order of the losses nor the best epoch.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.forbidden import TRAINERS
from autograder.exercises.lenet.simulation import Habits, loop
from autograder.spec import Case, Exercise, Probe, Ref, Rng, Value, Wrong, call, state

FLOAT64 = torch.float64
FEATURES = 2
Batches = list[tuple[Tensor, Tensor]]


def _case(
    name: str,
    weight: Tensor,
    train: Batches,
    val: Batches,
    *,
    lr: float,
    momentum: float = 0.0,
    rate: float = 0.5,
    expect: dict[str, Value] | None = None,
    note: str = "",
    **options: Value,
) -> Case:
    inputs: dict[str, Value] = {
        "model": Probe("centred_regression", {"weight": weight, "bias": torch.zeros((), dtype=FLOAT64), "rate": rate}),
        "optimizer": Probe("sgd", {"model": Ref("model"), "lr": lr, "momentum": momentum}),
        "loss_fn": Probe("lopsided_error", {}),
        "train": train,
        "val": val,
        **options,
    }
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = [
        call("history", **given),
        state("model", "the model at the end"),
        call("modes of the forward passes", target="model", method="journal"),
    ]
    if options.get("on_epoch") is not None:
        steps.append(state("on_epoch", "calls of on_epoch"))
    return Case(name, tuple(steps), inputs=inputs, expect=expect or {}, note=note, terms=100, scale=1.0)


def by_hand() -> Case:
    """One feature, one batch of two samples, one epoch."""

    def column(*values: float) -> Tensor:
        return torch.tensor(values, dtype=FLOAT64)[:, None]

    return _case(
        "one batch, one epoch, by hand",
        torch.ones(1, dtype=FLOAT64),
        [(column(1.0, 3.0), torch.tensor([-2.0, 3.0], dtype=FLOAT64))],
        [(column(2.0), torch.tensor([1.0], dtype=FLOAT64))],
        lr=0.1,
        expect={"history": {"train_loss": [3.0], "val_loss": [0.32], "best_epoch": 0}},
        note="train: x − mean = −1 and 1, errors 1 (too high: counts twice) and −2, loss (2·1 + 4)/2 = 3; "
        "the weight becomes 1 − 0.1·(−4) = 1.4; val: (2 − 1)·1.4 − 1 = 0.4, loss 2·0.16 = 0.32",
        epochs=1,
    )


def problem(
    rng: Rng, name: str, base: int, *, sizes: tuple[tuple[int, ...], tuple[int, ...]] = ((4, 3), (3, 2)),
    lr: float, momentum: float = 0.0, rate: float = 0.5, **options: Value,
) -> Case:  # fmt: skip
    """A regression whose validation set follows a slightly different truth, so that training goes too far for it.

    base: which fixed problem. sizes: of the batches of train and val.
    """
    fixed = Rng(base)
    truth = fixed.normal(FEATURES, dtype=FLOAT64)
    turn = torch.linalg.qr(rng.normal(FEATURES, FEATURES, dtype=FLOAT64)).Q
    scale = float(rng.uniform(1, low=0.5, high=2.0))

    def batch(size: int, weight: Tensor) -> tuple[Tensor, Tensor]:
        x = 1.0 + fixed.normal(size, FEATURES, dtype=FLOAT64)
        y = (x - 1.0) @ weight + 0.5 + 0.5 * fixed.normal(size, dtype=FLOAT64)
        return x @ turn, scale * y

    train = [batch(size, truth) for size in sizes[0]]
    val = [batch(size, 0.4 * truth) for size in sizes[1]]
    weight = scale * (0.5 * fixed.normal(FEATURES, dtype=FLOAT64)) @ turn
    return _case(name, weight, train, val, lr=lr, momentum=momentum, rate=rate, **options)


def fit_cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield problem(rng, "two epochs, one batch", 1, sizes=((5,), (4,)), lr=0.05, epochs=2)
    yield problem(rng, "the last batch is smaller", 2, sizes=((4, 4, 1), (3, 1)), lr=0.05, epochs=2)
    yield problem(rng, "the best epoch is not the last", 7, lr=0.3, epochs=6, patience=5)
    yield problem(rng, "momentum", 3, lr=0.1, momentum=0.8, epochs=4, patience=10)
    yield problem(rng, "on_epoch is called", 6, lr=0.1, epochs=3, patience=3, on_epoch=Probe("recorder", {}))
    yield problem(rng, "stops early, patience 3 by default", 7, lr=0.3, epochs=20)
    yield problem(rng, "patience 1", 13, lr=0.1, momentum=0.9, epochs=20, patience=1)
    yield problem(rng, "losses go up and down", 20, lr=0.1, momentum=0.9, epochs=20, patience=3, on_epoch=None)
    yield problem(rng, "more ups and downs", 10, lr=0.15, momentum=0.9, epochs=20, patience=3)
    yield problem(
        rng, "nothing changes, and an equal loss is no better", 5, lr=0.0, rate=0.0, epochs=9, patience=2,
        on_epoch=Probe("recorder", {}),
    )  # fmt: skip


def _wrong(name: str, says: str, look: str, **habits: object) -> Wrong:
    return Wrong(name, loop(Habits(**habits)), says=says, look=look)  # type: ignore[arg-type]  # checked by Habits


WRONG = (
    _wrong(
        "never zeroes the gradients",
        "gradients are never set to zero, so each step follows the sum of all that came before.",
        "backward() adds to what is in .grad: empty it for each batch.",
        zeroes="never",
    ),
    _wrong(
        "zeroes the gradients once an epoch",
        "gradients are emptied once an epoch and add up over its batches.",
        "backward() adds to what is in .grad: empty it for each batch.",
        zeroes="epoch",
    ),
    _wrong(
        "validates in train mode",
        "the model is still in train mode while it is validated, so its running statistics take in validation data.",
        "model.eval() before validation, model.train() before training.",
        validates_in="train",
    ),
    _wrong(
        "never goes back to train mode",
        "after the first validation the model stays in eval mode, and trains on in it.",
        "model.train() belongs inside the loop over epochs.",
        trains_in="train first",
    ),
    _wrong(
        "trains in eval mode",
        "the model is in eval mode while it trains.",
        "model.train() before the batches of every epoch.",
        trains_in="eval",
    ),
    _wrong(
        "records gradients in validation",
        "validation builds the graph for a backward pass that never comes: the numbers are right, but it costs "
        "time and memory.",
        "torch.no_grad() around validation.",
        validates_with_gradients=True,
    ),
    _wrong(
        "trains on the validation data",
        "the optimiser also steps on validation batches, so they no longer say how well the model does on new data.",
        "no backward() and no step() in validation.",
        steps_on_validation=True,
    ),
    _wrong(
        "averages over batches",
        "the losses of batches are averaged as if they were equally large; the last one is smaller.",
        "weight each batch's loss by its number of samples, and divide by the number of all.",
        mean_over="batches",
    ),
    _wrong(
        "keeps the last batch's loss",
        "the history holds the last batch's loss, not the mean over the epoch.",
        "add up loss times number of samples over the epoch.",
        mean_over="last batch",
    ),
    _wrong(
        "ends with the last weights",
        "the model ends with the last epoch's weights, not the best one's. Were they never put back? Or kept without "
        "a copy? What state_dict() returns changes along with the model.",
        "copy.deepcopy(model.state_dict()) when an epoch is better, load_state_dict at the end.",
        restores="nothing",
    ),
    _wrong(
        "puts back the parameters only",
        "the best parameters are back, but the buffers (running statistics) are still the last epoch's.",
        "state_dict() holds both, parameters() only the one.",
        restores="parameters",
    ),
    _wrong(
        "goes by the training loss",
        "the best epoch, and when to stop, are decided by the training loss; that one nearly always falls.",
        "which loss tells how well the model does on data that it hasn't learnt from?",
        judged_by="train_loss",
    ),
    _wrong(
        "never stops early",
        "training goes on to the last epoch, however long nothing has improved.",
        "count the epochs since the best one.",
        stops=False,
    ),
    _wrong(
        "stops one epoch late",
        "training goes on for one epoch more than patience allows.",
        "patience = 1 stops after the first epoch that is no better.",
        extra_patience=1,
    ),
    _wrong(
        "stops one epoch early",
        "training stops one epoch before patience is used up.",
        "patience = 1 stops after the first epoch that is no better.",
        extra_patience=-1,
    ),
    _wrong(
        "never forgives",
        "epochs that are no better are counted over the whole training; a better one doesn't start the count anew.",
        "set the count back to 0 when an epoch is better.",
        forgives=False,
    ),
    _wrong(
        "compares with the epoch before",
        "an epoch counts as better when it beats the one before; it should beat the best so far.",
        "keep the smallest validation loss seen.",
        better_than="last",
    ),
    _wrong(
        "takes an equal loss for better",
        "an epoch with the same loss as the best counts as better, so a stalled training never stops.",
        "< or <= ?",
        ties_are_better=True,
    ),
    _wrong(
        "counts epochs from 1",
        "epochs are counted from 1; best_epoch is an index into the lists, and on_epoch counts the same way.",
        "the first epoch is 0.",
        first_epoch=1,
    ),
    _wrong(
        "never calls on_epoch",
        "on_epoch is never called.",
        "on_epoch(epoch, train_loss, val_loss) at the end of each epoch, if it is not None.",
        calls_back="never",
    ),
    _wrong(
        "calls on_epoch for better epochs only",
        "on_epoch is called only when an epoch is better than all before.",
        "its call belongs in every epoch, outside of the if.",
        calls_back="better epochs",
    ),
    _wrong(
        "swaps prediction and target",
        "loss_fn gets the target first. Many losses don't mind; this one does, and so does cross-entropy.",
        "loss_fn(model(x), y).",
        swaps_arguments=True,
    ),
)

FIT = Exercise(
    id="lenet.fit",
    cases=fit_cases,
    oracle=loop(Habits()),
    wrong=WRONG,
    hints=(
        "An epoch has two halves: model.train(), and for each batch of train zero_grad, forward, backward, step; then "
        "model.eval() and, under torch.no_grad(), the forward pass alone for each batch of val.",
        "A mean over samples: add up loss.item() · len(x), and divide by the number of samples.",
        "When val_loss is below the best so far: remember it, the epoch, and copy.deepcopy(model.state_dict()). Stop "
        "when patience epochs have passed since. At the end load_state_dict.",
    ),
    points=5,
    minutes=30,
    forbidden=TRAINERS,
)

EXERCISES = (FIT,)
