"""Verdicts of every kind, most of them judged on real wrong answers, and what their reports must say."""

from __future__ import annotations

import html
import linecache
import re
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from autograder import report
from autograder.judge import judge, with_speed
from autograder.runner import in_this_process
from autograder.spec import (
    Case,
    CaseResult,
    Exercise,
    Failure,
    Memory,
    Mismatch,
    Problem,
    Ref,
    Speed,
    SpeedResult,
    Verdict,
    Wrong,
    backward,
    call,
    load,
    new,
    of_call,
)

CPU = torch.device("cpu")
HINTS = ("Look at one pixel.", "Then at its neighbour.")


def oracle(x, weight, bias=None, stride=1):
    return F.conv2d(x, weight, bias, stride)


def flipped(x, weight, bias=None, stride=1):
    return F.conv2d(x, weight.flip(-1, -2), bias, stride)


def cases(rng):
    yield of_call(
        "3×3 input, by hand",
        x=torch.arange(9.0).reshape(1, 1, 3, 3),
        weight=torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]),
        expect=torch.tensor([[[[19.0, 25.0], [37.0, 43.0]]]]),
        note="0·0 + 1·1 + 3·2 + 4·3 = 19",
        terms=4,
    )
    yield of_call("1×1 kernel", x=rng.normal(1, 2, 3, 3), weight=rng.normal(3, 2, 1, 1), terms=2)
    yield of_call(
        "bias, stride 2",
        x=rng.normal(2, 2, 9, 8),
        weight=rng.normal(3, 2, 2, 2),
        bias=rng.normal(3),
        stride=2,
        gradients=("x", "weight"),
        terms=9,
    )


CONV = Exercise(
    id="lenet.conv2d",
    cases=cases,
    oracle=oracle,
    wrong=(Wrong("flips the kernel", flipped, says="your kernel is flipped.", look="look at the order of indices."),),
    hints=HINTS,
    points=5,
    minutes=30,
    needs=("lenet.unfold2d",),
    speed=Speed(case=lambda rng: next(cases(rng)), limit=8.0, gold=2.0, against="F.conv2d"),
    memory=Memory(limit=16.0),
)
WATCHED = replace(CONV, forbidden=("torch.nn.functional.conv2d", "aten::*conv*"))


class Net(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.fc = nn.Linear(channels * 64, 4)

    def forward(self, x):
        return self.fc(self.relu1(self.conv1(x)).flatten(1))


class Reflects(Net):
    def __init__(self, channels=3):
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, padding_mode="reflect")


class Between(Net):
    def forward(self, x):
        return self.fc((self.relu1(self.conv1(x)) * 2).flatten(1))


class Larger(Net):
    def __init__(self, channels=3):
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 5, padding=2)


def net_cases(rng):
    weights = {name: rng.normal(*value.shape) for name, value in Net().state_dict().items()}
    steps = (new("net", channels=3), load("net", weights), call("out", Ref("x"), target="net"), backward("out", "net"))
    yield Case("two images", steps, inputs={"x": rng.normal(2, 1, 8, 8)}, terms=200)


NET = Exercise(id="lenet.Net", cases=net_cases, oracle=Net, wrong=(), hints=HINTS, points=3, minutes=10)


def student(source):
    """A function as it comes from a cell, with its lines at hand."""
    name = f"cell_{abs(hash(source))}.py"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {"torch": torch, "F": F}
    exec(compile(source, name, "exec"), space)
    return space["conv2d"]


def judged(answer, exercise=CONV, stages=False):
    run_stages = in_this_process(exercise, answer, CPU, stages=True) if stages else None
    return judge(exercise, in_this_process(exercise, answer, CPU), run_stages=run_stages)


def conv(change):
    """An answer with the right parameters: `change` gets what the oracle gives."""

    def conv2d(x, weight, bias=None, stride=1):
        return change(oracle(x, weight, bias, stride))

    return conv2d


def mismatched(expected, got, kind="value", path="out", failure=None, **more):
    """A verdict whose only case fails with this mismatch, or this failure."""
    found = Mismatch(kind, path, expected, got, f"expected {expected!r}, got {got!r}"[:80], **more)
    case = of_call("one", x=torch.ones(2, 2))
    problem = Problem("mismatch", "differs", found)
    if failure is not None:
        problem = Problem("failure", failure.message, failure=failure)
    return Verdict("lenet.conv2d", "not yet", 5, results=(CaseResult(case, problem),))


def both(verdict, exercise=CONV, **more):
    """The two forms, each as running text without layout and tags."""
    page = report.html(verdict, exercise, **more)
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    plain = html.unescape(re.sub(r"<[^>]+>", "", page.replace("</p>", " ").replace("</li>", " ")))
    return " ".join(report.text(verdict, exercise, **more).split()), " ".join(plain.split())


RAISES = "def conv2d(x, weight, bias=None, stride=1):\n    y = F.conv2d(x, weight)\n    return y.view(7, -1)\n"
ENDLESS = "def conv2d(x, weight, bias=None, stride=1):\n    while True:\n        pass\n"
STUB = "def conv2d(x, weight, bias=None, stride=1):\n    raise NotImplementedError()\n"
BORROWS = "def conv2d(x, weight, bias=None, stride=1):\n    return F.conv2d(x, weight, bias, stride)\n"


def in_place(x, weight, bias=None, stride=1):
    x += 1
    return oracle(x, weight, bias, stride)


def talks(x, weight, bias=None, stride=1):
    print("<script>alert(1)</script>\x1b[31m", x.shape)
    return oracle(x, weight, bias, stride)


RIGHT = replace(judged(talks), operators=10, seconds=0.09)
WITHIN = SpeedResult("within", 3.1, 3.0, 3.3, 8.0, 2.0, "F.conv2d", 12.0, 10, 9.0, 16.0)
OVER = replace(WITHIN, status="over", ratio=21.3, low=20.2, high=22.1, operators=16201, memory_ratio=3.0)

# name: verdict, exercise, what the report must say (in both forms)
SAMPLES = {
    "flipped": (judged(flipped), CONV, ["not yet: 1 of 3 cases", "your kernel is flipped.", "Both failing cases"]),
    "by hand": (judged(conv(lambda y: y + 1)), CONV, ["0·0 + 1·1 + 3·2 + 4·3 = 19", "4 of 4 values differ"]),
    "unknown": (judged(conv(lambda y: y.cos())), CONV, ["no known mistake matches", "Next: work the first value"]),
    "shape": (judged(conv(lambda y: y.squeeze(0))), CONV, ["shape (1, 2, 2), expected (1, 1, 2, 2)", "length 1"]),
    "size": (judged(conv(lambda y: y[..., :-1])), CONV, ["shape (1, 1, 2, 1)", "off by one", "axis 3 out by hand"]),
    "dtype": (
        judged(conv(lambda y: y.double())),
        CONV,
        ["torch.float64, expected torch.float32 (the input's", "NumPy"],
    ),
    "none": (judged(conv(lambda y: None)), CONV, ["got None", "without return"]),
    "numpy": (judged(conv(lambda y: y.detach().numpy())), CONV, ["a NumPy array", "stay in torch"]),
    "list": (judged(conv(lambda y: [y])), CONV, ["got a list of 1", "torch.stack"]),
    "nan": (judged(conv(lambda y: y / 0 * 0)), CONV, ["NaN or infinite", ".isnan().any()"]),
    "infinite": (judged(conv(lambda y: y / 0)), CONV, ["NaN or infinite", ".isinf().any()"]),
    "alias": (judged(lambda x, weight, bias=None, stride=1: x), CONV, ["shares memory with the input x", ".clone()"]),
    "in place": (judged(in_place), CONV, ["changed its input x", "x.clone()"]),
    "no gradient": (judged(conv(lambda y: y.detach())), CONV, ["no gradient reaches x", ".detach()"]),
    "raised": (judged(student(RAISES)), CONV, ["your code raised RuntimeError", "line 3: return y.view(7, -1)"]),
    "timeout": (
        judged(student(ENDLESS), replace(CONV, time_limit=0.3)),
        CONV,
        ["stopped after 0.3 s in case “3×3", "2 more cases were not run"],
    ),
    "unsolved": (judged(student(STUB)), CONV, ["not solved yet. Fill in the cell above", "hint(conv2d)"]),
    "signature": (
        judged(lambda x: x),
        CONV,
        ["don't fit", "your signature is (x)", "conv2d(x, weight, bias=None, str"],
    ),
    "forbidden": (judged(student(BORROWS), WATCHED), WATCHED, ["not from scratch: F.conv2d was called", "line 2:"]),
    "missing": (Verdict("lenet.conv2d", "missing", 5), CONV, ["there is no conv2d yet. Run the cell above"]),
    "reference": (
        Verdict("lenet.conv2d", "missing", 5, failure=Failure("missing", "this conv2d is the reference, not yours")),
        CONV,
        ["this conv2d is the reference, not yours", "define your own conv2d"],
    ),
    "alone": (
        replace(RIGHT, status="not yet", failure=Failure("raised", "right here, but: NameError: no helper")),
        CONV,
        ["right here (3 of 3 cases), but not yet on its own", "NameError: no helper", "restart the kernel"],
    ),
    "too large": (
        mismatched(1, 2, failure=Failure("output", "your answer returned 3 GB")),
        CONV,
        ["Your answer returned 3 GB.", "no more."],
    ),
    "crashed": (
        Verdict("lenet.conv2d", "not yet", 5, failure=Failure("crashed", "the process ended with signal 11")),
        CONV,
        ["Python itself came down", "signal 11", "Next:"],
    ),
    "right": (
        RIGHT,
        WATCHED,
        ["right: 3 of 3 cases, values and gradients", "10 operators, none forbidden", "measuring"],
    ),
    "accepted": (
        with_speed(CONV, RIGHT, WITHIN),
        CONV,
        ["accepted, 5 of 5 points", "3.1 × F.conv2d (3.0–3.3), allowed 8 ×, gold 2 ×", "9 × the input"],
    ),
    "gold": (with_speed(CONV, RIGHT, replace(WITHIN, ratio=1.5, low=1.4, high=1.6)), CONV, ["· gold", "×: gold"]),
    "slow": (
        with_speed(CONV, RIGHT, OVER),
        CONV,
        ["right but slow", "21 × F.conv2d (20–22)", "16,201 operators", "unfold2d"],
    ),
    "hungry": (with_speed(CONV, RIGHT, replace(WITHIN, memory_ratio=40.0)), CONV, ["memory budget", "40 × the input"]),
    "busy": (
        with_speed(CONV, RIGHT, replace(WITHIN, status="inconclusive", low=3.0, high=9.4)),
        CONV,
        ["accepted", "something else is using this machine", "3.0–9.4", "Your answer is right; run the check again"],
    ),
    "stage": (judged(Reflects, NET, stages=True), NET, ["First stage that differs: conv1", "input ✓", "border"]),
    "between": (judged(Between, NET, stages=True), NET, ["What enters fc is wrong already", "between relu1 and it"]),
    "parameters": (judged(Larger, NET), NET, ["the parameters don't fit".capitalize(), "← first that differs"]),
    "scalar": (mismatched(torch.tensor(2.0), torch.tensor(2.5), allowed=1e-6), CONV, ["expected 2.000, got 2.500"]),
    "number": (mismatched(3, 4, path="out['n'][1]"), CONV, ["Item 1 of “n” in the result: expected 3, got 4."]),
    "length": (mismatched([1, 2, 3], [1, 2], "length"), CONV, ["Expected 3 items in the result, got 2"]),
    "keys": (mismatched({"a": 1}, {"b": 1}, "keys"), CONV, ["exactly the names"]),
    "device": (
        replace(mismatched(1, 2), results=(CaseResult(next(cases(None)), Problem("device", "out is on cpu")),)),
        CONV,
        ["Out is on cpu", "device=x.device"],
    ),
}
