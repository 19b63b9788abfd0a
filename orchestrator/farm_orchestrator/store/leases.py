"""Leases on boards: who may talk to one, and the fence that tells a later holder from an earlier one."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import Connection, update

from farm_orchestrator.errors import StoreError
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.store.moments import live, over, until
from farm_orchestrator.store.schema import board as boards
from farm_orchestrator.store.store import Store

TTL_S = 6.0
BEAT_S = 2.0


@dataclass(frozen=True, eq=False)
class Lease:
    """`lost` is set when the board may belong to somebody else: close the transport, commit nothing."""

    board: str
    fence: int
    lost: threading.Event = field(default_factory=threading.Event)


def acquire(store: Store, board: str, owner: str, ttl_s: float) -> int | None:
    """The new fence of the board; None while another lease is alive."""

    def write(connection: Connection) -> int | None:
        now = store.now()
        return connection.execute(
            update(boards)
            .where(boards.c.board == board, over(boards.c.lease_until, now))
            .values(fence=boards.c.fence + 1, owner=owner, lease_until=until(now, ttl_s))
            .returning(boards.c.fence)
        ).scalar()

    fence = store.submit(write, urgent=True)
    failpoint("after_acquire")
    return fence


def release(store: Store, board: str, fence: int) -> None:
    store.submit(lambda c: _release(c, board, fence), urgent=True)


def renew(connection: Connection, owner: str, now: float, ttl_s: float) -> set[tuple[str, int]]:
    """One statement for all leases of an owner; (board, fence) of those still alive."""
    rows = connection.execute(
        update(boards)
        .where(boards.c.owner == owner, live(boards.c.lease_until, now))
        .values(lease_until=until(now, ttl_s))
        .returning(boards.c.board, boards.c.fence)
    )
    return {(row.board, row.fence) for row in rows}


class Leases:
    """All leases of this process, kept alive by one thread from construction to `close`."""

    def __init__(self, store: Store, ttl_s: float = TTL_S, beat_s: float = BEAT_S) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._store = store
        self._ttl_s = ttl_s
        self._beat_s = beat_s
        self._held: dict[Lease, float] = {}  # when each was last known to be alive
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="leases", daemon=True)
        self._thread.start()

    def hold(self, board: str) -> Lease | None:
        """A lease on the board; None while somebody else has it."""
        asked = time.monotonic()
        fence = acquire(self._store, board, self.owner, self._ttl_s)
        if fence is None:
            return None
        lease = Lease(board, fence)
        with self._lock:
            self._held[lease] = asked
        return lease

    def drop(self, lease: Lease) -> None:
        with self._lock:
            self._held.pop(lease, None)
        release(self._store, lease.board, lease.fence)

    def close(self) -> None:
        """Ends the heartbeat; what is still held runs out by itself."""
        self._ended.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def beat(self) -> None:
        """One heartbeat: renews all leases, and tells those that are gone."""
        asked = time.monotonic()
        with self._lock:
            held = {lease: seen for lease, seen in self._held.items() if not lease.lost.is_set()}
        try:
            alive = self._renew(min(held.values(), default=asked) + self._ttl_s - asked)
        except (StoreError, NotYet):
            _tell(lease for lease, seen in held.items() if time.monotonic() > seen + self._ttl_s)
        else:
            self._note(asked, [lease for lease in held if (lease.board, lease.fence) in alive])
            _tell(lease for lease in held if (lease.board, lease.fence) not in alive)

    def _renew(self, patience_s: float) -> set[tuple[str, int]]:
        """Waits no longer than the oldest lease lives: a store that hangs is a store that failed."""
        future = self._store.post(lambda c: renew(c, self.owner, self._store.now(), self._ttl_s), urgent=True)
        return future.result(timeout=max(0.05, patience_s))

    def _note(self, asked: float, alive: Iterable[Lease]) -> None:
        with self._lock:
            self._held.update({lease: asked for lease in alive if lease in self._held})

    def _loop(self) -> None:
        while not self._ended.wait(self._beat_s):
            self.beat()


def _tell(leases: Iterable[Lease]) -> None:
    for lease in leases:
        lease.lost.set()


def _release(connection: Connection, board: str, fence: int) -> None:
    where = (boards.c.board == board, boards.c.fence == fence)
    connection.execute(update(boards).where(*where).values(owner=None, lease_until=0))
