"""Takes over what students handed in elsewhere: a folder, or the zip that a learning platform gives for an assignment.

Whose file it is stands in its path. Nothing that was collected before is overwritten unless asked; then it is kept
aside.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from nbgrader.utils import parse_utc

from autograder.classroom import Classroom, ClassroomError
from autograder.files import write_whole
from autograder.notebook import METADATA
from p2v_data import UserError

MOST_BYTES = 200 << 20  # of one file
DEEPEST = 2  # zips within the zip: students hand in zips too
SKIPPED = (".ipynb_checkpoints", "__MACOSX")
STAMP = "timestamp.txt"

PATTERNS = {
    "Moodle": r"(?:^|.*/)(?P<student>[^/]+)_(?P<id>\d+)_assignsubmission_file_?/?(?:.*/)?(?P<notebook>[^/]+)",
    "Blackboard": r"(?:^|.*/)[^/]+_(?P<student>[^/_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})_(?P<notebook>[^/]+)",
    "Canvas": r"(?:^|.*/)(?P<name>[^/_]+)_(?P<late>LATE_)?(?P<student>\d+)_\d+_(?P<notebook>[^/]+)",
}
COPY = re.compile(r"(?:[ _-]*(?:copy\d*|\(\d+\))|-\d+)+$", re.IGNORECASE)


class CollectError(UserError):
    """The files can't be taken over; the message says why."""


@dataclass(frozen=True)
class File:
    """A notebook that somebody handed in. names: of the student, the likeliest first. when: handed in, if known."""

    path: str
    content: bytes
    names: tuple[str, ...]
    notebook: str
    when: str = ""
    late: bool = False


@dataclass
class Collected:
    """What came of it: students by what happened to their work, and files that were left out, with the reason."""

    taken: list[str] = field(default_factory=list)
    replaced: dict[str, Path] = field(default_factory=dict)
    same: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"collected: {name}" for name in self.taken]
        lines += [f"collected again: {name} (the older files: {place})" for name, place in self.replaced.items()]
        lines += [f"as it was: {name}" for name in self.same]
        lines += [f"kept as it was, though this is another: {name} (--replace takes the new one)" for name in self.kept]
        lines += [f"late, says the platform: {name}" for name in self.late]
        lines += [f"left out: {path}: {why}" for path, why in self.left_out.items()]
        return "\n".join(lines) or "nothing to collect"


def collect(
    room: Classroom, lesson: str, origin: Path, *, ids: Mapping[str, str], pattern: str = "", replace: bool = False
) -> Collected:
    """Puts the lesson's notebooks found in `origin`, a folder or a zip, where nbgrader grades them.

    ids: student ids by the platform's name or number. pattern: a regular expression for paths in `origin` with the
    groups `student` and, if need be, `notebook`. Raises CollectError for a pattern or an origin that can't be used.
    """
    notebooks = _notebooks(room, lesson)
    own = _compiled(pattern)
    done = Collected()
    found: dict[tuple[str, str], File] = {}
    stamps: dict[str, str] = {}
    everything = list(_files(origin, done))
    times = {str(PurePosixPath(path).parent): body for path, body in everything if path.endswith(STAMP)}
    for path, content in everything:
        if path.endswith(STAMP):
            continue
        file = _recognised(path, content, lesson, notebooks, own)
        if isinstance(file, str):
            done.left_out[path] = file
            continue
        student = _student(file.names, ids)
        if not student:
            done.left_out[path] = "its path doesn't say whose it is; --pattern can say how to tell"
            continue
        before = found.get((student, file.notebook))
        older, newer = sorted((before, file), key=_order) if before is not None else (None, file)
        if older is not None:
            done.left_out[older.path] = f"{newer.path} is newer, or the last of several"
        found[student, file.notebook] = newer
        when = newer.when or _stamp(times.get(str(PurePosixPath(newer.path).parent), b""))
        stamps[student] = max(stamps.get(student, ""), when)
        if newer.late and student not in done.late:
            done.late.append(student)
    for student in sorted({student for student, _ in found}):
        files = {name: file.content for (who, name), file in found.items() if who == student}
        _put(room, lesson, student, files, stamps[student], done, replace=replace)
    return done


def _notebooks(room: Classroom, lesson: str) -> list[str]:
    names = [path.stem for path in room.place("release", lesson).glob("*.ipynb")]
    names = names or [path.stem for path in room.place("source", lesson).glob("*.ipynb")]
    if not names:
        raise ClassroomError(f"{lesson} isn't released here: `p2v classroom release {lesson}` first.")
    return sorted(names, key=len, reverse=True)  # 01_lenet_b before 01_lenet, which it begins with


def _compiled(pattern: str) -> re.Pattern[str] | None:
    if not pattern:
        return None
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise CollectError(f"--pattern {pattern!r}: {error}") from None
    if "student" not in found.groupindex:
        raise CollectError(f"--pattern {pattern!r}: expected a group (?P<student>…), got {sorted(found.groupindex)}")
    return found


def _files(origin: Path, done: Collected) -> Iterator[tuple[str, bytes]]:
    """Every notebook, by its path in `origin`."""
    if origin.is_dir():
        for path in sorted(origin.rglob("*")):
            inside = path.relative_to(origin)
            if path.is_symlink() or not path.is_file() or _is_skipped(inside.as_posix()):
                continue
            if path.suffix.lower() == ".zip":
                yield from _zipped(path.read_bytes(), inside.as_posix(), done, 1)
            elif _is_wanted(path.name) and path.stat().st_size <= MOST_BYTES:
                yield inside.as_posix(), path.read_bytes()
            elif _is_wanted(path.name):
                done.left_out[inside.as_posix()] = f"larger than {MOST_BYTES >> 20} MB"
    elif origin.is_file():
        yield from _zipped(origin.read_bytes(), "", done, 0)
    else:
        raise CollectError(f"{origin}: expected a folder or a zip, but there is neither")


def _zipped(content: bytes, where: str, done: Collected, depth: int) -> Iterator[tuple[str, bytes]]:
    """A zip's files. Only their contents are used: a path in it leads nowhere on this machine."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        if not depth:
            raise CollectError("expected a folder or a zip, but this file is no zip") from None
        done.left_out[where] = "this is no zip, whatever its name says"
        return
    for item in archive.infolist():
        inside = f"{where.removesuffix('.zip')}/{item.filename}".lstrip("/")
        is_zip = item.filename.lower().endswith(".zip")
        if item.is_dir() or _is_skipped(item.filename) or not (is_zip or _is_wanted(item.filename)):
            continue
        try:
            with archive.open(item) as file:
                body = file.read(MOST_BYTES + 1)
        except (RuntimeError, zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
            done.left_out[inside] = f"it can't be unpacked ({error})"
            continue
        if len(body) > MOST_BYTES:
            done.left_out[inside] = f"larger than {MOST_BYTES >> 20} MB"
        elif not is_zip:
            yield inside, body
        elif depth < DEEPEST:
            yield from _zipped(body, inside, done, depth + 1)


def _is_wanted(name: str) -> bool:
    return name.lower().endswith(".ipynb") or PurePosixPath(name).name == STAMP


def _is_skipped(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return any(part in SKIPPED for part in parts) or PurePosixPath(path).name.startswith(".")


def _recognised(
    path: str, content: bytes, lesson: str, notebooks: Sequence[str], own: re.Pattern[str] | None
) -> File | str:
    """Whose notebook this is and which; else why it is left out."""
    found = own.search(path) if own is not None else _by_platform(path)
    if own is not None and found is None:
        return "--pattern doesn't match its path"
    groups = {key: value for key, value in (found.groupdict() if found else {}).items() if value}
    name = PurePosixPath(groups.get("notebook") or path).name
    notebook = _named(name, notebooks) or _says(content, lesson, notebooks)
    if not notebook:
        return f"it is none of {', '.join(f'{item}.ipynb' for item in sorted(notebooks))}"
    names = [groups[key] for key in ("student", "id", "name") if key in groups]
    names = names or _from_place(path, lesson, notebook)
    return File(path, content, tuple(names), notebook, _utc(groups.get("when", "")), "late" in groups)


def _by_platform(path: str) -> re.Match[str] | None:
    matches = (re.fullmatch(pattern, path) for pattern in PATTERNS.values())
    return next((found for found in matches if found is not None), None)


def _named(name: str, notebooks: Sequence[str]) -> str:
    """The notebook that a file's name means: "01_lenet-1.ipynb", "01_lenet (2).ipynb", "ada_01_lenet.ipynb"."""
    stem = name.removesuffix(".ipynb").lower()
    plain = COPY.sub("", stem)
    exact = [item for item in notebooks if item.lower() in (stem, plain)]
    loose = [item for item in notebooks if re.search(rf"(?:^|[ _-]){re.escape(item.lower())}(?:$|[ _-])", plain)]
    return next(iter([*exact, *loose]), "")


def _says(content: bytes, lesson: str, notebooks: Sequence[str]) -> str:
    """The notebook that a file of any name says it is."""
    try:
        said = json.loads(content)["metadata"][METADATA]["notebook"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    folder, _, name = str(said).removesuffix(".ipynb").partition("/")
    return name if folder == lesson and name in notebooks else ""


def _from_place(path: str, lesson: str, notebook: str) -> list[str]:
    """The student by the nearest folder that isn't the lesson's, else by what else is in the file's name."""
    *folders, name = PurePosixPath(path).parts
    for folder in reversed(folders):
        if folder.lower() not in (lesson.lower(), notebook.lower()):
            return [folder]
    stem = COPY.sub("", name.removesuffix(".ipynb"))
    rest = re.sub(rf"[ _-]*{re.escape(notebook)}[ _-]*", "", stem, flags=re.IGNORECASE)
    return [rest] if rest and rest != stem else []


def _student(names: Sequence[str], ids: Mapping[str, str]) -> str:
    """A student's id: by the table of ids, else the likeliest name, as a folder may be called."""
    known = {key.casefold(): value for key, value in ids.items()}
    for name in names:
        if name.casefold() in known:
            return _folder_name(known[name.casefold()])
    return _folder_name(names[0]) if names else ""


def _folder_name(name: str) -> str:
    return re.sub(r"[^\w.@-]+", "_", name).strip("._")


def _utc(when: str) -> str:
    """Blackboard's local time as nbgrader wants it; this machine is taken to be in the same time zone."""
    if not when:
        return ""
    try:
        local = datetime.strptime(when, "%Y-%m-%d-%H-%M-%S").astimezone()
    except ValueError:
        return ""
    return datetime.fromtimestamp(local.timestamp(), tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _stamp(text: bytes) -> str:
    """A time stamp's content, if nbgrader can read it."""
    try:
        found = parse_utc(text.decode().strip())
    except (ValueError, OverflowError):
        return ""
    return f"{found:%Y-%m-%d %H:%M:%S.%f} UTC"


def _order(file: File) -> tuple[str, int, str]:
    number = re.search(r"-(\d+)\.ipynb$", file.path)
    return file.when, int(number[1]) if number else 0, file.path


def _put(
    room: Classroom,
    lesson: str,
    student: str,
    files: Mapping[str, bytes],
    stamp: str,
    done: Collected,
    *,
    replace: bool,
) -> None:
    place = room.place("submitted", lesson, student)
    present = {name: place / f"{name}.ipynb" for name in files}
    old = {name for name, path in present.items() if path.is_file()}
    if place.is_dir() and old == set(files) and all(present[name].read_bytes() == files[name] for name in files):
        done.same.append(student)
        return
    if place.is_dir():
        if not replace:
            done.kept.append(student)
            return
        done.replaced[student] = room.set_aside(lesson, student)
        (place / STAMP).unlink(missing_ok=True)  # it was the older files'
    else:
        done.taken.append(student)
    for name, content in files.items():
        write_whole(content, present[name])
    if stamp:
        write_whole(stamp.encode(), place / STAMP)
