"""The runs of a cell over time: one figure a run, and the stretches in which nothing changed that is recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median

from farm_reports.history import Earlier, History, Segment
from farm_reports.results import Board, Cell, Results
from farm_reports.stats.power import BIAS, READING, z

FEWEST = 3  # runs: two are a comparison, and that is what the past is for
FIELDS = {"onnxruntime": "onnxruntime", "kernel": "kernel", "sha256": "artefact"}
DIGEST, COMMIT = 8, 10  # letters that are shown of a digest and of a commit
Key = tuple[str, str, str]


def subjects(results: Results, boards: Iterable[str]) -> list[Cell]:
    """Of each board the cell whose past is told: the worst that changed, else the one to ship, else the baseline."""
    found = (_subject(results, board) for board in boards)
    return [cell for cell in found if cell is not None]


def histories(results: Results, cells: Iterable[Cell], earlier: Mapping[Key, Sequence[Earlier]]) -> list[History]:
    """Of those with enough runs. `earlier`: by (board, variant, point), the oldest first."""
    boards = {board.name: board for board in results.boards}
    made = [(cell, [*earlier.get(cell.key, ()), _this(results, boards[cell.board], cell)]) for cell in cells]
    return [
        History(
            board=cell.board,
            variant=cell.variant,
            point_key=cell.point_key,
            runs=runs,
            segments=segments(runs, _floor(boards[cell.board])),
        )
        for cell, runs in made
        if len(runs) >= FEWEST
    ]


def segments(runs: Sequence[Earlier], floor: float) -> list[Segment]:
    """Cut where a recorded fact became another one; a fact that a run does not know has not changed."""
    changes = list(_changes(runs))
    starts = [place for place, changed in enumerate(changes) if changed or place == 0]
    found: list[Segment] = []
    for start, end in zip(starts, [*starts[1:], len(runs)], strict=True):
        mean_ms = fmean(_ms(run) for run in runs[start:end])
        found.append(
            Segment(
                first=start,
                last=end - 1,
                mean_ms=mean_ms,
                band=_band(runs[start:end], floor),
                changed=changes[start],
                moved=mean_ms / found[-1].mean_ms - 1 if found else None,
            )
        )
    return found


def _subject(results: Results, board: str) -> Cell | None:
    here = [cell for cell in results.cells if cell.board == board and cell.state == "measured"]
    here = [cell for cell in here if cell.latency_ms.p50.value]
    changed = [cell for cell in here if cell.versus_past and cell.versus_past.verdict in {"regressed", "improved"}]
    if changed:
        return max(changed, key=_worse)
    ship = next((each for each in results.ship if each.board == board), None)
    order = [] if ship is None else [cell for cell in here if cell.variant == ship.variant]
    order = [cell for cell in order if ship and cell.point_key == ship.point_key] or order
    baseline = [cell for cell in here if cell.variant == results.run.baseline]
    return next(iter([*order, *baseline]), None)


def _worse(cell: Cell) -> float:
    return (cell.versus_past.ratio if cell.versus_past else None) or 0.0


def _this(results: Results, board: Board, cell: Cell) -> Earlier:
    """This run, as one of them."""
    file = next((variant.sha256 for variant in results.variants if variant.name == cell.variant), None)
    return Earlier(
        run=results.run.id,
        created=results.run.created,
        p50_ms=cell.latency_ms.p50,
        launches=cell.launches.valid,
        sha256=file,
        onnxruntime=board.onnxruntime,
        kernel=board.kernel,
        git=results.run.git.sha if results.run.git else None,
    )


def _floor(board: Board) -> float:
    known = board.calibration.floor if board.calibration else None
    return BIAS if known is None else known


def _band(runs: Sequence[Earlier], floor: float) -> float:
    """As the intervals of comparisons are widened: its own and what all blocks of a run share, beside each other."""
    halves = [(high - low) / 2 / _ms(run) for run in runs if (high := run.p50_ms.high) and (low := run.p50_ms.low)]
    return math.hypot(median(halves) if halves else 0.0, z(READING) * floor)


def _ms(run: Earlier) -> float:
    return run.p50_ms.value or math.nan


def _changes(runs: Sequence[Earlier]) -> Iterator[list[str]]:
    """What became otherwise with each run, in words."""
    known: dict[str, str] = {}
    for run in runs:
        told = {name: value for name in FIELDS if (value := getattr(run, name)) is not None}
        yield [
            _change(run, name, known[name], value) for name, value in told.items() if known.get(name, value) != value
        ]
        known |= told


def _change(run: Earlier, name: str, before: str, after: str) -> str:
    if name != "sha256":
        return f"{FIELDS[name]} {before} to {after}"
    commit = f", git {run.git[:COMMIT]}" if run.git else ""
    return f"{FIELDS[name]} {before[:DIGEST]} to {after[:DIGEST]}{commit}"
