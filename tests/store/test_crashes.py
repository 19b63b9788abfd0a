"""Whatever a process is doing when it is killed: nothing of it is left, or all of it, and the next one goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import store_crash
from farm_orchestrator import store
from farm_orchestrator.store import Store
from store_support import RUN, Lane, broken_promises, insert, noisy, rows, states

FAILPOINTS = ("after_acquire", "after_sweep", "after_claim", "before_commit", "after_commit", "after_requeue")


def program(*arguments: object, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    support = str(Path(store_crash.__file__).parent)
    environment = {**os.environ, "FAILPOINT": failpoint, "PYTHONPATH": support}
    command = [sys.executable, store_crash.__file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


@pytest.mark.parametrize("scenario", list(store_crash.SCENARIOS))
def test_killed_between_any_two_statements_nothing_of_it_is_left(scenario: str, tmp_path: Path) -> None:
    done = program("statements", tmp_path, scenario)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 3


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_after_a_kill_at_any_failpoint_the_next_worker_finishes_the_run(database: Path, failpoint: str) -> None:
    with Store.open(database) as state:
        insert(state, store_crash.SPEC)
    died = program("lane", database, failpoint=failpoint)
    assert died.returncode == -9, died.stderr
    with Store.open(database, lambda: time.time() + 30) as state:
        store.attach(state, RUN, 100)
        Lane(state, owner="heir").start().run(noisy)
        assert store.close_finished(state) == [RUN]
        assert broken_promises(state, RUN) == []
        assert set(states(rows(state))) <= {"done", "lost", "superseded"}
        assert store.part_rows(state, RUN)[0].extra_left == 1
