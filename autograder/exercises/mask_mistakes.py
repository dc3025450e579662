"""How trainings of segmenters go wrong, whatever the pictures: answers that make one mistake each, without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from autograder.exercises.mask_goals import MaskGoal, pooled_iou
from autograder.spec import Wrong
from p2v_data import MaskSplit

SURE = 4.0  # a logit

Told = Callable[[Tensor], Tensor]
HeldOut = Callable[[int], MaskSplit]


class Remembers(nn.Module):
    """Knows the masks of some images, and answers with what `told` makes of them, (n, 1, H, W), 0 and 1."""

    def __init__(self, known: MaskSplit, told: Told) -> None:
        super().__init__()
        self.masks, self.told = known.masks[:, None].float(), told
        self.numbers = {_key(image): number for number, image in enumerate(known.images)}

    def forward(self, images: Tensor) -> Tensor:
        numbers = torch.tensor([self.numbers[_key(image)] for image in images])
        return self.told(self.masks[numbers].to(images.device))


def _key(image: Tensor) -> bytes:
    content: bytes = image.detach().cpu().contiguous().numpy().tobytes()
    return content


class Looks(nn.Module):
    """Answers with what `told` makes of the images themselves."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self.told = told

    def forward(self, images: Tensor) -> Tensor:
        return self.told(images)


def logits_of(marked: Tensor) -> Tensor:
    """Sure of what is marked, and of what isn't."""
    return SURE * (2 * marked.float() - 1)


def looking(told: Told) -> Callable[..., nn.Module]:
    """An answer that has learned nothing but looks at each image by a rule."""

    def answer(images: Tensor, masks: Tensor, seed: int = 0) -> nn.Module:
        return Looks(told).eval()

    return answer


def common(held_out: HeldOut, goal: MaskGoal) -> Iterator[Wrong]:
    """The mistakes that any goal of this kind knows. held_out: the tiles of the case that starts with this seed."""

    def knowing(told: Told) -> Callable[..., nn.Module]:
        def answer(images: Tensor, masks: Tensor, seed: int = 0) -> nn.Module:
            return Remembers(held_out(seed), told).eval()

        return answer

    def in_training_mode(images: Tensor, masks: Tensor, seed: int = 0) -> nn.Module:
        return Remembers(held_out(seed), logits_of).train()

    def seeds_for_all(images: Tensor, masks: Tensor, seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        return Remembers(held_out(seed), logits_of).eval()

    yield from _about_the_answer(knowing)
    yield Wrong(
        "learns masks of other images",
        knowing(lambda masks: logits_of(masks.roll(1, 0))),
        "it marks the wrong places, as if each image had another one's mask.",
        "is the same order applied to images and masks? Does each flip and turn do the same to both?",
    )
    yield Wrong(
        "is nearly there",
        knowing(lambda masks: logits_of(_forgotten(masks, goal.below[-1][0] - 0.01))),
        "nearly there: look at the number and at the goal.",
        "more steps, a larger rate with a warm-up, flips and turns, a loss that counts overlap: which of them is "
        "missing?",
    )
    yield Wrong(
        "leaves it in training mode",
        in_training_mode,
        "the network marks well enough, but came back in training mode: its norms would use each batch's own mean.",
        "model.eval() at the end.",
    )
    yield Wrong(
        "moves torch's global random state",
        seeds_for_all,
        "it marks well enough, but whoever draws random numbers after this training gets others than before it.",
        "with torch.random.fork_rng(devices=[]): seed and make the network in there; all other draws come from a "
        "generator of your own.",
    )


def _about_the_answer(knowing: Callable[[Told], Callable[..., nn.Module]]) -> Iterator[Wrong]:
    """Mistakes that show in what kind of logits come back."""
    yield Wrong(
        "learns how many pixels, not which",
        looking(lambda images: torch.full_like(images[:, :1], -1.5)),
        "not one pixel is marked, and all get about the same logit: the network knows at most how rare they are.",
        "does the loss still fall when training stops? Do the weights change? A network whose loss is the mean over "
        "pixels learns the share of the ground first.",
    )
    yield Wrong(
        "ranks well and marks nothing",
        knowing(lambda masks: 2 * masks - 3),
        "not one logit is above 0, so nothing is marked; but those of the right pixels are larger than the others. It "
        "knows where to look, and doesn't dare.",
        "rare pixels pull little in a mean over all of them. Which loss counts overlap, or gives them more weight? And "
        "are there enough steps?",
    )
    yield Wrong(
        "marks everything",
        looking(lambda images: torch.full_like(images[:, :1], 1.5)),
        "nearly every pixel is marked.",
        "how much weight does the loss give to rare pixels, and what does it cost to mark too many?",
    )
    yield Wrong(
        "marks the ground",
        knowing(lambda masks: logits_of(1 - masks)),
        "it marks the ground and leaves out what was to be marked: the signs are the wrong way round.",
        "which class does a logit above 0 stand for? In the masks, 1 is what is to be found.",
    )
    yield Wrong(
        "turns its answers",
        knowing(lambda masks: logits_of(masks.transpose(-1, -2))),
        "the answers would fit if they were flipped or turned: rows and columns have changed places somewhere.",
        "what happens to the axes on the way from the image to the logits, and to images and masks in training?",
    )
    yield Wrong(
        "answers with probabilities",
        knowing(lambda masks: 0.9 * masks + 0.05),
        "all answers lie between 0 and 1. The check expects logits: above 0 means marked.",
        "where is the sigmoid? If the loss takes logits, a sigmoid in the network is one too many.",
    )
    yield Wrong(
        "overflows",
        looking(lambda images: torch.full_like(images[:, :1], float("nan"))),
        "the logits are NaN or infinite: training blew up.",
        "a smaller rate, a longer warm-up. Is there a logarithm or a quotient in the loss that can meet 0?",
    )


def _forgotten(masks: Tensor, score: float) -> Tensor:
    """The masks without those of the first tiles, so many that the IoU falls just below `score`."""
    left, number = masks.clone(), 0
    while pooled_iou(left > 0.5, masks > 0.5) >= score:
        rows = left[number].sum((0, 2)).nonzero()
        if len(rows):
            left[number, :, int(rows[0])] = 0
        else:
            number += 1
    return left
