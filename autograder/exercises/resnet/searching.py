"""Random search with successive halving: every run is recorded by the objective, and the record is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from typing import Any, Literal

import torch

from autograder.exercises.resnet.draws import equal, mean, related, seeds_of
from autograder.exercises.resnet.log_draws import READY_MADE
from autograder.spec import Case, Exercise, Outputs, Probe, Ref, Rng, Value, Wrong, call, draw, seed, state

Space = dict[str, tuple[float, float]]
Settings = dict[str, float]
Run = tuple[Settings, int, float]
MANY = 100  # trials from which the law can be told


def made(
    objective: Callable[[Settings, int], float],
    space: Space,
    trials: int,
    budget: int,
    seed: int,
    *,
    law: Literal["log", "uniform"] = "log",
    together: bool = False,
    keeps: Literal["better", "worse", "any"] = "better",
    rounds: Literal["up", "down"] = "up",
    grows: Literal["double", "never", "by one"] = "double",
    nan_is: float = math.inf,
    answers: Literal["last run", "lowest loss"] = "last run",
    halves: bool = True,
    anew: bool = False,
) -> dict[str, Any]:
    """Settings tried and halved, with the habits of mistakes."""
    generator = torch.Generator().manual_seed(seed)

    def drawn_settings(count: int) -> list[Settings]:
        u = torch.rand(count, len(space), generator=generator, dtype=torch.float64)
        u = u[:, :1].expand_as(u) if together else u
        return [
            {
                name: low * (high / low) ** share if law == "log" else low + (high - low) * share
                for share, (name, (low, high)) in zip(row, space.items(), strict=True)
            }
            for row in u.tolist()
        ]

    alive, history, step = drawn_settings(trials), list[Run](), budget
    while True:
        runs = [(settings, budget, objective(settings, budget)) for settings in alive]
        history += runs
        ranked = sorted(runs, key=lambda run: nan_is if math.isnan(run[2]) else run[2])
        if len(runs) == 1 or not halves:
            break
        order = {"better": ranked, "worse": ranked[::-1], "any": runs}[keeps]
        left = (len(runs) + (rounds == "up")) // 2
        alive = drawn_settings(left) if anew else [settings for settings, _, _ in order[:left]]
        budget = {"double": 2 * budget, "never": budget, "by one": budget + step}[grows]
    best = min(ranked if answers == "last run" else history, key=lambda run: nan_is if math.isnan(run[2]) else run[2])
    return {"settings": best[0], "loss": best[2], "history": history}


def oracle(
    objective: Callable[[Settings, int], float], space: Space, trials: int, budget: int = 1, seed: int = 0
) -> dict[str, Any]:
    return made(objective, space, trials, budget, seed)


ONE: Space = {"lr": (1e-4, 1e-1)}
TWO: Space = {"lr": (1e-4, 1e-1), "weight_decay": (1e-6, 1e-2)}


def objective(space: Space, breaks_above: float = math.inf) -> Probe:
    """An objective whose best settings lie somewhere inside the space."""
    best = {name: math.log10(low) + 0.6 * math.log10(high / low) for name, (low, high) in space.items()}
    return Probe("trials", {"best": best, "breaks_above": breaks_above})


def searched(
    name: str, rng: Rng, space: Space, *, breaks_above: float = math.inf, note: str = "", **options: Value
) -> Case:
    """One search; `runs` is the objective's own record of it."""
    inputs: dict[str, Value] = {"objective": objective(space, breaks_above), "space": space, **options}
    (own,) = seeds_of(rng, 1)
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = (call("found", **given, seed=own), state("objective", "runs"))
    return Case(name, steps, inputs=inputs, note=note)


def searched_again(rng: Rng) -> Case:
    """The same seed twice, another seed, and whether torch's global random state was moved."""
    one, other = seeds_of(rng, 2)
    inputs: dict[str, Value] = {"objective": objective(TWO), "space": TWO, "trials": 4}
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = (
        seed(11),
        call("one", **given, budget=1, seed=one),
        seed(12),
        call("again", **given, budget=1, seed=one),
        call("other", **given, budget=1, seed=other),
        draw("random"),
    )
    return Case("the same seed twice, then another", steps, inputs=inputs)


def cases(rng: Rng) -> Iterator[Case]:
    yield searched(
        "five trials, by hand",
        rng,
        ONE,
        note="5 runs with budget 1; the better (5 + 1) // 2 = 3 with budget 2; the better 2 with 4; the best with 8",
        trials=5,
    )
    yield searched("one trial", rng, TWO, trials=1, budget=3)
    yield searched("eight trials, two settings, budget 3", rng, TWO, trials=8, budget=3)
    yield searched("some losses are NaN", rng, ONE, breaks_above=2e-2, trials=60, budget=1)
    yield searched("how settings are drawn: 128 trials", rng, TWO, trials=128)
    yield searched_again(rng)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """How many runs each budget got, who went on, what was answered, and how settings were drawn."""
    if "again" in outputs:
        first, again, other = (outputs[name]["settings"] for name in ("one", "again", "other"))
        return {
            "equal for equal seeds": equal(first, again),
            "equal for different seeds": equal(first, other),
            "torch's next random number": outputs["random"],
        }
    runs: list[Run] = [tuple(run) for run in outputs["runs"]]
    found, space = outputs["found"], case.inputs["space"]
    rounds = [list(group) for _, group in groupby(runs, key=lambda run: run[1])]
    facts: Outputs = {
        "runs with each budget": [(group[0][1], len(group)) for group in rounds],
        "settings lie inside their ranges": all(_inside(settings, space) for settings, _, _ in runs),
        "settings are drawn once": all(run[0] in [first[0] for first in rounds[0]] for run in runs),
        "who goes on": _who_goes_on(rounds),
        "settings of the answer": _whose(found["settings"], runs),
        "loss of the answer": _whose_loss(found["loss"], runs),
        "history holds all runs in order": _same_runs(found["history"], runs),
    }
    if case.inputs["trials"] >= MANY:
        facts |= _law([settings for settings, _, _ in runs[: case.inputs["trials"]]], space)
    return facts


def _inside(settings: Settings, space: Space) -> bool:
    slack = 1 + 1e-9
    return settings.keys() == space.keys() and all(
        low / slack <= settings[name] <= high * slack for name, (low, high) in space.items()
    )


def _ranked(runs: list[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: run[2] if math.isfinite(run[2]) else math.inf)


def _who_goes_on(rounds: list[list[Run]]) -> str:
    """Which settings of a round the next one consists of, the same in all rounds."""
    pairs = list(pairwise(rounds))
    if all(_consists(after, _ranked(group)) for group, after in pairs):
        return "the better half"
    if all(_consists(after, _ranked(group)[::-1]) for group, after in pairs):
        return "the worse half"
    return "the first ones" if all(_consists(after, group) for group, after in pairs) else "others"


def _consists(after: list[Run], order: list[Run]) -> bool:
    """Whether a round consists of the foremost settings of `order`, the one before put in some order."""
    foremost = [settings for settings, _, _ in order[: len(after)]]
    return len(after) < len(order) and all(settings in foremost for settings, _, _ in after)


def _whose(settings: Settings, runs: list[Run]) -> str:
    if settings == runs[-1][0]:
        return "those of the last run"
    if settings == _ranked(runs)[0][0]:
        return "those of the lowest loss of all runs"
    return "those of another run" if any(settings == run[0] for run in runs) else "never tried"


def _whose_loss(loss: float, runs: list[Run]) -> str:
    if loss == runs[-1][2]:
        return "that of the last run"
    return "the lowest of all runs" if loss == _ranked(runs)[0][2] else "another"


def _same_runs(history: list[Any], runs: list[Run]) -> bool:
    """NaN counts as equal to itself."""
    return [(s, b, repr(loss)) for s, b, loss in history] == [(s, b, repr(loss)) for s, b, loss in runs]


def _law(tried: list[Settings], space: Space) -> Outputs:
    """Where the settings of the first round lie, on a scale of logarithms from 0 to 1."""
    places = [
        torch.tensor([math.log(settings[name] / low) / math.log(high / low) for settings in tried])
        for name, (low, high) in space.items()
    ]
    return {
        "mean of the logarithms": [mean(place, 0.5, math.sqrt(1 / 12)) for place in places],
        "spread of the logarithms": [mean((place - 0.5).square(), 1 / 12, math.sqrt(1 / 180)) for place in places],
        "settings go together": related(places[0], places[1]),
    }


def habit(**options: Any) -> Callable[..., dict[str, Any]]:
    """The oracle with one habit changed."""

    def answer(
        objective: Callable[[Settings, int], float], space: Space, trials: int, budget: int = 1, seed: int = 0
    ) -> dict[str, Any]:
        return made(objective, space, trials, budget, **{"seed": seed, **options})

    return answer


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


RANDOM_SEARCH = Exercise(
    id="resnet.random_search",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        _wrong(
            "goes on with the worse half",
            "the settings with the *larger* losses go on.",
            "lower is better.",
            keeps="worse",
        ),
        _wrong(
            "goes on with the first half",
            "half of the settings go on, but not the better half: the losses don't decide.",
            "sort by loss first.",
            keeps="any",
        ),
        _wrong(
            "rounds the half down",
            "of five settings two go on; it should be three: half, rounded up.",
            "(n + 1) // 2.",
            rounds="down",
        ),
        _wrong(
            "never raises the budget",
            "every round runs with the first budget, so nothing new is learnt.",
            "what is saved by stopping half goes into the others.",
            grows="never",
        ),
        _wrong(
            "adds to the budget",
            "the budget grows by the same amount each round; it should double.",
            "half as many settings, twice the budget: every round costs about the same.",
            grows="by one",
        ),
        _wrong(
            "never stops anybody",
            "all settings run once, with the first budget, and that is all.",
            "go on with the better half until one is left.",
            halves=False,
        ),
        _wrong(
            "draws new settings in every round",
            "every round draws new settings; it should go on with the better ones of the round before.",
            "draw once, before the first round.",
            anew=True,
        ),
        _wrong(
            "takes NaN for the best loss",
            "a loss that is not a number wins. It means that training blew up.",
            "math.isfinite. And how does sorting treat NaN?",
            nan_is=-math.inf,
        ),
        _wrong(
            "answers with the lowest loss of all runs",
            "the answer is the lowest loss ever seen, whatever its budget. Losses after different budgets can't be "
            "compared.",
            "the one that is left, in its last run.",
            answers="lowest loss",
        ),
        _wrong(
            "draws the settings uniformly",
            "the settings themselves are uniform, so nearly all lie in the last factor of ten.",
            "you have log_uniform.",
            law="uniform",
        ),
        _wrong(
            "draws all settings together",
            "the settings rise and fall together: one random number, or one seed, decides all of them. Only the "
            "diagonal of the space is searched.",
            "each setting needs draws of its own, so a seed of its own.",
            together=True,
        ),
        _wrong("ignores the seed", "every seed tries the same.", "hand seed on.", seed=0),
    ),
    hints=(
        "log_uniform(low, high, trials, a seed of its own) gives a column for each setting; trial i takes row i.",
        "A loop: run all that are left and note the runs; if it was one, return; sort by loss and keep (n + 1) // 2.",
        "A key for sorting: loss if math.isfinite(loss) else math.inf.",
    ),
    points=4,
    minutes=25,
    needs=("resnet.log_uniform",),
    forbidden=READY_MADE,
)

EXERCISES = (RANDOM_SEARCH,)
