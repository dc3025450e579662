"""Tables with missing values, filled in and standardised: by scikit-learn, and with one mistake at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

NAN = float("nan")
Parts = tuple[Tensor, Tensor]


def halves(train: Tensor, rows: Tensor) -> Parts:
    """The values and the indicators, each (N, F)."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    known, asked = train.double().cpu().numpy(), rows.double().cpu().numpy()
    imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(known)
    scaler = StandardScaler().fit(imputer.transform(known))
    return torch.as_tensor(scaler.transform(imputer.transform(asked))).to(rows), rows.isnan().to(rows)


def oracle(train: Tensor, rows: Tensor) -> Tensor:
    return torch.cat(halves(train, rows), dim=1)


def spread_of(values: Tensor) -> Tensor:
    """The standard deviation, 1 where that is 0."""
    deviation = values.std(0, correction=0)
    return torch.where(values.amax(0) == values.amin(0), 1.0, deviation)


def filled_with(fill: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Fills gaps with what `fill` makes of the training table, for each column; 0 where that is NaN."""

    def answer(train: Tensor, rows: Tensor) -> Tensor:
        gap = fill(train).nan_to_num(0.0)
        known = torch.where(train.isnan(), gap, train)
        values = (torch.where(rows.isnan(), gap, rows) - known.mean(0)) / spread_of(known)
        return torch.cat([values, rows.isnan().to(rows)], dim=1)

    return answer


def of_the_rows(train: Tensor, rows: Tensor) -> Tensor:
    return oracle(rows, rows)


def of_both(train: Tensor, rows: Tensor) -> Tensor:
    return oracle(torch.cat([train, rows]), rows)


def scaled_by_the_rows(train: Tensor, rows: Tensor) -> Tensor:
    """The right medians, but mean and deviation of the rows that are asked for."""
    known = filled_by(train, rows)
    return torch.cat([(known - known.mean(0)) / spread_of(known), rows.isnan().to(rows)], dim=1)


def medians_of_the_rows(train: Tensor, rows: Tensor) -> Tensor:
    known = filled_by(rows, train)
    values = (filled_by(rows, rows) - known.mean(0)) / spread_of(known)
    return torch.cat([values, rows.isnan().to(rows)], dim=1)


def not_centred(train: Tensor, rows: Tensor) -> Tensor:
    return torch.cat([filled_by(train, rows) / spread_of(filled(train)), rows.isnan().to(rows)], dim=1)


def along_the_rows(train: Tensor, rows: Tensor) -> Tensor:
    return torch.cat([oracle(rows.T, rows.T)[:, : len(rows)].T, rows.isnan().to(rows)], dim=1)


def of_known_values(train: Tensor) -> Parts:
    mean = train.nanmean(0).nan_to_num(0.0)
    deviation = (train - mean).square().nanmean(0).sqrt().nan_to_num(0.0)
    return mean, torch.where(deviation > 1e-6 * mean.abs(), deviation, 1.0)


def standardised_first(train: Tensor, rows: Tensor) -> Tensor:
    mean, deviation = of_known_values(train)
    return torch.cat([(filled_by(train, rows) - mean) / deviation, rows.isnan().to(rows)], dim=1)


def zero_at_last(train: Tensor, rows: Tensor) -> Tensor:
    mean, deviation = of_known_values(train)
    return torch.cat([((rows - mean) / deviation).nan_to_num(0.0), rows.isnan().to(rows)], dim=1)


def never_equal(train: Tensor, rows: Tensor) -> Tensor:
    """`== nan` is False even for NaN."""
    values = (rows - train.mean(0)) / spread_of(train)
    return torch.cat([values, torch.zeros_like(rows)], dim=1)


def only_filled(train: Tensor, rows: Tensor) -> Tensor:
    return torch.cat([filled_by(train, rows), rows.isnan().to(rows)], dim=1)


def by_fewer(train: Tensor, rows: Tensor) -> Tensor:
    values, missing = halves(train, rows)
    fewer = torch.full_like(values[0], (1 - 1 / len(train)) ** 0.5)
    return torch.cat([values * torch.where(is_constant(train), 1.0, fewer), missing], dim=1)


def filled_by(train: Tensor, rows: Tensor) -> Tensor:
    """The rows, their gaps filled with the medians of `train`."""
    return torch.where(rows.isnan(), train.nanquantile(0.5, dim=0).nan_to_num(0.0), rows)


def filled(train: Tensor) -> Tensor:
    return filled_by(train, train)


def is_constant(train: Tensor) -> Tensor:
    known = filled(train)
    return known.amax(0) == known.amin(0)


def divided_by_nothing(train: Tensor, rows: Tensor) -> Tensor:
    values, missing = halves(train, rows)
    return torch.cat([values / ~is_constant(train), missing], dim=1)


def divided_by_little(train: Tensor, rows: Tensor) -> Tensor:
    known = filled(train)
    values = (filled_by(train, rows) - known.mean(0)) / (known.std(0, correction=0) + 1e-8)
    return torch.cat([values, rows.isnan().to(rows)], dim=1)


def left_empty(train: Tensor, rows: Tensor) -> Tensor:
    nothing = train.isnan().all(0)
    values, missing = halves(train, rows)
    return torch.cat([values.masked_fill(nothing, NAN), missing], dim=1)


def no_indicators(train: Tensor, rows: Tensor) -> Tensor:
    return halves(train, rows)[0]


def turned(train: Tensor, rows: Tensor) -> Tensor:
    values, missing = halves(train, rows)
    return torch.cat([values, 1 - missing], dim=1)


def indicators_first(train: Tensor, rows: Tensor) -> Tensor:
    return torch.cat(halves(train, rows)[::-1], dim=1)


def in_turn(train: Tensor, rows: Tensor) -> Tensor:
    return torch.stack(halves(train, rows), dim=2).flatten(1)


def indicators_too(train: Tensor, rows: Tensor) -> Tensor:
    values, missing = halves(train, rows)
    gaps = train.isnan().to(rows)
    return torch.cat([values, (missing - gaps.mean(0)) / spread_of(gaps)], dim=1)


def in_place(train: Tensor, rows: Tensor) -> Tensor:
    found = oracle(train, rows)
    rows[rows.isnan()] = 0.0
    return found
