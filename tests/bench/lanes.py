"""Eight virtual boards whose launches take exactly so long: what the farm adds between and around them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.desks import new_desk
from bench.figures import exactly, middle
from bench.rows import Row, at_most, measured
from run_support import DIGITS, QUICK, Desk

BOARDS, BLOCKS, LAUNCHES, SLEEP_S = 8, 8, 16, 0.25
IDEAL_S = LAUNCHES * SLEEP_S
MEASURE = 3
MS = 1e6  # nanoseconds
MOST_RUNS = 3  # each takes a lab of its own and some seconds more than the ideal
RUN = ("run", DIGITS / "fp32.onnx", DIGITS / "distilled.onnx", *QUICK, "--inventory", ".farm/lab/inventory.yaml")


def eight_boards(folder: Path, rounds: int) -> list[Row]:
    runs = [one_run(folder / str(number)) for number in range(min(rounds, MOST_RUNS))]
    worst = [max(run.spans_s) / IDEAL_S for run in runs]
    gaps_ms = [gap for run in runs for gap in run.gaps_ms]
    slept_ms = [took for run in runs for took in run.took_ms]
    own = max(max(run.own) for run in runs)
    between = f"{len(gaps_ms)} gaps, 95 % of them below {np.percentile(gaps_ms, 95):.0f} ms"
    return [
        measured("8 boards x 16 launches of 0.25 s / ideal, slowest board", middle(worst, "x", 3), "x", at_most(1.05),
                 versus=f"{IDEAL_S:g} s; a launch takes {np.median(slept_ms):.0f} ms on the board, "
                    f"and the span is {own:.3f} x what its launches took at most"),
        measured("own time between two launches on a board", exactly(float(np.median(gaps_ms)), between), "ms",
                 at_most(50), versus="from the board's journal"),
    ]  # fmt: skip


class Journals:
    """The boards' own records of the timed launches. Times in seconds or milliseconds."""

    def __init__(self, boards: list[list[tuple[int, int]]]) -> None:
        self.spans_s = [(board[-1][1] - board[0][0]) / 1e9 for board in boards]
        self.gaps_ms = [(later[0] - sooner[1]) / MS for board in boards for sooner, later in pairwise(board)]
        self.own = [
            span_s / sum((end - start) / 1e9 for start, end in board)
            for span_s, board in zip(self.spans_s, boards, strict=True)
        ]
        self.took_ms = [(end - start) / MS for board in boards for start, end in board]


def one_run(folder: Path) -> Journals:
    desk = new_desk(folder)
    with lab(desk, BOARDS, sleep_s=SLEEP_S):
        said = desk.farm(*RUN)
        if said.code != 0:
            raise RuntimeError(f"farm run ended with {said.code}: {said.err[-500:]}")
        timed = {f"{row['id']}.{row['fence']}" for row in desk.launches() if row["phase"] == MEASURE}
        journals = sorted((desk.state / "lab" / "boards").glob("*/base/journal.jsonl"))
        return Journals([_launches(journal, timed) for journal in journals])


@contextmanager
def lab(desk: Desk, boards: int, *options: str, **truth: object) -> Iterator[None]:
    """Synthetic boards, and what is true of them beside the defaults."""
    up = desk.farm("lab", "up", "-n", str(boards), "--load", "synthetic", *options)
    try:
        if up.code != 0:
            raise RuntimeError(f"farm lab up: {up.err[-500:]}")
        file = desk.state / "lab" / "truth.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **truth}))
        yield
    finally:
        desk.farm("lab", "down")


def _launches(journal: Path, wanted: set[str]) -> list[tuple[int, int]]:
    """(start, end) of the wanted launches in the order in which they ran."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in journal.read_text().splitlines()]
    ends = {line["launch"]: line["t_ns"] for line in lines if line["event"] == "end"}
    starts = [line for line in lines if line["event"] == "start" and line["launch"] in wanted]
    if len(starts) != LAUNCHES:
        raise RuntimeError(f"{journal.parent.parent.name}: {len(starts)} timed launches instead of {LAUNCHES}")
    return [(line["t_ns"], ends[line["launch"]]) for line in starts]
