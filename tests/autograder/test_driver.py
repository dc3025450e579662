"""The driver's verbs for iterables and for torch's global generator, and how it hands over arguments."""

import functools

import pytest
import torch

from autograder.driver import run_case
from autograder.spec import Case, Ref, call, draw, iterate, of_call, seed

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


GAP = of_call("without the bias", x=X, weight=2 * X, stride=3)


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, weight, bias=None, stride=1: x - weight * stride,
        lambda image, weight, bias=None, stride=1: image - weight * stride,
        lambda image, kernel, bias=None, stride=1: image - kernel * stride,
        lambda weight, x, bias=None, stride=1: x - weight * stride,
        lambda a, b, c, /: a - b * c,
        lambda *everything: everything[0] - everything[1] * everything[2],
        functools.partial(lambda sign, x, w, stride: x - sign * w * stride, 1),
    ],
)
def test_students_name_their_parameters(answer):
    trace = run_case(GAP, answer)
    assert trace.failure is None
    assert torch.equal(trace.outputs["out"], -5 * X)


def test_parameters_that_do_not_fit_are_told_by_the_names_of_the_case():
    failure = run_case(GAP, lambda image, kernel: image).failure
    assert failure.kind == "signature"
    assert "called with (x, weight, stride), but your signature is (image, kernel)" in failure.message


def test_views_in_dictionaries_are_noted():
    assert run_case(of_call("a dictionary", x=X), lambda x: {"half": x[:3]}).aliases == (("out", "x"),)
