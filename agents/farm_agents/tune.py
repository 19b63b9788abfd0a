"""`farm-tune`: sets clocks for whoever is connected to it, and gives them back however the connection ends.

The standard library and JSON lines alone, so that it can be read whole before it is installed for root: then these
modules are one file. Only the knobs that `grants` names are ever written.
"""

import json
import os
import select
import signal
import sys
import time
from typing import Any, List, NoReturn, Optional, Sequence

from farm_agents.grants import LIMITS, UNSUPPORTED, Json, Refused, Tree, check_value, cut, errno_name, knob_of, tunables
from farm_agents.guardian import Guardian, on_signals
from farm_agents.ledger import Journal

JOURNAL = "/var/lib/farm-agent/lease.json"
LINE_LIMIT = 1 << 16
WRITES_MOST = 512
LEASE_MOST_S = 6 * 3600.0
GOVERNOR = "scaling_governor"


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
    tree, journal = Tree(options["--root"]), options["--journal"]
    if rest:
        answer = restore(tree, journal)
        sys.stdout.write(json.dumps(answer) + "\n")
        return 0 if answer["ok"] and not Journal(journal).knobs(tree) else 1
    return serve(Desk(tree, journal, Guardian(lambda: restore(tree, journal))), 0, 1)


def restore(tree: Tree, journal: str) -> Json:
    """Gives back what an ended farm-tune has left; nothing where another one is at it."""
    desk = Desk(tree, journal)
    answer = desk.answer(b'{"verb": "acquire"}')
    desk.leave()
    return answer


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


def _leave(number: int, frame: Any) -> NoReturn:
    del frame
    sys.exit(128 + number)


class Desk:
    """One lease at a time: its knobs with their first values, journaled before any of them is written."""

    def __init__(self, tree: Tree, journal: str, guardian: Optional[Guardian] = None) -> None:
        self.tree = tree
        self.journal = Journal(journal)
        self.guardian = guardian
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
        if self.guardian is not None:
            self.guardian.watch(self.until)
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
        if self.guardian is not None:
            self.guardian.rest()
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
        head = {"boot_id": self.tree.boot_id(), "lease": self.lease, "until": self.until}
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
            _, file = knob_of(self.tree, knob["path"])
            now = self.tree.text(knob["path"])
            if now != knob["orig"]:
                if self._foreign(knob, file, now):
                    return {**row, "seen": now}
                if knob["orig"] == UNSUPPORTED:
                    return {**row, "restored": True}  # its governor takes it along
                self._write_back(knob)
            after = self.tree.text(knob["path"])
            capped = file in LIMITS and self.tree.cooled()
            return {**row, "restored": after == knob["orig"] or capped}
        except (Refused, OSError) as error:
            return {**row, "error": errno_name(error) if isinstance(error, OSError) else str(error)}

    def _foreign(self, knob: Json, file: str, now: str) -> bool:
        """Whether neither this program nor heat wrote what stands there now; unread since the write, it is ours."""
        if knob.get("readback") is None or now == knob["readback"]:
            return False
        return not (file in LIMITS and cut(now, knob["readback"]) and self.tree.cooled())

    def _write_back(self, knob: Json) -> None:
        self.tree.write(knob["path"], knob["orig"])
        for path, value in knob.get("tunables", {}).items():  # the kernel may refuse one that it told
            self.tree.set(path, str(value))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
