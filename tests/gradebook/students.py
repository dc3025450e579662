"""Students of lesson 01: what they hand in, and what they must get for it.

Each function works on the papers of both notebooks and returns the marks that differ from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autograder import registry
from tests.gradebook.classroom import Handed
from tests.gradebook.papers import Paper, notebooks

A, B = "01_lenet", "01_lenet_b"
Papers = dict[str, Paper]
Marks = dict[str, float]

POINTS = {item.name: float(item.points) for item in registry.exercises("lenet")}


def full(*names: str) -> Marks:
    """Full marks for some exercises."""
    return {name: POINTS[name] for name in names}


def perfect(papers: Papers) -> Marks:
    """Everything right, questions answered."""
    papers[A].solve().reply("answer-lenet-why_padding", "So that the border counts as often as the middle.")
    papers[B].solve().reply("answer-lenet-data_leakage", "Split by patient, or the test set is known by heart.")
    return full(*POINTS)


def blank(papers: Papers) -> Marks:
    """Handed in as it was released."""
    return {}


def partly(papers: Papers) -> Marks:
    """A few exercises solved, one of them right but by a slow loop."""
    papers[A].solve("pad2d", "linear", "relu")
    papers[B].solve("log_softmax", "kaiming_init")
    own = papers[B].solved["confusion_matrix"].partition("    pairs")[0].partition('"""')[0]
    loop = "    found = torch.zeros(num_classes, num_classes, dtype=torch.int64)\n"
    loop += "    for row, column in zip(target.tolist(), predicted.tolist()):\n        found[row, column] += 1\n"
    papers[B].write({"confusion_matrix": f"{own}\n{loop}    return found"})
    return full("pad2d", "linear", "relu", "log_softmax", "kaiming_init") | {"confusion_matrix": 0.8 * 2}


WRONG = {
    "conv2d": (
        "flips the kernel",
        """
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    n, c, h, w = x.shape
    o, per_group, kh, kw = weight.shape
    weight = weight.flip(-1, -2)
    x = torch.nn.functional.pad(x, (padding,) * 4)
    ho = (h + 2 * padding - dilation * (kh - 1) - 1) // stride + 1
    wo = (w + 2 * padding - dilation * (kw - 1) - 1) // stride + 1
    out = x.new_zeros(n, groups, o // groups, ho, wo)
    x = x.reshape(n, groups, per_group, *x.shape[2:])
    kernels = weight.reshape(groups, o // groups, per_group, kh, kw)
    for i in range(kh):
        for j in range(kw):
            rows = slice(i * dilation, i * dilation + (ho - 1) * stride + 1, stride)
            columns = slice(j * dilation, j * dilation + (wo - 1) * stride + 1, stride)
            out = out + torch.einsum("ngchw,goc->ngohw", x[..., rows, columns], kernels[..., i, j])
    out = out.reshape(n, o, ho, wo)
    return out if bias is None else out + bias[:, None, None]
""",
    ),
    "relu": ("drops the sign", "def relu(x):\n    return x.abs()"),
    "leaky_relu": (
        "always uses the slope 0.01",
        "def leaky_relu(x, negative_slope=0.01):\n    return torch.where(x > 0, x, 0.01 * x)",
    ),
    "linear": (
        "forgets the bias",
        "def linear(x, weight, bias=None):\n    return x @ weight.T",
    ),
    "log_softmax": (
        "overflows",
        "def log_softmax(x, dim=-1):\n    return x - x.exp().sum(dim, keepdim=True).log()",
    ),
    "confusion_matrix": (
        "swaps rows and columns",
        """
def confusion_matrix(target, predicted, num_classes):
    pairs = predicted.long() * num_classes + target.long()
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
""",
    ),
}
"""Wrong answers by exercise, with the name of the mistake that the feedback must give."""


def wrong(papers: Papers) -> Marks:
    """Mistakes that have names; what they are worth is the judge's to say."""
    for name, (_, text) in WRONG.items():
        papers[A if name in papers[A].exercises else B].write({name: text.strip()})
    return {}


def crashing(papers: Papers) -> Marks:
    """Cells that end their process, and right answers among them."""
    deep = "import sys\nsys.setrecursionlimit(10**9)\n\n"
    papers[A].solve("pad2d", "tanh").write(
        {
            "relu": "import os\n\n\ndef relu(x):\n    os._exit(0)",
            "leaky_relu": "import faulthandler as f\n\n\ndef leaky_relu(x, slope=0.01):\n    return f._read_null()",
            "linear": f"{deep}def linear(x, weight, bias=None):\n    return linear(x, weight, bias)",
            "dead_units": "SLOPE = 1 / 0\n\n\ndef dead_units(activations):\n    return SLOPE",
            "tanh": f"{papers[A].solved['tanh']}\n\n\nraise RuntimeError('at the top of a cell')",
            "avg_pool2d": f"{_head(papers[A], 'avg_pool2d')}    return (x for x in open('/nowhere'))",
        }
    )
    papers[A].add("import os\nos._exit(3)", after=papers[A].answer("relu"))
    papers[A].add("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    return full("pad2d", "tanh")


def endless(papers: Papers) -> Marks:
    """Loops without end: in an answer, and in cells that need not run."""
    papers[A].solve("pad2d", "leaky_relu").write(
        {
            "relu": "def relu(x):\n    while True:\n        x = x + 0",
        }
    )
    papers[A].add("while True:\n    pass", after=papers[A].check("pad2d"))
    papers[A].add("import time\nwhile True:\n    time.sleep(1)")
    return full("pad2d", "leaky_relu")


def tampering(papers: Papers) -> Marks:
    """Cells deleted, checks rewritten, points and flags changed."""
    one = papers[A].solve("pad2d", "unfold2d", "max_pool2d", "relu", "leaky_relu", "avg_pool2d", "linear_backward")
    one.delete(one.check("relu"))  # the answer is right
    one.delete(one.answer("leaky_relu"))
    one.delete(one.cell("given-lenet-_out_size"))  # unfold2d needs it
    one.check("tanh").update(source="2")  # the answer is the stub
    one.check("tanh").metadata.nbgrader["points"] = 2
    one.check("pad2d").metadata.nbgrader["points"] = 300
    one.check("pad2d").source = "print('all right')\n300"
    one.check("max_pool2d").metadata.nbgrader["grade_id"] = "renamed"
    one.check("avg_pool2d").metadata.nbgrader.update(grade=False, locked=False, solution=True, schema_version=1)
    one.answer("linear_backward").metadata.nbgrader = {}
    one.check("conv2d").metadata.nbgrader["points"] = "many"
    one.check("linear").metadata.nbgrader = {"grade_id": 3}
    one.delete(one.cell("answer-lenet-why_padding"))
    one.write({"dead_units": "def dead_units(activations):\n    return _count(activations)"})  # its helper is deleted
    return full("pad2d", "unfold2d", "max_pool2d", "relu", "avg_pool2d", "linear_backward")


def mistaken(papers: Papers) -> Marks:
    """Another notebook under the first one's name, and no second one. (See `handed`.)"""
    papers[B].solve("log_softmax", "f1")
    return {}


def rearranging(papers: Papers) -> Marks:
    """Solved in added cells, cells moved and doubled."""
    one = papers[A].solve("linear")
    head, _, body = one.solved["relu"].rpartition('"""')
    one.write({"relu": f'{head}"""\n    return _my_relu(x)'})
    one.add("def _my_relu(x):" + body)
    one.add(one.solved["pad2d"], after=one.check("pad2d"))
    one.delete(one.answer("pad2d"))
    one.write({"tanh": "def tanh(x):\n    return x"})
    again = one.add(one.solved["tanh"], after=one.check("tanh"))
    again.metadata.update(one.answer("tanh").metadata)
    twice = one.add("check(tanh)", after=again)
    twice.metadata.update(one.check("tanh").metadata)
    one.solve("leaky_relu").move(one.answer("leaky_relu"), below=one.check("dead_units"))
    one.move(one.cell("imports"), below=one.notebook.cells[-1])
    one.add("from mine.lenet import dead_units")
    one.add("import solutions.lenet\navg_pool2d = solutions.lenet.avg_pool2d", after=one.answer("avg_pool2d"))
    return full("linear", "relu", "pad2d", "tanh", "leaky_relu")


def noisy(papers: Papers) -> Marks:
    """Right answers that print, warn and draw; and `check` bound anew."""
    one = papers[A].solve("relu", "leaky_relu", "linear", "pad2d")
    loud = "    for line in range(3000 if x.ndim == 1 else 0):\n        print('line', line, x.shape)\n"
    warn = "    import sys, warnings\n    warnings.warn('careful')\n    print('careful', file=sys.stderr)\n"
    draw = "    plt.plot([0, 1])\n    plt.show()\n"
    for name, text in (("relu", loud), ("leaky_relu", warn), ("pad2d", draw)):
        head, mark, body = one.solved[name].rpartition('"""\n')
        one.write({name: f"{head}{mark}{text}{body}"})
    one.add("def check(*things):\n    return 5\n\n\ncheck", after=one.answer("linear"))
    one.add("print('much\\n' * 5000)\nplt.plot([1, 2])\nimport sys\nprint('!' * 10**6, file=sys.stderr)")
    return full("relu", "leaky_relu", "linear", "pad2d")


def unreadable(papers: Papers) -> Marks:
    """Half a file, and one in another encoding. (See `handed`.)"""
    return {}


STUDENTS: Mapping[str, Callable[[Papers], Marks]] = {
    item.__name__: item
    for item in (perfect, blank, partly, wrong, crashing, endless, tampering, mistaken, rearranging, noisy, unreadable)
}


def handed(student: str, papers: Papers, other: Paper) -> dict[str, Handed]:
    """The files that a student hands in. other: a notebook of another lesson."""
    if student == "mistaken":
        return {A: other.solve().notebook}
    if student == "unreadable":
        return {A: b'{"cells": [{"cell_type": "code"', B: "größer".encode("utf-16")}
    return dict(notebooks(papers))


def _head(paper: Paper, name: str) -> str:
    head, mark, _ = paper.solved[name].rpartition('"""\n')
    return head + mark
