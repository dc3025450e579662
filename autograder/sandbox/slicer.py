"""Cuts a notebook down to what each exercise needs, once for all of them, in a confined process that runs no cell.

The text comes from a student, and parsers have been crashed before: not in the judge.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from autograder import wire
from autograder.sandbox.channel import Ended, Overdue, TooLong
from autograder.sandbox.parent import running_zygote
from autograder.sandbox.worker import MEMORY, seals
from autograder.slicing import Cell
from autograder.spec import Exercise

LONGEST = 30.0  # seconds on the clock
WORD = re.compile(r"\w+")


def slices(exercises: Sequence[Exercise], cells: Sequence[Cell]) -> Mapping[str, Sequence[Cell]]:
    """By exercise id, the cells that its answer needs, with everything else blanked and the line numbers kept.

    Where that doesn't work (a text that stops the parser), all cells: then each exercise's own process cuts them.
    """
    whole = {exercise.id: cells for exercise in exercises}
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


def _checked(reply: Any, cells: Sequence[Cell]) -> list[Cell]:
    """The reduced cells, if they are that: the cells in their order, each line as it was or blank."""
    found = [Cell(str(place), str(source)) for place, source in reply]
    for before, after in zip(cells, found, strict=True):
        lines = before.source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        kept = after.source.split("\n")
        if before.place != after.place or len(kept) > len(lines):
            raise ValueError("these are not the notebook's cells")
        if any(line.strip() not in ("", "pass", lines[number].strip()) for number, line in enumerate(kept)):
            raise ValueError("these are not the notebook's lines")
    return [cell for cell in found if cell.source]
