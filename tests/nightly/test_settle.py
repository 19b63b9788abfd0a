"""What follows from a report: once, whoever builds it how often, and again where nobody could be told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from farm_orchestrator import nights, store
from farm_orchestrator.config import Notify
from farm_orchestrator.plan.nights import Due
from farm_orchestrator.store import Store, schema
from farm_reports.parts import Value
from farm_reports.past import VersusPast
from farm_reports.results import Results
from nightly_support import DAY, DUE, begin, schedule
from reports_support import grid
from store_support import Clock

EARS = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')"
MADE = grid(2, 3).results
RUNS = [f"2026112{i}-013000-aaaa" for i in range(1, 6)]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path, said: list[str], clock: Clock) -> Iterator[Store]:
    with Store.open(tmp_path / "farm.db", clock, tell=said.append) as opened:
        yield opened


@pytest.fixture
def ears(tmp_path: Path) -> Notify:
    return Notify((sys.executable, "-c", EARS, str(tmp_path / "heard")))


def heard(folder: Path) -> list[Any]:
    path = folder / "heard"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def held(state: Store, number: int, word: str, to: Notify, folder: Path, *, of: str = "head") -> Results:
    """A night of which every cell says `word` against its past: begun, reported, settled."""
    run = RUNS[number]
    begin(state, run, DUE + number * DAY, of, [board.name for board in MADE.boards])
    ratio = 1.2 if word == "regressed" else 1.0
    versus = VersusPast(
        ratio=ratio, low=ratio, high=ratio, verdict=word, past_p50_ms=Value(value=1.0), past_sha256="f" * 64
    )
    cells = [cell.model_copy(update={"versus_past": versus, "state": "measured"}) for cell in MADE.cells[:1]]
    made = MADE.run.model_copy(update={"id": run, "status": "complete"})
    verdict = "regressed" if word == "regressed" else "passed"
    results = MADE.model_copy(update={"run": made, "cells": cells, "verdict": verdict})
    settled(state, results, to, folder)
    return results


def settled(state: Store, results: Results, to: Notify, folder: Path) -> None:
    """In the order in which a report does it."""
    run = results.run.id
    store.set_word(state, run, results.verdict)
    for cell in results.cells:
        state.submit(lambda c, cell=cell: _remember(c, run, cell))  # type: ignore[misc]  # mypy does not infer a bound default
    nights.settle(state, results, folder, to)


def _remember(connection: Connection, run: str, cell: Any) -> None:
    known = schema.cell.select().where(schema.cell.c.run == run, schema.cell.c.point == cell.point_key)
    if connection.execute(known).first() is None:
        connection.execute(insert(schema.cell).values(
            run=run, board=cell.board, variant=cell.variant, point=cell.point_key, versus_past=cell.versus_past.verdict,
            state=cell.state, sha256=next(each.sha256 for each in MADE.variants if each.name == cell.variant)))  # fmt: skip


def test_a_report_that_is_built_again_tells_nobody_again(state: Store, ears: Notify, tmp_path: Path) -> None:
    held(state, 0, "equivalent", ears, tmp_path)
    bad = held(state, 1, "regressed", ears, tmp_path)
    for _ in range(3):
        settled(state, bad, ears, tmp_path)
    (document,) = heard(tmp_path)
    assert (document["schema"], document["schedule"], document["run"]) == ("farm.night/1", "head", RUNS[1])
    assert (document["verdict"], document["due"], document["moved"]) == ("regressed", "2026-11-23T01:30:00Z", 0)
    assert document["report"] == str(tmp_path / "report.html")
    assert [change["kind"] for change in document["changes"]] == ["regressed"]


def test_what_was_good_last_moves_with_the_night_and_is_not_moved_back(
    state: Store, ears: Notify, tmp_path: Path
) -> None:
    first = held(state, 0, "equivalent", ears, tmp_path)
    held(state, 1, "equivalent", ears, tmp_path)
    held(state, 2, "regressed", ears, tmp_path)
    settled(state, first, ears, tmp_path)
    assert {each.run for each in store.last_good(state)} == {RUNS[1]}


def test_nights_of_two_schedules_read_and_move_their_own_alone(state: Store, ears: Notify, tmp_path: Path) -> None:
    """Their directories have variants of equal names."""
    held(state, 0, "equivalent", ears, tmp_path)
    held(state, 1, "equivalent", ears, tmp_path, of="tail")
    assert {(each.schedule, each.run) for each in store.last_good(state)} == {("head", RUNS[0]), ("tail", RUNS[1])}
    held(state, 2, "regressed", ears, tmp_path)
    held(state, 3, "equivalent", ears, tmp_path, of="tail")
    assert {(each.schedule, each.run) for each in store.last_good(state)} == {("head", RUNS[0]), ("tail", RUNS[3])}
    assert [(each["schedule"], each["run"]) for each in heard(tmp_path)] == [("head", RUNS[2])]


def test_a_regression_that_a_person_accepts_is_silent_from_then_on_and_the_next_one_is_told(
    state: Store, clock: Clock, ears: Notify, tmp_path: Path
) -> None:
    clock.s = DUE - DAY
    store.add_schedule(state, schedule())
    held(state, 0, "equivalent", ears, tmp_path)
    bad = held(state, 1, "regressed", ears, tmp_path)
    close(state, RUNS[1])
    clock.s = DUE + 1.5 * DAY
    accepted = store.accept_night(state, "head")
    assert (accepted.run, len(accepted.moved)) == (RUNS[1], 1)
    settled(state, bad, ears, tmp_path)
    held(state, 2, "equivalent", ears, tmp_path)
    assert [document["run"] for document in heard(tmp_path)] == [RUNS[1]]
    assert {each.run for each in store.last_good(state)} == {RUNS[2]}
    held(state, 3, "regressed", ears, tmp_path)
    assert [document["run"] for document in heard(tmp_path)] == [RUNS[1], RUNS[3]]


def close(state: Store, run: str) -> None:
    """Nothing is owed to it any more, and each of its cells has a state."""

    def write(connection: Connection) -> None:
        connection.execute(update(schema.run).where(schema.run.c.run == run).values(state="closed"))
        owed = (schema.cell.c.run == run, schema.cell.c.state.is_(None))
        connection.execute(update(schema.cell).where(*owed).values(state="not_run"))

    state.submit(write)


def test_an_alert_that_reached_nobody_is_told_by_the_next_night(
    state: Store, said: list[str], ears: Notify, tmp_path: Path
) -> None:
    held(state, 0, "equivalent", ears, tmp_path)
    held(state, 1, "regressed", Notify(("/nowhere/mail",)), tmp_path)
    assert heard(tmp_path) == []
    assert said[-1] == "the command /nowhere/mail was not told: it cannot be started: No such file or directory"
    held(state, 2, "regressed", ears, tmp_path)
    held(state, 3, "regressed", ears, tmp_path)
    assert [document["run"] for document in heard(tmp_path)] == [RUNS[2]]


def test_one_way_that_works_is_enough(state: Store, ears: Notify, tmp_path: Path) -> None:
    both = replace(ears, webhook="http://127.0.0.1:9/")
    held(state, 0, "equivalent", both, tmp_path)
    held(state, 1, "regressed", both, tmp_path)
    held(state, 2, "regressed", both, tmp_path)
    assert [document["run"] for document in heard(tmp_path)] == [RUNS[1]]


def test_a_machine_that_tells_nobody_does_not_keep_another_from_it(state: Store, ears: Notify, tmp_path: Path) -> None:
    held(state, 0, "equivalent", ears, tmp_path)
    bad = held(state, 1, "regressed", Notify(), tmp_path)
    settled(state, bad, ears, tmp_path)
    assert len(heard(tmp_path)) == 1


def test_a_run_that_is_no_night_moves_and_tells_nothing(state: Store, ears: Notify, tmp_path: Path) -> None:
    from store_support import insert, part

    insert(state, *(part("20260101-000000-cccc", board.name) for board in MADE.boards))
    made = MADE.run.model_copy(update={"id": "20260101-000000-cccc", "status": "complete"})
    failed = MADE.model_copy(update={"run": made, "verdict": "failed"})
    assert nights.settle(state, failed, tmp_path, ears) == ()
    assert (heard(tmp_path), store.last_good(state)) == ([], [])


def test_a_partial_night_is_not_over(state: Store, ears: Notify, tmp_path: Path) -> None:
    begin(state, RUNS[0], DUE)
    made = MADE.run.model_copy(update={"id": RUNS[0], "status": "partial"})
    assert nights.settle(state, MADE.model_copy(update={"run": made, "verdict": "failed"}), tmp_path, ears) == ()
    assert heard(tmp_path) == []


def test_that_a_night_could_not_begin_is_told_again_where_nobody_heard(
    state: Store, ears: Notify, tmp_path: Path
) -> None:
    due = Due(schedule(), DUE, None)
    for to in (Notify(("/nowhere/mail",)), ears, ears):
        nights.refused(state, due, "no such directory", to)
    (document,) = heard(tmp_path)
    assert [change["kind"] for change in document["changes"]] == ["not_begun"]
    assert store.unbegun_nights(state) == {"head": "no such directory"}
