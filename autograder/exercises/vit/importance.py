"""Permutation importance: how much a score loses when a column is dealt out anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.spec import Case, Exercise, Probe, Rng, Value, Wrong, of_call

Score = Callable[[Tensor], Tensor | float]
Mix = Callable[[Tensor, int, Tensor], Tensor]


def scores(score: Score, table: Tensor, orders: Tensor, mix: Mix) -> Tensor:
    """The score of each mixture, (R, F), float64."""
    columns = range(table.shape[1])
    return torch.tensor(
        [[float(score(mix(table, column, order))) for column in columns] for order in orders],
        dtype=torch.float64,
        device=table.device,
    )


def one_column(table: Tensor, column: int, order: Tensor) -> Tensor:
    parts = list(table.unbind(1))
    parts[column] = parts[column].index_select(0, order)
    return torch.stack(parts, dim=1)


def oracle(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return (float(score(table)) - scores(score, table, orders, one_column)).mean(0).to(table)


def inputs(rng: Rng, table: Tensor, rounds: int, **options: Value) -> dict[str, Value]:
    """A score in which every column counts, and to which the table is a rough guide."""
    count, columns = table.shape
    signs = torch.where(rng.uniform(columns) < 0.5, -1.0, 1.0)
    weights = (signs * rng.uniform(columns, low=0.5, high=2.0)).to(table.dtype)
    target = table.nan_to_num(nan=0.0) @ weights + 0.3 * rng.normal(count, dtype=table.dtype)
    score = Probe("table_score", {"weights": weights, "target": target, **options})
    orders = torch.stack([rng.permutation(count) for _ in range(rounds)])
    return {"score": score, "table": table, "orders": orders}


def case(name: str, given: dict[str, Value]) -> Case:
    return of_call(name, terms=given["table"].numel(), scale=30.0, **given)


def by_hand() -> Case:
    score = Probe("table_score", {"weights": torch.tensor([1.0, 2.0]), "target": torch.tensor([5.0, 9.0])})
    return of_call(
        "two rows, one order, by hand",
        score=score,
        table=torch.tensor([[1.0, 2.0], [4.0, 3.0]]),
        orders=torch.tensor([[1, 0]]),
        expect=torch.tensor([6.0, 2.0]),
        note="score −mean((x₀ + 2·x₁ − target)²): sums 5, 10 for targets 5, 9 give −(0² + 1²)/2 = −0.5. Column 0 "
        "permuted: 8, 7, −(3² + 2²)/2 = −6.5, importance −0.5 + 6.5 = 6. Column 1: 7, 8, −(2² + 1²)/2 = −2.5: 2",
        terms=4,
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield case("five columns, three orders", inputs(rng, rng.normal(8, 5), 3))
    yield case("as many orders as columns", inputs(rng, rng.normal(7, 4), 4))
    yield case("as many rows as columns", inputs(rng, rng.normal(4, 4), 3))
    yield case("a score that is a number", inputs(rng, rng.normal(9, 3), 5, number=True))
    yield case("one column", inputs(rng, rng.normal(6, 1), 2))
    still = inputs(rng, rng.normal(6, 3), 3)
    still["orders"][1] = torch.arange(6)
    yield case("one of the orders changes nothing", still)
    gaps = rng.normal(10, 3).masked_fill(rng.uniform(10, 3) < 0.2, float("nan"))
    yield case("a table with gaps", inputs(rng, gaps, 4))
    useless = inputs(rng, rng.normal(7, 3), 3)
    useless["score"].options["weights"][1] = 0.0
    yield case("a column that the score doesn't read", useless)
    yield case("a column that only does harm", harmful(rng))
    yield case("not contiguous", inputs(rng, rng.strided(8, 4), 3))
    yield case("float64", inputs(rng, rng.normal(6, 3, dtype=torch.float64), 4))


def harmful(rng: Rng) -> dict[str, Value]:
    """Column 0 says the opposite of what is true, so that any other order of it is better; column 1 isn't read."""
    table = rng.normal(6, 2)
    score = Probe("table_score", {"weights": torch.tensor([1.5, 0.0]), "target": -1.5 * table[:, 0]})
    return {"score": score, "table": table, "orders": (torch.arange(6) + rng.integers(1, 6, 3)[:, None]) % 6}


def made(score: Score, table: Tensor, orders: Tensor, mix: Mix) -> Tensor:
    """The importance of columns that `mix` mixes."""
    return (float(score(table)) - scores(score, table, orders, mix)).mean(0).to(table)


def drops(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    """What each order costs for each column, (R, F)."""
    return (float(score(table)) - scores(score, table, orders, one_column)).to(table)


def turned(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return -oracle(score, table, orders)


def not_compared(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return scores(score, table, orders, one_column).mean(0).to(table)


def as_share(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return oracle(score, table, orders) / float(score(table))


def without_sign(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return drops(score, table, orders).abs().mean(0)


def whole_rows(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return made(score, table, orders, lambda rows, column, order: rows[order])


def all_but_one(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    def mix(rows: Tensor, column: int, order: Tensor) -> Tensor:
        mixed = rows[order]
        mixed[:, column] = rows[:, column]
        return mixed

    return made(score, table, orders, mix)


def zeroed(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    def mix(rows: Tensor, column: int, order: Tensor) -> Tensor:
        mixed = rows.clone()
        mixed[:, column] = 0.0
        return mixed

    return made(score, table, orders, mix)


def averaged_column(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    def mix(rows: Tensor, column: int, order: Tensor) -> Tensor:
        mixed = rows.clone()
        mixed[:, column] = rows[:, column].nanmean()
        return mixed

    return made(score, table, orders, mix)


def the_other_way(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    """Row order[i] gets the value of row i."""
    return oracle(score, table, orders.argsort(1))


def left_mixed(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    """Each order has a fresh copy, in which columns stay mixed."""
    mixed = [table.clone() for _ in orders]
    before, found = float(score(table)), []
    for column in range(table.shape[1]):
        for copy, order in zip(mixed, orders, strict=True):
            copy[:, column] = copy[order, column]
        found.append(before - sum(float(score(copy)) for copy in mixed) / len(mixed))
    return table.new_tensor(found)


def mixed_again(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    """Each column has a fresh copy, in which orders come on top of each other."""
    before, found = float(score(table)), []
    for column in range(table.shape[1]):
        copy, total = table.clone(), 0.0
        for order in orders:
            copy[:, column] = copy[order, column]
            total += before - float(score(copy))
        found.append(total / len(orders))
    return table.new_tensor(found)


def in_place(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    """One table for everything: the one that was given."""
    before, found = float(score(table)), []
    for column in range(table.shape[1]):
        total = 0.0
        for order in orders:
            table[:, column] = table[order, column]
            total += before - float(score(table))
        found.append(total / len(orders))
    return table.new_tensor(found)


def the_last(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return drops(score, table, orders)[-1]


def written_over(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return the_last(score, table, orders) / len(orders)


def the_first(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return drops(score, table, orders)[0]


def the_largest(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return drops(score, table, orders).amax(0)


def added_up(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    return drops(score, table, orders).sum(0)


def an_order_each(score: Score, table: Tensor, orders: Tensor) -> Tensor:
    """Column j with order j alone."""
    every = drops(score, table, orders)
    columns = torch.arange(every.shape[1], device=every.device)
    return every[columns % len(orders), columns]


DROPS = (
    Wrong(
        "turns the sign",
        turned,
        says="the sign is turned: what the model relies on is negative.",
        look="the score as it is, minus the score of the mixed table.",
    ),
    Wrong(
        "gives the scores",
        not_compared,
        says="these are the scores of the mixed tables; asked is how far they are below the score of the table itself.",
        look="score(table) is needed too, once.",
    ),
    Wrong(
        "divides by the score",
        as_share,
        says="the drop is divided by the score; it is asked for as it is.",
        look="a difference, nothing more.",
    ),
    Wrong(
        "takes off the sign",
        without_sign,
        says="drops below 0 are made positive; a column that only does harm has an importance below 0.",
        look="no abs.",
    ),
)

MIXES = (
    Wrong(
        "permutes whole rows",
        whole_rows,
        says="all columns are permuted together, so rows stay whole and all importances are the same.",
        look="one column of a copy gets new values.",
    ),
    Wrong(
        "permutes all other columns",
        all_but_one,
        says="column j stays and all others are permuted; it is the other way round.",
        look="one column of a copy gets new values.",
    ),
    Wrong(
        "sets the column to 0",
        zeroed,
        says="the column is set to 0; permuted, it keeps its values, in other rows.",
        look="table[order, j].",
    ),
    Wrong(
        "sets the column to its mean",
        averaged_column,
        says="the column is set to its mean; permuted, it keeps its values, in other rows.",
        look="table[order, j].",
    ),
    Wrong(
        "goes the other way through the order",
        the_other_way,
        says="row order[i] gets the value of row i; row i gets the value of row order[i].",
        look="on which side of the = does the order stand?",
    ),
    Wrong(
        "changes the table it was given",
        in_place,
        says="the table that was given is changed, and stays so for whoever uses it next.",
        look="clone() it for every column and every order.",
    ),
    Wrong(
        "leaves columns mixed",
        left_mixed,
        says="a column stays mixed when the next one's turn comes, so later ones seem to matter otherwise.",
        look="where do you make your copy? A new one for each column.",
    ),
    Wrong(
        "mixes what is mixed already",
        mixed_again,
        says="each order is applied to what the one before it left; all start from the table itself.",
        look="where do you make your copy? A new one for each order.",
    ),
)

ROUNDS = (
    Wrong(
        "takes the last order only",
        the_last,
        says="only the last order counts.",
        look="is something written over in your loop? The mean is over all R.",
    ),
    Wrong(
        "writes over the drops",
        written_over,
        says="only the last order's drop is left when it comes to the mean, and it is divided by R.",
        look="+= in your loop.",
    ),
    Wrong(
        "takes the first order only",
        the_first,
        says="only the first order counts.",
        look="does your loop end too early? The mean is over all R.",
    ),
    Wrong(
        "takes the largest drop",
        the_largest,
        says="the largest of the R drops is given; asked is their mean.",
        look="one unlucky order should not decide.",
    ),
    Wrong(
        "adds up the drops",
        added_up,
        says="the R drops are added up; asked is their mean.",
        look="divide by the number of orders.",
    ),
    Wrong(
        "takes one order for each column",
        an_order_each,
        says="column j is permuted by one order alone; each column by each order.",
        look="two loops, one inside the other.",
    ),
)

PERMUTATION_IMPORTANCE = Exercise(
    id="vit.permutation_importance",
    cases=cases,
    oracle=oracle,
    wrong=(*DROPS, *MIXES, *ROUNDS),
    hints=(
        "Two loops, over columns and over orders; before them, score(table) once.",
        "mixed = table.clone(); mixed[:, j] = table[order, j].",
    ),
    points=2,
    minutes=12,
    forbidden=("sklearn", "eli5", "captum", "shap"),
)

EXERCISES = (PERMUTATION_IMPORTANCE,)
