"""Eyes of people with diabetes: a photograph, a table of measurements with gaps, a short note, and a grade."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from p2v_data.dataset import Provenance
from p2v_data.errors import DataDamagedError
from p2v_data.store import full_set, require
from p2v_data.summary import Rows, html_image, html_table, text_table

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Generator, Tensor

GRADES = ("none", "mild", "moderate", "severe", "proliferative")
SHARES = (0.45, 0.15, 0.20, 0.12, 0.08)  # of the grades, about as in a clinic's register
COUNTS = (1_200, 300, 600)  # of simulated patients: training, validation, test
CLOUDY = 0.3  # of the eyes are seen through a clouded lens
ARCHIVE, PARTS, SIDE = "retinamnist_224.npz", ("train", "val", "test"), 64
# a phrase of a note, how likely it is at severity 0, and how much likelier with each step of severity
PHRASES = (
    ("routine check", 0.45, -0.07),
    ("diet only", 0.25, -0.05),
    ("takes tablets", 0.35, -0.02),
    ("on insulin", 0.15, 0.06),
    ("vision blurred", 0.10, 0.05),
    ("sees dark floaters", -0.20, 0.10),
    ("wears glasses", 0.25, 0.0),
    ("drives a lorry", 0.10, 0.0),
    ("works at night", 0.12, 0.0),
    ("came with her daughter", 0.10, 0.0),
    ("hay fever", 0.08, 0.0),
)


class Feature(NamedTuple):
    """A column of the table."""

    name: str
    unit: str

    def __str__(self) -> str:
        return f"{self.name} ({self.unit})"


FEATURES = (
    Feature("age", "years"),
    Feature("diabetes for", "years"),
    Feature("HbA1c", "%"),
    Feature("systolic pressure", "mmHg"),
    Feature("albumin in urine", "mg/g"),
    Feature("eye pressure", "mmHg"),
)


class EyeSplit(NamedTuple):
    """Some patients; unpacks as ``images, table, notes, grades = data.train``. NaN in the table: not measured."""

    images: Float[Tensor, "N 3 64 64"]
    table: Float[Tensor, "N F"]
    notes: list[str]
    grades: Int[Tensor, " N"]

    def some(self, chosen: Int[Tensor, " M"]) -> EyeSplit:
        """The patients with these numbers, in this order."""
        notes = [self.notes[number] for number in chosen.tolist()]
        return EyeSplit(self.images[chosen], self.table[chosen], notes, self.grades[chosen])


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EyeDataset:
    """Patients in three parts; no patient is in two of them.

    Attributes:
        train: to learn from.
        validation: to choose and to calibrate by.
        test: to judge by.
        features: name and unit of each column of the tables.
        class_names: of the grades 0 to 4.
        provenance: where the data comes from, and what of it is simulated.
    """

    train: EyeSplit
    validation: EyeSplit
    test: EyeSplit
    features: tuple[Feature, ...] = FEATURES
    class_names: tuple[str, ...] = GRADES
    provenance: Provenance

    @property
    def _rows(self) -> Rows:
        parts = (("train", self.train), ("validation", self.validation), ("test", self.test))
        return [
            *((name, f"{len(part.grades):,} patients, by grade {self._counts(part)}") for name, part in parts),
            ("grades", ", ".join(f"{number} {name}" for number, name in enumerate(self.class_names))),
            ("table", ", ".join(f"{each}, {share:.0%} missing" for each, share in self._missing())),
            ("note", f"some words, such as {next(filter(None, self.train.notes), '')!r}"),
            *self.provenance.rows,
        ]

    def _counts(self, part: EyeSplit) -> str:
        return ", ".join(f"{count:,}" for count in part.grades.bincount(minlength=len(self.class_names)).tolist())

    def _missing(self) -> list[tuple[Feature, float]]:
        return list(zip(self.features, self.train.table.isnan().float().mean(0).tolist(), strict=True))

    def __repr__(self) -> str:
        return text_table(self.provenance.title, self._rows)

    def _repr_html_(self) -> str:
        pictures = [
            html_image(self.train.images[int(where[0])], alt=f"an eye of grade {grade}, {name}", width=96)
            for grade, name in enumerate(self.class_names)
            if len(where := (self.train.grades == grade).nonzero().flatten())
        ]
        return html_table(self.provenance.title, self._rows) + f"<div>{''.join(pictures)}</div>"


def eyes(
    source: Literal["simulated", "retinamnist"] = "simulated",
    *,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
    folder: Path | None = None,
) -> EyeDataset:
    """Photographs 3×64×64, 0 to 1, a table with gaps, a note, and the grade of diabetic retinopathy, 0 to 4.

    "simulated": all of it. The grade stands for what a full examination finds. A photograph shows part of that, and
    through a clouded lens (three eyes of ten) next to nothing; dust and pale spots of old age only look like it. Of the
    measurements, the years with diabetes, HbA1c and albumin tell most, age and blood pressure a little, the pressure in
    the eye nothing. Albumin is asked for in the sicker ones, so that its gaps tell something too, and so do some words.

    "retinamnist": photographs and grades of MedMNIST's RetinaMNIST, made smaller, in MedMNIST's parts (validation was
    cut from training at random, photograph by photograph, and may show the same people). Table and notes are simulated
    from the grade: nothing about diabetes can be learned from them.

    Args:
        source: where the photographs come from.
        train: how many patients to make (1,200), or of the file's to keep, every grade by its share (1,080).
        validation: the same for the validation part (300; 120).
        test: the same for the test part (600; 400).
        seed: which patients. For "retinamnist" the borders between the parts never move.
        folder: the data folder; default ``data_folder()``.

    Raises:
        DataMissingError: "retinamnist" isn't on this machine; the message says what to run.
        DataDamagedError: the file isn't what it should be.
        ValueError: another source, or more patients asked for than the file has.
    """
    import torch

    wanted = (train, validation, test)
    if source == "simulated":
        parts = [
            _simulated(default if count is None else count, torch.Generator().manual_seed(3 * seed + number))
            for number, (count, default) in enumerate(zip(wanted, COUNTS, strict=True))
        ]
        about = _SIMULATED
    elif source == "retinamnist":
        parts, about = _retinamnist(wanted, seed, folder)
    else:
        raise ValueError(f'source is "simulated" or "retinamnist", got {source!r}')
    return EyeDataset(
        train=parts[0],
        validation=parts[1],
        test=parts[2],
        provenance=replace(about, count=sum(len(part.grades) for part in parts)),
    )


_SIMULATED = Provenance(
    name="Simulated eyes",
    source="photographs, tables, notes and grades are all made here by a program; no patient's data is in them",
    licence="MIT, as this course",
    citation="nothing: it shows how such data is worked with, and says nothing about people",
    kind="simulated",
    count=0,
    shape=(3, SIDE, SIDE),
)


def _simulated(count: int, generator: Generator) -> EyeSplit:
    import torch

    from p2v_data.fundus import paint_eyes

    grades = torch.multinomial(torch.tensor(SHARES), count, replacement=True, generator=generator)
    severity = grades + torch.rand(count, generator=generator)
    table = _table(severity, generator)
    unseen = 0.7 * torch.randn(count, generator=generator).abs()  # one photograph doesn't show the whole eye
    old = (table[:, 0] - 58).clamp(min=0) / 6
    drusen = torch.where(torch.rand(count, generator=generator) < 0.5, old, torch.zeros(count))
    cloudy = torch.rand(count, generator=generator) < CLOUDY
    images = paint_eyes((severity - unseen).clamp(min=0), drusen, cloudy, generator)
    return EyeSplit(images, _with_gaps(table, severity, generator), _notes(severity, generator), grades)


def _table(severity: Float[Tensor, " N"], generator: Generator) -> Float[Tensor, "N F"]:
    """What would be measured in everybody, in `FEATURES`' units."""
    import torch

    chance = torch.randn(len(FEATURES), len(severity), generator=generator)
    years = (3 + 2.2 * severity + 6 * chance[1]).clamp(0, 45).round()
    age = (48 + 0.4 * years + 11 * chance[0]).clamp(22, 90).round()
    hba1c = (6.8 + 0.30 * severity + 1.0 * chance[2]).clamp(4.8, 14)
    systolic = (127 + 2.5 * severity + 14 * chance[3]).clamp(90, 210).round()
    albumin = (2.4 + 0.30 * severity + 0.8 * chance[4]).exp().clamp(2, 900).round()
    eye_pressure = (16 + 3 * chance[5]).clamp(8, 30).round()
    return torch.stack([age, years, (hba1c * 10).round() / 10, systolic, albumin, eye_pressure], dim=1)


def _with_gaps(
    table: Float[Tensor, "N F"], severity: Float[Tensor, " N"], generator: Generator
) -> Float[Tensor, "N F"]:
    """Gaps by accident, but for albumin: the fitter a patient, the less it is asked for."""
    import torch

    share = torch.tensor([0.0, 0.08, 0.10, 0.05, 0.0, 0.15]).expand(table.shape).clone()
    share[:, FEATURES.index(Feature("albumin in urine", "mg/g"))] = (0.8 - 0.6 * severity).sigmoid()
    missing = torch.rand(table.shape, generator=generator) < share
    return table.masked_fill(missing, float("nan"))


def _notes(severity: Float[Tensor, " N"], generator: Generator) -> list[str]:
    """Phrases that fit, in random order; some notes stay empty."""
    import torch

    phrases, base, slope = zip(*PHRASES, strict=True)
    likely = torch.tensor(base) + torch.tensor(slope) * severity[:, None]
    said = torch.rand(likely.shape, generator=generator) < likely
    order = torch.rand(likely.shape, generator=generator).argsort(dim=1)
    return [
        ", ".join(phrases[number] for number in numbers if there[number])
        for numbers, there in zip(order.tolist(), said.tolist(), strict=True)
    ]


def _retinamnist(
    wanted: tuple[int | None, int | None, int | None], seed: int, folder: Path | None
) -> tuple[list[EyeSplit], Provenance]:
    import torch

    from p2v_data.split import stratified_split

    known = full_set("retinamnist")
    parts = []
    for number, ((images, grades), count) in enumerate(
        zip(read_parts(require(known.name, folder) / ARCHIVE), wanted, strict=True)
    ):
        generator = torch.Generator().manual_seed(3 * seed + number)
        some = None if count is None else stratified_split(grades.numpy(), count, seed)[1]
        kept = torch.arange(len(grades)) if some is None else torch.from_numpy(some)
        severity = grades[kept] + torch.rand(len(kept), generator=generator)
        table = _with_gaps(_table(severity, generator), severity, generator)
        parts.append(EyeSplit(_smaller(images[kept]), table, _notes(severity, generator), grades[kept]))
    about = Provenance(
        name="RetinaMNIST with simulated tables and notes",
        source=f"photographs and grades: {known.source}; MedMNIST's split. Tables and notes: simulated here from the "
        "grade, none of them measured",
        licence=known.licence,
        citation=known.citation,
        kind=known.kind,
        count=0,
        shape=(3, SIDE, SIDE),
    )
    return parts, about


def read_parts(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Photographs (N, 3, H, W), 0 to 255, and grades of a MedMNIST file in colour, part by part.

    Raises:
        DataDamagedError: it is cut short, corrupt, lacks a part, or holds something else.
    """
    import numpy as np
    import torch

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            images = [file[f"{part}_images"] for part in PARTS]
            grades = [file[f"{part}_labels"].reshape(-1).astype(np.int64) for part in PARTS]
        if any(part.ndim != 4 or part.shape[3] != 3 or part.dtype != np.uint8 for part in images):
            raise ValueError(f"images of shape {images[0].shape}, {images[0].dtype}; expected (N, H, W, 3), uint8")
        if [*map(len, images)] != [*map(len, grades)]:
            raise ValueError("there are not as many grades as images")
        if any(part.min() < 0 or part.max() >= len(GRADES) for part in grades):
            raise ValueError(f"grades beyond 0 to {len(GRADES) - 1}")
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataDamagedError(
            f"{path} is not RetinaMNIST's file, or is damaged ({error!r}). To verify it and fetch it again, run:   "
            "p2v data fetch retinamnist"
        ) from error
    return [
        (torch.from_numpy(part).movedim(3, 1), torch.from_numpy(grade))
        for part, grade in zip(images, grades, strict=True)
    ]


def _smaller(images: Tensor) -> Float[Tensor, "N 3 64 64"]:
    import torch.nn.functional as F

    return F.interpolate(images.float().div(255), (SIDE, SIDE), mode="bilinear", antialias=True).clamp(0, 1)
