"""Our references against what people would use instead: the same weights, interleaved, one thread, CPU time.

Under both ways of the C library's allocator: as it comes, where large blocks are given back to the system and cost page
faults at their next use, and kept. What is quick under one of them only is the environment's doing.
"""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from tqdm import tqdm

from autograder import machine, steady
from autograder.bench.pair import Answer, Pair
from autograder.bench.pairs import pairs
from autograder.marks import now
from autograder.timing import cpu_seconds, one_thread, spread
from p2v_data import UserError

ALLOCATORS = ("as it comes", "kept")
FEWEST, MOST, LONGEST = 6, 40, 12.0  # rounds, and seconds for a pair
WIDTH = 200  # of the table where it goes into a file
PULL = 20061  # a seed that no input has: a gradient along its input is one that a norm doesn't feel
EQUAL = 1e-4  # the largest difference, relative to the largest value: float32 through fifty layers


@dataclass(frozen=True)
class Compared:
    """A pair's times. ratio, low, high: ours over the peer's; noise: the peer's over its own, at most; differ: the
    largest difference of the two results, and of their gradients, relative to the largest value."""

    name: str
    peer: str
    allocator: str
    wanted: float | None
    ratio: float
    low: float
    high: float
    noise: float
    ours_ms: float
    peer_ms: float
    differ: float

    @property
    def equal(self) -> bool:
        """Whether both give the same."""
        return self.differ <= EQUAL

    @property
    def reached(self) -> bool:
        """Whether ours gives the same, quickly enough: not surely slower, or as many times as quick as is wanted."""
        if not self.equal or self.wanted is None:
            return self.equal
        return self.low <= self.noise if self.wanted == 1 else self.ratio * self.wanted <= 1

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.equal and self.wanted is None:
            return "–"
        return ("reached" if self.reached else "missed") if self.equal else "differs"


def main(only: Sequence[str], *, as_json: bool) -> int:
    """Measures, each allocator in a process of its own, and prints; 1 if something is slower than it should be.

    only: words of which a pair's name must hold one; all if empty. Raises UserError if no name does.
    """
    chosen(only)
    found = []
    for allocator in ALLOCATORS:
        command = [sys.executable, "-m", __name__, allocator, *only]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise UserError("the measuring process ended early; what it said stands above. Is timm here?")
        said = done.stdout
        found += [Compared(**json.loads(line)) for line in said.splitlines()]
    if as_json:
        rows = [{**_without_nan(asdict(item)), "verdict": item.verdict} for item in found]
        print(json.dumps({"when": now(), "machine": machine.described(), "peers": rows}, indent=1))
    else:
        Console(width=None if sys.stdout.isatty() else WIDTH).print(table(found))
        print(f"{machine.described()}; one thread; {now()}")
    return int(not all(item.reached for item in found))


def _without_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {key: None if value != value else value for key, value in row.items()}


def chosen(only: Sequence[str]) -> list[Pair]:
    """The pairs whose name holds one of these words, in any case; all if there are none. UserError if no name does."""
    known = list(pairs())
    found = [pair for pair in known if not only or any(word.lower() in pair.name.lower() for word in only)]
    if not found:
        names = ", ".join(dict.fromkeys(pair.name.partition(",")[0] for pair in known))
        raise UserError(f"no reference is called {' or '.join(map(repr, only))}. There are {names}")
    return found


def compared(pair: Pair, allocator: str) -> Compared:
    """Measures a pair in this process."""
    ours, theirs, inputs = pair.made()
    differ = difference(ours, theirs, inputs, backward=pair.backward)
    if not differ <= EQUAL:  # what gives something else is not worth a time
        nothing = dict.fromkeys(("ratio", "low", "high", "noise", "ours_ms", "peer_ms"), math.nan)
        return Compared(pair.name, pair.peer, allocator, pair.wanted, **nothing, differ=differ)
    clocks = [_timed(answer, inputs, backward=pair.backward) for answer in 2 * (ours, theirs)]
    for clock in clocks:
        clock()
    rounds: list[list[float]] = []
    end = time.monotonic() + LONGEST
    while len(rounds) < MOST and (len(rounds) < FEWEST or time.monotonic() < end):
        rounds.append([clock() for clock in clocks])  # each follows the other one, whose data fill the caches
    ratio, low, high = spread([times for our, their, mine, its in rounds for times in ((our, their), (mine, its))])
    _, least, most = spread([(again, their) for _, their, _, again in rounds])
    ms = [1e3 * min(min(times[side], times[side + 2]) for times in rounds) for side in (0, 1)]
    return Compared(
        pair.name, pair.peer, allocator, pair.wanted, ratio, low, high, max(most, 1 / least), ms[0], ms[1], differ
    )


def difference(ours: Answer, theirs: Answer, inputs: tuple[Any, ...], *, backward: bool) -> float:
    """The largest difference of what the two give, relative to the largest value; with `backward` also of the
    gradients of inputs and parameters, each by itself. Leaves the two as they are.

    Gradients are compared in float64: in float32 two right ones may differ where a value near 0 meets a relu.
    """
    one, other = (_results(copy.deepcopy(answer), inputs, backward=backward) for answer in (ours, theirs))
    return max(_apart(mine, its) for mine, its in zip(one, other, strict=True))


def _results(answer: Answer, inputs: tuple[Any, ...], *, backward: bool) -> list[Tensor]:
    module = answer if isinstance(answer, torch.nn.Module) else torch.nn.Module()
    if not backward:
        with torch.no_grad():
            return [answer(*inputs)]
    module.double()
    given = [item.detach().double().requires_grad_() if _floats(item) else item for item in inputs]
    wrt = [*(item for item in given if _floats(item)), *module.parameters()]
    out = answer(*given)
    return [out.detach(), *torch.autograd.grad(out, wrt, _pull(out))]


def _pull(out: Tensor) -> Tensor:
    """A gradient at the output, the same for all that give one of this shape; uneven: norms don't feel an even one."""
    drawn: Tensor = torch.randn(out.shape, generator=torch.Generator().manual_seed(PULL)) / out.numel() ** 0.5
    return drawn.to(out)


def _apart(mine: Tensor, its: Tensor) -> float:
    largest = float(its.abs().max())
    return float((mine - its).abs().max()) / largest if largest else float(mine.abs().max())


def _timed(answer: Answer, inputs: tuple[Any, ...], *, backward: bool) -> Callable[[], float]:
    pull: Tensor | None = None

    def once() -> float:
        nonlocal pull
        given = [item.detach().requires_grad_(backward) if _floats(item) else item for item in inputs]
        with torch.set_grad_enabled(backward):
            start = cpu_seconds()
            out = answer(*given)
            if backward:  # the pull is there from the second time on; the first is to warm up
                pull = _pull(out) if pull is None else pull
                out.backward(pull)
            return cpu_seconds() - start

    return once


def _floats(item: Any) -> bool:
    return isinstance(item, Tensor) and item.is_floating_point()


def table(found: Sequence[Compared]) -> Table:
    """What was measured, a row for each pair and allocator."""
    rows = Table(title="Our references against their peers: CPU time, ours over the peer's")
    for heading in ("reference", "peer", "allocator"):
        rows.add_column(heading)
    for heading in ("ms", "peer's ms", "ratio", "least – most", "noise", "wanted", ""):
        rows.add_column(heading, justify="right")
    for item in found:
        rows.add_row(
            *(item.name, item.peer, item.allocator, f"{item.ours_ms:.1f}", f"{item.peer_ms:.1f}", f"{item.ratio:.2f}"),
            *(f"{item.low:.2f} – {item.high:.2f}", f"{item.noise:.2f}"),
            *("–" if item.wanted is None else f"≤ {1 / item.wanted:.2f}", item.verdict),
        )
    return rows


def _measured(allocator: str, only: Sequence[str]) -> Iterator[Compared]:
    with one_thread():
        for pair in tqdm(chosen(only), desc=allocator, unit="pair", disable=None):
            yield compared(pair, allocator)


if __name__ == "__main__":
    if sys.argv[1] == "kept":
        steady.keep_memory()
    for row in _measured(sys.argv[1], sys.argv[2:]):
        print(json.dumps(asdict(row)), flush=True)
