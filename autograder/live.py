"""A training curve that grows while the training runs."""

from __future__ import annotations

import io
import sys
from typing import Any


class LiveCurve:
    """Call it after each epoch: `fit(..., on_epoch=LiveCurve("LeNet-5"))`. In a terminal it prints a line instead."""

    def __init__(self, title: str = "Training", ylabel: str = "loss") -> None:
        self._title = title
        self._ylabel = ylabel
        self._handle: Any = None
        self.epochs: list[int] = []
        self.train: list[float] = []
        self.validation: list[float] = []

    def __call__(self, epoch: int, train_loss: float, val_loss: float) -> None:
        """Adds an epoch (counted from 0) with its two losses."""
        self.epochs.append(epoch + 1)
        self.train.append(train_loss)
        self.validation.append(val_loss)
        if "ipykernel" not in sys.modules:
            print(f"epoch {epoch + 1}: training {train_loss:.4f}, validation {val_loss:.4f}")
            return
        from IPython.display import Image, display

        picture = Image(data=self.png(), format="png", alt=self._alt())
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)

    def _alt(self) -> str:
        return f"{self._title}: {self._ylabel} {self.validation[-1]:.3g} on validation after {len(self.epochs)} epochs"

    def png(self) -> bytes:
        """The curve so far as a PNG picture."""
        from matplotlib.figure import Figure  # no pyplot: the figure must not also be shown by the notebook
        from matplotlib.ticker import MaxNLocator

        figure = Figure(figsize=(6, 3), dpi=100, layout="constrained")
        axes = figure.subplots()
        axes.plot(self.epochs, self.train, marker="o", markersize=3, label="training")
        axes.plot(self.epochs, self.validation, marker="s", markersize=3, linestyle="--", label="validation")
        axes.set(title=self._title, xlabel="epoch", ylabel=self._ylabel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return buffer.getvalue()
