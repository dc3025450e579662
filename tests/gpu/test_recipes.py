"""How many images a second a recipe learns from on the GPU, and in how much memory: measured and shown, not judged."""

import time

import numpy as np
import pytest
import torch

from p2v_data.dataset import Provenance, RawImages, assemble
from solutions.recipes import RECIPES
from solutions.recipes.batches import training_batches
from solutions.recipes.run import Run
from tests.gpu import table

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here: not checked on a GPU"),
]
WARM, MEASURED = 10, 50  # steps


def noise(images):
    """Bytes of CIFAR-10's form."""
    random = np.random.default_rng(0)
    about = Provenance(
        name="noise", source="made", licence="none", citation="none", kind="simulated", count=0, shape=(3, 32, 32)
    )
    raw = RawImages(
        random.integers(0, 256, (images, 3, 32, 32), dtype=np.uint8), np.arange(images) % 10, images - 256, 128
    )
    return assemble(raw, about=about, class_names=tuple("0123456789"), as_bytes=True)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("batch_size", [128, 512])
def test_a_training_step_of_resnet18(dtype, compiled, batch_size, capsys):
    steps = WARM + MEASURED
    data = noise(batch_size * steps + 256)
    settings = {"epochs": 1, "batch_size": batch_size, "seed": 0, "weights": ""}
    run = Run(RECIPES["cifar10-resnet18"], data, settings, table.GPU, dtype, compiled)
    run.model.train()
    torch.cuda.reset_peak_memory_stats()
    start = 0.0
    for number, (x, y) in enumerate(training_batches(run.training, run.recipe, 10, batch_size, 0, table.GPU)):
        if number == WARM:
            torch.cuda.synchronize()
            start = time.perf_counter()
        loss = run.step(x, y, number)
    torch.cuda.synchronize()
    rate = MEASURED * batch_size / (time.perf_counter() - start)
    memory = torch.cuda.max_memory_allocated() / 1e9
    assert number + 1 == steps
    assert torch.isfinite(loss)
    row = (
        table.device_name(table.GPU),
        RECIPES["cifar10-resnet18"].name,
        str(dtype).removeprefix("torch."),
        "compiled" if compiled else "eager",
        f"batches of {batch_size}",
        f"{rate:,.0f} images/s",
        f"{memory:.2f} GB",
    )
    with capsys.disabled():
        print("\n| " + " | ".join(row) + " |")
