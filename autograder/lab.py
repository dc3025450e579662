"""JupyterLab on the student's workspace: brings it up, says where it is, and ends it cleanly."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from types import FrameType

from autograder.home import CourseNotFoundError, find_course, find_workspace, prepare_workspace, repo_root

HOST = "127.0.0.1"
FIRST_PORT = 8888
FIRST_NOTEBOOK = "00_start.ipynb"
START_SECONDS = 120.0
STOP_SECONDS = 15.0

_INSTRUCTORS_ONLY = ("formgrader", "validate_assignment", "assignment_list", "course_list")
_STUDENTS_JUPYTER = {
    "labconfig/page_config.json": {"disabledExtensions": {"@jupyter/nbgrader": True}},
    "labconfig/default_setting_overrides.json": {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
        "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineWrap": True}},
    },
    "jupyter_server_config.json": {
        "ServerApp": {
            "jpserver_extensions": {f"nbgrader.server_extensions.{name}": False for name in _INSTRUCTORS_ONLY}
        }
    },
}


class LabError(Exception):
    """Why JupyterLab can't be opened, and what to do about it."""


def main(no_browser: bool = False, port: int | None = None) -> int:
    """Bring course and workspace up to date and serve them until Ctrl-C. Returns the exit status."""
    try:
        _weave_if_stale()
        workspace = find_workspace()
        copies = prepare_workspace(find_course(), workspace)
        if copies:
            _say("new in your workspace: " + ", ".join(copy.name for copy in copies))
        return serve(workspace, no_browser, port)
    except (LabError, CourseNotFoundError, ValueError) as problem:
        print(f"\n{problem}", file=sys.stderr, flush=True)
    except OSError as problem:
        print(
            f"\nThe workspace can't be prepared: {problem}\nIs the folder yours, and the disk not full?",
            file=sys.stderr,
        )
    return 1


def serve(workspace: Path, no_browser: bool = False, port: int | None = None) -> int:
    """Run JupyterLab in `workspace` until it ends or Ctrl-C. Raises LabError when it doesn't come up."""
    port = choose_port(port)
    token = secrets.token_urlsafe(24)
    log = workspace / ".p2v" / "jupyter.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    stops = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), _interrupt) for name in stops}
    with log.open("wb") as output:
        server = _start(workspace, port, token, output.fileno())
        try:
            _wait_until_up(server, port, token, log)
            _announce(workspace, port, token, no_browser or is_headless(), log)
            server.wait()
            _say(f"JupyterLab has ended. Its log: {log}")
        except KeyboardInterrupt:
            print(flush=True)
            _say("stopping JupyterLab")
        finally:
            _stop(server)
            for name, handler in before.items():
                signal.signal(getattr(signal, name), handler)
    return 0


def choose_port(wanted: int | None) -> int:
    """The wanted port, or the first free one from 8888. Raises LabError when there is none."""
    if wanted is None:
        for port in range(FIRST_PORT, FIRST_PORT + 50):
            if _is_free(port):
                return port
        raise LabError(f"No port from {FIRST_PORT} to {FIRST_PORT + 49} is free. Name another one: --port 9500")
    if not 1 <= wanted <= 65535:
        raise LabError(f"--port {wanted}: a port is a number from 1 to 65535, for example --port 9500")
    if not _is_free(wanted):
        raise LabError(
            f"Port {wanted} can't be used: another program has it, perhaps JupyterLab in another window, or ports "
            "below 1024 are kept for the administrator.\nLeave --port out to get a free one, or name another."
        )
    return wanted


def is_headless() -> bool:
    """Whether a browser opened here would be seen by nobody."""
    if os.environ.get("SSH_CONNECTION"):
        return True
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform.startswith("linux") and not screen


def _say(text: str) -> None:
    print(f"[lab] {text}", flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _weave_if_stale() -> None:
    """Build the notebooks anew where the sources are at hand. A failure stops us only if there is no older course."""
    root = repo_root()
    if root is None:
        return
    command = [sys.executable, "-m", "autograder.cli", "weave", "--if-stale"]
    if subprocess.run(command, cwd=root, check=False).returncode == 0:
        return
    if not any((root / "course").glob("*/*.ipynb")):
        raise LabError("The notebooks could not be built; the reason stands above. `p2v weave` tries it alone.")
    _say("the notebooks could not be built anew (see above): going on with those from before")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # there the option would let two programs share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _command(workspace: Path, port: int) -> list[str]:
    command = [sys.executable, "-m", "jupyterlab", "--no-browser"]
    command += [f"--ServerApp.ip={HOST}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--ServerApp.root_dir={workspace}"]
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    return [*command, "--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else command


def _students_settings(workspace: Path) -> str:
    """A search path for Jupyter's settings: without an instructor's panels and without questions about news.

    Only this server sees the folder that comes first; what the user chose elsewhere stays as it is.
    """
    folder = workspace / ".p2v" / "jupyter"
    for name, content in _STUDENTS_JUPYTER.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    before = os.environ.get("JUPYTER_CONFIG_PATH")
    return os.pathsep.join([str(folder), before] if before else [str(folder)])


def _start(workspace: Path, port: int, token: str, output: int) -> subprocess.Popen[bytes]:
    """Start the server in a process group of its own, so that Ctrl-C reaches us alone and we end it in order.

    The token goes by environment: other users of the machine can read command lines.
    """
    environment = os.environ | {
        "JUPYTER_TOKEN": token,
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_PATH": _students_settings(workspace),
    }
    return subprocess.Popen(
        _command(workspace, port),
        cwd=workspace,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=os.name != "nt",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _answers(port: int, token: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/api/status", headers={"Authorization": f"token {token}"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _wait_until_up(server: subprocess.Popen[bytes], port: int, token: str, log: Path) -> None:
    _say("starting JupyterLab (the first time: up to a minute)")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise LabError(f"JupyterLab ended at once. Its last words:\n{_tail(log)}\nThe whole log: {log}")
        if _answers(port, token):
            return
        time.sleep(0.1)
    raise LabError(
        f"JupyterLab did not answer within {START_SECONDS:.0f} s. Its last words:\n{_tail(log)}\nThe whole log: {log}\n"
        "If you set a password in a Jupyter configuration of your own, take it out: it makes the address unusable."
    )


def _tail(log: Path, lines: int = 8) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in text[-lines:])


def _announce(workspace: Path, port: int, token: str, headless: bool, log: Path) -> None:
    page = f"/tree/{FIRST_NOTEBOOK}" if (workspace / FIRST_NOTEBOOK).is_file() else ""
    address = f"http://{HOST}:{port}/lab{page}?token={token}"
    _say(f"JupyterLab serves {workspace}")
    print(f"\n    {address}\n", flush=True)
    if headless:
        _say("open this address in a browser on this machine. From another one, first run there:")
        _say(f"    ssh -L {port}:{HOST}:{port} NAME-OF-THIS-MACHINE")
    elif not webbrowser.open(address):
        _say("no browser could be opened: open this address in one yourself")
    _say(f"Ctrl-C here ends it; save your notebooks first. Its log: {log}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and its kernels: politely, then surely. A second Ctrl-C doesn't leave it running."""
    if server.poll() is not None:
        return
    if os.name == "nt":
        server.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
    else:
        server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        server.kill()
        server.wait()


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m autograder.lab", description="Open the course in JupyterLab.")
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--port", type=int)
    return parser.parse_args(argv)


if __name__ == "__main__":
    given = _arguments(None)
    sys.exit(main(given.no_browser, given.port))
