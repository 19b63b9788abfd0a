"""Which clocks of a board a sweep measures, out of those that it can be held at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import SWEEP_PATTERN, Point

ALL = "all"
MOST = 6  # clocks, unless all are asked for: each costs as much as a run without a sweep
TOLD = 16  # clocks that a refusal lists


@dataclass(frozen=True)
class Ladder:
    """What a board's measured CPUs can be held at, in kHz. `listed`: by its kernel, else spaced evenly: then any clock up to
    `most_khz` may be asked for. `reason`: why it can be held at none.
    """

    khz: tuple[int, ...] = ()
    listed: bool = True
    most_khz: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Steps:
    """The pins of one board's points, the highest first. `reason`: why there is one, and no clock is held; `note`: what else
    a person should know.
    """

    pins: tuple[str, ...]
    reason: str | None = None
    note: str | None = None


def sweeps(pin: str | None) -> bool:
    """Whether a pin of the command line asks for several clocks."""
    return pin is not None and re.fullmatch(SWEEP_PATTERN, pin) is not None


def stepped(pin: str, ladders: Mapping[str, Ladder]) -> dict[str, Steps]:
    """The steps of every board. Raises UsageError naming the first board that has not what was asked for."""
    return {board: steps(pin, board, ladder) for board, ladder in ladders.items()}


def steps(pin: str, board: str, ladder: Ladder) -> Steps:
    """What one board measures of the sweep `pin`: at one point without a held clock where it has none."""
    if ladder.reason is not None:
        return Steps((Point().pin,), reason=ladder.reason)
    _, _, words = pin.partition(":")
    wanted = [int(word) for word in words.split(",")] if words not in {"", ALL} else _chosen(words, ladder.khz)
    _check(board, wanted, ladder)
    note = None if ladder.listed or words not in {"", ALL} else _spaced(ladder)
    return Steps(tuple(str(khz) for khz in sorted(set(wanted), reverse=True)), note=note)


def evenly(khz: Sequence[int], most: int) -> list[int]:
    """So many of these ascending clocks, the lowest and the highest among them, each where an even spacing would have it."""
    if len(khz) <= most:
        return list(khz)
    chosen = [khz[0]]
    for left in range(most - 1, 1, -1):
        above = khz[khz.index(chosen[-1]) + 1 : len(khz) - left + 1]
        goal = chosen[-1] + (khz[-1] - chosen[-1]) / left
        chosen.append(min(above, key=lambda each: abs(each - goal)))
    return [*chosen, khz[-1]]


def _chosen(words: str, khz: Sequence[int]) -> list[int]:
    return list(khz) if words == ALL else evenly(khz, MOST)


def _check(board: str, wanted: Sequence[int], ladder: Ladder) -> None:
    inside = range(ladder.khz[0], (ladder.most_khz or ladder.khz[-1]) + 1)
    missing = [khz for khz in wanted if khz not in (ladder.khz if ladder.listed else inside)]
    if missing:
        raise UsageError(
            f"--pin sweep: {board} cannot be held at {', '.join(map(str, missing))} kHz",
            mend=f"name clocks that it has: {_offer(ladder)}; --pin sweep takes {MOST} of its own",
        )


def _offer(ladder: Ladder) -> str:
    if not ladder.listed:
        return f"{ladder.khz[0]} to {ladder.most_khz or ladder.khz[-1]} kHz"
    more = f" and {len(ladder.khz) - TOLD} more" if len(ladder.khz) > TOLD else ""
    return ", ".join(map(str, ladder.khz[:TOLD])) + more


def _spaced(ladder: Ladder) -> str:
    text = "its kernel lists no clocks, so these are evenly spaced"
    turbo = ladder.most_khz is not None and ladder.most_khz > ladder.khz[-1]
    return f"{text}; turbo up to {mhz(ladder.most_khz or 0)} MHz is left out" if turbo else text


def mhz(khz: int) -> str:
    return f"{khz / 1000:g}"
