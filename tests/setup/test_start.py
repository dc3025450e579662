"""start.py: old Pythons are told, an interrupted set-up is repaired, failures say what to do."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "start.py"


def load():
    spec = importlib.util.spec_from_file_location("p2v_start", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


start = load()


class FakeMachine:
    """Stands for pip and venv: does to `root` what they would, and can be cut off or fail on the way."""

    def __init__(self, root):
        self.root = root
        self.commands = []
        self.failing = {}

    def __call__(self, command):
        kind = self.kind(command)
        self.commands.append(kind)
        status = self.failing.get(kind, [0])
        answer = status.pop(0) if len(status) > 1 else status[0]
        if isinstance(answer, BaseException):
            raise answer
        if kind == "venv" and answer == 0:
            self.make_venv()
        return answer

    @staticmethod
    def kind(command):
        if command[:1] == ["apt-get"]:
            return "apt-get"
        if "-P" in command:
            return "try"
        words = command[command.index("-m") + 1 :]
        return words[0] if words[0] != "ruff" else f"ruff {words[1]}"

    def make_venv(self):
        venv = self.root / ".venv"
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        python = start.venv_python(self.root)
        python.unlink(missing_ok=True)
        python.symlink_to(sys.executable)
        version = "{}.{}.{}".format(*sys.version_info[:3])
        (venv / "pyvenv.cfg").write_text(f"home = /somewhere\nversion = {version}\n")
        (self.packages / "pip").mkdir(parents=True, exist_ok=True)
        (self.packages / "pip-26.dist-info").mkdir(exist_ok=True)
        (self.packages / "pip-26.dist-info" / "RECORD").touch()

    @property
    def packages(self):
        return self.root / ".venv" / "lib" / "python3.11" / "site-packages"

    def forget(self):
        self.commands.clear()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    root = tmp_path / "a path with spaces"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "setup.py").write_text("")
    monkeypatch.setattr(start, "NEEDED_GB", 0.0)
    monkeypatch.setattr(start, "REPAIR_GB", 0.0)
    return FakeMachine(root)


def set_up(machine, extras=""):
    machine.forget()
    start.ensure_environment(machine.root, extras, machine)
    return machine.commands


FRESH = ["venv", "pip", "try"]
MENDED = ["pip", "try"]


def test_the_file_can_be_read_by_python_3_6():
    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_it_imports_the_standard_library_only():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in plain + named} <= sys.stdlib_module_names


@pytest.mark.parametrize("version", [(3, 6, 9), (3, 8, 10), (3, 10, 14)])
def test_an_old_python_is_told_before_anything_else_is_defined(version):
    code = f"import runpy, sys; sys.version_info = {version}; runpy.run_path({str(SOURCE)!r}, run_name='__main__')"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "needs Python 3.11 or newer" in answer.stderr
    assert f"this is Python {version[0]}.{version[1]}" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_check_stands_before_every_definition():
    body = ast.parse(SOURCE.read_text(encoding="utf-8")).body
    check = next(i for i, node in enumerate(body) if isinstance(node, ast.If))
    first = next(i for i, node in enumerate(body) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AnnAssign))
    assert check < first


def test_a_second_run_does_nothing(machine):
    assert set_up(machine) == FRESH
    assert set_up(machine) == []


def test_what_tests_need_is_added_and_then_serves_both(machine):
    set_up(machine)
    assert set_up(machine, "dev") == MENDED
    assert set_up(machine, "dev") == []
    assert set_up(machine) == []


def test_a_changed_project_is_installed_again_with_all_it_had(machine):
    set_up(machine, "dev")
    (machine.root / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert set_up(machine) == MENDED
    assert json.loads(start.stamp_file(machine.root).read_text())["extras"] == "dev"


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.py"])
def test_the_fingerprint_covers(machine, name):
    before = start.fingerprint(machine.root, "")
    (machine.root / name).write_text("# changed\n")
    assert start.fingerprint(machine.root, "") != before


def test_the_fingerprint_covers_python_and_extras(machine):
    machine.make_venv()
    before = start.fingerprint(machine.root, "")
    assert start.fingerprint(machine.root, "dev") != before
    (machine.root / ".venv" / "pyvenv.cfg").write_text("version = 3.99.0\n")
    assert start.fingerprint(machine.root, "") != before


@pytest.mark.parametrize("step", FRESH)
def test_an_interruption_at_any_step_is_repaired_by_the_next_run(machine, step):
    machine.failing = {step: [KeyboardInterrupt()]}
    with pytest.raises(KeyboardInterrupt):
        set_up(machine)
    assert not start.stamp_file(machine.root).exists()
    machine.failing = {}
    assert set_up(machine) == (FRESH if step == "venv" else MENDED)
    assert set_up(machine) == []


def test_an_interrupted_update_is_not_taken_for_complete(machine):
    set_up(machine)
    machine.failing = {"pip": [KeyboardInterrupt()]}
    with pytest.raises(KeyboardInterrupt):
        set_up(machine, "dev")
    machine.failing = {}
    assert set_up(machine) == MENDED


def test_half_installed_packages_are_installed_again(machine):
    machine.make_venv()
    (machine.packages / "torch-2.15.0.dist-info").mkdir()
    (machine.packages / "torch-2.15.0.dist-info" / "METADATA").touch()
    assert start.mend_packages(machine.root) == ["torch-2.15.0"]
    assert not (machine.packages / "torch-2.15.0.dist-info").exists()
    assert (machine.packages / "pip-26.dist-info" / "RECORD").exists()


def test_an_environment_without_pip_is_made_anew(machine):
    machine.make_venv()
    (machine.packages / "pip").rmdir()
    assert set_up(machine) == FRESH


def test_an_environment_whose_python_is_gone_is_made_anew(machine):
    set_up(machine)
    start.venv_python(machine.root).unlink()
    start.venv_python(machine.root).symlink_to("/no/such/python")
    assert set_up(machine) == FRESH


def test_an_environment_whose_python_changed_version_is_made_anew(machine):
    set_up(machine)
    (machine.root / ".venv" / "pyvenv.cfg").write_text("version = 3.1.0\n")
    assert set_up(machine) == FRESH


def test_a_moved_folder_gets_a_new_environment(machine, tmp_path):
    set_up(machine)
    machine.root = machine.root.rename(tmp_path / "moved")
    assert set_up(machine) == FRESH


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"'])
def test_a_spoilt_stamp_counts_as_none(machine, text):
    set_up(machine)
    start.stamp_file(machine.root).write_text(text)
    assert set_up(machine) == MENDED


def test_a_damaged_package_leads_to_a_new_environment(machine):
    machine.make_venv()
    machine.failing = {"try": [1, 0]}
    assert set_up(machine) == ["pip", "try", "venv", "pip", "try"]
    assert set_up(machine) == []


def test_what_cannot_be_imported_is_never_called_complete(machine):
    machine.failing = {"try": [1]}
    with pytest.raises(start.SetupError, match="Visual C"):
        set_up(machine)
    assert not start.stamp_file(machine.root).exists()


def test_no_venv_module_names_the_package(machine):
    machine.failing = {"venv": [1]}
    with pytest.raises(start.SetupError, match=r"apt install python3\.\d+-venv"):
        set_up(machine)


def test_a_full_disk_is_found_before_the_download(machine, monkeypatch):
    monkeypatch.setattr(start, "NEEDED_GB", 1e9)
    with pytest.raises(start.SetupError, match="GB of free disk space"):
        set_up(machine)
    assert machine.commands == []


def test_a_folder_that_cannot_be_written_is_found_first(machine, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(start.SetupError, match="can't be written to"):
        set_up(machine)
    assert machine.commands == []


def test_onedrive_is_mentioned(tmp_path, capsys):
    folder = tmp_path / "OneDrive - School"
    folder.mkdir()
    start.check_folder(folder, 0.0)
    assert "pause OneDrive" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("[Errno -3] Temporary failure in name resolution\nNo matching distribution found", "Check the network"),
        ("ERROR: No matching distribution found for torch>=2.11", "no build for this Python"),
        ("SSL: CERTIFICATE_VERIFY_FAILED", "certificate"),
        ("[WinError 32] used by another process", "Close JupyterLab"),
        ("[WinError 206] The filename or extension is too long", "short place"),
        ("something nobody has seen before", "Running the same command again"),
    ],
)
def test_pips_failure_is_explained(machine, words, advice):
    def pip_fails(command):
        status = machine(command)
        if machine.kind(command) != "pip":
            return status
        (machine.root / ".venv" / "p2v-pip.log").write_text(f"Collecting torch\n{words}\n")
        return 1

    with pytest.raises(start.SetupError) as failure:
        start.ensure_environment(machine.root, "", pip_fails)
    assert advice in str(failure.value)
    assert "p2v-pip.log" in str(failure.value)


LINTERS = ["ruff check", "ruff format", "mypy", "mypy"]
CHECKS = [*LINTERS, "pytest", "pytest", "pytest"]


@pytest.fixture
def complete(machine, monkeypatch):
    monkeypatch.setattr(start, "missing_system_packages", list)
    set_up(machine, "dev")
    machine.forget()
    return machine


@pytest.mark.parametrize("failing", ["", *dict.fromkeys(CHECKS)])
def test_every_check_runs_pytest_last_and_each_failure_shows(complete, failing, capsys):
    complete.failing = {failing: [2]}
    status = start.run_tests([], complete.root, complete)
    assert complete.commands == CHECKS
    assert (status != 0) == bool(failing)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "[start] pytest"
    assert any("FAILED before the tests" in line for line in lines) == (failing not in ("", "pytest"))


def test_no_tests_at_all_is_a_failure(complete):
    complete.failing = {"pytest": [5]}
    assert start.run_tests([], complete.root, complete) == 5


def test_the_runs_of_pytest_are_the_whole_suite_each_place_once():
    *shared, alone = start.whole_suite(2)
    assert [run[:3] for run in shared] == [["-n", "2", "--dist"]] * 2
    places = [place for run in shared for place in run[4:]]
    assert len(set(places)) == len(places)
    for place in places:
        assert list(start.ROOT.glob(f"{place}/test_*.py")) or (start.ROOT / place).is_file(), place
    assert [word.partition("=") for word in alone] == [("--ignore", "=", place) for place in places]


def test_only_what_was_asked_for_is_tested(complete):
    assert start.run_tests(["tests/docs"], complete.root, complete) == 0
    assert complete.commands == [*LINTERS, "pytest"]


def test_words_after_test_go_to_pytest():
    arguments, rest = start.parse(["test", "-k", "home", "--maxfail=1"])
    assert (arguments.command, rest) == ("test", ["-k", "home", "--maxfail=1"])


def test_lab_refuses_words_it_does_not_know():
    with pytest.raises(SystemExit):
        start.parse(["lab", "--nobrowser-please"])


@pytest.mark.parametrize(("root_user", "expected"), [(True, ["apt-get", "apt-get"]), (False, [])])
def test_system_packages_are_installed_by_root_only(machine, monkeypatch, root_user, expected, capsys):
    monkeypatch.setattr(start, "missing_system_packages", lambda: ["chromium"])
    monkeypatch.setattr(start.os, "geteuid", lambda: 0 if root_user else 1000)
    monkeypatch.setattr(start.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setenv("DEBIAN_FRONTEND", "noninteractive")
    start.ensure_system_packages(machine)
    assert machine.commands == expected
    assert "chromium" in capsys.readouterr().out


def test_apt_that_fails_does_not_stop_the_tests(machine, monkeypatch, capsys):
    monkeypatch.setattr(start, "missing_system_packages", lambda: ["chromium"])
    monkeypatch.setattr(start.os, "geteuid", lambda: 0)
    monkeypatch.setattr(start.shutil, "which", lambda name: f"/usr/bin/{name}")
    machine.failing = {"apt-get": [100]}
    start.ensure_system_packages(machine)
    assert "could not install chromium" in capsys.readouterr().out
