"""The bait: a class's files, a listening port and a neighbour's process, and whether anything happened to them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SHARED = Path("/tmp")  # where anybody may write


@dataclass
class World:
    """What a cheat may go for. secret: text that stands in each file and in the neighbour's environment."""

    folder: Path
    secret: str
    port: int
    victim: subprocess.Popen[bytes]
    listener: socket.socket
    before: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def aimed(self, source: str) -> str:
        """A cheat's source with the names of what it goes for."""
        names = {"WORLD": self.folder, "PORT": self.port, "VICTIM": self.victim.pid, "SECRET": self.secret}
        for name, value in names.items():
            source = source.replace(f"@{name}@", str(value))
        return source

    def damage(self) -> list[str]:
        """What has happened since the world was made."""
        now = self.state()
        found = [f"{name} was changed" for name in self.before | now if self.before.get(name) != now.get(name)]
        with contextlib.suppress(BlockingIOError):
            self.listener.accept()[0].close()
            found.append("somebody called")
        if self.victim.poll() is not None:
            found.append("the neighbour's process ended")
        return found

    def state(self) -> dict[str, tuple[object, ...]]:
        """Every file's content, mode, owner and time, and the names that anybody may make."""
        found: dict[str, tuple[object, ...]] = {}
        for path in [self.folder, *sorted(self.folder.rglob("*"))]:
            about = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (content, about.st_mode, about.st_uid, about.st_nlink, about.st_mtime_ns)
        shared = [*SHARED.glob("p2v-cheat*"), *Path("/dev/shm").glob("p2v-cheat*")]
        return found | {str(path): (True,) for path in shared}


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Lays the bait in a folder."""
    secret = f"secret-{secrets.token_hex(8)}"
    _write_class(folder, secret)
    environment = {**os.environ, "P2V_SECRET": secret}
    victim = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)", secret], env=environment)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        found = World(folder, secret, listener.getsockname()[1], victim, listener)
        found.before = found.state()
        try:
            yield found
        finally:
            victim.kill()
            victim.wait()
            time.sleep(0)


def _write_class(folder: Path, secret: str) -> None:
    """A gradebook, marks, and another student's submission."""
    with contextlib.closing(sqlite3.connect(folder / "gradebook.db")) as gradebook:
        gradebook.execute("create table grade (student text, score real, note text)")
        gradebook.execute("insert into grade values ('ada', 1.0, ?)", (secret,))
        gradebook.commit()
    other = folder / "submitted" / "ada" / "lenet" / "01.ipynb"
    other.parent.mkdir(parents=True)
    other.write_text(json.dumps({"cells": [{"cell_type": "code", "source": f"# {secret}\ndef relu(x): ..."}]}))
    marks = folder / ".p2v" / "grading" / "lenet" / "ada" / "01.json"
    marks.parent.mkdir(parents=True)
    marks.write_text(json.dumps({"student": "ada", "note": secret}))
    (folder / "hidden_cases.py").write_text(f"SECRET = {secret!r}\n")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
