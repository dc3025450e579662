"""Missing values of a table: filled in, standardised, and said, compared with scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.vit import _imputing_c as mistakes
from autograder.exercises.vit._imputing_c import oracle
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

NAN = float("nan")


def table(rng: Rng, rows: int, columns: int, share: float = 0.3, dtype: torch.dtype = torch.float32) -> Tensor:
    """Columns of means, spreads and shapes of their own, with gaps."""
    values = torch.exp(0.7 * rng.normal(rows, columns, dtype=dtype)) * rng.uniform(columns, low=0.5, high=4.0).to(dtype)
    return with_gaps(rng, values + rng.normal(columns, dtype=dtype), share)


def with_gaps(rng: Rng, values: Tensor, share: float = 0.3) -> Tensor:
    """About this share of NaN, at least one; the first two rows are known."""
    gaps = rng.uniform(*values.shape) < share
    gaps[-1, 0] = True
    gaps[:2] = False
    return values.masked_fill(gaps, NAN)


def case(name: str, train: Tensor, rows: Tensor) -> Case:
    return of_call(name, train=train, rows=rows, terms=len(train))


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one column, by hand",
        train=torch.tensor([[1.0], [NAN], [3.0], [8.0]]),
        rows=torch.tensor([[NAN], [8.0]]),
        expect=torch.tensor([[-0.2900209, 1.0], [1.6434515, 0.0]]),
        note="median of 1, 3, 8: 3; 1, 3, 3, 8 has mean 3.75, deviation 2.586; (3 − 3.75) / 2.586 = −0.29, and a 1",
        terms=4,
    )
    yield case("three columns", table(rng, 9, 3), table(rng, 5, 3))
    even = torch.tensor([[2.0, NAN], [NAN, 10.0], [3.0, -20.0], [10.0, 60.0], [50.0, 61.0]])
    yield case("an even number of known values", even * rng.uniform(2, low=1.0, high=3.0), table(rng, 4, 2))
    yield case("as many columns as rows", table(rng, 6, 6), table(rng, 6, 6))
    yield case("one row", table(rng, 12, 4), table(rng, 3, 4)[2:])
    yield case("nothing is missing", rng.normal(8, 2), rng.normal(3, 2))
    whole = torch.where(torch.arange(2) == 0, rng.normal(7, 2), NAN)
    yield case("one column is all missing in the rows", table(rng, 7, 2), whole)
    yield constant(rng)
    yield unknown(rng)
    sizes = torch.tensor([1e-6, 1.0, 1e6])
    yield case("columns of very different sizes", table(rng, 11, 3) * sizes, table(rng, 4, 3) * sizes)
    yield case("not contiguous", table(rng, 4, 9).T, table(rng, 4, 6).T)
    yield case("float64", table(rng, 10, 3, dtype=torch.float64), table(rng, 4, 3, dtype=torch.float64))


def constant(rng: Rng) -> Case:
    """Column 1 is 5 wherever it is known."""
    train, rows = table(rng, 8, 3), table(rng, 4, 3)
    train[:, 1] = torch.where(train[:, 1].isnan(), NAN, 5.0)
    rows[:, 1] = torch.tensor([5.0, 7.0, NAN, 5.0])
    return case("a constant column", train, rows)


def unknown(rng: Rng) -> Case:
    """Nothing is known of column 0 in training."""
    train, rows = table(rng, 8, 3), table(rng, 4, 3)
    train[:, 0] = NAN
    rows[:, 0] = torch.tensor([2.0, NAN, -1.5, 0.5])
    return case("a column without any known value in training", train, rows)


STATISTICS = (
    Wrong(
        "learns from the rows it is asked for",
        mistakes.of_the_rows,
        says="medians, means and deviations are those of `rows`; the model was trained with those of `train`, and a "
        "patient's numbers would depend on who else is in the batch.",
        look="which of the two tables goes into each statistic?",
    ),
    Wrong(
        "learns from both tables",
        mistakes.of_both,
        says="the statistics are those of both tables together; test data leaks into what is learned.",
        look="`train` alone says what a column's median, mean and deviation are.",
    ),
    Wrong(
        "standardises by the rows it is asked for",
        mistakes.scaled_by_the_rows,
        says="gaps are filled from `train`, but mean and deviation are those of `rows`.",
        look="three statistics, all of `train`.",
    ),
    Wrong(
        "takes medians of the rows it is asked for",
        mistakes.medians_of_the_rows,
        says="mean and deviation are those of `train`, but gaps are filled with medians of `rows`.",
        look="three statistics, all of `train`.",
    ),
    Wrong(
        "works along the rows",
        mistakes.along_the_rows,
        says="each row is filled and standardised by its own numbers, as if age and pressure were the same quantity.",
        look="statistics are one for each column: which axis is reduced?",
    ),
    Wrong(
        "leaves the mean and deviation of the known values",
        mistakes.standardised_first,
        says="mean and deviation are those of the known values; they are taken after the gaps of `train` are filled.",
        look="the order: fill, then standardise.",
    ),
    Wrong(
        "divides by M − 1 under the root",
        mistakes.by_fewer,
        says="the deviation is divided by M − 1; here by M.",
        look="std's argument `correction`.",
    ),
)

FILLS = (
    Wrong(
        "fills with the mean",
        mistakes.filled_with(lambda train: train.nanmean(0)),
        says="gaps are filled with the mean, which a few very large values pull away; asked is the median.",
        look="the middle of the sorted known values.",
    ),
    Wrong(
        "takes the lower of the middle two",
        mistakes.filled_with(lambda train: train.nanmedian(0).values),
        says="with an even number of known values the median is the mean of the middle two; torch's median takes the "
        "lower one.",
        look="a quantile of ½ interpolates.",
    ),
    Wrong(
        "fills with 0",
        mistakes.filled_with(lambda train: torch.zeros_like(train[0])),
        says="gaps are filled with 0, which for most columns no patient could have.",
        look="a typical value of the column: its median.",
    ),
    Wrong(
        "fills with 0 after standardising",
        mistakes.zero_at_last,
        says="gaps are 0 after standardising, that is, the mean of the known values; asked is the median, filled in "
        "before mean and deviation are taken.",
        look="the order: fill, then standardise.",
    ),
    Wrong(
        "looks for NaN with ==",
        mistakes.never_equal,
        says="nothing is found missing: NaN isn't equal to anything, not even to NaN.",
        look="isnan().",
    ),
    Wrong(
        "doesn't standardise",
        mistakes.only_filled,
        says="the values are filled in, but not standardised.",
        look="minus the column's mean, divided by its deviation.",
    ),
    Wrong(
        "doesn't take the mean off",
        mistakes.not_centred,
        says="the values are divided by the deviation, but the mean is still in them.",
        look="minus the column's mean, divided by its deviation.",
    ),
    Wrong(
        "divides by 0 in a constant column",
        mistakes.divided_by_nothing,
        says="a column that is the same in all of `train` has deviation 0, and is divided by it.",
        look="where the largest and the smallest value are equal, divide by 1.",
    ),
    Wrong(
        "adds a little to the deviation",
        mistakes.divided_by_little,
        says="something like 1e-8 is added to each deviation: in a constant column any other value becomes huge, and "
        "the other columns are no longer exact.",
        look="where the largest and the smallest value are equal, divide by 1.",
    ),
    Wrong(
        "leaves NaN where nothing is known",
        mistakes.left_empty,
        says="a column without any known value in `train` gives NaN; it is filled with 0.",
        look="what is the median of no values?",
    ),
)

INDICATORS = (
    Wrong(
        "leaves the indicators out",
        mistakes.no_indicators,
        says="the indicators are missing: nobody can tell a measured value from a filled one.",
        look="the result has 2F columns.",
    ),
    Wrong(
        "turns the indicators round",
        mistakes.turned,
        says="the indicators are 1 where a value is known; they are 1 where it was missing.",
        look="isnan(), as numbers.",
    ),
    Wrong(
        "puts the indicators first",
        mistakes.indicators_first,
        says="the indicators stand before the values.",
        look="values in the first F columns.",
    ),
    Wrong(
        "puts each indicator behind its value",
        mistakes.in_turn,
        says="values and indicators take turns; first come all values, then all indicators.",
        look="cat along dim 1.",
    ),
    Wrong(
        "standardises the indicators too",
        mistakes.indicators_too,
        says="the indicators were standardised; they stay 0 and 1.",
        look="standardise before you put the two halves together.",
    ),
    Wrong(
        "changes the rows it was given",
        mistakes.in_place,
        says="the result is right, but the gaps of the table you were given are filled now too.",
        look="torch.where makes a new table.",
    ),
)

IMPUTE = Exercise(
    id="vit.impute",
    cases=cases,
    oracle=oracle,
    wrong=(*STATISTICS, *FILLS, *INDICATORS),
    hints=(
        "Fill `train` first: torch.where(train.isnan(), median, train). Its mean and deviation are what you divide by.",
        "torch.nanquantile(train, 0.5, dim=0) is the median; nan_to_num(0.0) for a column of which nothing is known.",
        "A column is constant where its largest and smallest filled values are equal: divide by 1 there.",
        "Last: torch.cat of the values and rows.isnan() as numbers, along dim 1.",
    ),
    points=3,
    minutes=20,
    forbidden=("sklearn", "pandas", "scipy", "statsmodels"),
    speed=Speed(
        case=lambda rng: case("speed", table(rng, 2000, 40), table(rng, 2000, 40)),
        limit=3.0,
        against="scikit-learn",
    ),
)

EXERCISES = (IMPUTE,)
