"""Balanced epochs: judged by how often each class and each sample comes, whatever their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.exercises.resnet._ready_made_c import SAMPLERS
from autograder.exercises.resnet.weighting import drawn
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Step, Value, Wrong, call, draw, seed

Choose = Callable[[Tensor, int, torch.Generator], Tensor]  # from the indices of a class, how many, and a generator


def generator_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixed(values: Tensor, generator: torch.Generator) -> Tensor:
    return values[torch.randperm(len(values), generator=generator).to(values.device)]


def groups_of(labels: Tensor) -> list[Tensor]:
    """The indices of each class that occurs."""
    return [(labels == kind).nonzero().flatten() for kind in labels.unique()]


def epoch(labels: Tensor, mode: str, seed: int, choose: Choose) -> Tensor:
    """An epoch in order of the classes."""
    generator = generator_of(seed)
    groups = groups_of(labels)
    wanted = (max if mode == "over" else min)(len(group) for group in groups)
    return torch.cat([choose(group, wanted, generator) for group in groups])


def with_extras(group: Tensor, wanted: int, generator: torch.Generator) -> Tensor:
    """All of a class and, if more are wanted, some again; or some of it."""
    extra = torch.randint(len(group), (max(wanted - len(group), 0),), generator=generator).to(group.device)
    return torch.cat([mixed(group, generator), group[extra]])[:wanted]


def oracle(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    return mixed(epoch(labels, mode, seed, with_extras), generator_of(seed + 1))


def run(out: str, inputs: dict[str, Value], state: int = 11, **other: Value) -> tuple[Step, ...]:
    """One call with torch's global generator at `state`."""
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    return seed(state), call(out, **given, **other)


def _case(name: str, labels: Tensor, mode: str, start: int, note: str = "") -> Case:
    inputs: dict[str, Value] = {"labels": labels, "mode": mode, "seed": start}
    return Case(name, (*run("indices", inputs), draw("random")), inputs=inputs, note=note)


def cases(rng: Rng) -> Iterator[Case]:
    seeds = [int(value) for value in rng.permutation(1000)[:6]]
    yield _case(
        "over: 20 of one class, 6 of another", drawn(rng, 20, 6), "over", seeds[0],
        note="the larger class has 20, so each comes 20 times: 40 indices. All 26 samples are among them, and 14 of "
        "the 40 are repeats of the rare six",
    )  # fmt: skip
    yield _case("under: 60 and 14", drawn(rng, 60, 14), "under", seeds[1], note="14 of each: 28, none twice")
    yield _case("over: four classes, one that never occurs", drawn(rng, 30, 12, 0, 25), "over", seeds[2])
    yield _case("under: four classes, one that never occurs", drawn(rng, 30, 12, 0, 25), "under", seeds[3])
    yield _case("over: sorted labels", drawn(rng, 40, 13, 9).sort().values, "over", seeds[4])
    for way in ("over", "under"):
        fixed: dict[str, Value] = {"labels": drawn(rng, 30, 12), "mode": way, "seed": seeds[5]}
        other = run("other", {key: fixed[key] for key in ("labels", "mode")}, 11, seed=seeds[4])
        steps = (*run("one", fixed), *run("again", fixed, 12), *other)
        yield Case(f"{way}: the same seed twice, then another", steps, inputs=fixed)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """What must hold of the indices, whatever their order."""
    runs = {name: value for name, value in outputs.items() if name != "random"}
    facts: Outputs = {name: facts_of(case, value) for name, value in runs.items()}
    if "again" in runs:
        one, again, other = (runs[name].tolist() for name in ("one", "again", "other"))
        facts["orders"] = {"equal for equal seeds": one == again, "equal for different seeds": one == other}
        facts["the same samples for different seeds"] = case.inputs["mode"] == "under" and set(one) == set(other)
    if "random" in outputs:
        facts["torch's next random number"] = outputs["random"]
    return facts


def facts_of(case: Case, indices: Tensor) -> Outputs:
    labels: Tensor = case.inputs["labels"]
    kinds = int(labels.max()) + 1
    inside = bool(((indices >= 0) & (indices < len(labels))).all())
    if not inside or indices.ndim != 1:
        return {"indices into labels": False}
    chosen = labels[indices.long()]
    times = torch.bincount(indices.long(), minlength=len(labels))
    over = case.inputs["mode"] == "over"
    kinds_that_occur = len(labels.unique())
    return {
        "indices into labels": True,
        "dtype": str(indices.dtype),
        "how often each class comes": torch.bincount(chosen, minlength=kinds),
        "samples that never come": int((times == 0).sum()) if over else "some",
        "samples that come twice": "some" if over else int((times > 1).sum()),
        "runs of one class": bool((chosen.diff() != 0).sum() < kinds_that_occur),
        "the classes take turns": bool((chosen[kinds_that_occur:] == chosen[:-kinds_that_occur]).all()),
    }


def in_order_of_classes(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    return epoch(labels, mode, seed, with_extras)


def in_turn(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    """Deals the classes out like cards: 0 1 2 0 1 2 …"""
    return epoch(labels, mode, seed, with_extras).reshape(len(labels.unique()), -1).T.flatten()


def always_over(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    return oracle(labels, "over", seed)


def always_under(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    return oracle(labels, "under", seed)


def by_chance(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    """As many draws as right, with odds that balance the classes on average."""
    odds = (1 / torch.bincount(labels).double())[labels]
    size = len(oracle(labels, mode, seed))
    return torch.multinomial(odds.cpu(), size, replacement=True, generator=generator_of(seed)).to(labels.device)


def anew_in_each_class(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    """The right number from each class, all of them with replacement."""

    def choose(group: Tensor, wanted: int, generator: torch.Generator) -> Tensor:
        return group[torch.randint(len(group), (wanted,), generator=generator).to(group.device)]

    return mixed(epoch(labels, mode, seed, choose), generator_of(seed + 1))


def first_ones(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    def choose(group: Tensor, wanted: int, generator: torch.Generator) -> Tensor:
        return group.repeat(-(-wanted // len(group)))[:wanted]

    return mixed(epoch(labels, mode, seed, choose), generator_of(seed))


def no_seed(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    return oracle(labels, mode)


def global_seed(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return oracle(labels, mode, seed)


def global_draws(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    return oracle(labels, mode, int(torch.randint(1 << 40, ())))


def labels_for_indices(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    return labels[oracle(labels, mode, seed)]


def to_the_mean(labels: Tensor, mode: str = "over", seed: int = 0) -> Tensor:
    generator, groups = generator_of(seed), groups_of(labels)
    wanted = len(labels) // len(groups)
    return mixed(torch.cat([with_extras(group, wanted, generator) for group in groups]), generator)


BALANCED_SAMPLER = Exercise(
    id="resnet.balanced_sampler",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        Wrong(
            "comes class by class",
            in_order_of_classes,
            says="first come all of one class, then all of the next: a batch then holds one class only.",
            look="one more permutation, of everything, at the end.",
        ),
        Wrong(
            "deals the classes out in turn",
            in_turn,
            says="the classes take turns, always in the same order; which one comes next should be chance.",
            look="one more permutation, of everything, at the end.",
        ),
        Wrong("ignores the mode", always_over, says="“under” gives what “over” should.", look="which size is wanted?"),
        Wrong(
            "always takes as many as the rarest class has",
            always_under,
            says="“over” gives what “under” should.",
            look="max or min of the classes' sizes?",
        ),
        Wrong(
            "balances on average only",
            by_chance,
            says="samples are drawn with odds that balance the classes on average; here each epoch has exactly as many "
            "of each. Some samples never come, too.",
            look="choose within each class, as many as wanted.",
        ),
        Wrong(
            "draws with replacement in each class",
            anew_in_each_class,
            says="the classes are balanced, but some samples never come (“over”) or come twice (“under”).",
            look="a permutation of the class first; repeat only what is missing.",
        ),
        Wrong(
            "always takes the first ones",
            first_ones,
            says="“under” always keeps the first samples of a class, so all others are never seen, whatever the seed.",
            look="a random permutation within each class before you cut.",
        ),
        Wrong("ignores the seed", no_seed, says="every seed gives the same indices.", look="hand seed to a generator."),
        Wrong(
            "seeds torch's global generator",
            global_seed,
            says="the indices are right, but torch.manual_seed changed the random numbers of everything else.",
            look="torch.Generator().manual_seed(seed) makes a generator of your own.",
        ),
        Wrong(
            "draws from torch's global generator",
            global_draws,
            says="the indices depend on torch's global generator: equal seeds give different ones.",
            look="torch.randperm takes a generator.",
        ),
        Wrong(
            "gives labels",
            labels_for_indices,
            says="labels come back; indices of samples are asked for.",
            look="(labels == kind).nonzero() gives indices.",
        ),
        Wrong(
            "takes the mean size",
            to_the_mean,
            says="each class comes as often as an average class is large; “over” wants the largest size, “under” the "
            "smallest.",
            look="max or min of the classes' sizes.",
        ),
    ),
    hints=(
        "Class by class: the indices of its samples, in random order, and then cut or repeated to the wanted length.",
        "(labels == kind).nonzero().flatten(); mixed.repeat(times)[:wanted] goes round as often as needed.",
        "torch.cat them, and mix once more, all with one torch.Generator().manual_seed(seed).",
    ),
    points=2,
    minutes=15,
    forbidden=SAMPLERS,
)

EXERCISES = (BALANCED_SAMPLER,)
