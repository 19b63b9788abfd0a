"""A farm in a temporary folder: real store, real broker, real worker, the agent on this machine, tiny models."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from farm_orchestrator import broker, bundle, digest, plan, store
from farm_orchestrator.engine import Engine, EngineSettings
from farm_orchestrator.errors import StoreError
from farm_orchestrator.lane import drain
from farm_orchestrator.model import FLOOR, Feeds, Json, LaunchRow, Limits, Part, Point, Recipe, State, Variant
from farm_orchestrator.reconcile import reconcile
from farm_orchestrator.store import Artefacts, CellRow, NewRun, Store, open_artefacts
from farm_orchestrator.transport import open_channel
from farm_orchestrator.watchdog import Watchdog
from farm_orchestrator.world import Pace, Stopping, World

RUN = "20260101-000000-abcd"
TINY = Recipe("tiny", warmup_s=0.01, slot_s=0.05, slot_cap_s=0.5, cooldown_s=0.0, blocks_min=2, blocks_max=2)
DEADLINE_S = 120.0  # generous: the machine may be busy with other tests
TTL_S = 4.0
OPEN = {State.PENDING, State.RUNNING}


def model(op: str = "Identity") -> bytes:
    """One operator on [1, 64] floats: `x` to `y`."""
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"])], op, tensors[:1], tensors[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


@dataclass(frozen=True)
class Farm:
    """One home with its store open; `part` by board."""

    settings: EngineSettings
    store: Store
    parts: tuple[Part, ...]

    @property
    def home(self) -> Path:
        return Path(self.settings.home)

    @property
    def folder(self) -> Path:
        return Path(self.settings.runs) / self.parts[0].run

    def rows(self, **where: Any) -> list[LaunchRow]:
        every = store.launches(self.store, self.parts[0].run)
        return [row for row in every if all(getattr(row, name) == value for name, value in where.items())]

    def journal(self, board: str) -> list[Json]:
        file = Path(next(part.board["base"] for part in self.parts if part.name == board)) / "journal.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def hold(self, board: str) -> Path:
        """While this file is there, timed launches of the stand-in do not end."""
        return Path(next(part.board["base"] for part in self.parts if part.name == board)) / "hold"

    def kick(self) -> broker.Kick:
        return broker.kicker(broker.make_app(self.settings.broker, self.home))


OPENED: list[Store] = []  # by the farms of a test


@pytest.fixture(autouse=True)
def farms_end() -> Iterator[None]:
    """A test's stores end with it: their files would add up over a whole run of the suite."""
    yield
    while OPENED:
        OPENED.pop().close()


def make_farm(
    folder: Path,
    *,
    boards: int | Sequence[Json] = 1,
    blocks: int = 2,
    broker_url: str | None = None,
    store_url: str | None = None,
    python: str = sys.executable,
    variants: Sequence[Variant] = (),
    recipe: Recipe = TINY,
    screen: int = 0,
    limits: Limits | None = None,
    profile: bool = False,
    **fields: Any,
) -> Farm:
    """A stored, attached run of two variants (or `variants`) on so many boards, all of them this machine.

    `store_url`: of a server; None: a file in the farm's home. `boards`: how many, or what each is.
    `limits`: a relative one on the median of variants to ship, confirmed where it is left open.
    """
    home, scratch = folder / ".farm", folder / "scratch"
    meant = _here(home / "boards", boards, python=python, **fields) if isinstance(boards, int) else boards
    scratch.mkdir(parents=True)
    settings = EngineSettings(
        home=str(home), store=store_url or str(home / "farm.db"), runs=str(folder / "runs"), broker=broker_url,
        boards=len(meant), lease_ttl_s=TTL_S, lease_beat_s=TTL_S / 4,
    )  # fmt: skip
    state = Store.open(settings.store)
    OPENED.append(state)
    artefacts = open_artefacts(state, home / "cas")
    arms = tuple(variants) or (variant(artefacts, scratch, "base", "Abs"), variant(artefacts, scratch, "other", "Neg"))
    parts = tuple(
        Part(
            run=RUN, board=board, points=(Point(threads=1, pin="max" if board.get("lab") else "stock"),), variants=arms,
            recipe=recipe, seed=1, baseline=arms[0].name, agent=artefacts.put(bundle.build(scratch)),
            floor=variant(artefacts, scratch, FLOOR, "Identity"), planned_blocks=blocks, max_blocks=blocks,
            screen_blocks=screen, limits=limits or Limits(),
            gated=2 * len(meant) * len(limits.ship) if limits else 0, confirms=limits is not None, profile=profile,
        )
        for board in meant
    )  # fmt: skip
    insert(state, parts)
    return Farm(settings, state, parts)


def _here(places: Path, count: int, **fields: Any) -> list[Json]:
    """So many boards, all of them this machine."""
    return [
        {"name": f"b{index}", "local": True, "base": str(places / f"b{index}"), "interference": "note", **fields}
        for index in range(count)
    ]


def stand_in(folder: Path) -> str:
    """A `python` for boards whose runner is the stand-in: the real agent, launches that take no time of their own."""
    runner, interpreter = folder / "runner", folder / "python"
    folder.mkdir(parents=True, exist_ok=True)
    script = Path(__file__).parent / "engine" / "stand_in.py"
    runner.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {script} "$@"\n')
    interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} "$@" --runner {runner}\n')
    for file in (runner, interpreter):
        file.chmod(0o700)
    return str(interpreter)


def variant(artefacts: Artefacts, scratch: Path, name: str, op: str, *, rows: int | None = None) -> Variant:
    file = scratch / f"{name.strip('@')}.onnx"
    file.write_bytes(model(op))
    inputs = scratch / "inputs.npz"
    np.savez(inputs, x=np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 64))
    kept, fed = artefacts.put(file), artefacts.put(inputs)
    feeds = Feeds(fed.sha256, fed.size, {"x": "x"})
    return Variant(
        name, kept.sha256, (kept,), 17, feeds, dataset=None if rows is None else _dataset(artefacts, scratch, rows)
    )


def _dataset(artefacts: Artefacts, scratch: Path, rows: int) -> Feeds:
    file = scratch / "rows.npz"
    np.savez(file, x=np.arange(rows * 64, dtype=np.float32).reshape(rows, 64))
    kept = artefacts.put(file)
    return Feeds(kept.sha256, kept.size, {"x": "x"}, rows=rows)


def insert(state: Store, parts: Sequence[Part], run: str = RUN) -> None:
    parts = [replace(part, run=run) for part in parts]
    cells = [
        CellRow(part.name, each.name, point.key, each.sha256)
        for part in parts for each in part.variants for point in part.points
    ]  # fmt: skip
    slots = [slot for part in parts for slot in plan.first_slots(part)]
    store.insert_run(state, NewRun(run, None, parts[0].recipe, 1, state.now(), {}), parts, cells, slots)
    store.attach(state, run)


def wait_for(
    held: Callable[[], object], what: str, each: Callable[[], object] = lambda: None, within_s: float = DEADLINE_S
) -> None:
    """Until `held` gives something true; `each` is done at every look."""
    until = time.monotonic() + within_s
    while not held():
        assert time.monotonic() < until, f"{what}: not within {within_s:g} s"
        each()
        time.sleep(0.02)


def tend(farm: Farm, engine: Engine | None, run: str = RUN) -> Callable[[], None]:
    """What a command does while it waits: attached, reconciling, a dead worker started again."""
    kick = farm.kick()
    due = 0.0

    def each() -> None:
        nonlocal due
        if time.monotonic() >= due:
            store.attach(farm.store, run)
            if engine is not None:
                engine.tick()
            reconcile(farm.store, kick)
            due = time.monotonic() + 0.25

    return each


@contextmanager
def running(farm: Farm) -> Iterator[Engine]:
    """The engine, and at its end the proof that nothing is left of it."""
    engine = Engine.try_start(farm.settings)
    assert engine is not None, "another engine holds the lock"
    try:
        yield engine
    finally:
        engine.kill()


def finish(farm: Farm, engine: Engine, run: str = RUN) -> None:
    wait_for(lambda: store.load_run(farm.store, run).state == "closed", f"run {run}", tend(farm, engine, run))


def die_in_phase(farm: Farm, engine: Engine, phase: int) -> None:
    """The worker is killed in the middle of a launch of the phase; the next one finishes the run."""
    farm.hold("b0").touch()
    wait_for(lambda: farm.rows(phase=phase, state=State.RUNNING), f"a launch of phase {phase}", tend(farm, engine))
    engine.worker.send_signal(signal.SIGKILL)
    engine.worker.wait()
    farm.hold("b0").unlink()
    finish(farm, engine)


def agents_of(farm: Farm, more: Path | None = None) -> list[int]:
    """Processes whose command line names a base of this farm's boards, or that are agents with one in `more`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(farm.home / "boards").encode() in line or (more and b".pyz" in line and bytes(more) in line):
                found.append(int(entry.name))
    return found


def broken_promises(farm: Farm, *, whole: bool = True) -> list[str]:
    """The invariants of a finished run, from the store, the files and the boards' own journals; empty when they hold."""
    faults = [f"open: {row}" for row in farm.rows() if row.state in OPEN]
    faults += [fault for part in farm.parts for fault in _of_blocks(farm, part, whole=whole)]
    faults += [fault for part in farm.parts for fault in _of_journal(farm.journal(part.name), part.name)]
    told = {line["launch"] for part in farm.parts for line in farm.journal(part.name)}
    faults += [f"no board knows {row}" for row in farm.rows(state=State.DONE) if f"{row.id}.{row.fence}" not in told]
    return faults + _of_files(farm)


def _of_blocks(farm: Farm, part: Part, *, whole: bool) -> list[str]:
    """Each planned launch has exactly one committed result that counts."""
    faults, every = [], farm.rows(board=part.name)
    for slot in plan.first_slots(part):
        same = [row for row in every if (row.block, row.variant) == (slot.block, slot.variant)]
        used = [row for row in same if row.state == State.DONE and row.dropped is None]
        if len(used) != 1 and (whole or len(used) > 1):
            faults.append(
                f"{part.name} block {slot.block} {slot.variant}: {len(used)} results, {[r.state for r in same]}"
            )
    for block in {row.block for row in every}:
        rows = [row for row in every if (row.block, row.state, row.dropped) == (block, State.DONE, None)]
        if len({row.attempt for row in rows}) > 1:
            faults.append(f"{part.name} block {block} counts launches of several attempts")
    return faults


def _of_journal(lines: list[Json], board: str) -> list[str]:
    """Launches never overlap on a board, and fences never go back."""
    faults, running_now, fence = [], None, 0
    for line in lines:
        if line["fence"] < fence:
            faults.append(f"{board}: fence {line['fence']} after {fence}")
        fence = max(fence, line["fence"])
        if line["event"] == "start" and running_now is not None:
            faults.append(f"{board}: {line['launch']} started while {running_now} ran")
        running_now = line["launch"] if line["event"] == "start" else None
    return faults + ([f"{board}: {running_now} has no end"] if running_now else [])


def _of_files(farm: Farm) -> list[str]:
    """A committed launch has its file and its transcript, with the digests of the row."""
    if farm.store.shared:
        return _of_server(farm)
    faults = []
    for row in farm.rows(state=State.DONE):
        name = f"{row.id}.{row.fence}"
        kept = [(farm.folder / "transcripts" / f"{name}.jsonl", row.transcript_sha256)]
        if row.file is not None:
            kept.append((farm.folder / row.file, row.file_sha256))
        faults += [f"{path} is not what was committed" for path, sha256 in kept if _sha256(path) != sha256]
        if row.kind == "measure" and row.file is None:
            faults.append(f"launch {row.id} is done without a file")
    return faults


def _of_server(farm: Farm) -> list[str]:
    """On a server any machine reads them, whatever its own folders hold."""
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        read = open_artefacts(farm.store, Path(folder))
        for row in farm.rows(state=State.DONE):
            if row.transcript_sha256 is None or (row.kind == "measure" and row.file_sha256 is None):
                faults.append(f"launch {row.id} is done without its files")
            for sha256 in filter(None, (row.transcript_sha256, row.file_sha256)):
                try:
                    read.get(sha256)
                except StoreError as error:
                    faults.append(f"launch {row.id}: {error}")
    return faults


def _sha256(path: Path) -> str | None:
    return digest.afresh(path) if path.exists() else None


def enemy(folder: Path, mode: str, base: Path) -> str:
    """A `python` for boards that starts no agent of ours."""
    interpreter = folder / f"enemy-{mode.replace(' ', '-')}"
    folder.mkdir(parents=True, exist_ok=True)
    base.mkdir(parents=True, exist_ok=True)
    script = Path(__file__).parent / "engine" / "enemy.py"
    interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {script} "{mode}" {base}\n')
    interpreter.chmod(0o700)
    return str(interpreter)


@contextmanager
def world_of(farm: Farm, /, *, ttl_s: float = 60.0, beat_s: float = 0.1, **fields: Any) -> Iterator[World]:
    """A worker's world inside the test; `fields` replace those of World."""
    stopping = Stopping()
    watchdog = Watchdog(partial(store.cancelled_runs, farm.store), stopping, period_s=0.02)
    watchdog.start()
    with store.Leases(farm.store, ttl_s, beat_s) as leases:
        yield World(
            **{
                "store": farm.store,
                "leases": leases,
                "artefacts": Artefacts(farm.home / "cas"),
                "runs": Path(farm.settings.runs),
                "open_channel": lambda part: open_channel(part.board, farm.home),
                "watchdog": watchdog,
                "stopping": stopping,
                "farm": "test",
                "pace": Pace(reconnect_s=-1.0),  # a lost line stays lost
                **fields,
            }
        )
    watchdog.close()


def drained(world: World) -> list[str]:
    """Boards that the lane asked to be drained again."""
    kicked: list[str] = []
    drain("b0", world, kicked.append)
    return kicked


def lost(farm: Farm) -> LaunchRow:
    rows = farm.rows(state=State.LOST)
    assert len(rows) == 1, [(row.state, row.outcome) for row in farm.rows()]
    return rows[0]


def view(farm: Farm) -> store.BoardView:
    return store.snapshot(farm.store, RUN).boards[0]
