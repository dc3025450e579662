"""What an answer may read from the disk: Python's and its packages' files, less those that an exercise rules out."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OURS = ("autograder", "solutions", "tests", "p2v_data", "pixels_to_voxels*", "__editable__*", "nbgrader*")
NATIVE = ("cffi", "_cffi_backend", "numba", "llvmlite")  # call machine code, where nothing is sealed
# What else holds the operators that an exercise forbids: other libraries, and what torch rewrites or tests them by.
ELSEWHERE = (
    *("torchvision", "torchaudio", "monai", "timm", "kornia", "onnxruntime", "onnx", "tensorrt", "openvino"),
    *("tensorflow", "keras", "jax", "jaxlib", "flax", "mxnet", "cupy", "paddle", "tinygrad", "mlx"),
    *("torch._refs", "torch._decomp", "torch.testing._internal"),
)
LOADED_PART_BY_PART = ("torch", "numpy", "scipy", "skimage", "sklearn")  # work without one of their modules
SYSTEM = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/null",
    "/dev/urandom",
    "/sys/devices/system/cpu",
)


@dataclass(frozen=True)
class Readable:
    """files: paths to be read, folders with all they hold. listings: folders whose names may be listed."""

    files: tuple[str, ...]
    listings: tuple[str, ...]


def readable(forbidden: Sequence[str]) -> Readable:
    """What an answer may read. forbidden: an exercise's patterns, of which packages and modules are hidden.

    Whatever was imported before stays; it can't be loaded afresh from its file.
    """
    names = [name for name in forbidden if "::" not in name and not set(name) & set("*?[")]
    if any("::" in name for name in forbidden):
        names += ELSEWHERE
    packages = (*OURS, *NATIVE, *(name for name in names if "." not in name and name not in ("torch", "numpy")))
    hidden = {*_course(), *_matching(packages)}
    hidden |= {path for name in names if "." in name for path in _files_of(name)}
    files, listings = list[str](), list[str]()
    above = {str(parent) for path in hidden for parent in Path(path).parents}
    for root in (*_roots(), *(path for folder in _package_folders() for _, path in _entries(folder))):
        _add(root, hidden, above, files, listings)
    return Readable(tuple(files), (*_package_folders(), *listings))


def _add(path: str, hidden: Set[str], above: Set[str], files: list[str], listings: list[str]) -> None:
    """Adds a path, or, where something in it is hidden, whatever else it holds. above: the folders around hidden."""
    if path in hidden:
        return
    if path not in above:
        files.append(path)
        return
    listings.append(path)
    for _, entry in _entries(path):
        _add(entry, hidden, above, files, listings)


def _course() -> set[str]:
    """Where our own packages lie, and the checkout that they are part of if they aren't installed."""
    here = Path(os.path.realpath(__file__)).parents[1]
    checkout = set() if str(here.parent) in _package_folders() else {str(here.parent)}
    return {str(here), *checkout}


def _matching(patterns: Sequence[str]) -> set[str]:
    """What is installed under these names."""
    wanted = re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns)).match
    found = (item for folder in _package_folders() for item in _entries(folder))
    return {path for name, path in found if wanted(name) or wanted(name.partition("-")[0].partition(".")[0])}


def _files_of(module: str) -> Iterator[str]:
    """The folder of a dotted module ("torch.optim"), or its file and what that was compiled to ("torch.nn.init")."""
    if module.partition(".")[0] not in LOADED_PART_BY_PART:
        return
    for folder in _package_folders():
        place = Path(folder, *module.split("."))
        found = [place, *place.parent.glob(f"{place.name}.*"), *place.parent.glob(f"__pycache__/{place.name}.*")]
        yield from (str(path) for path in found if path.exists())


@cache
def _roots() -> tuple[str, ...]:
    """What of the system and of Python itself may be read, save what is hidden there."""
    found = [*SYSTEM]
    for name in ("stdlib", "platstdlib"):
        root = Path(sysconfig.get_path(name))
        if root.is_dir():
            found += [str(path) for path in root.iterdir() if path.name not in ("site-packages", "dist-packages")]
    found += [str(path) for path in Path(sys.base_prefix, "lib").glob("lib*.so*")]
    return tuple(dict.fromkeys(os.path.realpath(path) for path in found))


@cache
def _package_folders() -> tuple[str, ...]:
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    here = find_spec("torch")
    if here is not None and here.origin is not None:
        folders.append(str(Path(here.origin).parent.parent))
    return tuple(dict.fromkeys(os.path.realpath(folder) for folder in folders if os.path.isdir(folder)))


@cache
def _entries(folder: str) -> tuple[tuple[str, str], ...]:
    """Names and where they lead: a link into something hidden must not show it."""
    return tuple(_listed(folder))


def _listed(folder: str) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name, os.path.realpath(entry.path) if entry.is_symlink() else entry.path
