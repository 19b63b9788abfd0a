"""A board's sensor tree as one document, to be laid out again elsewhere; the agent never imports it, it is sent alone.

Its text and one call are the program that a board's Python gets on standard input: the standard library only.
"""

import base64
import errno
import fnmatch
import json
import os
import platform
import posixpath
import pwd
import re
import stat
import zlib
from typing import Any, Dict, List, Optional, Tuple

CPU = "sys/devices/system/cpu"
PATTERNS = (
    *(CPU + "/" + name for name in ("online", "possible", "present", "offline", "isolated", "nohz_full", "kernel_max")),
    CPU + "/smt/*",
    *(CPU + "/cpu[0-9]*/" + name for name in ("online", "cpu_capacity", "cpufreq", "thermal_throttle/*")),
    *(CPU + "/cpu[0-9]*/" + name for name in ("topology/*_list", "topology/*_id", "regs/identification/midr_el1")),
    *(CPU + "/cpu[0-9]*/cache/index*/" + name for name in ("level", "type", "size")),
    *(CPU + "/cpu[0-9]*/cpuidle/state*/" + name for name in ("name", "latency", "residency", "disable")),
    CPU + "/cpufreq/*",
    CPU + "/cpufreq/*/*",
    CPU + "/cpufreq/policy*/*/*",
    CPU + "/*_pstate/*",
    *("sys/class/{}/*/*".format(name) for name in ("devfreq", "thermal", "hwmon", "powercap", "power_supply")),
    *("sys/class/thermal/cooling_device*/stats/" + name for name in ("time_in_state_ms", "total_trans")),
    "sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/*",
    "sys/bus/i2c/drivers/ina3221x/*/iio:device*/*",
    "sys/devices/platform/soc*/soc*:firmware/get_throttled",
    "sys/class/dmi/id/sys_vendor",
    "sys/class/dmi/id/product_name",
    *(
        folder + name
        for folder in ("sys/firmware/devicetree/base/", "proc/device-tree/")
        for name in ("model", "compatible")
    ),
)
# A simulated tree may leave these out; the agent then reads the machine's own, and so does this.
OF_THE_MACHINE = ("proc/cpuinfo", "proc/meminfo", "proc/version")
# What only tells whose board it is, and links that lead away from it.
LEFT_ALONE = re.compile(r"serial|uuid|address|unique|asset|wwid|uevent|modalias|^(subsystem|driver|(of|\w+)_node)$")
SERIALS = (
    "sys/firmware/devicetree/base/serial-number",
    "sys/class/dmi/id/product_serial",
    "sys/class/dmi/id/board_serial",
    "sys/class/dmi/id/product_uuid",
)
NAME = re.compile(r"[A-Za-z0-9._:@+,#~=-]+\Z")  # of what can be laid out again anywhere
FILE_LIMIT = 1 << 16
TEXT_LIMIT = 8 << 20
ENTRIES = 20000
HOPS = 40


class Tree:
    """What was read so far below `root`: path -> {"text", "writable"?} or {"error"} or {"link"}."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.entries: Dict[str, Dict[str, Any]] = {}
        self.left_out = 0
        self._room = TEXT_LIMIT
        self._folders: Dict[str, Optional[str]] = {}

    def take(self, pattern: str) -> None:
        folder, _, name = pattern.rpartition("/")
        for place in self._matching(folder):
            for found in self._names(place, name):
                if NAME.match(found) and not LEFT_ALONE.search(found):
                    self._add(self._real(place + "/" + found), self.root)

    def take_from_machine(self, path: str) -> None:
        """The tree's own file, else the one below /."""
        self._add(self._real(path), self.root)
        if path not in self.entries:
            self._add(path, "/")

    def text(self, path: str) -> str:
        said = read(os.path.join(self.root, path)).get("text")
        return str(said or "").replace("\0", "").strip()

    def _matching(self, pattern: str) -> List[str]:
        """Folders without links in their paths."""
        found = [""]
        for part in pattern.split("/"):
            named = [posixpath.join(place, name) for place in found for name in self._names(place, part)]
            found = [place for place in (self._folder(path) for path in named) if place is not None]
        return found

    def _folder(self, path: str) -> Optional[str]:
        if path not in self._folders:
            self._folders[path] = self._real(path)
        return self._folders[path]

    def _names(self, folder: str, part: str) -> List[str]:
        try:
            return sorted(fnmatch.filter(os.listdir(os.path.join(self.root, folder)), part))
        except OSError:
            return []

    def _real(self, path: str) -> Optional[str]:
        """The path without links, each of which becomes an entry; None where they lead out of the root or in circles."""
        done, todo, hops = "", path.split("/"), 0
        while todo:
            here = posixpath.join(done, todo.pop(0))
            aim = _aim(self.root, here)
            if aim is None:
                done = here
                continue
            if aim == here:
                self.entries[here] = {"error": "EACCES"}  # a link to itself: a tree laid out again closes a file so
                return None
            hops += 1
            if hops > HOPS or aim.startswith(".") or not all(map(NAME.match, aim.split("/"))):
                return None
            self.entries[here] = {"link": _relative(aim, posixpath.dirname(here))}
            done, todo = "", [*aim.split("/"), *todo]
        return done

    def _add(self, path: Optional[str], root: str) -> None:
        if path is None or path in self.entries or not _is_leaf(os.path.join(root, path)):
            return
        if len(self.entries) >= ENTRIES or self._room <= 0:
            self.left_out += 1
            return
        self.entries[path] = read(os.path.join(root, path))
        self._room -= len(self.entries[path].get("text", ""))


def read(path: str) -> Dict[str, Any]:
    """A file's start as text, or the name of the error."""
    try:
        mode = os.stat(path).st_mode
        if not mode & 0o444:
            return {"error": "EACCES"}  # root may open it, and some such files only pretend to be readable
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            text = _all(fd)
        finally:
            os.close(fd)
    except OSError as error:
        return {"error": errno.errorcode.get(error.errno or errno.EIO, "EIO")}
    found = {"text": text.decode("utf-8", "replace")}
    writable = mode & 0o222 and os.access(path, os.W_OK)  # root is told that it may, and the kernel then refuses
    return {**found, "writable": True} if writable else found


def _all(fd: int) -> bytes:
    """The kernel may give a page at a time."""
    found = b""
    while len(found) < FILE_LIMIT:
        piece = os.read(fd, FILE_LIMIT - len(found))
        if not piece:
            break
        found += piece
    return found


def _aim(root: str, path: str) -> Optional[str]:
    """Where a link leads, as a path below the root; None where it is no link."""
    try:
        target = os.readlink(os.path.join(root, path))
    except OSError:
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target)).lstrip("/")


def _relative(aim: str, folder: str) -> str:
    """From a folder, ending on a name even where it is one of the folders above, as `device` of every sensor is."""
    above, name = posixpath.split(aim)
    way = posixpath.relpath(above or ".", folder or ".")
    return name if way == "." else way + "/" + name


def _is_leaf(path: str) -> bool:
    """A file, or an empty folder in its place: so a tree laid out again makes reading fail."""
    try:
        mode = os.lstat(path).st_mode
        return stat.S_ISREG(mode) or (stat.S_ISDIR(mode) and not os.listdir(path))
    except OSError:
        return False


def owner(tree: Tree) -> Dict[str, List[str]]:
    """Words that tell whose board this is, by kind: they are to be taken out, not kept."""
    users = [account.pw_name for account in pwd.getpwall() if 1000 <= account.pw_uid < 60000]
    node = platform.node()
    return {
        "host name": [node, node.partition(".")[0]],
        "user name": [*users, *_me()],
        "serial number": [tree.text(path) for path in SERIALS],
        "machine-id": _ids(tree, "etc/machine-id"),
        "boot_id": _ids(tree, "proc/sys/kernel/random/boot_id"),
    }


def _me() -> List[str]:
    try:
        return [pwd.getpwuid(os.getuid()).pw_name]
    except KeyError:
        return []


def _ids(tree: Tree, path: str) -> List[str]:
    return [tree.text(path), Tree("/").text(path)]


def facts() -> Dict[str, Any]:
    """What no file says."""
    allowed: Tuple[int, ...] = tuple(range(os.cpu_count() or 1))
    if hasattr(os, "sched_getaffinity"):
        allowed = tuple(sorted(os.sched_getaffinity(0)))
    return {"allowed": allowed, "page_size": os.sysconf("SC_PAGE_SIZE")}


def record(root: str) -> str:
    """One line: base64 of the deflated JSON {"entries", "left_out", "facts", "owner"}."""
    tree = Tree(root)
    for pattern in PATTERNS:
        tree.take(pattern)
    for path in OF_THE_MACHINE:
        tree.take_from_machine(path)
    body = {"entries": tree.entries, "left_out": tree.left_out, "facts": facts(), "owner": owner(tree)}
    return base64.b64encode(zlib.compress(json.dumps(body).encode(), 9)).decode()
