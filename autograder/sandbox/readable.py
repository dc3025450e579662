"""What an answer may read from the disk: Python's and its packages' files, less those that an exercise rules out."""

from __future__ import annotations

import fnmatch
import os
import site
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OURS = ("autograder", "solutions", "tests", "p2v_data", "pixels_to_voxels*", "__editable__*", "nbgrader*")
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
    """What an answer may read. forbidden: an exercise's patterns, of which whole packages ("scipy") are hidden."""
    hidden = tuple({name.partition(".")[0] for name in forbidden if _whole_package(name)})
    files = [*SYSTEM, *_standard_library()]
    listings = []
    for folder in _package_folders():
        listings.append(folder)
        files += [path for name, path in _entries(folder) if not _matches(name, (*OURS, *hidden))]
    return Readable(tuple(files), tuple(listings))


def _whole_package(pattern: str) -> bool:
    return "::" not in pattern and "." not in pattern and pattern not in ("torch", "numpy")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    stem = name.partition("-")[0].partition(".")[0]
    return any(fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(stem, pattern) for pattern in patterns)


@cache
def _standard_library() -> tuple[str, ...]:
    """The standard library, entry by entry where it holds the installed packages."""
    found: list[str] = []
    for name in ("stdlib", "platstdlib"):
        root = Path(sysconfig.get_path(name))
        if root.is_dir():
            found += [str(path) for path in root.iterdir() if path.name not in ("site-packages", "dist-packages")]
    found += [str(path) for path in Path(sys.base_prefix, "lib").glob("lib*.so*")]
    return tuple(dict.fromkeys(found))


@cache
def _package_folders() -> tuple[str, ...]:
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    here = find_spec("torch")
    if here is not None and here.origin is not None:
        folders.append(str(Path(here.origin).parent.parent))
    return tuple(dict.fromkeys(folder for folder in folders if os.path.isdir(folder)))


@cache
def _entries(folder: str) -> tuple[tuple[str, str], ...]:
    return tuple(_listed(folder))


def _listed(folder: str) -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name, entry.path
