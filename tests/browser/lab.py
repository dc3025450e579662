"""Drives JupyterLab in headless Chromium: just what the tests and the README's pictures need."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Locator, Page, TimeoutError, sync_playwright

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 1000  # playwright counts in milliseconds
WATCH = """cell => {
    const note = () => { cell.dataset.started = "yes"; };
    delete cell.dataset.started;
    new MutationObserver(note).observe(cell.querySelector(".jp-InputPrompt"), { childList: true, subtree: true });
}"""
HAS_RUN = """cell => cell.dataset.started && /\\d/.test(cell.querySelector(".jp-InputPrompt").innerText)"""
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"


@contextlib.contextmanager
def jupyterlab(workspace: Path) -> Iterator[str]:
    """Runs `p2v lab` on a workspace and gives its address. The user's own JupyterLab settings stay out of it."""
    command = [sys.executable, "-m", "autograder.cli", "lab", "--no-browser"]
    environment = {
        **os.environ,
        "P2V_WORKSPACE": str(workspace),
        "JUPYTERLAB_SETTINGS_DIR": str(workspace / ".p2v" / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(workspace / ".p2v" / "layouts"),
        "PYTHONUNBUFFERED": "1",
    }
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=ROOT
    )
    assert server.stdout is not None
    said = []
    try:
        for line in server.stdout:
            said.append(line)
            found = re.search(r"http://\S+", line)
            if found:
                yield found.group()
                return
        raise RuntimeError("JupyterLab gave no address:\n" + "".join(said))
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()


@contextlib.contextmanager
def browser_page(width: int = 1300, height: int = 1000, scale: float = 1) -> Iterator[Page]:
    """An empty page in a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
        try:
            yield page
        finally:
            browser.close()


class Notebook:
    """An open notebook."""

    def __init__(self, page: Page, address: str, name: str) -> None:
        self.page = page
        page.goto(address.replace("00_start.ipynb", name), wait_until="domcontentloaded")
        page.wait_for_selector(f"{PANEL} .jp-Cell", timeout=90 * SECONDS)
        self.ready()

    def ready(self) -> None:
        """Waits until the kernel is there and has nothing to do."""
        self.page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=90 * SECONDS)
        self.page.wait_for_timeout(2 * SECONDS)  # what is run while JupyterLab still connects gets lost

    def cell(self, start: str) -> Locator:
        """The first code cell whose source starts with the first line of `start`."""
        return self._find(re.compile("^" + re.escape(start.splitlines()[0])))

    def _find(self, text: re.Pattern[str]) -> Locator:
        """The first code cell with such a text; scrolls until JupyterLab has drawn it."""
        found = (
            self.page.locator(f"{PANEL} .jp-CodeCell").filter(has=self.page.locator(".cm-content", has_text=text)).first
        )
        self.scroll(-100_000)
        for _ in range(80):
            if found.count():
                found.scroll_into_view_if_needed()
                return found
            self.scroll(700)
        raise AssertionError(f"no cell with {text.pattern!r}")

    def solution(self, name: str) -> Locator:
        """The solution cell of a function."""
        return self._find(re.compile(rf"def {name}\("))

    def cell_with(self, text: str) -> Locator:
        """The first code cell that holds a text of one line."""
        return self._find(re.compile(re.escape(text)))

    def scroll(self, pixels: int) -> None:
        """Scrolls by so many pixels: down, or up if negative."""
        self.page.locator(f"{PANEL} .jp-WindowedPanel-outer").evaluate(f"panel => panel.scrollBy(0, {pixels})")
        self.page.wait_for_timeout(100)

    def write(self, cell: Locator, source: str) -> None:
        """Replaces a cell's text."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)

    def begin(self, cell: Locator) -> None:
        """Starts a cell and doesn't wait."""
        cell.locator(".cm-content").click()
        cell.evaluate(WATCH)
        self.page.keyboard.press("Control+Enter")

    def finish(self, cell: Locator, seconds: float = 60) -> None:
        """Waits until a cell that was started has run."""
        self.page.wait_for_function(HAS_RUN, arg=cell.element_handle(), timeout=seconds * SECONDS)
        self.page.wait_for_timeout(300)  # the page draws what came

    def run(self, cell: Locator, seconds: float = 60) -> str:
        """Runs a cell, waits until it is done and gives what it shows below itself."""
        self.begin(cell)
        self.finish(cell, seconds)
        return self.output(cell)

    def try_out(self, below: Locator, source: str, seconds: float = 60) -> Locator:
        """Adds a cell below another one and runs it. Returns the new cell."""
        below.locator(".jp-InputPrompt").click()
        self.page.keyboard.press("b")
        cell = self.page.locator(f"{PANEL} .jp-CodeCell.jp-mod-selected")
        self.page.keyboard.press("Enter")
        self.page.keyboard.insert_text(source)
        self.run(cell, seconds)
        return self.cell(source)

    def output(self, cell: Locator) -> str:
        """What a cell shows below itself."""
        return cell.locator(".jp-Cell-outputArea").inner_text()

    def menu(self, *path: str) -> None:
        """Chooses from the menus: menu("Kernel", "Restart Kernel…")."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=path[0]).click()
        for name in path[1:]:
            self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(name)}$")).click()

    def restart(self) -> None:
        """Restarts the kernel, as a student does from the menu."""
        self.menu("Kernel", "Restart Kernel…")
        self.page.locator(".jp-Dialog").get_by_role("button", name="Confirm").click()
        with contextlib.suppress(TimeoutError):
            self.page.locator("#jp-main-statusbar", has_not_text="| Idle").wait_for(timeout=10 * SECONDS)
        self.ready()

    def theme(self, name: str) -> None:
        """Changes JupyterLab's colours."""
        self.menu("Settings", "Theme", name)
        self.page.wait_for_timeout(2 * SECONDS)
