"""`p2v lab`: ports, addresses, and a JupyterLab that comes up and ends cleanly."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder import lab

ROOT = Path(__file__).resolve().parents[2]
EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


@pytest.fixture
def busy_port():
    with socket.socket() as taken:
        taken.bind((lab.HOST, 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_free_port_is_taken_as_named():
    with socket.socket() as probe:
        probe.bind((lab.HOST, 0))
        port = probe.getsockname()[1]
    assert lab.choose_port(port) == port


def test_a_busy_port_says_what_to_do(busy_port):
    with pytest.raises(lab.LabError, match="Leave --port out"):
        lab.choose_port(busy_port)


def test_without_a_wish_a_busy_port_is_passed_over(busy_port, monkeypatch):
    monkeypatch.setattr(lab, "FIRST_PORT", busy_port)
    assert lab.choose_port(None) > busy_port


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_impossible_port_is_refused(port):
    with pytest.raises(lab.LabError, match="1 to 65535"):
        lab.choose_port(port)


@pytest.mark.parametrize(
    ("variables", "headless"),
    [
        ({}, True),
        ({"DISPLAY": ":0"}, False),
        ({"WAYLAND_DISPLAY": "w"}, False),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "x"}, True),
    ],
)
def test_headless_on_linux(monkeypatch, variables, headless):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert lab.is_headless() == headless


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A course with one notebook; weaving answers with the status in `weave`."""
    notebook = tmp_path / "course" / "00_start" / "00_start.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text(EMPTY)
    monkeypatch.setenv("P2V_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.setattr(lab, "repo_root", lambda: tmp_path)
    monkeypatch.setattr(lab, "find_course", lambda: tmp_path / "course")
    monkeypatch.setattr(lab, "serve", lambda *_: 0)
    return tmp_path


def weave_answers(monkeypatch, status):
    monkeypatch.setattr(lab.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, status))


def test_the_workspace_is_filled_before_serving(checkout, monkeypatch, capsys):
    weave_answers(monkeypatch, 0)
    assert lab.main() == 0
    assert (checkout / "work" / "00_start.ipynb").is_file()
    assert "00_start.ipynb" in capsys.readouterr().out


def test_a_failed_weave_goes_on_with_the_older_course_and_says_so(checkout, monkeypatch, capsys):
    weave_answers(monkeypatch, 1)
    assert lab.main() == 0
    assert "from before" in capsys.readouterr().out


def test_a_failed_weave_without_an_older_course_stops(checkout, monkeypatch, capsys):
    (checkout / "course" / "00_start" / "00_start.ipynb").unlink()
    weave_answers(monkeypatch, 1)
    assert lab.main() == 1
    assert "p2v weave" in capsys.readouterr().err


def test_a_workspace_that_cannot_be_made_says_so(checkout, monkeypatch, capsys):
    weave_answers(monkeypatch, 0)
    (checkout / "work").write_text("a file, not a folder")
    assert lab.main() == 1
    assert "workspace can't be prepared" in capsys.readouterr().err


def status_of(port, path, token=""):
    connection = http.client.HTTPConnection(lab.HOST, port, timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"token {token}"} if token else {})
        return connection.getresponse().status
    finally:
        connection.close()


def start_serving(workspace):
    code = "import pathlib, sys; from autograder import lab; sys.exit(lab.serve(pathlib.Path(sys.argv[1]), True))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(workspace)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def address_from(process):
    deadline = time.monotonic() + 90
    for line in process.stdout:
        if found := re.search(r":(\d+)(/lab\S*)\?token=(\S+)", line):
            return int(found[1]), found[2], found[3]
        assert time.monotonic() < deadline
    raise AssertionError("no address was printed")


def on_a_command_line(word):
    """Whether other users could read `word` in the list of processes (looked up where there is /proc)."""
    lines = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(place.read_bytes())
    return any(word.encode() in line for line in lines)


def gone(port):
    with socket.socket() as probe:
        return probe.connect_ex((lab.HOST, port)) != 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_workspace_behind_the_token_and_ends_cleanly(tmp_path, how):
    workspace = tmp_path / "my work"
    workspace.mkdir()
    (workspace / "00_start.ipynb").write_text(EMPTY)
    process = start_serving(workspace)
    try:
        port, page, token = address_from(process)
        assert page == "/lab/tree/00_start.ipynb"
        assert status_of(port, page, token) == 200
        assert status_of(port, "/api/contents/00_start.ipynb", token) == 200
        assert status_of(port, "/api/contents") == 403
        assert not on_a_command_line(token)
        assert token not in (workspace / ".p2v" / "jupyter.log").read_text()
        process.send_signal(how)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "stopping JupyterLab" in rest
        assert "Traceback" not in rest
        assert gone(port)
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=30)


def test_a_server_that_ends_at_once_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(
        lab, "_command", lambda *_: [sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"]
    )
    with pytest.raises(lab.LabError, match="no such thing"):
        lab.serve(tmp_path, True)
