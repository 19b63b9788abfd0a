"""How far a virtual board is set apart from the machine, and the command that does it."""

import os
import shlex
import subprocess
from pathlib import Path

from farm_lab.places import LabError

NAMESPACES = ("--mount", "--uts", "--pid", "--fork", "--kill-child=KILL")
UNPRIVILEGED = ("--user", "--map-current-user", "--keep-caps")


def choose(wanted: str) -> int:
    """`auto`: 1 where the kernel allows it. Raises LabError where 1 was asked for and is refused."""
    if wanted == "0":
        return 0
    refusal = why_not()
    if refusal is None:
        return 1
    if wanted == "1":
        raise LabError(f"level 1 does not work here: {refusal}; use --level 0")
    return 0


def why_not() -> str | None:
    """None where namespaces with an own /sys, /proc and hostname can be made."""
    script = "mount -t proc proc /proc && mount --bind /proc /sys && hostname probe"
    try:
        done = subprocess.run(
            [*_unshare(), "sh", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "there is no `unshare` (util-linux)"
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["unshare failed"])[-1]


def apart(command: list[str], name: str, sysroot: Path) -> list[str]:
    """`command` with its own hostname, process ids, /proc, /sys, /proc/cpuinfo and machine id; it goes into the background."""
    binds = [(sysroot / "sys", "/sys"), (sysroot / "proc/cpuinfo", "/proc/cpuinfo")]
    if Path("/etc/machine-id").exists():
        binds.append((sysroot / "etc/machine-id", "/etc/machine-id"))
    steps = [
        "mount -t proc proc /proc",
        *(f"mount --bind {source} {target}" for source, target in binds),
        f"hostname {name}",
    ]
    script = f"{' && '.join(steps)} && exec {shlex.join(command)}"
    return ["setsid", "--fork", *_unshare(), "sh", "-c", script]


def _unshare() -> list[str]:
    """Root needs no user namespace, and its sshd could not change groups inside one."""
    return ["unshare", *(() if os.geteuid() == 0 else UNPRIVILEGED), *NAMESPACES]
