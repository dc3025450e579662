"""`pip install .` brings everything that a student needs, without the checkout."""

import subprocess
import sys

import pytest

from autograder.home import repo_root

LOOK = """
import sys
sys.path.insert(0, sys.argv[1])
from autograder import home, interview, references
assert home.repo_root() is None, home.repo_root()
names = sorted(path.name for path in home.find_course().glob("*/*.ipynb"))
assert "01_lenet.ipynb" in names, names
assert str(home.find_course()).startswith(sys.argv[1]), home.find_course()
assert references.reference("warmup", "one_hot").__module__ == "solutions.warmup"
assert interview.questions("lenet")
import p2v_data
assert p2v_data.__file__.startswith(sys.argv[1])
"""


@pytest.mark.slow
def test_an_ordinary_install_is_whole(tmp_path):
    root = repo_root()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    built = subprocess.run(
        [*pip, "install", "--no-deps", "--target", str(tmp_path), str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    looked = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert looked.returncode == 0, looked.stderr
