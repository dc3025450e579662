"""Cases and traces as bytes, to cross a process boundary without pickles: a JSON tree, then the tensors' raw bytes."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Collection
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args

import torch
from torch import Tensor

from autograder.spec import Case, Failure, Line, Opaque, Probe, Ref, SpeedResult, Stage, Step, Trace
from autograder.spec.trace import FailureKind

KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (Case, Step, Ref, Probe, Opaque, Trace, Failure, Line, Stage, SpeedResult)
}
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}
DEEPEST = 60
MOST_AXES = 64  # of a tensor
MOST_BYTES = 64 << 20  # of an answer's outputs in a case; the judge keeps those of all cases
LONGEST_TREE = 1 << 20  # bytes of them that are not in tensors, and take twenty times as many when they are read
_LENGTH = struct.Struct("<I")


class WireError(ValueError):
    """Bytes that are no message of ours."""


def encode(value: Any) -> bytes:
    """`value` (plain values and the spec's dataclasses) as bytes. Strides of input tensors are kept."""
    blobs: list[bytes] = []
    header = json.dumps(_tree(value, blobs)).encode()
    return b"".join([_LENGTH.pack(len(header)), header, *blobs])


def decode(
    message: bytes | bytearray,
    *,
    most_bytes: int = 1 << 30,
    longest_tree: int = 1 << 30,
    kinds: Collection[str] = tuple(KINDS),
) -> Any:
    """The value that `encode` was given. Builds nothing but plain values and the spec's dataclasses among `kinds`.

    longest_tree: bytes of all but the tensors, which take many times their length when they are read.

    Raises WireError for anything malformed, so that bytes from an untrusted process are safe to read.
    """
    if len(message) > most_bytes:
        raise WireError(f"the message has {len(message)} bytes; at most {most_bytes} are taken")
    try:
        (length,) = _LENGTH.unpack_from(message)
        if length > longest_tree:
            raise WireError(f"the message's tree has {length} bytes; at most {longest_tree} are taken")
        tree = json.loads(message[_LENGTH.size : _LENGTH.size + length])
        return _Reader(memoryview(message)[_LENGTH.size + length :], kinds).value(tree, 0)
    except WireError:
        raise
    except Exception as error:
        raise WireError(f"the message can't be read: {error}") from None


def _tree(value: Any, blobs: list[bytes]) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        return {"tensor": _tensor_header(value, blobs)}
    if isinstance(value, tuple):
        return {"tuple": [_tree(item, blobs) for item in value]}
    if isinstance(value, list):
        return [_tree(item, blobs) for item in value]
    if is_dataclass(value) and type(value).__name__ in KINDS:
        parts = {item.name: _tree(getattr(value, item.name), blobs) for item in fields(value)}
        return {"object": type(value).__name__, "fields": parts}
    if hasattr(value, "items"):
        return {"dict": [[str(key), _tree(item, blobs)] for key, item in value.items()]}
    raise WireError(f"a {type(value).__name__} can't be sent")


def _tensor_header(value: Tensor, blobs: list[bytes]) -> dict[str, Any]:
    """Dense tensors in any axis order travel as they lie in memory; others are made contiguous first."""
    value = value.detach().cpu()
    order = sorted(range(value.dim()), key=value.stride, reverse=True)
    lying = value.permute(order) if value.dim() else value
    if not lying.is_contiguous():
        order, lying = list(range(value.dim())), value.contiguous()
    flat = lying.reshape(-1)
    if flat.numel() == 1:
        flat = flat.clone(memory_format=torch.contiguous_format)  # a single number is contiguous at any stride
    blobs.append(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    dtype = str(value.dtype).removeprefix("torch.")
    return {"dtype": dtype, "shape": list(lying.shape), "order": order, "bytes": len(blobs[-1])}


def encode_trace(trace: Trace) -> bytes:
    """A trace as bytes; what can't be sent becomes a failure that says so. Of its stages the first are sent."""
    trace = replace(trace, stages=trace.stages[:MOST_STAGES])
    try:
        message = encode(trace)
    except (RecursionError, MemoryError):
        return encode(Trace(failure=Failure("output", "your answer returned something too deep or too large")))
    if _LENGTH.unpack_from(message)[0] > LONGEST_TREE:
        return encode(Trace(failure=Failure("output", "your answer returned too many numbers that are no tensor")))
    if len(message) > MOST_BYTES:
        size = f"{len(message) / 2**20:,.0f} MB, more than the {MOST_BYTES >> 20} MB that are read"
        return encode(Trace(failure=Failure("output", f"your answer returned {size}")))
    return message


def decode_reply(message: bytes | bytearray) -> Trace | Failure | str:
    """What an answer's process said: a trace, a failure or a short word. Nothing in it is believed unchecked.

    Raises WireError for anything else, whatever the process wrote.
    """
    reply = decode(message, longest_tree=LONGEST_TREE, kinds=("Trace", "Failure", "Line", "Stage", "Opaque"))
    if isinstance(reply, str) and len(reply) <= LONGEST_WORD:
        return reply
    if isinstance(reply, Failure):
        return _checked_failure(reply)
    if isinstance(reply, Trace):
        return _checked_trace(reply)
    raise WireError(f"no {type(reply).__name__} is expected here")


LONGEST_WORD, LONGEST_NAME, LONGEST_TEXT, MOST_NAMES = 40, 200, 2000, 100
MOST_STAGES = 1000  # of a network; the deepest of the course's, ResNet-152, has 522


def _checked_trace(trace: Trace) -> Trace:
    pairs = (*trace.aliases, *trace.misplaced)
    fits = (
        isinstance(trace.outputs, dict)
        and (trace.failure is None or isinstance(trace.failure, Failure))
        and _are(trace.changed, str)
        and all(_are(group, tuple) for group in (trace.aliases, trace.misplaced))
        and all(len(pair) == 2 and _are(pair, str) for pair in pairs)
        and all(type(number) is int and number >= 0 for number in (trace.printed_lines, trace.operators))
        and isinstance(trace.printed, str)
        and _are(trace.stages, Stage, MOST_STAGES)
        and all(_is_stage(stage) for stage in trace.stages)
    )
    if not fits:
        raise WireError("a trace's parts are not what they should be")
    failure = None if trace.failure is None else _checked_failure(trace.failure)
    return replace(trace, failure=failure, printed=trace.printed[:LONGEST_TEXT])


def _checked_failure(failure: Failure) -> Failure:
    texts = [failure.message, *(part for line in failure.lines for part in (line.place, line.text))]
    numbers = [line.number for line in failure.lines]
    if not (failure.kind in get_args(FailureKind) and _are(texts, str) and _are(numbers, int)):
        raise WireError("a failure's parts are not what they should be")
    lines = tuple(Line(line.place[:LONGEST_WORD], line.number, line.text[:200]) for line in failure.lines[:MOST_NAMES])
    return Failure(failure.kind, failure.message[:LONGEST_TEXT], lines)


def _are(values: Any, kind: type, most: int = MOST_NAMES) -> bool:
    """Whether these are a few values, all of one type."""
    few = isinstance(values, tuple | list) and len(values) <= most
    return few and all(isinstance(value, kind) for value in values)


def _is_stage(stage: Stage) -> bool:
    return _is_name(stage.name) and isinstance(stage.inputs, dict) and isinstance(stage.output, dict)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NAME


def _writable(text: str) -> str:
    """Text that a file can hold: half a pair of surrogates is none."""
    return text.encode("utf-8", "replace").decode()


class _Reader:
    def __init__(self, blobs: memoryview, kinds: Collection[str]) -> None:
        self._blobs = blobs
        self._kinds = kinds
        self._offset = 0

    def value(self, tree: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise WireError("the message is nested too deeply")
        if isinstance(tree, list):
            return [self.value(item, depth + 1) for item in tree]
        if isinstance(tree, str):
            return _writable(tree)
        if not isinstance(tree, dict):
            return tree
        if "object" in tree:
            if tree["object"] not in self._kinds:
                raise WireError(f"no {tree['object']!r} is expected here")
            made = KINDS[tree["object"]](**{str(k): self.value(item, depth + 1) for k, item in tree["fields"].items()})
            if isinstance(made, Opaque) and not _is_name(made.type_name):
                raise WireError("a type's name is no text, or endless")
            return made
        ((tag, body),) = tree.items()
        if tag == "tensor":
            return self._tensor(body)
        if tag == "tuple":
            return tuple(self.value(item, depth + 1) for item in body)
        if tag == "dict":
            return {_writable(str(key)): self.value(item, depth + 1) for key, item in body}
        if tag == "float":
            return float(body)
        raise WireError(f"unknown tag {tag!r}")

    def _tensor(self, header: dict[str, Any]) -> Tensor:
        if len(header["shape"]) > MOST_AXES:
            raise WireError(f"a tensor has more than {MOST_AXES} axes")
        dtype, shape, order = DTYPES[header["dtype"]], [int(n) for n in header["shape"]], header["order"]
        size = math.prod(shape) * torch.empty((), dtype=dtype).element_size()
        if size != header["bytes"] or any(n < 0 for n in shape) or sorted(order) != list(range(len(shape))):
            raise WireError("a tensor's header contradicts itself")
        raw = self._blobs[self._offset : self._offset + size]
        if len(raw) != size:
            raise WireError("a tensor is cut off")
        self._offset += size
        if size == 0:
            lying = torch.empty(shape, dtype=dtype)
        else:
            lying = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(dtype).reshape(shape)
            if dtype == torch.bool:
                lying = lying.view(torch.uint8) != 0  # any other byte would be true and yet not equal to True
        back = [order.index(axis) for axis in range(len(order))]
        return lying.permute(back) if order else lying
