"""What the statistics cost: in the lane after each block, and on the board during a launch."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete

from agents_support import Board, Client, save_arrays, script
from bench import chains, machine, twelve
from bench.desks import DEMO, new_desk
from bench.figures import Figure, exactly, spread
from bench.lanes import lab
from bench.rows import Row, at_most, measured
from farm_orchestrator import bundle, store
from farm_orchestrator.model import PRESETS, LaunchRow, Phase
from farm_orchestrator.store import Store, blocks, read_launch, schema
from farm_reports.stats.launch import summarise
from run_support import Desk

RULE = Path(__file__).parent / "reference_rule.py"
TAKEN = 5  # times that each block is decided; the middle one counts
LAUNCHES = 5  # on the board
SYNTHETIC = ("run", "--variants", "variants", "--preset", "quick", "--inventory", ".farm/lab/inventory.yaml")
BOUND_MS, BOUND_SHARE = 50, 5


@dataclass(frozen=True)
class Block:
    """Milliseconds in the lane. `decided`: validity, what is owed next; `summed`: the figures of its launches."""

    decided: float
    summed: float

    @property
    def whole(self) -> float:
        return self.decided + self.summed


class Undo(Exception):
    """Takes back what was written to look at it."""


def statistics(folder: Path, rounds: int) -> list[Row]:
    del rounds
    return [_real(folder / "real"), _twelve(folder / "twelve"), *_on_the_board(folder / "board")]


def _real(folder: Path) -> Row:
    desk = new_desk(folder)
    _measured(desk, *DEMO)
    return _row("the example on this machine", list(after_each_block(desk)))


def _twelve(folder: Path) -> Row:
    desk, made = new_desk(folder), twelve.world()
    twelve.variants(folder / "variants", made)
    with lab(desk, 1, ms=made.ms, launch_sd=twelve.LAUNCH_SD, sleep_s=0.0):
        _measured(desk, *SYNTHETIC)
        return _row("12 variants, invented times", list(after_each_block(desk)))


def _measured(desk: Desk, *command: str | Path) -> None:
    said = desk.farm(*command)
    if said.code != 0:
        raise RuntimeError(f"farm run ended with {said.code}: {said.err[-500:]}")


def _row(what: str, found: list[Block]) -> Row:
    worst = max(found, key=lambda block: block.whole)
    middle = float(np.median([block.whole for block in found]))
    note = f"{len(found)} blocks, the middle one {middle:.1f} ms"
    versus = (
        f"the lane's own functions on the stored rows of a run, slowest block: validity, stop rule and next blocks "
        f"{worst.decided:.1f} ms, figures of its launches {worst.summed:.1f} ms"
    )
    return measured(f"statistics of a block in the lane, {what}", exactly(worst.whole, note), "ms",
                    at_most(BOUND_MS), versus=versus)  # fmt: skip


def after_each_block(desk: Desk) -> Iterator[Block]:
    """Each compared block of the last run, as if the stop rule were asked after every one."""
    with Store.open(desk.state / "farm.db") as state:
        run = desk.runs()[-1]
        rows = [row for row in store.launches(state, run.name) if row.phase >= Phase.SCREEN and row.p50_ns]
        last = {(row.block, row.attempt): row for row in rows}
        for key, row in last.items():
            mine = [each for each in rows if (each.block, each.attempt) == key]
            yield Block(
                float(np.median([decided_ms(state, row) for _ in range(TAKEN)])),
                sum(_summed_ms(run, each) for each in mine),
            )


def decided_ms(state: Store, last: LaunchRow) -> float:
    """What ends the block is done in a transaction, on the launches that there were then, and taken back."""
    took: list[float] = []

    def decide(connection: Connection) -> None:
        launch = schema.launch.c
        later = (launch.run == last.run, launch.board == last.board, launch.block > last.block)
        connection.execute(delete(schema.launch).where(*later))
        begin = time.perf_counter()
        share = blocks.load_share(connection, last.run, last.board)
        here = blocks.of_attempt(blocks.attempts(connection, share, share.block(last)), share.block(last))
        blocks.end_block(connection, state.now(), share, here, last)
        took.append((time.perf_counter() - begin) * 1e3)
        raise Undo

    try:
        state.submit(decide)
    except Undo:
        return took[0]
    raise AssertionError("what was only looked at was written")


def _summed_ms(run: Path, row: LaunchRow) -> float:
    samples, _ = read_launch(run / str(row.file))
    latency_ns = samples["latency_ns"].to_numpy()
    begin = time.perf_counter()
    summarise(latency_ns)
    return (time.perf_counter() - begin) * 1e3


def _on_the_board(folder: Path) -> list[Row]:
    """The shortest preset, whose windows are the shortest: there the share is the largest."""
    folder.mkdir()
    taken = [_launch(folder) for _ in range(LAUNCHES)]
    rule, canary = (_share(taken, part) for part in ("rule", "canary"))
    versus = "quick, 3 ms an inference: medians of windows, their slope and limits, timed in the runner"
    ms = float(np.median([each["canary"] for each in taken])) / 1e6
    return [
        measured("warm-up rule, share of a launch on the board", rule, "%", at_most(BOUND_SHARE), versus=versus),
        measured("canary before and after the slot, share of a launch on the board", canary, "%",
                 versus=f"the same launches; it is a measurement, {ms:.0f} ms with its sessions"),
    ]  # fmt: skip


def _share(taken: list[Mapping[str, float]], part: str) -> Figure:
    shares = [100 * each[part] / each["whole"] for each in taken]
    return exactly(float(np.median(shares)), spread(shares, "%"))


def _launch(folder: Path) -> Mapping[str, float]:
    """One launch of the real agent, whose runner has clocks in it; ns, `whole` from the agent's journal."""
    agent, spent = bundle.build(folder), folder / "spent.json"
    model = chains.chain(folder / "base.onnx", chains.LAYERS)
    arrays = save_arrays(folder / "x.npz", x=np.ones((chains.ROWS, chains.WIDTH), np.float32))
    words = [sys.executable, "-I", str(RULE), str(agent), str(spent)]
    runner = script(folder / "runner", f"import os\nos.execv({sys.executable!r}, {words!r})\n")
    client = Client([sys.executable, "-I", str(agent), "--runner", str(runner)], Board(folder / "base"))
    try:
        client.open()
        point = {"cpus": str(machine.last_cpu())}
        client.launch(model, arrays, recipe=PRESETS["quick"].to_json(), point=point).done  # noqa: B018
        start, end = client.board.journal()[-2:]
        parts: dict[str, Any] = json.loads(spent.read_text())
        return {**parts, "whole": end["t_ns"] - start["t_ns"]}
    finally:
        client.close()
