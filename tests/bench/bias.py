"""The bias of a ratio on boards that heat up during the run: in interleaved blocks, and one variant after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import chains
from bench.desks import new_desk, results
from bench.experiments import BASE, CODES, MORE, MOST_S
from bench.figures import exactly
from bench.lanes import lab
from bench.rows import Row, at_least, at_most, measured
from farm_reports.stats.power import MIN_BLOCKS
from run_support import Desk

BOARDS = 10  # of a round
MOST_ROUNDS = 3
RATIO = 1.05
TRUTH: dict[str, Any] = {"ms": {BASE: 4.0, MORE: 4.0 * RATIO}, "launch_sd": 0.003}
HEATING = ("--profile", "fanless", "--physics", "--time-scale", "4")
RUN = ("--preset", "quick", "--max-blocks", "8", "--inventory", ".farm/lab/inventory.yaml")
ALLOWED, SEVERAL = 0.3, 2.0  # per cent
HOW = (
    "virtual boards without a fan that begin cool and heat 4 x as fast as real ones, `--load synthetic`: times invented, "
    "one 1.05 x the other"
)


@dataclass(frozen=True)
class Found:
    """How far ratios are off, as shares, a board each; `dropped` blocks of all boards, `open` boards without a verdict."""

    errors: Sequence[float]
    dropped: int = 0
    open: int = 0

    @property
    def bias(self) -> float:
        return float(np.mean(self.errors))

    @property
    def error(self) -> float:
        return float(np.std(self.errors, ddof=1) / math.sqrt(len(self.errors)))


def heating(folder: Path, rounds: int) -> list[Row]:
    """Fresh boards for each way, so that both begin as cool."""
    folder.mkdir(exist_ok=True)
    base, _, more = chains.three(folder / "models")
    boards = BOARDS * min(rounds, MOST_ROUNDS)
    found = []
    for way in (interleaved, in_turn):
        desk = new_desk(folder / way.__name__)
        with lab(desk, boards, *HEATING, **TRUTH):
            found.append(way(desk, base, more))
    return rows(*found)


def interleaved(desk: Desk, base: Path, more: Path) -> Found:
    """As `farm run` does it."""
    said = results(desk, MOST_S, base, more, *RUN, codes=CODES)
    cells = [cell for cell in said["cells"] if cell["variant"] == MORE]
    decided = [cell for cell in cells if (cell["versus_baseline"] or {}).get("ratio") and valid(cell) >= MIN_BLOCKS]
    ratios = [cell["versus_baseline"]["ratio"] for cell in decided]
    dropped = sum(cell["launches"]["dropped"] for cell in cells)
    return Found([ratio / RATIO - 1 for ratio in ratios], dropped, len(cells) - len(decided))


def in_turn(desk: Desk, base: Path, more: Path) -> Found:
    """All launches of the one, then all of the other: two runs of one variant each."""
    first, then = (medians(results(desk, MOST_S, model, *RUN, codes=CODES)) for model in (base, more))
    return Found([then[board] / first[board] / RATIO - 1 for board in sorted(first.keys() & then.keys())])


def medians(said: Any) -> dict[str, float]:
    """In ms, by board, where there is one."""
    told = {cell["board"]: cell["latency_ms"]["p50"]["value"] for cell in said["cells"]}
    return {board: value for board, value in told.items() if value is not None}


def valid(cell: Any) -> int:
    count: int = cell["launches"]["valid"]
    return count


def rows(blocks: Found, sequence: Found) -> list[Row]:
    name = "bias of a ratio on a heating board"
    return [
        measured(f"{name}, interleaved blocks", exactly(100 * abs(blocks.bias), _told(blocks)), "%", at_most(ALLOWED),
                 versus=HOW),
        measured(f"{name}, one variant after the other", exactly(100 * abs(sequence.bias), _told(sequence)), "%",
                 at_least(SEVERAL), versus="the same boards, two runs: all of one, then all of the other"),
    ]  # fmt: skip


def _told(found: Found) -> str:
    text = f"mean of {len(found.errors)} runs {found.bias:+.2%}, standard error {found.error:.2%}"
    dropped = f"; {found.dropped} blocks dropped for heat" if found.dropped else ""
    return f"{text}{dropped}{f'; {found.open} runs without a verdict' if found.open else ''}"
