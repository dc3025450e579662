"""Nothing is written to a structure that is not as expected."""

import math
import types

import numpy
import pytest

from autograder.sandbox import native


@pytest.mark.parametrize("other", [len, numpy.add, native.refuse_ufunc, math])
def test_what_is_no_ufunc_or_builtin_stays_as_it_is(other):
    for refuse, kind in ((native.refuse_builtin, types.BuiltinFunctionType), (native.refuse_ufunc, numpy.ufunc)):
        if not isinstance(other, kind):
            with pytest.raises(RuntimeError, match="laid out in another way"):
                refuse(other)
    assert (len("abc"), numpy.add(1, 2)) == (3, 3)


def test_types_that_are_called_in_a_newer_way_are_not_taken_for_sealed():
    with pytest.raises(RuntimeError, match="laid out in another way"):
        native._refuse_calls([types.BuiltinFunctionType])
    assert types.BuiltinFunctionType.__call__(len, "abc") == 3
