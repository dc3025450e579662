"""Runs the commands of a class, and packs what it hands in."""

from __future__ import annotations

import io
import zipfile

from typer.testing import CliRunner

from autograder import cli


def p2v(*words, expect=0):
    """Runs `p2v classroom …` in this process and gives what it prints."""
    done = CliRunner().invoke(cli.app, ["classroom", *map(str, words)])
    assert done.exit_code == expect, (done.output, done.exception)
    return done.output


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
