"""Which columns a model relies on."""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor


def permutation_importance(
    score: Callable[[Tensor], Tensor | float], table: Float[Tensor, "N F"], orders: Int[Tensor, "R N"]
) -> Float[Tensor, "F"]:
    """How much worse a score gets when one column of the table is dealt out to the wrong rows.

    `score(table)` is a number, the higher the better. For each column j by itself, and each of
    the R given `orders`: the row i gets column j's value of row orders[r, i], and all other columns
    stay as they are. The importance of j is score(table) minus the mean of its R scores, in the
    table's dtype. `table` itself is not changed.

    table [[1, 5], [2, 5]], one order [1, 0], score = table[0, 0] + table[0, 1]: as it is 1 + 5 = 6.
    Column 0 permuted: 2 + 5 = 7, importance 6 − 7 = −1; column 1 permuted: 1 + 5 = 6, importance 0.

    Source: Breiman 2001, section 10. Peer: scikit-learn's `permutation_importance`.
    """
    before = float(score(table))
    found = []
    for column in range(table.shape[1]):
        drops = []
        for order in orders:
            mixed = table.clone()
            mixed[:, column] = table[order, column]
            drops.append(before - float(score(mixed)))
        found.append(sum(drops) / len(drops))
    return table.new_tensor(found)
