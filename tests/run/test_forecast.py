"""What is reckoned beside a view comes when it is ready; the view waits for nothing."""

from __future__ import annotations

import threading
from pathlib import Path

from farm_orchestrator import store
from farm_orchestrator.errors import StoreError
from farm_orchestrator.run import forecast
from farm_orchestrator.run.forecast import Forecast, ends, looking, looking_at_fleet
from farm_orchestrator.store import Store
from run_support import wait_for
from store_support import RUN, Lane, insert, part


def test_a_value_is_there_once_it_is_reckoned_and_nobody_waits_for_it() -> None:
    ready, done = threading.Event(), threading.Event()

    def reckon() -> int:
        ready.wait(60)
        done.set()
        return 7

    with Forecast(reckon, first_s=0.0) as slow:
        assert slow.value is None
        ready.set()
        wait_for(lambda: slow.value == 7, "the value", 60)
    ready.clear()
    with Forecast(reckon, first_s=0.0) as late:
        pass
    assert late.value is None, "the end of the view does not wait either"
    ready.set()


def test_a_store_that_fails_leaves_no_value() -> None:
    asked = threading.Event()

    def fail() -> int:
        asked.set()
        raise StoreError("no answer")

    with Forecast(fail, first_s=0.0) as failed:
        assert asked.wait(60)
    assert failed.value is None


def test_views_are_told_when_a_run_will_be_through(tmp_path: Path) -> None:
    with Store.open(tmp_path / "farm.db") as state:
        insert(state, part())
        Lane(state).start().run(launches=3)
        now = state.now()
        (found,) = ends(state).values()
        assert found is not None
        assert found > now
        with looking(state, RUN) as look, looking_at_fleet(state) as look_at_fleet:
            wait_for(lambda: look().finish and look_at_fleet().runs[0].finish, "both ends", 60)
            assert (look().finish or 0.0) > now
        store.cancel(state, RUN)
        assert forecast.ends(state) == {}
