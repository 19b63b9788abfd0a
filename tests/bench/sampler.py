"""What the sampler takes from a launch, and how many of its ticks it misses."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.figures import Figure, exactly
from bench.rows import Row, at_most, below, measured
from farm_orchestrator.doctor import sampler_cost
from farm_orchestrator.doctor.sampler_cost import BOUND, Cost, Share

A_ROUND = 4  # pairs
MISSED = 1  # per cent


def cost(folder: Path, rounds: int) -> list[Row]:
    """The same as `farm doctor --sampler-cost`, in a folder of its own."""
    board = {"name": "local", "local": True, "base": str(folder / "base"), "python": sys.executable, "sysroot": "/"}
    return rows(sampler_cost.measure(board, folder, A_ROUND * rounds))


def rows(cost: Cost) -> list[Row]:
    said = cost.sampler
    how = (
        f"the real agent's launches with and without it in turns, {said['sources']} sources every "
        f"{said['period_ms']:g} ms, mode {said['mode']}, p95 of a reading {said['p95_read_us']:.1f} us"
    )
    missed = 100 * said["missed"] / max(said["missed"] + said["ticks"], 1)
    return [
        measured("sampler, change of the median latency", _figure(cost.median, cost.pairs), "%", below(100 * BOUND),
                 versus=how),
        measured("sampler, change of the 99th percentile", _figure(cost.p99, cost.pairs), "%"),
        measured("sampler, missed ticks of the last launch", exactly(missed, f"of {said['ticks']}"), "%",
                 at_most(MISSED)),
    ]  # fmt: skip


def _figure(share: Share, pairs: int) -> Figure:
    return Figure(100 * share.value, 100 * share.low, 100 * share.high, f"{pairs} pairs")
