"""Shows verdicts and messages: HTML in a notebook, plain text in a terminal, the same content in both."""

from __future__ import annotations

import ast
import html
from collections.abc import Callable
from types import TracebackType
from typing import Any

from autograder import progress_view, report
from autograder.notebook import running_shell
from autograder.progress import Progress
from autograder.spec import Exercise, Verdict


def shell() -> Any | None:
    """The running IPython kernel, or None in a terminal or script."""
    running = running_shell()
    return running if getattr(running, "kernel", None) is not None else None


def _bundle(rich: str, plain: str) -> dict[str, str]:
    return {"text/html": rich, "text/plain": plain}


class Panel:
    """A place on the page whose content is replaced as more is known. In a terminal, only the last is printed."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._text = ""

    def __enter__(self) -> Panel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._text:
            print(self._text)

    def show(self, verdict: Verdict, exercise: Exercise) -> None:
        """Shows the verdict in place of the one before."""
        text = report.text(verdict, exercise)
        if shell() is None:
            self._text = text
            return
        from IPython.display import display

        bundle = _bundle(report.html(verdict, exercise), text)
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def say(text: str) -> None:
    """Shows a short message."""
    if shell() is None:
        print(text)
        return
    from IPython.display import display

    style = "white-space:pre-wrap;max-width:80ch;margin:0.3em 0;color:var(--jp-content-font-color1,inherit)"
    display(_bundle(f'<div role="status" style="{style}">{html.escape(text)}</div>', text), raw=True)


def markdown(text: str) -> None:
    """Shows Markdown."""
    if shell() is None:
        print(text)
        return
    from IPython.display import Markdown, display

    display(Markdown(text))


def hint_button(exercise: Exercise, next_hint: Callable[[], str]) -> None:
    """A button that shows one hint more at each press, as long as there are more.

    In a terminal there is none: the report names `hint(...)`.
    """
    if shell() is None:
        return
    import ipywidgets
    from IPython.display import display

    button = ipywidgets.Button(description="Hint", icon="lightbulb-o", tooltip=f"Show a hint for {exercise.name}")
    place = ipywidgets.HTML()
    shown: list[str] = []
    style = "max-width:80ch;margin:0.3em 0;font-size:var(--jp-content-font-size1,14px);line-height:1.5"

    def press(_: Any) -> None:
        told = next_hint().partition("\n")[0]
        if told in shown:
            button.description, button.disabled = "No more hints", True
            return
        shown.append(told)
        lines = "".join(f'<p style="{style}">{html.escape(line)}</p>' for line in shown)
        place.value = f'<div role="status">{lines}</div>'

    button.on_click(press)
    display(ipywidgets.VBox([button, place]))


def _without_docstrings(source: str) -> str:
    """The code alone: what the docstrings say stands in the notebook."""
    lines: list[str | None] = list(source.splitlines())
    kinds = (ast.Module, ast.FunctionDef, ast.ClassDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            text = node.body[0]
            last = text.end_lineno or text.lineno
            lines[text.lineno - 1 : last] = [None] * (last - text.lineno + 1)
    return "\n".join(line for line in lines if line is not None).strip() + "\n"


def side_by_side(exercise: Exercise, own: str, theirs: str) -> None:
    """The student's answer on the left, the reference on the right; one above the other where there is no room."""
    own, theirs = _without_docstrings(own), _without_docstrings(theirs)
    plain = f"yours\n{own}\nreference\n{theirs}"
    if shell() is None:
        print(plain)
        return
    from IPython.display import display

    pre = "overflow-x:auto;white-space:pre;font-family:var(--jp-code-font-family,monospace);font-size:0.9em"
    column = "flex:1 1 42em;min-width:0"
    parts = "".join(
        f'<div style="{column}"><strong>{title}</strong><pre tabindex="0" style="{pre}">{html.escape(text)}</pre></div>'
        for title, text in ((f"your {exercise.name}", own), ("the reference", theirs))
    )
    display(_bundle(f'<div style="display:flex;flex-wrap:wrap;gap:1.5em">{parts}</div>', plain), raw=True)


def progress(record: Progress, lessons: list[str]) -> None:
    """The student's progress, as a picture in a notebook and as a table in a terminal."""
    text = progress_view.text(record, lessons)
    if shell() is None:
        print(text)
        return
    from IPython.display import display

    display(_bundle(progress_view.html(record, lessons), text), raw=True)
