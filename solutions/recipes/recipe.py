"""What a recipe says, and what may be asked of one run of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from jaxtyping import Float, Int
from torch import Tensor, nn

from p2v_data import ImageDataset, UserError
from solutions.recipes.pictures import PictureSet
from solutions.recipes.scores import Answers, accuracy, judged

Data = ImageDataset | PictureSet
Settings = dict[str, Any]  # what decides a run's course
Images = Float[Tensor, "N C H W"]
Labels = Float[Tensor, "N K"]


class RecipeError(UserError):
    """A run that can't be begun or gone on with; the message says what to do."""


class Normal(NamedTuple):
    """What each channel is shifted and scaled by; three of them turn a grey image into one of three channels."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


IMAGENET = Normal((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALVES = Normal((0.5,) * 3, (0.5,) * 3)  # −1 to 1, as Google's vision transformers have seen ImageNet


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training from the data to the test, for one kind of images.

    Attributes:
        name: what `p2v train` calls it.
        about: network and data, in a few words.
        aim: what it is meant to reach on the test images. None was trained at full size where it was written.
        load: the data, as bytes and with a validation part, from a data folder.
        model: the network for so many classes; gets `Wishes.weights` if it is `pretrained`, else "".
        pretrained: whether it begins with weights learnt on ImageNet.
        frozen: the last of the network's parts that don't learn; "" if all do.
        normal: how pixels of 0 to 1 become what the network sees.
        size: height and width to judge at, cut from the middle; None for all of the image.
        augment: (images from 0 to 1, label shares, seed) to the same, changed; training only.
        epochs, batch_size: what is taken unless asked otherwise.
        optimizer: "sgd" (Nesterov, momentum 0.9) or "adamw".
        lr: the rate of the last part at its highest, for `batch_size`.
        depth_decay: each part of the network learns at this share of the next one's rate.
        weight_decay, smoothing: of the optimiser, of the labels.
        warmup: the share of all steps in which the rate climbs; then it falls along a cosine.
        balanced: whether rare classes weigh more in the loss.
        judge: scores of some answers, by name; `loss` is one of them.
        chosen_by: the score that says which epoch's weights are kept: the largest; of equal ones, that of least loss.
        report: the last word: scores of the test answers, with all choices made on the validation answers.
        cam: the part of the network that Grad-CAM looks at; "" for no picture.
        groups: the optimiser's parameter groups, from (network, highest rate); None for `layer_wise_lr`.
        average: a network whose weights are a moving average, this slow, is judged and kept; 0 for the network itself.
        teacher: for so many classes, a network whose answers are learnt too; None for labels alone. The network then
            answers twice while it learns: labels, teacher.
        choices: options of `p2v train` that this recipe takes beyond those of all, and their defaults, see `choices`.
        fitted: the recipe for settings in which these are decided.
        refuse: raises RecipeError for settings that a run can't begin with, before anything is read.
        found: what `p2v train` says of its data; None where these are a set of `p2v data`.
    """

    name: str
    about: str
    aim: str
    load: Callable[[Path | None], Data]
    model: Callable[[int, str], nn.Module]
    pretrained: bool = False
    frozen: str = ""
    normal: Normal
    size: int | None = None
    augment: Callable[[Images, Labels, int], tuple[Images, Labels]]
    epochs: int
    batch_size: int
    optimizer: str = "sgd"
    lr: float
    depth_decay: float = 1.0
    weight_decay: float = 5e-4
    smoothing: float = 0.0
    warmup: float = 0.1
    balanced: bool = False
    judge: Callable[[Answers], dict[str, float]] = accuracy
    chosen_by: str = "accuracy"
    report: Callable[[Answers, Answers], dict[str, float]] = judged
    cam: str = ""
    groups: Callable[[nn.Module, float], list[dict[str, Any]]] | None = None
    average: float = 0.0
    teacher: Callable[[int], nn.Module] | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)
    fitted: "Callable[[Recipe, Settings], Recipe]" = lambda recipe, settings: recipe
    refuse: Callable[[Settings], None] = lambda settings: None
    found: Callable[[], str] | None = None

    def rate(self, batch_size: int) -> float:
        """The highest rate for another batch size: in proportion for SGD, with the square root for AdamW."""
        ratio = batch_size / self.batch_size
        return self.lr * (ratio if self.optimizer == "sgd" else ratio**0.5)


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is asked of one run.

    Attributes:
        out: the folder for checkpoint, curves and result.
        folder: the data folder; None for `p2v_data.data_folder()`.
        epochs, batch_size: None for the recipe's.
        seed: of the network's start and of every draw.
        precision: "auto", "float32", "bfloat16" or "float16".
        compile: whether to compile the network; None for where it pays.
        weights: a file with ImageNet weights; "" for torchvision's, "none" for a random start.
        tracker: who else is told of each epoch, see `tracking`.
        network, image_size, normal, teacher: see `choices`; "" or None for the recipe's.
    """

    out: Path
    folder: Path | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int = 0
    precision: str = "auto"
    compile: bool | None = None
    weights: str = ""
    tracker: str = "tensorboard"
    network: str = ""
    image_size: int | None = None
    normal: str = ""
    teacher: str = ""


@dataclass
class Progress:
    """How far a run has come: what a checkpoint holds beside the weights.

    Attributes:
        history: a row of numbers for each epoch.
        best_epoch: the epoch whose weights are kept, from 0; −1 before there is one.
        best_score, best_loss: on the validation images.
        best_weights: its `state_dict`, on the CPU.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1
    best_score: float = float("-inf")
    best_loss: float = float("inf")
    best_weights: dict[str, Tensor] = field(default_factory=dict)


def class_shares(labels: Int[Tensor, "N"], num_classes: int) -> Float[Tensor, "N K"]:
    """Labels as shares: 1 for the own class, 0 for the others."""
    return nn.functional.one_hot(labels, num_classes).float()
