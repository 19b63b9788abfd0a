"""The sentence of a verdict and the headline of what to ship."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from farm_reports import words
from farm_reports.judge.case import Case
from farm_reports.judge.evidence import pairs
from farm_reports.judge.gates import bound_of
from farm_reports.results import Cell, Gate, GateCell, RunWord, Ship
from farm_reports.stats.compare import change
from farm_reports.stats.tails import FEW

SURE = 0.95
MANY_BOARDS = 12


def sentence(case: Case, word: RunWord, gates: Sequence[Gate], cells: Sequence[Cell], headline: str) -> str:
    """What the first screen says, by the word of the run."""
    if case.tables.partial:
        return _partial(case, cells)
    if word == "failed":
        return words.sentence(_failed(case, gates, headline))
    if word == "inconclusive":
        return words.sentence(_open_gates(case, gates, "inconclusive", "undecided"))
    if word == "invalid":
        return words.sentence(_invalid(case, gates, cells))
    return headline


def headline(case: Case, ships: Sequence[Ship], cells: Sequence[Cell]) -> str:
    """The heading of "what to ship"; a run without comparisons or figures says that instead."""
    if not ships:
        return "Nothing was measured."
    if not case.tables.compare:
        return "Absolute figures of one launch a variant: no comparison, no limit."
    lost = [ship for ship in ships if ship.variant is None]
    won = [ship for ship in ships if ship.variant is not None]
    clauses = [_none_fits(case, ship) for ship in lost[:1]] + ([_won(case, won, cells, len(ships))] if won else [])
    text = "; ".join(clauses)
    if not case.bounds:
        return words.sentence(text) + " No limit or budget was set."
    return words.sentence(text if lost else f"{text} and inside all limits")


def _partial(case: Case, cells: Sequence[Cell]) -> str:
    done = sum(cell.state != "not_run" or cell.reason != "not yet" for cell in cells)
    blocks = max((cell.launches.valid for cell in cells), default=0)
    planned = max(case.tables.planned, blocks)
    return f"Running: {done} of {len(cells)} cells, block {blocks} of {planned}. Provisional, no verdict yet."


def _failed(case: Case, gates: Sequence[Gate], headline: str) -> str:
    failed = [(gate, cell) for gate in gates for cell in gate.cells if cell.verdict == "failed"]
    limits = [(gate, cell) for gate, cell in failed if gate.kind == "limit"]
    if not limits:
        return headline
    worst = next((gate.worst for gate, _ in limits if gate.worst and gate.worst.verdict == "failed"), limits[0][1])
    gate = next(gate for gate, _ in limits if gate.worst == worst or worst in gate.cells)
    rest = len(limits) - 1
    return _miss(case, gate, worst) + (f"; {rest} more limit{'s are' if rest > 1 else ' is'} missed" if rest else "")


def _miss(case: Case, gate: Gate, cell: GateCell) -> str:
    bound = bound_of(case, gate)
    if bound is None or cell.value is None:
        return f"{cell.variant} could not run on {cell.board}: {cell.reason}"
    figure = words.measured(bound, cell.value, cell.low, cell.high)
    return f"{cell.variant} misses a limit on {cell.board}: {figure}, limit {words.limit(bound)}"


def _open_gates(case: Case, gates: Sequence[Gate], word: str, said: str) -> str:
    every = [(gate, cell) for gate in gates for cell in gate.cells]
    found = [(gate, cell) for gate, cell in every if cell.verdict == word]
    verb = "is" if len(found) == 1 else "are"
    # the gate over all limits repeats what a single one says
    first = min(found, key=lambda pair: pair[0].kind != "limit")
    return f"{len(found)} of {len(every)} gates {verb} {said}: {_open_cell(case, *first)}"


def _open_cell(case: Case, gate: Gate, cell: GateCell) -> str:
    bound = bound_of(case, gate)
    if bound is None:
        return f"some variant inside all limits on {cell.board}" + (f" ({cell.reason})" if cell.reason else "")
    if cell.value is None:
        return f"{cell.variant} on {cell.board}, {words.METRICS[gate.metric]}: {cell.reason}"
    figure = words.measured(bound, cell.value, cell.low, cell.high)
    return f"{cell.variant} on {cell.board}, {figure}, limit {words.limit(bound)}"


def _invalid(case: Case, gates: Sequence[Gate], cells: Sequence[Cell]) -> str:
    measured = {cell.board for cell in cells if cell.state == "measured"}
    boards = list(dict.fromkeys([*case.boards, *(cell.board for cell in cells)]))
    missing = [board for board in boards if board not in measured]
    if missing:
        verb = "was" if len(missing) == 1 else "were"
        why = words.listed([f"{board} ({_why(case, board, cells)})" for board in missing])
        return f"{len(missing)} of {len(boards)} boards {verb} not measured: {why}"
    if any(gate.verdict == "not_measured" for gate in gates):
        return _open_gates(case, gates, "not_measured", "not measured")
    return (
        "nothing was measured"
        if not measured
        else f"{len(measured)} boards were measured, {case.tables.min_boards} were asked for"
    )


def _why(case: Case, board: str, cells: Sequence[Cell]) -> str:
    record = case.boards.get(board)
    reasons = [cell.reason for cell in cells if cell.board == board and cell.reason]
    return (record.reason if record and record.reason else None) or (reasons[0] if reasons else "no cell")


def _none_fits(case: Case, ship: Ship) -> str:
    text = f"No variant meets all limits on {ship.board}" if case.bounds else f"No variant was measured on {ship.board}"
    return f"{text}; the nearest is {ship.nearest.variant}: {ship.nearest.why}" if ship.nearest else text


def _won(case: Case, ships: Sequence[Ship], cells: Sequence[Cell], boards: int) -> str:
    winners = Counter(ship.variant for ship in ships)
    if len(winners) > 1:
        return _several(case, ships, winners, boards)
    unsure = next((ship for ship in ships if _unsure(ship)), None)
    if unsure is not None:
        return _tie(case, unsure)
    return _one(case, ships, cells, boards)


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
    where = _where(ships, boards)
    if winner == case.baseline:
        return f"Nothing is faster than {winner} {where.replace('every board', 'any board')}"
    at = {(ship.board, ship.point_key) for ship in ships}
    versus = [cell.versus_baseline for cell in cells if cell.variant == winner and (cell.board, cell.point_key) in at]
    ratios = [one.ratio for one in versus if one is not None and one.ratio]
    if ratios and all(one is not None and one.verdict == "faster" for one in versus):
        return f"{winner} is {words.span(1 / ratio for ratio in ratios)} x faster {where}"
    return f"{winner} is the fastest variant {'that fits ' if case.bounds else ''}{where}"


def _where(ships: Sequence[Ship], boards: int) -> str:
    if len(ships) == boards > 1:
        return "on every board"
    return f"on {words.listed([ship.board for ship in ships])}" if len(ships) < 4 else f"on {len(ships)} boards"


def _unsure(ship: Ship) -> bool:
    return bool(ship.tied) and ship.probability_best is not None and ship.probability_best < SURE


def _tie(case: Case, ship: Ship) -> str:
    """Two variants that cannot be told apart, with the interval of their difference."""
    rival = ship.tied[0]
    text = f"{ship.variant} and {words.listed(ship.tied)} cannot be told apart on {ship.board}"
    one = case.evidence.get((ship.board, str(ship.variant), str(ship.point_key)))
    other = case.evidence.get((ship.board, rival, str(ship.point_key)))
    differences = pairs(one.logs(), other.logs()) if one and other else None
    if differences is None or differences.size < FEW:
        return text
    found = change(differences, floor=case.bias_floor(ship.board))
    figures = [words.percent(math.expm1(log)) for log in (found.estimate, found.low, found.high)]
    return f"{text} ({figures[0]} %, 95 % CI {figures[1]} to {figures[2]})"
