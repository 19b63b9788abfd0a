"""Somebody else's work on a board, now and then: `python -I -m farm_lab.bursts FOLDER CPU SEED FROM TO FROM TO`.

The last four are the share of the CPU that a burst takes, and its seconds.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from farm_lab import processes, sshd
from farm_lab.places import BoardPlaces

REST_S = (2.0, 15.0)  # between two bursts
PERIOD_S = 0.01
LOOK_S = 0.5  # between two looks whether the board is still there


@dataclass(frozen=True)
class Burst:
    """So long after the one before, such a share of a CPU, for so long."""

    rest_s: float
    share: float
    length_s: float


def start(board: BoardPlaces, cpu: int, seed: int, load: Mapping[str, Any]) -> None:
    """By its mark it belongs to the board, and ends with it."""
    figures = (*load["share"], *load["seconds"])
    command = [sys.executable, "-I", "-m", "farm_lab.bursts", str(board.root), str(cpu), str(seed), *map(str, figures)]
    name, value = sshd.mark(board).split("=", 1)
    processes.detach(command, {name: value})


def planned(about: str, share: tuple[float, float], seconds: tuple[float, float]) -> Iterator[Burst]:
    """Without end, the same for the same text."""
    chance = Random(about)  # noqa: S311 - a neighbour's habits, no secret
    while True:
        yield Burst(chance.uniform(*REST_S), chance.uniform(*share), chance.uniform(*seconds))


def main(folder: Path, cpu: int, bursts: Iterator[Burst]) -> None:
    """It does not outlive its board's folder."""
    os.sched_setaffinity(0, {cpu})
    for burst in bursts:
        for work_s in (0.0, PERIOD_S * burst.share):
            end = time.monotonic() + (burst.length_s if work_s else burst.rest_s)
            while time.monotonic() < end:
                if not folder.is_dir():
                    return
                _work(work_s, min(end, time.monotonic() + LOOK_S))


def _work(work_s: float, until: float) -> None:
    """Busy for so long of each period."""
    while (now := time.monotonic()) < until:
        while time.monotonic() < now + work_s:
            pass
        time.sleep(max(0.0, (now + PERIOD_S if work_s else until) - time.monotonic()))


if __name__ == "__main__":
    figures = [float(word) for word in islice(sys.argv, 4, 8)]
    about = f"{sys.argv[3]}/{Path(sys.argv[1]).name}/bursts"
    main(Path(sys.argv[1]), int(sys.argv[2]), planned(about, (figures[0], figures[1]), (figures[2], figures[3])))
