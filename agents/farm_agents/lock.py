"""Who holds the board: an flock with a fence in it, and the eviction of a holder with an older fence."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Callable, Optional

from farm_agents.wire import Json

EVICTION_S = 5.0
POLL_S = 0.02
WHO_MOST = 200  # characters; the lock file is read in one piece


class Held(Exception):
    """Another holder keeps the board. `reason`: fenced (its fence is newer) or busy (it would not go, or may not)."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Holder:
    """What stands in the lock file. Start times tell a process from a later one with the same pid.

    `farm` names the store that counts the fences: two stores count apart, so their fences say nothing to each other.
    `who`: the same for a person who waits.
    """

    fence: int
    farm: Optional[str]
    pid: int
    start: str
    runner_pid: Optional[int] = None
    runner_start: Optional[str] = None
    who: Optional[str] = None


class Lock:
    """The flock of one supervisor; its runner inherits the descriptor, so the lock is free only when both are gone."""

    def __init__(self, path: str, fence: int, farm: Optional[str] = None, who: Optional[str] = None) -> None:
        """Raises Held, or OSError where the file cannot be made."""
        with ExitStack() as undo:
            self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            undo.callback(os.close, self.fd)
            _take(self.fd, fence, farm)
            self.me = Holder(fence, farm, os.getpid(), started(os.getpid()) or "", who=who and who[:WHO_MOST])
            _write(self.fd, self.me)
            undo.pop_all()

    def runs(self, pid: Optional[int]) -> None:
        """Notes the runner, so that whoever evicts this holder can end it too."""
        _write(self.fd, replace(self.me, runner_pid=pid, runner_start=None if pid is None else started(pid)))

    def close(self) -> None:
        os.close(self.fd)


def _take(fd: int, fence: int, farm: Optional[str]) -> None:
    deadline = time.monotonic() + EVICTION_S
    while not _try(fd):
        holder = _read(fd)
        if holder is not None:
            _refuse_newer(holder, fence, farm)
            _refuse_foreign(holder, farm)
            evict(holder)
        if time.monotonic() > deadline:
            raise Held("busy", "the lock's holder {} is still there after {} s".format(holder, EVICTION_S))
        time.sleep(POLL_S)
    last = _read(fd)
    if last is not None:
        _refuse_newer(last, fence, farm)


def _refuse_newer(holder: Holder, fence: int, farm: Optional[str]) -> None:
    if holder.farm == farm and holder.fence > fence:
        text = "fence {} is older than {}, under which pid {} took the board"
        raise Held("fenced", text.format(fence, holder.fence, holder.pid))


def _refuse_foreign(holder: Holder, farm: Optional[str]) -> None:
    if holder.farm != farm:
        who = "another farm measures on this board" + (": {}".format(holder.who) if holder.who else "")
        raise Held("busy", "{} (pid {} there)".format(who, holder.pid))


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        return False
    return True


def _read(fd: int) -> Optional[Holder]:
    """None for a lock file that is empty, torn or somebody else's."""
    try:
        body = json.loads(os.pread(fd, 4096, 0).decode())
        return Holder(
            fence=int(body["fence"]),
            farm=body["farm"],
            pid=int(body["pid"]),
            start=str(body["start"]),
            runner_pid=_int(body, "runner_pid"),
            runner_start=body["runner_start"],
            who=body.get("who"),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _int(body: Json, name: str) -> Optional[int]:
    return None if body[name] is None else int(body[name])


def _write(fd: int, holder: Holder) -> None:
    line = json.dumps(asdict(holder)).encode() + b"\n"
    os.pwrite(fd, line, 0)
    os.ftruncate(fd, len(line))


def evict(holder: Holder, kill: Callable[[int, int], None] = os.killpg) -> None:
    """SIGKILL to the groups of the holder and of its runner; a reused pid has another start time and is left alone."""
    for pid, start in ((holder.pid, holder.start), (holder.runner_pid, holder.runner_start)):
        if pid is not None and pid > 1 and start and started(pid) == start:
            try:
                kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue


def started(pid: int) -> Optional[str]:
    """When a process began, as text to compare; None where there is no such process."""
    try:
        with open("/proc/{}/stat".format(pid), "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[19].decode()
    except (OSError, IndexError):
        return None if os.path.exists("/proc/self/stat") else _started_by_ps(pid)


def _started_by_ps(pid: int) -> Optional[str]:
    """One text for one process, whatever language and time zone its reader has."""
    ask, env = ["ps", "-o", "lstart=", "-p", str(pid)], {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    try:
        answer = subprocess.run(ask, env=env, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode(errors="replace").strip() or None
