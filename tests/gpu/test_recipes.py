"""How many images a second a recipe learns from on the GPU, and in how much memory: measured and shown, not judged."""

import copy
import time

import numpy as np
import pytest
import torch

from p2v_data.dataset import Provenance, RawImages, assemble
from solutions.recipes import RECIPES, Recipe
from solutions.recipes.batches import training_batches
from solutions.recipes.recipe import Normal
from solutions.recipes.run import Run
from solutions.recipes.transformers import DistilledTransformer, vit_groups
from solutions.resnet import ResNet
from solutions.vit import VIT_SIZES
from tests.gpu import table

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here: not checked on a GPU"),
]
WARM, MEASURED = 10, 50  # steps

SIZES = {"imagenet-vit": ("tiny", "small"), "imagenet-vit-tuned": ("small", "base")}


def noise(images, side=32, classes=10):
    """Bytes of CIFAR-10's form, or larger."""
    random = np.random.default_rng(0)
    about = Provenance(
        name="noise", source="made", licence="none", citation="none", kind="simulated", count=0, shape=(3, side, side)
    )
    pixels = random.integers(0, 256, (images, 3, side, side), dtype=np.uint8)
    raw = RawImages(pixels, np.arange(images) % classes, images - 256, 128)
    return assemble(raw, about=about, class_names=tuple(map(str, range(classes))), as_bytes=True)


def measured(recipe, data, batch_size, dtype, compiled, steps=WARM + MEASURED):
    """Learns from batches that lie in memory; a row of how quickly, and in how much memory."""
    settings = {"epochs": 1, "batch_size": batch_size, "seed": 0, "weights": "none" if recipe.pretrained else ""}
    run = Run(recipe, data, settings, table.GPU, dtype, compiled)
    run.model.train()
    torch.cuda.reset_peak_memory_stats()
    start, classes = 0.0, len(data.class_names)
    for number, (x, y) in enumerate(training_batches(run.training, recipe, classes, batch_size, 0, table.GPU)):
        if number == WARM:
            torch.cuda.synchronize()
            start = time.perf_counter()
        loss = run.step(x, y, number)
    torch.cuda.synchronize()
    rate = (steps - WARM) * batch_size / (time.perf_counter() - start)
    memory = torch.cuda.max_memory_allocated() / 1e9
    assert number + 1 == steps
    assert torch.isfinite(loss)
    row = (
        table.device_name(table.GPU),
        recipe.about,
        str(dtype).removeprefix("torch."),
        "compiled" if compiled else "eager",
        f"batches of {batch_size}",
        f"{rate:,.0f} images/s",
        f"{memory:.2f} GB",
    )
    return "\n| " + " | ".join(row) + " |"


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("batch_size", [128, 512])
def test_a_training_step_of_resnet18(dtype, compiled, batch_size, capsys):
    data = noise(batch_size * (WARM + MEASURED) + 256)
    row = measured(RECIPES["cifar10-resnet18"], data, batch_size, dtype, compiled)
    with capsys.disabled():
        print(row)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("name", "network"), [(name, size) for name, sizes in SIZES.items() for size in sizes])
def test_a_training_step_of_a_transformer(name, network, dtype, compiled, capsys):
    """The photographs lie decoded in memory: how quickly they are read is a matter of the processor."""
    batch_size, steps = 64, WARM + 20
    recipe = RECIPES[name]
    recipe = recipe.fitted(recipe, {**recipe.choices, "network": network})
    row = measured(recipe, noise(batch_size * steps + 256, 224, 1000), batch_size, dtype, compiled, steps)
    with capsys.disabled():
        print(row)


def small_recipe():
    """A small transformer that learns beside a teacher, with paths left out and weights averaged."""
    return Recipe(
        name="small",
        about="small",
        aim="none",
        load=lambda folder: noise(768),
        model=lambda classes, weights: DistilledTransformer("tiny", 32, classes, 0.5),
        teacher=lambda classes: ResNet(18, classes, small_images=True, width=4),
        normal=Normal((0.5,), (0.25,)),
        augment=lambda x, y, seed: (x, y),
        epochs=3,
        batch_size=64,
        optimizer="adamw",
        lr=1e-3,
        groups=lambda model, rate: vit_groups(model, rate, 0.9, 0.05),
        average=0.9,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_transformer_goes_on_after_an_epoch(dtype, monkeypatch):
    """What a checkpoint holds is enough: the second epoch is the same, but for the order of sums."""
    monkeypatch.setitem(VIT_SIZES, "tiny", {"dim": 64, "depth": 3, "heads": 2})
    settings = {"epochs": 3, "batch_size": 64, "seed": 0, "weights": ""}
    recipe, data = small_recipe(), noise(768)
    one = Run(recipe, data, settings, table.GPU, dtype, compiled=False)
    assert np.isfinite(one.epoch()["training loss"])
    other = Run(recipe, data, settings, table.GPU, dtype, compiled=False)
    other.load(copy.deepcopy(one.state()))
    for name, value in other.judged.state_dict().items():
        assert torch.equal(value, one.judged.state_dict()[name])
    random = torch.cuda.get_rng_state()
    second, again = one.epoch(), other.epoch()
    assert torch.equal(torch.cuda.get_rng_state(), random)
    assert second["training loss"] == pytest.approx(again["training loss"], rel=1e-2)
