"""The headline of what to ship: which variant is the fastest where, by how much, and what could not be compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from farm_reports import points, words
from farm_reports.judge.case import Case
from farm_reports.results import Cell, Ship

INTERVAL = re.compile(r" \([^()]+ to [^()]+\)")  # a heading has no room for it
SURE = 0.95
MANY_BOARDS = 12
NAMED = 4  # boards from here on are counted
TOLD = 1.05  # times as fast: from here on a figure of one decimal tells it


def headline(case: Case, ships: Sequence[Ship], cells: Sequence[Cell]) -> str:
    """The heading of "what to ship"; a run without comparisons or figures says that instead."""
    if not ships:
        return "Nothing was measured."
    lost = [ship for ship in ships if ship.variant is None]
    won = [ship for ship in ships if ship.variant is not None]
    boards = max(len(ships), len(case.boards))  # those where nothing was measured have no ship
    clauses = [_none_fits(case, lost, boards)] if lost else []
    clauses += [_won(case, won, cells, boards)] if won else []
    text = "; ".join([*clauses, *_uncompared(case, ships, cells)])
    if not case.bounds:
        return words.sentence(text) + " No limit or budget was set."
    if lost:
        return words.sentence(text)
    found, mark, rest = text.partition("; ")
    return words.sentence(f"{found} and inside all limits{mark}{rest}")


def _none_fits(case: Case, ships: Sequence[Ship], boards: int) -> str:
    """Of several boards the first one's nearest variant stands for all."""
    first = ships[0]
    where = first.board if len(ships) == 1 else f"any of {boards} boards"
    where = where if len(ships) in {1, boards} else f"{len(ships)} of {boards} boards"
    text = f"No variant {'meets all limits' if case.bounds else 'was measured'} on {where}"
    if first.nearest is None:
        return text
    there = f" on {first.board}" if len(ships) > 1 else ""
    return f"{text}; the nearest{there} is {first.nearest.variant}: {INTERVAL.sub('', first.nearest.why)}"


def _won(case: Case, ships: Sequence[Ship], cells: Sequence[Cell], boards: int) -> str:
    winners = Counter(ship.variant for ship in ships)
    if len(winners) > 1:
        return _several(case, ships, winners, boards)
    if not _compares(case, ships, cells):
        return _alone(case, ships, cells, boards)
    unsure = [ship for ship in ships if _unsure(ship)]
    if unsure:
        return _tie(unsure[0]) + _rest(ships, unsure)
    return _one(case, ships, cells, boards)


def _compares(case: Case, ships: Sequence[Ship], cells: Sequence[Cell]) -> bool:
    """Whether any other variant has a figure on these boards, and blocks to compare it in."""
    boards, winner = {ship.board for ship in ships}, ships[0].variant
    return case.tables.compare and any(
        cell.board in boards and cell.variant != winner and cell.state in {"measured", "screened_out"} for cell in cells
    )


def _alone(case: Case, ships: Sequence[Ship], cells: Sequence[Cell], boards: int) -> str:
    """The time of a variant that nothing is compared with, and why."""
    winner = ships[0].variant
    others = len(case.variants) > 1
    spot = _where(ships, boards, points.of(cells))
    text = f"{winner} {'has the lowest median' if others and not case.tables.compare else 'takes'}"
    text += f"{',' if 'lowest' in text else ''} {_times(ships, cells)} {spot}"
    if not case.tables.compare:
        return f"{text}; no variant is compared with another"
    return f"{text}; {'no other variant was measured' if others else 'there is no other variant to compare it with'}"


def _times(ships: Sequence[Ship], cells: Sequence[Cell]) -> str:
    """`4 ms`, or `4.1 to 5 ms` over several boards."""
    at = {(ship.board, ship.variant, ship.point_key) for ship in ships}
    medians = [cell.latency_ms.p50.value for cell in cells if cell.key in at]
    shown = list(dict.fromkeys(map(words.fixed, sorted(value for value in medians if value is not None))))
    return f"{shown[0] if len(shown) == 1 else f'{shown[0]} to {shown[-1]}'} ms" if shown else "an unknown time"


def _several(case: Case, ships: Sequence[Ship], winners: Counter[str | None], boards: int) -> str:
    (first, most), *rest = winners.most_common()
    others = [f"{name} on {count}" for name, count in rest]
    text = f"{first} wins on {most} of {boards} boards, {words.listed(others)}"
    return f"{text} ({_by_type(case, ships)})" if boards > MANY_BOARDS else text


def _by_type(case: Case, ships: Sequence[Ship]) -> str:
    """How the boards of each type were won."""
    types: dict[str, Counter[str | None]] = {}
    for ship in ships:
        kind = str(case.boards[ship.board].fields.get("type") or "other") if ship.board in case.boards else "other"
        types.setdefault(kind, Counter())[ship.variant] += 1
    tops = {kind: counts.most_common(1)[0] for kind, counts in types.items()}
    return ", ".join(f"{kind}: {name} on {count} of {types[kind].total()}" for kind, (name, count) in tops.items())


def _one(case: Case, ships: Sequence[Ship], cells: Sequence[Cell], boards: int) -> str:
    winner = ships[0].variant
    where = _where(ships, boards, points.of(cells))
    if winner == case.baseline:
        return f"Nothing is faster than {winner} {where.replace('every board', 'any board')}"
    at = {(ship.board, ship.point_key) for ship in ships}
    versus = [cell.versus_baseline for cell in cells if cell.variant == winner and (cell.board, cell.point_key) in at]
    ratios = [one.ratio for one in versus if one is not None and one.ratio]
    if ratios and all(one is not None and one.verdict == "faster" for one in versus):
        return f"{winner} is {_by(1 / ratio for ratio in ratios)} faster {where}"
    return f"{winner} is the fastest variant {'that fits ' if case.bounds else ''}{where}"


def _by(speeds: Iterable[float]) -> str:
    """`1.8 x`; what one decimal would hide, in per cent."""
    found = list(speeds)
    if min(found) < TOLD:
        return f"{words.span(100 * (speed - 1) for speed in found)} %"
    return f"{words.span(found)} x"


def _where(ships: Sequence[Ship], boards: int, known: Mapping[str, str]) -> str:
    """`known`: the labels of points, where a run has several."""
    if len(ships) == boards > 1:
        return "on every board"
    if len(ships) >= NAMED:
        return f"on {len(ships)} boards"
    labels = [known.get(ship.point_key or "") for ship in ships]
    spots = [f"{ship.board} ({label})" if label else ship.board for ship, label in zip(ships, labels, strict=True)]
    return f"on {words.listed(spots)}"


def _unsure(ship: Ship) -> bool:
    """A single rival that is slower in the very blocks of both is told apart, whatever the baseline's noise."""
    slower = len(ship.tied) == 1 and ship.apart is not None and (ship.apart.high or 0.0) < 0
    return bool(ship.tied) and not slower and ship.probability_best is not None and ship.probability_best < SURE


def _tie(ship: Ship) -> str:
    """Variants that cannot be told apart; where they are two, with the interval of their difference."""
    text = f"{words.listed([ship.variant or '', *ship.tied])} cannot be told apart on {ship.board}"
    found = ship.apart
    if len(ship.tied) > 1 or found is None or found.value is None or found.low is None or found.high is None:
        return text
    figures = [words.percent(share) for share in (found.value, found.low, found.high)]
    return f"{text} ({figures[0]} %, 95 % CI {figures[1]} to {figures[2]})"


def _rest(ships: Sequence[Ship], unsure: Sequence[Ship]) -> str:
    """What the boards say that the tie does not speak of."""
    ties, wins = len(unsure) - 1, len(ships) - len(unsure)
    parts = [f"nor with others on {ties} more board{'s' if ties > 1 else ''}"] if ties else []
    parts += (
        [f"{ships[0].variant} is the fastest on {'the other' if wins == 1 else f'the other {wins}'}"] if wins else []
    )
    return "".join(f"; {part}" for part in parts)


def _uncompared(case: Case, ships: Sequence[Ship], cells: Sequence[Cell]) -> list[str]:
    """Where variants were measured and their baseline was not, there is nothing to be faster than."""
    measured = [(cell.board, cell.variant) for cell in cells if cell.state == "measured"]
    several = {board for board, count in Counter(board for board, _ in measured).items() if count > 1}
    bare = [ship.board for ship in ships if ship.board in several and (ship.board, case.baseline) not in measured]
    if not bare or not case.tables.compare:
        return []
    where, there = ("", "") if len(bare) == len(ships) else (f" on {words.listed(bare)}", " there")
    return [f"{case.baseline}, the baseline, was not measured{where}, so nothing is compared{there}"]
