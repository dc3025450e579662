"""Cases and traces as bytes, to cross a process boundary without pickles: a JSON tree, then the tensors' raw bytes."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from autograder.spec import Case, Failure, Line, Opaque, Probe, Ref, SpeedResult, Stage, Step, Trace

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
_LENGTH = struct.Struct("<I")


class WireError(ValueError):
    """Bytes that are no message of ours."""


def encode(value: Any) -> bytes:
    """`value` (plain values and the spec's dataclasses) as bytes. Strides of input tensors are kept."""
    blobs: list[bytes] = []
    header = json.dumps(_tree(value, blobs)).encode()
    return b"".join([_LENGTH.pack(len(header)), header, *blobs])


def decode(message: bytes, *, most_bytes: int = 1 << 30) -> Any:
    """The value that `encode` was given. Builds nothing but plain values and the spec's dataclasses.

    Raises WireError for anything malformed, so that bytes from an untrusted process are safe to read.
    """
    if len(message) > most_bytes:
        raise WireError(f"the message has {len(message)} bytes; at most {most_bytes} are taken")
    try:
        (length,) = _LENGTH.unpack_from(message)
        tree = json.loads(message[_LENGTH.size : _LENGTH.size + length])
        return _Reader(memoryview(message)[_LENGTH.size + length :]).value(tree, 0)
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
    blobs.append(lying.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if lying.numel() else b"")
    dtype = str(value.dtype).removeprefix("torch.")
    return {"dtype": dtype, "shape": list(lying.shape), "order": order, "bytes": len(blobs[-1])}


class _Reader:
    def __init__(self, blobs: memoryview) -> None:
        self._blobs = blobs
        self._offset = 0

    def value(self, tree: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise WireError("the message is nested too deeply")
        if isinstance(tree, list):
            return [self.value(item, depth + 1) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if "object" in tree:
            kind = KINDS[tree["object"]]
            return kind(**{str(key): self.value(item, depth + 1) for key, item in tree["fields"].items()})
        ((tag, body),) = tree.items()
        if tag == "tensor":
            return self._tensor(body)
        if tag == "tuple":
            return tuple(self.value(item, depth + 1) for item in body)
        if tag == "dict":
            return {str(key): self.value(item, depth + 1) for key, item in body}
        if tag == "float":
            return float(body)
        raise WireError(f"unknown tag {tag!r}")

    def _tensor(self, header: dict[str, Any]) -> Tensor:
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
        back = [order.index(axis) for axis in range(len(order))]
        return lying.permute(back) if order else lying
