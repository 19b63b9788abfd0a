"""Many boards at once: how long until all their connections stand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.figures import middle
from bench.rows import Row, below, measured
from bench.ssh_place import ssh_world
from farm_orchestrator.model import Json
from farm_orchestrator.transport import Channel, open_channel, resolve

COUNT = 200


def two_hundred(folder: Path, rounds: int) -> list[Row]:
    """Boards with a name and a record of their own: nothing that is known of one serves another."""
    with ssh_world(folder) as world:
        server = world.server(options=[f"MaxStartups {COUNT}"])
        specs = [resolve(world.board(server, name=f"b{number}")) for number in range(COUNT)]
        for spec in specs:
            spec["ssh"]["alias"] = spec["name"]
        world.user_file.write_text("".join(server.record(name=spec["name"]) for spec in specs))
        times = [_open_all_s(specs, world.farm_home) for _ in range(rounds)]
    how = "a thread and a record in known_hosts each, one sshd, both ends on this machine"
    return [measured("200 SSH connections open", middle(times, "s"), "s", below(5), versus=how)]


def _open_all_s(specs: Sequence[Json], farm_home: Path) -> float:
    """All of them stand together at the end, or it does not count."""
    channels: list[Channel] = []
    begin = time.monotonic()
    try:
        with ThreadPoolExecutor(len(specs)) as pool:
            asked = [pool.submit(open_channel, spec, farm_home) for spec in specs]
            channels.extend(each.result() for each in asked)
        return time.monotonic() - begin
    finally:
        with ThreadPoolExecutor(len(specs)) as pool:
            list(pool.map(lambda channel: channel.close(), channels))
