"""The launches of one cell, sorted into blocks: what may be compared, what was dropped, what is still owed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from farm_reports.readings import PIN, Readings
from farm_reports.stats.tails import Tail, tail
from farm_reports.tables import LaunchRecord, Tables

FLOOR = "@floor"
SCREEN_PHASE = 2
MEASURE_PHASE = 3
CONFIRM_PHASE = 6
BLOCK_LOST = "block_lost"
OPEN = {"pending", "running", "cancelled"}
Key = tuple[str, str, str]
Floats = NDArray[np.float64]
NONE: Mapping[int, LaunchRecord] = MappingProxyType({})


@dataclass(frozen=True)
class Evidence:
    """All compared launches of a cell. `blocks` maps a block to its valid launch; `rejected` counts attempts.

    `short`: the valid launches of the screening, which no comparison uses, by block. `fresh`: the same cell in the
    blocks that confirm its comparison, None where there are none.
    """

    key: Key
    launches: tuple[LaunchRecord, ...]
    blocks: Mapping[int, LaunchRecord]
    rejected: int
    owed: bool
    samples: tuple[NDArray[np.int64], ...]
    short: Mapping[int, LaunchRecord] = field(default_factory=dict)
    fresh: Evidence | None = None

    @property
    def valid(self) -> int:
        return len(self.blocks)

    @property
    def lost(self) -> int:
        return sum(launch.state == "lost" for launch in self.launches)

    @property
    def dropped(self) -> int:
        measured = ("done", "rejected")
        return sum(launch.state in measured and not launch.valid for launch in self.launches)

    @property
    def used(self) -> list[LaunchRecord]:
        return [self.blocks[block] for block in sorted(self.blocks)]

    def logs(self) -> dict[int, float]:
        """Log median latency by block."""
        return {block: math.log(launch.p50_ns) for block, launch in self.blocks.items() if launch.p50_ns}

    def fact(self, name: str) -> dict[int, float]:
        """An amount among the agent's facts by block, where it was measured and can be one."""
        known = {block: Readings(each.facts, each.point).amount(name) for block, each in self.blocks.items()}
        return {block: value for block, value in known.items() if value is not None}

    @cached_property
    def tails(self) -> Mapping[float, Tail]:
        """p90, p95 and p99 over all valid launches; empty where their samples are not at hand."""
        return {p: tail(self.samples, p) for p in (0.9, 0.95, 0.99)} if self.samples else {}


def gather(tables: Tables) -> dict[Key, Evidence]:
    """The evidence of every cell of the run, measured or not."""
    mine, again = (_by_cell(tables.launches, phase) for phase in (MEASURE_PHASE, CONFIRM_PHASE))
    rejected = _rejected(tables.launches)
    short = _short(tables.launches)
    return {
        key: _evidence(
            key, mine[key], rejected, tables,
            short=short[key],
            fresh=_evidence(key, again[key], rejected, tables) if again[key] else None,
        )
        for key in cells_of(tables)
    }  # fmt: skip


def _by_cell(launches: Sequence[LaunchRecord], phase: int) -> dict[Key, list[LaunchRecord]]:
    found: dict[Key, list[LaunchRecord]] = defaultdict(list)
    for launch in launches:
        if launch.phase == phase:
            found[launch.board, launch.variant, launch.point].append(launch)
    return found


def _short(launches: Sequence[LaunchRecord]) -> dict[Key, dict[int, LaunchRecord]]:
    """The valid launches of the screening, by cell and block."""
    found: dict[Key, dict[int, LaunchRecord]] = defaultdict(dict)
    for launch in launches:
        if launch.phase == SCREEN_PHASE and launch.valid:
            found[launch.board, launch.variant, launch.point][launch.block] = launch
    return found


def cells_of(tables: Tables) -> list[Key]:
    """The cells of the run; a variant that was refused has them too, at every point of every board."""
    planned = [(cell.board, cell.variant, cell.point) for cell in tables.cells]
    points = dict.fromkeys((board, point) for board, _, point in planned)
    refused = [variant.name for variant in tables.variants if variant.reason is not None]
    return list(dict.fromkeys([*planned, *((board, name, point) for board, point in points for name in refused)]))


def unpinned(key: Key) -> Key:
    """The cell whatever its clock: those of a sweep are judged as one."""
    fields = key[2].split("/")
    return key[0], key[1], "/".join([*fields[:PIN], "", *fields[PIN + 1 :]])


def pairs(one: Mapping[int, float], other: Mapping[int, float]) -> Floats:
    """Differences of logs in the blocks that both have."""
    return np.array([one[block] - other[block] for block in sorted(one.keys() & other.keys())])


def log(values: Mapping[int, float]) -> dict[int, float]:
    return {block: math.log(value) for block, value in values.items() if value > 0}


def _rejected(launches: Sequence[LaunchRecord]) -> set[tuple[str, int, int]]:
    """(board, block, attempt) of the block attempts that their counters rejected; a lost block is none of them."""
    return {
        (launch.board, launch.block, launch.attempt)
        for launch in launches
        if launch.state == "rejected" or launch.dropped not in {None, BLOCK_LOST}
    }


def _evidence(
    key: Key,
    launches: Sequence[LaunchRecord],
    rejected: set[tuple[str, int, int]],
    tables: Tables,
    *,
    short: Mapping[int, LaunchRecord] = NONE,
    fresh: Evidence | None = None,
) -> Evidence:
    attempts = {(launch.board, launch.block, launch.attempt) for launch in launches}
    blocks = {launch.block: launch for launch in sorted(launches, key=lambda one: one.attempt) if launch.valid}
    used = [blocks[block] for block in sorted(blocks)]
    samples = tuple(tables.samples[launch.id] for launch in used if launch.id in tables.samples)
    return Evidence(
        key=key,
        launches=tuple(launches),
        blocks=blocks,
        rejected=len(attempts & rejected),
        owed=_owed(launches),
        samples=samples if len(samples) == len(used) else (),
        short=short,
        fresh=fresh,
    )


def _owed(launches: Sequence[LaunchRecord]) -> bool:
    """Whether a launch of a block's last attempt is still to come, or was cancelled."""
    last: dict[int, int] = {}
    for launch in launches:
        last[launch.block] = max(launch.attempt, last.get(launch.block, 0))
    return any(launch.state in OPEN and launch.attempt == last[launch.block] for launch in launches)
