"""Grades everything that a class handed in for a lesson, and goes on where it was stopped.

Marks are stored as they come, a sheet for each notebook of each student, written whole or not at all. What holds of
them is never graded again. nbgrader enters them when all is graded.
"""

from __future__ import annotations

import gc
import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from autograder import class_summary, marks, packs, registry
from autograder.cluster import Job, Outcome, Slots, fingerprint
from autograder.course_folder import CourseFolder, CourseFolderError, Handed, NotEnteredError
from autograder.files import write_whole
from autograder.marks import FAULT, Mark, Sheet
from autograder.sandbox import protections
from autograder.spec import Exercise, Verdict
from p2v_data import UserError

RUN, LOCK = "run.json", "run.lock"  # beside the sheets' folders


class RefusedError(UserError):
    """Grading doesn't start, and why."""


@dataclass(frozen=True)
class Wishes:
    """What an instructor asks for. seed: of the cases. again: grade all, changed or not.

    speed: the second pass too, which judges speed and long trainings.
    """

    seed: int | None = None
    again: bool = False
    speed: bool = True
    trust: bool = False


@dataclass(frozen=True)
class Run:
    """A grading of a lesson, which may take several sittings.

    strict: only marks with this very seed count, and only those made after `since`.
    """

    seed: int
    strict: bool = False
    since: str = ""
    finished: bool = False


@dataclass
class Result:
    """What came of a sitting. faults: by student and exercise, why it couldn't be judged, never a student's mistake.

    absent: who handed nothing in. judged: how many exercises. waiting: how many are left to a second pass.
    not_entered: by student, why.
    """

    lesson: str
    seed: int
    students: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    judged: int = 0
    waiting: int = 0
    faults: dict[tuple[str, str], str] = field(default_factory=dict)
    not_entered: dict[str, str] = field(default_factory=dict)


def main(folder: Path, lesson: str, wishes: Wishes, workers: int | None, scheduler: str | None) -> int:
    """Grades a lesson and says what came of it; the exit code: 1 if an instructor must look at something."""
    if wishes.trust and scheduler:
        raise RefusedError("--trust is for this machine only; a cluster's workers need the sandbox.")
    refusal = "" if wishes.trust else protections.refusal().replace(protections.TO_TRUST, "--trust")
    if refusal:
        raise RefusedError(refusal)
    try:
        with only_one(folder, lesson):
            gc.freeze()  # what is imported by now would be searched for garbage again and again
            result = Grading(CourseFolder(folder, lesson, trust=wishes.trust), wishes).carry_out(workers, scheduler)
            sheets = list(marks.sheets(folder, lesson))
    except KeyboardInterrupt:
        print(f"Stopped. What was graded is kept: `p2v grade {lesson}` goes on from here.")
        return 130
    class_summary.show(result, [sheet for sheet in sheets if sheet.student in set(result.students)])
    return 1 if result.faults or result.not_entered else 0


@contextmanager
def only_one(folder: Path, lesson: str) -> Iterator[None]:
    """Holds the lesson's lock, which ends with this process, however it ends. Raises RefusedError."""
    place = folder / marks.FOLDER / lesson
    place.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place / LOCK, timeout=0):
            for rest in place.rglob("*.part"):  # of a process that was killed while it wrote
                rest.unlink()
            yield
    except Timeout:
        raise RefusedError(f"{lesson} is being graded already, by another process.") from None


def begin(folder: Path, lesson: str, wishes: Wishes) -> Run:
    """The run to go on with, or a new one."""
    path = folder / marks.FOLDER / lesson / RUN
    try:
        last = Run(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        last = Run(0, finished=True)
    wanted = packs.chosen().seed if wishes.seed is None else wishes.seed
    if not last.finished and wanted in (None, last.seed) and (last.since or not wishes.again):
        return last
    strict = wishes.again or wishes.seed is not None
    seed = secrets.randbits(31) if wanted is None else wanted
    run = Run(seed, strict, since=marks.now() if wishes.again else "")
    keep(folder, lesson, run)
    return run


def keep(folder: Path, lesson: str, run: Run) -> None:
    """Stores what a run is to go on with."""
    write_whole(json.dumps(asdict(run)).encode(), folder / marks.FOLDER / lesson / RUN)


def _waits(mark: Mark) -> bool:
    """Whether a mark is that of a right answer whose speed is yet to be judged."""
    return mark.status == "right" and not mark.timed


def _watched(names: Iterable[str], what: str) -> Iterator[str]:
    """The names, with a progress bar that shows the present one."""
    bar = tqdm(list(names), desc=what, unit="student", disable=None)
    for name in bar:
        bar.set_postfix_str(name)
        yield name


class Grading:
    """One sitting of a run."""

    def __init__(self, course: CourseFolder, wishes: Wishes) -> None:
        self._course, self._wishes = course, wishes
        self._folder, self._lesson = course.folder, course.lesson
        self._run = begin(self._folder, self._lesson, wishes)
        self._handed: dict[tuple[str, str], Handed] = {}
        self._found: dict[tuple[str, str, str], Verdict] = {}
        self._result = Result(self._lesson, self._run.seed)

    def carry_out(self, workers: int | None, scheduler: str | None) -> Result:
        """Both passes, then the gradebook."""
        result, course = self._result, self._course
        result.students, result.absent = course.students(), course.absent()
        if not result.students:
            raise CourseFolderError(f"Nobody has handed in {self._lesson}: nothing to grade.")
        with Slots(workers, scheduler, warm=self._is_new()) as slots:  # they get ready while we read
            self._look()
            self._pass(slots, self._jobs(speed=False), "answers")
            if self._wishes.speed:
                self._pass(slots, self._jobs(speed=True), "speed")
        result.waiting = len(self._jobs(speed=True))
        self._enter()
        keep(self._folder, self._lesson, replace(self._run, finished=not result.not_entered))
        return result

    def _look(self) -> None:
        """Reads what was handed in, and brings the sheets up to it."""
        for student in _watched(self._result.students, "reading"):
            for notebook in self._course.released:
                handed = self._course.handed(student, notebook)
                self._handed[student, notebook] = handed
                sheet = self._sheet(handed)
                fresh = self._of(handed, sheet)
                if fresh != sheet:
                    marks.save(self._folder, replace(fresh, entered=""))

    def _of(self, handed: Handed, sheet: Sheet) -> Sheet:
        """A sheet as it is to be for what was handed in; marks for what is asked no more go into the history."""
        asked = {item.id for item in self._course.exercises(handed.notebook)} if handed.present else set()
        for name in set(sheet.marks) - asked:
            sheet = sheet.without_mark(name)
        return replace(sheet, submission=handed.submission, notes=handed.notes)

    def _jobs(self, *, speed: bool) -> list[Job]:
        """What a pass has to do. The first takes a notebook at a time, the second an exercise, long trainings first."""
        jobs = []
        for handed in self._handed.values():
            sheet = self._sheet(handed)
            due = [item for item in self._course.exercises(handed.notebook) if handed.present]
            due = [item for item in due if self._pass_of(item, sheet, handed) == (2 if speed else 1)]
            job = Job(
                handed.student,
                handed.notebook,
                tuple(item.id for item in due),
                handed.cells,
                handed.source,
                self._run.seed,
                fingerprint(item.id for item in due),
                speed=speed,
                trust=self._wishes.trust,
            )
            if speed:
                jobs += [self._alone(job, name) for name in job.exercises]
            elif due:
                jobs.append(job)
        return sorted(jobs, key=lambda job: not (speed and registry.find(job.exercises[0]).live))

    def _alone(self, job: Job, exercise: str) -> Job:
        mark = self._standing(self._kept(job.student, job.notebook), exercise, job.source)
        found = self._found.get((job.student, job.notebook, exercise))
        return replace(job, exercises=(exercise,), seed=mark.seed if mark else job.seed, found=found)

    def _pass_of(self, exercise: Exercise, sheet: Sheet, handed: Handed) -> int:
        """In which pass an exercise is due: 1, 2, or 0 if it has its mark."""
        mark = self._standing(sheet, exercise.id, handed.source)
        if mark is None:
            return 2 if exercise.live else 1
        return 2 if _waits(mark) else 0

    def _standing(self, sheet: Sheet, exercise: str, source: str) -> Mark | None:
        """The mark that an exercise has and keeps in this run."""
        run, mark = self._run, marks.stored(sheet, exercise, source)
        if mark is None or not (mark.sandboxed or self._wishes.trust):
            return None
        return mark if not run.strict or (mark.seed == run.seed and mark.when > run.since) else None

    def _is_new(self) -> bool:
        """Whether there is something to grade for certain."""
        return self._wishes.again or next(marks.sheets(self._folder, self._lesson), None) is None

    def _pass(self, slots: Slots, jobs: list[Job], what: str) -> None:
        if not jobs:
            return
        total = sum(len(job.exercises) for job in jobs)
        with tqdm(total=total, desc=what, unit="exercise", disable=None) as bar:
            for job, outcomes in slots.cluster().results(jobs):
                bar.set_postfix_str(job.student, refresh=False)
                self._store(job, outcomes)
                bar.update(len(outcomes))

    def _store(self, job: Job, outcomes: Iterable[Outcome]) -> None:
        sheet = self._kept(job.student, job.notebook)
        for outcome in outcomes:
            mark = outcome.mark or self._fault(outcome, job)
            if outcome.right is not None:
                self._found[job.student, job.notebook, outcome.exercise] = outcome.right
            before = sheet.marks.get(mark.exercise)
            if before is not None and _waits(before) and before.seed == mark.seed:  # this completes it
                others = {name: other for name, other in sheet.marks.items() if name != mark.exercise}
                sheet = replace(sheet, marks=others)
            sheet = sheet.with_mark(replace(mark, when=marks.now()))
            self._result.judged += 1
        marks.save(self._folder, replace(sheet, entered=""))

    def _fault(self, outcome: Outcome, job: Job) -> Mark:
        [exercise] = [item for item in self._course.exercises(job.notebook) if item.id == outcome.exercise]
        found = marks.fault(exercise, job.source, sandboxed=not job.trust)
        return replace(found, problem=outcome.fault, seed=job.seed)

    def _enter(self) -> None:
        """Has nbgrader enter whatever it hasn't got yet, student by student; one that fails stops no other."""
        there = self._course.entered()
        due = [name for name in self._result.students if name not in there or not self._is_entered(name)]
        for student in _watched(due, "gradebook"):
            try:
                self._course.enter(student)
            except NotEnteredError as error:
                self._result.not_entered[student] = str(error)
        for handed in self._handed.values():
            for mark in self._sheet(handed).marks.values():
                if mark.status == FAULT:
                    self._result.faults[handed.student, mark.exercise] = mark.problem

    def _is_entered(self, student: str) -> bool:
        return all(self._kept(student, notebook).entered for notebook in self._course.released)

    def _sheet(self, handed: Handed) -> Sheet:
        return self._kept(handed.student, handed.notebook)

    def _kept(self, student: str, notebook: str) -> Sheet:
        return marks.load(self._folder, self._lesson, student, notebook)
