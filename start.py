"""Two commands on a bare machine: `python start.py lab` opens the course, `python start.py test` checks it.

Needs Python 3.11 or newer and its standard library. Written in the syntax of Python 3.6, so that an older Python can
still read this file and say what is missing.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

MINIMUM = (3, 11)
if tuple(sys.version_info[:2]) < MINIMUM:
    sys.exit(
        "Pixels to Voxels needs Python {}.{} or newer, and this is Python {}.{} ({}).\n"
        "Install a newer one (Debian and Ubuntu: apt install python3.11 python3.11-venv; macOS: brew install "
        "python@3.12;\nWindows: winget install Python.Python.3.12), then start this file with it, for example "
        "python3.12 start.py lab".format(*MINIMUM, *sys.version_info[:2], sys.executable)
    )

ROOT = Path(__file__).resolve().parent
NEEDED_GB = 8.0
REPAIR_GB = 2.0
Runner = Callable[[list[str]], int]
"""Runs a command in the checkout, its output on the terminal, and returns its exit status."""

MISLEADING = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "__PYVENV_LAUNCHER__")
"""Variables that would make pip install elsewhere, or Python import from elsewhere."""

SMOKE = "import torch, torchvision, jupyterlab, nbgrader, autograder"
SIDE_BY_SIDE = (  # the longest first, so that none is left alone at the end
    "tests/notebooks",
    "tests/autograder/test_exercises.py",
    "tests/honest/test_parity.py",
    "tests/peers",
    "tests/recipes",
    "tests/mistakes",
    "tests/datasets",
    "tests/autograder/test_gpu_path.py",
    "tests/autograder/test_report.py",
    "tests/autograder/test_report_details.py",
    "tests/autograder/test_slicing.py",
    "tests/autograder/test_wire.py",
)
FILE_BESIDE_FILE = (
    "tests/gradebook",
    "tests/docs",
    "tests/autograder/class_report",
    "tests/autograder/weave",
    "tests/autograder/test_classroom.py",
    "tests/autograder/test_collecting.py",
    "tests/autograder/test_lms.py",
)
LINTERS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "mypy start.py": ["mypy", "start.py"],
}

PIP_CAUSES = (
    (
        ("no space left", "errno 28", "winerror 112", "not enough space"),
        f"The disk is full, or the folder for temporary files is. Free about {NEEDED_GB:.0f} GB, or name a roomier "
        "folder in the variable TMPDIR (Windows: TEMP).",
    ),
    (
        ("filename too long", "winerror 206", "long path"),
        "A path grew too long for Windows. Move this folder to a short place such as C:\\p2v, or switch on long paths.",
    ),
    (
        ("permission denied", "access is denied", "winerror 5]", "winerror 32]", "being used by another process"),
        "A file could not be written. Close JupyterLab and other programs that use this folder, and pause OneDrive or "
        "similar if they sync it.",
    ),
    (
        ("certificate_verify_failed", "certificate verify failed", "sslerror"),
        "The connection is intercepted or the clock is wrong. Behind a company proxy, give pip its certificate: "
        "pip config set global.cert FILE",
    ),
    (
        ("newconnectionerror", "name resolution", "getaddrinfo", "network is unreachable", "proxyerror", "timed out"),
        "The package index could not be reached. Check the network (and the variables HTTPS_PROXY and PIP_INDEX_URL), "
        "then run this again: what was downloaded is kept.",
    ),
    (
        ("no matching distribution", "could not find a version"),
        "A package has no build for this Python ({}.{}) on this machine. Try Python 3.11 to 3.13, 64 bit.".format(
            *sys.version_info[:2]
        ),
    ),
)


class SetupError(Exception):
    """What went wrong in the set-up, and what to do about it."""


def say(text: str) -> None:
    print("[start] " + text, flush=True)


def run_here(command: list[str]) -> int:
    return subprocess.call(command, cwd=str(ROOT))


def venv_python(root: Path) -> Path:
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp_file(root: Path) -> Path:
    return root / ".venv" / "p2v-stamp.json"


def made_with(root: Path) -> str:
    """The Python version that .venv was made with, "" if its settings file can't tell."""
    try:
        lines = (root / ".venv" / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    pairs = [line.split("=", 1) for line in lines if "=" in line]
    return next((value.strip() for key, value in pairs if key.strip() in ("version", "version_info")), "")


def fingerprint(root: Path, extras: str) -> str:
    """Changes whenever another set of packages could be wanted."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "setup.py"):
        digest.update((root / name).read_bytes())
    digest.update("|".join(["1", made_with(root), extras]).encode("utf-8"))
    return digest.hexdigest()


def read_stamp(root: Path) -> dict[str, str]:
    try:
        stamp = json.loads(stamp_file(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(root: Path, extras: str) -> None:
    """Say that the set-up was finished. Written last and in one piece, so it is never there too early."""
    stamp = {"fingerprint": fingerprint(root, extras), "extras": extras, "folder": str(root)}
    aside = stamp_file(root).with_suffix(".tmp")
    aside.write_text(json.dumps(stamp), encoding="utf-8")
    os.replace(str(aside), str(stamp_file(root)))


def python_works(root: Path) -> bool:
    """Whether the Python in .venv starts and is still the version that its packages were installed for."""
    command = [str(venv_python(root)), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = answer.stdout.decode("ascii", "replace").strip()
    return answer.returncode == 0 and bool(version) and (made_with(root) + ".").startswith(version + ".")


def is_ready(root: Path, extras: str) -> bool:
    stamp = read_stamp(root)
    had = stamp.get("extras", "")
    complete = stamp.get("fingerprint") == fingerprint(root, had) and stamp.get("folder") == str(root)
    return complete and extras in ("", had) and python_works(root)


def is_usable(root: Path) -> bool:
    """Whether an unfinished or outdated .venv can be mended in place; one that was moved or has no pip can't."""
    stays = read_stamp(root).get("folder", str(root)) == str(root)
    return stays and python_works(root) and any((folder / "pip").is_dir() for folder in site_packages(root))


def check_folder(root: Path, needed_gb: float) -> None:
    """Find out before a long download what would stop it at the end."""
    probe = root / ".p2v-write-test"
    try:
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as problem:
        raise SetupError(
            f"This folder can't be written to: {root} ({problem.strerror}).\n"
            "Copy it to a place of your own, for example your home folder, and start it there."
        ) from problem
    free_gb = shutil.disk_usage(str(root)).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"The set-up needs about {needed_gb:.0f} GB of free disk space and {root} has {free_gb:.1f} GB.\n"
            "Free some space (`pip cache purge` may help), or move this folder to a larger disk."
        )
    if any("onedrive" in part.lower() for part in root.parts):
        say("note: this folder is synced by OneDrive, which may lock files or upload gigabytes. Should the set-up")
        say("      fail, pause OneDrive or move the folder to a place that isn't synced.")


def create_venv(root: Path, run: Runner) -> None:
    base = getattr(sys, "_base_executable", "") or sys.executable
    say("making the environment in .venv")
    if run([base, "-m", "venv", "--clear", str(root / ".venv")]) == 0:
        return
    version = "{}.{}".format(*sys.version_info[:2])
    raise SetupError(
        "Python could not make the environment (its words stand above).\n"
        f"Debian and Ubuntu keep this part in a package of its own: sudo apt install python{version}-venv\n"
        "If it says that files are in use: close JupyterLab and every terminal that uses .venv, delete the folder "
        ".venv, and run this again."
    )


def site_packages(root: Path) -> list[Path]:
    venv = root / ".venv"
    return [*venv.glob("lib/python*/site-packages"), *venv.glob("Lib/site-packages")]


def mend_packages(root: Path) -> list[str]:
    """Take back the stamp and what hides cut-off installations from pip, which writes RECORD last.

    Returns the names of the packages that pip will now install again.
    """
    if stamp_file(root).exists():
        stamp_file(root).unlink()
    records = [info for folder in site_packages(root) for info in folder.glob("*.dist-info")]
    cut_off = [info for info in records if not (info / "RECORD").is_file()]
    for info in cut_off:
        say(f"  {info.stem} was only half installed: once more")
        shutil.rmtree(str(info), ignore_errors=True)
    return sorted({info.stem for info in cut_off})


def likely_cause(log: Path) -> str:
    """Advice read off the end of pip's log."""
    try:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-200:]).lower()
    except OSError:
        tail = ""
    advice = (cure for signs, cure in PIP_CAUSES if any(sign in tail for sign in signs))
    return next(advice, "Read the last lines above. Running the same command again goes on from here.")


def install(root: Path, extras: str, run: Runner) -> None:
    """Install the project and what it needs into .venv, pip's progress on the terminal, its log beside it."""
    log = root / ".venv" / "p2v-pip.log"
    if log.exists():
        log.unlink()
    target = f".[{extras}]" if extras else "."
    say("installing the course and PyTorch (the first time: some minutes and about 6 GB)")
    pip = [str(venv_python(root)), "-m", "pip", "install", "--disable-pip-version-check", "--log", str(log)]
    if run([*pip, "-e", target]) != 0:
        raise SetupError(f"The installation failed. {likely_cause(log)}\nThe whole log: {log}")


def imports_work(root: Path, run: Runner) -> bool:
    say("trying what was installed")
    return run([str(venv_python(root)), "-P", "-c", SMOKE]) == 0


def ensure_environment(root: Path, extras: str, run: Runner = run_here) -> None:
    """Leave a complete .venv behind, whatever an earlier run left there. Raises SetupError with advice."""
    if is_ready(root, extras):
        return
    extras = extras or read_stamp(root).get("extras", "")
    mend = is_usable(root)
    has_torch = any((folder / "torch").is_dir() for folder in site_packages(root))
    check_folder(root, REPAIR_GB if mend and has_torch else NEEDED_GB)
    if mend:
        say("the environment is unfinished or the course has changed: completing it")
        mend_packages(root)
        install(root, extras, run)
        if imports_work(root, run):
            write_stamp(root, extras)
            return
        say("a package is damaged: making the environment anew")
    create_venv(root, run)
    install(root, extras, run)
    if not imports_work(root, run):
        raise SetupError(
            "Everything was installed, but it can't be imported (see above).\nWindows: install the Microsoft Visual "
            "C++ Redistributable (x64). Otherwise delete the folder .venv and run this again."
        )
    write_stamp(root, extras)


def missing_system_packages() -> list[str]:
    """Debian packages that some tests use and this machine lacks."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    wanted = [] if any(shutil.which(name) for name in browsers) else ["chromium"]
    fashion = Path("/usr/share/datasets/fashion-mnist")
    return wanted if fashion.is_dir() else [*wanted, "dataset-fashion-mnist"]


def ensure_system_packages(run: Runner = run_here) -> None:
    """Install what the browser and data tests use, where we may; elsewhere say which tests will be skipped."""
    wanted = missing_system_packages()
    if not wanted:
        return
    may = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")
    if not may:
        say("not installed: {}; the tests that use them are skipped and say so".format(", ".join(wanted)))
        return
    say("installing with apt-get: " + ", ".join(wanted))
    os.environ.setdefault("DEBIAN_FRONTEND", "noninteractive")
    run(["apt-get", "update", "-qq"])
    for name in wanted:
        if run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", name]) != 0:
            say(f"apt-get could not install {name}; the tests that use it are skipped and say so")


def run_tests(pytest_arguments: list[str], root: Path = ROOT, run: Runner = run_here) -> int:
    """Linters, type checker, tests. Pytest comes last, so that its closing line is the last one printed."""
    ensure_environment(root, "dev", run)
    ensure_system_packages(run)
    python = [str(venv_python(root)), "-m"]
    failed = []
    for name, command in LINTERS.items():
        say(name)
        if run([*python, *command]) != 0:
            failed.append(name)
    if failed:
        say("FAILED before the tests: {} (see above). The exit status will be 1.".format(", ".join(failed)))
    statuses = [1] if failed else []
    for arguments in [pytest_arguments] if pytest_arguments else whole_suite(cores()):
        say("pytest")
        statuses.append(run([*python, "pytest", *arguments]))
    return max(statuses)


def whole_suite(workers: int) -> list[list[str]]:
    """Pytest's arguments for all tests in three runs.

    What only computes shares the cores, test by test; what makes a class or the like once a file does so file by file;
    what may measure is alone.
    """
    together = ["-n", str(workers), "--dist", "worksteal", *SIDE_BY_SIDE]
    by_file = ["-n", str(workers), "--dist", "loadfile", *FILE_BESIDE_FILE]
    return [together, by_file, [f"--ignore={place}" for place in SIDE_BY_SIDE + FILE_BESIDE_FILE]]


def cores() -> int:
    """How many this process may use, and four at most: each worker needs about 2 GB."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 4)


def lab(no_browser: bool, port: "int | None", root: Path = ROOT) -> int:
    """Set up, then hand over to `autograder.lab` in the environment."""
    ensure_environment(root, "")
    command = [str(venv_python(root)), "-m", "autograder.lab"]
    command += ["--no-browser"] if no_browser else []
    command += ["--port", str(port)] if port is not None else []
    os.chdir(str(root))
    sys.stdout.flush()
    if os.name != "nt":
        os.execv(command[0], command)
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the child got it too and is stopping
                continue


def parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="start.py", description="Pixels to Voxels: set up and start.")
    commands = parser.add_subparsers(dest="command", required=True)
    opening = commands.add_parser("lab", help="set up, then open the course in JupyterLab")
    opening.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser")
    opening.add_argument("--port", type=int, help="the port to serve on (default: the first free one from 8888)")
    commands.add_parser("test", help="set up, then run every check; further words go to pytest", add_help=False)
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.command != "test":
        parser.error("unknown: " + " ".join(rest))
    return arguments, rest


def main(argv: list[str]) -> int:
    arguments, rest = parse(argv)
    for name in MISLEADING:
        os.environ.pop(name, None)
    try:
        return run_tests(rest) if arguments.command == "test" else lab(arguments.no_browser, arguments.port)
    except SetupError as failure:
        print("\n" + str(failure), file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Nothing is lost: the same command goes on from here.", file=sys.stderr, flush=True)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
