"""One board, one holder: fences, eviction, and processes that must not be hit by mistake."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import agents_support as parts
from agents_support import Board, Client
from farm_agents import lock, wire
from farm_agents.lock import Held, Holder, Lock

Start = Callable[..., Client]


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def busy_agent(start: Start, tmp_path: Path, fence: int, **fields: str) -> Client:
    client = start()
    assert isinstance(client.open(fence, **fields), wire.Hello)
    client.start(parts.endless(tmp_path / "endless.onnx"), parts.ones(tmp_path / "ones.npz"))
    client.until("first")
    return client


def holder_of(pid: int, start: str | None, fence: int = 1) -> Holder:
    return Holder(fence=fence, farm=None, pid=pid, start=start or "")


def test_a_newer_fence_evicts_the_holder_and_its_runner(start: Start, board: Board, tmp_path: Path) -> None:
    old = busy_agent(start, tmp_path, fence=3)
    runner = int(board.holder()["runner_pid"])
    assert isinstance(start().open(4), wire.Hello)
    assert old.process.wait(parts.PATIENCE_S) == -signal.SIGKILL
    assert not parts.alive(runner)
    assert [(line["fence"], line["event"]) for line in board.journal()] == [(3, "start"), (3, "end")]


def test_a_stopped_holder_is_evicted_too(start: Start, tmp_path: Path) -> None:
    old = busy_agent(start, tmp_path, fence=3)
    old.process.send_signal(signal.SIGSTOP)
    assert isinstance(start().open(4), wire.Hello)
    assert old.process.wait(parts.PATIENCE_S) == -signal.SIGKILL


def test_the_same_fence_again_is_the_same_holder_coming_back(start: Start, tmp_path: Path) -> None:
    old = busy_agent(start, tmp_path, fence=3)
    assert isinstance(start().open(3), wire.Hello)
    assert old.process.wait(parts.PATIENCE_S) == -signal.SIGKILL


def test_a_smaller_fence_is_refused_and_harms_nobody(start: Start, board: Board, tmp_path: Path) -> None:
    old = busy_agent(start, tmp_path, fence=5)
    late = start()
    refused = late.open(4)
    assert isinstance(refused, wire.Refused)
    assert refused.reason == "fenced"
    assert "5" in refused.detail
    assert late.process.wait(parts.PATIENCE_S) == 0
    assert parts.alive(old.process.pid)
    assert parts.alive(int(board.holder()["runner_pid"]))


def test_a_smaller_fence_is_refused_after_the_newer_one_has_gone(start: Start) -> None:
    first = start()
    assert isinstance(first.open(5), wire.Hello)
    assert first.end() == 0
    assert isinstance(start().open(4), wire.Refused)
    assert isinstance(start().open(5), wire.Hello)


def test_the_fence_of_another_farm_says_nothing_on_a_free_board(start: Start) -> None:
    first = start()
    assert isinstance(first.open(5, farm="ours"), wire.Hello)
    assert first.end() == 0
    assert isinstance(start().open(1, farm="theirs"), wire.Hello)


def test_another_farm_that_measures_is_not_evicted(start: Start, tmp_path: Path) -> None:
    first = busy_agent(start, tmp_path, fence=1, farm="ours")
    refused = start().open(9, farm="theirs")
    assert isinstance(refused, wire.Refused)
    assert refused.reason == "busy"
    assert parts.alive(first.process.pid)


@pytest.mark.parametrize("left", ["", "{", "17\n", '{"fence": 99}', "\0" * 100, "null"])
def test_a_lock_file_that_is_no_holder_is_free(tmp_path: Path, left: str) -> None:
    (tmp_path / "lock").write_text(left)
    held = Lock(str(tmp_path / "lock"), 1)
    assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    held.close()


def test_a_stale_lock_of_a_dead_holder_is_taken_at_once(tmp_path: Path) -> None:
    left = {"fence": 1, "farm": None, "pid": 2**22 - 1, "start": "1", "runner_pid": None, "runner_start": None}
    (tmp_path / "lock").write_text(json.dumps(left))
    Lock(str(tmp_path / "lock"), 2).close()
    assert json.loads((tmp_path / "lock").read_text())["fence"] == 2


def test_a_process_that_got_the_holders_pid_later_is_never_killed(sleeper: "subprocess.Popen[bytes]") -> None:
    killed: list[int] = []
    started = lock.started(sleeper.pid)
    lock.evict(holder_of(sleeper.pid, str(int(started or 0) - 1)), kill=lambda pid, _: killed.append(pid))
    lock.evict(holder_of(sleeper.pid, None), kill=lambda pid, _: killed.append(pid))
    assert killed == []
    lock.evict(holder_of(sleeper.pid, started))
    assert sleeper.wait(parts.PATIENCE_S) == -signal.SIGKILL


def test_a_holder_that_cannot_be_ended_leaves_the_board_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flock is held by a process that the lock file does not name."""
    monkeypatch.setattr(lock, "EVICTION_S", 0.1)
    code = "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.flock(f,fcntl.LOCK_EX); print('held',flush=True); sys.stdin.read()"
    path = str(tmp_path / "lock")
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Held, match="still there") as held:
            Lock(path, 1)
        assert held.value.reason == "busy"
        holder.communicate()


def test_the_lock_is_free_only_when_the_runner_is_gone_too(start: Start, board: Board, tmp_path: Path) -> None:
    """The runner inherits the descriptor: what holds the flock is whatever of the two still lives."""
    busy_agent(start, tmp_path, fence=1)
    runner = int(board.holder()["runner_pid"])
    links = [entry.readlink() for entry in Path(f"/proc/{runner}/fd").iterdir()]
    assert board.base / "lock" in links


def test_an_agent_leads_a_process_group_of_its_own(start: Start) -> None:
    client = start()
    assert isinstance(client.open(), wire.Hello)
    assert os.getpgid(client.process.pid) == client.process.pid
