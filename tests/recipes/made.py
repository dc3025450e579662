"""Small sets laid out as the real ones, and a small recipe."""

import io
import pickle
import tarfile

import numpy as np
from PIL import Image
from scipy.io import savemat

from p2v_data.dataset import Provenance, RawImages, assemble
from solutions.recipes import BlockNet, Recipe
from solutions.recipes.recipe import Normal

FLOWERS = {"trnid": (3, 1, 6), "valid": (2, 8), "tstid": (4, 5, 7)}  # numbers of images, from 1


def cifar10(folder, each=20):
    """CIFAR-10 of `each` images a batch: the classes differ in brightness."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
            labels = [number % 10 for number in range(each)]
            data = random.integers(0, 30, (each, 3 * 32 * 32)) + 20 * np.array(labels)[:, None]
            body = pickle.dumps({b"data": data.astype(np.uint8), b"labels": labels}, protocol=2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))


def pneumonia(folder, train=16, validation=8, test=10, side=224, **changes):
    """PneumoniaMNIST, where an inflamed lung is a bright half. An image's first pixel is its number."""
    folder.mkdir(parents=True)
    random, first = np.random.default_rng(0), 0
    content = {}
    for part, count in (("train", train), ("val", validation), ("test", test)):
        labels = (np.arange(count) % 4 != 0).astype(np.uint8)
        images = random.integers(0, 60, (count, side, side), dtype=np.uint8)
        images[labels == 1, :, side // 2 :] += 100
        images[:, 0, 0] = first + np.arange(count)
        content |= {f"{part}_images": images, f"{part}_labels": labels[:, None]}
        first += count
    content |= changes
    np.savez_compressed(
        folder / "pneumoniamnist_224.npz", **{name: value for name, value in content.items() if value is not None}
    )


def flowers(folder, missing=(), **changes):
    """Flowers-102 of eight photographs, wide and high; the n-th has the kind n, its middle the colour (20 n, 0, 0)."""
    folder.mkdir(parents=True)
    with tarfile.open(folder / "102flowers.tgz", "w:gz") as archive:
        for number in range(1, 9):
            if number not in missing:
                body = photograph(number)
                member = tarfile.TarInfo(f"jpg/image_{number:05d}.jpg")
                member.size = len(body)
                archive.addfile(member, io.BytesIO(body))
    savemat(folder / "imagelabels.mat", {"labels": changes.get("labels", np.arange(1, 9, dtype=np.uint8)[None])})
    ids = {name: np.array(numbers, np.uint16)[None] for name, numbers in {**FLOWERS, **changes.get("ids", {})}.items()}
    savemat(folder / "setid.mat", ids)


def photograph(number):
    """Wide or high, white at the far ends, so that a wrong cut shows."""
    pixels = np.full((64, 96, 3), 255, np.uint8)
    pixels[:, 16:80] = (20 * number, 0, 0)
    picture = Image.fromarray(pixels if number % 2 else pixels.transpose(1, 0, 2))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    return file.getvalue()


def pictures(folder, kinds=("n01", "n02", "n03"), train=6, val=2):
    """Photographs in folders, as torchvision's `ImageFolder` reads them; a kind is told by its colour.

    Half of them are wide, half high; one kind has a folder within its folder, and a file that is no picture.
    """
    random = np.random.default_rng(0)
    for part, count in (("train", train), ("val", val)):
        for number, kind in enumerate(kinds):
            place = folder / part / kind
            (place / "more").mkdir(parents=True)
            for index in range(count):
                pixels = random.integers(0, 60, (40, 56, 3), dtype=np.uint8)
                pixels[..., number % 3] += 150
                picture = Image.fromarray(pixels if index % 2 else pixels.transpose(1, 0, 2))
                where = place / "more" if number == 1 and index == 0 else place
                picture.save(where / f"{kind}_{index}.{'png' if index == 1 else 'JPEG'}")
        (folder / part / kinds[0] / "notes.txt").write_text("no picture")


def retinamnist(folder, train=10, validation=5, test=5, side=224):
    """RetinaMNIST, where an eye is the redder the worse it is."""
    folder.mkdir(parents=True)
    random, content = np.random.default_rng(0), {}
    for part, count in (("train", train), ("val", validation), ("test", test)):
        grades = (np.arange(count) % 5).astype(np.uint8)
        images = random.integers(0, 40, (count, side, side, 3), dtype=np.uint8)
        images[..., 0] += 40 * grades[:, None, None]
        content |= {f"{part}_images": images, f"{part}_labels": grades[:, None]}
    np.savez_compressed(folder / "retinamnist_224.npz", **content)


def toy_data(folder=None, train=48, side=8):
    """Two kinds of images, dark and bright."""
    random = np.random.default_rng(0)
    labels = np.arange(train + 28) % 2
    images = random.integers(0, 100, (len(labels), 3, side, side), dtype=np.uint8)
    images[labels == 1] += 100
    about = Provenance(
        name="toy", source="made", licence="none", citation="none", kind="simulated", count=0, shape=(3, side, side)
    )
    raw = RawImages(images, labels, train, 16)
    return assemble(raw, about=about, class_names=("dark", "bright"), as_bytes=True)


def toy_recipe(**changes):
    """Learns to tell dark from bright in two short epochs."""
    content = {
        "name": "toy",
        "about": "dark or bright",
        "aim": "all right",
        "load": toy_data,
        "model": lambda classes, weights: BlockNet(blocks=1, num_classes=classes, width=4),
        "normal": Normal((0.5,), (0.25,)),
        "augment": lambda x, y, seed: (x, y),
        "epochs": 3,
        "batch_size": 16,
        "lr": 0.1,
    }
    return Recipe(**{**content, **changes})
