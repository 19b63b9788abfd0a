"""What a beat does when the store is away."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from farm_orchestrator import config
from farm_orchestrator.errors import StoreError
from farm_orchestrator.run.beat import Beat, forgotten, looked_at, reported
from farm_orchestrator.store import Store, open_artefacts, schema
from farm_orchestrator.store.checks import due_checks, meet
from postgres_support import PrivatePostgres
from run_support import wait_for


def test_a_store_that_is_away_for_a_moment_costs_no_later_report(
    postgres: PrivatePostgres, pg_url: str, tmp_path: Path
) -> None:
    with Store.open(pg_url) as store:
        beat = Beat(config.load(cwd=tmp_path, env={}), store, lambda _board: True)
        reported(beat)
        name = pg_url.partition("@/")[2].partition("?")[0]
        postgres.go_away(name)
        with pytest.raises(StoreError):
            reported(beat)
        postgres.come_back(name)
        reported(beat)
        assert beat.reporting.acquire(blocking=False), "it would build the next one"


def test_once_a_day_a_beat_forgets_files_that_nobody_names(pg_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of a launch that was fenced off")
    with Store.open(pg_url, lambda: 1e9) as store:
        open_artefacts(store, tmp_path / "cas").put(tmp_path / "file")
    with Store.open(pg_url) as store:
        beat = Beat(config.load(cwd=tmp_path, env={}), store, lambda _board: True)
        for _ in range(3):
            forgotten(beat)
        there = select(schema.artefact.c.sha256)
        wait_for(lambda: not store.read(lambda c: c.execute(there).all()), "the file to go")
        wait_for(lambda: not [each for each in threading.enumerate() if each.name == "files"], "the end of it")


def test_while_no_hint_can_be_sent_a_beat_tries_one_board_and_goes_on(pg_url: str, tmp_path: Path) -> None:
    tried: list[str] = []

    def away(board: str) -> bool:
        tried.append(board)
        return False

    with Store.open(pg_url) as store:
        for name in ("b0", "b1", "b2"):
            meet(store, name)
        assert len(due_checks(store)) == 3
        looked_at(Beat(config.load(cwd=tmp_path, env={}), store, away))
    assert len(tried) == 1
