"""The grader of eyes: gaps never come through, nobody's answer depends on others, and it learns."""

import pytest
import torch
from torch import nn

import p2v_data
from solutions.vit import EyeGrader, evened, train_grader, turned


@pytest.fixture(scope="module")
def eyes():
    return p2v_data.eyes(train=120, validation=10, test=20)


@pytest.fixture(params=["concatenation", "attention"])
def model(request, eyes):
    torch.manual_seed(0)
    return EyeGrader(eyes.train.table, eyes.train.notes, request.param, dim=16).eval()


def test_gaps_and_empty_notes_give_finite_logits(model, eyes):
    images, table, _, _ = eyes.test
    with torch.no_grad():
        logits = model(images, torch.full_like(table, torch.nan), [""] * len(table))
    assert logits.shape == (20, 5)
    assert logits.isfinite().all()


def test_a_patient_alone_gets_the_same_answer(model, eyes):
    with torch.no_grad():
        together = model(*eyes.test[:3])
        alone = [model(*eyes.test.some(torch.tensor([number]))[:3]) for number in range(5)]
    torch.testing.assert_close(torch.cat(alone), together[:5], rtol=1e-4, atol=1e-5)


def test_everything_counts(model, eyes):
    images, table, notes, _ = eyes.test
    with torch.no_grad():
        before = model(images, table, notes)
        others = [
            model(images.roll(1, 0), table, notes),
            model(images, table.roll(1, 0), notes),
            model(images, table, ["sees dark floaters"] * len(notes)),
        ]
    assert all((other - before).abs().max() > 1e-4 for other in others)


def test_words_come_from_the_training_notes(eyes):
    model = EyeGrader(eyes.train.table, ["often rare"] + ["often"] * 9 + [""] * 110, dim=16)
    assert model.vocabulary == ["often"]


def test_what_it_looks_at_are_shares(model, eyes):
    with torch.no_grad():
        looks = model.looks(eyes.test.images)
    assert looks.shape == (20, 8, 8)
    torch.testing.assert_close(looks.sum((1, 2)), torch.ones(20))
    if model.attends:
        weights = model.weights(*eyes.test[:3])
        assert weights.shape == (20, 4, 64, 24)
        torch.testing.assert_close(weights.sum(-1), torch.ones(20, 4, 64))


def test_state_is_saved_with_the_statistics(model, eyes):
    torch.manual_seed(1)
    fusion = "attention" if model.attends else "concatenation"
    other = EyeGrader(torch.zeros_like(eyes.train.table), eyes.train.notes, fusion, dim=16).eval()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(other(*eyes.test[:3]), model(*eyes.test[:3]))


def test_evened_and_turned():
    flat = torch.full((2, 3, 16, 16), 0.4)
    torch.testing.assert_close(evened(flat), torch.zeros_like(flat))
    tilted = torch.arange(64.0).expand(1, 1, 64, 64) / 64
    assert evened(tilted)[:, :, :, 8:-8].abs().max() < 0.05
    images = torch.rand(40, 3, 4, 4)
    seen = turned(images, torch.Generator().manual_seed(0))
    ways = torch.stack([images, images.flip(2), images.flip(3), images.flip(2, 3)])
    which = (ways == seen).flatten(2).all(2)
    assert which.any(0).all()
    assert which.any(1).all()


def test_training_lowers_the_loss_and_leaves_the_random_state(eyes):
    torch.manual_seed(0)
    model = EyeGrader(eyes.train.table, eyes.train.notes, dim=8)
    torch.manual_seed(5)
    losses = train_grader(model, torch.zeros(120, 3, 8, 8), *eyes.train[1:], epochs=8)
    untouched = torch.rand(())
    torch.manual_seed(5)
    assert torch.equal(untouched, torch.rand(()))
    assert len(losses) == 8
    assert losses[-1] < losses[0]
    assert not any(part.training for part in model.modules() if isinstance(part, nn.Module))
