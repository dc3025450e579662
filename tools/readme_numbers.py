"""Measures the course with `p2v selftest --json` and writes the result into the numbers block of README.md.

python tools/readme_numbers.py              # runs the self-test (some minutes), then writes
python tools/readme_numbers.py --from FILE  # takes what `p2v selftest --json > FILE` gave on this machine
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from autograder import machine

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- numbers -->", "<!-- /numbers -->"


class NumbersError(RuntimeError):
    """The numbers can't be had or can't be written; the message says why."""


def measure() -> dict[str, float]:
    """The totals of a whole self-test. Raises NumbersError if it ends without them."""
    command = [sys.executable, "-m", "autograder.cli", "selftest", "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return totals(done.stdout)


def totals(text: str) -> dict[str, float]:
    """The totals in what `p2v selftest --json` prints. Raises NumbersError where there are none, or faults."""
    try:
        found = {str(name): float(value) for name, value in json.loads(text)["totals"].items()}
    except (ValueError, KeyError, TypeError) as error:
        raise NumbersError(f"`p2v selftest --json` gave no totals: {error}") from None
    if found.get("faults"):
        raise NumbersError(
            f"the self-test found {found['faults']:g} faults: mend them first; `p2v selftest` lists them"
        )
    return found


def block(found: Mapping[str, float], where: str) -> str:
    """The block as it stands in README.md, marks included."""
    rows = {
        "exercises": f"{found['exercises']:g}",
        "wrong answers that are told apart by name": f"{found['wrong answers']:g}",
        "… of these rejected": f"{found['rejected']:g}",
        "… and named rightly": f"{found['named']:g}",
        "right answers that look different from ours": f"{found['alternatives']:g}",
        "… of these accepted": f"{found['accepted']:g}",
        "time until a check without training is done, median": f"{found['median check seconds']:.3f} s",
        "… 95th percentile": f"{found['p95 check seconds']:.3f} s",
        "… longest": f"{found['longest check seconds']:.3f} s",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"{BEGIN}\n| | |\n|---|---:|\n{table}\n\nMeasured on: {where}.\n{END}"


def replaced(text: str, new: str) -> str:
    """`text` with its one numbers block replaced. Raises NumbersError where it doesn't have exactly one."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise NumbersError(f"README.md needs one block between {BEGIN} and {END}")
    before, _, rest = text.partition(BEGIN)
    return before + new + rest.partition(END)[2]


def main(argv: list[str] | None = None) -> int:
    """The command line; 1 if nothing could be written."""
    parser = argparse.ArgumentParser(description="Writes the numbers block of README.md.")
    parser.add_argument("--from", dest="file", type=Path, help="the output of `p2v selftest --json`, if it is at hand")
    options = parser.parse_args(argv)
    try:
        found = totals(options.file.read_text(encoding="utf-8")) if options.file else measure()
        text = replaced(README.read_text(encoding="utf-8"), block(found, machine.described()))
    except NumbersError as problem:
        print(problem, file=sys.stderr)
        return 1
    README.write_text(text, encoding="utf-8")
    print(block(found, machine.described()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
