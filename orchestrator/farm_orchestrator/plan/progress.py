"""What a part is owed after each launch: a block again, two more blocks, or nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from farm_orchestrator.model import FLOOR, LaunchRow, Part, Phase, Slot, State
from farm_orchestrator.plan.blocks import (
    NOBODY,
    Cells,
    Layout,
    Series,
    block_slots,
    laid_slots,
    layout,
    layout_from,
    planned_slots,
    profile_slot,
    reference,
    single,
)
from farm_orchestrator.plan.course import Course

GOAL_PAIR = 0.0075  # half-width of a ratio's 95 % interval, in logs
GOAL_SINGLE = 0.01  # of a lone variant's latency
STEP = 2  # blocks between two looks
CAP_S = 45 * 60.0  # time on a board where none was given; it ends a comparison of CAP_BLOCKS valid blocks
CAP_BLOCKS = 8
OPEN = {State.PENDING, State.RUNNING, State.CANCELLED}
ENDED = {State.DONE, State.REJECTED, State.FAILED, State.LOST}
FORGIVEN = ("OUT_OF_MEMORY", "CRASH(SIGKILL)")  # once: the board was short of memory, or somebody else was the killer
PROFILES = 3  # times that a profile launch may be lost
POISON = 3  # lost launches of one variant, each after the board had answered again; `poison` looks at as many
POISONED = {"link_lost", "rebooted", "agent_error", "deadline"}  # what a launch can do to its board


def requeue(part: Part, rows: Sequence[LaunchRow], block: int, attempt: int, out: Cells = NOBODY) -> tuple[Slot, ...]:
    """The same block as attempt + 1, without the variants that failed at its point; `out` as in `next_slots`."""
    here = [row for row in rows if row.block == block and row.attempt == attempt]
    gone = failed_cells(rows)
    if not here or stopped(part, rows):
        return ()
    if here[0].phase < Phase.SCREEN:
        return () if (here[0].variant, here[0].point) in gone else (single(part, block, attempt + 1),)
    if here[0].phase == Phase.PROFILE:
        return _profile_again(part, rows, here[0])
    if here[0].phase == Phase.CONFIRM:
        return laid_slots(part, _confirmation(part, rows), block, attempt + 1, gone)
    return block_slots(part, block, attempt + 1, gone, out)


def next_slots(part: Part, rows: Sequence[LaunchRow], out: Cells = NOBODY) -> tuple[Slot, ...]:
    """Two more blocks for every series whose blocks are all done and which is not yet as narrow as the goal.

    After a screening the planned blocks first; `out`: the cells that it sent home. Asked with the rows as they are after
    a launch; the same rows give the same slots. Once it is being confirmed or profiled nothing more is owed.
    """
    if not part.recipe.compare or stopped(part, rows) or confirmed(rows) or profiled(rows):
        return ()
    gone = failed_cells(rows)
    if part.screen_blocks and not compared(rows):
        return planned_slots(part, gone, out) if screened(part, rows) else ()
    laid = layout(part, out)
    return tuple(
        slot
        for index in range(len(laid.series))
        for block in _owed(part, rows, laid, index, gone)
        for slot in block_slots(part, block, 0, gone, out)
    )


def _profile_again(part: Part, rows: Sequence[LaunchRow], here: LaunchRow) -> tuple[Slot, ...]:
    """Nothing hangs on it: it is not tried for ever."""
    lost = sum(row.block == here.block and row.state == State.LOST for row in rows)
    slot = profile_slot(part, here.block, here.attempt + 1, here.variant, here.point)
    return (slot,) if lost < PROFILES else ()


def screened(part: Part, rows: Sequence[LaunchRow]) -> bool:
    """Whether the screening blocks of the part are through and the comparison is not yet planned."""
    if not part.screen_blocks or compared(rows) or stopped(part, rows):
        return False
    gone, here = failed_cells(rows), [row for row in rows if row.phase == Phase.SCREEN]
    return bool(here) and not any(holds(row, gone) for row in last_attempts(here))


def failed_cells(rows: Iterable[Course]) -> set[tuple[str, str]]:
    """The (variant, point) that may not go on: failed there, or before any timed launch; where it is forgiven, twice.

    A variant that takes its board down each time it runs may not go on either: the others still can. What happens to
    it under a profiler does not speak against it.
    """
    rows = [row for row in rows if row.phase != Phase.PROFILE]
    failed = [row for row in rows if row.state == State.FAILED] + poison(rows)
    if not failed:
        return set()
    counts = Counter((row.variant, row.point) for row in failed)
    early = Counter(row.variant for row in failed if row.phase < Phase.SCREEN)
    final = {(row.variant, row.point) for row in failed if not _again(row)}
    final |= {cell for cell, count in counts.items() if count > 1}
    everywhere = {row.variant for row in failed if row.phase < Phase.SCREEN and not _again(row)}
    everywhere |= {name for name, count in early.items() if count > 1}
    return final | {(row.variant, row.point) for row in rows if row.variant in everywhere}


def poison(rows: Iterable[Course]) -> list[Course]:
    """Each variant's third lost launch in a row, unless all others were lost meanwhile too: then it is the board."""
    rows = list(rows)
    down = Counter(row.variant for row in rows if row.state == State.LOST and _went_down(row))
    suspects = [name for name, count in down.items() if count >= POISON]
    if not suspects:
        return []
    told = [row for row in rows if row.state in ENDED and row.outcome != "worker_lost" and row.variant != FLOOR]
    told.sort(key=lambda row: (row.t1 or 0, row.id))
    found: dict[str, Course] = {}
    for name in suspects:
        places = [index for index, row in enumerate(told) if row.variant == name]
        for trio in zip(places, places[1:], places[2:], strict=False):
            others = [_went_down(row) for row in told[trio[0] : trio[2]] if row.variant != name]
            if all(_went_down(told[index]) for index in trio) and not (others and all(others)):
                found.setdefault(name, told[trio[2]])
    return list(found.values())


def _went_down(row: Course) -> bool:
    return row.state == State.LOST and row.outcome in POISONED


def stopped(part: Part, rows: Iterable[Course]) -> bool:
    """Whether the baseline failed: then nothing of the part can be compared, and its remaining launches are skipped."""
    return any(name == part.baseline for name, _ in failed_cells(rows))


def _again(row: Course) -> bool:
    return any(kind in (row.outcome or "") for kind in FORGIVEN)


def compared(rows: Iterable[Course]) -> bool:
    """Whether the comparison is planned."""
    return any(row.phase == Phase.MEASURE for row in rows)


def confirmed(rows: Iterable[Course]) -> bool:
    """Whether its confirmation is planned."""
    return any(row.phase == Phase.CONFIRM for row in rows)


def profiled(rows: Iterable[Course]) -> bool:
    """Whether its profile launches are planned: then everything that is timed is over."""
    return any(row.phase == Phase.PROFILE for row in rows)


def _confirmation(part: Part, rows: Iterable[LaunchRow]) -> Layout:
    """Where the blocks lie that confirm: what was planned of them says it."""
    fresh = [row for row in rows if row.phase == Phase.CONFIRM]
    arms = {point.key: [row.variant for row in fresh if row.point == point.key] for point in part.points}
    planned = {point: names for point, names in arms.items() if names}
    return layout_from(part, min(row.block for row in fresh), planned)


def _owed(part: Part, rows: Sequence[LaunchRow], laid: Layout, index: int, gone: set[tuple[str, str]]) -> list[int]:
    """The numbers of the blocks that this series needs now."""
    here = [row for row in rows if row.phase == Phase.MEASURE and laid.place(row.block)[0] == index]
    if not here or any(holds(row, gone) for row in last_attempts(here)):
        return []
    if _narrow(part, here, laid.series[index], gone) or _out_of_time(part, rows, here):
        return []
    last = max(laid.place(row.block)[1] for row in here) + 1
    return [laid.number(index, ordinal) for ordinal in range(last, min(last + STEP, part.max_blocks))]


def last_attempts(rows: Sequence[LaunchRow]) -> list[LaunchRow]:
    """The launches of each block's last attempt."""
    last: dict[int, int] = {}
    for row in rows:
        last[row.block] = max(row.attempt, last.get(row.block, 0))
    return [row for row in rows if row.attempt == last[row.block]]


def holds(row: LaunchRow, gone: set[tuple[str, str]]) -> bool:
    """Whether this launch says that no more may be planned: still open, or skipped because the board was given up."""
    return row.state in OPEN or (row.state == State.SKIPPED and (row.variant, row.point) not in gone)


def _narrow(part: Part, here: Sequence[LaunchRow], at: Series, gone: set[tuple[str, str]]) -> bool:
    goal, held = judged(part, here, at, gone)
    return all(_half_width(logs) <= goal for logs in held)


def judged(
    part: Part, here: Sequence[Course], at: Series, gone: set[tuple[str, str]]
) -> tuple[float, list[list[float]]]:
    """Half the width that every interval of the series is to have, and the logs, block by block, of which they are."""
    logs = _logs(here)
    told = [(name, reference(part, name)) for name in at.names if name != part.baseline]
    held = [pair for pair in told if not any((name, at.point) in gone for name in pair)]
    if not held:
        return GOAL_SINGLE, [list(logs.get(part.baseline, {}).values())]
    return GOAL_PAIR, [_pairs(logs, *pair) for pair in held]


def differences(here: Iterable[Course], name: str, baseline: str) -> list[float]:
    """Log ratios of a variant to the baseline, block by block; the launches are of one point."""
    return _pairs(_logs(here), name, baseline)


def _pairs(logs: dict[str, dict[int, float]], name: str, baseline: str) -> list[float]:
    one, other = logs.get(name, {}), logs.get(baseline, {})
    return [one[block] - other[block] for block in sorted(one.keys() & other.keys())]


def _half_width(logs: Sequence[float]) -> float:
    import numpy as np

    from farm_reports.stats.signed_rank import half_width

    return half_width(np.array(logs))


def _logs(rows: Iterable[Course]) -> dict[str, dict[int, float]]:
    logs: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.state == State.DONE and row.dropped is None and row.p50_ns:
            logs.setdefault(row.variant, {})[row.block] = math.log(row.p50_ns)
    return logs


def _out_of_time(part: Part, rows: Sequence[LaunchRow], here: Sequence[LaunchRow]) -> bool:
    """Whether two more blocks would outlast the time on the board; a comparison of fewer valid blocks has no cap."""
    if len(_logs(here).get(part.baseline, {})) < CAP_BLOCKS:
        return False
    owed = STEP * len({row.variant for row in here}) + sum(row.state in OPEN for row in rows)
    return not fits(part, rows, here, owed)


def fits(part: Part, rows: Sequence[LaunchRow], like: Sequence[LaunchRow], launches: int) -> bool:
    """Whether so many more launches as `like` end within the time on the board."""
    spent, times = sum(_seconds(rows)), _seconds(like)
    more, now = launches * sum(times) / max(len(times), 1), max((row.t1 or 0 for row in rows), default=0)
    late = part.until is not None and now + more > part.until
    return not late and spent + more <= cap_s(part)


def time_left_s(part: Part, rows: Iterable[Course]) -> float:
    """Seconds of the time on the board that are left for blocks beyond the planned ones."""
    return cap_s(part) - sum(_seconds(rows))


def cap_s(part: Part) -> float:
    return CAP_S if part.time_s is None else part.time_s


def _seconds(rows: Iterable[Course]) -> list[float]:
    """How long each launch took that went to an end; none less than no time, even where the clock was set back."""
    return [max(0.0, row.t1 - row.t0) for row in rows if row.t0 is not None and row.t1 is not None]
