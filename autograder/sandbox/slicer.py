"""Cuts a notebook down to what each exercise needs, once for all of them, in a confined process that runs no cell.

The text comes from a student, and parsers have been crashed before: not in the judge.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograder import wire
from autograder.sandbox.channel import Ended, Overdue, TooLong
from autograder.sandbox.parent import running_zygote
from autograder.sandbox.worker import MEMORY, seals
from autograder.slicing import Cell
from autograder.spec import Exercise, Line

LONGEST = 30.0  # seconds on the clock
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Slice:
    """What an exercise needs of a notebook. unsolved: where its stub gives up, if it is still as it was released."""

    cells: Sequence[Cell]
    unsolved: Line | None = None


def slices(exercises: Sequence[Exercise], cells: Sequence[Cell]) -> Mapping[str, Slice]:
    """By exercise id, the cells that its answer needs, with everything else blanked and the line numbers kept.

    Where that doesn't work (a text that stops the parser), all cells: then each exercise's own process cuts them.
    """
    whole = {exercise.id: Slice(cells) for exercise in exercises}
    words = set(WORD.findall("\n".join(cell.source for cell in cells)))
    here = [item for item in exercises if item.name in words]
    asked = [(item.id, item.name, [need.partition(".")[2] for need in item.needs]) for item in here]
    given = [(cell.place, cell.source) for cell in cells]
    job = {"slice": asked, "cells": given, "memory": MEMORY, "lent": {}, "timed": False}
    server = running_zygote().sealed(seals((), ()))
    channel, process = server.fork()
    end = time.monotonic() + LONGEST
    with contextlib.closing(channel):
        try:
            channel.send(wire.encode(job), lambda: time.monotonic() > end)
            if wire.decode_reply(channel.receive(lambda: time.monotonic() > end, wire.MOST_BYTES)) != "confined":
                return whole
            reply = wire.decode(channel.receive(lambda: time.monotonic() > end, wire.MOST_BYTES), kinds=())
            return {**whole, **{item.id: _checked(reply[item.id], cells) for item in here}}
        except (Ended, Overdue, TooLong, wire.WireError, KeyError, TypeError, ValueError, AttributeError):
            return whole
        finally:
            server.end(process)


def _checked(reply: Any, cells: Sequence[Cell]) -> Slice:
    """The reduced cells, if they are that: the cells in their order, each line as it was or blank."""
    parts, stub = reply
    found = [Cell(str(place), str(source)) for place, source in parts]
    for before, after in zip(cells, found, strict=True):
        lines = before.source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        kept = after.source.split("\n")
        if before.place != after.place or len(kept) > len(lines):
            raise ValueError("these are not the notebook's cells")
        if any(line.strip() not in ("", "pass", lines[number].strip()) for number, line in enumerate(kept)):
            raise ValueError("these are not the notebook's lines")
    return Slice([cell for cell in found if cell.source], None if stub is None else _line(stub, found))


def _line(stub: tuple[str, int], cells: Sequence[Cell]) -> Line:
    place, number = stub
    [cell] = [cell for cell in cells if cell.place == place]
    return Line(place, number, cell.source.split("\n")[number - 1].strip())
