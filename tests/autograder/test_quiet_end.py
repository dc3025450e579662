import subprocess
import sys

ENDING = """
import atexit, os, sys
from autograder import quiet_end
atexit.register(os.write, 2, b"leaked")  # runs after ours
print("said", file=sys.stderr)
quiet_end.after_all()
sys.exit(3)
"""


def test_only_the_very_end_is_quiet():
    ended = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (3, "said\n")
