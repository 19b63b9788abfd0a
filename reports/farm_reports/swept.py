"""What a sweep of a board's clocks found, in sentences that also leave the page."""

from __future__ import annotations

from collections.abc import Sequence

from farm_reports import figures
from farm_reports.parts import Step, Sweep
from farm_reports.results import Cell, Results


def clock(khz: int) -> str:
    """`1.5 GHz`, as many places as it takes."""
    return f"{khz / 1e6:.4g}{figures.GAP}GHz"


def boards(results: Results) -> frozenset[str]:
    """Those that were measured at several clocks."""
    return frozenset(one.board for one in results.sweeps if one.steps)


def called(cell: Cell, several: frozenset[str]) -> str:
    """A variant, on boards with several clocks with its own."""
    return f"{cell.variant} at {clock(int(cell.point.pin))}" if cell.board in several else cell.variant


def name(sweep: Sweep, *, several: bool) -> str:
    """The variant, where it was swept otherwise too with that, and where there are several boards on which one."""
    threads = sweep.setting.get("threads")
    count = "" if threads is None else f", {threads} thread{'s' if threads != 1 else ''}"
    return f"{sweep.variant}{f' on {sweep.board}' if several else ''}{count}"


def sentences(results: Results) -> list[str]:
    """One for each variant on each board; of a board that has one point one for all variants."""
    several, unit = len(results.boards) > 1, figures.clock(results.cells)
    told = [f"{name(one, several=several)}: {found(one, unit)}." for one in results.sweeps if one.reason is None]
    lone = {one.board: one.reason for one in results.sweeps if one.reason is not None}
    return [*told, *(f"{board}: measured at one point, {reason}." for board, reason in lone.items())]


def found(sweep: Sweep, unit: figures.Clock) -> str:
    """`1.5 GHz takes the least energy (31 mJ, 22 % less than at 2.4 GHz) and 1.6x the time`."""
    fast, least = (_step(sweep, best.pin_khz) for best in (sweep.best_latency, sweep.best_energy))
    if sweep.best_latency == sweep.best_energy and fast is None:
        return f"no clock is named ({_why(sweep.best_energy.tied, sweep.best_energy.reason)})"
    if least is None:
        return f"{_fastest(sweep, fast, unit)}; {_unknown(sweep)}"
    energy = f"{figures.number(least.energy_mj.value or 0.0)}{figures.GAP}mJ"
    if fast is None or fast.energy_mj.value is None or least.latency_p50_ms.value is None:
        return f"{clock(least.pin_khz)} takes the least energy ({energy})"
    if fast == least:
        return f"{_fastest(sweep, fast, unit)} and takes the least energy ({energy})"
    less = 1 - (least.energy_mj.value or 0.0) / fast.energy_mj.value
    times = least.latency_p50_ms.value / (fast.latency_p50_ms.value or least.latency_p50_ms.value)
    saved = f"{less * 100:.2g}{figures.GAP}% less than at {clock(fast.pin_khz)}"
    return f"{clock(least.pin_khz)} takes the least energy ({energy}, {saved}) and {times:.1f}{figures.TIMES} the time"


def _step(sweep: Sweep, khz: int | None) -> Step | None:
    return next((step for step in sweep.steps if step.pin_khz == khz), None)


def _fastest(sweep: Sweep, fast: Step | None, unit: figures.Clock) -> str:
    if fast is None:
        return f"the fastest clock is undecided ({_why(sweep.best_latency.tied, sweep.best_latency.reason)})"
    return f"{clock(fast.pin_khz)} is the fastest ({unit.write(fast.latency_p50_ms.value or 0.0)})"


def _unknown(sweep: Sweep) -> str:
    best = sweep.best_energy
    word = "undecided" if best.tied else "not known"
    return f"which clock takes the least energy is {word} ({_why(best.tied, best.reason)})"


def _why(tied: Sequence[int], reason: str | None) -> str:
    clocks = " and ".join(map(clock, tied))
    return f"{clocks}: {reason}" if tied else reason or "no reason was told"
