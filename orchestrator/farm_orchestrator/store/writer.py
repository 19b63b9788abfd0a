"""The one thread that writes: requests that queued up during the last fsync share the next transaction."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from farm_orchestrator.errors import StoreError
from farm_orchestrator.store.database import WRITING

T = TypeVar("T")
BATCH = 200
Explain = Callable[[SQLAlchemyError], StoreError]


class _Request:
    """One function and its future; as a context it keeps what goes wrong inside for that future alone."""

    def __init__(self, fn: Callable[[Connection], Any]) -> None:
        self.fn = fn
        self.future: Future[Any] = Future()
        self.future.set_running_or_notify_cancel()  # a caller that gives up waiting cannot take it back
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self, connection: Connection) -> None:
        """Raises when SQLite ended the whole transaction, as it does on a full disk: nobody's savepoint is left then."""
        savepoint = connection.begin_nested()
        with self:
            self.value = self.fn(connection)
        if not _in_transaction(connection):
            raise self.error if isinstance(self.error, SQLAlchemyError) else SQLAlchemyError(str(self.error))
        (savepoint.rollback if self.error else savepoint.commit)()

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: TracebackType | None) -> bool:
        self.error = error
        return True

    def resolve(self, explain: Explain) -> None:
        if self.error is None:
            self.future.set_result(self.value)
        else:
            self.future.set_exception(_told(self.error, explain))


class Writer:
    """Urgent requests (heartbeats, claims, commits) go before calm ones. `close` writes what waits, then ends."""

    def __init__(self, engine: Engine, explain: Explain) -> None:
        self._engine = engine.execution_options(begin=WRITING)
        self._explain = explain
        self._queues: tuple[deque[_Request], deque[_Request]] = (deque(), deque())
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    def post(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> "Future[T]":
        request = _Request(fn)
        with self._wake:
            if self._closed:
                raise StoreError("the store is closed")
            self._queues[0 if urgent else 1].append(request)
            self._wake.notify()
        return request.future

    def close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _loop(self) -> None:
        while batch := self._next():
            self._write(batch)

    def _next(self) -> list[_Request]:
        """The next batch; empty when the writer was closed and nothing waits."""
        urgent, calm = self._queues
        with self._wake:
            self._wake.wait_for(lambda: urgent or calm or self._closed)
            return [(urgent or calm).popleft() for _ in range(min(BATCH, len(urgent) + len(calm)))]

    def _write(self, batch: list[_Request]) -> None:
        """A future is resolved after COMMIT only: until then nothing has happened."""
        try:
            with self._engine.connect() as connection, connection.begin():
                for request in batch:
                    request.run(connection)
        except SQLAlchemyError as error:
            for request in batch:
                request.future.set_exception(self._explain(error))
        else:
            for request in batch:
                request.resolve(self._explain)


def _in_transaction(connection: Connection) -> bool:
    return bool(connection.connection.dbapi_connection.in_transaction)  # type: ignore[union-attr] # it is open here


def _told(error: BaseException, explain: Explain) -> BaseException:
    return explain(error) if isinstance(error, SQLAlchemyError) else error
