"""The command `p2v train`: the full-scale recipes, which come with the references."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from autograder import home, references
from p2v_data import DataMissingError, threads

app = typer.Typer()
STOPPED = 130  # what a shell says of a command that Ctrl-C ended


@app.command()
def train(
    name: Annotated[str | None, typer.Argument(help="A recipe, cifar10-cnn; all are listed if left out.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is if left out.")] = "",
    epochs: Annotated[
        int | None, typer.Option(help="Rounds over the training images; the recipe's if left out.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step; the learning rate follows it.")] = None,
    folder: Annotated[Path | None, typer.Option(help="The data folder; that of `p2v data` if left out.")] = None,
    compile_it: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Compile the network; where it pays if left out.")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of the network's start and of every draw.")] = 0,
    weights: Annotated[str, typer.Option(help="A file with ImageNet weights, or `none`; fetched if left out.")] = "",
    network: Annotated[str, typer.Option(help="Of the vision transformers: tiny, small or base.")] = "",
    image_size: Annotated[int | None, typer.Option(help="Of ImageNet's photographs, a multiple of 16.")] = None,
    normal: Annotated[str, typer.Option(help="How the weights' makers scaled pixels: imagenet or halves.")] = "",
    teacher: Annotated[str, typer.Option(help="Whom to learn from too: resnet50, or resnet50=FILE.")] = "",
    tracker: Annotated[
        str, typer.Option(help="Who else follows: tensorboard, wandb, trackio, mlflow or none.")
    ] = "tensorboard",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; runs/NAME in your workspace if left out.")
    ] = None,
) -> None:
    """Trains a full-scale recipe of lessons 02 and 04, and goes on where it was stopped."""
    if name is None:
        print(listing())
        return
    recipe = _of_recipes("recipe_named")(name)
    if device:
        os.environ["P2V_DEVICE"] = device
    threads()
    wishes = _of_recipes("Wishes")(
        out=out or home.find_workspace() / "runs" / name,
        folder=folder,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        precision=precision,
        compile=compile_it,
        weights=weights,
        tracker=tracker,
        network=network,
        image_size=image_size,
        normal=normal,
        teacher=teacher,
    )
    try:
        _of_recipes("train")(recipe, wishes, _say)
    except KeyboardInterrupt:
        raise typer.Exit(STOPPED) from None


def listing() -> str:
    """Every recipe with its data's state and its aim."""
    from p2v_data import catalogue

    lines = []
    here = {row.name: row.have for row in catalogue()}
    for recipe in _of_recipes("RECIPES").values():
        if recipe.found is not None:
            state = recipe.found()
        else:
            data = recipe.name.partition("-")[0]
            state = "data here" if here[data] else f"p2v data fetch {data}"
        lines.append(f"{recipe.name:20}{recipe.about}; {state}\n{'':20}aim: {recipe.aim}")
    return "\n".join([*lines, "Aims, not results: none of these was trained at full size where they were written."])


def _of_recipes(name: str) -> Any:
    """Something of the package of recipes, which a class release may leave out."""
    try:
        return references.reference("recipes", name)
    except LookupError:
        raise DataMissingError(
            "The recipes come with the course's solutions, which are not installed here. Get the whole course, or ask "
            "your instructor."
        ) from None


def _say(line: str) -> None:
    print(line, flush=True)
