"""A `farm run` of a baseline, itself under a second name, and more work: what was called, and what was in the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import binom, mannwhitneyu

from bench.desks import new_desk, results
from farm_orchestrator.model import Phase
from farm_reports import verdict
from farm_reports.stats.compare import Floats, change, held, interval
from farm_reports.stats.power import LEVEL, MIN_BLOCKS, READING, seen
from run_support import Desk

BASE, AGAIN, MORE = "base", "again", "more"
CALLED = frozenset({"faster", "slower"})
CODES = frozenset({0, 4})  # with every block dropped a run is invalid, and says so
MOST_S = 900.0
SEES = 0.03  # a run that sees no smaller effect only prints what it sees
BAND = 0.999


@dataclass(frozen=True)
class Comparison:
    """`word` and `ratio` as results.json has them; `differences` of logs, a valid block each; `raw_p`: of iterations."""

    word: str
    ratio: float | None
    differences: Floats
    raw_p: float

    @property
    def strict_word(self) -> str:
        """The word at alpha 1 %, half of it a side."""
        if self.differences.size < MIN_BLOCKS:
            return "invalid"
        return verdict.against_baseline(change(self.differences, LEVEL / 2))

    @property
    def smallest_effect(self) -> float:
        """What this comparison would have called in 95 of 100 runs; infinite without an interval."""
        if self.differences.size < MIN_BLOCKS:
            return math.inf
        return seen(interval(self.differences).error, READING, float(held(self.differences, None)))


@dataclass(frozen=True)
class Experiment:
    """`same`: the file against itself; `more`: the variant with more work; attempts of compared blocks, and the dropped."""

    same: Comparison
    more: Comparison
    attempts: int
    dropped: int


def experiment(folder: Path, models: Sequence[Path], seed: int, *options: str | Path) -> Experiment:
    """On this machine. Raises RuntimeError where the command itself failed."""
    (found,) = experiments(new_desk(folder), models, "--threads", "1", "--seed", str(seed), *options)
    return found


def experiments(desk: Desk, models: Sequence[Path], *options: str | Path) -> list[Experiment]:
    """One for each board of the run."""
    found = results(desk, MOST_S, *models, "--preset", "quick", *options, codes=CODES)
    measured = [row for row in desk.launches() if row["phase"] == Phase.MEASURE]
    raw = pq.read_table(desk.runs()[-1] / "samples.parquet", columns=["board", "variant", "valid", "latency_ns"])
    return [
        _experiment([cell for cell in found["cells"] if cell["board"] == name],
                    [row for row in measured if row["board"] == name], raw.filter(pc.field("board") == name))
        for name in (board["name"] for board in found["boards"])
    ]  # fmt: skip


def band(runs: int, level: float = LEVEL) -> int:
    """As many of `runs` may be called by chance where `level` of them are: the 99.9 % band."""
    return int(binom.ppf(BAND, runs, level))


def logs_of(rows: Sequence[dict[str, Any]], name: str) -> dict[int, float]:
    """Log medians of the launches that count, by block."""
    valid = (row for row in rows if row["variant"] == name and row["state"] == "done" and not row["dropped"])
    return {row["block"]: math.log(row["p50_ns"]) for row in valid}


def _experiment(of_board: Sequence[Any], rows: Sequence[dict[str, Any]], samples: pa.Table) -> Experiment:
    cells = {cell["variant"]: cell for cell in of_board}
    attempts = {(row["block"], row["attempt"]) for row in rows if row["t1"] is not None}
    dropped = {(row["block"], row["attempt"]) for row in rows if row["dropped"]}
    logs = {name: logs_of(rows, name) for name in cells}
    raw = _iterations(samples)
    same, more = (_comparison(cells[name], logs[name], logs[BASE], raw[name], raw[BASE]) for name in (AGAIN, MORE))
    return Experiment(same, more, len(attempts), len(dropped))


def _comparison(
    cell: Any, mine: dict[int, float], base: dict[int, float], raw: NDArray[np.int64], raw_base: NDArray[np.int64]
) -> Comparison:
    versus = cell["versus_baseline"] or {"verdict": cell["state"], "ratio": None}
    both = sorted(mine.keys() & base.keys())
    p = float(mannwhitneyu(raw, raw_base).pvalue) if raw.size and raw_base.size else 1.0
    return Comparison(versus["verdict"], versus["ratio"], np.array([mine[at] - base[at] for at in both]), p)


def _iterations(samples: pa.Table) -> dict[str, NDArray[np.int64]]:
    """All valid iterations of each variant, as a tool would pool them that knows no launches."""
    names, valid = samples["variant"].to_numpy(), samples["valid"].to_numpy()
    latency_ns = samples["latency_ns"].to_numpy()
    return {name: latency_ns[(names == name) & valid] for name in (BASE, AGAIN, MORE)}
