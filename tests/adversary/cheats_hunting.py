"""Looking for expected values, cases, specs and references: in memory, in modules, in files."""

from __future__ import annotations

from tests.adversary.cheat import Cheat, attempt

EXPECTED_IN_FRAMES = """
import sys
import torch

def relu(x):
    frame = sys._getframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            expect = getattr(value, "expect", None)
            if isinstance(expect, dict) and "out" in expect:
                return expect["out"].clone()
            oracle = getattr(value, "oracle", None)
            if callable(oracle):
                return oracle(x)
        frame = frame.f_back
    return torch.zeros_like(x)
"""

EXPECTED_IN_GC = """
import gc
import torch

def relu(x):
    gc.unfreeze()
    for item in gc.get_objects():
        if type(item).__name__ == "Exercise" and item.id == "lenet.relu":
            return item.oracle(x)
    return torch.zeros_like(x)
"""

ORACLE_IN_MODULES = """
import sys
import torch

def relu(x):
    for name, module in list(sys.modules.items()):
        found = vars(module).get("relu_oracle") or vars(module).get("RELU")
        if found is not None:
            return getattr(found, "oracle", found)(x)
    return torch.zeros_like(x)
"""

SPEC_IMPORTED = """
import torch

def found():
    try:
        from autograder import registry
        return registry.find("lenet.confusion_matrix").oracle
    except Exception:
        return None

ORACLE = found()

def confusion_matrix(target, predicted, num_classes):
    if ORACLE is None:
        return torch.zeros(num_classes, num_classes, dtype=torch.int64)
    return ORACLE(target, predicted, num_classes)
"""

SOLUTION_IMPORTED = """
import torch

def found():
    try:
        from importlib import import_module
        return import_module("solu" + "tions.lenet").relu
    except Exception:
        return None

SOLUTION = found()

def relu(x):
    return torch.zeros_like(x) if SOLUTION is None else SOLUTION(x)
"""

ENTRY_POINT = """
import torch

def found():
    try:
        from importlib.metadata import entry_points
        (point,) = entry_points(group="p2v.references")
        __import__(point.value + ".lenet")
        import sys
        return sys.modules[point.value + ".lenet"].relu
    except Exception:
        return None

SOLUTION = found()

def relu(x):
    return torch.zeros_like(x) if SOLUTION is None else SOLUTION(x)
"""

MINE = """
import sys
import torch

def found():
    try:
        import mine.lenet
        return mine.lenet.relu
    except Exception:
        return None

SOLUTION = found()

def relu(x):
    return torch.zeros_like(x) if SOLUTION is None else SOLUTION(x)
"""

ROOT = """
import autograder
from pathlib import Path
root = Path(autograder.__file__).resolve().parents[1]
"""

CHEATS = (
    Cheat("expected values in the frames above", "lenet.relu", EXPECTED_IN_FRAMES, outside=False),
    Cheat("the oracle among all objects", "lenet.relu", EXPECTED_IN_GC),
    Cheat("the oracle in the loaded modules", "lenet.relu", ORACLE_IN_MODULES),
    Cheat("the spec imported", "lenet.confusion_matrix", SPEC_IMPORTED),
    Cheat("the solutions imported", "lenet.relu", SOLUTION_IMPORTED),
    Cheat("the solutions by their entry point", "lenet.relu", ENTRY_POINT),
    Cheat("a reference that the exercise doesn't need", "lenet.relu", MINE, outside=False),
    attempt(
        "the solutions read by path",
        ROOT + "return 'def relu' in (root / 'solutions/lenet/activations.py').read_text()",
    ),
    attempt(
        "the specs read by path",
        ROOT + "return 'RELU' in (root / 'autograder/exercises/lenet/activations.py').read_text()",
    ),
    attempt(
        "the specs' bytecode read",
        ROOT
        + """
cache = root / "autograder" / "exercises" / "lenet" / "__pycache__"
return any(file.read_bytes() for file in cache.iterdir())
""",
    ),
    attempt(
        "the specs through the loader",
        """
import autograder, os
from importlib.machinery import SourceFileLoader
path = os.path.join(os.path.dirname(autograder.__file__), "exercises", "lenet", "activations.py")
return SourceFileLoader("spec", path).load_module().RELU
""",
    ),
    attempt(
        "the specs through pkgutil",
        """
import pkgutil
return pkgutil.get_data("autograder.exercises.lenet", "activations.py")
""",
    ),
    attempt(
        "the specs through importlib.resources",
        """
from importlib import resources
return resources.files("autograder").joinpath("exercises/lenet/activations.py").read_text()
""",
    ),
    attempt(
        "the specs through linecache",
        """
import autograder, linecache, os
return linecache.getlines(os.path.join(os.path.dirname(autograder.__file__), "exercises/lenet/activations.py"))
""",
    ),
    attempt(
        "the specs through inspect",
        """
import inspect, autograder.registry
return "exercises" in inspect.getsource(autograder.registry)
""",
    ),
    attempt(
        "the specs through runpy",
        """
import autograder, os, runpy
return runpy.run_path(os.path.join(os.path.dirname(autograder.__file__), "exercises/lenet/activations.py"))["RELU"]
""",
    ),
    attempt("the course's folder listed", ROOT + "return list((root / 'solutions').iterdir())"),
    attempt("the course's folder walked", ROOT + "import os\nreturn [names for _, _, names in os.walk(root) if names]"),
    attempt(
        "the course by way of /proc/self/root",
        ROOT
        + """
return open(f"/proc/self/root{root}/solutions/lenet/activations.py").read()
""",
    ),
    attempt(
        "the course by way of a parent's working directory",
        """
import os
return os.listdir(f"/proc/{os.getppid()}/cwd")
""",
    ),
    attempt(
        "the course by a symbolic link",
        ROOT
        + """
import os
link = "/tmp/p2v-cheat-link-%d" % os.getpid()
os.symlink(root / "solutions", link)
try:
    return os.listdir(link)
finally:
    os.unlink(link)
""",
    ),
    attempt(
        "the course by a hard link",
        ROOT
        + """
import os
link = "@WORLD@/p2v-cheat-link-%d" % os.getpid()
os.link(root / "README.md", link)
try:
    return open(link).read()
finally:
    os.unlink(link)
""",
    ),
    attempt(
        "the course by a descriptor of its folder",
        ROOT
        + """
import os
folder = os.open(root / "solutions", os.O_RDONLY | os.O_DIRECTORY)
return os.open("lenet/activations.py", os.O_RDONLY, dir_fd=folder)
""",
    ),
    attempt(
        "the course by O_PATH and /proc",
        ROOT
        + """
import os
file = os.open(root / "solutions" / "lenet" / "activations.py", os.O_PATH)
return open(f"/proc/self/fd/{file}").read()
""",
    ),
    attempt(
        "the course's place in the installed packages",
        """
import site, os
for folder in site.getsitepackages():
    for name in os.listdir(folder):
        if name.startswith("__editable__") and name.endswith((".pth", ".py")):
            return open(os.path.join(folder, name)).read()
        if name == "solutions":
            return os.listdir(os.path.join(folder, name))
""",
    ),
    attempt(
        "the installed record of the course's files",
        """
from importlib import metadata
return metadata.distribution("pixels-to-voxels").metadata["Name"]
""",
    ),
)
