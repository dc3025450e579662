"""What counts as equal, and what is said where it isn't."""

import math

import pytest
import torch

from autograder.compare import Comparison
from autograder.spec import Opaque, Tolerance

STRICT = Comparison(Tolerance())
LENIENT = Comparison(Tolerance(), lenient=True)


def differ(expected, got, rule=STRICT):
    return rule.outputs({"out": expected}, {"out": got})


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([1.0, -2.0]),
        torch.zeros(0, 3),
        torch.tensor([math.inf, -math.inf, 1.0]),
        torch.tensor([1 + 2j]),
        3,
        2.5,
        math.inf,
        True,
        None,
        "a",
    ],
)
def test_a_value_equals_itself(value):
    assert differ(value, value) is None


@pytest.mark.parametrize(
    ("expected", "got", "kind"),
    [
        (torch.zeros(2), torch.zeros(3), "shape"),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64), "dtype"),
        (torch.zeros(2), [0.0, 0.0], "type"),
        (torch.zeros(2), None, "type"),
        (torch.zeros(2), Opaque("ndarray"), "type"),
        (torch.ones(2), torch.tensor([1.0, math.nan]), "nonfinite"),
        (torch.ones(2), torch.tensor([1.0, math.inf]), "nonfinite"),
        (torch.ones(2), torch.tensor([1.0, 1.1]), "value"),
        (torch.tensor([1 + 2j]), torch.tensor([1 - 9j]), "value"),
        (torch.tensor([1 + 2j]), torch.tensor([complex(1, math.nan)]), "nonfinite"),
        ((1, 2), (1, 2, 3), "length"),
        ({"a": 1}, {"b": 1}, "keys"),
        (1, True, "type"),
        (1, 1.0, "type"),
        (True, 1, "type"),
        (2, 3, "value"),
        (math.inf, 0.0, "value"),
        (math.inf, -math.inf, "nonfinite"),
        (math.inf, math.nan, "nonfinite"),
    ],
)
def test_a_difference_is_found_and_classed(expected, got, kind):
    assert differ(expected, got).kind == kind


def test_a_missing_output_differs():
    assert STRICT.outputs({"out": 1}, {}).kind == "keys"


def test_the_worst_place_is_told():
    found = differ(torch.zeros(2, 3) + 1, torch.tensor([[1.0, 1, 1], [1, 5, 2]]))
    assert found.where == (1, 1)
    assert (found.count, found.total, found.largest) == (2, 6, 4.0)


def test_nested_places_have_a_path():
    assert differ((1, {"a": torch.ones(1)}), (1, {"a": torch.zeros(1)})).path == "out[1]['a']"


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float32, torch.float64])
def test_rounding_passes_and_ten_times_more_does_not(dtype):
    eps = torch.finfo(dtype).eps
    value = torch.tensor([100.0, 1.0], dtype=dtype)
    assert differ(value, value + 100 * 4 * eps) is None
    assert differ(value, value + 100 * 400 * eps).kind == "value"


def test_tolerance_grows_with_the_root_of_terms_only():
    value = torch.tensor([1.0])
    off = value + 300 * torch.finfo(torch.float32).eps
    assert differ(value, off) is not None
    assert Comparison(Tolerance(), terms=10_000).outputs({"out": value}, {"out": off}) is None


def test_integers_are_exact():
    assert differ(torch.tensor([10**12]), torch.tensor([10**12 + 1])).kind == "value"
    assert differ(torch.tensor([2**60]), torch.tensor([2**60 + 1])).count == 1
    assert differ(torch.tensor([2**60]), torch.tensor([2**60])) is None


def test_lenient_is_for_recognising_mistakes():
    nan = torch.tensor([math.nan, 1.0])
    assert differ(nan, nan) is not None
    assert differ(nan, nan, LENIENT) is None
    assert differ(torch.ones(2), torch.ones(2, dtype=torch.float64), LENIENT) is None
    assert differ(torch.ones(2), torch.zeros(2), LENIENT) is not None
