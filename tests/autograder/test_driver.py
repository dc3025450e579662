"""The driver's verbs for iterables and for torch's global generator, and how it hands over arguments."""

import functools

import pytest
import torch

from autograder import registry
from autograder.driver import run_case
from autograder.spec import Case, Ref, Rng, call, draw, iterate, load, mode, new, of_call, seed, state

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


class Layers(torch.nn.Module):
    """A chain of linear layers of this many rows; with `noted`, also a buffer and a second name for a weight."""

    def __init__(self, sizes, noted=False):
        super().__init__()
        if noted:
            self.register_buffer("calls", torch.zeros(7))
        self.parts = torch.nn.Sequential(*(torch.nn.Linear(2, size) for size in sizes))
        if noted:
            self.beginning = self.parts[0].weight


WEIGHTS = {"parts.0.weight": torch.ones(2, 2), "parts.0.bias": torch.ones(2)}
WEIGHTS |= {"parts.1.weight": torch.ones(3, 2), "parts.1.bias": torch.ones(3)}


def loaded(*sizes, noted=False):
    case = Case("weights", (new("net"), load("net", WEIGHTS), state("net")))
    return run_case(case, lambda: Layers(sizes, noted))


def test_parameters_beyond_the_weights_are_shown_in_the_table():
    deeper = loaded(2, 3, 4)
    assert deeper.failure.kind == "output"
    assert "nothing" in deeper.failure.message
    assert "parts.2.weight (4, 2)   ← first that differs" in deeper.failure.message


def test_buffers_and_second_names_beyond_the_weights_are_the_answers_own_business():
    assert loaded(2, 3, noted=True).failure is None
    deeper = loaded(2, 3, 4, noted=True).failure.message
    assert "calls" not in deeper
    assert "parts.2.weight (4, 2)   ← first that differs" in deeper


def test_a_deeper_resnet_gets_the_table():
    exercise = registry.find("resnet.ResNet")
    case = next(iter(exercise.cases(Rng(0))))
    assert case.name.startswith("18 layers")
    failure = run_case(case, lambda depth, **options: exercise.oracle(34, **options)).failure
    assert failure.message.startswith("the parameters don't fit: layer1 has 3 parts, expected 2")
    assert "layer1.2.conv1.weight (4, 4, 3, 3)   ← first that differs" in failure.message


def test_an_answer_gets_a_dictionary_of_its_own():
    """It may empty it, and the next run finds it whole."""
    case = Case("weights", (call("out", Ref("weights")), state("weights", "left")), inputs={"weights": {"a": X}})

    def taking(weights):
        return weights.pop("a").mul_(2)

    for _ in range(2):
        assert run_case(case, taking).outputs["left"] == {}
    assert torch.equal(case.inputs["weights"]["a"], torch.arange(6.0))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "got None: is the return missing?"),
        ((torch.nn.Identity(), [0.7]), "got tuple: return it alone"),
        (torch.nn.Identity, "got a class, Identity: return an instance, not the class"),
        (0.5, "got float"),
    ],
)
def test_what_is_no_model_is_refused_in_words(made, said):
    case = Case("goal", (new("model"), call("logits", 1, target="model"), mode("model", "eval")))
    failure = run_case(case, lambda: made).failure
    assert failure.kind == "output"
    assert failure.message == f"expected a torch.nn.Module, {said}"
