"""What this machine has of what keeps untrusted code in, tried in a child, and what to do about what it lacks.

Run as a program it is that child: it tries each protection on itself and says in JSON what stood in the way.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autograder.sandbox import filters, linux
from autograder.sandbox.readable import readable

PATIENCE = 60.0  # seconds for a trial that takes a tenth of one
NAMESPACES, LANDLOCK, SECCOMP, TRIAL = "user namespaces", "Landlock", "seccomp", "a trial"
SYSTEM = "the operating system"
PARTS = (NAMESPACES, LANDLOCK, SECCOMP, TRIAL)
ELSEWHERE = "grade on a Linux machine, in a Linux container (Docker, Podman) or, on Windows, in WSL2"
SWITCHES = (
    (
        "user/max_user_namespaces",
        "0",
        "the limit user.max_user_namespaces is 0; as root: sysctl -w user.max_user_namespaces=10000",
    ),
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "they are switched off for users; as root: sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor holds them back; as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
TO_TRUST = "--JudgeExercises.trust=True"


@dataclass(frozen=True)
class Protection:
    """One protection: what was seen of it, and what to do if it isn't there ("" if it is)."""

    name: str
    seen: str
    advice: str = ""


def missing() -> tuple[str, ...]:
    """What this machine lacks for grading untrusted work, a sentence each; nothing where everything is there."""
    lacking = [item for item in protections() if item.advice]
    causes = [item for item in lacking if item.name != TRIAL] or lacking
    return tuple(f"{item.name}: {item.seen}; {item.advice}" for item in causes)


def refusal() -> str:
    """Why untrusted work isn't graded here and what to do about it; "" where it can be graded."""
    lacking = missing()
    if not lacking:
        return ""
    reasons = "\n".join(f"  * {item}." for item in lacking)
    return (
        "Submitted code can't be shut in on this machine, so nothing was graded. What is missing:\n"
        f"{reasons}\n"
        f"If you trust everyone whose work this is, say so: {TO_TRUST} grades without a sandbox. Submitted code can "
        "then do all that you can on this machine, its own marks included; gradebook and feedback will say so."
    )


@cache
def protections() -> tuple[Protection, ...]:
    """Every protection, as a child of this process found it; tried once."""
    if platform.system() != "Linux":
        name = {"Darwin": "macOS"}.get(platform.system(), platform.system())
        return (Protection(SYSTEM, f"{name} has no such protection", ELSEWHERE),)
    return explained(_tried())


def explained(found: Mapping[str, str]) -> tuple[Protection, ...]:
    """A child's findings in words. found: by protection, what stood in the way, "" for nothing."""
    causes: dict[str, Callable[[str], Protection]] = {
        NAMESPACES: _namespaces,
        LANDLOCK: _landlock,
        SECCOMP: _seccomp,
        TRIAL: _trial,
    }
    return tuple(causes[name](found.get(name, "it was not tried")) for name in PARTS)


def _namespaces(trouble: str) -> Protection:
    if not trouble:
        return Protection(NAMESPACES, "can be made")
    for name, off, says in SWITCHES:
        path = Path("/proc/sys") / name
        if path.is_file() and path.read_text(encoding="ascii").strip() == off:
            return Protection(NAMESPACES, f"can't be made ({trouble})", says)
    advice = (
        "in a container, start it with --security-opt seccomp=unconfined; else this kernel needs CONFIG_USER_NS, "
        "CONFIG_NET_NS and CONFIG_IPC_NS"
    )
    return Protection(NAMESPACES, f"can't be made ({trouble})", advice)


def _landlock(trouble: str) -> Protection:
    if not trouble:
        return Protection(LANDLOCK, f"version {linux.landlock_version()} of its interface")
    advice = "use Linux 5.13 or newer (Debian 12, Ubuntu 22.04), with landlock in the kernel's option lsm=…"
    return Protection(LANDLOCK, f"Linux {platform.release()} doesn't offer it ({trouble})", advice)


def _seccomp(trouble: str) -> Protection:
    if not trouble:
        return Protection(SECCOMP, "filters can refuse system calls")
    if "pyseccomp" in trouble:
        return Protection(SECCOMP, "the package pyseccomp is missing", "pip install pyseccomp")
    if "libseccomp" in trouble:
        advice = "apt install libseccomp2 (Debian, Ubuntu) or dnf install libseccomp (Fedora)"
        return Protection(SECCOMP, "the library libseccomp is missing", advice)
    return Protection(
        SECCOMP, f"no filter could be put in force ({trouble})", "use a kernel with CONFIG_SECCOMP_FILTER"
    )


def _trial(trouble: str) -> Protection:
    if not trouble:
        return Protection(TRIAL, "a confined process could neither read a file, nor open a socket, nor fork")
    advice = "see to what else is missing, then try again; `p2v doctor` shows the state"
    return Protection(TRIAL, trouble, advice)


def _tried() -> dict[str, str]:
    with tempfile.NamedTemporaryFile() as canary:
        canary.write(b"canary")
        canary.flush()
        command = [sys.executable, "-I", "-m", "autograder.sandbox.protections", canary.name]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
            found = json.loads(done.stdout)
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            return {TRIAL: f"the process that tries them failed ({type(error).__name__})"}
    return {str(name): str(trouble) for name, trouble in found.items()}


def main(canary: str) -> None:
    """Tries each protection on this process, then all of them together. canary: a file outside the sandbox."""
    found = {NAMESPACES: _obstacle(linux.unshare), SECCOMP: "", LANDLOCK: ""}
    allowed = readable(())
    try:
        program = filters.program()
    except Exception as error:  # pyseccomp without its library raises whatever looking for it raised
        found[SECCOMP] = f"{type(error).__name__}: {error}"
    found[LANDLOCK] = _obstacle(lambda: linux.restrict_files(linux.ruleset(allowed.files, allowed.listings)))
    if not found[SECCOMP]:
        found[SECCOMP] = _obstacle(lambda: linux.load_filter(program))
    lacking = [name for name, trouble in found.items() if trouble]
    found[TRIAL] = f"not made without {', '.join(lacking)}" if lacking else _escapes(canary)
    print(json.dumps(found))


def _obstacle(protect: Callable[[], None]) -> str:
    try:
        protect()
    except OSError as error:
        return str(error.strerror or error)
    return ""


def _escapes(canary: str) -> str:
    """What a confined process could do all the same, "" for nothing."""
    ways: dict[str, Callable[[], object]] = {
        "read a file": lambda: Path(canary).read_bytes(),
        "open a socket": lambda: socket.socket().close(),
        "fork": _fork,
    }
    done = [name for name, way in ways.items() if not _obstructed(way)]
    return f"a confined process could {' and '.join(done)}" if done else ""


def _obstructed(way: Callable[[], object]) -> bool:
    try:
        way()
    except OSError:
        return True
    return False


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


if __name__ == "__main__":
    main(sys.argv[1])
