"""A recipe from beginning to end: trains, goes on after an interrupt, chooses on validation, looks at the test once."""

from __future__ import annotations

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import p2v_data
from p2v_data import Split
from solutions.recipes import choices, curves, files, precision, tracking
from solutions.recipes.recipe import Data, Recipe, RecipeError, Settings, Wishes
from solutions.recipes.run import Run
from solutions.recipes.scores import positive_score
from solutions.resnet import count_parameters

CHECKPOINT, WEIGHTS, ANSWERS, RESULT = "checkpoint.pt", "weights.pt", "answers.pt", "result.json"
CURVES = "curves"  # .json and .png
Say = Callable[[str], object]


def train(recipe: Recipe, wishes: Wishes, say: Say = print) -> dict[str, Any]:
    """Trains as the recipe says, and returns what stands in `result.json`.

    The folder `wishes.out` gets, with every epoch, `checkpoint.pt` and `curves.json`, and in the end `weights.pt` (a
    state_dict), `answers.pt` (logits and labels of the test images), `curves.png` and `result.json`. If a checkpoint is
    there, the run goes on after its epoch; if a result is there, it is only shown. The test images are looked at once,
    when the weights are chosen.

    Args:
        recipe: what to do.
        wishes: how this time.
        say: gets a line for each thing worth knowing.

    Raises:
        RecipeError: a wish can't be met; the message says what to do.
        DataMissingError: the data isn't on this machine; the message says how to get it.
        KeyboardInterrupt: as it came, when all epochs that had ended are safe.
    """
    settings = _settings(recipe, wishes)
    recipe = recipe.fitted(recipe, settings)
    device = p2v_data.device()
    dtype = precision.chosen(device, wishes.precision)
    out = wishes.out
    files.make_folder(out)
    if (out / RESULT).is_file():
        return _shown(out, settings, say)
    state = _left_behind(recipe, settings, out)
    data = recipe.load(wishes.folder)
    _refuse_too_few(data, settings)
    say(repr(data.provenance))
    run = Run(recipe, data, settings, device, dtype, wishes.compile, begun=state is not None)
    if state is not None:
        run.load(state)
        say(f"Going on after epoch {len(run.progress.history)} of {settings['epochs']}.")
    say(_described(run))
    try:
        _epochs(run, wishes, say)
        return _result(run, out, say)
    except Exception as error:
        if advice := _advice(error, run):
            raise RecipeError(advice) from error
        raise


def _settings(recipe: Recipe, wishes: Wishes) -> Settings:
    """What decides a run's course, in full; a run goes on only with the same."""
    settings: Settings = {
        "recipe": recipe.name,
        "epochs": recipe.epochs if wishes.epochs is None else wishes.epochs,
        "batch_size": recipe.batch_size if wishes.batch_size is None else wishes.batch_size,
        "seed": wishes.seed,
        "weights": wishes.weights,
    }
    for name, least in (("epochs", 1), ("batch_size", 2), ("seed", 0)):
        if settings[name] < least:
            option = name.replace("_", "-")
            raise RecipeError(f"--{option} {settings[name]} can't be: expected {least} or more.")
    if wishes.weights and not recipe.pretrained:
        raise RecipeError(f"{recipe.name} begins with random weights: leave --weights out.")
    return settings | choices.decided(recipe, wishes)


def _left_behind(recipe: Recipe, settings: Settings, out: Path) -> dict[str, Any] | None:
    """The checkpoint to go on from; None for a new run, once it is clear that it can begin."""
    if not (out / CHECKPOINT).is_file():
        recipe.refuse(settings)
        return None
    state = files.read_checkpoint(out / CHECKPOINT)
    _refuse_another_run(state["settings"], settings, out)
    return state


def _refuse_another_run(found: Settings, wanted: Settings, out: Path) -> None:
    differ = [name for name in wanted if found.get(name) != wanted[name]]
    if differ:
        name = differ[0]
        raise RecipeError(
            f"{out} holds a run with {name.replace('_', ' ')} {found.get(name)!r}, and {wanted[name]!r} is asked for. "
            "Ask for the same to go on with it, or give another folder with --out."
        )


def _refuse_too_few(data: Data, settings: Settings) -> None:
    images = len(data.train.labels)
    if settings["batch_size"] > images:
        raise RecipeError(f"--batch-size {settings['batch_size']} is more than the {images} training images there are.")


def _advice(error: Exception, run: Run) -> str:
    """What to do about an error that is neither the recipe's fault nor the engine's; "" if it may be."""
    size = run.settings["batch_size"]
    if isinstance(error, torch.OutOfMemoryError):
        return f"{run.device} has too little memory for batches of {size}. Try   --batch-size {size // 2}"
    if run.compiled and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        why = str(error).strip().partition("\n")[0]
        return f"torch.compile doesn't work here ({why}). Go on with the same command and   --no-compile"
    return ""


def _described(run: Run) -> str:
    learn, all_of_it = count_parameters(run.model, trainable_only=True), count_parameters(run.model)
    numbers = str(run.dtype).removeprefix("torch.")
    return (
        f"{run.recipe.about}; {learn:,} of {all_of_it:,} parameters learn. On {_device_name(run.device)}, {numbers}, "
        f"{'compiled' if run.compiled else 'not compiled'}, batches of {run.settings['batch_size']}.\n"
        f"Aim: {run.recipe.aim}. (An aim, not a result: whoever wrote this recipe has not trained it at full size.)"
    )


def _epochs(run: Run, wishes: Wishes, say: Say) -> None:
    """All epochs that are still to come, each safe before the next one begins."""
    progress, epochs, out = run.progress, run.settings["epochs"], wishes.out
    safe = len(progress.history)
    listener = tracking.tracker(wishes.tracker, out, safe + 1, say)
    try:
        while len(progress.history) < epochs:
            row = run.epoch()
            files.write_checkpoint(out / CHECKPOINT, run.state())
            safe += 1
            files.write_json(out / f"{CURVES}.json", _curves(run))
            listener.log(int(row["epoch"]), {name: value for name, value in row.items() if name != "epoch"})
            say(_line(run, row))
    except KeyboardInterrupt:
        say(f"Stopped in epoch {safe + 1} of {epochs}; {safe} are safe in {out}. The same command goes on from there.")
        raise
    finally:
        listener.close()
        if progress.history:
            curves.draw_curves(out / f"{CURVES}.png", run.recipe, progress)


def _line(run: Run, row: dict[str, float]) -> str:
    name = run.recipe.chosen_by
    mark = "  (best)" if run.progress.best_epoch + 1 == row["epoch"] else ""
    return (
        f"epoch {row['epoch']:>3}/{run.settings['epochs']}  loss {row['training loss']:.3f}  validation {name} "
        f"{row[f'validation {name}']:.4f}  {row['images a second']:,.0f} images/s{mark}"
    )


def _result(run: Run, out: Path, say: Say) -> dict[str, Any]:
    """The last word, on the test images; pictures; and the weights as they were judged."""
    run.take_best()
    validation, test = run.answers(run.data.validation), run.answers(run.data.test)
    result = {
        **_curves(run),
        "chosen epoch": run.progress.best_epoch + 1,
        "parameters": count_parameters(run.model),
        "test images": len(test.labels),
        "test": run.recipe.report(validation, test),
    }
    del result["history"]
    files.write_checkpoint(out / WEIGHTS, run.progress.best_weights)
    files.write_checkpoint(out / ANSWERS, test._asdict())
    part = run.data.test
    if run.recipe.cam and isinstance(part, Split):
        names, scores = run.data.class_names, positive_score(test)
        curves.draw_looks(out / "grad-cam.png", run.model, run.recipe, part.images, part.labels, scores, names)
    files.write_json(out / RESULT, result)
    say(_verdict(result, out))
    return result


def _shown(out: Path, settings: Settings, say: Say) -> dict[str, Any]:
    """A finished run's result. It is not trained again, and the test is not looked at again."""
    result = files.read_json(out / RESULT)
    _refuse_another_run(result["settings"], settings, out)
    say(f"This run is finished. To train anew, give another folder with --out.\n{_verdict(result, out)}")
    return result


def _verdict(result: dict[str, Any], out: Path) -> str:
    rows = "\n".join(f"  {name:38}{value:.4f}" for name, value in result["test"].items())
    head = f"{result['test images']:,} test images, weights of epoch {result['chosen epoch']}:"
    return f"{head}\n{rows}\nAim: {result['aim']}. All of it: {out}"


def _curves(run: Run) -> dict[str, Any]:
    return {
        "recipe": run.recipe.name,
        "aim": run.recipe.aim,
        "settings": run.settings,
        "data": run.data.provenance.title,
        "device": _device_name(run.device),
        "precision": str(run.dtype).removeprefix("torch."),
        "compiled": run.compiled,
        "torch": torch.__version__,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "history": run.progress.history,
    }


def _device_name(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return f"{device} ({name})"
