"""What this machine has for the course, and what to do about what it lacks. Changes nothing and never raises."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.home import find_course, find_workspace, repo_root
from autograder.sandbox import protections

OLDEST_PYTHON = (3, 11)
OLDEST_TORCH = (2, 11)
ROOM_GB = 8.0
OURS = ("autograder", "solutions", "p2v_data", "mine", "datasets")
_OFTEN_SHADOWED = sys.stdlib_module_names | {
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "sklearn",
    "skimage",
    "matplotlib",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked for, whether it is there, what was seen, and what to do.

    `needed` tells what the course can't do without from what some lessons or grading can use.
    """

    name: str
    available: bool
    detail: str
    advice: str = ""
    needed: bool = False


def report() -> list[Finding]:
    """Look at everything once. A probe that fails becomes a finding that says so."""
    return [_guarded(name, probe) for name, probe in _PROBES.items()]


def main() -> int:
    """Print the report. Returns 1 if something that the course needs isn't available, else 0."""
    findings = report()
    console = Console()
    console.print(_table(findings))
    lacking = [finding.name for finding in findings if finding.needed and not finding.available]
    if lacking:
        console.print(f"The course needs what is missing here: {', '.join(lacking)}.")
    else:
        console.print("The course can run on this machine. What isn't available is used by some lessons only.")
    return int(bool(lacking))


def _table(findings: list[Finding]) -> Table:
    table = Table(title="Pixels to Voxels on this machine", title_justify="left")
    for heading in ("what", "state", "seen", "what to do"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        state = (
            Text("available", "green")
            if finding.available
            else Text("not available", "bold red" if finding.needed else "yellow")
        )
        table.add_row(Text(finding.name), state, Text(finding.detail), Text(finding.advice))
    return table


def _guarded(name: str, probe: Callable[[str], Finding]) -> Finding:
    try:
        return probe(name)
    except Exception as problem:  # a broken part of the machine is a finding, whatever it raises
        return Finding(name, False, f"could not be looked at: {type(problem).__name__}: {problem}", "see the reason")


def _python(name: str) -> Finding:
    good = tuple(sys.version_info[:2]) >= OLDEST_PYTHON
    wanted = ".".join(map(str, OLDEST_PYTHON))
    detail = f"{platform.python_version()}, {sys.executable}"
    return Finding(name, good, detail, "" if good else f"install Python {wanted} or newer", needed=True)


def _torch(name: str) -> Finding:
    try:
        version = importlib.import_module("torch").__version__
    except (ImportError, OSError) as problem:
        return Finding(name, False, f"can't be imported: {problem}", "python start.py lab installs it", needed=True)
    good = tuple(int(part) for part in version.split("+")[0].split(".")[:2]) >= OLDEST_TORCH
    return Finding(name, good, version, "" if good else "pip install --upgrade torch torchvision", needed=True)


def _torchvision(name: str) -> Finding:
    try:
        version = importlib.import_module("torchvision").__version__
    except Exception as problem:  # a build for another torch raises RuntimeError, AttributeError or OSError
        advice = "pip install --upgrade torch torchvision"
        return Finding(name, False, f"can't be imported: {problem}", advice, needed=True)
    return Finding(name, True, version, needed=True)


def _gpu(name: str) -> Finding:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return Finding(name, True, "CUDA: " + ", ".join(names))
    if torch.backends.mps.is_available():
        return Finding(name, True, "Apple's GPU (MPS)")
    return Finding(
        name, False, "no CUDA device and no Apple GPU", "nothing: the course runs on the CPU, in smaller sizes"
    )


def _cpu(name: str) -> Finding:
    import torch

    detail = f"{os.cpu_count()} cores, PyTorch uses {torch.get_num_threads()} threads"
    return Finding(name, True, detail, "on a busy machine OMP_NUM_THREADS=1 is often faster", needed=True)


def _disk(name: str) -> Finding:
    workspace = find_workspace()
    folder = next(place for place in (workspace, *workspace.parents) if place.exists())
    free_gb = shutil.disk_usage(folder).free / 1e9
    advice = "" if free_gb >= ROOM_GB else "free some space: `pip cache purge`, `p2v data list` shows what is large"
    return Finding(name, free_gb >= ROOM_GB, f"{free_gb:.0f} GB free at {folder}", advice)


def _own_places(workspace: Path) -> dict[str, Path]:
    """Where each of our import names may come from."""
    package = Path(__file__).resolve().parent
    root = repo_root()
    data = (root / "datasets" if root else package.parent) / "p2v_data"
    own = {"autograder": package, "solutions": package.parent / "solutions", "p2v_data": data}
    return own | {"mine": workspace / "mine", "datasets": package.parent / "datasets"}


def _found_at(module: str, search: list[str]) -> list[Path]:
    spec = PathFinder.find_spec(module, search)
    if spec is None:
        return []
    places = spec.submodule_search_locations or ([spec.origin] if spec.origin else [])
    return [Path(place).resolve() for place in places]


def strangers(workspace: Path, search: list[str]) -> list[Path]:
    """Files and folders that a kernel in `workspace` would import instead of the course's or Python's own modules."""
    own = _own_places(workspace)
    found = [
        place
        for module in OURS
        for place in _found_at(module, search)
        if place != own[module].resolve() and not (module == "datasets" and "site-packages" in place.parts)
    ]
    mistaken = [path.resolve() for path in workspace.glob("*.py") if path.stem in _OFTEN_SHADOWED]
    return sorted(set(found + mistaken))


def _shadows(name: str) -> Finding:
    workspace = find_workspace()
    found = strangers(workspace, [str(workspace), *sys.path])
    if not found:
        return Finding(name, True, "nothing hides the course's modules", needed=True)
    advice = "rename or move it: Python imports it instead of the course's or its own module"
    return Finding(name, False, ", ".join(map(str, found)), advice, needed=True)


def _workspace(name: str) -> Finding:
    workspace = find_workspace()
    count = len(list(workspace.glob("*.ipynb")))
    if count:
        return Finding(name, True, f"{workspace}, {count} notebooks")
    return Finding(name, False, f"{workspace} has no notebooks yet", "`p2v lab` puts working copies there")


def _course(name: str) -> Finding:
    course = find_course()
    count = len(list(course.glob("*/*.ipynb")))
    if not count:
        return Finding(name, False, f"{course} has no notebooks", "`p2v weave` builds them", needed=True)
    if repo_root() is None:
        return Finding(name, True, f"{count} notebooks, as installed", needed=True)
    from autograder.weave import WeaveError, is_stale

    try:
        stale = is_stale()
    except WeaveError as problem:
        reason = str(problem).partition("\n")[0]
        return Finding(name, False, f"{count} notebooks; the lessons have faults: {reason}", "`p2v weave` lists them")
    if stale:
        return Finding(name, False, f"{count} notebooks, older than their sources", "`p2v weave` builds them anew")
    return Finding(name, True, f"{count} notebooks, woven from the present sources", needed=True)


def _package(distribution: str, advice: str, needed: bool = False) -> Callable[[str], Finding]:
    def probe(name: str) -> Finding:
        try:
            return Finding(name, True, importlib.metadata.version(distribution), needed=needed)
        except importlib.metadata.PackageNotFoundError:
            return Finding(name, False, "not installed", advice, needed)

    return probe


def _tensorrt(name: str) -> Finding:
    try:
        return Finding(name, True, importlib.import_module("tensorrt").__version__)
    except (ImportError, OSError, RuntimeError):
        advice = "with an NVIDIA GPU: pip install tensorrt; nothing else to do, the lessons say where they use it"
        return Finding(name, False, "can't be imported", advice)


def _sandbox(part: str) -> Callable[[str], Finding]:
    """A probe of one part of what keeps submitted code in while it is graded."""

    def probe(name: str) -> Finding:
        found = {item.name: item for item in protections.protections()}
        item = found.get(part) or found[protections.SYSTEM]
        advice = f"only for grading others' code: {item.advice}" if item.advice else ""
        return Finding(name, not item.advice, item.seen, advice)

    return probe


def _browser(name: str) -> Finding:
    for program in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(program):
            return Finding(name, True, path)
    return Finding(name, False, "no chromium on the PATH", "only for the browser tests: apt install chromium")


_PROBES: dict[str, Callable[[str], Finding]] = {
    "Python": _python,
    "PyTorch": _torch,
    "torchvision": _torchvision,
    "GPU": _gpu,
    "CPU": _cpu,
    "disk": _disk,
    "import names": _shadows,
    "course": _course,
    "workspace": _workspace,
    "JupyterLab": _package("jupyterlab", "python start.py lab installs it", needed=True),
    "nbgrader": _package("nbgrader", "pip install nbgrader", needed=True),
    "ONNX Runtime": _package("onnxruntime", "only for the deployment lessons: pip install onnxruntime"),
    "TensorRT": _tensorrt,
    "sandbox: user namespaces": _sandbox(protections.NAMESPACES),
    "sandbox: Landlock": _sandbox(protections.LANDLOCK),
    "sandbox: seccomp": _sandbox(protections.SECCOMP),
    "sandbox: a trial": _sandbox(protections.TRIAL),
    "browser": _browser,
}

if __name__ == "__main__":
    sys.exit(main())
