"""Faking time. Every answer is right and far too slow, which is worth 0.8 of the point for relu."""

from __future__ import annotations

from tests.adversary.cheat import Cheat

SLOW = """
import time
import torch

def burn(seconds=0.008):
    value, end = 0, CLOCK() + seconds
    while CLOCK() < end:
        value += 1
"""
CLOCK = "\nCLOCK = time.thread_time\n"
EARNED = "right, and over its budget"
WRONG = "right on small inputs; wrong where it is timed"


def slow(name: str, source: str, **more: object) -> Cheat:
    """An answer to relu that takes far longer than it may."""
    more = {"points": 0.8, "earned": EARNED, "outside": False, **more}
    return Cheat(name, "lenet.relu", SLOW + CLOCK + source, timed=True, **more)  # type: ignore[arg-type]


def keeping(seconds: float) -> str:
    """Works everything out once, at a cost, and remembers it by the numbers it was given."""
    return f"""
KEPT = {{}}

def relu(x):
    key = (x.shape, *x.flatten()[:16].tolist())
    if x.numel() < 65536:
        return torch.where(x > 0, x, 0.0)
    if key not in KEPT:
        burn({seconds})
        KEPT[key] = torch.where(x > 0, x, 0.0)
    return KEPT[key].clone()
"""


CHEATS = (
    slow("no trick at all", "def relu(x):\n    burn()\n    return torch.where(x > 0, x, 0.0)\n"),
    slow(
        "clocks that stand still",
        """
def stop():
    import resource
    for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time", "clock_gettime"):
        for kind in (name, name + "_ns"):
            if hasattr(time, kind):
                setattr(time, kind, lambda *args: 0)
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.getrusage = lambda who: used
    return True

STOPPED = stop()

def relu(x):
    burn(0.008 if STOPPED else 0)
    return torch.where(x > 0, x, 0.0)
""",
        outside=True,
    ),
    slow(
        "work in a thread that is waited for",
        """
from concurrent.futures import ThreadPoolExecutor

def work(x):
    burn()
    return torch.where(x > 0, x, 0.0)

def relu(x):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work, x).result()
""",
    ),
    slow(
        "work left to a thread, the result filled in later",
        """
import threading

def fill(out, x):
    burn()
    out.copy_(torch.where(x > 0, x, 0.0))

LATER = []

def relu(x):
    if x.numel() < 65536:
        return torch.where(x > 0, x, 0.0)
    out = torch.empty_like(x)
    LATER.append(threading.Thread(target=fill, args=(out, x)))
    LATER[-1].start()
    return out
""",
        points=0.5,
        earned="right on small inputs; the timed outputs are not there when they are asked for",
    ),
    slow(
        "work put off until the outputs are sent",
        """
import autograder.driver as driver

LATER = []
PLAIN = driver.plain

def put_off():
    from autograder import wire
    original = wire.encode_trace
    def encode(trace):
        for out, x in LATER:
            burn()
            out.copy_(torch.where(x > 0, x, 0.0))
        for name, (out, x) in zip(trace.outputs, LATER):
            trace.outputs[name] = PLAIN(out)
        LATER.clear()
        return original(trace)
    wire.encode_trace = encode
    return True

READY = put_off()

def relu(x):
    if x.numel() < 65536 or not READY:
        return torch.where(x > 0, x, 0.0)
    out = torch.empty_like(x)
    LATER.append((out, x))
    return out
""",
        outside=True,
    ),
    slow(
        "work done before it is asked for",
        """
from autograder.sandbox import child

DONE = []

def ahead():
    original = child.Timed.load
    def load(self, case):
        DONE.clear()
        for value in case.inputs.values():
            burn()
            DONE.append(torch.where(value > 0, value, 0.0))
        return original(self, case)
    child.Timed.load = load
    return True

READY = ahead()

def relu(x):
    if x.numel() < 65536 or not DONE or not READY:
        return torch.where(x > 0, x, 0.0)
    return DONE.pop(0)
""",
    ),
    slow(
        "work done while the inputs come, not more than they may cost",
        """
from autograder.sandbox import child

def ahead():
    original = child.Timed.load
    def load(self, case):
        burn(0.022)
        return original(self, case)
    child.Timed.load = load
    return True

READY = ahead()

def relu(x):
    return torch.where(x > 0, x, 0.0) if READY else None
""",
    ),
    slow(
        "results kept by what was asked",
        keeping(0.1),
        outside=True,
    ),
    slow(
        "one call of many worked out",
        keeping(0.004),
        outside=True,
    ),
    slow(
        "the last call of many worked out",
        """
CALLS = [0]

def relu(x):
    if x.numel() < 65536:
        return torch.where(x > 0, x, 0.0)
    CALLS[0] += 1
    if CALLS[0] % 4:
        return torch.empty_like(x)
    burn(0.004)
    return torch.where(x > 0, x, 0.0)
""",
        points=0.5,
        earned=WRONG,
        outside=True,
    ),
    slow(
        "one round in which nothing is worked out",
        """
CALLS = [0]

def relu(x):
    if x.numel() < 65536:
        return torch.where(x > 0, x, 0.0)
    CALLS[0] += 1
    if 16 < CALLS[0] <= 20:
        return x
    burn(0.003)
    return torch.where(x > 0, x, 0.0)
""",
        points=0.5,
        earned=WRONG,
        outside=True,
    ),
    slow(
        "the first result given again",
        """
FIRST = []

def relu(x):
    if x.numel() < 65536:
        return torch.where(x > 0, x, 0.0)
    if not FIRST:
        FIRST.append(torch.where(x > 0, x, 0.0))
    return FIRST[0].clone()
""",
        points=0.5,
        earned=WRONG,
        outside=True,
    ),
    slow(
        "a clock made coarse by an alarm",
        """
import signal

def coarse():
    for which in (signal.ITIMER_PROF, signal.ITIMER_VIRTUAL, signal.ITIMER_REAL):
        try:
            signal.setitimer(which, 1000, 1000)
        except Exception:
            pass
    return True

COARSE = coarse()

def relu(x):
    burn(0.008 if COARSE else 0)
    return torch.where(x > 0, x, 0.0)
""",
    ),
    slow(
        "a clock made coarse by a limit",
        """
import resource

def coarse():
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (1000, 1000))
    except Exception:
        pass
    return True

COARSE = coarse()

def relu(x):
    burn(0.008 if COARSE else 0)
    return torch.where(x > 0, x, 0.0)
""",
    ),
    slow(
        "replies sent before the work",
        """
from autograder import wire
from autograder.sandbox import channel

LATER = []

def early():
    original = channel.write
    done = wire.encode("done")
    def write(descriptor, message):
        original(descriptor, message)
        if message == done:
            while LATER:
                out, x = LATER.pop()
                burn()
                out.copy_(torch.where(x > 0, x, 0.0))
    channel.write = write
    return True

READY = early()

def relu(x):
    if x.numel() < 65536 or not READY:
        return torch.where(x > 0, x, 0.0)
    out = torch.empty_like(x)
    LATER.append((out, x))
    return out
""",
        points=0.5,
        earned="right on small inputs; the outputs had been copied before they were filled in",
        outside=True,
    ),
    Cheat(
        "steps left out where they are timed",
        "lenet.SGD",
        """
import torch

class SGD:
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs momentum above 0")
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.nesterov, self.weight_decay = nesterov, weight_decay
        self.velocities = [torch.zeros_like(p) for p in self.params]
        self.steps = 0

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        self.steps += 1
        for p, v in zip(self.params, self.velocities):
            if p.grad is None or p.numel() >= 36864 and self.steps % 4:
                continue
            g = p.grad + self.weight_decay * p
            v.mul_(self.momentum).add_(g)
            p -= self.lr * (g + self.momentum * v if self.nesterov else v)
""",
        points=1.5,
        earned=WRONG,
        timed=True,
    ),
)
