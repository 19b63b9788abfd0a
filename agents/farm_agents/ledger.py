"""The journal of what has to be given back: on the disk before it is needed, and locked by whoever is at it."""

import fcntl
import json
import os
import time
from contextlib import suppress
from typing import Any, Dict, List, Optional

from farm_agents.grants import Json, Refused, Tree

FORMAT = "farm.lease/1"
FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
WAIT_S = 3.0  # for another farm-tune that is still giving back
POLL_S = 0.02


class Journal:
    """A file beside its lock."""

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

    def write(self, body: Dict[str, Any]) -> None:
        """On the disk when it returns, whole or as it was."""
        fresh = self.path + ".new"
        with open(os.open(fresh, FRESH, 0o600), "wb") as file:
            file.write(json.dumps({"format": FORMAT, **body}).encode() + b"\n")
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
