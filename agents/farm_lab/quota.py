"""Slowing a runner down exactly, where the machine allows it: a control group with so much CPU time in every few milliseconds."""

import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from farm_agents import cgroup
from farm_agents.cgroup import NoGround
from farm_agents.sysfs import Sysfs

PERIOD_US = 5_000
LEAST_US = 1_000  # the kernel takes no less
FREE = {"cpu.max": "max 100000", "cpu.cfs_quota_us": "-1"}
PROCESSES = "cgroup.procs"
EMPTY_S = 2.0
STEP_S = 0.01


@dataclass(frozen=True)
class Ground:
    """Where groups that limit CPU time may be made, and the group that this process, and every board, is in."""

    folder: Path
    own: Path

    def group(self, lab: Path, board: str) -> Path:
        return self.folder / f"{_mark(lab)}{board}"


def ground(tree: Sysfs | None = None) -> Ground | None:
    """None where this account may not; tried with a group of nobody."""
    try:
        found = cgroup.find(tree or Sysfs(), "cpu")
        here = Ground(Path(found.folder), Path(found.own))
        probe = here.group(here.folder, f"probe-{os.getpid()}")
        probe.mkdir()
    except (NoGround, OSError):
        return None
    try:
        _limit(probe, PERIOD_US)
    except OSError:
        return None
    finally:
        probe.rmdir()
    return here


def forget(lab: Path) -> None:
    """What a lab left whose physics and its guard were killed at once."""
    here = ground()
    if here is not None:
        for group in here.folder.glob(f"{_mark(lab)}*"):
            dissolve(group, here.own)


class Quota:
    """One runner in a group of its own; it leaves it alive or dead."""

    name = "quota"

    def __init__(self, pid: int, group: Path, own: Path) -> None:
        """Raises OSError where it has ended, may not be moved, or is in another group: that one limits something too."""
        if str(pid) not in (own / PROCESSES).read_text().split():
            raise ProcessLookupError(f"{pid} is not in {own}")
        self.pid, self.group, self.own = pid, group, own
        self.quota_us = 0
        with suppress(FileExistsError):
            group.mkdir()
        try:
            self.hold(1.0)
            _write(group / PROCESSES, str(pid))
        except OSError:
            dissolve(group, own)
            raise

    def hold(self, share: float) -> None:
        """So much of a CPU's time, over all its threads."""
        quota_us = max(LEAST_US, round(PERIOD_US * share))
        if quota_us != self.quota_us:
            _limit(self.group, quota_us)
            self.quota_us = quota_us

    def close(self) -> None:
        dissolve(self.group, self.own)


def dissolve(group: Path, own: Path) -> None:
    """What is in it goes on as before, back where all others are."""
    with suppress(OSError):
        for name, free in FREE.items():
            if (group / name).exists():
                _write(group / name, free)
        for pid in (group / PROCESSES).read_text().split():
            with suppress(OSError):  # it has ended
                _write(own / PROCESSES, pid)
    _remove(group)


def _mark(lab: Path) -> str:
    return f"farm-lab-{hashlib.sha256(bytes(lab)).hexdigest()[:12]}-"


def _limit(group: Path, quota_us: int) -> None:
    """In the words of the version that is there: the second has one file for both. Raises OSError."""
    second = (group / "cpu.max").exists()
    words: Mapping[str, str] = (
        {"cpu.max": f"{quota_us} {PERIOD_US}"}
        if second
        else {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(quota_us)}
    )
    for name, text in words.items():
        _write(group / name, text)


def _remove(group: Path) -> None:
    """What has ended stays in it for a moment."""
    deadline = time.monotonic() + EMPTY_S
    while group.exists() and time.monotonic() < deadline:
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(STEP_S)


def _write(file: Path, text: str) -> None:
    """Made by the kernel alone. Raises OSError."""
    fd = os.open(file, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
