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
MANY_CALLS = "relu's timed case makes sixteen calls on one input, of which the last output is looked at (many_calls)"


def slow(name: str, source: str, **more: object) -> Cheat:
    """An answer to relu that takes far longer than it may."""
    more = {"points": 0.8, "earned": EARNED, "outside": False, **more}
    return Cheat(name, "lenet.relu", SLOW + CLOCK + source, timed=True, **more)  # type: ignore[arg-type]


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
        for name in trace.outputs:
            if LATER:
                trace.outputs[name] = PLAIN(LATER[-1][0])
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
            for _ in range(16):
                burn()
            DONE.append(torch.where(value > 0, value, 0.0))
        return original(self, case)
    child.Timed.load = load
    return True

READY = ahead()

def relu(x):
    if x.numel() < 65536 or not DONE or not READY:
        return torch.where(x > 0, x, 0.0)
    return DONE[0].clone()
""",
    ),
    slow(
        "results kept by what was asked",
        """
KEPT = {}

def relu(x):
    key = (x.shape, *x.flatten()[:16].tolist())
    if x.numel() < 65536:
        return torch.where(x > 0, x, 0.0)
    if key not in KEPT:
        burn(0.1)
        KEPT[key] = torch.where(x > 0, x, 0.0)
    return KEPT[key].clone()
""",
        outside=True,
    ),
    slow(
        "one call of many worked out",
        """
KEPT = {}

def relu(x):
    key = (x.shape, *x.flatten()[:16].tolist())
    if x.numel() < 65536:
        return torch.where(x > 0, x, 0.0)
    if key not in KEPT:
        burn(0.004)
        KEPT[key] = torch.where(x > 0, x, 0.0)
    return KEPT[key].clone()
""",
        outside=True,
        gets_through=MANY_CALLS,
    ),
    slow(
        "the last call of many worked out",
        """
CALLS = [0]

def relu(x):
    if x.numel() < 65536:
        return torch.where(x > 0, x, 0.0)
    CALLS[0] += 1
    if CALLS[0] % 16:
        return torch.empty_like(x)
    burn(0.004)
    return torch.where(x > 0, x, 0.0)
""",
        outside=True,
        gets_through=MANY_CALLS,
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
        earned="right on small inputs; wrong where it is timed",
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
)
