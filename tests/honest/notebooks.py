"""Honest answers as a student's notebook holds them: cells, of which one or more define the answer."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.slicing import Cell

BETWEEN = "# %%\n"


def cells_of(code: str) -> list[Cell]:
    """The code, cell by cell."""
    parts = code.removeprefix("\n").split(BETWEEN)
    return [Cell(f"cell {number}", source) for number, source in enumerate(parts, start=1)]


@dataclass(frozen=True)
class Mistaken:
    """A wrong answer, and the name that its mistake must be given."""

    exercise: str
    mistake: str
    code: str


@dataclass(frozen=True)
class Honest:
    """An answer that must get full marks. cells: the notebook's code, cells set apart by `# %%`.

    timed: its speed is judged too.
    """

    exercise: str
    about: str
    code: str
    timed: bool = False

    @property
    def cells(self) -> list[Cell]:
        """The code, cell by cell."""
        return cells_of(self.code)


GIVEN = """
import math
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm.auto import tqdm

import p2v_data
from autograder.lesson import LiveCurve, case, check, compare, hint, progress, reveal, start

device = p2v_data.device()
start("lenet")
# %%
"""
