"""Writing to a server: each caller in a transaction of its own, tried again where the server says two got in each other's way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from farm_orchestrator.errors import StoreError

T = TypeVar("T")
TRIES = 8
PAUSE_S = 0.02
AGAIN = {"40001", "40P01", "23505"}  # serialization failure, deadlock, the same row inserted at the same moment
Explain = Callable[[SQLAlchemyError], StoreError]


class Callers:
    """As `Writer`. What is posted has a connection of its own: heartbeats must not wait behind commits."""

    def __init__(self, engine: Engine, beats: Engine, explain: Explain) -> None:
        self._engine = engine
        self._beats = beats
        self._explain = explain
        self._posted = ThreadPoolExecutor(1, thread_name_prefix="store-beats")

    def call(self, fn: Callable[[Connection], T]) -> T:
        return self._run(self._engine, fn)

    def post(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> Future[T]:
        del urgent
        try:
            return self._posted.submit(self._run, self._beats, fn)
        except RuntimeError as error:
            raise StoreError("the store is closed") from error

    def close(self) -> None:
        self._posted.shutdown()
        self._beats.dispose()

    def _run(self, engine: Engine, fn: Callable[[Connection], T]) -> T:
        for left in reversed(range(TRIES)):
            try:
                with engine.connect() as connection, connection.begin():
                    return fn(connection)
            except SQLAlchemyError as error:
                if not left or _state(error) not in AGAIN:
                    raise self._explain(error) from error
            time.sleep(PAUSE_S * random.uniform(1, TRIES - left + 1))  # noqa: S311 - so that two do not meet again
        raise AssertionError("the last try returns or raises")


def _state(error: SQLAlchemyError) -> str | None:
    return getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
