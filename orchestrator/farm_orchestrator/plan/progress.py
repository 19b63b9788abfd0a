"""What a part is owed after each launch: a block again, two more blocks, or nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from farm_orchestrator.model import FLOOR, Kind, LaunchRow, Part, Phase, Point, Slot, State
from farm_orchestrator.plan.blocks import Layout, Series, block_slots, layout, single

GOAL_PAIR = 0.0075  # half-width of a ratio's 95 % interval, in logs
GOAL_SINGLE = 0.01  # of a lone variant's latency
STEP = 2  # blocks between two looks
CAP_S = 45 * 60.0  # time on a board, once it has CAP_BLOCKS valid blocks
CAP_BLOCKS = 8
CPU_SPREAD = 4 * 0.05  # cpu / wall between the arms of a block
QUEUE_SPREAD = 4 * 0.005  # run-queue wait / wall between the arms of a block
OPEN = {State.PENDING, State.RUNNING, State.CANCELLED}
ENDED = {State.DONE, State.REJECTED, State.FAILED, State.LOST}
POISON = 3  # lost launches of one variant, each after the board had answered again; `poison` looks at as many
POISONED = {"link_lost", "rebooted", "agent_error", "deadline"}  # what a launch can do to its board


def requeue(part: Part, rows: Sequence[LaunchRow], block: int, attempt: int) -> tuple[Slot, ...]:
    """The same block as attempt + 1, without the variants that failed at its point."""
    here = [row for row in rows if row.block == block and row.attempt == attempt]
    gone = failed_cells(rows)
    if not here or stopped(part, rows):
        return ()
    if here[0].phase != Phase.MEASURE:
        return () if (here[0].variant, here[0].point) in gone else (single(part, block, attempt + 1),)
    return block_slots(part, block, attempt + 1, {name for name, point in gone if point == here[0].point})


def next_slots(part: Part, rows: Sequence[LaunchRow]) -> tuple[Slot, ...]:
    """Two more blocks for every series whose blocks are all done and which is not yet as narrow as the goal.

    Asked with the rows as they are after a launch; the same rows give the same slots.
    """
    if not part.recipe.compare or stopped(part, rows):
        return ()
    gone, laid = failed_cells(rows), layout(part)
    return tuple(
        slot
        for index, at in enumerate(laid.series)
        for block in _owed(part, rows, laid, index, gone)
        for slot in block_slots(part, block, 0, {name for name, point in gone if point == at.point})
    )


def failed_cells(rows: Iterable[LaunchRow]) -> set[tuple[str, str]]:
    """The (variant, point) that may not go on: failed there, or before any timed launch; out of memory: failed twice.

    A variant that takes its board down each time it runs may not go on either: the others still can.
    """
    rows = list(rows)
    failed = [row for row in rows if row.state == State.FAILED] + poison(rows)
    counts = Counter((row.variant, row.point) for row in failed)
    early = Counter(row.variant for row in failed if row.phase != Phase.MEASURE)
    final = {(row.variant, row.point) for row in failed if not _again(row)}
    final |= {cell for cell, count in counts.items() if count > 1}
    everywhere = {row.variant for row in failed if row.phase != Phase.MEASURE and not _again(row)}
    everywhere |= {name for name, count in early.items() if count > 1}
    return final | {(row.variant, row.point) for row in rows if row.variant in everywhere}


def poison(rows: Iterable[LaunchRow]) -> list[LaunchRow]:
    """Each variant's third lost launch in a row, unless all others were lost meanwhile too: then it is the board."""
    told = [row for row in rows if row.state in ENDED and row.outcome != "worker_lost" and row.variant != FLOOR]
    told.sort(key=lambda row: (row.t1 or 0, row.id))
    found: dict[str, LaunchRow] = {}
    for name in {row.variant for row in told}:
        places = [index for index, row in enumerate(told) if row.variant == name]
        for trio in zip(places, places[1:], places[2:], strict=False):
            others = [_went_down(row) for row in told[trio[0] : trio[2]] if row.variant != name]
            if all(_went_down(told[index]) for index in trio) and not (others and all(others)):
                found.setdefault(name, told[trio[2]])
    return list(found.values())


def _went_down(row: LaunchRow) -> bool:
    return row.state == State.LOST and row.outcome in POISONED


def stopped(part: Part, rows: Iterable[LaunchRow]) -> bool:
    """Whether the baseline failed: then nothing of the part can be compared, and its remaining launches are skipped."""
    return any(name == part.baseline for name, _ in failed_cells(rows))


def rejected_block(rows: Sequence[LaunchRow], interference: str) -> str | None:
    """Why the measured launches of one complete block are rejected, or None. Never looks at a latency.

    Without calibration a level that all arms share says nothing; a difference between the arms drops the block.
    """
    measured = [row for row in rows if row.state == State.DONE and row.kind == Kind.MEASURE]
    if interference == "note" or len(measured) < 2:
        return None
    point = Point.from_key(measured[0].point)
    if point.provider != "CPUExecutionProvider":
        return None
    alone = all(row.facts.get("threads") == 1 for row in measured) and point.pace_hz is None
    shares = [_share(row, "cpu_ns" if alone else "run_queue_ns") for row in measured]
    known = [share for share in shares if share is not None]
    limit = CPU_SPREAD if alone else QUEUE_SPREAD
    return "INTERFERENCE" if len(known) > 1 and max(known) - min(known) > limit else None


def _again(row: LaunchRow) -> bool:
    return "OUT_OF_MEMORY" in (row.outcome or "")


def _share(row: LaunchRow, part_ns: str) -> float | None:
    part, wall, threads = row.facts.get(part_ns), row.facts.get("wall_ns"), row.facts.get("threads") or 1
    return part / wall / threads if part is not None and wall else None


def _owed(part: Part, rows: Sequence[LaunchRow], laid: Layout, index: int, gone: set[tuple[str, str]]) -> list[int]:
    """The numbers of the blocks that this series needs now."""
    here = [row for row in rows if row.phase == Phase.MEASURE and laid.place(row.block)[0] == index]
    if not here or any(_holds(row, gone) for row in _last_attempts(here)):
        return []
    if _narrow(part, here, laid.series[index], gone) or _over_time(part, rows, here):
        return []
    last = max(laid.place(row.block)[1] for row in here) + 1
    return [laid.number(index, ordinal) for ordinal in range(last, min(last + STEP, part.max_blocks))]


def _last_attempts(rows: Sequence[LaunchRow]) -> list[LaunchRow]:
    last: dict[int, int] = {}
    for row in rows:
        last[row.block] = max(row.attempt, last.get(row.block, 0))
    return [row for row in rows if row.attempt == last[row.block]]


def _holds(row: LaunchRow, gone: set[tuple[str, str]]) -> bool:
    """Whether this launch says that no more may be planned: still open, or skipped because the board was given up."""
    return row.state in OPEN or (row.state == State.SKIPPED and (row.variant, row.point) not in gone)


def _narrow(part: Part, here: Sequence[LaunchRow], at: Series, gone: set[tuple[str, str]]) -> bool:
    logs = _logs(here)
    others = [name for name in at.names if name != part.baseline and (name, at.point) not in gone]
    if not others:
        return _half_width(list(logs.get(part.baseline, {}).values())) <= GOAL_SINGLE
    return all(_pair_width(logs, name, part.baseline) <= GOAL_PAIR for name in others)


def _pair_width(logs: dict[str, dict[int, float]], name: str, baseline: str) -> float:
    one, other = logs.get(name, {}), logs.get(baseline, {})
    return _half_width([one[block] - other[block] for block in sorted(one.keys() & other.keys())])


def _half_width(logs: Sequence[float]) -> float:
    import numpy as np

    from farm_reports.stats.signed_rank import half_width

    return half_width(np.array(logs))


def _logs(rows: Iterable[LaunchRow]) -> dict[str, dict[int, float]]:
    logs: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.state == State.DONE and row.dropped is None and row.p50_ns:
            logs.setdefault(row.variant, {})[row.block] = math.log(row.p50_ns)
    return logs


def _over_time(part: Part, rows: Iterable[LaunchRow], here: Sequence[LaunchRow]) -> bool:
    spent = sum(row.t1 - row.t0 for row in rows if row.t0 is not None and row.t1 is not None)
    return spent > CAP_S and len(_logs(here).get(part.baseline, {})) >= CAP_BLOCKS
