"""Results of trainings that take too long for a notebook, as the scripts in tools/studies/ recorded them."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

FOLDER = "studies"


def recorded(name: str) -> dict[str, Any]:
    """A recorded study, `recorded("depth")`: its numbers, and under "about" how, where and with what they were made.

    Raises ValueError if there is none of that name; the message says which there are.
    """
    folder = files("p2v_data") / FOLDER
    known = sorted(item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json"))
    if name not in known:
        raise ValueError(f"no study called {name!r} is recorded; there are {', '.join(known) or 'none'}")
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found
