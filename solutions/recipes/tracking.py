"""Who is told of each epoch. A tracker is two calls, `log` and `close`, so any can take TensorBoard's place.

`curves.json` is written in any case.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from solutions.recipes.recipe import RecipeError


class Tracker(Protocol):
    """What the engine calls."""

    def log(self, step: int, values: dict[str, float]) -> None:
        """Note the numbers of an epoch, counted from 1."""

    def close(self) -> None:
        """The run has ended, or was interrupted."""


class Nobody:
    """Notes nothing."""

    def log(self, step: int, values: dict[str, float]) -> None:
        pass

    def close(self) -> None:
        pass


class TensorBoard:
    """Writes event files; look at them with `tensorboard --logdir FOLDER`."""

    def __init__(self, out: Path, first: int) -> None:
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        self.writer = writer(log_dir=str(out / "tensorboard"), purge_step=first)

    def log(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


class Service:
    """Weights & Biases, or trackio, which took over its calls."""

    def __init__(self, package: str, out: Path) -> None:
        self.package = importlib.import_module(package)
        self.package.init(project="pixels-to-voxels", name=out.name)

    def log(self, step: int, values: dict[str, float]) -> None:
        self.package.log(values, step=step)

    def close(self) -> None:
        self.package.finish()


class MLflow:
    """MLflow's tracking server, or the folder it falls back to."""

    def __init__(self, out: Path) -> None:
        self.package = importlib.import_module("mlflow")
        self.package.start_run(run_name=out.name)

    def log(self, step: int, values: dict[str, float]) -> None:
        self.package.log_metrics({name.replace(" ", "_"): value for name, value in values.items()}, step=step)

    def close(self) -> None:
        self.package.end_run()


TRACKERS: dict[str, Callable[[Path, int], Tracker]] = {
    "none": lambda out, first: Nobody(),
    "tensorboard": TensorBoard,
    "wandb": lambda out, first: Service("wandb", out),
    "trackio": lambda out, first: Service("trackio", out),
    "mlflow": lambda out, first: MLflow(out),
}


def tracker(name: str, out: Path, first: int, say: Callable[[str], Any] = print) -> Tracker:
    """The tracker of that name, for a run that begins with epoch `first`, counted from 1.

    TensorBoard is what a run has by default, so where it isn't installed that is only said.

    Raises:
        RecipeError: there is no such tracker, or its package isn't installed.
    """
    if name not in TRACKERS:
        raise RecipeError(f"There is no tracker {name!r}. There is: {', '.join(TRACKERS)}.")
    try:
        return TRACKERS[name](out, first)
    except ImportError as error:
        if name == "tensorboard":
            say("TensorBoard isn't installed, so the curves go to curves.json and curves.png only.")
            return Nobody()
        raise RecipeError(f"{name} isn't installed. Run:   pip install {name}   or leave --tracker out.") from error
