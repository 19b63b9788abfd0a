"""The smallest change that a run could see, beside what was promised before it started: in words."""

from __future__ import annotations

from collections.abc import Iterator

from farm_reports.figures import share
from farm_reports.results import Board, Results, Run, Sight
from farm_reports.sections.words import grouped, listed

WORSE = 1.25  # times what was promised, from where on a reason is owed
PAIR = 2  # variants: then it is plain which comparison is meant


def both(run: Run) -> str:
    """`83.0 %, promised 2.7 %`; empty before anything is known."""
    if run.smallest_effect is None:
        return ""
    promised = "" if run.promised_effect is None else f", promised {share(run.promised_effect)}"
    return f"{share(run.smallest_effect)}{promised}"


def reasons(results: Results) -> list[str]:
    """Why boards saw clearly less than they were promised, the worst first: one sentence for those with the same reason."""
    found = [(board.name, board.sight) for board in results.boards if board.sight and fell_short(board.sight)]
    found.sort(key=lambda each: -(each[1].had or 0))
    several = len(results.variants) > PAIR
    alike = grouped((_reason(sight, several=several), name) for name, sight in found)
    return [f"{listed(names)}: {reason}" for reason, names in alike.items()]


def kept(results: Results) -> list[tuple[float, Board]]:
    """The other boards with what they saw, the best first."""
    found = [
        (board.sight.had, board)
        for board in results.boards
        if board.sight and board.sight.had is not None and not fell_short(board.sight)
    ]
    return sorted(found, key=lambda each: each[0])


def fell_short(sight: Sight) -> bool:
    return sight.had is not None and sight.promised is not None and sight.had > WORSE * sight.promised


def held(sight: Sight | None) -> bool:
    if sight is None or sight.had is None or sight.promised is None:
        return False
    return sight.had <= sight.promised


def _reason(sight: Sight, *, several: bool) -> str:
    basis = "from what the board had shown before" if sight.own else "on a typical board"
    where = f" for {sight.variant}" if several else ""
    why = " and ".join(_causes(sight)) or "the intervals came out wider"
    promise = f"{share(sight.promised or 0)} was promised {basis}"
    return f"{promise}; {why}, so only a change above {share(sight.had or 0)} would have been seen{where}."


def _causes(sight: Sight) -> Iterator[str]:
    scatter, expected = sight.launch_sd, sight.expected_sd
    if scatter is not None and expected is not None and scatter > WORSE * expected:
        yield f"its launches scattered by {share(scatter)}, not by {share(expected)}"
    if sight.blocks is not None and sight.blocks < sight.planned:
        yield f"{sight.blocks} of {sight.planned} planned blocks hold"
