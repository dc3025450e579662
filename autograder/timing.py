"""Judges speed as a ratio to a baseline measured in the same run, interleaved, and says when it can't tell."""

from __future__ import annotations

import statistics
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from autograder.driver import run_case
from autograder.failures import TimeLimit
from autograder.forbid import Watch
from autograder.limits import captured, time_limit
from autograder.spec import Case, Exercise, Failure, Rng, SpecError, Speed, SpeedResult
from autograder.spec.verdict import SpeedStatus
from autograder.steady import kept_memory

GROUPS = 3  # the spread is that of the minima of three groups of rounds
FEWEST, MOST = 6, 24  # rounds, unless fewer leave no doubt
AGAIN = 15  # likewise, for a second look at an answer that seems slow
NOISE = 1.3  # the factor that times may be off by
LONGEST = 4.0  # seconds of measuring, of time or of anything else
HOPELESS = 4.0  # times the limit: one call settles it
PATIENCE = 2.0  # seconds that a first call may take, however hopeless: lazy imports, warm-up
UNSTEADY = 1.5  # high over low beyond which the machine is too busy to judge
Timed = Callable[[], float]


def measure_speed(
    exercise: Exercise, answer: Callable[..., Any], device: torch.device, seed: int
) -> SpeedResult | Failure | None:
    """The answer's speed (and peak memory) against the exercise's budget, or None where there is none.

    A Failure if the answer can't carry out the timed case at all, which is larger than those before.
    On the CPU the time is this process's CPU time with one torch thread; on a GPU it is device time.
    """
    if exercise.speed is None:
        return None
    try:
        return _measured(exercise, exercise.speed, answer, device, seed)
    except TimedCaseFailed as failed:
        return failed.failure


class TimedCaseFailed(Exception):
    """The answer broke on the input that is timed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def _measured(
    exercise: Exercise, budget: Speed, answer: Callable[..., Any], device: torch.device, seed: int
) -> SpeedResult:
    case = budget.case(Rng(seed))
    with captured():
        with torch.no_grad(), one_thread(), kept_memory():
            clock = _device_clock(device) if device.type == "cuda" else _cpu_clock
            ours = _timed(case, answer, device, clock)
            base = _timed(case, exercise.baseline, device, clock, whose="the baseline of " + exercise.id)
            pairs = _rounds(ours, base, budget)
            if spread(pairs)[1] > budget.limit:  # over its budget only if it is so twice: something may have interfered
                pairs = min(pairs, _rounds(ours, base, budget, AGAIN), key=lambda found: spread(found)[0])
        with suppress(TimeLimit), time_limit(LONGEST), Watch() as watch:
            run_case(case, answer, device=device)
        memory = None
        if exercise.memory is not None:
            memory = peak_bytes(case, answer, device) / max(1, _input_bytes(case))
    limit = exercise.memory.limit if exercise.memory else None
    return decide(pairs, budget, watch.operators, memory, limit)


def _rounds(ours: Timed, base: Timed, budget: Speed, fewest: int = FEWEST) -> list[tuple[float, float]]:
    """Interleaved times, as few as decide: (answer, baseline) in seconds."""

    def limited(seconds: float) -> float:
        with time_limit(seconds):
            return ours()

    base()
    reference = min(base(), base())
    return _first_and_others(limited, ours, base, reference, budget, fewest)


def outside_rounds(
    answer: Callable[[float], float], base: Timed, budget: Speed, fewest: int = FEWEST
) -> list[tuple[float, float]]:
    """Likewise for an answer in another process, which `answer(limit)` runs on what `base` ran on last.

    base: warm. answer: raises `TimeLimit` past `limit` seconds, after which its process is gone.
    """
    reference = base()
    return _first_and_others(answer, lambda: answer(LONGEST), base, reference, budget, fewest)


def _first_and_others(
    limited: Callable[[float], float], ours: Timed, base: Timed, reference: float, budget: Speed, fewest: int
) -> list[tuple[float, float]]:
    hopeless = HOPELESS * budget.limit * reference
    most = max(PATIENCE, hopeless)
    try:
        first = limited(most)  # the warm-up, unless it is hopeless
        settled = first > hopeless and limited(most) > hopeless
    except TimeLimit:
        first, settled = most, True
    if settled:
        return [(first, reference)] * GROUPS
    pairs: list[tuple[float, float]] = []
    end = time.monotonic() + LONGEST
    while len(pairs) < MOST and (len(pairs) < fewest or time.monotonic() < end):
        measured = base()
        pairs.append((ours(), measured))
        if len(pairs) % GROUPS == 0 and _clear(pairs, budget, fewest):
            break
    return pairs


def _clear(pairs: list[tuple[float, float]], budget: Speed, fewest: int) -> bool:
    """Whether more rounds would change nothing. A few are enough only below every edge, noise and all: what costs a
    student something takes `fewest`."""
    _, low, high = spread(pairs)
    edges = [budget.limit] + ([budget.gold] if budget.gold is not None else [])
    if len(pairs) < fewest:
        return high * NOISE < min(edges)
    return high < min(edges) or (high / low < UNSTEADY and not any(low <= edge <= high for edge in edges))


def spread(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """The ratio of the minima, with the lowest and highest of the groups'."""
    groups = [pairs[start::GROUPS] for start in range(GROUPS)]
    ratios = [min(a for a, _ in group) / min(b for _, b in group) for group in groups if group]
    overall = min(a for a, _ in pairs) / min(b for _, b in pairs)
    return overall, min(*ratios, overall), max(*ratios, overall)


def decide(
    pairs: list[tuple[float, float]],
    budget: Speed,
    operators: int = 0,
    memory: float | None = None,
    memory_limit: float | None = None,
) -> SpeedResult:
    """The verdict on interleaved times: over only if all of the spread is, inconclusive if the spread is too wide."""
    ratio, low, high = spread(pairs)
    status: SpeedStatus
    if high <= budget.limit:
        status = "within"
    elif low > budget.limit:
        status = "over"
    elif high / low > UNSTEADY:
        status = "inconclusive"
    else:
        status = "within" if ratio <= budget.limit else "over"
    return SpeedResult(
        status,
        ratio,
        low,
        high,
        budget.limit,
        budget.gold,
        budget.against or "the reference operator",
        answer_ms=1e3 * statistics.median(a for a, _ in pairs),
        operators=operators,
        memory_ratio=memory,
        memory_limit=memory_limit,
    )


def _timed(
    case: Case, answer: Callable[..., Any], device: torch.device, clock: Callable[[], Any], whose: str = ""
) -> Timed:
    """A function that runs the case once and gives the seconds it took inside the answer's calls."""

    def once() -> float:
        spent: list[float] = []

        @contextmanager
        def guard() -> Iterator[None]:
            stop = clock()
            yield
            spent.append(stop())

        trace = run_case(case, answer, device=device, guard=guard)
        if trace.failure is not None:
            if whose:
                raise SpecError(f"{whose} fails the timed case: {trace.failure.message}")
            raise TimedCaseFailed(trace.failure)
        return max(sum(spent), 1e-9)

    return once


def _cpu_clock() -> Callable[[], float]:
    start = cpu_seconds()
    return lambda: cpu_seconds() - start


def cpu_seconds() -> float:
    """This process's CPU time, all threads. Linux's own process clock stands still between ticks while an alarm
    on CPU time is set, and a little longer, so the resource usage is read where there is one."""
    if resource is None:
        return time.process_time()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _device_clock(device: torch.device) -> Callable[[], Callable[[], float]]:
    def clock() -> Callable[[], float]:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()

        def stop() -> float:
            end.record()
            torch.cuda.synchronize(device)
            return float(start.elapsed_time(end)) / 1e3

        return stop

    return clock


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread, so that CPU time means work and not waiting."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _LiveBytes(TorchDispatchMode):
    """Adds up the storages that operators make, and takes off those that die."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.now = 0
        self.peak = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for item in result if isinstance(result, tuple | list) else (result,):
            if isinstance(item, torch.Tensor):
                self._keep(item.untyped_storage())
        return result

    def _keep(self, storage: Any) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()

        def gone(_: Any) -> None:
            self._known.pop(key, None)
            self.now -= size

        self._known[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)


def peak_bytes(case: Case, answer: Callable[..., Any], device: torch.device) -> int:
    """The most bytes alive at once among the tensors that the answer made while the case ran (a few seconds of it)."""
    live = _LiveBytes()
    with suppress(TimeLimit), time_limit(LONGEST):
        run_case(case, answer, device=device, guard=lambda: live)
    return live.peak


def _input_bytes(case: Case) -> int:
    return sum(value.nbytes for value in case.inputs.values() if isinstance(value, torch.Tensor))
