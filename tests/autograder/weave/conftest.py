"""A tiny course of two lessons, one of them in two parts, built in a folder of its own."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.weave import WeaveError, build

LAYERS = '''"""Layers."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

_TINY = 1e-8  # against division by zero


def _halved(size: int) -> int:
    """A helper that students see."""
    return size // 2


def double(
    x: Float[Tensor, "N"],
    times: int = 1,
) -> Float[Tensor, "N"]:
    """Doubles `x`, `times` times.

    `double([1])` is 2·1 = 2.
    """

    # each round is one product
    def once(y: Tensor) -> Tensor:
        """Inner functions have docstrings too."""
        return y * 2

    for _ in range(times):
        x = once(x)
    return x
    # doubled often enough


def quadruple(x: Tensor) -> Tensor:
    text = """ends a string
on a line of its own"""
    assert text
    return double(double(x)) * math.pow(1.0, _halved(2)) + 0 * _TINY


class Double(nn.Module):
    """`double` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return double(x) * _halved(2)


class Net(nn.Module):
    """A net of our own."""

    # the names of old checkpoints
    depth: int = 2

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.layers: Sequence[nn.Module] = [Double() for _ in range(self.depth)]

    @property
    def size(self) -> int:
        """How large it is."""
        return self.width * self.depth * 10

    @torch.no_grad()
    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        for layer in self.layers:
            x = layer(x) * scale
        return x
'''

INIT = '''"""Lesson 01."""

from solutions.shapes.layers import Double, Net, double, quadruple
from solutions.shapes.losses import half_loss

__all__ = ["Double", "Net", "double", "half_loss", "quadruple"]
'''

LOSSES = '''"""Losses."""

from solutions.first import one
from solutions.shapes.layers import Double
from torch import Tensor


def half_loss(x: Tensor) -> Tensor:
    """Half of the mean after `Double`, plus one."""
    return Double()(x).mean() / 2 + one(x)
'''

FIRST = '''"""Lesson 00."""

from torch import Tensor


def one(x: Tensor) -> Tensor:
    """Ones in the shape of `x`."""
    ones_of_the_right_shape = x * 0 + 1
    return ones_of_the_right_shape
'''

FIRST_MD = """---
notebook: 00_first/00_first.ipynb
title: First
module: first
---

Hello.

<!-- exercise: one -->

```python
print(one(torch.zeros(2)))
```
"""

SHAPES_MD = """---
notebook: 01_shapes/01_shapes.ipynb
title: "Shapes"
module: shapes
lesson: 1
---

An opening with a fence:

```text
# not a heading
<!-- exercise: not_a_mark -->
```

## Doubling

Some words.

```python
from time import perf_counter

before = perf_counter()
numbers = torch.ones(3, device=device)
plt.plot([n for n in numbers])
```

<!-- given: _halved, _TINY -->

<!-- exercise: double -->

**Look at it.**

```python
print(double(numbers), one(numbers), _halved(4), before)
```

<!-- exercise: quadruple -->

<!-- given: Double -->

## A net

<!-- exercise: Net given=size -->

<!-- question: why_double points=3 -->

**Why double?** Give a reason.

#### Key points

* The very first key point that nobody may see early.

#### Marking guide

* 3 points: any sensible reason with an example.

#### Common wrong answers

* Because it is there, which is no reason at all.

#### Follow-up

And what about trebling things?

<!-- end -->

Goodbye.
"""

SHAPES_B_MD = """---
notebook: 01_shapes/01_shapes_b.ipynb
title: "Shapes, part b"
module: shapes
---

# The second part

It goes on.

<!-- exercise: half_loss -->

```python
print(half_loss(torch.ones(2)), Double()(torch.ones(1)), quadruple(torch.ones(1)))
```
"""


@dataclass(frozen=True)
class Spec:
    id: str
    needs: tuple[str, ...] = ()
    points: int = 2
    minutes: int = 10


SPECS = (
    Spec("first.one", minutes=30),
    Spec("shapes.double", points=5),
    Spec("shapes.quadruple", ("shapes.double",)),
    Spec("shapes.Net"),
    Spec("shapes.half_loss", ("first.one", "shapes.double")),
)

FILES = {
    "first.md": FIRST_MD,
    "first.py": FIRST,
    "shapes.md": SHAPES_MD,
    "shapes_b.md": SHAPES_B_MD,
    "shapes/__init__.py": INIT,
    "shapes/layers.py": LAYERS,
    "shapes/losses.py": LOSSES,
}


class TinyCourse:
    """The fixture course; `edit` changes a file, `refusals` are what a build says then."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.specs = list(SPECS)
        for name, text in FILES.items():
            path = root / "solutions" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    spec = Spec

    def specs_of(self, lesson: str) -> list[Spec]:
        return [spec for spec in self.specs if spec.id.startswith(f"{lesson}.")]

    def build(self, **options) -> list[str]:
        paths = build(self.root, specs=self.specs_of, **options)
        return [path.relative_to(self.root).as_posix() for path in paths]

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / "solutions" / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def line(self, name: str, text: str) -> int:
        """The first line of a file that holds `text`."""
        lines = (self.root / "solutions" / name).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def refusals(self, **options) -> list[str]:
        with pytest.raises(WeaveError) as caught:
            self.build(**options)
        assert not (self.root / "course").exists()
        assert not (self.root / "solutions" / "notebooks").exists()
        return str(caught.value).splitlines()


@pytest.fixture
def tiny(tmp_path):
    return TinyCourse(tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Built once; read only."""
    course = TinyCourse(tmp_path_factory.mktemp("built"))
    course.build()
    return course
