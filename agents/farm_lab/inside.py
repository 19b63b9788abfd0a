"""What can be done to a board's disk from inside its namespaces only: `python -I -m farm_lab.inside PID VERB FOLDER [SIZE]`."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from farm_lab.places import LabError
from farm_lab.processes import Process

MS_RDONLY, MS_REMOUNT, MS_BIND, MNT_DETACH = 1, 32, 4096, 2
KEPT = {os.ST_NOSUID: 2, os.ST_NODEV: 4, os.ST_NOEXEC: 8, os.ST_NOATIME: 1024, os.ST_NODIRATIME: 2048,
        os.ST_RELATIME: 1 << 21}  # fmt: skip
NAMESPACES = ("user", "mnt")
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(process: Process, verb: str, folder: str, size: int = 0) -> None:
    """Does it in the namespaces of `process`. Raises LabError."""
    command = [sys.executable, "-I", "-m", "farm_lab.inside", str(process.pid), verb, folder, str(size)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{folder}: {verb} failed: {done.stderr.strip()[-300:]}")


def main(pid: str, verb: str, folder: str, size: str) -> None:
    join(pid)
    VERBS[verb](folder, int(size))


def join(pid: str) -> None:
    """Not by `nsenter`: a program that is started in a user namespace by an ordinary user has no rights there."""
    for kind in NAMESPACES:
        there, here = Path(f"/proc/{pid}/ns/{kind}"), Path(f"/proc/self/ns/{kind}")
        if there.readlink() != here.readlink():
            fd = os.open(there, os.O_RDONLY)
            _checked(LIBC.setns(fd, 0))
            os.close(fd)


def fill(folder: str, _: int) -> None:
    """The disk shrinks to what lies on it."""
    seen = os.statvfs(folder)
    resize(folder, max(1, (seen.f_blocks - seen.f_bfree)) * seen.f_frsize)


def resize(folder: str, size: int) -> None:
    _checked(LIBC.mount(None, folder.encode(), None, MS_REMOUNT, f"size={size}".encode()))


def close(folder: str, _: int) -> None:
    """Files that are open already can still be written: a second mount lies over the first."""
    flags = sum(flag for name, flag in KEPT.items() if os.statvfs(folder).f_flag & name)
    _checked(LIBC.mount(folder.encode(), folder.encode(), None, MS_BIND, None))
    _checked(LIBC.mount(None, folder.encode(), None, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, None))


def reopen(folder: str, _: int) -> None:
    _checked(LIBC.umount2(folder.encode(), MNT_DETACH))


def _checked(code: int) -> None:
    if code:
        raise SystemExit(os.strerror(ctypes.get_errno()))


VERBS = {"fill": fill, "resize": resize, "close": close, "reopen": reopen}

if __name__ == "__main__":
    main(*sys.argv[1:])
