"""How long twelve variants take to a verdict on one board, by preset, against other ways to spend the time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import sequential, twelve
from bench.desks import new_desk, results
from bench.experiments import logs_of
from bench.figures import exactly
from bench.lanes import lab
from bench.rows import Row, at_most, measured
from bench.twelve import World
from farm_orchestrator.model import PRESETS, Phase
from farm_orchestrator.plan.estimate import PROCESS_S, launch_s
from farm_reports.stats.compare import interval
from farm_reports.stats.power import MIN_BLOCKS

BOUNDS = {"quick": 10, "ci": 35, "standard": 60}  # minutes
MOST_S = 5400.0
INVENTORY = ".farm/lab/inventory.yaml"
MINUTE = 60.0
BOARD = "a virtual board whose launches take what the preset says and {:g} s of their own; times known, typical noise"


@dataclass(frozen=True)
class Verdict:
    """What a run of twelve took and brought. `half_width`: of its comparisons' exact 95 % intervals, the middle one.

    `launch_s`: of a launch of the comparison, from its claim to its commit.
    """

    took_s: float
    launch_s: float
    half_width: float
    screened_out: int
    blocks: int
    launches: int
    wrong: int
    best: bool


def three_presets(folder: Path, rounds: int) -> list[Row]:
    """Once, and at the same time: the boards sleep."""
    del rounds
    made = twelve.world()
    with ThreadPoolExecutor(len(BOUNDS)) as pool:
        found = pool.map(lambda preset: run(folder / preset, preset, made), BOUNDS)
        return [row(preset, each) for preset, each in zip(BOUNDS, found, strict=True)]


def run(folder: Path, preset: str, made: World) -> Verdict:
    """Raises RuntimeError where the run brought no verdict."""
    desk = new_desk(folder)
    directory = twelve.variants(folder / "variants", made)
    with lab(desk, 1, ms=made.ms, launch_sd=twelve.LAUNCH_SD, own_s=PROCESS_S):
        begin = time.monotonic()
        found = results(desk, MOST_S, "--variants", directory, "--inventory", INVENTORY, "--preset", preset)
        took_s = time.monotonic() - begin
        return _verdict(took_s, found, desk.launches(), made)


def row(preset: str, found: Verdict) -> Row:
    """MLPerf's rule is computed, with launches as the plan reckons them; the sequential runs take as long as these."""
    other = sequential.as_narrow(found.half_width)
    fixed_s = twelve.COUNT * launch_s(PRESETS["mlperf"])
    other_s = twelve.COUNT * other.launches * found.launch_s
    versus = (
        f"MLPerf's fixed 600 s a variant: {fixed_s / MINUTE:.0f} min (computed), one launch each; launches one variant "
        f"after the other, as hyperfine runs them, to the same width: {other_s / MINUTE:.0f} min (simulated: "
        f"{other.launches} launches each), identical variants called different in {other.errors:.0%} of runs at 1 %"
    )
    name = f"12 variants on one board to a verdict, {preset}"
    return measured(name, exactly(found.took_s / MINUTE, _told(found)), "min", at_most(BOUNDS[preset]), versus=versus)


def _told(found: Verdict) -> str:
    best = "the truly fastest chosen" if found.best else "NOT the truly fastest chosen"
    return (
        f"{BOARD.format(PROCESS_S)}; 1 run, {found.launches} launches, {found.screened_out} variants screened out, "
        f"{found.blocks} blocks, half-width {found.half_width:.2%}; {best}, {found.wrong} false calls"
    )


def _verdict(took_s: float, found: Any, launches: Sequence[dict[str, Any]], made: World) -> Verdict:
    rows = [each for each in launches if each["phase"] == Phase.MEASURE]
    logs = {name: logs_of(rows, name) for name in made.ms}
    widths = [_half_width(logs[name], logs[twelve.BASELINE]) for name in made.ms if name != twelve.BASELINE]
    return Verdict(
        took_s=took_s,
        launch_s=float(np.mean([each["t1"] - each["t0"] for each in rows if each["t1"] is not None])),
        half_width=float(np.median([width for width in widths if width is not None])),
        screened_out=sum(cell["state"] == "screened_out" for cell in found["cells"]),
        blocks=len(logs[twelve.BASELINE]),
        launches=len(launches),
        wrong=sum(is_wrong(cell, made) for cell in found["cells"]),
        best=found["ship"][0]["variant"] == made.best,
    )


def _half_width(mine: dict[int, float], base: dict[int, float]) -> float | None:
    both = mine.keys() & base.keys()
    if len(both) < MIN_BLOCKS:
        return None
    found = interval(np.array([mine[block] - base[block] for block in both]))
    return (found.high - found.low) / 2


def is_wrong(cell: Any, made: World) -> bool:
    """A direction that is not the true one."""
    called = (cell["versus_baseline"] or {}).get("verdict")
    mine, base = made.ms[cell["variant"]], made.ms[twelve.BASELINE]
    return bool((called == "faster" and mine >= base) or (called == "slower" and mine <= base))
