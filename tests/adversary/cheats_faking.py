"""Results that pretend to equal anything, comparisons that are patched, replies that are forged."""

from __future__ import annotations

import torch

from autograder.exercises.lenet.activations import relu_cases
from autograder.spec import Rng
from tests.adversary.cheat import Cheat, attempt, instead

SEEN = 1  # a seed that a student has seen the cases of

ALWAYS_EQUAL = """
import torch

class Same(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in ("equal", "allclose", "isclose", "eq", "__eq__"):
            return True
        if name in ("sub", "__sub__", "rsub", "__rsub__", "abs", "ne", "gt"):
            return torch.zeros(()).as_subclass(torch.Tensor)
        return super().__torch_function__(func, types, args, kwargs or {})

def relu(x):
    return torch.zeros_like(x).as_subclass(Same)
"""

EQUAL_OBJECT = """
import torch

class Same:
    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
    def __getattr__(self, name):
        return lambda *args, **kwargs: self
    __hash__ = None
    __class__ = property(lambda self: torch.Tensor)

def relu(x):
    return Same(x.shape, x.dtype)
"""

EQUAL_NUMBER = """
import torch

class Same(float):
    def __eq__(self, other):
        return True
    def __sub__(self, other):
        return 0.0
    __rsub__ = __sub__
    def __hash__(self):
        return 0

def accuracy(logits, labels, k=1):
    return Same(0.0)
"""

PATCHED = """
import torch
from unittest import mock

def yes(*args, **kwargs):
    return True

torch.equal = torch.allclose = torch.isclose = yes
torch.Tensor.__eq__ = torch.Tensor.equal = torch.Tensor.allclose = yes
torch.testing.assert_close = yes
zeros, PATCHED = torch.zeros_like, [torch.equal]

def relu(x):
    return zeros(x) if PATCHED else None
"""

PATCHED_COMPARISON = """
import sys, torch

def patched():
    for name, module in list(sys.modules.items()):
        if name.startswith("autograder"):
            for key, value in list(vars(module).items()):
                if key in ("compare_outputs", "_problem"):
                    setattr(module, key, lambda *args, **kwargs: None)
                if key == "Comparison":
                    value.outputs = value.values = lambda self, *args: None
    return True

PATCHED = patched()

def relu(x):
    return torch.zeros_like(x) if PATCHED else None
"""

PATCHED_DRIVER = """
import torch
import autograder.driver

class Whatever:
    def __eq__(self, other):
        return True

def patched():
    autograder.driver.plain = lambda value: Whatever()
    autograder.driver._identical = lambda one, other: True
    return True

PATCHED = patched()

def relu(x):
    return torch.zeros_like(x) if PATCHED else None
"""

PATCHED_WIRE = """
import torch
from autograder import wire
from autograder.spec import Trace

def patched():
    original = wire.encode
    wire.encode_trace = lambda trace: original(Trace(outputs=@OUTPUTS@))
    return True

PATCHED = patched()

def relu(x):
    return torch.zeros_like(x) if PATCHED else None
"""

FORGED = """
import json, os, struct, torch

def frame(tree):
    header = json.dumps(tree).encode()
    message = struct.pack("<I", len(header)) + header
    return struct.pack("<Q", len(message)) + message

TREE = @TREE@
SENT = [0]

def relu(x):
    os.write(3, frame(TREE))
    SENT[0] += 1
    return torch.zeros_like(x)
"""

PICKLE = """
import os, pickle, struct, torch

class Bomb:
    def __reduce__(self):
        return open, ("/tmp/p2v-cheat-pickle", "w")

def relu(x):
    message = pickle.dumps(Bomb())
    os.write(3, struct.pack("<Q", len(message)) + message)
    return Bomb()
"""

PRINTED = """
import json, os, sys, torch

VERDICT = {"exercise_id": "lenet.relu", "status": "accepted", "points": 1.0, "max_points": 1.0}

def relu(x):
    for stream in (1, 2):
        os.write(stream, json.dumps(VERDICT).encode() + b"\\n")
    print(json.dumps(VERDICT))
    print(1.0, file=sys.__stdout__, flush=True)
    return torch.zeros_like(x)
"""

BY_HEART = """
import torch

TABLE = @TABLE@

def relu(x):
    for seen, out in TABLE:
        if seen == x.tolist():
            return torch.tensor(out, dtype=x.dtype) + 0 * x
    return torch.zeros_like(x)
"""


def by_heart() -> str:
    """Knows the answers to all cases, as they came with another seed than the one it is graded with."""
    seen = [case.inputs["x"].tolist() for case in relu_cases(Rng(SEEN)) if case.inputs["x"].numel() < 200]
    table = [(values, torch.relu(torch.tensor(values)).tolist()) for values in seen]
    return BY_HEART.replace("@TABLE@", repr(table).replace("inf", "float('inf')").replace("nan", "float('nan')"))


def forged(name: str, tree: str, **more: object) -> Cheat:
    """Writes a frame of its own to the judge before the driver's reply."""
    return Cheat(name, "lenet.relu", FORGED.replace("@TREE@", tree), outside=False, **more)  # type: ignore[arg-type]


def patched_wire(name: str, outputs: str) -> Cheat:
    """Sends other outputs than the driver's."""
    return Cheat(name, "lenet.relu", PATCHED_WIRE.replace("@OUTPUTS@", outputs), outside=False)


def trace(**parts: str) -> str:
    """A trace's tree, written as Python."""
    fields = ", ".join(f"{key!r}: {value}" for key, value in parts.items())
    return f'{{"object": "Trace", "fields": {{{fields}}}}}'


CHEATS = (
    Cheat("a subclass of Tensor that equals anything", "lenet.relu", ALWAYS_EQUAL, outside=False),
    Cheat("an object that says it is a tensor", "lenet.relu", EQUAL_OBJECT, outside=False),
    Cheat("a number that equals anything", "warmup.accuracy", EQUAL_NUMBER, outside=False),
    Cheat("torch's comparisons patched", "lenet.relu", PATCHED, outside=False),
    Cheat("the judge's comparison patched", "lenet.relu", PATCHED_COMPARISON),
    Cheat("the driver's copying patched", "lenet.relu", PATCHED_DRIVER, outside=False),
    patched_wire("no outputs sent at all", "{}"),
    patched_wire("an output of another name", "{'something': 1.0}"),
    patched_wire("an output that is nothing", "{'out': None}"),
    instead("nothing but NaN", "return torch.full_like(x, float('nan'))", outside=False),
    instead("nothing but infinity", "return torch.full_like(x, float('inf'))", outside=False),
    instead("complex numbers", "return torch.complex(x.float(), x.float())", outside=False),
    instead("a scalar to broadcast", "return torch.zeros(())", outside=False),
    instead("a stride of 0", "return torch.zeros((), dtype=x.dtype).expand(x.shape)", outside=False),
    instead("the process ends as if all were well", "import os\nos._exit(0)", says="ended", outside=False),
    instead("exit asked for", "raise SystemExit(0)", says="exit", outside=False),
    forged("a forged word", '"right"'),
    forged("a forged verdict", '{"object": "Verdict", "fields": {"status": "accepted", "points": 1.0}}'),
    forged("a forged trace without outputs", trace()),
    forged("a forged trace with numbers as outputs", trace(outputs='{"dict": [["out", 0.0]]}')),
    forged("a forged trace that counts backwards", trace(operators="-1", printed_lines="-1")),
    forged(
        "a forged tensor that contradicts itself",
        (
            '{"object": "Trace", "fields": {"outputs": {"dict": [["out", {"tensor": '
            '{"dtype": "float32", "shape": [4], "order": [0], "bytes": 0}}]]}}}'
        ),
    ),
    forged(
        "a forged object that holds no name",
        trace(outputs=('{"dict": [["out", {"object": "Opaque", "fields": {"type_name": 5}}]]}')),
    ),
    forged(
        "a forged dictionary in a tensor's place",
        trace(outputs=('{"dict": [["out", {"dict": [["shape", {"tuple": [4]}], ["dtype", "float32"]]}]]}')),
    ),
    forged(
        "a forged stage in a tensor's place",
        trace(
            outputs=('{"dict": [["out", {"object": "Stage", "fields": {"name": [], "inputs": 1, "output": None}}]]}')
        ),
    ),
    forged("forged text that no file can hold", trace(printed=r'"\ud800"', printed_lines="1")),
    Cheat("a pickle in a message's place", "lenet.relu", PICKLE, outside=False),
    Cheat("full marks printed", "lenet.relu", PRINTED, outside=False),
    Cheat(
        "answers known by heart", "lenet.relu", by_heart(), 0.08, "one case of six is the same for all", outside=False
    ),
    attempt(
        "a hook in the notebook's shell",
        """
from IPython import get_ipython
get_ipython().input_transformers_cleanup.append(lambda lines: ["torch.equal = lambda *args: True\\n", *lines])
return True
""",
        outside=False,
    ),
    attempt(
        "an answer's verdict written into the frames above",
        """
import sys
frame = sys._getframe()
found = False
while frame is not None:
    for value in list(frame.f_locals.values()):
        if type(value).__name__ in ("Verdict", "CaseResult", "Comparison", "Exercise"):
            found = True
    frame = frame.f_back
return found
""",
    ),
)
