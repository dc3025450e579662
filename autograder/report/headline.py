"""The verdict in a few words, the same at the head of a report and in lists."""

from __future__ import annotations

from autograder.report.parts import Headline, Tone
from autograder.report.words import counted, one_line, short
from autograder.spec import Verdict


def headline(verdict: Verdict) -> Headline:
    """What the verdict comes to. Needs nothing but the verdict."""
    tone, says = _says(verdict)
    return Headline(tone, verdict.exercise_id, says, _aside(verdict))


def points(verdict: Verdict) -> str:
    """ "4 of 5 points"."""
    return f"{verdict.points:g} of {counted(verdict.max_points, 'point')}"


def is_right(verdict: Verdict) -> bool:
    """Whether every case passed."""
    return verdict.status in ("accepted", "right", "slow")


def _says(verdict: Verdict) -> tuple[Tone, str]:
    name = verdict.exercise_id.partition(".")[2]
    if verdict.status == "accepted":
        return "good", f"accepted, {points(verdict)}{' · gold' if verdict.speed and verdict.speed.tier else ''}"
    if verdict.status == "right":
        return "good", f"right: {_cases(verdict)}{_gradients(verdict)}"
    if verdict.status == "slow":
        return "partly", f"right but {_over(verdict)}: {_cases(verdict)}, {points(verdict)} so far"
    if verdict.status == "forbidden":
        called = called_name(verdict.failure.message) if verdict.failure else "something forbidden"
        return "bad", f"not from scratch: {called} was called"
    if verdict.status == "unsolved":
        return "open", "not solved yet. Fill in the cell above, run it, then run this one."
    if verdict.status == "missing":
        return "open", _missing(verdict, name)
    return "bad", _not_yet(verdict)


def stands_alone(verdict: Verdict) -> bool:
    """False for an answer that is right here, but fails in a clean process, so that it can't be saved."""
    return verdict.failure is None or not verdict.results or verdict.passed < len(verdict.results)


def is_absent(verdict: Verdict) -> bool:
    """Whether nothing of the exercise's name exists; otherwise it is something that can't be checked."""
    message = verdict.failure.message if verdict.failure else ""
    return not message or message.startswith(("no cell defines", "nothing is called")) or "isn't defined" in message


def _missing(verdict: Verdict, name: str) -> str:
    if is_absent(verdict) or verdict.failure is None:
        return f"there is no {name} yet. Run the cell above that defines it, then run this one."
    return one_line(verdict.failure.message)


def called_name(name: str) -> str:
    """A forbidden call as students write it: "torch.nn.functional.conv2d" → "F.conv2d"."""
    name = one_line(name, 80)
    if "::" in name:
        return f"PyTorch's own {name.partition('::')[2].removesuffix('.default')}"
    for long, usual in (("torch.nn.functional.", "F."), ("torch.nn.", "nn."), ("numpy.", "np.")):
        if name.startswith(long):
            return usual + name.removeprefix(long)
    return name


def _not_yet(verdict: Verdict) -> str:
    failure = verdict.failure
    if not stands_alone(verdict):
        return f"right here ({_cases(verdict)}), but not yet on its own"
    if failure is not None:
        stopped = {
            "signature": "not yet: the arguments don't fit your def line",
            "timeout": one_line(failure.message),
            "crashed": "not yet: Python itself came down while your code ran",
            "raised": f"not yet: your code raised {one_line(failure.message, 60).partition(':')[0]}",
        }
        return stopped.get(failure.kind, f"not yet: {one_line(failure.message, 90)}")
    first = verdict.first_failing
    problem = first.problem if first else None
    if problem is not None and problem.failure is not None and problem.failure.kind == "timeout":
        return one_line(problem.failure.message)
    if problem is not None and problem.failure is not None and problem.failure.kind == "raised":
        return f"not yet: {_cases(verdict)}; your code raised {one_line(problem.failure.message, 60).partition(':')[0]}"
    return f"not yet: {_cases(verdict)}"


def _cases(verdict: Verdict) -> str:
    return f"{verdict.passed} of {counted(len(verdict.results), 'case')}"


def _gradients(verdict: Verdict) -> str:
    steps = (step for result in verdict.results for step in result.case.steps)
    return ", values and gradients" if any(step.verb == "backward" for step in steps) else ""


def _over(verdict: Verdict) -> str:
    speed = verdict.speed
    if speed is None or not speed.over_memory:
        return "slow"
    return "slow, and over its memory budget" if speed.status == "over" else "over its memory budget"


def _aside(verdict: Verdict) -> str:
    seconds = "" if verdict.seconds <= 0 else f"{max(verdict.seconds, 0.01):.2f} s"
    if verdict.seconds >= 10:
        seconds = f"{short(verdict.seconds)} s"
    where = "" if verdict.device == "cpu" else f"on {one_line(verdict.device, 20)}"
    return " ".join(filter(None, [seconds, where]))
