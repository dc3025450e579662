"""Photographs that come inside scikit-image and scikit-learn: nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from p2v_data.dataset import Provenance
from p2v_data.errors import DataMissingError, UserError

if TYPE_CHECKING:
    from jaxtyping import Float
    from PIL.Image import Image
    from torch import Tensor

SCIKIT_IMAGE = "van der Walt et al.: scikit-image, image processing in Python, PeerJ 2:e453, 2014"
SCIKIT_LEARN = "Pedregosa et al.: Scikit-learn, machine learning in Python, JMLR 12, 2011"


@dataclass(frozen=True)
class _Entry:
    path: str
    shows: str
    licence: str
    citation: str = SCIKIT_IMAGE


_ENTRIES = {
    "astronaut": _Entry("skimage/data/astronaut.png", "Eileen Collins; NASA", "public domain"),
    "brick": _Entry("skimage/data/brick.png", "a brick wall; CC0Textures", "CC0"),
    "camera": _Entry("skimage/data/camera.png", "a photographer; Lav Varshney", "CC0"),
    "cell": _Entry(
        "skimage/data/cell.png",
        "a cell in saline, quantitative phase, 0.107 µm a pixel; P. Müller et al.",
        "CC0",
        "Müller et al., Optics Express 26(8), 2018, doi:10.1364/OE.26.010729",
    ),
    "chelsea": _Entry("skimage/data/chelsea.png", "Chelsea the cat; Stefan van der Walt", "CC0"),
    "china": _Entry(
        "sklearn/datasets/images/china.jpg",
        "a Chinese temple; danielbuechele on Flickr",
        "CC BY 2.0: name the photographer",
        SCIKIT_LEARN,
    ),
    "clock": _Entry(
        "skimage/data/clock_motion.png", "a wall clock, camera moved; Stefan van der Walt", "public domain"
    ),
    "coffee": _Entry("skimage/data/coffee.png", "a cup of coffee; Rachel Michetti", "CC0"),
    "coins": _Entry("skimage/data/coins.png", "Greek coins; Brooklyn Museum", "no known copyright restrictions"),
    "flower": _Entry(
        "sklearn/datasets/images/flower.jpg",
        "a dahlia; vultilion on Flickr",
        "CC BY 2.0: name the photographer",
        SCIKIT_LEARN,
    ),
    "grass": _Entry("skimage/data/grass.png", "grass; linolafett on DeviantArt", "CC0"),
    "gravel": _Entry("skimage/data/gravel.png", "gravel; CC0Textures", "CC0"),
    "hubble": _Entry("skimage/data/hubble_deep_field.jpg", "Hubble eXtreme Deep Field; NASA", "public domain"),
    "ihc": _Entry(
        "skimage/data/ihc.png",
        "colon glands, FHL2 stained with DAB and hematoxylin; CMMI",
        "no known copyright restrictions",
    ),
    "microaneurysms": _Entry(
        "skimage/data/microaneurysms.png",
        "a detail of a retina with lesions, green channel; HRF database, Andreas Maier",
        "CC0",
        "Budai et al., International Journal of Biomedical Imaging, 2013, doi:10.1155/2013/154860",
    ),
    "retina": _Entry(
        "skimage/data/retina.jpg",
        "a healthy left eye's retina; Mikael Häggström",
        "CC0",
        "Häggström, WikiJournal of Medicine 1(2), 2014, doi:10.15347/wjm/2014.008",
    ),
    "rocket": _Entry("skimage/data/rocket.jpg", "Falcon 9 carrying DSCOVR; SpaceX", "public domain"),
    "text": _Entry("skimage/data/text.png", "printed text; Wikipedia", "public domain"),
}


def photographs() -> tuple[str, ...]:
    """The names that ``photograph`` knows."""
    return tuple(_ENTRIES)


def photograph(name: str) -> Float[Tensor, "C H W"]:
    """A photograph, float32 in 0..1, C = 3 (RGB) or 1 (grey).

    Args:
        name: one of ``photographs()``; ``photograph_provenance(name)`` says whose it is.

    Raises:
        UserError: there is no photograph of that name.
        DataMissingError: the package that carries it isn't installed, or not with this file.
    """
    import numpy as np
    import torch

    with _opened(_entry(name)) as image:
        pixels = np.array(image, dtype=np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(np.atleast_3d(pixels).transpose(2, 0, 1)))


def photograph_provenance(name: str) -> Provenance:
    """Who made a photograph, what may be done with it, and its shape.

    Raises:
        UserError: there is no photograph of that name.
        DataMissingError: the package that carries it isn't installed, or not with this file.
    """
    entry = _entry(name)
    package = {"skimage": "scikit-image", "sklearn": "scikit-learn"}[entry.path.partition("/")[0]]
    with _opened(entry) as image:
        shape = (len(image.getbands()), image.height, image.width)
    return Provenance(
        name=name,
        source=f"{entry.shows}; carried by {package}",
        licence=entry.licence,
        citation=entry.citation,
        kind="real",
        count=1,
        shape=shape,
    )


def _entry(name: str) -> _Entry:
    if name not in _ENTRIES:
        raise UserError(f"There is no photograph {name!r}. There is: {', '.join(_ENTRIES)}.")
    return _ENTRIES[name]


def _opened(entry: _Entry) -> Image:
    from PIL import Image

    package, _, inside = entry.path.partition("/")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise DataMissingError(f"{inside} comes with the package {package}, which isn't installed.")
    path = Path(spec.origin).parent / inside
    if not path.is_file():
        raise DataMissingError(f"{path} is not there: this version of {package} no longer carries it.")
    return Image.open(path)
