"""The full data sets: what there is, where it lies on this machine, and how it gets there."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from p2v_data.download import MirrorsFailedError, RemoteFile, download, is_whole, readable, require_space
from p2v_data.errors import DataMissingError, FetchError, UserError


@dataclass(frozen=True, kw_only=True)
class FullSet:
    """A row of the catalogue: all that is known about a data set before it is here.

    Attributes:
        name: what ``p2v data fetch`` calls it, and its folder's name.
        content: how many of what.
        licence: what may be done with it.
        citation: what to cite.
        source: its makers' page.
        kind: measured in the world, or made by a program.
        files: name, size in bytes and md5 of each file; none for a set that is got by hand, of which the folder counts.
        torchvision: the torchvision data set whose list of mirrors is used.
        mirrors: addresses of folders that hold the files, where torchvision knows none.
        system_folders: where a system package puts the same data.
        by_hand: for a set that asks for registration: how to get it. Such a set has no mirrors.
    """

    name: str
    content: str
    licence: str
    citation: str
    source: str
    kind: Literal["real", "simulated"] = "real"
    files: tuple[tuple[str, int, str], ...] = ()
    torchvision: str = ""
    mirrors: tuple[str, ...] = ()
    system_folders: tuple[Path, ...] = ()
    by_hand: str = ""

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(size for _, size, _ in self.files)

    def remote_files(self) -> list[RemoteFile]:
        """The files with every address they can be had from."""
        mirrors = self.mirrors or _torchvision_mirrors(self.torchvision)
        return [
            RemoteFile(name=name, size=size, md5=md5, urls=tuple(f"{mirror.rstrip('/')}/{name}" for mirror in mirrors))
            for name, size, md5 in self.files
        ]


def _torchvision_mirrors(dataset: str) -> tuple[str, ...]:
    """The folders torchvision downloads from; it keeps them up to date."""
    if not dataset:
        return ()
    import torchvision.datasets

    known = getattr(torchvision.datasets, dataset)
    return tuple(known.mirrors) if hasattr(known, "mirrors") else (known.url.rpartition("/")[0],)


FULL_SETS = (
    FullSet(
        name="mnist",
        content="70,000 handwritten digits, 28×28, 10 classes",
        licence="CC BY-SA 3.0 (believed; its page states none)",
        citation="LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, "
        "Proceedings of the IEEE 86(11), 1998",
        source="Y. LeCun, C. Cortes, C. Burges; from NIST Special Databases 1 and 3",
        torchvision="MNIST",
        files=(
            ("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            ("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
            ("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
            ("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
        ),
    ),
    FullSet(
        name="fashion-mnist",
        content="70,000 pictures of clothing, 28×28, 10 classes",
        licence="MIT",
        citation="Xiao, Rasul, Vollgraf: Fashion-MNIST, a novel image dataset for benchmarking machine learning "
        "algorithms, arXiv:1708.07747, 2017",
        source="Zalando Research",
        torchvision="FashionMNIST",
        system_folders=(Path("/usr/share/datasets/fashion-mnist"),),
        files=(
            ("train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            ("train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            ("t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
            ("t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
    ),
    FullSet(
        name="cifar10",
        content="60,000 colour photographs, 32×32, 10 classes",
        licence="none stated by its makers; free for research use (believed)",
        citation="Krizhevsky: Learning multiple layers of features from tiny images, technical report, "
        "University of Toronto, 2009",
        source="A. Krizhevsky, V. Nair, G. Hinton, University of Toronto",
        torchvision="CIFAR10",
        files=(("cifar-10-python.tar.gz", 170_498_071, "c58f30108f718f92721af3b95e74349a"),),
    ),
    FullSet(
        name="pneumonia",
        content="5,856 chest X-rays of children, 224×224, normal or pneumonia",
        licence="CC BY 4.0; not for clinical use",
        citation="Yang and others: MedMNIST v2, a large-scale lightweight benchmark for 2D and 3D biomedical image "
        "classification, Scientific Data 10, 41, 2023; Kermany and others: Identifying medical diagnoses and treatable "
        "diseases by image-based deep learning, Cell 172(5), 2018",
        source="PneumoniaMNIST of MedMNIST v3 (Zenodo 10519652), from D. Kermany, K. Zhang, M. Goldbaum; Guangzhou "
        "Women and Children's Medical Center",
        mirrors=("https://zenodo.org/records/10519652/files",),
        files=(("pneumoniamnist_224.npz", 214_384_716, "d6a3c71de1b945ea11211b03746c1fe1"),),
    ),
    FullSet(
        name="retinamnist",
        content="1,600 photographs of the back of the eye, 224×224, 5 grades of diabetic retinopathy",
        licence="CC BY 4.0; not for clinical use",
        citation="Yang and others: MedMNIST v2, a large-scale lightweight benchmark for 2D and 3D biomedical image "
        "classification, Scientific Data 10, 41, 2023; Liu and others: DeepDRiD, diabetic retinopathy grading and "
        "image quality estimation challenge, Patterns 3(6), 2022",
        source="RetinaMNIST of MedMNIST v3 (Zenodo 10519652), from the DeepDRiD challenge of 2020",
        mirrors=("https://zenodo.org/records/10519652/files",),
        files=(("retinamnist_224.npz", 127_992_567, "eae7e3b6f3fcbda4ae613ebdcbe35348"),),
    ),
    FullSet(
        name="flowers",
        content="8,189 photographs of flowers, 102 kinds, of many sizes",
        licence="none stated by its makers; the photographs belong to those who took them, for research use (believed)",
        citation="Nilsback, Zisserman: Automated flower classification over a large number of classes, Indian "
        "Conference on Computer Vision, Graphics and Image Processing, 2008",
        source="M.-E. Nilsback, A. Zisserman, Visual Geometry Group, University of Oxford",
        mirrors=("https://www.robots.ox.ac.uk/~vgg/data/flowers/102",),
        files=(
            ("102flowers.tgz", 344_862_509, "52808999861908f626f3c1f4e79d11fa"),
            ("imagelabels.mat", 502, "e0620be6f572b9609742df49c70aed4d"),
            ("setid.mat", 14_989, "a5357ecc9cb78c4bef273ce3793fc85c"),
        ),
    ),
    FullSet(
        name="deepglobe",
        content="6,226 pictures from satellites with road masks, 1024×1024, 0.5 m a pixel",
        licence="for research and teaching, not for sale (believed; its makers' terms hold)",
        citation="Demir and others: DeepGlobe 2018, a challenge to parse the Earth through satellite images, CVPR "
        "workshops, 2018",
        source="DeepGlobe Road Extraction Challenge 2018; pictures DigitalGlobe",
        by_hand="Register with the DeepGlobe challenge, take the training part of Road Extraction, and put its files "
        "(1234_sat.jpg, 1234_mask.png) into a folder deepglobe of the data folder.",
    ),
    FullSet(
        name="drive",
        content="20 photographs of retinas with hand-drawn vessels, 565×584",
        licence="for research and teaching (believed; its makers' terms hold)",
        citation="Staal and others: Ridge-based vessel segmentation in color images of the retina, IEEE Transactions "
        "on Medical Imaging 23(4), 2004",
        source="DRIVE, Image Sciences Institute, Utrecht",
        by_hand="Register with the DRIVE challenge and unpack its training part (images, 1st_manual, mask) into a "
        "folder drive of the data folder.",
    ),
    FullSet(
        name="isic",
        content="photographs of skin lesions with masks, of many sizes (2,000 to train in 2017, 2,594 in 2018)",
        licence="CC0 or CC BY-NC 4.0, by year (believed)",
        citation="Codella and others: Skin lesion analysis toward melanoma detection, a challenge at the 2017 "
        "International Symposium on Biomedical Imaging, ISBI, 2018",
        source="International Skin Imaging Collaboration, challenges of 2017 and 2018, lesion segmentation",
        by_hand="Take the training data and its ground truth from the challenge's page and unpack both into a folder "
        "isic of the data folder (ISIC_0000000.jpg, ISIC_0000000_segmentation.png).",
    ),
    FullSet(
        name="carvana",
        content="5,088 photographs of cars with masks, 1918×1280",
        licence="for the competition, research and teaching (believed; its rules hold)",
        citation="Shaler and others: Carvana image masking challenge, Kaggle competition, 2017",
        source="Carvana Image Masking Challenge, 2017",
        by_hand="Join the Carvana Image Masking Challenge, accept its rules, and unpack train and train_masks into a "
        "folder carvana of the data folder.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class CatalogueRow:
    """What ``p2v data list`` says of one set.

    Attributes:
        name: to give to ``p2v data fetch``.
        content: how many of what.
        size: to download, as people read it; "by hand" where it isn't downloaded.
        where: the folder it lies in on this machine, or None.
        licence: what may be done with it.
        kind: measured in the world, or made by a program.
        by_hand: not empty where registration is asked for.
    """

    name: str
    content: str
    size: str
    where: Path | None
    licence: str
    kind: Literal["real", "simulated"]
    by_hand: str

    @property
    def have(self) -> bool:
        """Whether it is on this machine."""
        return self.where is not None


def catalogue(folder: Path | None = None) -> list[CatalogueRow]:
    """Every full set, and whether it is here.

    Args:
        folder: the data folder; default ``data_folder()``.
    """
    return [
        CatalogueRow(
            name=each.name,
            content=each.content,
            size=readable(each.size) if each.files else "by hand",
            where=locate(each, folder),
            licence=each.licence,
            kind=each.kind,
            by_hand=each.by_hand,
        )
        for each in FULL_SETS
    ]


def data_folder() -> Path:
    """Where full data sets are kept: the environment variable P2V_DATA, else a cache folder of the user's."""
    if chosen := os.environ.get("P2V_DATA", "").strip():
        return Path(chosen).expanduser()
    return cache_folder()


def cache_folder() -> Path:
    """The course's part of the user's cache folder: what is there can be had again."""
    if sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "pixels-to-voxels"


def full_set(name: str) -> FullSet:
    """The catalogue's row of that name.

    Raises:
        UserError: there is no such row.
    """
    for each in FULL_SETS:
        if each.name == name:
            return each
    raise UserError(f"There is no data set {name!r}. There is: {', '.join(each.name for each in FULL_SETS)}.")


def locate(dataset: FullSet, folder: Path | None = None) -> Path | None:
    """The folder that holds all of a set's files, or None.

    A file in the data folder counts if it has the right size; its checksum is looked at by ``fetch``. Unzipped files
    count, and so do those of a system package (which zips them again, so that sizes differ).
    """
    own = (folder or data_folder()) / dataset.name
    if own.is_dir() and all(_is_here(own, name, size) for name, size, _ in dataset.files):
        return own
    for system in dataset.system_folders:
        if all((system / name).is_file() for name, _, _ in dataset.files):
            return system
    return None


def _is_here(folder: Path, name: str, size: int) -> bool:
    zipped = folder / name
    if zipped.is_file():
        return zipped.stat().st_size == size
    return name.endswith("-ubyte.gz") and (folder / name.removesuffix(".gz")).is_file()


def require(name: str, folder: Path | None = None) -> Path:
    """The folder that holds a set's files.

    Raises:
        DataMissingError: it isn't on this machine; the message says what to run.
    """
    dataset = full_set(name)
    where = locate(dataset, folder)
    if where is None:
        own = (folder or data_folder()) / name
        raise DataMissingError(
            f"{name} ({dataset.content}{f', {readable(dataset.size)}' * bool(dataset.files)}) is not in {own}.\n"
            + (dataset.by_hand or f"To get it, run:   p2v data fetch {name}")
        )
    return where


def fetch(name: str, folder: Path | None = None, *, progress: bool = True) -> Path:
    """Brings a full set to this machine, or verifies the one that is here, and returns its folder.

    What was interrupted is gone on with; files that lie there already (put there by hand, say) are only verified.

    Args:
        name: from the catalogue.
        folder: the data folder; default ``data_folder()``. The files go into ``folder/name``.
        progress: whether to draw progress bars.

    Raises:
        FetchError: no network, no room, or a checksum is wrong.
        DataMissingError: the set asks for registration; the message says how to get it.
        UserError: there is no such set.
    """
    dataset = full_set(name)
    own = (folder or data_folder()) / name
    here = locate(dataset, folder)
    if here is not None and here != own:
        return here
    remote = dataset.remote_files()
    missing = [file for file in remote if not is_whole(own / file.name, file)]
    if dataset.by_hand and (missing or here is None):
        files = ", ".join(file.name for file in missing) or own
        raise DataMissingError(
            f"{name} asks for registration, so it can't be fetched.\n{dataset.by_hand}\nMissing: {files}."
        )
    if missing:
        _fetch_files(dataset, missing, own, progress=progress)
    return own


def _fetch_files(dataset: FullSet, files: list[RemoteFile], folder: Path, *, progress: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FetchError(
            f"{folder} can't be made: {error.strerror}. Set P2V_DATA to a folder you may write to."
        ) from error
    require_space(folder, files)
    for number, file in enumerate(files):
        try:
            download(file, folder, progress=progress)
        except MirrorsFailedError as error:
            left = "\n".join(f"  {each.name}   {readable(each.size)}   md5 {each.md5}" for each in files[number:])
            raise FetchError(
                f"{error}\nWhat to do: check the connection and run   p2v data fetch {dataset.name}   again; "
                f"it goes on where it stopped.\nOr download by hand to {folder}\n{left}\n"
                f"and run   p2v data fetch {dataset.name}   to verify them."
            ) from error
