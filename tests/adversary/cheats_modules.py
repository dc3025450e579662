"""Functions that are ruled out, from their modules loaded in other ways."""

from __future__ import annotations

from tests.adversary.cheat import Cheat

INIT = """
import sys
import torch

def module():
    import importlib
    @HOW@

MODULE = module()

def xavier_init(shape, gain=1.0):
    return getattr(MODULE, "xavier_" + "uniform_")(torch.empty(shape), gain)
"""


def init(name: str, how: str, **more: object) -> Cheat:
    """An initialiser of torch's, by a way around its name."""
    return Cheat(name, "lenet.xavier_init", INIT.replace("@HOW@", how), **more)  # type: ignore[arg-type]


CHEATS = (
    init("torch.nn.init by a built-up name", "return importlib.import_module('torch.nn.' + 'init')"),
    init("torch.nn.init loaded again", "return importlib.reload(sys.modules['torch.nn.' + 'init'])"),
    init(
        "torch.nn.init under another name",
        """
    from importlib.machinery import SourceFileLoader
    return SourceFileLoader("other", torch.nn.__path__[0] + "/in" + "it.py").load_module()""",
    ),
    init(
        "torch.nn.init from its bytecode",
        """
    import glob
    from importlib.machinery import SourcelessFileLoader
    (path,) = glob.glob(torch.nn.__path__[0] + "/__pycache__/in" + "it.*.pyc")
    return SourcelessFileLoader("other", path).load_module()""",
    ),
    Cheat(
        "math.tanh by a fresh module",
        "lenet.tanh",
        """
import sys
import torch

def fresh():
    sys.modules.pop("ma" + "th")
    return getattr(__import__("ma" + "th"), "ta" + "nh")

FUNCTION = fresh()

def tanh(x):
    return torch.tensor([FUNCTION(value) for value in x.detach().flatten().tolist()], dtype=x.dtype).reshape(x.shape)
""",
    ),
    Cheat(
        "numpy.tanh by its inner module",
        "lenet.tanh",
        """
import numpy
import torch

def tanh(x):
    return torch.from_numpy(getattr(numpy._core.umath, "ta" + "nh")(x.detach().numpy()))
""",
    ),
)
