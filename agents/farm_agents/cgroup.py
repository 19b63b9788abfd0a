"""Where this process stands among the kernel's control groups, and where one that counts memory may be made."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Dict, List, Optional

from farm_agents.sysfs import Sysfs

KILLS = re.compile(r"^oom_kill (\d+)", re.MULTILINE)
NONE = "this system has no control groups"
NOT_SEEN = "no control groups are mounted where this agent can see them"
NOT_COUNTED = (
    "the control groups of this kernel do not count memory"
    " (a Raspberry Pi needs cgroup_enable=memory in its cmdline.txt)"
)
NOT_PASSED_ON = "no control group from {} upwards passes the control of memory on"
CLOSED = "{} is closed to this account: be root, or have a group delegated (systemd: Delegate=memory)"
READ_ONLY = "{} is mounted read-only"


@dataclass(frozen=True)
class Words:
    """What a version of control groups calls its files. `together`: the limit of swap is that of both, else swap's own."""

    limit: str
    swap: str
    together: bool
    peak: str
    events: str


FIRST = Words(
    limit="memory.limit_in_bytes",
    swap="memory.memsw.limit_in_bytes",
    together=True,
    peak="memory.max_usage_in_bytes",
    events="memory.oom_control",
)
SECOND = Words(limit="memory.max", swap="memory.swap.max", together=False, peak="memory.peak", events="memory.events")


class NoGround(Exception):
    """No group can be made here; the text says why."""


@dataclass(frozen=True)
class Ground:
    """A folder in which a group that counts memory may be made; `own`: that of the group of this process."""

    folder: str
    words: Words
    own: str


@dataclass(frozen=True)
class Mount:
    """The hierarchy of `controllers`; the second version has one for all. `root`: the group that lies at `point`."""

    second: bool
    controllers: List[str]
    root: str
    point: str


def reason(tree: Sysfs) -> Optional[str]:
    """Why no launch can be limited here; None where rights speak for it. Nothing is tried."""
    try:
        find(tree)
    except NoGround as why:
        return str(why)
    return None


def find(tree: Sysfs, controller: str = "memory") -> Ground:
    """By rights alone; of another `controller`, no more than the folders. Raises NoGround."""
    here = tree if tree.text("proc/self/cgroup") is not None else Sysfs()
    own, mounts = _own(here), _mounts(here)
    if not own or not mounts:
        raise NoGround(NOT_SEEN if own else NONE)
    first = next((mount for mount in mounts if controller in mount.controllers), None)
    second = next((mount for mount in mounts if mount.second), None)
    if first is not None and controller in own:
        return _first(here, _folder(first, own[controller]))
    if second is not None and "" in own:
        return _second(here, second, _folder(second, own[""]), controller)
    raise NoGround(NOT_COUNTED)


def kills(here: Sysfs) -> Optional[int]:
    """How many processes of our own group the kernel has ended for want of memory; None where nobody counts them."""
    own = _own(here)
    for mount in _mounts(here):
        name, words = ("", SECOND) if mount.second else ("memory", FIRST)
        if name in own and (mount.second or name in mount.controllers):
            with suppress(NoGround):
                found = _counted(here, mount, _folder(mount, own[name]), words)
                if found is not None:
                    return found
    return None


def _counted(here: Sysfs, mount: Mount, own: str, words: Words) -> Optional[int]:
    """In the second version a group counts those below it as well: the nearest one that counts at all."""
    for folder in _upwards(own, mount.point) if mount.second else [own]:
        match = KILLS.search(here.text(os.path.join(folder, words.events).lstrip("/")) or "")
        if match is not None:
            return int(match.group(1))
    return None


def _own(here: Sysfs) -> Dict[str, str]:
    """Controller -> the group of this process; that of the second version under no name."""
    found = {}
    for line in (here.text("proc/self/cgroup") or "").splitlines():
        names, _, path = line.partition(":")[2].partition(":")
        found.update(dict.fromkeys(names.split(","), path))
    return found


def _mounts(here: Sysfs) -> List[Mount]:
    found = []
    for line in (here.text("proc/self/mountinfo") or "").splitlines():
        place, source = (half.split(" ") for half in (line + " - ").split(" - ")[:2])
        if len(place) > 4 and len(source) > 2 and source[0] in ("cgroup", "cgroup2"):
            second = source[0] == "cgroup2"
            controllers = [] if second else source[2].split(",")
            found.append(Mount(second, controllers, place[3], place[4].replace("\\040", " ")))
    return found


def _folder(mount: Mount, path: str) -> str:
    """Of a group. Raises NoGround where it is not below what is mounted."""
    root = mount.root.rstrip("/")
    if ".." in path.split("/") or not (path + "/").startswith(root + "/"):
        raise NoGround(NOT_SEEN)
    return (mount.point + path[len(root) :]).rstrip("/")


def _first(here: Sysfs, folder: str) -> Ground:
    why = _closed(here, folder)
    if why is not None:
        raise NoGround(why)
    return Ground(_real(here, folder), FIRST, _real(here, folder))


def _second(here: Sysfs, mount: Mount, own: str, controller: str) -> Ground:
    """A group with processes in it passes nothing on: it is the nearest one above that does."""
    if controller not in _listed(here, mount.point, "cgroup.controllers"):
        raise NoGround(NOT_COUNTED)
    why = None
    for folder in _upwards(own, mount.point):
        if controller in _listed(here, folder, "cgroup.subtree_control"):
            closed = _closed(here, folder)
            if closed is None:
                return Ground(_real(here, folder), SECOND, _real(here, own))
            why = why or closed
    raise NoGround(why or NOT_PASSED_ON.format(own))


def _closed(here: Sysfs, folder: str) -> Optional[str]:
    """A process is moved by whoever may write `cgroup.procs` of a group above both its old and its new one."""
    group = _real(here, folder)
    for path in (group, os.path.join(group, "cgroup.procs")):
        if not os.path.exists(path):
            return "{} is not there".format(path)
        if not os.access(path, os.W_OK):
            return (READ_ONLY if os.statvfs(path).f_flag & os.ST_RDONLY else CLOSED).format(path)
    return None


def _upwards(folder: str, top: str) -> List[str]:
    found = [folder]
    while found[-1].startswith(top + "/"):
        found.append(os.path.dirname(found[-1]))
    return found


def _listed(here: Sysfs, folder: str, name: str) -> List[str]:
    return (here.text(os.path.join(folder, name).lstrip("/")) or "").split()


def _real(here: Sysfs, folder: str) -> str:
    return here.path(folder.lstrip("/"))
