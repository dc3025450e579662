"""Using up memory, threads, descriptors, disk, output and patience, the machine's or the judge's."""

from __future__ import annotations

from tests.adversary.cheat import BY_CTYPES, Cheat, attempt, instead

FLOOD = """
import os, struct, torch

def relu(x):
    message = @MESSAGE@
    os.write(3, struct.pack("<Q", @SIZE@))
    while message:
        message = message[os.write(3, message):]
    return torch.zeros_like(x)
"""


def flood(name: str, message: str, size: str = "len(message)") -> Cheat:
    """Writes to the judge what is far more than it says, or what grows when it is read."""
    source = FLOOD.replace("@MESSAGE@", message).replace("@SIZE@", size)
    return Cheat(name, "lenet.relu", source, says="", outside=False)


CHEATS = (
    attempt("memory without end", "kept = []\nwhile True:\n    kept.append(torch.ones(1 << 26))", outside=False),
    instead("one huge tensor", "return torch.zeros(1 << 45)", says="alloc", outside=False),
    attempt("memory in small pieces", "kept = []\nwhile True:\n    kept.append(bytearray(1 << 22))", outside=False),
    instead(
        "threads without end",
        """
import threading, time
threading.stack_size(65536)
while True:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
""",
        outside=False,
    ),
    instead(
        "descriptors without end", "import os\nwhile True:\n    os.dup(0)", says="Too many open files", outside=False
    ),
    attempt("processes without end", "import os\nwhile True:\n    os.fork()", outside=False),
    instead(
        "a segmentation fault",
        "import ctypes\nctypes.string_at(1)",
        BY_CTYPES,
        says="segmentation fault",
        outside=False,
    ),
    instead("recursion without end", "return relu(x)", says="calls itself without end", outside=False),
    instead(
        "the stack of the machine",
        """
import sys
sys.setrecursionlimit(10**9)
nested = []
for _ in range(10**6):
    nested = [nested]
return eval("-" * 0 + "repr(nested)", {"nested": nested})
""",
        outside=False,
    ),
    instead("a result that is nested for ever", "kept = []\nkept.append(kept)\nreturn kept", says="", outside=False),
    instead(
        "a result as large as can be",
        "return [torch.zeros(1 << 22) for _ in range(18)]",  # on a busy machine the time is up first
        outside=False,
    ),
    instead("a result that is large", "return torch.zeros(25 << 20)", says="MB", outside=False),
    instead("many results that are large", "return [torch.zeros(1 << 22) for _ in range(6)]", says="MB", outside=False),
    instead(
        "hundreds of thousands of empty lists",
        "return [[] for _ in range(400_000)]",  # on a busy machine the time is up first
        outside=False,
    ),
    Cheat(
        "a batch of millions, one of them at a time to be looked at",
        "warmup.batches",
        "import torch\n\ndef batches(*_, **__):\n    yield torch.zeros(10**7, 1, dtype=torch.int8), torch.zeros(1)\n",
        outside=False,
    ),
    instead("a number too large for any other", "return 10**4000", exercise="lenet.relu", outside=False),
    Cheat(
        "a number that no float holds",
        "warmup.accuracy",
        "def accuracy(logits, labels, k=1):\n    return 10**400\n",
        outside=False,
    ),
    instead("output without end", "while True:\n    print('x' * 10**6)", says="stopped after", outside=False),
    instead(
        "output past Python's streams",
        "import os\nwhile True:\n    os.write(1, b'x' * 10**6)",
        says="stopped after",
        outside=False,
    ),
    instead("a mapping of terabytes", "import mmap\nreturn mmap.mmap(-1, 1 << 45)", outside=False),
    instead("sleep without end", "import time\nwhile True:\n    time.sleep(100)", says="stopped after", outside=False),
    instead(
        "an endless regular expression",
        "import re\nreturn re.match('(a*)*b', 'a' * 100)",
        says="stopped after",
        outside=False,
    ),
    flood("a message without end", "b'x' * (1 << 20)", size="1 << 62"),
    flood("a message that stops half way", "b'x' * 10", size="1 << 20"),
    flood("a message of brackets", "struct.pack('<I', 3 << 25) + b'[' + b'[],' * ((1 << 25) - 1) + b'[]]'"),
    flood("a message of deep brackets", "struct.pack('<I', 1 << 24) + b'[' * (1 << 24)"),
    flood("a message with one long number", "struct.pack('<I', 1 << 22) + b'9' * (1 << 22)"),
    attempt("files of the kernel", "import os\nreturn [os.eventfd(0) for _ in range(10**5)]", outside=False),
    attempt(
        "a file of a terabyte",
        "import os\nwith open('/tmp/p2v-cheat-big', 'wb') as file:\n    return file.truncate(1 << 40)",
        outside=False,
    ),
    attempt(
        "the disk made to write all that waits",
        "import ctypes, os\nreturn ctypes.CDLL(None).syncfs(os.open(torch.__file__, os.O_RDONLY)) == 0",
        exercise=BY_CTYPES,
    ),
)
