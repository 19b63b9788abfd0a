"""Virtual boards as a person starts and ends them."""

from __future__ import annotations

import time
from pathlib import Path

from bench.desks import new_desk
from bench.figures import middle
from bench.rows import Row, at_most, measured
from run_support import Desk


def three_boards(folder: Path, rounds: int) -> list[Row]:
    """Fresh boards each time, with keys of their own."""
    up, down = [], []
    for number in range(rounds):
        desk = new_desk(folder / str(number))
        up.append(_took_s(desk, "lab", "up", "-n", "3"))
        down.append(_took_s(desk, "lab", "down"))
    return [
        measured("`farm lab up -n 3`", middle(up, "s"), "s", at_most(3)),
        measured("`farm lab down`", middle(down, "s"), "s", at_most(2)),
    ]


def _took_s(desk: Desk, *arguments: str) -> float:
    begin = time.monotonic()
    said = desk.farm(*arguments)
    took_s = time.monotonic() - begin
    if said.code != 0:
        desk.farm("lab", "down")
        raise RuntimeError(f"farm {' '.join(arguments)}: {said.err[-500:]}")
    return took_s
