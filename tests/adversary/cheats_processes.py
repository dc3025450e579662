"""Signals to others, looking into them, and staying on after the grading."""

from __future__ import annotations

from tests.adversary.cheat import BY_CTYPES, Cheat, attempt

PRCTL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def prctl(*numbers):
    if libc.prctl(*numbers) < 0:
        raise OSError
    return True
"""

LATER = """
import os, time
def stay():
    time.sleep(1)
    open("/tmp/p2v-cheat-later", "w").close()
"""

CHEATS = (
    attempt("the parent killed", "import os\nos.kill(os.getppid(), 9)\nreturn True", outside=False),
    attempt("the parent asked whether it is there", "import os\nos.kill(os.getppid(), 0)\nreturn True"),
    attempt("a neighbour killed", "import os\nos.kill(@VICTIM@, 0)\nreturn True"),
    attempt("everybody killed", "import os\nos.kill(-1, 9)\nreturn True", outside=False),
    attempt("a group signalled", "import os\nos.killpg(os.getpgid(os.getppid()), 0)\nreturn True"),
    attempt(
        "a neighbour signalled by a descriptor of it",
        """
import os, signal
signal.pidfd_send_signal(os.pidfd_open(@VICTIM@), 0)
return True
""",
    ),
    attempt(
        "a neighbour made the owner of a pipe's signals",
        """
import fcntl, os
reading, writing = os.pipe()
fcntl.fcntl(reading, fcntl.F_SETOWN, @VICTIM@)
fcntl.fcntl(reading, 10, 28)  # F_SETSIG: a signal of its choice
return True
""",
    ),
    attempt(
        "a neighbour traced",
        """
import ctypes
return ctypes.CDLL(None).ptrace(0x4206, @VICTIM@, 0, 0) == 0
""",
        exercise=BY_CTYPES,
    ),
    attempt(
        "a neighbour slowed down",
        """
import os
os.setpriority(os.PRIO_PROCESS, @VICTIM@, os.getpriority(os.PRIO_PROCESS, @VICTIM@))
return True
""",
    ),
    attempt(
        "a neighbour's limits changed",
        """
import resource
return resource.prlimit(@VICTIM@, resource.RLIMIT_CORE)
""",
    ),
    attempt(
        "a neighbour moved to another processor",
        """
import os
os.sched_setaffinity(@VICTIM@, os.sched_getaffinity(@VICTIM@))
return True
""",
    ),
    attempt(
        "its own limits lifted",
        """
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
return True
""",
    ),
    attempt("a process forked", "import os\nif os.fork() == 0:\n    os._exit(0)\nreturn True"),
    attempt(
        "a process that leaves its parents",
        LATER
        + """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        stay()
    os._exit(0)
return True
""",
        outside=False,
    ),
    attempt("a shell", "import os\nreturn os.system('true') == 0"),
    attempt("a program started", "import subprocess\nreturn subprocess.run(['/bin/true']).returncode == 0"),
    attempt("a program spawned", "import os\nreturn os.posix_spawn('/bin/true', ['true'], {}) > 0"),
    attempt("a program in its place", "import os\nos.execv('/bin/true', ['true'])\nreturn True", outside=False),
    attempt(
        "a worker of multiprocessing",
        """
import multiprocessing
with multiprocessing.get_context("fork").Pool(1) as pool:
    return pool.map(abs, [-1]) == [1]
""",
    ),
    attempt(
        "a thread that stays",
        LATER
        + """
import threading
threading.Thread(target=stay, daemon=True).start()
return False
""",
        outside=False,
    ),
    attempt(
        "a thread that can't be asked to end",
        LATER
        + """
import atexit, threading
threading.Thread(target=stay).start()
atexit.register(stay)
return False
""",
        outside=False,
    ),
    attempt(
        "a child that survives its parents", PRCTL + "return prctl(1, 0, 0, 0, 0)  # PDEATHSIG", exercise=BY_CTYPES
    ),
    attempt(
        "a child that adopts others", PRCTL + "return prctl(36, 1, 0, 0, 0)  # CHILD_SUBREAPER", exercise=BY_CTYPES
    ),
    attempt(
        "new namespaces, with all rights",
        """
import ctypes
return ctypes.CDLL(None).unshare(0x10000000 | 0x20000) == 0
""",
        exercise=BY_CTYPES,
    ),
    attempt(
        "another user", "import os\nos.setuid(0)\nreturn os.getuid() == 0 or os.setuid(12345) is None", outside=False
    ),
    attempt(
        "the clock of the machine",
        "import time\ntime.clock_settime(time.CLOCK_REALTIME, time.time())\nreturn True",
        outside=False,
    ),
    Cheat(
        "every signal ignored, for ever",
        "lenet.relu",
        """
import signal, torch

def relu(x):
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
""",
        says="stopped after",
        outside=False,
    ),
)
