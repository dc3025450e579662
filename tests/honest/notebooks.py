"""Honest answers as a student's notebook holds them: cells, of which one or more define the answer."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.slicing import Cell

BETWEEN = "# %%\n"


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
        parts = self.code.removeprefix("\n").split(BETWEEN)
        return [Cell(f"cell {number}", source) for number, source in enumerate(parts, start=1)]


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
