"""`farm-tune`: sets clocks for whoever is connected to it, and gives them back however the connection ends.

One file of the standard library and JSON lines, so that it can be read whole before it is installed for root. Only the
knobs that KNOB names are ever written, and only with values that the board itself lists.
"""

import errno
import fcntl
import json
import os
import re
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any, Dict, List, NoReturn, Optional, Sequence, Tuple

Json = Dict[str, Any]
FORMAT = "farm.lease/1"
JOURNAL = "/var/lib/farm-agent/lease.json"
FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
LINE_LIMIT = 1 << 16
WRITES_MOST = 512
LEASE_MOST_S = 6 * 3600.0
WAIT_S = 3.0  # for another farm-tune that is still giving back
POLL_S = 0.02
GOVERNOR = "scaling_governor"
LIMITS = ("scaling_min_freq", "scaling_max_freq")
CPUFREQ = "sys/devices/system/cpu/cpufreq"
KNOB = re.compile("(" + CPUFREQ + "/policy[0-9]{1,4})/(" + "|".join((GOVERNOR, *LIMITS)) + ")")
VALUE = re.compile(r"[A-Za-z0-9_-]{1,32}")
BOOT_ID = "proc/sys/kernel/random/boot_id"
COOLERS = "sys/class/thermal"
COOLS_CPU = re.compile(r"cpufreq-cpu|thermal-cpufreq|Processor\Z")


class Refused(Exception):
    """A request that is not carried out; nothing was written."""


def main(words: Sequence[str]) -> int:
    """`farm-tune [--root DIR --journal FILE] [restore]`; without `restore` it serves its standard input."""
    options = {"--root": "/", "--journal": JOURNAL}
    rest = list(words)
    while len(rest) > 1 and rest[0] in options:
        options[rest[0]] = rest[1]
        rest = rest[2:]
    if rest not in ([], ["restore"]):
        sys.stderr.write("usage: farm-tune [--root DIR --journal FILE] [restore]\n")
        return 2
    desk = Desk(Tree(options["--root"]), options["--journal"])
    if not rest:
        return serve(desk, 0, 1)
    answer = desk.answer(b'{"verb": "acquire"}')  # it gives back what an ended farm-tune left
    desk.leave()
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0 if answer["ok"] and not desk.knobs else 1


def serve(desk: "Desk", reading: int, writing: int) -> int:
    """Answers line by line; the end of input, the end of the lease and a signal are all the end of the connection."""
    on_signals(_leave)
    rest = b""
    try:
        while select.select([reading], [], [], desk.left_s)[0]:
            chunk = os.read(reading, LINE_LIMIT)
            *lines, rest = (rest + chunk).split(b"\n")
            if not chunk or len(rest) > LINE_LIMIT:
                break
            for line in lines:
                os.write(writing, json.dumps(desk.answer(line)).encode() + b"\n")
    except OSError:  # nobody hears the answers any more
        pass
    finally:
        on_signals(signal.SIG_IGN)
        desk.leave()
    return 0


def on_signals(act: Any) -> None:
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(name, act)


def _leave(number: int, frame: Any) -> NoReturn:
    del frame
    sys.exit(128 + number)


class Tree:
    """The files below `root`; a recorded or simulated tree is taken for the board's."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def text(self, name: str) -> str:
        """Raises OSError."""
        return self._bytes(name).decode("utf-8", "replace").strip()

    def words(self, name: str) -> List[str]:
        """None where the file is missing."""
        try:
            return self.text(name).split()
        except OSError:
            return []

    def write(self, name: str, value: str) -> None:
        """Raises OSError. A plain file is padded before it is cut, so that nobody ever reads it empty or torn."""
        fd = os.open(self.path(name), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(fd)
            if not found.st_mode & 0o222:  # a knob that nobody may write is closed to root too
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            data, size = value.encode() + b"\n", len(self._bytes(name))
            plain = found.st_size == size  # the kernel's own files claim a whole page
            os.write(fd, data.ljust(size, b"\n") if plain else data)
            if plain:
                os.ftruncate(fd, len(data))
        finally:
            os.close(fd)

    def set(self, name: str, value: str) -> Optional[str]:
        """Why it could not be written."""
        try:
            self.write(name, value)
        except OSError as error:
            return errno_name(error)
        return None

    def cooled(self) -> bool:
        """Whether heat takes clock away from the processor now: what limits then read is not what was written."""
        with suppress(OSError):
            for entry in os.listdir(self.path(COOLERS)):
                folder = COOLERS + "/" + entry + "/"
                kind, state = self.words(folder + "type"), self.words(folder + "cur_state")
                if kind and COOLS_CPU.match(kind[0]) and state not in ([], ["0"]):
                    return True
        return False

    def boot_id(self) -> Optional[str]:
        return next(iter(self.words(BOOT_ID) or Tree("/").words(BOOT_ID)), None)

    def _bytes(self, name: str) -> bytes:
        with open(self.path(name), "rb") as file:
            return file.read(65536)


def knob_of(tree: Tree, name: Any) -> Tuple[str, str]:
    """(folder, file) of a knob. Raises Refused at any other path, and at one that leads elsewhere."""
    found = KNOB.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise Refused("{!r:.200} is no knob that may be set".format(name))
    if os.path.realpath(tree.path(name)) != tree.path(name):
        raise Refused("{} leads elsewhere".format(name))
    return found.group(1), found.group(2)


def check_value(tree: Tree, name: Any, value: Any) -> None:
    """Raises Refused at a value that the board does not list."""
    folder, file = knob_of(tree, name)
    if not isinstance(value, str) or not VALUE.fullmatch(value):
        raise Refused("{!r:.80} is no value for {}".format(value, name))
    if file == GOVERNOR:
        known = value in tree.words(folder + "/scaling_available_governors")
    else:
        known = value.isdigit() and _runs_at(tree, folder, int(value))
    if not known:
        raise Refused("{} does not know {}".format(name, value))


def _runs_at(tree: Tree, folder: str, khz: int) -> bool:
    kinds = ("/scaling_available_frequencies", "/scaling_boost_frequencies")
    steps = [word for kind in kinds for word in tree.words(folder + kind)]
    low, high = (tree.words(folder + "/cpuinfo_" + end + "_freq") for end in ("min", "max"))
    if steps:
        return str(khz) in steps
    return bool(low and high) and int(low[0]) <= khz <= int(high[0])


def tunables(tree: Tree, folder: str, governor: str) -> Json:
    """What a governor was tuned to: the kernel forgets it when another one takes over."""
    place = "{}/{}".format(folder, governor)
    found: Json = {}
    with suppress(OSError):
        for name in os.listdir(tree.path(place)) if VALUE.fullmatch(governor) else []:
            found[name] = " ".join(tree.words(place + "/" + name))
    return found


class Desk:
    """One lease at a time: its knobs with their first values, journaled before any of them is written."""

    def __init__(self, tree: Tree, journal: str) -> None:
        self.tree = tree
        self.journal = Journal(journal)
        self.lease: Optional[str] = None
        self.until = 0.0
        self.knobs: List[Json] = []

    @property
    def left_s(self) -> Optional[float]:
        return None if self.lease is None else max(0.0, self.until - time.monotonic())

    def answer(self, line: bytes) -> Json:
        verbs = {"acquire": self.acquire, "set": self.set, "read": self.read, "release": self.release}
        try:
            body = json.loads(line.decode())
            return {"ok": True, **verbs[body["verb"]](body)}
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"ok": False, "reason": "no request: {!r:.200}".format(line)}
        except Refused as refused:
            return {"ok": False, "reason": str(refused)}
        except OSError as error:
            return {"ok": False, "reason": "{} {}".format(errno_name(error), error.filename or "")}

    def acquire(self, body: Json) -> Json:
        """`left`: what an ended lease had not given back, and was given back now. Raises Refused, OSError."""
        lease_s = body.get("lease_s", 60.0)
        if self.lease is not None:
            raise Refused("a lease is held already")
        if type(lease_s) not in (int, float) or not 0 < lease_s <= LEASE_MOST_S:
            raise Refused("lease_s {!r:.40} is not between 0 and {:.0f}".format(lease_s, LEASE_MOST_S))
        self.journal.lock()
        self.knobs = self.journal.knobs(self.tree)
        self.lease, self.until = os.urandom(8).hex(), time.monotonic() + lease_s
        return {"lease": self.lease, "left": self._give_back()}

    def set(self, body: Json) -> Json:
        """Everything is checked, then journaled, then written in the order given, then read back."""
        writes = body.get("writes")
        if self.lease is None or not isinstance(writes, list) or len(writes) > WRITES_MOST:
            raise Refused("set needs a lease, and writes as a list of at most {} pairs".format(WRITES_MOST))
        for write in writes:
            if not isinstance(write, list) or len(write) != 2:
                raise Refused("{!r:.200} is no pair of a knob and its value".format(write))
            check_value(self.tree, *write)
        touched = [self._noted(path, value) for path, value in writes]
        self._journal()
        for knob in touched:
            knob["error"] = self.tree.set(knob["path"], knob["wanted"])
        for knob in touched:
            knob["readback"] = " ".join(self.tree.words(knob["path"])) or None
        self._journal()
        return {"knobs": touched}

    def read(self, body: Json) -> Json:
        paths = body.get("paths")
        if not isinstance(paths, list) or len(paths) > WRITES_MOST:
            raise Refused("read needs paths, a list of at most {}".format(WRITES_MOST))
        for path in paths:
            knob_of(self.tree, path)
        return {"values": [{"path": path, "value": " ".join(self.tree.words(path)) or None} for path in paths]}

    def release(self, _: Json) -> Json:
        if self.lease is None:
            raise Refused("no lease is held")
        return {"knobs": self.leave()}

    def leave(self) -> List[Json]:
        """The end of a lease, whatever ended it."""
        rows = self._give_back() if self.lease is not None else []
        self.lease = None
        self.journal.unlock()
        return rows

    def _noted(self, path: str, value: str) -> Json:
        """The knob with its first value: a second write within a lease does not change what is given back."""
        knob = next((known for known in self.knobs if known["path"] == path), None)
        if knob is None:
            knob = {"path": path, **self._origin(path)}
            self.knobs.append(knob)
        knob.update(wanted=value, readback=None, error=None)
        return knob

    def _origin(self, path: str) -> Json:
        """Raises OSError. A limit that heat has lowered is not the one to give back."""
        folder, file = knob_of(self.tree, path)
        orig = self.tree.text(path)
        if file == LIMITS[1] and self.tree.cooled():
            most = self.tree.words(folder + "/cpuinfo_max_freq")
            return {"orig": most[0] if most else orig, "orig_inferred": True}
        return {"orig": orig, **({"tunables": tunables(self.tree, folder, orig)} if file == GOVERNOR else {})}

    def _journal(self) -> None:
        head = {"format": FORMAT, "boot_id": self.tree.boot_id(), "lease": self.lease, "until": self.until}
        self.journal.write({**head, "knobs": self.knobs})

    def _give_back(self) -> List[Json]:
        """In the reverse of the order they were set. What could not be given back stays in the journal."""
        rows = [self._restored(knob) for knob in reversed(self.knobs)]
        failed = [row["path"] for row in rows if not row["restored"] and "seen" not in row and row["error"] != "ENOENT"]
        self.knobs = [knob for knob in self.knobs if knob["path"] in failed]
        if self.knobs:
            self._journal()
        else:
            self.journal.remove()
        return rows

    def _restored(self, knob: Json) -> Json:
        """`seen`: somebody else has set it since; it is left to them."""
        row = {"path": knob["path"], "orig": knob["orig"], "restored": False, "error": None}
        try:
            folder, file = knob_of(self.tree, knob["path"])
            now = self.tree.text(knob["path"])
            if now != knob["orig"]:
                if self._foreign(knob, file, now):
                    return {**row, "seen": now}
                self._write_back(folder, knob)
            after = self.tree.text(knob["path"])
            capped = file in LIMITS and self.tree.cooled()
            return {**row, "restored": after == knob["orig"] or capped}
        except (Refused, OSError) as error:
            return {**row, "error": errno_name(error) if isinstance(error, OSError) else str(error)}

    def _foreign(self, knob: Json, file: str, now: str) -> bool:
        """Whether neither this program nor heat wrote what stands there now; unread since the write, it is ours."""
        if knob.get("readback") is None or now == knob["readback"]:
            return False
        sunk = file in LIMITS and now.isdigit() and knob["readback"].isdigit() and int(now) < int(knob["readback"])
        return not (sunk and self.tree.cooled())

    def _write_back(self, folder: str, knob: Json) -> None:
        self.tree.write(knob["path"], knob["orig"])
        for name, value in knob.get("tunables", {}).items():  # the kernel may refuse one that it told
            self.tree.set("{}/{}/{}".format(folder, knob["orig"], os.path.basename(name)), str(value))


class Journal:
    """What has to be given back, on disk before it is needed; its lock says who is at it."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.fd: Optional[int] = None

    def lock(self) -> None:
        """Waits for one that is still giving back. Raises Refused, OSError."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        fd = os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        until = time.monotonic() + WAIT_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    os.close(fd)
                    raise Refused("another farm-tune holds the clocks of this board") from None
                time.sleep(POLL_S)
        self.fd = fd

    def unlock(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def knobs(self, tree: Tree) -> List[Json]:
        """Those of a lease that ended in this boot: another boot has forgotten them by itself."""
        try:
            with open(self.path, "rb") as file:
                body = json.loads(file.read().decode())
            mine = body["format"] == FORMAT and body["boot_id"] == tree.boot_id()
            texts = ("path", "orig", "wanted")
            return [{**knob, **{name: str(knob[name]) for name in texts}} for knob in body["knobs"]] if mine else []
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def write(self, body: Json) -> None:
        """On the disk when it returns, whole or as it was."""
        fresh = self.path + ".new"
        with open(os.open(fresh, FRESH, 0o600), "wb") as file:
            file.write(json.dumps(body).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.path)
        self._settle()

    def remove(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path)
            self._settle()

    def _settle(self) -> None:
        folder = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def errno_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "EIO")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
