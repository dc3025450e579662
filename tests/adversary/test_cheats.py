"""No cheat gets more than it has earned, and none leaves a trace."""

from __future__ import annotations

import pytest

from autograder.sandbox import protections
from tests.adversary.cheat import FAMILIES, all_cheats, family
from tests.adversary.confined import outcome, part

CHEATS = all_cheats()
pytestmark = pytest.mark.skipif(bool(protections.refusal()), reason=f"no sandbox here: {protections.refusal()}")


def named(cheats):
    return [pytest.param(cheat, id=cheat.name) for cheat in cheats]


@pytest.mark.parametrize("cheat", named(CHEATS))
def test_a_cheat_gets_what_it_has_earned(cheat, bait):
    found = outcome(cheat, bait)
    assert found.points == cheat.points, found.said
    assert cheat.says in found.said
    assert found.damage == []
    assert found.left == []


@pytest.mark.parametrize("cheat", named(part()))
def test_an_unprivileged_user_s_sandbox_holds_too(cheat, as_nobody):
    found = as_nobody[cheat.name]
    assert found["points"] == cheat.points, found["said"]
    assert cheat.says in found["said"]
    assert found["damage"] == []
    assert found["left"] == []


@pytest.mark.parametrize("cheat", named(cheat for cheat in CHEATS if cheat.outside))
def test_where_nothing_confines_it_it_gets_more(cheat, outside):
    assert (outside["points"][cheat.name] or 0.0) > cheat.points


def test_damage_shows(outside):
    assert any("gradebook.db was changed" in item for item in outside["damage"])
    assert any("01.json was changed" in item for item in outside["damage"])
    assert "somebody called" in outside["damage"]


def test_there_are_many():
    assert len(CHEATS) >= 60
    assert all(len(family(name)) >= 5 for name in FAMILIES)
