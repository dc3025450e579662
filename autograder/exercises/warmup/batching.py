"""Mini-batches: right in many orders, so what is compared is what must hold of any (samples are coded by index)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Step, Value, Wrong, draw, iterate, seed

Batches = Iterator[tuple[Tensor, Tensor]]


def oracle(
    x: Tensor, y: Tensor, batch_size: int, shuffle: bool = True, drop_last: bool = False, seed: int = 0
) -> Batches:
    generator = torch.Generator().manual_seed(seed)
    pairs = TensorDataset(x, y)
    if len(x) == 0:
        return iter(())
    return iter(DataLoader(pairs, batch_size, shuffle, drop_last=drop_last, generator=generator))


def coded(n: int, *shape: int) -> dict[str, Tensor]:
    """Sample i is i everywhere in x, and 3i + 1 in y."""
    index = torch.arange(n)
    x = index.float().reshape(n, *(1 for _ in shape)).expand(n, *shape).contiguous()
    return {"x": x, "y": 3 * index + 1}


def one_run(name: str, inputs: dict[str, Value], *after: Step, note: str = "", expect: Value = None) -> Case:
    by_hand = {} if expect is None else {"batches": expect}
    return Case(name, (*run("batches", inputs), *after), inputs=inputs, expect=by_hand, note=note)


def run(out: str, inputs: dict[str, Value], state: int = 11, **other: Value) -> tuple[Step, ...]:
    """Takes all batches, and a few more if there are any, with torch's global generator at `state`."""
    arguments = {key: Ref(key) for key in inputs} | other
    loader = "loader" if out == "batches" else f"loader of {out}"
    return (
        seed(state),
        Step("call", out=loader, kwargs=arguments),
        iterate(loader, len(inputs["x"]) + 3, out=out),
    )


def cases(rng: Rng) -> Iterator[Case]:
    five = coded(5, 2)
    yield one_run(
        "five samples in order, by hand",
        {**five, "batch_size": 2, "shuffle": False},
        expect=[(five["x"][i : i + 2], five["y"][i : i + 2]) for i in (0, 2, 4)],
        note="samples 0 1, 2 3, 4: sizes 2 + 2 + 1 = 5",
    )
    yield one_run("in order, small last batch dropped", {**five, "batch_size": 2, "shuffle": False, "drop_last": True})
    yield one_run("12 samples in order, 4 a batch", {**coded(12), "batch_size": 4, "shuffle": False})
    yield one_run("5 samples, 8 a batch", {**coded(5, 2), "batch_size": 8, "shuffle": False})
    yield one_run("images in order, one a batch", {**coded(4, 3, 2, 2), "batch_size": 1, "shuffle": False})
    yield one_run("shuffled", {**coded(23, 2), "batch_size": 5})
    seeds = [int(value) for value in rng.permutation(1000)[:3]]
    dropped = {**coded(23), "batch_size": 4, "shuffle": True, "drop_last": True, "seed": seeds[0]}
    yield one_run("shuffled, small last batch dropped", dropped)
    fixed = {**coded(20), "batch_size": 6, "shuffle": True, "drop_last": False, "seed": seeds[1]}
    again = run("again", fixed, 12)
    other = run("other", fixed, 11, seed=seeds[2])
    yield Case("the same seed twice, then another", (*run("one", fixed), *again, *other), inputs=fixed)
    yield one_run("global random state left alone", {**coded(20), "batch_size": 6}, draw("random"))
    yield one_run("no samples", {**coded(0, 2), "batch_size": 3})


def measure(case: Case, outputs: Outputs) -> Outputs:
    """What must hold of the batches, whatever their order."""
    runs = {name: value for name, value in outputs.items() if not name.startswith("loader") and name != "random"}
    facts: Outputs = {name: facts_of(case, value) for name, value in runs.items()}
    if "again" in runs:
        orders = {name: order_of(value) for name, value in runs.items()}
        facts["orders"] = {
            "equal for equal seeds": orders["one"] == orders["again"],
            "equal for different seeds": orders["one"] == orders["other"],
        }
    if "random" in outputs:
        facts["torch's next random number"] = outputs["random"]
    return facts


def order_of(items: list[tuple[Tensor, Tensor]]) -> list[int]:
    """The samples' indices in the order in which they came, read off x."""
    return [int(sample.flatten()[0]) for x, _ in items for sample in x]


def facts_of(case: Case, items: list[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    order = order_of(items)
    kinds = {f"(…, {', '.join(map(str, x.shape[1:]))}) {x.dtype}, {tuple(y.shape[1:])} {y.dtype}" for x, y in items}
    together = all(
        bool(torch.equal(x.reshape(len(x), -1)[:, :1].expand(len(x), x[0].numel()), x.reshape(len(x), -1)))
        and (3 * x.reshape(len(x), -1)[:, 0] + 1).tolist() == y.tolist()
        for x, y in items
        if len(x)
    )
    facts: dict[str, Any] = {
        "batch sizes": [len(x) for x, _ in items],
        "times a sample comes twice": len(order) - len(set(order)),
        "y beside its x": together,
        "shapes and dtypes": sorted(kinds),
    }
    if not case.inputs.get("drop_last", False):
        facts["samples, sorted"] = sorted(order)
    if case.inputs.get("shuffle", True) and order:
        facts["in their old order"] = order == sorted(order)
        facts["neighbours kept in one batch"] = keeps_neighbours(items)
    else:
        facts["order"] = order
    return facts


def keeps_neighbours(items: list[tuple[Tensor, Tensor]]) -> bool:
    """Whether every batch holds consecutive samples, in whatever order."""
    found = [sorted(order_of([item])) for item in items]
    return all(batch == list(range(batch[0], batch[0] + len(batch))) for batch in found if batch)


def pairs_apart(x: Tensor, y: Tensor, *rest: Any) -> Batches:
    return ((a, b) for (a, _), (_, b) in zip(oracle(x, y, *rest), shifted(x, y, *rest), strict=True))


def shifted(
    x: Tensor, y: Tensor, batch_size: int, shuffle: bool = True, drop_last: bool = False, seed: int = 0
) -> Batches:
    return oracle(x, y, batch_size, shuffle, drop_last, seed + 1)


def keeps_small(x: Tensor, y: Tensor, size: int, shuffle: bool = True, drop: bool = False, *rest: Any) -> Batches:
    return oracle(x, y, size, shuffle, False, *rest)


def always_drops(x: Tensor, y: Tensor, size: int, shuffle: bool = True, drop: bool = False, *rest: Any) -> Batches:
    return oracle(x, y, size, shuffle, True, *rest)


def never_shuffles(x: Tensor, y: Tensor, size: int, shuffle: bool = True, *rest: Any) -> Batches:
    return oracle(x, y, size, False, *rest)


def always_shuffles(x: Tensor, y: Tensor, size: int, shuffle: bool = True, *rest: Any) -> Batches:
    return oracle(x, y, size, True, *rest)


def one_order(x: Tensor, y: Tensor, size: int, shuffle: bool = True, drop: bool = False, *rest: Any) -> Batches:
    return oracle(x, y, size, shuffle, drop)


def seeds_global(
    x: Tensor, y: Tensor, batch_size: int, shuffle: bool = True, drop_last: bool = False, seed: int = 0
) -> Batches:
    torch.manual_seed(seed)
    return oracle(x, y, batch_size, shuffle, drop_last, seed)


def draws_global(x: Tensor, y: Tensor, size: int, shuffle: bool = True, drop: bool = False, *rest: Any) -> Batches:
    return oracle(x, y, size, shuffle, drop, int(torch.randint(1 << 40, ())))


def with_replacement(x: Tensor, y: Tensor, size: int, shuffle: bool = True, *rest: Any) -> Batches:
    chosen = torch.arange(len(x)) if not shuffle else torch.randint(len(x), x.shape[:1], generator=fresh(*rest))
    return oracle(x[chosen], y[chosen], size, False, *rest)


def inside_batches(x: Tensor, y: Tensor, size: int, shuffle: bool = True, *rest: Any) -> Batches:
    for xs, ys in oracle(x, y, size, False, *rest):
        order = torch.randperm(len(xs), generator=fresh(*rest)) if shuffle else torch.arange(len(xs))
        yield xs[order], ys[order]


def whole_batches(x: Tensor, y: Tensor, size: int, shuffle: bool = True, *rest: Any) -> Batches:
    made = list(oracle(x, y, size, False, *rest))
    order = torch.randperm(len(made), generator=fresh(*rest)).tolist() if shuffle else range(len(made))
    return iter([made[index] for index in order])


def fresh(drop_last: bool = False, seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counts_batches(x: Tensor, y: Tensor, size: int, *rest: Any) -> Batches:
    return oracle(x, y, -(-len(x) // size), *rest)


def views(x: Tensor, y: Tensor, size: int, shuffle: bool = True, drop: bool = False, *rest: Any) -> Batches:
    if shuffle:
        return oracle(x, y, size, shuffle, drop, *rest)
    made = zip(x.split(size), y.split(size), strict=True)
    return ((xs, ys) for xs, ys in made if len(xs) == size or not drop)


def one_too_many(x: Tensor, y: Tensor, size: int, shuffle: bool = True, drop: bool = False, *rest: Any) -> Batches:
    yield from oracle(x, y, size, shuffle, drop, *rest)
    if len(x) % size == 0:
        yield x[:0].clone(), y[:0].clone()


BATCHES = Exercise(
    id="warmup.batches",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        Wrong(
            "shuffles x and y apart",
            pairs_apart,
            says="x and y are shuffled by two different orders, so samples lose their labels.",
            look="draw one order, and index both with it.",
        ),
        Wrong(
            "keeps the small last batch even with drop_last",
            keeps_small,
            says="drop_last is ignored: the small last batch comes all the same.",
            look="with drop_last, stop before the last batch if it is smaller than batch_size.",
        ),
        Wrong(
            "always drops the small last batch",
            always_drops,
            says="the small last batch is always dropped; without drop_last it belongs to the rest.",
            look="slicing past the end is safe: x[4:6] of five samples gives one.",
        ),
        Wrong(
            "never shuffles",
            never_shuffles,
            says="the samples come in their own order although shuffle is True.",
            look="torch.randperm(n, generator=…) gives a random order.",
        ),
        Wrong(
            "always shuffles",
            always_shuffles,
            says="the samples are shuffled even with shuffle=False.",
            look="for validation the order must stay: what is the order then?",
        ),
        Wrong(
            "ignores the seed",
            one_order,
            says="every seed gives the same order.",
            look="hand seed to your generator.",
        ),
        Wrong(
            "seeds torch's global generator",
            seeds_global,
            says="the batches are right, but torch.manual_seed changed the random numbers of everything else.",
            look="torch.Generator().manual_seed(seed) makes a generator of your own.",
        ),
        Wrong(
            "draws from torch's global generator",
            draws_global,
            says="the order depends on torch's global generator: equal seeds give different orders.",
            look="torch.randperm takes a generator.",
        ),
        Wrong(
            "draws with replacement",
            with_replacement,
            says="some samples come twice and others never: they are drawn one by one, with replacement.",
            look="you want a permutation of the indices, not random indices.",
        ),
        Wrong(
            "shuffles only inside each batch",
            inside_batches,
            says="each batch always holds the same samples; only their order inside it is random.",
            look="shuffle all the indices first, then cut them into batches.",
        ),
        Wrong(
            "shuffles whole batches",
            whole_batches,
            says="the batches change places, but each always holds the same samples.",
            look="shuffle all the indices first, then cut them into batches.",
        ),
        Wrong(
            "takes batch_size for the number of batches",
            counts_batches,
            says="batch_size is the number of samples in a batch, not the number of batches.",
            look="x.chunk(k) makes k pieces; x.split(k) makes pieces of k.",
        ),
        Wrong(
            "hands out views of x",
            views,
            says="without shuffling, the batches are views: whoever changes one changes your data.",
            look="slices are views; indexing with a tensor of indices copies.",
        ),
        Wrong(
            "ends on an empty batch",
            one_too_many,
            says="when batch_size divides the number of samples, an empty batch comes last.",
            look="where does your range stop?",
        ),
    ),
    hints=(
        "Make one order of indices first: 0, 1, 2, … or a random permutation of them.",
        "Cut the order into pieces of batch_size; x[piece] and y[piece] are a batch. yield hands it out.",
        "torch.randperm(n, generator=torch.Generator().manual_seed(seed)) leaves the global state alone.",
    ),
    points=2,
    minutes=8,
    forbidden=("torch.utils.data", "sklearn"),
)

EXERCISES = (BATCHES,)
