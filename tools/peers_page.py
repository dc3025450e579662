"""Writes what `p2v bench peers --json` measured into the tables of docs/peers-measured.md.

p2v bench peers --json > tools/peers.json   # twenty minutes on a quiet machine
python tools/peers_page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RECORD, PAGE = ROOT / "tools" / "peers.json", ROOT / "docs" / "peers-measured.md"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
Row = Mapping[str, Any]


def block(record: Mapping[str, Any]) -> str:
    """The tables, marks included: what has an aim, then what has none."""
    by_name: dict[str, list[Row]] = {}
    for row in record["peers"]:
        by_name.setdefault(row["name"], []).append(row)
    parts = [f"{record['machine']}; one thread; {record['when'][:10]}.", "", *_table(by_name, aim=True), ""]
    parts += ["Built from simple operations, to be read, and without an aim:", "", *_table(by_name, aim=False)]
    return "\n".join((BEGIN, "", *parts, "", END))


def _table(by_name: Mapping[str, list[Row]], *, aim: bool) -> Iterator[str]:
    first = next(iter(by_name.values()))
    yield f"| reference | peer | ms, ours and the peer's | {' | '.join(row['allocator'] for row in first)} | wanted | |"
    yield f"|---|---|---|{'---|' * (len(first) + 2)}"
    for name, rows in by_name.items():
        if (rows[0]["wanted"] is not None) == aim:
            verdicts = ", ".join(dict.fromkeys(row["verdict"] for row in rows))
            times = f"{rows[0]['ours_ms']:.1f}, {rows[0]['peer_ms']:.1f}" if rows[0]["ours_ms"] else "–"
            wanted = f"≤ {1 / rows[0]['wanted']:.2f}" if aim else "–"
            yield f"| {name} | {rows[0]['peer']} | {times} | {' | '.join(map(_ratio, rows))} | {wanted} | {verdicts} |"


def _ratio(row: Row) -> str:
    return f"{row['ratio']:.2f} ({row['low']:.2f} – {row['high']:.2f})" if row["ratio"] else "–"


def with_block(page: str, record: Mapping[str, Any]) -> str:
    """The page with its tables written anew."""
    before, _, rest = page.partition(BEGIN)
    return before + block(record) + rest.partition(END)[2]


if __name__ == "__main__":
    measured = json.loads(RECORD.read_text(encoding="utf-8"))
    PAGE.write_text(with_block(PAGE.read_text(encoding="utf-8"), measured), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")
