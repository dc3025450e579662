"""Every exercise on the GPU: reference, check, wrong answers, alternatives and speed ratio."""

import pytest
import torch

from autograder import registry
from tests.gpu import table

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here: not checked on a GPU"),
]


@pytest.mark.parametrize("exercise", registry.all_exercises(), ids=lambda exercise: exercise.id)
def test_on_the_gpu(exercise, rows):
    missing = table.lacking(exercise)
    if missing:
        pytest.skip(f"not checked on a GPU: {missing}")
    row = table.checked(exercise, table.GPU)
    rows.append(row)
    assert table.faults(row) == []
    assert row.reference
    assert row.stub
    assert row.wrong == row.rejected == row.named
    assert row.alternatives == row.accepted
