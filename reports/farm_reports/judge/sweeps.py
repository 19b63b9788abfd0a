"""What each clock of a sweep does to every variant: its time, its energy, its heat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from farm_reports.judge.case import Case
from farm_reports.judge.evidence import Evidence, Key, unpinned
from farm_reports.judge.heated import hottest
from farm_reports.judge.swept import FEW, loose, mostly, references
from farm_reports.parts import Optimum, Step, Sweep, Value
from farm_reports.readings import PIN
from farm_reports.results import Cell

ONE = "one clock was measured"
EARLY = "the run is not complete"


def sweeps(case: Case, cells: Sequence[Cell]) -> list[Sweep]:
    """One entry for every variant on every board at every other setting; none in a run without a sweep."""
    at, found = references(case), _grouped(case, cells)
    return [_sweep(case, here, at.get(here[0].board)) for here in found]


def _grouped(case: Case, cells: Sequence[Cell]) -> list[list[Cell]]:
    at = references(case)
    groups: dict[Key, list[Cell]] = {}
    for cell in cells:
        if cell.board in at or cell.board in case.tables.unswept:
            groups.setdefault(unpinned(cell.key), []).append(cell)
    return list(groups.values())


def _sweep(case: Case, here: Sequence[Cell], reference: str | None) -> Sweep:
    board, variant = here[0].board, here[0].variant
    reason = None if reference else case.tables.unswept.get(board, ONE)
    steps = (
        [] if reference is None else [_step(case, cell) for cell in sorted(here, key=lambda one: int(one.point.pin))]
    )
    held = {cell.point_key for cell in here if mostly(_evidence(case, cell))}
    stand = [step for step in steps if step.point_key in held]
    early = EARLY if case.tables.partial else _unheld(steps, stand)
    return Sweep(
        board=board,
        variant=variant,
        setting=_setting(case, here[0]),
        reference_khz=None if reference is None else int(reference),
        steps=steps,
        best_latency=_least(stand, lambda step: step.latency_p50_ms, reason or early),
        best_energy=_least(stand, lambda step: step.energy_mj, reason or early or _places(here)),
        reason=reason,
    )


def _unheld(steps: Sequence[Step], stand: Sequence[Step]) -> str | None:
    """Why no clocks can be compared: what was measured while one was not held is not of that clock."""
    measured = sum(step.latency_p50_ms.value is not None for step in steps)
    few = len(stand) < FEW <= measured
    return f"the clock was held at {len(stand)} of {measured} points" if few else None


def _places(here: Sequence[Cell]) -> str | None:
    """Why the energies cannot be compared: figures of two sensors never are."""
    found = {(cell.energy.scope, cell.energy.source) for cell in here if cell.energy is not None}
    return f"they were measured at {len(found)} places" if len(found) > 1 else None


def _setting(case: Case, cell: Cell) -> dict[str, str | int | float | None]:
    """Threads, where several counts were measured on the board."""
    counts = {key[2].split("/")[PIN - 1] for key in case.evidence if key[0] == cell.board}
    return {"threads": cell.point.threads} if len(counts) > 1 else {}


def _step(case: Case, cell: Cell) -> Step:
    evidence = _evidence(case, cell)
    why = loose(evidence)
    return Step(
        pin_khz=int(cell.point.pin),
        point_key=cell.point_key,
        state=cell.state,
        latency_p50_ms=_bare(cell.latency_ms.p50),
        energy_mj=cell.energy_mj,
        temp_max_c=hottest(evidence.used),
        throttle=cell.throttle,
        held=why is None,
        held_reason=why,
    )


def _evidence(case: Case, cell: Cell) -> Evidence:
    return case.evidence[cell.key]


def _bare(value: Value) -> Value:
    return Value(value=value.value, low=value.low, high=value.high, reason=value.reason)


def _least(steps: Sequence[Step], figure: Callable[[Step], Value], reason: str | None) -> Optimum:
    """The clock with the lowest figure, where its interval lies below those of all others; `reason`: why none has."""
    known = {step.pin_khz: figure(step) for step in steps if figure(step).value is not None}
    if reason is not None or len(known) < FEW:
        return Optimum(pin_khz=None, reason=reason or _missing(map(figure, steps)) or ONE)
    best = min(known, key=lambda khz: known[khz].value or 0.0)
    tied = [khz for khz in known if khz != best and _end(known[khz], "low") <= _end(known[best], "high")]
    if tied:
        return Optimum(pin_khz=None, tied=sorted([best, *tied]), reason="their intervals overlap")
    return Optimum(pin_khz=best)


def _missing(values: Iterable[Value]) -> str | None:
    return next((value.reason for value in values if value.value is None and value.reason), None)


def _end(value: Value, end: str) -> float:
    found: float | None = getattr(value, end)
    return (value.value or 0.0) if found is None else found
