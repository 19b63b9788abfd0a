"""The judgement of a run: plain tables in, results.json out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from farm_reports.judge import arms, budgets
from farm_reports.judge.arms import Arms
from farm_reports.judge.case import Case, build
from farm_reports.judge.cells import judged
from farm_reports.judge.drops import drops
from farm_reports.judge.gates import gates
from farm_reports.judge.heated import by_board, governor, heat
from farm_reports.judge.joined import joined, worst_case
from farm_reports.judge.past import beside
from farm_reports.judge.pinned import pin_of
from farm_reports.judge.profiles import profiles
from farm_reports.judge.ship import ship
from farm_reports.judge.sight import sights
from farm_reports.judge.sweeps import sweeps
from farm_reports.judge.swept import central
from farm_reports.judge.whole import Pieces, whole
from farm_reports.judge.why import explained, pool
from farm_reports.results import Board, Calibrated, Cell, Pin, Results, Sight
from farm_reports.tables import BoardRecord, Tables

__all__ = ["comparisons", "merged", "results"]


def results(tables: Tables) -> Results:
    """Everything results.json says about a run, complete or not, or about one board of it."""
    case = build(tables)
    cells, was = judged(case), arms.read(case)
    judged_by = central(case, cells)
    ships = ship(case, judged_by)
    found = Pieces(
        boards=_boards(case, cells),
        cells=cells,
        judged_by=judged_by,
        gates=gates(case, judged_by),
        ships=ships,
        sweeps=sweeps(case, cells),
        heat=heat(case, cells, ships),
        profiles=profiles(case, cells),
        findings=drops(tables.launches),
    )
    run = whole(case, found)
    return explained(run, pool(case)) if was is None else _against(case, was, run)


def _against(case: Case, was: Arms, run: Results) -> Results:
    """With what became of the variants since they were what they were."""
    run = arms.with_past(was, run)
    found = beside(run, was.against, arms.gates(was, run), was.profiles)
    return explained(found, pool(case), pool(was.past))


def merged(tables: Tables, parts: Sequence[Results]) -> Results:
    """The same, from the results of each of its boards. `tables`: of the run, without launches."""
    case = build(tables)
    found = whole(case, joined(case, parts))
    if tables.against is not None:
        profiled = [profile for part in parts if part.past for profile in part.past.profiles]
        since = budgets.joined(gate for part in parts for gate in part.gates if gate.kind == "budget")
        found = beside(found, tables.against, since, profiled)
    return found.model_copy(update={"why": worst_case(found, parts)})


def comparisons(tables: Tables) -> int:
    """The m of alpha / m of a run, which every board of it is judged by. `tables`: as for `merged`."""
    return build(tables).gated


def _boards(case: Case, cells: Sequence[Cell]) -> list[Board]:
    seen = sights(case, cells)
    governed = {name: governor(launches) for name, launches in by_board(case.tables.launches).items()}
    return [
        _board(board, seen.get(board.name), pin_of(case.tables, board.name), governed.get(board.name))
        for board in case.tables.boards
    ]


def _board(record: BoardRecord, sight: Sight | None, pin: Pin, governed: str | None) -> Board:
    facts = record.facts
    return Board(
        name=record.name,
        **{name: _text(facts.get(name)) for name in ("model", "arch", "kernel", "python", "onnxruntime", "agent")},
        fingerprint=record.fields.get("fingerprint"),
        pin=pin,
        governor=governed,
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
