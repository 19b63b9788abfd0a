"""The sentence of the first screen, by the word of the run."""

from __future__ import annotations

from collections.abc import Sequence

from farm_reports import words
from farm_reports.judge.case import Case
from farm_reports.judge.gates import bound_of
from farm_reports.results import Cell, Gate, GateCell, RunWord


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
    return _miss(case, gate, worst) + _others(limits, gate, worst)


def _others(limits: Sequence[tuple[Gate, GateCell]], gate: Gate, worst: GateCell) -> str:
    """The misses that the sentence does not name."""
    rest = len(limits) - 1
    boards = {cell.board for other, cell in limits if other is gate and cell.variant == worst.variant}
    if rest == 0:
        return ""
    if len(boards) - 1 == rest:
        return f"; so it does on {rest} more board{'s' if rest > 1 else ''}"
    return f"; {rest} more limit{'s are' if rest > 1 else ' is'} missed"


def _miss(case: Case, gate: Gate, cell: GateCell) -> str:
    bound = bound_of(case, gate)
    if bound is None or cell.value is None:
        return f"{cell.variant} could not run on {cell.place}: {cell.reason}"
    figure = words.measured(bound, cell.value, cell.low, cell.high)
    return f"{cell.variant} misses a limit on {cell.place}: {figure}, limit {words.limit(bound)}"


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
        return f"{cell.where}, {words.METRICS[gate.metric]}: {cell.reason}"
    figure = words.measured(bound, cell.value, cell.low, cell.high)
    return f"{cell.where}, {figure}, limit {words.limit(bound)}"


def _invalid(case: Case, gates: Sequence[Gate], cells: Sequence[Cell]) -> str:
    measured = {cell.board for cell in cells if cell.state == "measured"}
    boards = list(dict.fromkeys([*case.boards, *(cell.board for cell in cells)]))
    missing = [board for board in boards if board not in measured]
    refused = {variant.reason for variant in case.variants.values()}
    if missing and not measured and None not in refused:
        return _refused(case)
    if missing:
        return _unmeasured(case, missing, len(boards), cells)
    if any(gate.verdict == "not_measured" for gate in gates):
        return _open_gates(case, gates, "not_measured", "not measured")
    return (
        "Nothing was measured"
        if not measured
        else f"{len(measured)} boards were measured, {case.tables.min_boards} were asked for"
    )


def _refused(case: Case) -> str:
    """No board is to blame where no variant was worth sending."""
    reasons = list(dict.fromkeys(variant.reason or "" for variant in case.variants.values()))
    count = len(case.variants)
    who = f"all {count} variants were" if count > 1 else f"{next(iter(case.variants))}, the only variant, was"
    return (
        f"Nothing was measured: {who} refused ({reasons[0]}{'; the others for other reasons' if reasons[1:] else ''})"
    )


def _unmeasured(case: Case, missing: Sequence[str], boards: int, cells: Sequence[Cell]) -> str:
    if boards == 1:
        return f"{missing[0]}, the only board, was not measured: {_why(case, missing[0], cells)}"
    why = words.listed([f"{board} ({_why(case, board, cells)})" for board in missing])
    who = f"{len(missing)} of {boards} boards {'was' if len(missing) == 1 else 'were'} not"
    return f"{'None of the ' + str(boards) + ' boards was' if len(missing) == boards else who} measured: {why}"


def _why(case: Case, board: str, cells: Sequence[Cell]) -> str:
    record = case.boards.get(board)
    reasons = [cell.reason for cell in cells if cell.board == board and cell.reason]
    return (record.reason if record and record.reason else None) or (reasons[0] if reasons else "no cell")
