"""A short look at a board that nobody measures on: it is reached, its agent answers, an empty model runs as fast as ever."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm_agents import wire
from farm_orchestrator import bundle
from farm_orchestrator.errors import BoardError
from farm_orchestrator.intake import Answer
from farm_orchestrator.launch import job_of
from farm_orchestrator.line import Line
from farm_orchestrator.model import FLOOR, PRESETS, Json, Kind, LaunchRow, Lost, Part, Phase, Point, State
from farm_orchestrator.plan import fingerprint, settling
from farm_orchestrator.store import Claim, Lease
from farm_orchestrator.store.checks import check_failed, check_kept_out, check_passed, last_facts
from farm_orchestrator.watchdog import Concern
from farm_orchestrator.world import World
from farm_reports.tables import Calibration

LAUNCH_S = 120.0
KEPT = 10  # times of good looks, from which the band of a board comes
FEW = 3  # with fewer there is no band yet
BAND = 0.25  # a board that takes so much longer than its own median is not well, however restless it is
SPREADS = 6.0  # or so many times what its good looks differ by, where that is more
CLOCK, MEMORY = "canary_clock_before_ns", "canary_memory_before_ns"


@dataclass(frozen=True)
class Checkup:
    """What came of a look: `lost` says why the board is not well, None where it is."""

    board: str
    text: str
    facts: Json
    lost: Lost | None = None

    @property
    def well(self) -> bool:
        return self.lost is None


def check_up(board: Json, lease: Lease, world: World) -> Checkup:
    """Looks and writes down what was seen; `board` is resolved and held."""
    found = look(board, lease, world)
    if found.lost is None:
        check_passed(world.store, lease.board, lease.fence, found.text, found.facts)
    elif lease.lost.is_set() or world.stopping.is_set():
        return found
    elif found.lost.reason == "fenced":
        check_kept_out(world.store, lease.board, lease.fence)
    else:
        check_failed(world.store, lease.board, lease.fence, found.lost)
    return found


def look(board: Json, lease: Lease, world: World) -> Checkup:
    try:
        with tempfile.TemporaryDirectory(prefix="farm-check-") as scratch:
            told, answer = _measured(_part(board, Path(scratch), world), lease, world)
    except BoardError as error:
        return Checkup(lease.board, error.line, {}, Lost(error.outcome, error.line))
    if isinstance(answer.end, wire.Failed):
        why = f"the floor launch failed: {answer.end.stage}: {answer.end.kind}: {answer.end.detail}"
        return Checkup(lease.board, why, {}, Lost("canary", why))
    return judged(lease.board, _facts(board, told, answer), last_facts(world.store, lease.board))


def judged(name: str, seen: Json, before: Mapping[str, Any]) -> Checkup:
    """Against the good looks at what is the same board still: another kernel or runtime begins anew.

    The clock's canary alone is judged: what the memory's takes is a matter of the neighbours, too.
    """
    same = before.get("fingerprint") == seen["fingerprint"]
    good = list(before.get("good_ns") or []) if same else []
    why = slow(seen.get(CLOCK), good)
    if why is not None:
        return Checkup(name, why, seen, Lost("canary", why))
    kept = [*good, seen[CLOCK]][-KEPT:] if seen.get(CLOCK) else good
    return Checkup(name, _in_words(seen, new=not same and bool(before)), {**seen, "good_ns": kept})


def slow(now_ns: float | None, good: Sequence[int]) -> str | None:
    """Why the time is beyond the board's own band."""
    if now_ns is None or len(good) < FEW:
        return None
    middle = statistics.median(good)
    spread = statistics.median(abs(each - middle) for each in good)
    if now_ns <= middle + max(BAND * middle, SPREADS * spread):
        return None
    return f"its clock canary took {now_ns / middle - 1:.0%} longer than the median of its last {len(good)} good looks"


def _part(board: Json, scratch: Path, world: World) -> Part:
    """Of no run: the empty model alone."""
    from farm_orchestrator.variants import floor_model

    floor, files = floor_model(scratch)
    for path in files.values():
        world.artefacts.put(path)
    agent = world.artefacts.put(bundle.build(scratch))
    return Part(
        run="", board=board, points=(Point(),), variants=(floor,), recipe=PRESETS["quick"], seed=0, baseline=FLOOR,
        agent=agent, floor=floor, planned_blocks=0, max_blocks=0,
    )  # fmt: skip


def _measured(part: Part, lease: Lease, world: World) -> tuple[Json, Answer]:
    """Raises BoardError."""
    line = Line(dataclasses.replace(part, board={**part.board, "meter": None}), lease, world)
    try:
        with line.explained():
            claim = Claim(_row(part, lease), part)
            line.supply(claim.row, part)
            job = job_of(claim, settling.anywhere(Calibration()), line.told)
            line.watch.expect(
                Concern("the look", world.clock() + LAUNCH_S, silence_s=world.pace.silence_s, late="deadline")
            )
            line.session.begin(job, _unheard)
            return line.told, line.session.answer(job, _unheard)
    finally:
        line.close()


def _row(part: Part, lease: Lease) -> LaunchRow:
    point = part.points[0].key
    return LaunchRow(
        id=0, run="", board=lease.board, phase=Phase.CHECK, block=0, attempt=0, position=0, variant=FLOOR,
        sha256=part.floor.sha256, point=point, kind=Kind.MEASURE, state=State.RUNNING, fence=lease.fence,
    )  # fmt: skip


def _facts(board: Json, told: Json, answer: Answer) -> Json:
    """Figures and short words only: they are stored with the board."""
    said = answer.end.facts if isinstance(answer.end, wire.Done) else {}
    figures = {key: said.get(key) for key in (CLOCK, MEMORY, "temp_mc_start", "temp_mc_end", "freq_khz_end")}
    words = {key: told.get(key) for key in ("model", "kernel", "onnxruntime", "python")}
    plain = {key: value for key, value in figures.items() if isinstance(value, int | float)}
    median = statistics.median(answer.latency_ns.tolist()) if answer.latency_ns.size else None
    return {"fingerprint": fingerprint(board, told), **words, **plain, "floor_ns": median}


def _in_words(seen: Json, *, new: bool) -> str:
    parts = [f"onnxruntime {seen.get('onnxruntime')}"]
    if seen.get(CLOCK):
        parts.append(f"clock canary {seen[CLOCK] / 1e6:.3f} ms")
    if seen.get("temp_mc_end"):
        parts.append(f"{seen['temp_mc_end'] / 1000:.0f} °C")
    return ", ".join([*parts, *(["another system or runtime than before: a new band begins"] if new else [])])


def _unheard(who: str, line: bytes) -> None:
    """No transcript is kept of it."""
    del who, line
