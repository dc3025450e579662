"""What stands beside an image in a table: missing values filled in, and columns as tokens."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def impute(train: Float[Tensor, "M F"], rows: Float[Tensor, "N F"]) -> Float[Tensor, "N 2*F"]:
    """Fill in the values of `rows` that are missing (NaN), standardise the columns, and say beside
    them what was missing. Everything that is learned for it is learned from `train` alone.

    A column's gaps are filled with the median of its known values in `train`; of an even number,
    that is the mean of the middle two. Then the column's mean is taken off and it is divided by its
    standard deviation: those of `train` with its gaps filled, divided by M, not by M − 1. The
    second half, columns F … 2F − 1, is 1 where a value was missing and 0 where it was known.

    A column that is the same in all rows of `train` is not divided. One without any known value
    in `train` is filled with 0, has mean 0 and is not divided.

    train [1, NaN, 3, 8], one column: the median of 1, 3, 8 is 3; filled [1, 3, 3, 8] has mean 3.75
    and standard deviation √((2.75² + 0.75² + 0.75² + 4.25²) / 4) = 2.586. The row [NaN] becomes
    [(3 − 3.75) / 2.586, 1] = [−0.29, 1], the row [8] becomes [4.25 / 2.586, 0] = [1.643, 0].

    Peers: scikit-learn's `SimpleImputer(strategy="median", keep_empty_features=True)` before
    `StandardScaler`, and `MissingIndicator(features="all")`.
    """
    median = train.nanquantile(0.5, dim=0).nan_to_num(0.0)
    filled = torch.where(train.isnan(), median, train)
    constant = filled.amax(0) == filled.amin(0)  # rounding may give these a deviation above 0
    spread = torch.where(constant, 1.0, filled.std(0, correction=0))
    missing = rows.isnan()
    values = (torch.where(missing, median, rows) - filled.mean(0)) / spread
    return torch.cat([values, missing.to(rows.dtype)], dim=1)


class TabularTokens(nn.Module):
    """Each number of a table's row becomes a token of `dim` numbers: token j = x_j · weight_j + bias_j.

    `weight` and `bias`: parameters (features, dim), a direction and a starting point for every
    column. Both start uniform between −1/√dim and 1/√dim.

    x = [2, −1], weight [[1, 0], [3, 1]], bias [[0, 5], [0, 0]]: tokens [2·1 + 0, 2·0 + 5] = [2, 5]
    and [−1·3, −1·1] = [−3, −1].

    Source: Gorishniy and others 2021 (FT-Transformer), section 3.3.
    """

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        bound = dim**-0.5
        self.weight = nn.Parameter(torch.empty(features, dim).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(features, dim).uniform_(-bound, bound))

    def forward(self, table: Float[Tensor, "N F"]) -> Float[Tensor, "N F dim"]:
        return table[:, :, None] * self.weight + self.bias
