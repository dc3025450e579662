"""How arguments find the parameters of an answer."""

import pytest
from torch import nn

from autograder.binding import Unfit, bind

GIVEN = {"x": 1, "weight": 2, "stride": 3}


def wrapped(function):
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


class Layer(nn.Module):
    def forward(self, image, kernel, bias=0, stride=0):
        return image, kernel, bias, stride


@pytest.mark.parametrize(
    "function",
    [
        lambda x, weight, bias=0, stride=0: (x, weight, bias, stride),
        lambda a, b, bias=0, stride=0: (a, b, bias, stride),
        lambda x, weight, /, bias=0, stride=0: (x, weight, bias, stride),
        lambda a, b, /, bias=0, *, stride=0: (a, b, bias, stride),
        lambda x, b, /, bias=0, stride=0, **rest: (x, b, bias, stride),
        wrapped(lambda a, b, bias=0, stride=0: (a, b, bias, stride)),
        wrapped(wrapped(lambda a, b, bias=0, stride=0: (a, b, bias, stride))),
        Layer(),
    ],
)
def test_values_reach_their_parameters(function):
    args, kwargs = bind(function, (), GIVEN)
    assert function(*args, **kwargs) == (1, 2, 0, 3)


def test_what_takes_anything_gets_the_names():
    assert bind(lambda *args, **kwargs: (args, kwargs), (), GIVEN) == ((), GIVEN)


def test_what_does_not_fit_is_said():
    with pytest.raises(Unfit, match=r"called with \(x, weight, stride\), but your signature is \(x\)"):
        bind(lambda x: x, (), GIVEN)
