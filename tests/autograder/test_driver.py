"""The driver's verbs for iterables and for torch's global generator."""

import torch

from autograder.driver import run_case
from autograder.spec import Case, Ref, call, draw, iterate, seed

X = torch.arange(6.0)
TAKEN = Case("pieces", (call("pieces", Ref("x")), iterate("pieces", 2)), inputs={"x": X})
DRAWN = Case("random", (seed(3), call("out", Ref("x")), draw("next")), inputs={"x": X})


def test_iterate_takes_no_more_than_its_limit():
    assert len(run_case(TAKEN, lambda x: iter(x.clone().split(2))).outputs["items"]) == 2


def test_views_in_what_is_iterated_are_noted():
    assert ("items", "x") in run_case(TAKEN, lambda x: iter(x.split(2))).aliases
    assert not run_case(TAKEN, lambda x: (piece.clone() for piece in x.split(2))).aliases


def test_draw_tells_whether_the_global_generator_was_moved():
    torch.manual_seed(3)
    untouched = float(torch.rand(()))
    assert run_case(DRAWN, lambda x: x + 1).outputs["next"] == untouched
    assert run_case(DRAWN, lambda x: x + torch.rand(6)).outputs["next"] != untouched
