"""Beats of which not every one has the directory of a schedule: who has it begins the night, and nothing false is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator import nights, store
from farm_orchestrator.config import Notify
from farm_orchestrator.plan.nights import Schedule
from farm_orchestrator.store import Store
from farm_orchestrator.store.due_nights import LOOK_S
from farm_orchestrator.store.schedules import PLAN_S
from nightly_support import DUE, added, begin, schedule
from store_support import Clock

RUN = "20261122-013000-aaaa"
HOUR_S = 3600.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Iterator[Store]:
    place = tmp_path / "farm.db" if request.param == "sqlite" else request.getfixturevalue("pg_url")
    with Store.open(place, clock) as opened:
        yield opened


def lacks(_: Schedule) -> bool:
    return False


def has(_: Schedule) -> bool:
    return True


def test_a_beat_without_the_directory_keeps_nobody_from_beginning_the_night(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    clock.s = DUE + 1
    assert store.due_nights(state, lacks) == []
    (night,) = store.due_nights(state, has)
    assert night.at == DUE
    assert begin(state, RUN, night.at)
    for later in (LOOK_S + 1, HOUR_S, 6 * HOUR_S - 1):
        clock.s = DUE + later
        assert store.due_nights(state, lacks) == []
    assert store.unbegun_nights(state) == {}


def test_a_night_that_nobody_can_begin_is_given_to_one_once_before_it_is_too_late(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    told = []
    for later in range(0, int(6 * HOUR_S) + 120, 10):
        clock.s = DUE + later
        for _ in ("one beat", "another"):
            for night in store.due_nights(state, lacks):
                told.append(later)
                nights.refused(state, night, "/models: there is no such directory", Notify())
    assert len(told) == 1
    assert 6 * HOUR_S - PLAN_S <= told[0] <= 6 * HOUR_S
    assert store.unbegun_nights(state) == {"head": "/models: there is no such directory"}


def test_where_somebody_tried_nobody_else_says_why_it_could_not_begin(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    clock.s = DUE + 1
    (night,) = store.due_nights(state, has)
    nights.refused(state, night, "no board is free", Notify())
    for later in range(60, int(6 * HOUR_S) + 120, 30):
        clock.s = DUE + later
        assert store.due_nights(state, lacks) == []
    assert store.unbegun_nights(state) == {"head": "no board is free"}


@pytest.mark.parametrize("fields", [{"catch_up_s": 120.0}, {"until": "02:33"}])
def test_a_night_that_may_begin_for_minutes_only_is_told_within_them(
    state: Store, clock: Clock, fields: dict[str, Any]
) -> None:
    added(state, clock, schedule(**fields))
    clock.s = DUE + 10
    assert store.due_nights(state, lacks) == []
    clock.s = DUE + 90
    assert [night.at for night in store.due_nights(state, lacks)] == [DUE]


def test_a_beat_that_waits_for_a_directory_holds_up_no_other_tick(tmp_path: Path) -> None:
    """A folder on a network may let nobody go who asks for it: nobody else asks meanwhile, and the beat goes on."""
    from farm_orchestrator import config
    from farm_orchestrator.run.beat import Beat
    from farm_orchestrator.run.nightly import begin_due

    with Store.open(tmp_path / "farm.db") as opened:
        beat = Beat(config.load(cwd=tmp_path, env={}), opened, lambda _: True)
        with beat.looking:
            begin_due(beat)
            assert beat.looking.locked()
        begin_due(beat)
        until = time.monotonic() + 60
        while beat.looking.locked():
            assert time.monotonic() < until
            time.sleep(0.01)
