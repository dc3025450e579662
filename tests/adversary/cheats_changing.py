"""Changing marks and files: writing, replacing, deleting, linking, and what no longer needs a file's name."""

from __future__ import annotations

from tests.adversary.cheat import BY_CTYPES, Cheat, attempt


def on_a_copy(name: str, body: str, **more: object) -> Cheat:
    """Does something to a file of the class, by its name `path`."""
    return attempt(name, f'import os\npath = "@WORLD@/.p2v/grading/lenet/ada/01.json"\n{body.strip()}', **more)


CHEATS = (
    attempt(
        "the gradebook rewritten",
        """
import sqlite3
with sqlite3.connect("@WORLD@/gradebook.db") as gradebook:
    gradebook.execute("update grade set score = 100")
return True
""",
    ),
    on_a_copy("marks overwritten", "return open(path, 'a').write(' ')"),
    on_a_copy("marks truncated", "os.truncate(path, os.stat(path).st_size - 1)\nreturn True"),
    on_a_copy("marks truncated on opening", "os.open(path, os.O_RDONLY | os.O_TRUNC)\nreturn True"),
    on_a_copy("marks' mode changed", "os.chmod(path, 0o600)\nreturn True"),
    on_a_copy("marks' owner changed", "os.chown(path, os.getuid(), os.getgid())\nreturn True"),
    on_a_copy("marks' times changed", "os.utime(path, (1, 1))\nreturn True"),
    on_a_copy("marks' labels changed", "os.setxattr(path, 'user.p2v', b'1')\nreturn True"),
    on_a_copy(
        "marks' labels changed by a call of Linux 6.13",
        """
import ctypes, struct
value = ctypes.create_string_buffer(b"1")
given = struct.pack("<QII", ctypes.addressof(value), 1, 0)
return ctypes.CDLL(None).syscall(463, -100, path.encode(), 0, b"user.p2v", given, len(given)) == 0
""",
        exercise=BY_CTYPES,
        outside=False,
    ),
    on_a_copy("marks renamed", "os.rename(path, path + '.old')\nos.rename(path + '.old', path)\nreturn True"),
    on_a_copy("marks linked", "os.link(path, path + '.link')\nreturn True"),
    on_a_copy("marks written by numpy", "import numpy\nnumpy.save(path + '.npy', numpy.zeros(1))\nreturn True"),
    on_a_copy("marks written by torch", "torch.save(torch.zeros(1), path + '.pt')\nreturn True"),
    on_a_copy(
        "marks mapped and changed",
        """
import mmap
with open("@WORLD@/gradebook.db", "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
    view[0:1] = view[0:1]
    return True
""",
    ),
    on_a_copy(
        "marks locked",
        """
import fcntl
with open(path) as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    return True
""",
    ),
    on_a_copy("a folder made", "os.mkdir('@WORLD@/made')\nreturn True"),
    on_a_copy("a pipe made", "os.mkfifo('@WORLD@/pipe')\nreturn True"),
    on_a_copy("a device made", "os.mknod('@WORLD@/node')\nreturn True"),
    on_a_copy(
        "a file left for others to find",
        """
open("/tmp/p2v-cheat-%d" % os.getpid(), "w").close()
os.unlink("/tmp/p2v-cheat-%d" % os.getpid())
return True
""",
    ),
    on_a_copy(
        "a link left for others to follow",
        """
os.symlink(path, "/tmp/p2v-cheat-%d" % os.getpid())
os.unlink("/tmp/p2v-cheat-%d" % os.getpid())
return True
""",
    ),
    on_a_copy(
        "a block of shared memory",
        """
from multiprocessing import shared_memory
made = shared_memory.SharedMemory("p2v-cheat-%d" % os.getpid(), create=True, size=10)
made.unlink()
return True
""",
    ),
    on_a_copy("a temporary file", "import tempfile\nreturn tempfile.TemporaryFile().write(b'1')"),
    on_a_copy("a file in memory", "return os.write(os.memfd_create('p2v'), b'1')"),
    on_a_copy(
        "packages changed for those who come after",
        """
import numpy
folder = os.path.dirname(numpy.__file__)
os.utime(folder, ns=(os.stat(folder).st_atime_ns, os.stat(folder).st_mtime_ns))
return True
""",
    ),
    on_a_copy("another submission deleted", "os.unlink('@WORLD@/submitted/ada/lenet/01.ipynb')\nreturn True"),
    on_a_copy("the class deleted", "import shutil\nshutil.rmtree('@WORLD@/submitted')\nreturn True"),
)
