"""A command that dies before or after what it does to the store: done wholly or not at all, and the next one goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_support import wait_for
from farm_orchestrator import failpoint, store
from farm_orchestrator.store import Store, open_artefacts
from store_support import OPEN, RUN, Lane, insert, part, rows

TESTS = Path(__file__).parent.parent
LARGE = 3 * (1 << 20) + 17
TRIED = {"before_insert", "after_insert", "after_due", "before_cancel", "after_cancel", "before_resume", "after_resume",
         "before_close", "after_close", "report_taken", "chunk_sent"}  # fmt: skip
ELSEWHERE = {"prune_marked", "before_prune", "after_prune", "backup_copied"}


@pytest.fixture
def place(store_url: str | None, tmp_path: Path) -> str:
    return store_url or str(tmp_path / "farm.db")


@pytest.fixture
def state(place: str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


def dies(name: str, deed: str, place: str, home: Path) -> None:
    """The failpoint is proven to fire: nothing else ends a process so."""
    words = [sys.executable, str(TESTS / "engine" / "deed.py"), deed, place, RUN, str(home)]
    env = {**os.environ, "FAILPOINT": name, "PYTHONPATH": f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    ended = subprocess.run(words, env=env, check=False, capture_output=True, text=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_each_failpoint_of_a_command_is_tried_here_or_where_old_runs_and_copies_are() -> None:
    assert set(failpoint.COMMAND) - ELSEWHERE == TRIED


@pytest.mark.parametrize("name", ["before_insert", "after_insert"])
def test_a_run_is_inserted_wholly_or_not_at_all(name: str, state: Store, place: str, tmp_path: Path) -> None:
    dies(name, "insert", place, tmp_path)
    assert len(store.list_runs(state)) == (name == "after_insert")
    if name == "before_insert":
        insert(state, *(part(board=f"b{index}") for index in range(3)))
    store.attach(state, RUN, 100.0)
    assert [Lane(state, f"b{index}").start().run() for index in range(3)] == [7, 7, 7]
    assert store.close_finished(state) == [RUN]


def test_boards_that_were_marked_as_kicked_and_were_not_are_due_again(state: Store, place: str, tmp_path: Path) -> None:
    insert(state, part())
    dies("after_due", "due", place, tmp_path)
    wait_for(lambda: store.due_boards(state, 1.0) == ["b0"], "the board to be due again")


@pytest.mark.parametrize("name", ["before_cancel", "after_cancel"])
def test_a_run_is_cancelled_wholly_or_not_at_all(name: str, state: Store, place: str, tmp_path: Path) -> None:
    insert(state, part(), part(board="b1"))
    dies(name, "cancel", place, tmp_path)
    left = [row for row in rows(state) if row.state in OPEN]
    assert bool(left) == (name == "before_cancel")
    store.cancel(state, RUN)
    assert store.close_finished(state) == [RUN]


@pytest.mark.parametrize("name", ["before_resume", "after_resume"])
def test_a_run_is_taken_up_wholly_or_not_at_all(name: str, state: Store, place: str, tmp_path: Path) -> None:
    insert(state, part())
    Lane(state).start().run(launches=4)
    store.cancel(state, RUN)
    store.close_finished(state)
    store.detach(state, RUN)
    dies(name, "resume", place, tmp_path)
    assert store.load_run(state, RUN).state == ("open" if name == "after_resume" else "closed")
    store.detach(state, RUN)  # its command is dead
    store.resume(state, RUN)
    whole = Lane(state, owner="you", fence=1)
    store.release(state, "b0", 1)
    whole.start().run()
    assert store.close_finished(state) == [RUN]
    done = [row for row in rows(state, state="done", dropped=None) if row.phase == 3]
    assert len(done) == 4


@pytest.mark.parametrize("name", ["before_close", "after_close"])
def test_a_finished_run_is_closed_by_whoever_looks_next(name: str, state: Store, place: str, tmp_path: Path) -> None:
    insert(state, part())
    Lane(state).start().run()
    dies(name, "close", place, tmp_path)
    store.close_finished(state)
    assert store.load_run(state, RUN).state == "closed"


def test_a_report_whose_builder_died_is_nobodys_and_can_be_built_by_hand(
    state: Store, place: str, tmp_path: Path
) -> None:
    insert(state, part())
    Lane(state).start().run()
    store.close_finished(state)
    dies("report_taken", "report", place, tmp_path)
    assert not store.claim_report(state, RUN)
    store.set_word(state, RUN, "measured")
    assert store.load_run(state, RUN).word == "measured"


def test_a_file_of_which_half_was_sent_is_sent_whole_by_the_next(pg_url: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(LARGE))
    dies("chunk_sent", "put", pg_url, tmp_path)
    with Store.open(pg_url) as server:
        ref = open_artefacts(server, tmp_path / "cas").put(tmp_path / "large")
        there = open_artefacts(server, tmp_path / "elsewhere").get(ref.sha256)
        assert there.read_bytes() == (tmp_path / "large").read_bytes()
