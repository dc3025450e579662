"""One training: the network, its optimiser, and how far they have come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from solutions.recipes import batches, precision
from solutions.recipes.learning import Average, loss_of, own_draws
from solutions.recipes.norms import with_library_drops, with_library_norms
from solutions.recipes.recipe import Data, Progress, Recipe, RecipeError
from solutions.recipes.scores import Answers
from solutions.resnet import class_weights, cosine_warmup, freeze, layer_wise_lr

PAYS_FROM_STEPS = 2000  # compiling takes a minute or so
EPOCH_STRIDE = 1_000_003  # apart, so that no epoch of one seed draws what an epoch of another does


class Run:
    """A recipe at work on a device.

    Args:
        recipe: what to do.
        data: bytes, with a validation part.
        settings: `epochs`, `batch_size`, `seed` and `weights`, decided.
        device: where to compute.
        dtype: the numbers to multiply in.
        compiled: whether to compile the network; None for where it pays.
        begun: whether `load` follows, so that no weights have to be fetched.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Data,
        settings: dict[str, Any],
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        compiled: bool | None = None,
        begun: bool = False,
    ) -> None:
        self.recipe, self.data, self.settings = recipe, data, settings
        self.device, self.dtype = device, dtype
        torch.backends.cudnn.benchmark = True  # all batches have one shape: worth looking for the quickest kernels
        self.classes = len(data.class_names)
        self.training = batches.near(data.train, device)
        self.steps = batches.steps(len(data.train.labels), settings["batch_size"])
        self.progress = Progress()
        self.model = self._made("none" if begun and recipe.pretrained else settings["weights"])
        self.compiled = self._pays() if compiled is None else compiled
        self.fast: nn.Module = torch.compile(self.model, dynamic=False) if self.compiled else self.model  # type: ignore[assignment]
        self.average = Average(self.model, recipe.average) if recipe.average else None
        self.judged = self.average.model if self.average else self.model
        self.teacher = self._ready_to_teach()
        groups = self._groups(recipe.rate(settings["batch_size"]))
        self.rates = [group["lr"] for group in groups]
        self.optimizer = _optimizer(recipe, groups)
        self.scaler = precision.scaler(device, dtype)
        weights = class_weights(data.train.labels, self.classes) if recipe.balanced else None
        self.weights = None if weights is None else weights.to(device)

    def _made(self, weights: str) -> nn.Module:
        model = with_library_drops(self._placed(lambda: self.recipe.model(self.classes, weights)))
        known = not (self.recipe.pretrained and self.settings["weights"] == "none")
        freeze(model, self.recipe.frozen if known else "")  # what has learnt nothing must not stay as it is
        return model

    def _ready_to_teach(self) -> nn.Module | None:
        teacher = self.recipe.teacher
        return None if teacher is None else self._placed(lambda: teacher(self.classes)).requires_grad_(False).eval()

    def _placed(self, make: Callable[[], nn.Module]) -> nn.Module:
        """A network that begins as the seed says, on the device."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.settings["seed"])
            model = with_library_norms(make())
        layout = torch.channels_last if self.device.type == "cuda" else torch.contiguous_format
        return model.to(self.device).to(memory_format=layout)

    def _groups(self, rate: float) -> list[dict[str, Any]]:
        if self.recipe.groups is not None:
            return self.recipe.groups(self.model, rate)
        return layer_wise_lr(self.model, rate, self.recipe.depth_decay)

    def _pays(self) -> bool:
        long = self.steps * self.settings["epochs"] >= PAYS_FROM_STEPS
        return long and self.device.type == "cuda" and find_spec("triton") is not None

    def step(self, x: Tensor, y: Tensor, number: int) -> Tensor:
        """Learns from one batch; the loss, still on the device.

        Args:
            x: what the network sees.
            y: label shares.
            number: of the step in the whole run, from 0; the rate follows from it.
        """
        total = self.steps * self.settings["epochs"]
        warmup = min(round(self.recipe.warmup * total), total - 1)
        share = cosine_warmup(number, total, warmup, lr=1.0)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = share * rate
        with precision.mixed(self.device, self.dtype):
            taught = None if self.teacher is None else self.teacher(x)
            loss = loss_of(self.fast(x), y, self.weights, self.recipe.smoothing, taught)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.follow(self.model, number)
        return loss.detach()

    def epoch(self) -> dict[str, float]:
        """Learns from all training images once, judges on the validation images, keeps the weights if they are best.

        Raises:
            RecipeError: the loss is no longer a number.
        """
        number, epochs = len(self.progress.history), self.settings["epochs"]
        start = time.perf_counter()
        self.model.train()
        loss = torch.zeros((), device=self.device)
        seed = self.settings["seed"] * EPOCH_STRIDE + number
        size = self.settings["batch_size"]
        found = batches.training_batches(self.training, self.recipe, self.classes, size, seed, self.device)
        bar = tqdm(found, desc=f"epoch {number + 1}/{epochs}", total=self.steps, leave=False, disable=None)
        with own_draws(seed, self.device):
            for index, (x, y) in enumerate(bar):
                loss += self.step(x, y, number * self.steps + index)
        mean = float(loss) / self.steps  # waits for the device
        seconds = time.perf_counter() - start
        if not math.isfinite(mean):
            raise RecipeError(
                f"The training loss became {mean} in epoch {number + 1}. The epochs before it are kept. Give another "
                "folder with --out, and try --precision float32, a larger --batch-size, or another --seed."
            )
        images = self.steps * min(size, len(self.data.train.labels))
        row = {"epoch": number + 1, "training loss": mean, "seconds": seconds, "images a second": images / seconds}
        judged = self.recipe.judge(self.answers(self.data.validation))
        row |= {f"validation {name}": value for name, value in judged.items()}
        self._keep(row, judged[self.recipe.chosen_by], judged["loss"])
        return row

    def _keep(self, row: dict[str, float], score: float, loss: float) -> None:
        progress = self.progress
        if progress.best_epoch < 0 or (score, -loss) > (progress.best_score, -progress.best_loss):
            progress.best_epoch, progress.best_score, progress.best_loss = len(progress.history), score, loss
            progress.best_weights = {
                name: value.detach().cpu().clone() for name, value in self.judged.state_dict().items()
            }
        progress.history.append(row)

    @torch.no_grad()
    def answers(self, part: batches.Part) -> Answers:
        """What the network says of each image, in evaluation mode, on the CPU as float32."""
        self.judged.eval()
        said, true = [], []
        size = self.settings["batch_size"]
        found = batches.plain_batches(part, self.recipe, size, self.device)
        for x, labels in tqdm(found, desc="judging", total=-(-len(part.labels) // size), leave=False, disable=None):
            with precision.mixed(self.device, self.dtype):
                said.append(self.judged(x).float().cpu())
            true.append(labels.cpu())
        return Answers(torch.cat(said), torch.cat(true))

    def take_best(self) -> None:
        """Goes back to the weights of the best epoch."""
        self.judged.load_state_dict(self.progress.best_weights)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on: tensors, numbers and words."""
        return {
            "settings": self.settings,
            "weights": self.model.state_dict(),
            "average": self.average.model.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": dict(vars(self.progress)),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self.model.load_state_dict(state["weights"])
        if self.average is not None:
            self.average.model.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"] and self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        self.progress = Progress(**state["progress"])


def _optimizer(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay)
    return torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
