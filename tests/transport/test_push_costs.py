"""What a push asks of a board besides the bytes: shells started, requests taken, turns waited for."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator.errors import BoardError, Unreachable
from farm_orchestrator.model import FileRef
from farm_orchestrator.transport import Channel, ExecResult, PutResult, open_channel, push, resolve, turns
from farm_orchestrator.transport.room import Disk, Room
from other_server_support import Handle, Leaving, Refusing, Taking, other_server
from transport_support import KINDS, Sshd, World, sha256, until

SIZE = 500_000
MIB = 1 << 20
SUM, DF = "exec xargs -n 1 sha256sum", "exec df -Pk "


def files(folder: Path, count: int = 3, size: int = SIZE) -> list[Path]:
    paths = [folder / f"file{number}" for number in range(count)]
    for path in paths:
        path.write_bytes(os.urandom(size))
    return paths


def send(channel: Channel, file: Path) -> PutResult:
    return push.push(channel, file, FileRef(file.name, sha256(file.read_bytes()), file.stat().st_size), channel.base)


def logged(world: World, **changes: Any) -> tuple[Sshd, Path]:
    """A board whose login shell keeps what it was asked to run."""
    log, shell = world.folder / "commands", world.folder / "log-and-run"
    shell.write_text(f'#!/bin/sh\nprintf "%s\\n" "$2" >> {log}\nexec sh "$@"\n')
    shell.chmod(0o755)
    return world.server(home=world.folder / "home", shell=shell, **changes), log


def test_a_channel_starts_one_shell_however_many_files_it_pushes(world: World) -> None:
    server, log = logged(world)
    channel = open_channel(resolve(world.board(server)), world.farm_home)
    for file in files(world.folder):
        assert send(channel, file).sent == SIZE
    channel.close()
    assert log.read_text().splitlines() == [SUM]


def test_without_sftp_the_disk_is_asked_once_and_the_checksums_come_from_one_shell(world: World) -> None:
    server, log = logged(world, options=())
    channel = open_channel(resolve(world.board(server)), world.farm_home)
    for file in files(world.folder):
        assert send(channel, file).sent == SIZE
    channel.close()
    commands = log.read_text().splitlines()
    assert sum(command.startswith(DF) for command in commands) == 1
    assert commands.count(SUM) == 1


def test_the_process_that_tells_checksums_ends_with_the_channel_and_is_started_again_where_it_died(
    world: World, channel: Channel
) -> None:
    one, two, _ = files(world.folder)
    assert send(channel, one).sent == SIZE
    stream = channel._store.sums._stream  # type: ignore[attr-defined]  # the test ends what it started
    stream.close()
    until(lambda: stream.exit_code(0) is not None, "the process saw the end of its stdin")
    assert send(channel, two).sent == SIZE


def test_a_board_without_sha256sum_says_what_to_install(world: World) -> None:
    server = world.server(options=["Subsystem sftp internal-sftp", "SetEnv PATH=/nowhere"], home=world.folder / "home")
    (world.folder / "home" / ".bashrc").write_text("PATH=/nowhere\n")
    channel = open_channel(resolve(world.board(server)), world.farm_home)
    with pytest.raises(BoardError, match="has no `xargs` or no `sha256sum`") as refused:
        send(channel, files(world.folder, 1)[0])
    assert "BusyBox" in str(refused.value.mend)
    channel.close()


@pytest.mark.parametrize(("handle", "request_size"), [(Taking, "large"), (Refusing, "small"), (Leaving, "small")])
def test_a_server_that_is_not_openssh_is_tried_with_large_requests_and_gets_small_ones_where_it_must(
    world: World, handle: type[Handle], request_size: str
) -> None:
    with other_server(world.host_keys["ed25519"], handle) as (port, commands):
        world.user_file.write_text(Sshd(world.folder, world.host_keys, [], port=port).record())
        base = world.folder / "base"
        spec = resolve({"name": "b", "host": "127.0.0.1", "port": port, "base": str(base)})
        channel = open_channel(spec, world.farm_home)
        for file in files(world.folder):
            assert send(channel, file).sent == SIZE
            digest = sha256(file.read_bytes())
            assert (base / "cas" / digest[:2] / digest).read_bytes() == file.read_bytes()
        used = channel._files._request  # type: ignore[attr-defined]  # nobody else knows
        channel.close()
    assert (used > 32 << 10) == (request_size == "large")
    assert sum(command.startswith(DF) for command in commands) == 1
    assert commands.count(SUM) == 1
    assert sum(command.startswith("exec sync ") for command in commands) == 3


def df_says(*frees: int) -> tuple[Disk, list[Sequence[str]]]:
    asked: list[Sequence[str]] = []
    answers = iter(frees)

    def run(argv: Sequence[str], _stdin: bytes, _timeout_s: float) -> ExecResult:
        asked.append(argv)
        line = f"/dev/mmcblk0p2 {2000 * 1024} 1 {next(answers) // 1024} 50% /"
        return ExecResult(
            0, f"Welcome\nFilesystem 1024-blocks Used Available Capacity Mounted on\n{line}\n".encode(), b""
        )

    return Disk("base", lambda _path: None, run), asked


def test_what_df_said_is_counted_down_and_asked_again_only_where_a_file_would_not_fit() -> None:
    disk, asked = df_says(1000 * MIB, 900 * MIB)
    for _ in range(7):
        assert disk.lacks(100 * MIB) is None
        disk.spend(100 * MIB)
    assert len(asked) == 1
    assert disk.lacks(200 * MIB) is None
    assert len(asked) == 2


def test_a_file_that_does_not_fit_gets_both_numbers() -> None:
    disk, _ = df_says(300 * MIB, 300 * MIB)
    assert disk.lacks(200 * MIB) == Room(300 * MIB, 2000 * MIB)


def test_a_small_disk_keeps_half_and_a_large_one_a_tenth() -> None:
    assert Room(20 * MIB, 20 * MIB).usable == 10 * MIB
    assert Room(1000 * MIB, 1000 * MIB).usable == 800 * MIB
    assert Room(10_000 * MIB, 10_000 * MIB).usable == 9000 * MIB


def test_a_full_board_still_takes_the_agent_that_makes_room_there() -> None:
    at_the_reserve = Room(200 * MIB, 2000 * MIB)
    assert at_the_reserve.takes(MIB // 8)
    assert not at_the_reserve.takes(2 * MIB)
    assert not Room(MIB // 16, 2000 * MIB).takes(MIB // 8)


def test_sixteen_pushes_run_at_once_and_no_more() -> None:
    together = threading.Barrier(turns.PER_WORKER, timeout=60)
    inside: list[int] = []
    most: list[int] = []

    def take() -> None:
        with turns.taken((), lambda: None):
            inside.append(1)
            most.append(len(inside))
            together.wait()
            inside.pop()

    threads = [threading.Thread(target=take) for _ in range(2 * turns.PER_WORKER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == turns.PER_WORKER
    assert not together.broken


def test_a_push_through_a_jump_host_waits_for_one_of_its_eight_turns(world: World, server: Sshd) -> None:
    gateway = world.server("gateway", host_keys={k: world.keys / f"gateway_{k}" for k in KINDS})
    world.configure(world.block(gateway, "gw") + world.block(server, "b", "ProxyJump gw"))
    world.user_file.write_text(server.record() + gateway.record())
    spec = {**resolve({"name": "b"}), "base": str(server.disk / "base")}
    channel = open_channel(spec, world.farm_home)
    (turn,) = channel._link.pushes  # type: ignore[attr-defined]  # held as eight pushes would hold it
    for _ in range(turns.PER_GATEWAY):
        assert turn.acquire(blocking=False)
    assert not turn.acquire(blocking=False)
    order: list[str] = []
    pushing = threading.Thread(target=lambda: order.append(f"sent {send(channel, files(world.folder, 1)[0]).sent}"))
    pushing.start()
    direct = open_channel(resolve(world.board(server, name="direct")), world.farm_home)
    for file in files(world.folder / "bin"):
        assert send(direct, file).sent == SIZE
    direct.close()
    order.append("a turn is free")
    for _ in range(turns.PER_GATEWAY):
        turn.release()
    pushing.join()
    channel.close()
    assert order == ["a turn is free", f"sent {SIZE}"]


def test_waiting_for_a_turn_ends_with_the_connection(world: World, server: Sshd) -> None:
    gateway = world.server("gateway")
    world.configure(world.block(gateway, "gw") + world.block(server, "b", "ProxyJump gw"))
    world.user_file.write_text(server.record() + gateway.record())
    channel = open_channel({**resolve({"name": "b"}), "base": str(server.disk / "base")}, world.farm_home)
    (turn,) = channel._link.pushes  # type: ignore[attr-defined]  # as above
    for _ in range(turns.PER_GATEWAY):
        turn.acquire()
    failed: list[Unreachable] = []

    def push_one() -> None:
        try:
            send(channel, files(world.folder, 1)[0])
        except Unreachable as error:
            failed.append(error)

    pushing = threading.Thread(target=push_one)
    pushing.start()
    channel.close()
    pushing.join()
    for _ in range(turns.PER_GATEWAY):
        turn.release()
    assert failed
