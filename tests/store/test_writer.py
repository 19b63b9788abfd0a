"""The one writing thread: what shares a transaction, and what an error takes with it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from farm_orchestrator.errors import StoreError
from farm_orchestrator.store import Store

DEADLINE_S = 120


def add(name: str) -> Callable[[Connection], str]:
    def write(connection: Connection) -> str:
        connection.execute(text("INSERT INTO board (board) VALUES (:name)"), {"name": name})
        return name

    return write


def names(file_state: Store) -> set[str]:
    return file_state.read(lambda c: set(c.execute(text("SELECT board FROM board")).scalars()))


class Gate:
    """Holds the writer inside a transaction until it is opened, so that requests queue up behind it."""

    def __init__(self, file_state: Store) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()
        self.future: Future[bool] = file_state.post(self._wait)
        assert self.entered.wait(DEADLINE_S)

    def _wait(self, _: Connection) -> bool:
        self.entered.set()
        return self.opened.wait(DEADLINE_S)


def test_sixteen_threads_write_a_hundred_times_each_and_an_error_takes_only_its_own(file_state: Store) -> None:
    outcomes: dict[str, object] = {}

    def write(connection: Connection, name: str, bad: bool) -> str:  # noqa: FBT001 - a test's own switch
        connection.execute(text("INSERT INTO board (board) VALUES (:name)"), {"name": name})
        if bad:
            raise KeyError(name)
        return name

    def many(thread: int) -> None:
        for index in range(100):
            name, bad = f"{thread}/{index}", index % 7 == 0
            try:
                outcomes[name] = file_state.submit(partial(write, name=name, bad=bad), urgent=index % 2 == 0)
            except KeyError as error:
                outcomes[name] = error

    threads = [threading.Thread(target=many, args=(thread,)) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    kept = {name for name, outcome in outcomes.items() if outcome == name}
    assert len(outcomes) == 1600
    assert len(kept) == 16 * 85
    assert names(file_state) == kept


def test_requests_that_waited_together_share_a_commit_and_urgent_ones_go_first(file_state: Store) -> None:
    order: list[str] = []
    commits: list[object] = []
    event.listen(file_state._engine, "commit", commits.append)

    def note(said: str, _: Connection) -> None:
        order.append(said)

    gate = Gate(file_state)
    calm = [file_state.post(partial(note, f"calm {n}")) for n in range(3)]
    urgent = [file_state.post(partial(note, f"urgent {n}"), urgent=True) for n in range(3)]
    gate.opened.set()
    for future in (*calm, *urgent):
        future.result(DEADLINE_S)
    assert order == [*(f"urgent {n}" for n in range(3)), *(f"calm {n}" for n in range(3))]
    assert len(commits) == 2


def test_nothing_is_told_before_it_is_committed(file_state: Store, database: Path) -> None:
    gate = Gate(file_state)
    future = file_state.post(add("b0"))
    assert not future.done()
    gate.opened.set()
    assert future.result(DEADLINE_S) == "b0"
    with sqlite3.connect(database) as other:
        assert other.execute("SELECT board FROM board").fetchall() == [("b0",)]
    other.close()


def test_a_commit_that_fails_gives_every_request_of_the_batch_the_error(file_state: Store) -> None:
    fail = iter([False, True])

    def refuse(_: Connection) -> None:
        if next(fail, False):
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    event.listen(file_state._engine, "commit", refuse)
    gate = Gate(file_state)
    futures = [file_state.post(add(f"b{index}")) for index in range(5)]
    gate.opened.set()
    for future in futures:
        with pytest.raises(StoreError, match="disk I/O error"):
            future.result(DEADLINE_S)
    assert names(file_state) == set()
    file_state.submit(add("after"))
    assert names(file_state) == {"after"}


def test_a_disk_that_is_full_loses_the_whole_batch_and_says_so(file_state: Store) -> None:
    """SQLite ends the transaction by itself here, so that what came before in the batch is gone with it."""
    file_state.submit(add("before"))
    file_state.submit(lambda c: c.exec_driver_sql("PRAGMA max_page_count=1") and None)
    gate = Gate(file_state)
    small = file_state.post(add("small"))
    large = file_state.post(
        lambda c: c.execute(text("INSERT INTO board (board) VALUES (:b)"), {"b": "x" * 500_000}) and 1
    )
    later = file_state.post(add("later"))
    gate.opened.set()
    told = [future.exception(DEADLINE_S) for future in (small, large, later)]
    kept = {name for name, error in zip(("small", "large", "later"), told, strict=True) if error is None}
    assert isinstance(told[1], StoreError)
    assert "the disk is full" in str(told[1])
    assert names(file_state) == {"before"} | kept


def test_a_closed_store_writes_what_waits_and_refuses_the_rest(database: Path) -> None:
    file_state = Store.open(database)
    gate = Gate(file_state)
    waiting = file_state.post(add("b0"))
    closing = threading.Thread(target=file_state.close)
    closing.start()
    gate.opened.set()
    closing.join(DEADLINE_S)
    assert waiting.result(0) == "b0"
    with pytest.raises(StoreError, match="the store is closed"):
        file_state.submit(add("b1"))
