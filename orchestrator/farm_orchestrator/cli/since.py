"""What became of the variants since an earlier run, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm_orchestrator.cli.progress import plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from farm_reports.results import Results

ROWS = 10
STYLES = {"regressed": "red", "improved": "green", "inconclusive": "yellow"}
SIGNS = {"regressed": "▲ regressed", "improved": "▼ improved", "inconclusive": "? inconclusive"}


def changes(results: Results) -> list[RenderableType]:
    """The flagged changes, worst first, and how many others there are; nothing without a past."""
    if results.past is None:
        return []
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from farm_reports.exports.since import HEADS, counts, rows

    found, table = rows(results), Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for name in HEADS:
        right = name in {"change", "95 % CI", "budget"}
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for row in found[:ROWS]:
        table.add_row(*map(plain, row[:-1]), Text(SIGNS.get(row[-1], row[-1]), STYLES.get(row[-1], "")))
    if len(found) > ROWS:
        table.caption = f"and {len(found) - ROWS} more on the page"
    told = f"{counts(results)}. {results.past.statement}"
    return [*([table] if found else []), Text(plain(told), "dim"), Text()]
