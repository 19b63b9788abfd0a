"""What a run says as a whole, from what was judged board by board."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from farm_reports import verdict
from farm_reports.heated import Heat
from farm_reports.judge.case import Case
from farm_reports.judge.fleet import fleet
from farm_reports.judge.headlines import headline
from farm_reports.judge.sentences import sentence
from farm_reports.judge.sight import smallest
from farm_reports.meanings import BURST
from farm_reports.parts import Sweep
from farm_reports.profiled import Profile
from farm_reports.results import Board, Cell, Counts, Finding, Gate, Results, Run, Ship, Sight, Variant


@dataclass(frozen=True)
class Pieces:
    """All that is told of single boards. `judged_by`: the cells that gates and what to ship look at."""

    boards: Sequence[Board]
    cells: Sequence[Cell]
    judged_by: Sequence[Cell]
    gates: Sequence[Gate]
    ships: Sequence[Ship]
    sweeps: Sequence[Sweep]
    heat: Sequence[Heat]
    profiles: Sequence[Profile]
    findings: Sequence[Finding]


def whole(case: Case, told: Pieces) -> Results:
    """Everything but the worst case."""
    measured = {cell.board for cell in told.cells if cell.state == "measured"}
    word = verdict.run([gate.verdict for gate in told.gates], len(measured), case.tables.min_boards)
    heading = headline(case, told.ships, told.cells)
    return Results(
        run=_run(case, [board.sight for board in told.boards if board.sight is not None]),
        verdict=word,
        sentence=sentence(case, word, told.gates, told.cells, heading),
        headline=heading,
        counts=_counts(case, told.judged_by),
        gates=list(told.gates),
        ship=list(told.ships),
        boards=list(told.boards),
        variants=[_variant(case, name) for name in case.variants],
        cells=list(told.cells),
        fleet=fleet(told.judged_by, told.boards, case.baseline, partial=case.tables.partial),
        sweeps=list(told.sweeps),
        heat=list(told.heat),
        profiles=list(told.profiles),
        findings=list(told.findings),
    )


def _run(case: Case, seen: Sequence[Sight]) -> Run:
    facts = {"name": None, "finished": None, "against": None, "git": None, "mode": BURST, **case.tables.run}
    own = {
        "status": "partial" if case.tables.partial else "complete",
        "baseline": case.baseline,
        "seed": case.tables.seed,
        "smallest_effect": smallest(each.had for each in seen),
        "promised_effect": smallest(each.promised for each in seen),
    }
    return Run.model_validate({**facts, **own})


def _counts(case: Case, cells: Iterable[Cell]) -> Counts:
    """Each comparison under one word; the baseline only where it has no figure."""
    words = Counter(_counted(case, cell) for cell in cells)
    return Counts.model_validate({word: count for word, count in words.items() if word is not None})


def _counted(case: Case, cell: Cell) -> str | None:
    if cell.state != "measured":
        return cell.state
    if cell.variant == case.baseline or not case.tables.compare:
        return None
    return cell.versus_baseline.verdict if cell.versus_baseline else "invalid"


def _variant(case: Case, name: str) -> Variant:
    record = case.variants[name]
    return Variant(
        name=name,
        file=record.file,
        sha256=record.sha256,
        bytes=record.bytes,
        opset=record.opset,
        parent=record.parent,
        recipe=record.recipe,
        reason=record.reason,
    )
