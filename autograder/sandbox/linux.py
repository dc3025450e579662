"""The few Linux system calls that Python has no function for: unshare, Landlock, seccomp, prctl."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Iterable
from pathlib import Path

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000
NOBODY = 65534
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # Landlock, the same on every architecture
RULESET_VERSION, PATH_BENEATH = 1, 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
HUGE, MADV_COLLAPSE = 2 << 20, 25  # since Linux 6.1


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare() -> None:
    """Leaves the machine's network, message queues, host name and user ids. Needs a single-threaded process."""
    user, group = os.geteuid(), os.getegid()
    _checked(_libc().unshare(NEWUSER | NEWNET | NEWIPC | NEWUTS), "unshare")
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{NOBODY} {user} 1")
    (own / "gid_map").write_text(f"{NOBODY} {group} 1")


def landlock_version() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    return max(0, int(_libc().syscall(CREATE_RULESET, None, 0, RULESET_VERSION)))


def ruleset(files: Iterable[str], listings: Iterable[str]) -> int:
    """A descriptor for `restrict_files`: `files` (and what lies beneath) may be read, and `listings` listed.

    Nothing may be written, executed or connected to, whatever the user's rights. What doesn't exist is left out.
    """
    version = landlock_version()
    rights = (1 << (16 if version >= 5 else 15 if version >= 3 else 13)) - 1
    handled = struct.pack("<QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    handled = handled[: 24 if version >= 6 else 16 if version >= 4 else 8]
    libc = _libc()
    made = _checked(libc.syscall(CREATE_RULESET, handled, len(handled), 0), "landlock_create_ruleset")
    for access, paths in ((READ_FILE | READ_DIR, files), (READ_DIR, listings)):
        for path in paths:
            _allow(libc, made, path, access)
    return made


def restrict_files(rules: int) -> None:
    """Puts a ruleset in force for this process, for ever, and closes its descriptor."""
    set_option(PR_SET_NO_NEW_PRIVS, 1)
    _checked(_libc().syscall(RESTRICT_SELF, rules, 0), "landlock_restrict_self")
    os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: str, access: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        right = access if os.path.isdir(path) else access & READ_FILE
        rule = struct.pack("<Qi", right, opened)
        _checked(libc.syscall(ADD_RULE, rules, PATH_BENEATH, rule, 0), f"landlock_add_rule {path}")
    finally:
        os.close(opened)


def use_huge_pages() -> None:
    """Gathers this process's memory in pages of 2 MiB, where the system has them: forking it, and ending what was
    forked, is three times as fast then."""
    madvise = _libc().madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, permissions, _, device, _, *name = line.split()
        start, end = (int(edge, 16) for edge in span.split("-"))
        first, last = -(-start // HUGE) * HUGE, end // HUGE * HUGE
        if permissions == "rw-p" and device == "00:00" and name in ([], ["[heap]"]) and first < last:
            madvise(first, last - first, MADV_COLLAPSE)  # a wish; what can't be gathered stays as it is


def set_option(option: int, value: int) -> None:
    """prctl with one number."""
    _checked(_libc().prctl(option, value, 0, 0, 0), f"prctl {option}")


def die_with_parent() -> None:
    """Lets the kernel kill this process when the one that forked it ends."""
    set_option(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def die_first() -> None:
    """Lets the kernel end this process, and not a larger one that matters more, when memory runs out."""
    Path("/proc/self/oom_score_adj").write_text("1000")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def load_filter(program: bytes) -> None:
    """Puts a seccomp filter (BPF instructions of 8 bytes) in force, for this process and its threads to come."""
    buffer = ctypes.create_string_buffer(program)
    loaded = _Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    set_option(PR_SET_NO_NEW_PRIVS, 1)
    _checked(_libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(loaded), 0, 0), "seccomp")
