"""The documents, read as text: their code, their links, their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.M | re.S)


def page(name: str) -> str:
    """A document's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def fences(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [body for _, name, body in FENCE.findall(text) if name == language]


def prose(text: str) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", text)


def code(text: str) -> list[str]:
    """What stands between single backticks, outside fenced blocks."""
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", prose(text))]


def commands(text: str) -> Iterator[list[str]]:
    """Every command that a document shows, in words: in `sh` blocks and between backticks."""
    lines = [line.partition(" #")[0].strip() for block in fences(text, "sh") for line in block.splitlines()]
    for line in [*lines, *code(text)]:
        words = line.split()
        if len(words) > 1:
            yield words


def section(text: str, heading: str) -> str:
    """What stands below a heading of the second level."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def links(text: str) -> list[tuple[str, str]]:
    """Links and pictures: (target, anchor)."""
    return re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", prose(text))


def anchors(text: str) -> set[str]:
    """The anchors that its headings make."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.M)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def example(text: str, name: str) -> str:
    """The block of a worked example that stands below `<!-- example: name -->`."""
    found = FENCE.search(text, text.index(f"<!-- example: {name} -->"))
    assert found is not None
    return found[3]
