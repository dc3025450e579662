"""The eyes are what their docstring says: sizes, gaps, what tells something; and RetinaMNIST's file."""

import time
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from p2v_data import DataDamagedError, DataMissingError, EyeSplit, eyes
from p2v_data.eyes import FEATURES, PHRASES, SHARES
from p2v_data.fundus import paint_eyes

COUNTS = {"train": 24, "val": 10, "test": 12}


@cache
def made(seed=0):
    return eyes(train=400, validation=50, test=200, seed=seed)


@cache
def many():
    return eyes(train=2500, validation=1, test=1).train


def test_shapes_ranges_and_names():
    data = made()
    for part, count in ((data.train, 400), (data.validation, 50), (data.test, 200)):
        assert part.images.shape == (count, 3, 64, 64)
        assert part.table.shape == (count, len(data.features))
        assert (part.images.dtype, part.table.dtype, part.grades.dtype) == (torch.float32, torch.float32, torch.int64)
        assert 0 <= part.images.min() <= part.images.max() <= 1
        assert part.images.std() > 0.1
        assert len(part.notes) == len(part.grades) == count
    assert data.class_names == ("none", "mild", "moderate", "severe", "proliferative")
    assert [str(each) for each in data.features][2:4] == ["HbA1c (%)", "systolic pressure (mmHg)"]
    assert (data.provenance.kind, data.provenance.count, data.provenance.shape) == ("simulated", 650, (3, 64, 64))
    assert "program" in data.provenance.source
    assert "by grade" in repr(data)
    assert data._repr_html_().count("<img") == 5


def test_usual_size():
    before = time.process_time()
    data = eyes()
    assert time.process_time() - before < 10  # 1.5 s on a quiet machine
    assert [len(part.grades) for part in (data.train, data.validation, data.test)] == [1200, 300, 600]


def test_its_seed_decides_and_nothing_else():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    again = eyes(train=400, validation=50, test=200)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(again.train.images, made().train.images)
    assert torch.equal(again.test.table.nan_to_num(), made().test.table.nan_to_num())
    assert again.validation.notes == made().validation.notes
    assert not torch.equal(made(1).train.images, again.train.images)
    assert not torch.equal(again.train.images[:50], again.validation.images)


def test_some_patients():
    part = made().train
    three = part.some(torch.tensor([5, 0, 5]))
    assert isinstance(three, EyeSplit)
    assert torch.equal(three.images, part.images[[5, 0, 5]])
    assert three.notes == [part.notes[5], part.notes[0], part.notes[5]]
    assert torch.equal(three.grades, part.grades[[5, 0, 5]])


def test_grades_are_as_unequal_as_they_should_be():
    shares = many().grades.bincount(minlength=5) / len(many().grades)
    assert (shares - torch.tensor(SHARES)).abs().max() < 0.04


def test_gaps_of_albumin_tell_something_and_others_nothing():
    table, sick = many().table, many().grades >= 2
    gaps = table.isnan().float()
    by_column = (gaps[sick].mean(0) - gaps[~sick].mean(0)).tolist()
    names = [each.name for each in FEATURES]
    assert by_column[names.index("albumin in urine")] < -0.2
    assert all(abs(gap) < 0.05 for name, gap in zip(names, by_column, strict=True) if name != "albumin in urine")
    assert gaps.mean(0)[names.index("age")] == 0


def test_what_tells_something_and_what_is_noise():
    table, grades = many().table, many().grades.float()
    names = [each.name for each in FEATURES]
    strength = {}
    for name, column in zip(names, table.T, strict=True):
        known = ~column.isnan()
        strength[name] = float(torch.corrcoef(torch.stack([column[known], grades[known]]))[0, 1])
    assert abs(strength["eye pressure"]) < 0.06
    assert min(strength[name] for name in ("diabetes for", "HbA1c", "albumin in urine")) > 0.25
    assert 0.05 < strength["systolic pressure"] < 0.35


def test_words_that_tell_something_and_words_that_dont():
    sick = many().grades >= 3
    shares = {}
    for phrase, _, slope in PHRASES:
        said = torch.tensor([phrase in note for note in many().notes])
        shares[phrase] = (float(said[sick].float().mean() - said[~sick].float().mean()), slope)
    assert shares["sees dark floaters"][0] > 0.08
    assert shares["routine check"][0] < -0.08
    assert all(abs(gap) < 0.06 for gap, slope in shares.values() if slope == 0)
    assert "" in many().notes


def kappa(facts, part, test_facts, test):
    model = LogisticRegression(max_iter=500).fit(facts, part.grades)
    return cohen_kappa_score(test.grades, model.predict(test_facts), weights="quadratic")


def counted(images):
    """Pixels that are much darker, or much brighter and yellower, than the field's typical colour."""
    inner = images[:, :, 14:50, 14:50]
    typical = inner.flatten(2).median(dim=2).values[:, :, None, None]
    contrast = inner / typical.clamp(min=0.05)
    counts = [(contrast[:, 1] < level).float().sum((1, 2)) for level in (0.3, 0.45, 0.6)]
    counts += [(contrast[:, 1] > level).float().sum((1, 2)) for level in (1.5, 1.8)]
    return torch.stack([*counts, contrast[:, 1].flatten(1).std(1) * 50], dim=1).log1p()


def test_both_know_more_than_either():
    data = eyes(train=1200, validation=1, test=600, seed=5)
    train, test = data.train, data.test
    images = [counted(part.images) for part in (train, test)]
    median = train.table.nanquantile(0.5, dim=0)
    centre, spread = median, train.table.nan_to_num().std(0)
    tables = [
        torch.cat([(part.table.where(~part.table.isnan(), median) - centre) / spread, part.table.isnan()], dim=1)
        for part in (train, test)
    ]
    alone = [kappa(each[0], train, each[1], test) for each in (images, tables)]
    both = kappa(
        *(item for part, i in ((train, 0), (test, 1)) for item in (torch.cat([images[i], tables[i]], 1), part))
    )
    assert both > max(alone) + 0.03
    assert min(alone) > 0.2


def test_lesions_grow_with_severity_and_a_clouded_lens_hides_them():
    generator = torch.Generator().manual_seed(0)
    none, clear = torch.zeros(150), torch.zeros(150, dtype=torch.bool)
    dark = []
    for severity in (0.0, 1.5, 2.5, 3.5, 5.0):
        seen = paint_eyes(torch.full((150,), severity), none, clear, generator)
        dark.append(float(counted(seen)[:, 1].mean()))
    assert dark[0] < dark[-1]
    assert dark[1] < dark[3]
    hidden = paint_eyes(torch.full((150,), 5.0), none, ~clear, generator)
    assert hidden[:, :, 20:44, 20:44].std((2, 3)).mean() < 0.4 * seen[:, :, 20:44, 20:44].std((2, 3)).mean()


def test_field_is_round_on_black():
    images = made().test.images
    assert images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].max() < 0.08
    assert images[:, 0, 24:40, 24:40].mean() > 0.4


def retinamnist(folder, **changes):
    """RetinaMNIST's file in small: the grade is the brightness, an image's first pixel its number."""
    folder.mkdir(parents=True)
    content, first = {}, 0
    for part, count in COUNTS.items():
        grades = np.arange(count) % 5
        images = np.zeros((count, 224, 224, 3), np.uint8) + (40 * grades)[:, None, None, None].astype(np.uint8)
        images[..., 1] += 9
        content |= {f"{part}_images": images, f"{part}_labels": grades[:, None].astype(np.uint8)}
        first += count
    content |= changes
    np.savez_compressed(
        folder / "retinamnist_224.npz", **{name: value for name, value in content.items() if value is not None}
    )


def test_retinamnist(own_folder, any_size_counts):
    retinamnist(own_folder / "retinamnist")
    data = eyes("retinamnist")
    assert [len(part.grades) for part in (data.train, data.validation, data.test)] == list(COUNTS.values())
    for part in (data.train, data.validation, data.test):
        assert part.grades.tolist() == [n % 5 for n in range(len(part.grades))]
        expected = (40 * part.grades[:, None] + torch.tensor([0, 9, 0])) / 255
        torch.testing.assert_close(part.images.mean((2, 3)), expected)
        assert part.images.shape[1:] == (3, 64, 64)
        assert part.table.shape == (len(part.grades), len(FEATURES))
    assert data.provenance.kind == "real"
    assert "simulated" in data.provenance.name
    assert "simulated here from the grade" in data.provenance.source
    assert data.provenance.count == sum(COUNTS.values())


def test_part_of_retinamnist(own_folder, any_size_counts):
    retinamnist(own_folder / "retinamnist")
    data = eyes("retinamnist", train=10, validation=5, test=5, seed=2)
    assert data.train.grades.bincount().tolist() == [2, 2, 2, 2, 2]
    assert data.validation.grades.bincount().tolist() == [1] * 5
    with pytest.raises(ValueError, match="25 images asked for"):
        eyes("retinamnist", train=25)


@pytest.mark.parametrize(
    "changes",
    [
        {"val_images": None},
        {"test_labels": np.zeros((3, 1), np.uint8)},
        {"train_images": np.zeros((24, 224, 224), np.uint8)},
        {"train_labels": np.full((24, 1), 5, np.uint8)},
    ],
)
def test_another_file_is_refused(own_folder, any_size_counts, changes):
    retinamnist(own_folder / "retinamnist", **changes)
    with pytest.raises(DataDamagedError, match="p2v data fetch retinamnist"):
        eyes("retinamnist")


def test_a_file_cut_short_is_refused(own_folder, any_size_counts):
    retinamnist(own_folder / "retinamnist")
    path = own_folder / "retinamnist" / "retinamnist_224.npz"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataDamagedError, match="damaged"):
        eyes("retinamnist")


def test_a_missing_file_and_another_source():
    with pytest.raises(DataMissingError, match="p2v data fetch retinamnist"):
        eyes("retinamnist")
    with pytest.raises(ValueError, match="simulated"):
        eyes("kaggle")
