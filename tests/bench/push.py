"""A large file brought to a board, against scp to the same server."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.figures import exactly, interleaved, middle, ratio
from bench.rows import Row, at_least, at_most, measured
from bench.ssh_place import ssh_world
from farm_orchestrator import digest
from farm_orchestrator.model import FileRef, Json
from farm_orchestrator.transport import Channel, PutResult, open_channel, push, resolve
from transport_support import World

SIZE = 100_000_000
SMALL = b"agent"
PATIENCE_S = 300
PAIRS_MORE = 2  # both sides wait for the disk, so single pairs say little


def hundred_megabytes(folder: Path, rounds: int) -> list[Row]:
    """Both sides from no connection to a closed file. What scp does not do is counted in rows of its own."""
    file = folder / "payload"
    file.write_bytes(os.urandom(SIZE))
    with ssh_world(folder) as world:
        side = Side(world, file)
        arms: dict[str, Callable[[], float]] = {"scp": side.scp_s, "farm": side.transfer_s}
        taken = interleaved(arms, rounds * PAIRS_MORE)
        scp, farm, connect = taken["scp"], taken["farm"], np.asarray(side.connect_s)
        side.transfer_s()  # scp had the last turn
        again = [side.push_again() for _ in range(rounds)]
    how = f"scp {SIZE / 1e6 / np.median(scp):.0f} MB/s; one server, one disk"
    sent = exactly(max(result.sent for result, _ in again), f"largest of {rounds}")
    return [
        measured("transfer of 100 MB, speed / scp", ratio(scp, farm), "x", at_least(1.3),
                 versus=f"{how}; both with their own connection, to the closed file"),
        measured("the same over an open connection", ratio(scp, farm - connect), "x",
                 versus="as the second and all later files of a run go; scp still with its own"),
        measured("verification of 100 MB on the board", middle(side.verify_s, "s"), "s", at_most(1),
                 versus="SHA-256 there while the file is flushed to the disk; a small file went first, as the agent does"),
        measured("room, names and half-sent files of one push", middle(side.rest_s, "s", 3), "s"),
        measured("second push of the same file, payload", sent, "bytes", at_most(0)),
        measured("second push of the same file, time", middle([s for _, s in again], "s", 3), "s", at_most(0.15),
                 versus="over an open connection"),
    ]  # fmt: skip


@dataclass
class Side:
    """One server, one file, both ways to bring it there."""

    world: World
    file: Path
    connect_s: list[float] = field(default_factory=list)
    verify_s: list[float] = field(default_factory=list)
    rest_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = self.world.server()
        self.world.configure(self.world.block(self.server))
        self.spec: Json = resolve(self.world.board(self.server))
        self.ref = FileRef("payload", digest.of(self.file), SIZE)
        self._by_scp = self.server.disk / "by-scp"
        self.small = self.world.folder / "small"
        self.small.write_bytes(SMALL)

    def scp_s(self) -> float:
        self._clear()
        begin = time.monotonic()
        subprocess.run(
            ["scp", "-q", "-F", str(self.world.folder / "config"), str(self.file), f"b:{self._by_scp}"],
            check=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_S,
        )  # fmt: skip
        return time.monotonic() - begin

    def transfer_s(self) -> float:
        self._clear()
        begin = time.monotonic()
        channel = open_channel(self.spec, self.world.farm_home)
        self.connect_s.append(time.monotonic() - begin)
        try:
            push.push(channel, self.small, FileRef("small", digest.of(self.small), len(SMALL)), channel.base)
            begin = time.monotonic()
            result = self._push(channel)
            pushed_s = time.monotonic() - begin
        finally:
            channel.close()
        if result.skipped or result.sent != SIZE:
            raise RuntimeError(f"a push that should bring {SIZE} bytes says {result}")
        self.verify_s.append(result.verify_s)
        self.rest_s.append(pushed_s - result.transfer_s - result.verify_s)
        return self.connect_s[-1] + result.transfer_s

    def push_again(self) -> tuple[PutResult, float]:
        channel = open_channel(self.spec, self.world.farm_home)
        try:
            begin = time.monotonic()
            result = self._push(channel)
            return result, time.monotonic() - begin
        finally:
            channel.close()

    def _clear(self) -> None:
        """The same disk for both: nothing of the last turn on it, nothing left to be written."""
        self._by_scp.unlink(missing_ok=True)
        shutil.rmtree(self.server.disk / "base", ignore_errors=True)
        os.sync()

    def _push(self, channel: Channel) -> PutResult:
        return push.push(channel, self.file, self.ref, channel.base)
