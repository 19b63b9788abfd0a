"""Leases on boards: who may talk to one, and the fence that tells a later holder from an earlier one."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import ColumnElement, Connection, update

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


def acquire(store: Store, board: str, owner: str, ttl_s: float, *, anyway: bool = False) -> int | None:
    """The new fence of the board; None while another lease is alive.

    And, but for whoever only looks at it (`anyway`), while it is in quarantine or drained.
    """

    def write(connection: Connection) -> int | None:
        now = store.now(connection)
        return connection.execute(
            update(boards)
            .where(boards.c.board == board, over(boards.c.lease_until, now), *(() if anyway else usable()))
            .values(fence=boards.c.fence + 1, owner=owner, lease_until=until(now, ttl_s))
            .returning(boards.c.fence)
        ).scalar()

    failpoint("before_acquire")
    fence = store.submit(write, urgent=True)
    failpoint("after_acquire")
    return fence


def usable() -> tuple[ColumnElement[bool], ...]:
    return boards.c.quarantined.is_(None), boards.c.drained.is_(None)


def release(store: Store, board: str, fence: int) -> None:
    failpoint("before_release")
    store.submit(lambda c: _release(c, board, fence), urgent=True)
    failpoint("after_release")


def renew(
    connection: Connection, owner: str, now: float, ttl_s: float, but: Collection[str] = ()
) -> set[tuple[str, int]]:
    """One statement for all leases of an owner `but` those of some boards; (board, fence) of those still alive."""
    rows = connection.execute(
        update(boards)
        .where(boards.c.owner == owner, live(boards.c.lease_until, now), boards.c.board.not_in(but))
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
        self._stray: set[str] = (
            set()
        )  # boards of which the store did not say whether we have them: such a lease runs out
        self._lock = threading.Lock()
        self._beaten = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="leases", daemon=True)
        self._thread.start()

    def hold(self, board: str, *, anyway: bool = False) -> Lease | None:
        """A lease on the board; None while somebody else has it. `anyway`: also where it takes no work."""
        asked = time.monotonic()
        with self._forsaking(board):
            fence = acquire(self._store, board, self.owner, self._ttl_s, anyway=anyway)
        if fence is None:
            return None
        lease = Lease(board, fence)
        with self._lock:
            self._held[lease] = asked
            self._stray.discard(board)
        return lease

    def drop(self, lease: Lease) -> None:
        with self._lock:
            self._held.pop(lease, None)
        with self._forsaking(lease.board):
            release(self._store, lease.board, lease.fence)

    def count(self) -> int:
        with self._lock:
            return len(self._held)

    def beat_age_s(self) -> float:
        """Since the store last took a heartbeat."""
        return time.monotonic() - self._beaten

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
            self._beaten = asked
            self._note(asked, [lease for lease in held if (lease.board, lease.fence) in alive])
            _tell(lease for lease in held if (lease.board, lease.fence) not in alive)

    def _renew(self, patience_s: float) -> set[tuple[str, int]]:
        """Waits no longer than the oldest lease lives: a store that hangs is a store that failed."""
        with self._lock:
            stray = frozenset(self._stray)
        future = self._store.post(lambda c: renew(c, self.owner, self._store.now(c), self._ttl_s, stray), urgent=True)
        return future.result(timeout=max(0.05, patience_s))

    @contextmanager
    def _forsaking(self, board: str) -> Iterator[None]:
        """Where the store fails, a lease that may be ours is renewed no more: nobody would ever give it back."""
        try:
            yield
        except StoreError:
            with self._lock:
                self._stray.add(board)
            raise

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
