"""Reading what belongs to others: submissions, the gradebook, environments, arguments, memory."""

from __future__ import annotations

from tests.adversary.cheat import Cheat, attempt

PROCESSES = """
import os
def texts(name):
    found = []
    for entry in range(1, 40000):
        try:
            with open(f"/proc/{entry}/{name}", "rb") as file:
                found.append(file.read())
        except OSError:
            pass
    return found
"""

CHEATS = (
    attempt("another submission read", "return '@SECRET@' in open('@WORLD@/submitted/ada/lenet/01.ipynb').read()"),
    attempt(
        "another submission by pathlib",
        """
from pathlib import Path
return [path.read_text() for path in Path("@WORLD@").rglob("*.ipynb")]
""",
    ),
    attempt(
        "the gradebook queried",
        """
import sqlite3
with sqlite3.connect("file:@WORLD@/gradebook.db?mode=ro&immutable=1", uri=True) as gradebook:
    return gradebook.execute("select note from grade").fetchone()[0] == "@SECRET@"
""",
    ),
    attempt(
        "stored marks read", "import json\nreturn json.load(open('@WORLD@/.p2v/grading/lenet/ada/01.json'))['note']"
    ),
    attempt(
        "a folder put on the path and imported from",
        """
import sys
sys.path.insert(0, "@WORLD@")
import hidden_cases
return hidden_cases.SECRET == "@SECRET@"
""",
    ),
    attempt("a file mapped by numpy", "import numpy\nreturn bytes(numpy.memmap('@WORLD@/gradebook.db', mode='r')[:6])"),
    attempt(
        "a file mapped by torch",
        """
storage = torch.UntypedStorage.from_file("@WORLD@/gradebook.db", False, 16)
return bytes(storage[:6].tolist()) == b"SQLite"
""",
    ),
    attempt("a file read by numpy", "import numpy\nreturn numpy.fromfile('@WORLD@/gradebook.db', dtype='u1')[0] == 83"),
    attempt(
        "a file read by low-level calls",
        """
import os
return os.read(os.open("@WORLD@/hidden_cases.py", os.O_RDONLY), 100)
""",
    ),
    attempt(
        "a file read by torch's own reader",
        """
return torch._C._fstat if False else torch.from_file("@WORLD@/gradebook.db", size=4, dtype=torch.uint8)[0] == 83
""",
    ),
    attempt(
        "a file read by a tokenizer",
        "import tokenize\nreturn '@SECRET@' in tokenize.open('@WORLD@/hidden_cases.py').read()",
    ),
    attempt("the working directory listed", "import os\nreturn os.listdir('.')"),
    attempt("the folder listed", "import os\nreturn os.listdir('@WORLD@')"),
    attempt(
        "a parent's environment",
        """
import os
return open(f"/proc/{os.getppid()}/environ", "rb").read()
""",
    ),
    attempt("everybody's environment", PROCESSES + "return any(b'@SECRET@' in text for text in texts('environ'))"),
    attempt("everybody's arguments", PROCESSES + "return any(b'@SECRET@' in text for text in texts('cmdline'))"),
    attempt(
        "its own environment",
        """
import os
return os.environ.get("P2V_SECRET") == "@SECRET@" or os.environ.get("PYTEST_CURRENT_TEST") or os.environ.get("USER")
""",
        outside=False,
    ),
    attempt(
        "its own arguments",
        "import sys\nreturn any('@WORLD@' in item for item in sys.argv + sys.orig_argv)",
        outside=False,
    ),
    attempt(
        "a neighbour's environment by psutil",
        """
import psutil
return psutil.Process(@VICTIM@).environ()["P2V_SECRET"]
""",
    ),
    attempt("a neighbour's memory", "return open('/proc/@VICTIM@/mem', 'rb') and open('/proc/@VICTIM@/maps').read()"),
    attempt("its own memory's map", "return 'libtorch' in open('/proc/self/maps').read()"),
    attempt("a neighbour's open files", "import os\nreturn os.listdir('/proc/@VICTIM@/fd')"),
    attempt("the passwords' file", "return 'root' in open('/etc/passwd').read()"),
    attempt(
        "the host's name",
        """
import socket
return socket.gethostname() == open("/proc/sys/kernel/hostname").read().strip()
""",
    ),
    attempt(
        "the home folder",
        "import os\nreturn os.listdir(os.path.expanduser('~' + __import__('pwd').getpwuid(0).pw_name))",
    ),
    attempt(
        "descriptors left open",
        """
import os
found = []
for number in range(4, 64):
    try:
        os.fstat(number)
        found.append(number)
    except OSError:
        pass
return found
""",
        outside=False,
    ),
    attempt("shared memory of others", "import os\nreturn os.listdir('/dev/shm') is not None"),
    Cheat(
        "a later exercise's reference, which holds the answer",
        "lenet.relu",
        "from mine.lenet import leaky_relu\n\n\ndef relu(x):\n    return leaky_relu(x, 0.0)",
        outside=False,
    ),
)
