"""The judgement of a run: plain tables in, results.json out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict

from farm_reports import verdict
from farm_reports.judge.case import Case, build
from farm_reports.judge.cells import judged
from farm_reports.judge.drops import drops
from farm_reports.judge.fleet import fleet
from farm_reports.judge.gates import gates
from farm_reports.judge.pinned import pin_of
from farm_reports.judge.sentences import headline, sentence
from farm_reports.judge.ship import ship
from farm_reports.judge.sight import sights, smallest
from farm_reports.judge.sweeps import sweeps
from farm_reports.judge.swept import central
from farm_reports.meanings import BURST
from farm_reports.results import Board, Calibrated, Cell, Counts, Pin, Results, Run, Sight, Variant
from farm_reports.tables import BoardRecord, Tables

__all__ = ["results"]


def results(tables: Tables) -> Results:
    """Everything results.json says about a run, complete or not."""
    case = build(tables)
    cells = judged(case)
    judged_by = central(case, cells)
    gated = gates(case, judged_by)
    ships = ship(case, judged_by)
    measured = {cell.board for cell in cells if cell.state == "measured"}
    word = verdict.run([gate.verdict for gate in gated], len(measured), tables.min_boards)
    heading = headline(case, ships, cells)
    seen = sights(case, cells)
    boards = [_board(board, seen.get(board.name), pin_of(tables, board.name)) for board in tables.boards]
    return Results(
        run=_run(case, seen.values()),
        verdict=word,
        sentence=sentence(case, word, gated, cells, heading),
        headline=heading,
        counts=_counts(case, judged_by),
        gates=gated,
        ship=ships,
        boards=boards,
        variants=[_variant(case, name) for name in case.variants],
        cells=cells,
        fleet=fleet(judged_by, boards, case.baseline, partial=tables.partial),
        sweeps=sweeps(case, cells),
        findings=drops(tables.launches),
    )


def _run(case: Case, seen: Collection[Sight]) -> Run:
    facts = {"name": None, "finished": None, "against": None, "git": None, "mode": BURST, **case.tables.run}
    own = {
        "status": "partial" if case.tables.partial else "complete",
        "baseline": case.baseline,
        "seed": case.tables.seed,
        "smallest_effect": smallest(each.had for each in seen),
        "promised_effect": smallest(each.promised for each in seen),
    }
    return Run.model_validate({**facts, **own})


def _counts(case: Case, cells: Sequence[Cell]) -> Counts:
    """Each comparison under one word; the baseline only where it has no figure."""
    words = [_counted(case, cell) for cell in cells]
    return Counts.model_validate({word: words.count(word) for word in words if word is not None})


def _counted(case: Case, cell: Cell) -> str | None:
    if cell.state != "measured":
        return cell.state
    if cell.variant == case.baseline or not case.tables.compare:
        return None
    return cell.versus_baseline.verdict if cell.versus_baseline else "invalid"


def _board(record: BoardRecord, sight: Sight | None, pin: Pin) -> Board:
    facts = record.facts
    return Board(
        name=record.name,
        **{name: _text(facts.get(name)) for name in ("model", "arch", "kernel", "python", "onnxruntime", "agent")},
        fingerprint=record.fields.get("fingerprint"),
        pin=pin,
        capabilities={name: told for name, told in _items(facts.get("capabilities")) if isinstance(told, dict)},
        reason=record.reason,
        lab=bool(record.fields.get("lab")),
        type=record.fields.get("type"),
        calibration=Calibrated.model_validate(asdict(record.calibration)),
        sight=sight,
    )


def _text(told: object) -> str | None:
    """What a board says of itself may be anything."""
    return told if isinstance(told, str) else None


def _items(told: object) -> Iterable[tuple[str, object]]:
    return told.items() if isinstance(told, dict) else ()


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
