"""How far a virtual board is set apart from the machine, and the command that does it."""

import os
import shlex
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from farm_lab import tree
from farm_lab.places import BoardPlaces, LabError
from farm_lab.processes import Process

NAMESPACES = ("--mount", "--uts", "--pid", "--fork", "--kill-child=KILL")
UNPRIVILEGED = ("--user", "--map-current-user", "--keep-caps")


@dataclass(frozen=True)
class Disk:
    """A board's own disk, in bytes."""

    size: int
    free: int


def choose(wanted: str, disk: int | None = None) -> int:
    """`auto`: 1 where the kernel allows it. Raises LabError where 1 is asked for, or a disk needs it, and is refused."""
    refusal = "level 0 was asked for" if wanted == "0" else why_not()
    if refusal is None:
        return 1
    if disk is not None:
        raise LabError(f"a disk of the board's own needs level 1: {refusal}; leave out --disk")
    if wanted == "1":
        raise LabError(f"level 1 does not work here: {refusal}; use --level 0")
    return 0


def why_not() -> str | None:
    """None where namespaces with an own /sys, /proc, disk and hostname can be made."""
    script = "mount -t proc proc /proc && mount --bind /proc /sys && mount -t tmpfs none /sys && hostname probe"
    try:
        done = subprocess.run(
            [*_unshare(), "sh", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "there is no `unshare` (util-linux)"
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["unshare failed"])[-1]


def apart(command: list[str], places: BoardPlaces, disk: int | None) -> list[str]:
    """`command` with its own hostname, process ids, /proc, /sys, /proc/cpuinfo and machine id; it goes into the background.

    With `disk` (bytes) its base lies on a disk of that size, in memory, which goes with it.
    """
    sysroot = places.sysroot
    shown = ("proc/cpuinfo", tree.BOOT_ID)
    binds = [(sysroot / "sys", "/sys"), *((sysroot / name, f"/{name}") for name in shown)]
    if Path("/etc/machine-id").exists():
        binds.append((sysroot / "etc/machine-id", "/etc/machine-id"))
    steps = [
        "mount -t proc proc /proc",
        *(f"mount --bind {source} {target}" for source, target in binds),
        *([] if disk is None else [f"mount -t tmpfs -o size={disk},mode=0700 farm-lab {places.base}", _kept(places)]),
        f"hostname {places.name}",
    ]
    script = f"{' && '.join(steps)} && exec {shlex.join(command)}"
    return ["setsid", "--fork", *_unshare(), "sh", "-c", script]


def _kept(places: BoardPlaces) -> str:
    """What lay on the disk when the power failed."""
    return (
        f"if test -d {places.kept_disk}; then cp -a {places.kept_disk}/. {places.base} && rm -r {places.kept_disk}; fi"
    )


def disk_of(places: BoardPlaces, listener: Process) -> Disk | None:
    """The board's own disk, seen through its listener; None where it has ended."""
    with suppress(OSError):
        found = os.statvfs(f"/proc/{listener.pid}/root{places.base}")
        return Disk(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
    return None


def _unshare() -> list[str]:
    """Root needs no user namespace, and its sshd could not change groups inside one."""
    return ["unshare", *(() if os.geteuid() == 0 else UNPRIVILEGED), *NAMESPACES]
