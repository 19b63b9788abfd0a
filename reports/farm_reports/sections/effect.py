"""The smallest change that the run could see, what was promised, and which boards the difference comes from."""

from __future__ import annotations

from collections.abc import Iterator

from farm_reports import promised
from farm_reports.figures import share
from farm_reports.results import Results, Run
from farm_reports.sections.words import listed

NAMED = 6


def statements(results: Results) -> Iterator[str]:
    """Of the whole run, then of the boards that saw clearly less than was promised, then of the others."""
    yield _whole(results.run)
    reasons = promised.reasons(results)
    yield from reasons[:NAMED]
    if len(reasons) > NAMED:
        yield "More boards saw less than was promised; see `sight` in results.json."
    if len(results.boards) > 1:
        yield from _kept(results)


def _whole(run: Run) -> str:
    told = "" if run.promised_effect is None else f"{share(run.promised_effect)} was promised before the start"
    if run.smallest_effect is None:
        return f"Not known yet: too few complete blocks.{f' {told}.' if told else ''}"
    size = f"{share(run.smallest_effect)}: the smallest change this run could see{f'; {told}' if told else ''}."
    return f"{size} A smaller one may be there and stay unseen."


def _kept(results: Results) -> Iterator[str]:
    kept = promised.kept(results)
    if not kept:
        return
    best, worst = (share(kept[place][0]) for place in (0, -1))
    where = listed((board.name for _, board in kept), NAMED)
    as_told = ", as promised or better" if all(promised.held(board.sight) for _, board in kept) else ""
    yield f"{best if best == worst else f'{best} to {worst}'} on {where}{as_told}."
