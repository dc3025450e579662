"""The numbers in README.md come from a script, and are those of today's exercises."""

from __future__ import annotations

import json

import pytest

from autograder import cli, registry
from tests.docs.pages import ROOT, page
from tools import readme_numbers as numbers

TOTALS = {
    "exercises": 2,
    "wrong answers": 9,
    "rejected": 9,
    "named": 9,
    "alternatives": 4,
    "accepted": 4,
    "median check seconds": 0.03,
    "p95 check seconds": 0.25,
    "longest check seconds": 0.31,
    "faults": 0,
}
AGAIN = "run `python tools/readme_numbers.py`"


def rows():
    block = page("README.md").partition(numbers.BEGIN)[2].partition(numbers.END)[0]
    table = [
        line.strip("| ").split(" | ") for line in block.splitlines() if line.startswith("| ") and "| |" not in line
    ]
    return dict(table), block


def test_the_block_has_every_row_and_names_the_machine():
    table, block = rows()
    wanted = numbers.block(TOTALS, "somewhere").splitlines()
    assert [line.partition(" | ")[0] for line in wanted if line.startswith("| ") and "| |" not in line] == [
        f"| {name}" for name in table
    ]
    assert "Measured on: " in block
    assert "PyTorch" in block
    assert all(float(value.removesuffix(" s")) > 0 for value in table.values())


def test_the_counts_are_todays():
    values = list(rows()[0].values())
    wrong = sum(len(item.wrong) for item in registry.all_exercises())
    alternatives = sum(len(found) for found in cli.alternatives().values())
    assert values[:6] == [str(len(registry.all_exercises())), *[str(wrong)] * 3, *[str(alternatives)] * 2], AGAIN


def test_a_block_replaces_the_one_before():
    text = f"above\n{numbers.BEGIN}\nold\n{numbers.END}\nbelow\n"
    new = numbers.block(TOTALS, "here")
    once = numbers.replaced(text, new)
    assert once == f"above\n{new}\nbelow\n"
    assert numbers.replaced(once, new) == once


@pytest.mark.parametrize("text", ["", numbers.BEGIN, numbers.END + numbers.BEGIN, numbers.BEGIN + numbers.END * 2])
def test_a_page_without_one_block_is_refused(text):
    with pytest.raises(numbers.NumbersError, match="one block"):
        numbers.replaced(text, "new")


def test_faults_are_not_published():
    with pytest.raises(numbers.NumbersError, match="3 faults"):
        numbers.totals(json.dumps({"totals": TOTALS | {"faults": 3}}))
    assert numbers.totals(json.dumps({"totals": TOTALS})) == TOTALS
    with pytest.raises(numbers.NumbersError, match="no totals"):
        numbers.totals("Killed")


def test_the_machine_is_described_without_its_name_or_paths():
    import platform

    words = numbers.machine.described()
    assert "cores" in words
    assert str(ROOT) not in words
    assert platform.node() not in words
