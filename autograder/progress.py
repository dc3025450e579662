"""What a student has solved, kept so that no crash and no second notebook can spoil it: lines added to a file."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

FILE = "progress.jsonl"
IDLE = 15 * 60  # seconds without an event that count as a break


@dataclass(frozen=True)
class Standing:
    """How far one exercise is.

    status: "solved", "tried" or "new". tier: "gold" or "". checks: how often it was checked.
    """

    id: str
    status: str = "new"
    tier: str = ""
    points: float = 0.0
    hints: int = 0
    checks: int = 0


class Progress:
    """A workspace's progress. Reads and writes `progress.jsonl`; each event is one line, added by one write."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def add(self, kind: str, exercise_id: str, **facts: str | float | int) -> None:
        """Adds an event. The line starts with a newline, so that a line torn by a crash spoils only itself."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        event = {"time": round(time.time(), 1), "kind": kind, "exercise": exercise_id, **facts}
        line = ("\n" + json.dumps(event)).encode()
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)

    def events(self) -> list[dict[str, object]]:
        """All events that can be read, oldest first."""
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and isinstance(event.get("exercise"), str) and "kind" in event:
                found.append(event)
        return found

    def standing(self, exercise_id: str) -> Standing:
        """How far one exercise is."""
        return self.standings([exercise_id])[exercise_id]

    def standings(self, ids: Iterable[str]) -> dict[str, Standing]:
        """How far each of these exercises is. What was once solved stays solved; the best points count."""
        found = {key: {"status": "new", "tier": "", "points": 0.0, "hints": 0, "checks": 0} for key in ids}
        for event in self.events():
            row = found.get(str(event["exercise"]))
            if row is None:
                continue
            if event["kind"] == "hint":
                row["hints"] = max(int(str(row["hints"])), int(str(event.get("number", 1))))
            elif event["kind"] == "check":
                _count(row, event)
        return {key: Standing(key, **row) for key, row in found.items()}  # type: ignore[arg-type]  # read from JSON

    def seconds(self, lesson: str) -> float:
        """Time spent on a lesson: the gaps between its events, breaks left out."""
        times = [
            float(str(event["time"]))
            for event in self.events()
            if str(event["exercise"]).partition(".")[0] == lesson and "time" in event
        ]
        gaps = (later - earlier for earlier, later in pairwise(times))
        return sum(gap for gap in gaps if 0 < gap < IDLE)


def _count(row: dict[str, object], event: dict[str, object]) -> None:
    row["checks"] = int(str(row["checks"])) + 1
    row["points"] = max(float(str(row["points"])), float(str(event.get("points", 0.0))))
    if event.get("status") == "accepted":
        row["status"] = "solved"
    elif row["status"] == "new":
        row["status"] = "tried"
    if event.get("tier") == "gold":
        row["tier"] = "gold"
