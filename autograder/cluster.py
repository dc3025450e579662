"""Sends submissions to the workers of a Dask cluster, on this machine or any other, and takes their marks back.

The workers are trusted: they hold the judge, and start a sandboxed process for each answer. No two answers run in one
worker at a time.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from types import TracebackType
from typing import Any, TypeAlias

import dask
import torch
from distributed import Client, Future, LocalCluster, as_completed, fire_and_forget
from distributed.scheduler import KilledWorker

from autograder import marks, packs, quiet_end, registry, steady
from autograder.grading import correctness, grade_trusting, with_speed_judged
from autograder.judge import judge, with_speed
from autograder.marks import Mark
from autograder.sandbox import protections
from autograder.sandbox.parent import SandboxError, running_zygote
from autograder.slicing import Cell
from autograder.spec import Exercise, Verdict, of_call
from autograder.worker import Worker
from p2v_data import UserError

SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,  # we try again ourselves, one exercise at a time
    "distributed.worker.daemon": False,  # or no process could be started for a trusted answer
}
DIED = "the process that graded it was killed, twice; most likely this machine ran out of memory"


class ClusterError(UserError):
    """The cluster can't grade, or is gone; what was graded so far is kept."""


@dataclass(frozen=True)
class Job:
    """Exercises of one submitted notebook, for one slot.

    code: the fingerprint of the checks to use. speed: judge the speed of right answers too. found: what is known of a
    right answer already. tries: how often its worker has died.
    """

    student: str
    notebook: str
    exercises: tuple[str, ...]
    cells: tuple[Cell, ...]
    source: str
    seed: int
    code: str
    speed: bool = False
    trust: bool = False
    found: Verdict | None = None
    tries: int = 0


@dataclass(frozen=True)
class Outcome:
    """An exercise's mark; or None, and in words why grading failed. right: what its speed is to be judged on."""

    exercise: str
    mark: Mark | None
    fault: str = ""
    right: Verdict | None = None


Outcomes: TypeAlias = Sequence[Outcome]
_one_at_a_time = threading.Lock()  # also keeps a worker of several threads from starting two zygotes


def fingerprint(exercises: Iterable[str]) -> str:
    """What verdicts rest on besides the answers: the program's version, the lessons' checks and the case pack."""
    lessons = {name.partition(".")[0] for name in exercises}
    return "-".join([marks.judge_version(), *sorted(marks.spec_hash(f"{lesson}.all") for lesson in lessons)])


def ready() -> None:
    """Gets a worker ready for its first job."""
    with _one_at_a_time, suppress(SandboxError):  # which that job will report
        if not protections.refusal():
            running_zygote()


@cache
def settle() -> None:
    """Readies a worker for long work. What it has imported by now would be searched for garbage again and again."""
    quiet_end.after_all()
    steady.keep_memory()
    gc.freeze()


def judged(job: Job) -> Outcomes:
    """Carries a job out. This runs in a worker. Raises ClusterError if the worker isn't fit for it."""
    with _one_at_a_time:
        if fingerprint(job.exercises) != job.code:
            raise ClusterError(
                "it has another version of the course or of the case pack; put the same on every machine"
            )
        refusal = "" if job.trust else protections.refusal()
        if refusal:
            raise ClusterError(refusal)
        torch.set_num_threads(1)
        settle()
        pack = packs.chosen()
        return [_outcome(pack.applied(registry.find(name)), job) for name in job.exercises]


def _outcome(exercise: Exercise, job: Job) -> Outcome:
    try:
        verdict = _verdict(exercise, job)
    except Exception as error:
        return Outcome(exercise.id, None, fault=f"{type(error).__name__}: {error}")
    waits = verdict.status == "right"
    mark = marks.mark_of(verdict, exercise, source=job.source, sandboxed=not job.trust, timed=not waits)
    return Outcome(exercise.id, mark, right=_light(verdict) if waits else None)


def _verdict(exercise: Exercise, job: Job) -> Verdict:
    if job.trust:
        return _trusting(exercise, job)
    try:
        verdict = job.found or correctness(exercise, job.cells, seed=job.seed)
        return _with_speed(exercise, job, verdict)
    except SandboxError:  # the machine's fault, and perhaps a passing one
        return _with_speed(exercise, job, correctness(exercise, job.cells, seed=job.seed))


def _with_speed(exercise: Exercise, job: Job, verdict: Verdict) -> Verdict:
    if exercise.speed is None:
        return with_speed(exercise, verdict, None)
    return with_speed_judged(exercise, job.cells, verdict) if job.speed else verdict


def _trusting(exercise: Exercise, job: Job) -> Verdict:
    if job.speed:
        return grade_trusting(exercise, job.cells, seed=job.seed)
    with Worker(exercise, job.cells, None) as worker:
        verdict = judge(exercise, worker.run, seed=job.seed)
    return with_speed(exercise, verdict, None) if exercise.speed is None else verdict


def _light(verdict: Verdict) -> Verdict:
    """A right answer's verdict without the data of its cases, which nobody asks for any more."""
    bare = (replace(of_call(item.case.name), hidden=item.case.hidden) for item in verdict.results)
    results = (replace(item, case=case) for item, case in zip(verdict.results, bare, strict=True))
    return replace(verdict, results=tuple(results))


class Cluster:
    """Slots to grade in: this machine's cores, or the workers of the scheduler at `address`. Use as a context."""

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        for name in ("distributed", "distributed.client"):  # what matters is said in our words
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._own: LocalCluster | None = None
        if address is None:
            with dask.config.set(SETTINGS):
                self._own = _local(workers)
        try:
            self.client = Client(self._own or address, set_as_default=False, timeout=30)
        except (OSError, ValueError) as error:
            raise ClusterError(f"no Dask scheduler answers at {address}: {error}") from None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        if self._own is not None:
            self._own.close()

    @property
    def slots(self) -> int:
        """How many jobs are worked on at once: one in each worker."""
        return max(1, len(self.client.nthreads()))

    def warm_up(self) -> None:
        """Has every worker import what it needs and start its zygote, while the caller does something else."""
        for worker in self.client.nthreads():
            fire_and_forget(self.client.submit(ready, pure=False, workers=[worker]))

    def results(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcomes]]:
        """Has jobs carried out, as many at a time as there are slots; the outcomes as they come.

        Where a worker dies, the job's exercises are tried once more, each on its own, so that one of them costs none
        of the others. Raises ClusterError.
        """
        waiting, again = iter(jobs), deque[Job]()
        going: dict[Future[Any], Job] = {}
        done = as_completed(loop=self.client.loop, raise_errors=False)

        def fill() -> None:
            for _ in range(self.slots - len(going)):
                job = again.popleft() if again else next(waiting, None)
                if job is None:
                    return
                future = self.client.submit(judged, job, pure=False)
                going[future] = job
                done.add(future)

        fill()
        while going:
            future = next(done)
            job = going.pop(future)
            outcomes = _result(future, job)
            if outcomes is None:
                again += [replace(job, exercises=(name,), tries=1) for name in job.exercises]
            fill()
            if outcomes is not None:
                yield job, outcomes


class Slots:
    """A cluster that is started when it is first needed, or at once if `warm`. Use as a context."""

    def __init__(self, workers: int | None, scheduler: str | None, *, warm: bool) -> None:
        self._start = partial(Cluster, workers, scheduler)
        self._warm = warm
        self._cluster: Cluster | None = None

    def __enter__(self) -> Slots:
        if self._warm:
            self.cluster().warm_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._cluster is not None:
            self._cluster.__exit__(kind, error, trace)

    def cluster(self) -> Cluster:
        """The cluster. Raises ClusterError."""
        if self._cluster is None:
            self._cluster = self._start()
        return self._cluster


def _result(future: Future[Any], job: Job) -> Outcomes | None:
    """What came of a job; None if it is to be tried again."""
    if future.status == "finished":
        found: Outcomes = future.result()
        return found
    error = future.exception() if future.status == "error" else None
    if isinstance(error, KilledWorker):
        return [Outcome(name, None, fault=DIED) for name in job.exercises] if job.tries else None
    if isinstance(error, ClusterError):
        raise ClusterError(f"a worker can't grade: {error}")
    if error is None:
        raise ClusterError("the Dask scheduler is gone. What was graded is kept: run the same command again.")
    return [Outcome(name, None, fault=f"{type(error).__name__}: {error}") for name in job.exercises]


def _local(workers: int | None) -> LocalCluster:
    options: dict[str, Any] = {"n_workers": workers, "threads_per_worker": 1, "processes": True}
    # memory_limit: a worker that Dask finds too large would be paused for ever. security: others on this machine
    # could otherwise send the workers code to run.
    quiet = {"dashboard_address": "127.0.0.1:0", "memory_limit": 0, "silence_logs": logging.CRITICAL}
    return LocalCluster(**options, **quiet, security=True)
