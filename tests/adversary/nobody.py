"""Runs a program of these tests as a user without rights, who is given nothing but a look at what it needs.

A Python in root's home is out of such a user's sight. Only in a mount namespace of the program's own, a closed folder
is replaced by an empty one that holds what it needs of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
TOOLS = ("unshare", "setpriv", "mount")
PROBE = "import numpy, tests.adversary.cheat"
AS_NOBODY = f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --inh-caps=-all --bounding-set=-all"


def obstacle(folder: Path) -> str:
    """Why no program can be run as nobody, "" if one can."""
    if os.geteuid() != 0:
        return "these tests are run by an unprivileged user anyhow"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"there is no program {missing[0]}"
    tried = run(["-c", PROBE], folder)
    said = tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"]
    return f"an unprivileged user can't use this Python: {said[-1]}" if tried.returncode else ""


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs this Python as nobody. folder: one that nobody may write to; the only one."""
    os.chown(folder, NOBODY, NOBODY)
    command = ["unshare", "--mount", "sh", "-ec", "\n".join(_script(folder)), "sh", sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=_environment(folder), capture_output=True, text=True, check=False)


def _script(folder: Path) -> Iterator[str]:
    """Shell commands: opens what is closed, then becomes nobody."""
    needed = {Path(os.path.realpath(path)) for path in (sys.base_prefix, sys.prefix, ROOT)}
    for number, closed in enumerate(sorted({_closed(path) for path in needed} - {None}, key=str)):
        inside = [path for path in sorted(needed) if _closed(path) == closed]
        held = [f"{folder}/held-{number}-{place}" for place, _ in enumerate(inside)]
        for path, hold in zip(inside, held, strict=True):
            yield f"mkdir '{hold}' && mount --bind '{path}' '{hold}'"
        yield f"mount -t tmpfs -o mode=755 none '{closed}'"
        for path, hold in zip(inside, held, strict=True):
            yield f"mkdir -p '{path}' && mount --bind '{hold}' '{path}' && umount '{hold}' && rmdir '{hold}'"
    yield f'exec {AS_NOBODY} "$@"'


def _closed(path: Path) -> Path | None:
    """The outermost folder on the way that others may not go into."""
    way = [folder for folder in reversed([path, *path.parents]) if not folder.stat().st_mode & 0o001]
    return way[0] if way else None


def _environment(folder: Path) -> dict[str, str]:
    """The list of fonts is copied: to make it takes seconds."""
    fonts = folder / "matplotlib"
    if not fonts.exists():
        shutil.copytree(matplotlib.get_cachedir(), fonts)
    own = {"HOME": str(folder), "MPLCONFIGDIR": str(fonts), "TMPDIR": str(folder)}
    return {**os.environ, **own, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
