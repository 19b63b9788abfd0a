"""A process that is frozen in the middle of a transaction: who waits, for whom, and what a person is told."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from farm_orchestrator import store
from farm_orchestrator.errors import StoreBusy
from farm_orchestrator.reconcile import reconcile
from farm_orchestrator.store import Store
from farm_orchestrator.store.holder import holder
from frozen_support import HELD_S, frozen
from store_support import RUN, insert, part


def test_a_command_goes_on_when_a_process_that_was_frozen_for_8_s_goes_on(database: Path) -> None:
    told: list[str] = []
    kicked: list[str] = []

    def kick(board: str) -> bool:
        kicked.append(board)
        return True

    with Store.open(database, tell=told.append) as state:
        insert(state, part())
        with frozen(database) as other:
            thaw = threading.Timer(HELD_S, other.thaw)
            thaw.start()
            store.attach(state, RUN)
            reconcile(state, kick)
            held_s = time.monotonic() - other.since
            thaw.join()
        assert store.load_run(state, RUN).attached
    assert held_s >= HELD_S
    assert kicked == ["b0"]
    assert len(told) == 1
    assert f"process {other.process.pid} (stopped: {sys.executable} -c" in told[0]
    assert "kill -CONT" in told[0]


def test_reading_and_opening_do_not_wait_for_a_frozen_writer(database: Path) -> None:
    with Store.open(database) as state:
        insert(state, part())
    with frozen(database), Store.open(database) as state:
        assert [row.id for row in store.list_runs(state)] == [RUN]
        assert store.snapshot(state, RUN).state == "open"


def test_what_cannot_wait_is_told_who_is_in_the_way(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm_orchestrator.store.database.BUSY_MS", 50)
    with Store.open(database) as state, frozen(database) as other, pytest.raises(StoreBusy) as refused:
        store.acquire(state, "b0", "me", 6)
    assert f"is locked: process {other.process.pid} (stopped: " in str(refused.value)


def test_patience_has_an_end(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm_orchestrator.store.database.BUSY_MS", 50)
    monkeypatch.setattr("farm_orchestrator.store.store.PATIENCE_S", 0.5)
    told: list[str] = []
    with Store.open(database, tell=told.append) as state, frozen(database):
        with pytest.raises(StoreBusy, match="is locked"):
            store.attach(state, RUN)
        store.detach(state, RUN)  # nobody waits for what ends by itself
    assert len(told) == 1


def test_the_holder_is_known_only_while_it_writes(database: Path) -> None:
    with Store.open(database) as state:
        insert(state, part())
        assert holder(database) is None
        with frozen(database) as other:
            found = holder(database)
            assert found is not None
            assert (found.pid, found.stopped) == (other.process.pid, True)
        assert holder(database) is None
    assert holder(database.parent / "no such file") is None
