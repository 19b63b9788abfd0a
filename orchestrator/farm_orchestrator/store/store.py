"""The lifetime of the state: one SQLite file, read by many connections, written by one thread."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine

from farm_orchestrator.errors import StoreBusy
from farm_orchestrator.store.database import database_path, open_engine
from farm_orchestrator.store.failures import explain, explained
from farm_orchestrator.store.writer import Writer

T = TypeVar("T")
Clock = Callable[[], float]
PATIENCE_S = 60.0
PAUSE_S = 0.2
LOG = logging.getLogger(__name__)


class Store:
    """`clock` gives seconds since the epoch; `tell` says to a person what is waited for.

    Every failure to read or write is a StoreError.
    """

    def __init__(self, engine: Engine, path: Path, clock: Clock, tell: Callable[[str], object]) -> None:
        self.path = path
        self.tell = tell
        self._engine = engine
        self._clock = clock
        self._writer = Writer(engine, lambda error: explain(error, path))

    @classmethod
    def open(
        cls, path_or_url: str | Path, clock: Clock = time.time, tell: Callable[[str], object] = LOG.warning
    ) -> Self:
        path = database_path(str(path_or_url))
        return cls(open_engine(path), path, clock, tell)

    def close(self) -> None:
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> float:
        """The one clock of all leases and stamps: the time of the machine that holds the file."""
        return self._clock()

    def submit(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> T:
        """Runs `fn` in a transaction and returns when it is committed; what `fn` raises undoes `fn` alone."""
        return self.post(fn, urgent=urgent).result()

    def patiently(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> T:
        """As `submit`, for what is as good a little later: waits while another process keeps the file locked."""
        until, told = time.monotonic() + PATIENCE_S, False
        while True:
            try:
                return self.submit(fn, urgent=urgent)
            except StoreBusy as error:
                if time.monotonic() > until:
                    raise
                if not told:
                    self.tell(f"waiting for up to {PATIENCE_S:g} s: {error}")
                told = True
            time.sleep(PAUSE_S)

    def post(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> "Future[T]":
        """As `submit`, for a caller that cannot wait for ever."""
        return self._writer.post(fn, urgent=urgent)

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Runs `fn` on one consistent state, beside the writer."""
        with explained(self.path), self._engine.connect() as connection, connection.begin():
            return fn(connection)
