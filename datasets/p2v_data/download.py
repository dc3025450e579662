"""One file over HTTP: resumed where it stopped, checked before it gets its name, never half there.

Bytes are written to ``NAME.part``. Only when size and checksum are right is it renamed to ``NAME``, in one step, so a
file with its final name is whole. An interrupted ``.part`` is continued; one that fails its checksum is deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2v_data.errors import FetchError

CHUNK = 1 << 18
TIMEOUT_S = 30.0
ROUNDS = 3
PAUSE_S = 1.0
SPARE_BYTES = 32 << 20
NETWORK_ERRORS = (OSError, http.client.HTTPException)


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file as its makers publish it.

    Attributes:
        name: what it is called, there and here.
        size: in bytes.
        md5: checksum, 32 hexadecimal digits.
        urls: the same file on each mirror, tried in order.
    """

    name: str
    size: int
    md5: str
    urls: tuple[str, ...]


class MirrorsFailedError(FetchError):
    """No mirror gave the file; nothing is wrong on this side but perhaps the network."""


class _AttemptFailedError(Exception):
    """This mirror didn't give the file this time; another try may."""


def is_whole(path: Path, file: RemoteFile) -> bool:
    """Whether ``path`` holds exactly ``file``, by size and checksum."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == file.md5


def require_space(folder: Path, files: Sequence[RemoteFile]) -> None:
    """Refuses to start what can't be finished.

    Raises:
        FetchError: the disk that holds ``folder`` hasn't room for what is still to come, and 32 MB to spare.
    """
    missing = sum(file.size - _part_size(folder / file.name) for file in files)
    free = shutil.disk_usage(folder).free
    if free < missing + SPARE_BYTES:
        raise FetchError(
            f"Not enough room in {folder}: {readable(missing + SPARE_BYTES)} needed, {readable(free)} free. "
            "Make room, or set P2V_DATA to a folder on a larger disk."
        )


def download(file: RemoteFile, folder: Path, *, progress: bool = True) -> Path:
    """Brings one file into a folder, going on from an earlier ``.part``, and checks it.

    Args:
        file: what to bring, and from where.
        folder: an existing folder.
        progress: whether to draw a progress bar.

    Returns:
        The file's path. It is whole.

    Raises:
        MirrorsFailedError: every mirror failed, or sent something else; the message says how.
        FetchError: the file can't be written, because the disk is full, say.
    """
    target = folder / file.name
    if is_whole(target, file):
        return target
    _set_aside(target)
    failures: list[str] = []
    with _bar(file, _part_size(target), shown=progress) as bar:
        for attempt in range(ROUNDS):
            time.sleep(PAUSE_S * attempt)
            for url in file.urls:
                try:
                    _continue_part(url, file, target, bar)
                    _accept(file, target)
                    return target
                except _AttemptFailedError as error:
                    failures.append(f"{url}: {error}")
    tried = "\n".join(f"  {failure}" for failure in dict.fromkeys(failures)) or "  (no address is known)"
    raise MirrorsFailedError(f"{file.name} could not be fetched. Tried:\n{tried}")


def readable(size: int) -> str:
    """A size in bytes as people read it: ``170.5 MB``, ``28.9 kB``."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _part_size(target: Path) -> int:
    part = _part(target)
    return part.stat().st_size if part.exists() else 0


def _set_aside(target: Path) -> None:
    """Keeps a file that isn't what its name says, under another name: someone may have put it there."""
    if target.exists():
        target.replace(target.with_name(target.name + ".damaged"))


def _bar(file: RemoteFile, done: int, *, shown: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=file.size, initial=done, desc=file.name, unit="B", unit_scale=True, disable=not shown)


def _continue_part(url: str, file: RemoteFile, target: Path, bar: Any) -> None:
    """Adds to the ``.part`` what is still missing from it."""
    if _part_size(target) > file.size:
        _part(target).unlink()
    done = _part_size(target)
    if done == file.size:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "pixels-to-voxels", "Accept-Encoding": "identity"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    with _opened(request) as response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        if done and response.status == 206 and not resumed:
            raise _AttemptFailedError("it sent another part of the file than the one asked for")
        bar.n = done if resumed else 0
        bar.refresh()
        _copy(response, _part(target), file.size, resumed=resumed, bar=bar)


@contextlib.contextmanager
def _opened(request: urllib.request.Request) -> Any:
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            raise _AttemptFailedError(f"answered {error.code} {error.reason}") from error
    except NETWORK_ERRORS as error:
        raise _AttemptFailedError(str(getattr(error, "reason", "")) or repr(error)) from error
    with response:
        yield response


def _copy(response: Any, part: Path, size: int, *, resumed: bool, bar: Any) -> None:
    with _writing(part), part.open("ab" if resumed else "wb") as out:
        while chunk := _next_chunk(response):
            if out.tell() + len(chunk) > size:
                raise _AttemptFailedError(f"it sent more than the {size:,} bytes the file has")
            out.write(chunk)
            bar.update(len(chunk))
        got = out.tell()
        out.flush()
        os.fsync(out.fileno())
    if got < size:
        raise _AttemptFailedError(f"the connection ended after {got:,} of {size:,} bytes")


def _next_chunk(response: Any) -> bytes:
    try:
        return bytes(response.read(CHUNK))
    except NETWORK_ERRORS as error:
        raise _AttemptFailedError(f"the connection broke: {error!r}") from error


@contextlib.contextmanager
def _writing(part: Path) -> Any:
    """A failure to write is the disk's, and no other mirror will mend it."""
    try:
        yield
    except OSError as error:
        raise FetchError(
            f"{part} could not be written: {error.strerror or error}. What has come so far is kept: "
            "make room (or set P2V_DATA to another folder) and run the same command again to go on."
        ) from error


def _accept(file: RemoteFile, target: Path) -> None:
    part = _part(target)
    if not is_whole(part, file):
        part.unlink()
        raise _AttemptFailedError("the file came whole but its checksum is wrong; it was deleted")
    os.replace(part, target)
