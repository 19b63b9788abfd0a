"""A large file brought to a board, against scp to the same server."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import exactly, interleaved, middle, ratio
from bench.rows import Row, at_least, at_most, measured
from bench.ssh_place import ssh_world
from farm_orchestrator import digest
from farm_orchestrator.model import FileRef, Json
from farm_orchestrator.transport import Channel, PutResult, open_channel, push, resolve
from transport_support import World

SIZE = 100_000_000
PATIENCE_S = 300


def hundred_megabytes(folder: Path, rounds: int) -> list[Row]:
    """Both sides from no connection to a closed file. What scp does not do stands in rows of its own."""
    file = folder / "payload"
    file.write_bytes(os.urandom(SIZE))
    with ssh_world(folder) as world:
        side = Side(world, file)
        arms: dict[str, Callable[[], float]] = {"scp": side.scp_s, "farm": side.push_s}
        taken = interleaved(arms, rounds)
        again = [side.push_again() for _ in range(rounds)]
    how = f"{SIZE / 1e6 / sorted(taken['scp'])[rounds]:.0f} MB/s; both with their connection, same server and disk; ours is flushed to the disk"
    sent = exactly(max(result.sent for result, _ in again), f"largest of {rounds}")
    return [
        measured("push of 100 MB, speed / scp", ratio(taken["scp"], taken["farm"]), "x", at_least(1.3), versus=how),
        measured("verification of 100 MB on the board", middle(side.verify_s, "s"), "s", at_most(1)),
        measured("room, names and half-sent files of one push", middle(side.rest_s, "s"), "s"),
        measured("second push of the same file, payload", sent, "bytes", at_most(0)),
        measured("second push of the same file, time", middle([s for _, s in again], "s", 3), "s", at_most(0.15),
                 versus="over an open connection"),
    ]  # fmt: skip


@dataclass
class Side:
    """One server, one file, both ways to bring it there."""

    world: World
    file: Path
    verify_s: list[float] = field(default_factory=list)
    rest_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = self.world.server()
        self.world.configure(self.world.block(self.server))
        self.spec: Json = resolve(self.world.board(self.server))
        self.ref = FileRef("payload", digest.of(self.file), SIZE)

    def scp_s(self) -> float:
        target = self.server.disk / "by-scp"
        target.unlink(missing_ok=True)
        begin = time.monotonic()
        subprocess.run(
            ["scp", "-q", "-F", str(self.world.folder / "config"), str(self.file), f"b:{target}"],
            check=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_S,
        )  # fmt: skip
        return time.monotonic() - begin

    def push_s(self) -> float:
        shutil.rmtree(self.server.disk / "base", ignore_errors=True)
        begin = time.monotonic()
        channel = open_channel(self.spec, self.world.farm_home)
        connected = time.monotonic()
        try:
            result = self._push(channel)
            pushed_s = time.monotonic() - connected
        finally:
            channel.close()
        if result.skipped or result.sent != SIZE:
            raise RuntimeError(f"a push that should bring {SIZE} bytes says {result}")
        self.verify_s.append(result.verify_s)
        self.rest_s.append(pushed_s - result.transfer_s - result.verify_s)
        return connected - begin + result.transfer_s

    def push_again(self) -> tuple[PutResult, float]:
        channel = open_channel(self.spec, self.world.farm_home)
        try:
            begin = time.monotonic()
            result = self._push(channel)
            return result, time.monotonic() - begin
        finally:
            channel.close()

    def _push(self, channel: Channel) -> PutResult:
        return push.push(channel, self.file, self.ref, channel.base)
