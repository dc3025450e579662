"""Photographs in folders, read while the network learns: for sets that no memory holds, such as ImageNet.

    FOLDER/train/KIND/*.JPEG     to learn from, but for a few of each kind, which are kept to choose by
    FOLDER/val/KIND/*.JPEG       to test

Torchvision's `ImageFolder` reads the same. Pictures are decoded by other processes. What is drawn for a picture follows
from the epoch and the picture alone, so it doesn't matter how many these are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

import p2v_data
from p2v_data import DataDamagedError, DataMissingError, Provenance, UserError
from solutions.resnet import random_boxes

KINDS_OF_FILE = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
KEPT = 10  # pictures of each kind to choose by; of small sets a tenth
KEPT_SEED = 20  # always the same ones
MARGIN = 256 / 224  # what is judged is the middle of a picture this much larger
STRENGTH = 27  # of 30: RandAugment's 9 of 10
MOST_READERS, WORTH_READERS = 16, 1024  # processes; pictures from which they pay


@dataclass(frozen=True)
class Cut:
    """How a picture becomes a square.

    Attributes:
        side: of the square, in pixels.
        scale: how much of a picture a training square shows, at least and at most.
        changes: how many of RandAugment's changes a training square may get, each with probability ½.
    """

    side: int
    scale: tuple[float, float] = (0.08, 1.0)
    changes: int = 2


@dataclass(frozen=True)
class Pictures:
    """One part of a set: files, and the kind of each.

    Attributes:
        root: the folder that names begin from.
        names: as bytes, which a million of is little in NumPy and much in Python.
        labels: int64.
        cut: how pictures become squares.
    """

    root: Path
    names: np.ndarray[Any, Any]
    labels: Int[Tensor, N]
    cut: Cut

    def batches(
        self, order: Sequence[Int[Tensor, B]], seed: int | None = None
    ) -> Iterator[tuple[UInt8[Tensor, "B 3 side side"], Int[Tensor, B]]]:
        """The pictures in that order, with their labels: drawn for training from `seed`, or as they are judged.

        Raises:
            DataDamagedError: a file holds no picture; the message names it.
        """
        readers = min(p2v_data.cores(), MOST_READERS) if sum(map(len, order)) >= WORTH_READERS else 0
        found: DataLoader[Any] = DataLoader(
            _Reader(self, seed),  # type: ignore[arg-type]
            batch_size=None,
            sampler=[chosen.tolist() for chosen in order],
            num_workers=readers,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator().manual_seed(0),  # or it would draw from torch's own
        )
        for images, chosen in found:
            if isinstance(images, str):
                raise DataDamagedError(images)
            yield images, self.labels[chosen]


class _Reader:
    """What the other processes do: many indices to one batch. An error comes back as its message."""

    def __init__(self, part: Pictures, seed: int | None) -> None:
        self.part, self.seed = part, seed

    def __getitem__(self, chosen: list[int]) -> tuple[UInt8[Tensor, "B 3 side side"] | str, Int[Tensor, B]]:
        try:
            images: Tensor | str = torch.stack([self._one(index) for index in chosen])
        except DataDamagedError as error:
            images = str(error)
        return images, torch.tensor(chosen)

    def _one(self, index: int) -> UInt8[Tensor, "3 side side"]:
        path = self.part.root / os.fsdecode(self.part.names[index])
        picture = _opened(path)
        cut = self.part.cut
        square = _middle(picture, cut) if self.seed is None else _drawn(picture, cut, self.seed, index)
        return torch.from_numpy(np.array(square)).movedim(-1, 0).contiguous()


def _opened(path: Path) -> Any:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataDamagedError(
            f"{path} holds no picture that can be read ({error}). Expected a JPEG or another file that Pillow opens. "
            "It was probably cut short while being copied or unpacked: put a whole one in its place. The same command "
            "then goes on after the last whole epoch."
        ) from error


def _middle(picture: Any, cut: Cut) -> Any:
    """The middle, of a picture whose shorter side is a little more than the square's."""
    from PIL import Image

    share = cut.side * min(picture.size) / round(cut.side * MARGIN)
    left, top = ((length - share) / 2 for length in picture.size)
    return picture.resize((cut.side, cut.side), Image.Resampling.BICUBIC, (left, top, left + share, top + share))


def _drawn(picture: Any, cut: Cut, seed: int, index: int) -> Any:
    """A random part, mirrored or not, perhaps turned, sheared, or in other colours."""
    from PIL import Image

    box, other = (int(word) for word in np.random.SeedSequence((seed, index)).generate_state(2))
    width, height = picture.size
    top, left, h, w = random_boxes(1, height, width, cut.scale, seed=box)[0].tolist()
    picture = picture.resize((cut.side, cut.side), Image.Resampling.BICUBIC, (left, top, left + w, top + h))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(other)
        mirrored, *changed = (torch.rand(1 + cut.changes) < 0.5).tolist()
        if mirrored:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        for _ in range(sum(changed)):
            picture = _rand_augment()(picture)
    return picture


@cache
def _rand_augment() -> Any:
    """One random change; what comes into view is grey."""
    from torchvision.transforms import InterpolationMode, RandAugment

    return RandAugment(1, STRENGTH, interpolation=InterpolationMode.BILINEAR, fill=[124, 116, 104])


@dataclass(frozen=True)
class PictureSet:
    """Pictures in three parts; the engine takes it as it takes an `ImageDataset`."""

    train: Pictures
    validation: Pictures
    test: Pictures
    class_names: tuple[str, ...]
    provenance: Provenance


def find_folder(folder: Path | None, name: str) -> Path | None:
    """Where `train` and `val` lie: in `folder` itself, or in `folder`/`name`; None if they don't.

    Without a folder: in the data folder's.
    """
    folder = p2v_data.data_folder() if folder is None else folder
    whole = [place for place in (folder, folder / name) if all((place / part).is_dir() for part in ("train", "val"))]
    return whole[0] if whole else None


def _required(folder: Path | None, name: str, about: Provenance) -> Path:
    root = find_folder(folder, name)
    if root is None:
        folder = p2v_data.data_folder() if folder is None else folder
        raise DataMissingError(
            f"Expected folders train and val in {folder} or {folder / name}, each with a folder of pictures for every "
            f"kind. There are none. Say where yours are with   --folder FOLDER\n{about.source}"
        )
    return root


def picture_folder(folder: Path | None, name: str, cut: Cut, about: Provenance) -> PictureSet:
    """The pictures of a folder with `train` and `val`.

    Of each kind in `train`, ten pictures (of fewer than a hundred a tenth, but one at least) are kept to choose by.

    Args:
        folder: holds the two, or a folder `name` that does; None for the data folder.
        name: what the set is called there.
        cut: how pictures become squares.
        about: its provenance; count and shape are filled in.

    Raises:
        DataMissingError: the folders aren't there.
        UserError: they aren't laid out as they should be.
    """
    root = _required(folder, name, about)
    kinds, shown = _kinds(root / "train"), _kinds(root / "val")
    if kinds != shown:
        odd = sorted(set(kinds) ^ set(shown))
        raise UserError(
            f"{root}: train has {len(kinds)} kinds of pictures, val has {len(shown)}, and {odd[0]!r} is in one of them "
            "only. Expected the same folders in both. Was one of the two unpacked in part?"
        )
    train = _listed(root / "train", kinds, least=2)
    test = _listed(root / "val", kinds, least=1)
    learn, choose = _kept(train)
    count, side = len(train[0]) + len(test[0]), cut.side
    return PictureSet(
        train=Pictures(root / "train", train[0][learn], torch.from_numpy(train[1][learn]), cut),
        validation=Pictures(root / "train", train[0][choose], torch.from_numpy(train[1][choose]), cut),
        test=Pictures(root / "val", test[0], torch.from_numpy(test[1]), cut),
        class_names=tuple(kinds),
        provenance=replace(about, count=count, shape=(3, side, side), dtype="uint8", value_range=(0, 255)),
    )


def _kinds(folder: Path) -> list[str]:
    """The folders in it, in the order in which they are numbered."""
    kinds = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    if len(kinds) < 2:
        loose = sum(entry.name.lower().endswith(KINDS_OF_FILE) for entry in os.scandir(folder))
        raise UserError(
            f"{folder} has {len(kinds)} folders and {loose} loose pictures. Expected two folders or more, one for each "
            "kind. ImageNet's validation pictures come all in one: `torchvision.datasets.ImageNet` sorts them."
        )
    return kinds


def _listed(folder: Path, kinds: list[str], least: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Names and labels, kind by kind."""
    names: list[bytes] = []
    counts = []
    for kind in tqdm(kinds, desc=f"looking through {folder.name}", leave=False, disable=None):
        found = sorted(
            os.fsencode(os.path.relpath(os.path.join(where, name), folder))
            for where, _, files in os.walk(folder / kind, followlinks=True)
            for name in files
            if name.lower().endswith(KINDS_OF_FILE)
        )
        if len(found) < least:
            raise UserError(
                f"{folder / kind} holds {len(found)} pictures. Expected {least} or more, with names that end in "
                f"{', '.join(KINDS_OF_FILE)}. Was it unpacked?"
            )
        names += found
        counts.append(len(found))
    return np.array(names), np.repeat(np.arange(len(kinds)), counts)


def _kept(train: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]) -> tuple[Any, Any]:
    """Positions to learn from, and positions to choose by."""
    random = np.random.RandomState(KEPT_SEED)  # its stream is promised never to change
    choose = np.zeros(len(train[1]), dtype=bool)
    first = 0
    for count in np.bincount(train[1]).tolist():
        choose[first + random.permutation(count)[: max(1, min(KEPT, count // 10))]] = True
        first += count
    return ~choose, choose
