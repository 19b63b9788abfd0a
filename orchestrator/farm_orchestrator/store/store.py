"""The lifetime of the state: one SQLite file, written by one thread, or a PostgreSQL server that many write to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine

from farm_orchestrator.errors import StoreBusy
from farm_orchestrator.store import postgres
from farm_orchestrator.store.callers import Callers
from farm_orchestrator.store.database import database_path, open_engine
from farm_orchestrator.store.failures import explain, explained
from farm_orchestrator.store.writer import Writer

T = TypeVar("T")
Clock = Callable[[], float]
PATIENCE_S = 60.0
PAUSE_S = 0.2
CONSISTENT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A store's engine and who writes to it; `path`: of its file."""

    place: str
    path: Path | None
    engine: Engine
    writer: Writer | Callers


class Store:
    """`clock` gives seconds since the epoch, None the store's own; `tell` says to a person what is waited for.

    `place` names it in words; `path`: of the file, None on a server. `shared`: several machines have it, no command need
    stand behind a run. Every failure to read or write is a StoreError.
    """

    def __init__(self, opened: Opened, clock: Clock | None, tell: Callable[[str], object]) -> None:
        self.place = opened.place
        self.path = opened.path
        self.shared = opened.path is None
        self.tell = tell
        self._engine = opened.engine
        self._clock = clock or (None if self.shared else time.time)
        self._writer = opened.writer

    @classmethod
    def open(
        cls, path_or_url: str | Path, clock: Clock | None = None, tell: Callable[[str], object] = LOG.warning
    ) -> Self:
        opened = _server(str(path_or_url)) if postgres.is_postgres(str(path_or_url)) else _file(str(path_or_url))
        return cls(opened, clock, tell)

    def close(self) -> None:
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self, connection: Connection | None = None) -> float:
        """The one clock of all leases and stamps, in seconds since the epoch: that of the machine that holds the store."""
        if self._clock is not None:
            return self._clock()
        return self.read(server_clock) if connection is None else server_clock(connection)

    def submit(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> T:
        """Runs `fn` in a transaction and returns when it is committed; what `fn` raises undoes `fn` alone.

        On a server `fn` may run more than once: it leaves nothing behind but what it writes.
        """
        if isinstance(self._writer, Callers):
            return self._writer.call(fn)
        return self.post(fn, urgent=urgent).result()

    def patiently(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> T:
        """As `submit`, for what is as good a little later."""
        return self.wait_out(lambda: self.submit(fn, urgent=urgent))

    def wait_out(self, attempt: Callable[[], T], leave: Callable[[], bool] = lambda: False) -> T:
        """Repeats what reads or writes while another process keeps the file locked, or the server is started anew.

        `leave`: whether nobody waits any more; then the failure is raised.
        """
        until, told = time.monotonic() + PATIENCE_S, False
        while True:
            try:
                return attempt()
            except StoreBusy as error:
                if time.monotonic() > until or leave():
                    raise
                if not told:
                    self.tell(f"waiting for up to {PATIENCE_S:g} s: {error}")
                told = True
            time.sleep(PAUSE_S)

    def post(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> Future[T]:
        """As `submit`, for a caller that cannot wait for ever."""
        return self._writer.post(fn, urgent=urgent)

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Runs `fn` on one consistent state, beside the writer."""
        with explained(self.path or self.place), self._reading() as connection, connection.begin():
            return fn(connection)

    def _reading(self) -> Connection:
        return self._engine.connect().execution_options(**CONSISTENT) if self.shared else self._engine.connect()


def server_clock(connection: Connection) -> float:
    """Not `now()`, which stands still during a transaction."""
    return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())::float8").scalar_one())


def _file(text: str) -> Opened:
    path = database_path(text)
    engine = open_engine(path)
    return Opened(str(path), path, engine, Writer(engine, lambda error: explain(error, path)))


def _server(url: str) -> Opened:
    place = postgres.place(url)
    engine = postgres.open_engine(url)
    callers = Callers(engine, postgres.make_engine(url, 1), lambda error: explain(error, place))
    return Opened(place, None, engine, callers)
