"""The blocks that were dropped or doubted as a whole, each with the readings that differed within it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farm_reports.findings import OF_BLOCK, finding
from farm_reports.results import Finding
from farm_reports.tables import Json, LaunchRecord

SHOWN = 3  # of the blocks that were kept


def drops(launches: Sequence[LaunchRecord]) -> list[Finding]:
    """One finding for every dropped block, and one for all kept blocks of a board that share a doubt."""
    told = [(launch, item) for launch in launches for item in launch.findings if item.get(OF_BLOCK)]
    dropped = [each for each in told if each[0].dropped == each[1]["name"]]
    return [*(_dropped(launch, item) for launch, item in dropped), *_kept(told)]


def _dropped(launch: LaunchRecord, item: Json) -> Finding:
    again = f", attempt {launch.attempt + 1}" if launch.attempt else ""
    return finding(item["name"], f"{launch.board}, block {launch.block}{again} dropped. {item['text']}")


def _kept(told: Sequence[tuple[LaunchRecord, Json]]) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[str]] = {}
    for launch, item in told:
        if launch.dropped is None:
            groups.setdefault((launch.board, item["name"]), []).append(f"Block {launch.block}: {item['text']}")
    for (board, name), texts in groups.items():
        blocks = "1 block" if len(texts) == 1 else f"{len(texts)} blocks"
        more = f" And {len(texts) - SHOWN} more in launches.parquet." if len(texts) > SHOWN else ""
        yield finding(name, f"{board}: noted in {blocks}, which count all the same. {' '.join(texts[:SHOWN])}{more}")
