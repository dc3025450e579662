"""Files that are whole or not there: written aside, then renamed."""

import json
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from solutions.recipes.recipe import RecipeError


def written_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Has `write` fill a file beside `path`, which then takes its name in one step.

    Raises:
        RecipeError: it can't be written; what was there before is kept.
    """
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:  # torch says RuntimeError where the disk is full
        with suppress(OSError):
            part.unlink()
        raise RecipeError(
            f"{path} could not be written ({getattr(error, 'strerror', None) or error}). What was there before is "
            "kept: make room, and the same command goes on."
        ) from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes JSON for people to read."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    written_aside(path, lambda part: part.write_text(text, encoding="utf-8"))


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Writes tensors, numbers and words."""
    written_aside(path, lambda part: torch.save(content, part))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `write_checkpoint` wrote, on the CPU.

    Raises:
        RecipeError: the file is damaged, or holds something else.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise RecipeError(
            f"{path} can't be read ({str(error).partition('. ')[0] or error!r}). Move it away, and the same command "
            "begins anew; or give another folder with --out."
        ) from error
    if not isinstance(content, dict) or "settings" not in content:
        raise RecipeError(f"{path} is no checkpoint of a recipe. Give another folder with --out.")
    return content


def make_folder(path: Path) -> None:
    """Makes the folder of a run.

    Raises:
        RecipeError: it can't be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / ".writable").write_text("")
        (path / ".writable").unlink()
    except OSError as error:
        raise RecipeError(f"{path} can't be written to ({error.strerror}). Give another folder with --out.") from error


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote.

    Raises:
        RecipeError: the file is damaged, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path} can't be read ({error}). Give another folder with --out.") from error
    if not isinstance(content, dict) or not {"settings", "test", "aim"} <= content.keys():
        raise RecipeError(f"{path} is no result of a recipe. Give another folder with --out.")
    return content
