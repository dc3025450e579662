"""What goes over the wire comes back the same, and nothing else is built from bytes."""

import contextlib
import math
import random

import pytest
import torch

from autograder import registry, wire
from autograder.spec import Case, Failure, Line, Opaque, Probe, Ref, Rng, Stage, Trace, of_call


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one.nan_to_num(), other.nan_to_num())
    if isinstance(one, tuple | list):
        return type(one) is type(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and (one == other or (one != one and other != other))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        2.5,
        math.inf,
        math.nan,
        "ä",
        (1, [2, (3,)], {"a": None}),
        torch.randn(2, 3),
        torch.zeros(0, 4),
        torch.tensor(1.5),
        torch.tensor([True, False]),
        torch.arange(6).reshape(2, 3).t(),
        torch.randn(3, dtype=torch.bfloat16),
        torch.ones(1).expand(4),
        torch.randn(4, 4)[:, 1:3],
        torch.empty_strided((1, 1), (2, 2)).fill_(3),
    ],
)
def test_round_trip(value):
    assert same(value, wire.decode(wire.encode(value)))


def test_strides_of_inputs_are_kept():
    value = torch.randn(2, 3, 5).permute(2, 0, 1)
    assert wire.decode(wire.encode(value)).stride() == value.stride()


def test_dataclasses_travel():
    case = of_call("a case", x=torch.ones(2), n=3, gradients=("x",))
    back = wire.decode(wire.encode(case))
    assert isinstance(back, Case)
    assert (back.name, back.steps) == (case.name, case.steps)
    trace = Trace({"out": Opaque("ndarray")}, Failure("raised", "why", (Line("cell 1", 2, "x"),)))
    assert wire.decode(wire.encode(trace)) == trace
    assert wire.decode(wire.encode((Ref("x"), Probe("p", {"a": 1})))) == (Ref("x"), Probe("p", {"a": 1}))


def test_every_case_of_the_course_travels():
    for exercise in registry.all_exercises():
        for case in exercise.cases(Rng(0)):
            back = wire.decode(wire.encode(case))
            assert back.name == case.name
            assert all(
                same(value, back.inputs[key]) for key, value in case.inputs.items() if not hasattr(value, "options")
            )


def test_what_is_no_plain_value_is_refused():
    with pytest.raises(wire.WireError, match="can't be sent"):
        wire.encode(object())


def test_damaged_bytes_raise_wire_errors_only():
    message = wire.encode({"a": torch.randn(3, 4), "b": [1, "x"]})
    draw = random.Random(0)
    for _ in range(500):
        damaged = bytearray(message[: draw.randrange(len(message))])
        for _ in range(draw.randrange(4)):
            if damaged:
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        with contextlib.suppress(wire.WireError):
            wire.decode(bytes(damaged))


@pytest.mark.parametrize(
    "tree",
    [
        '{"object": "Path", "fields": {}}',
        '{"tensor": {"dtype": "float32", "shape": [4], "order": [0], "bytes": 4}}',
        '{"tensor": {"dtype": "float32", "shape": [-1], "order": [0], "bytes": -4}}',
        f'{{"tensor": {{"dtype": "int8", "shape": {[1] * 999}, "order": {[*range(999)]}, "bytes": 1}}}}',
        f'{{"object": "Opaque", "fields": {{"type_name": "{"x" * 999}"}}}}',
        '{"what": 1}',
        "[" * 100 + "]" * 100,
    ],
)
def test_forged_headers_are_refused(tree):
    with pytest.raises(wire.WireError):
        wire.decode(len(tree).to_bytes(4, "little") + tree.encode() + b"\0" * 16)


def stages(count, name="layer1"):
    return tuple(Stage(f"{name}.{number}", {"input": (torch.ones(2),)}, {"output": 3.0}) for number in range(count))


def test_the_stages_of_a_deep_network_travel():
    sent = stages(wire.MOST_NAMES * 7)
    back = wire.decode_reply(wire.encode_trace(Trace(stages=sent)))
    assert [stage.name for stage in back.stages] == [stage.name for stage in sent]
    assert torch.equal(back.stages[-1].inputs["input"][0], torch.ones(2))


def test_of_endless_stages_the_first_are_sent():
    back = wire.decode_reply(wire.encode_trace(Trace(stages=stages(wire.MOST_STAGES + 5))))
    assert len(back.stages) == wire.MOST_STAGES
    assert back.stages[0].name == "layer1.0"


@pytest.mark.parametrize("forged", [stages(wire.MOST_STAGES + 1), stages(1, "x" * 999), (Stage(3, {}, {}),), (3,)])
def test_forged_stages_are_refused(forged):
    with pytest.raises(wire.WireError):
        wire.decode_reply(wire.encode(Trace(stages=forged)))
