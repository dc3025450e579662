"""conda users get what pyproject.toml says, and CI starts where start.py does."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_name_is_the_projects(conda, project):
    assert conda["name"] == project["name"]


def test_python_is_the_same(conda, project):
    assert f"python{project['requires-python']}" in conda["dependencies"]


def test_pip_installs_this_project_and_no_second_list_can_drift(conda):
    plain = [entry.split(">")[0] for entry in conda["dependencies"] if isinstance(entry, str)]
    by_pip = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert plain == ["python", "pip"]
    assert by_pip == [["-e ."]]


def test_start_asks_for_the_python_that_the_project_needs(project):
    assert "MINIMUM = (3, 11)" in (ROOT / "start.py").read_text(encoding="utf-8")
    assert project["requires-python"] == ">=3.11"


def test_the_extra_that_start_installs_exists(project):
    assert {"ruff", "mypy", "pytest"} <= {line.split(">")[0] for line in project["optional-dependencies"]["dev"]}


def test_ci_runs_start_from_any_folder_and_passes_its_status_on(tmp_path):
    checkout = tmp_path / "a checkout"
    (checkout / ".ci").mkdir(parents=True)
    (checkout / ".ci" / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())
    (checkout / "start.py").write_text("import os, sys\nprint(os.getcwd(), sys.argv[1:])\nsys.exit(7)\n")
    command = ["sh", str(checkout / ".ci" / "run"), "-k", "x"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 7
    assert answer.stdout.strip() == f"{checkout} ['test', '-k', 'x']"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
