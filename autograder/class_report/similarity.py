"""Answers that are alike beyond what the task explains. A reason to look and to ask, never a proof.

Structure is compared, not text: renaming, comments and layout change nothing. What many write counts little
(a piece's weight falls with the number of answers that hold it), what was released counts nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from autograder.class_report.own import Answer

ALIKE = 0.75  # share of the smaller answer's weight that the other holds too
FEWEST_PIECES = 60  # in an answer: below, honest answers coincide
WIDEST = 2.0  # how many times as much one answer may hold as the other
COMMON, FEWEST_COMMON = (
    0.3,
    6,
)  # a group of this share of the class, and of more than so many, says nothing of its members


@dataclass(frozen=True)
class Pair:
    """Two answers to one exercise that are alike, and how much, up to 1."""

    exercise: str
    one: Answer
    other: Answer
    alike: float


@dataclass(frozen=True)
class Group:
    """Students whose answers are alike, directly or by way of others. pairs: the most alike pair of each exercise."""

    students: tuple[str, ...]
    pairs: tuple[Pair, ...]

    @property
    def exercises(self) -> tuple[str, ...]:
        """The exercises in which they are alike."""
        return tuple(pair.exercise for pair in self.pairs)


@dataclass(frozen=True)
class Similarity:
    """What was found. short: exercises left out, as answers are short. common: group sizes where most are alike."""

    groups: tuple[Group, ...]
    compared: tuple[str, ...]
    short: tuple[str, ...]
    common: Mapping[str, int]


def similarity(answers: Mapping[str, Sequence[Answer]]) -> Similarity:
    """Compares the answers of each exercise with one another, and joins the groups of the same students."""
    found: dict[tuple[str, ...], list[Pair]] = {}
    compared, short, common = [], [], dict[str, int]()
    for exercise, every in answers.items():
        long = [item for item in every if len(item.pieces) >= FEWEST_PIECES]
        if len(long) < max(2, len(every) / 2):
            short += [exercise] * bool(every)
            continue
        compared.append(exercise)
        alike = pairs(long)
        for students in components(alike):
            if len(students) > max(FEWEST_COMMON, COMMON * len(every)):
                common[exercise] = common.get(exercise, 0) + len(students)
                continue
            best = max((pair for pair in alike if pair.one.student in students), key=lambda pair: pair.alike)
            found.setdefault(students, []).append(best)
    groups = [Group(students, tuple(items)) for students, items in found.items()]
    groups.sort(key=lambda group: (-len(group.pairs), -max(pair.alike for pair in group.pairs), group.students))
    return Similarity(tuple(groups), tuple(compared), tuple(short), common)


def pairs(answers: Sequence[Answer]) -> list[Pair]:
    """The pairs that are alike, of one exercise. Equal answers are compared once."""
    copies: dict[frozenset[int], list[Answer]] = {}
    for item in answers:
        copies.setdefault(item.pieces, []).append(item)
    kinds = list(copies.values())
    found = [Pair(kind[0].exercise, kind[0], other, 1.0) for kind in kinds for other in kind[1:]]
    for a, b, alike in _close([kind[0].pieces for kind in kinds], [len(kind) for kind in kinds]):
        found.append(Pair(kinds[a][0].exercise, kinds[a][0], kinds[b][0], alike))
    return found


def _close(kinds: Sequence[frozenset[int]], sizes: Sequence[int]) -> Iterator[tuple[int, int, float]]:
    """Indices of different kinds of answer that share most of their weight, and the share."""
    number = {piece: place for place, piece in enumerate(sorted({piece for kind in kinds for piece in kind}))}
    held = Counter[int]()
    for kind, size in zip(kinds, sizes, strict=True):
        for piece in kind:
            held[piece] += size
    total = sum(sizes)
    weights = np.array([np.log((total + 1) / held[piece]) for piece in number])
    columns = [number[piece] for kind in kinds for piece in kind]
    rows = np.repeat(np.arange(len(kinds)), [len(kind) for kind in kinds])
    matrix = csr_matrix((np.ones(len(columns)), (rows, columns)), shape=(len(kinds), len(number)))
    shared = (matrix.multiply(weights) @ matrix.T).tocoo()
    own = np.asarray(matrix @ weights)
    small = np.minimum(own[shared.row], own[shared.col])
    large = np.maximum(own[shared.row], own[shared.col])
    close = (shared.row < shared.col) & (shared.data >= ALIKE * small) & (large <= WIDEST * small)
    for a, b, value in zip(shared.row[close], shared.col[close], (shared.data / small)[close], strict=True):
        yield int(a), int(b), min(1.0, float(value))


def components(found: Sequence[Pair]) -> list[tuple[str, ...]]:
    """Students who hang together by pairs, each group and the groups sorted."""
    root: dict[str, str] = {}

    def of(name: str) -> str:
        while root.setdefault(name, name) != name:
            root[name] = name = root[root[name]]
        return name

    for pair in found:
        root[of(pair.one.student)] = of(pair.other.student)
    groups: dict[str, list[str]] = {}
    for name in sorted(root):
        groups.setdefault(of(name), []).append(name)
    return sorted(tuple(group) for group in groups.values())
