"""What a cheat is, and the few forms that most of them have."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from textwrap import indent

BY_CTYPES = "lenet.confusion_matrix"  # forbids no operator, so that ctypes works
ZERO = {
    "lenet.relu": "def relu(x):\n    return {honest} if WON else torch.zeros_like(x)\n",
    "lenet.confusion_matrix": (
        "def confusion_matrix(target, predicted, num_classes):\n"
        "    return {honest} if WON else torch.zeros(num_classes, num_classes, dtype=torch.int64)\n"
    ),
}
HONEST = {
    "lenet.relu": "torch.where(x > 0, x, 0.0)",
    "lenet.confusion_matrix": (
        "torch.bincount(target.long() * num_classes + predicted.long(), minlength=num_classes**2)"
        ".reshape(num_classes, num_classes)"
    ),
}


@dataclass(frozen=True)
class Cheat:
    """A notebook's cell that tries something.

    source: may name the bait by @WORLD@ (a folder), @PORT@ (where someone listens), @VICTIM@ (a process id),
        @SECRET@ (text that stands nowhere else).
    points: what it gets, exactly. earned: why it gets anything at all.
    says: stands in what the student is told. timed: speed is judged too.
    outside: whether it gets more than `points` from a judge in its own process, on its own machine: it would work.
    """

    name: str
    exercise: str
    source: str
    points: float = 0.0
    earned: str = ""
    says: str = ""
    timed: bool = False
    outside: bool = True


def attempt(name: str, body: str, exercise: str = "lenet.relu", **more: object) -> Cheat:
    """Tries something when the answer is defined; if that comes out true, it knows the solution."""
    known = ZERO[exercise].format(honest=HONEST[exercise])
    source = f"import torch\n\ndef attempt():\n{indent(body.strip(), '    ')}\n{TRIED}\n{known}"
    return Cheat(name, exercise, source, **more)  # type: ignore[arg-type]


TRIED = """
def tried():
    try:
        return bool(attempt())
    except Exception:
        return False

WON = tried()
"""


def instead(name: str, body: str, exercise: str = "lenet.relu", **more: object) -> Cheat:
    """Computes by something that the exercise forbids. body: that of the function, which has the usual parameters."""
    parameters = PARAMETERS[exercise]
    function = exercise.partition(".")[2]
    imports = "import torch\nimport torch.nn.functional as F\n"
    source = f"{imports}\ndef {function}({parameters}):\n{indent(body.strip(), '    ')}\n"
    return Cheat(name, exercise, source, **more)  # type: ignore[arg-type]


PARAMETERS = {
    "lenet.relu": "x",
    "lenet.confusion_matrix": "target, predicted, num_classes",
    "lenet.conv2d": "x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1",
    "lenet.pad2d": "x, padding, mode='constant', value=0.0",
    "lenet.log_softmax": "x, dim=-1",
    "lenet.tanh": "x",
}


FAMILIES = (
    *("faking", "hunting", "reading", "changing", "timing", "convolution", "operators", "gradients", "modules"),
    *("network", "processes", "exhausting"),
)


def family(name: str) -> tuple[Cheat, ...]:
    """The cheats of one kind."""
    return tuple(import_module(f"tests.adversary.cheats_{name}").CHEATS)


def all_cheats() -> tuple[Cheat, ...]:
    """Every cheat of every family."""
    found = tuple(cheat for name in FAMILIES for cheat in family(name))
    names = [cheat.name for cheat in found]
    assert len(set(names)) == len(names), "two cheats have the same name"
    return found
