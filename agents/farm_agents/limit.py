"""The limit on the memory of one launch: a control group, made before its runner and removed after it."""

import hashlib
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import List, Optional

from farm_agents import cgroup, memory
from farm_agents.cgroup import NoGround, Words
from farm_agents.fact import told
from farm_agents.place import Place
from farm_agents.sysfs import Sysfs, integer
from farm_agents.wire import Json

NAME = re.compile(r"benchfarm-[0-9a-f]{16}\Z")
EMPTY_S = 2.0
NOT_ASKED = "only a launch with a memory limit has a control group of its own"
NOT_TOLD = "this kernel does not tell it"
NO_SWAP_LIMIT = "this kernel does not count swap: a launch over its limit would be swapped out, not ended"


@dataclass(frozen=True)
class Group:
    """The control group of one launch."""

    folder: str
    words: Words
    note: str  # the file that names it for whoever comes next

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def enter(self) -> None:
        """This process, and whatever it starts from then on. Raises OSError."""
        _write(self.path("cgroup.procs"), "0")

    def pids(self) -> List[int]:
        """Without those of other namespaces, which are told as 0."""
        found = map(integer, _text(self.path("cgroup.procs")).split())
        return [pid for pid in found if pid is not None and pid > 1]

    def number(self, name: str) -> Optional[int]:
        return integer(_text(self.path(name)).strip())


@dataclass(frozen=True)
class Bounds:
    """What holds for the memory of one launch: `wanted` bytes, held by `group`; without a group `reason` says why."""

    wanted: Optional[int] = None
    group: Optional[Group] = None
    reason: str = NOT_ASKED

    @property
    def held(self) -> Optional[int]:
        return None if self.group is None else self.wanted


@dataclass(frozen=True)
class Taken:
    """What the group counted. `kills`: processes that the kernel ended for want of memory in it."""

    peak: Optional[int] = None
    kills: Optional[int] = None


def bounds(where: Place, tree: Sysfs, wanted: Optional[int]) -> Bounds:
    """For a runner that is about to be started; where the board does not let us, it is started without."""
    if wanted is None:
        return Bounds()
    try:
        return Bounds(wanted, _make(where, tree, wanted), "")
    except NoGround as why:
        return Bounds(wanted, None, str(why))


def entered(made: Bounds, process: "subprocess.Popen[bytes]") -> Bounds:
    """The started runner stands in its group, or nothing holds; one that has ended already has left it."""
    if made.group is None or process.pid in made.group.pids() or process.poll() is not None:
        return made
    clear(made.group.note)
    return replace(made, group=None, reason="the runner could not enter {}".format(made.group.folder))


def taken(made: Bounds) -> Taken:
    group = made.group
    if group is None:
        return Taken()
    kills = cgroup.KILLS.search(_text(group.path(group.words.events)))
    return Taken(group.number(group.words.peak), int(kills.group(1)) if kills else None)


def facts(made: Bounds, used: Taken) -> Json:
    """Under the names of a launch's facts."""
    absent = made.reason or NOT_TOLD
    found = {**told("cgroup_peak", used.peak, absent), **told("cgroup_oom_kills", used.kills, absent)}
    if made.wanted is not None:
        found.update(memory_limit=made.wanted, memory_limit_held=made.held is not None)
        found.update({} if made.held is not None else {"memory_limit_reason": made.reason})
    return found


def findings(made: Bounds) -> List[Json]:
    if made.wanted is None or made.held is not None:
        return []
    text = "--memory-limit {} was not enforced: {}.".format(megabytes(made.wanted), made.reason)
    return [{"name": "MEMORY_NOT_LIMITED", "text": text}]


def over(made: Bounds, used: Taken) -> Optional[str]:
    """Why the kernel ended the runner, where it did so for this limit."""
    if made.wanted is None or not used.kills:
        return None
    peak = "" if used.peak is None else "{} were taken, ".format(megabytes(used.peak))
    return "more than --memory-limit {} allows: {}then the kernel ended it".format(megabytes(made.wanted), peak)


def megabytes(count: int) -> str:
    return "{:.1f} MB".format(count / 1e6)


def clear(note: str) -> None:
    """Removes the noted group, whichever agent made it, and ends what still runs in it."""
    folder = _text(note)
    if not NAME.match(os.path.basename(folder)):
        return
    group, until = Group(folder, cgroup.SECOND, note), time.monotonic() + EMPTY_S
    while not _removed(folder) and time.monotonic() < until:
        for pid in group.pids():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    if not os.path.isdir(folder):
        with suppress(OSError):
            os.unlink(note)


def hold(group: Group, wanted: int, *, swap: bool) -> None:
    """Sets the limit and reads it back; `swap`: the board has some. Raises OSError, NoGround."""
    words = group.words
    _write(group.path(words.limit), str(wanted))
    try:
        _write(group.path(words.swap), str(wanted) if words.together else "0")
    except OSError as error:
        if swap:
            raise NoGround(NO_SWAP_LIMIT) from error
    said, page = group.number(words.limit), memory.page_size()[0] or 4096
    if said is None or not wanted - page < said <= wanted:  # the kernel keeps whole pages
        raise NoGround("{} reads {} after {} was written".format(group.path(words.limit), said, wanted))


def _make(where: Place, tree: Sysfs, wanted: int) -> Group:
    """Raises NoGround."""
    total = memory.meminfo_bytes(tree, "MemTotal")
    if total is not None and wanted > total:
        raise NoGround("the board has {}, less than the limit".format(megabytes(total)))
    found = cgroup.find(tree)
    clear(where.limit)
    group = Group(os.path.join(found.folder, _name(where)), found.words, where.limit)
    try:
        with open(where.limit, "w", encoding="utf-8") as file:  # before the group: whoever comes next must find it
            file.write(group.folder)
        os.mkdir(group.folder)
        hold(group, wanted, swap=bool(memory.meminfo_bytes(tree, "SwapTotal")))
    except (OSError, NoGround) as error:
        clear(where.limit)
        raise NoGround(str(error)) from error
    return group


def _name(where: Place) -> str:
    """A base has one launch at a time; boards that share a machine have bases of their own."""
    return "benchfarm-" + hashlib.sha256(os.fsencode(where.base)).hexdigest()[:16]


def _removed(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _write(path: str, text: str) -> None:
    """To a file of the kernel, which is never made here. Raises OSError."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode("ascii"))
    finally:
        os.close(fd)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
