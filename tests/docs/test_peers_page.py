"""The page on measured peers shows what was recorded, and all that `p2v bench peers` measures."""

import importlib.util
import json
from pathlib import Path

from autograder.bench.pairs import pairs

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "peers-measured.md").read_text(encoding="utf-8")
RECORD = json.loads((ROOT / "tools" / "peers.json").read_text(encoding="utf-8"))


def writer():
    spec = importlib.util.spec_from_file_location("peers_page", ROOT / "tools" / "peers_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_record():
    assert writer().with_block(PAGE, RECORD) == PAGE, "run `python tools/peers_page.py`"


def test_every_pair_is_there_under_both_allocators():
    assert [row["name"] for row in RECORD["peers"]] == 2 * [pair.name for pair in pairs()]


def test_all_gave_the_same():
    assert not [row["name"] for row in RECORD["peers"] if row["verdict"] == "differs"]
