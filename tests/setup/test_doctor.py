"""The doctor lists everything, tells what to do, and never raises."""

from __future__ import annotations

import importlib
import sys

import pytest

from autograder import doctor

LISTED = {
    *("Python", "PyTorch", "torchvision", "GPU", "CPU", "disk", "import names", "course", "workspace", "browser"),
    *("JupyterLab", "nbgrader", "ONNX Runtime", "TensorRT", "sandbox: user namespaces"),
    *("sandbox: Landlock", "sandbox: seccomp", "sandbox: a trial"),
}


@pytest.fixture(scope="module")
def findings():
    return {finding.name: finding for finding in doctor.report()}


def test_everything_is_listed_once(findings):
    assert set(findings) == LISTED
    assert len(doctor.report()) == len(LISTED)


def test_nothing_failed_to_be_looked_at(findings):
    assert [finding for finding in findings.values() if "could not be looked at" in finding.detail] == []


def test_whatever_is_missing_says_what_to_do(findings):
    assert all(finding.detail for finding in findings.values())
    assert all(finding.advice for finding in findings.values() if not finding.available)


def test_what_the_tests_run_on_is_available(findings):
    assert all(findings[name].available for name in ("Python", "PyTorch", "torchvision", "JupyterLab", "nbgrader"))


def broken(*_, **__):
    raise RuntimeError("broken on purpose")


def test_it_never_raises_however_broken_the_machine(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", broken)
    monkeypatch.setattr(importlib.metadata, "version", broken)
    monkeypatch.setattr(doctor.protections, "protections", broken)
    monkeypatch.setattr(doctor, "find_workspace", broken)
    monkeypatch.setattr(doctor, "find_course", broken)
    monkeypatch.setattr(doctor.shutil, "which", broken)
    found = doctor.report()
    assert {finding.name for finding in found} == LISTED
    assert sum("broken on purpose" in finding.detail for finding in found) >= 8
    assert doctor.main() in (0, 1)


@pytest.mark.parametrize(("available", "needed", "status"), [(True, True, 0), (False, False, 0), (False, True, 1)])
def test_the_table_says_the_state_in_words_and_the_status_tells(monkeypatch, capsys, available, needed, status):
    found = doctor.Finding("thing", available, "seen [here]", "do that", needed)
    monkeypatch.setattr(doctor, "report", lambda: [found])
    assert doctor.main() == status
    printed = capsys.readouterr().out
    assert ("not available" in printed) == (not available)
    assert "seen [here]" in printed
    assert "do that" in printed


def write(folder, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path.resolve()


@pytest.mark.parametrize("module", doctor.OURS)
def test_a_strange_module_or_package_of_our_name_is_found(tmp_path, module):
    front = tmp_path / "front"
    search = [str(front), *sys.path]
    single = write(front, f"{module}.py")
    assert doctor.strangers(tmp_path / "work", search) == [single]
    package = write(front, f"{module}/__init__.py").parent
    assert doctor.strangers(tmp_path / "work", search) == [package]


@pytest.mark.parametrize("module", doctor.OURS)
def test_a_plain_folder_hides_ours_where_only_the_editable_install_finds_it(tmp_path, module):
    folder = write(tmp_path / "front", f"{module}/notes.txt").parent
    assert doctor.strangers(tmp_path / "work", [str(tmp_path / "front")]) == [folder]


def test_a_plain_folder_hides_no_package_further_on(tmp_path):
    write(tmp_path / "front", "autograder/notes.txt")
    root = str(doctor.Path(doctor.__file__).parents[1])
    assert doctor.strangers(tmp_path / "work", [str(tmp_path / "front"), root]) == []


def test_our_own_modules_are_no_strangers(tmp_path):
    assert doctor.strangers(tmp_path, list(sys.path)) == []


def test_the_students_library_is_no_stranger(tmp_path):
    write(tmp_path, "mine/lenet/conv2d.py")
    assert doctor.strangers(tmp_path, [str(tmp_path), *sys.path]) == []


def test_the_wellknown_package_called_datasets_is_no_stranger(tmp_path):
    write(tmp_path / "site-packages", "datasets/__init__.py")
    assert doctor.strangers(tmp_path, [str(tmp_path / "site-packages")]) == []


@pytest.mark.parametrize("name", ["random.py", "torch.py", "copy.py"])
def test_a_students_file_that_hides_pythons_own_is_found(tmp_path, name):
    path = write(tmp_path, name)
    assert doctor.strangers(tmp_path, list(sys.path)) == [path]


def test_a_students_other_files_are_fine(tmp_path):
    write(tmp_path, "my_helpers.py")
    assert doctor.strangers(tmp_path, list(sys.path)) == []
