"""Where a protection is missing, grading of untrusted work says what to do; each is taken away here in earnest."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

from autograder.sandbox import protections
from autograder.sandbox.protections import LANDLOCK, NAMESPACES, SECCOMP, TRIAL

linux_only = pytest.mark.skipif(platform.system() != "Linux", reason="tries what only Linux has")
ALL_THERE = dict.fromkeys(protections.PARTS, "")

REFUSING = """
import errno, json, sys
import pyseccomp
from autograder.sandbox import protections
found = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
number = {number}
conditions = [pyseccomp.Arg(0, pyseccomp.EQ, {first})] if {first} is not None else []
found.add_rule(pyseccomp.ERRNO(errno.{code}), number, *conditions)
found.load()
print(json.dumps([protections.missing(), protections.refusal()]))
"""


def without(number, code="EPERM", first=None):
    """What is missing in a process, and its children, where a system call is refused."""
    program = REFUSING.format(number=repr(number), code=code, first=first)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@linux_only
def test_nothing_is_missing_on_the_machine_that_tests_run_on():
    assert protections.missing() == ()
    assert protections.refusal() == ""


@linux_only
@pytest.mark.parametrize(
    ("call", "code", "first", "name", "advice"),
    [
        ("unshare", "EPERM", None, NAMESPACES, "--security-opt seccomp=unconfined"),
        (444, "ENOSYS", None, LANDLOCK, "Linux 5.13 or newer"),
        (444, "EOPNOTSUPP", None, LANDLOCK, "lsm="),
        ("prctl", "EINVAL", 22, SECCOMP, "CONFIG_SECCOMP_FILTER"),
    ],
)
def test_a_protection_that_the_kernel_refuses_is_named_with_its_cure(call, code, first, name, advice):
    [lacking], refusal = without(call, code, first)
    assert lacking.startswith(f"{name}: ")
    assert advice in lacking
    assert lacking in refusal
    assert "nothing was graded" in refusal
    assert "--JudgeExercises.trust=True" in refusal


@linux_only
def test_namespaces_used_up_name_the_setting():
    inside = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c \'from autograder.sandbox import protections'
    inside += "; print(protections.missing())'"
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", inside, sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "sysctl -w user.max_user_namespaces=10000" in done.stdout


@pytest.mark.parametrize(
    ("trouble", "advice"),
    [
        ("ModuleNotFoundError: No module named 'pyseccomp'", "pip install pyseccomp"),
        ("RuntimeError: Unable to find libseccomp", "apt install libseccomp2"),
    ],
)
def test_what_can_be_installed_is_said(trouble, advice):
    found = {item.name: item for item in protections.explained({**ALL_THERE, SECCOMP: trouble})}
    assert found[SECCOMP].advice.startswith(advice)
    assert not found[LANDLOCK].advice


@pytest.mark.parametrize(
    ("switch", "value"),
    [("kernel/unprivileged_userns_clone", "0"), ("kernel/apparmor_restrict_unprivileged_userns", "1")],
)
def test_each_setting_of_the_kernel_is_named(monkeypatch, tmp_path, switch, value):
    class Elsewhere(type(tmp_path)):
        def __new__(cls, *parts):
            return type(tmp_path)(tmp_path, *(str(part).strip("/") for part in parts))

    path = tmp_path / "proc/sys" / switch
    path.parent.mkdir(parents=True)
    path.write_text(f"{value}\n")
    monkeypatch.setattr(protections, "Path", Elsewhere)
    [found, *_] = protections.explained({**ALL_THERE, NAMESPACES: "Operation not permitted"})
    assert switch.replace("/", ".") in found.advice


@pytest.mark.parametrize(("system", "name"), [("Darwin", "macOS"), ("Windows", "Windows")])
def test_other_systems_are_sent_to_linux(monkeypatch, system, name):
    monkeypatch.setattr(protections.platform, "system", lambda: system)
    protections.protections.cache_clear()
    try:
        [lacking] = protections.missing()
    finally:
        protections.protections.cache_clear()
    assert name in lacking
    assert "WSL2" in lacking
    assert "container" in lacking


def test_a_process_that_is_not_confined_after_all_is_told():
    *_, trial = protections.explained({**ALL_THERE, TRIAL: "a confined process could fork"})
    assert (trial.name, trial.seen) == (TRIAL, "a confined process could fork")
    assert trial.advice


def test_a_child_that_does_not_answer_means_that_everything_is_missing(monkeypatch):
    monkeypatch.setattr(protections.sys, "executable", "/nonexistent/python")
    found = protections.explained(protections._tried())
    assert all(item.advice for item in found)


@linux_only
def test_a_child_without_any_confinement_reports_what_it_could_do(tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("canary")
    program = f"from autograder.sandbox import protections; print(protections._escapes({str(canary)!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "a confined process could read a file and open a socket and fork"
