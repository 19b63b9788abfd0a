"""What was good last: each schedule's own, moved by the store's clock alone, or by a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from farm_orchestrator import store
from farm_orchestrator.errors import UsageError
from farm_orchestrator.store import LastGood, Store, schema
from nightly_support import DAY, DUE, added, begin, schedule
from store_support import Clock, insert, part

RUNS = [f"2026112{i}-013000-aaaa" for i in range(1, 10)]
GOOD = LastGood("int8", "b0", "p", "1" * 64, "print", RUNS[0])
POINT = part().points[0].key
Cells = Mapping[tuple[str, str], str]


def night(state: Store, clock: Clock, number: int, name: str = "head", boards: tuple[str, ...] = ("b0",)) -> str:
    """Begun when it was due, and not over."""
    clock.s = DUE + number * DAY
    assert begin(state, RUNS[number], clock.s, name, boards)
    return RUNS[number]


def over(state: Store, run: str, word: str = "passed", states: Cells | None = None, past: Cells | None = None) -> None:
    """Closed, reported and settled; `states` of its cells, else measured, and their words against the `past`."""
    told = [
        replace(each, state=(states or {}).get((each.board, each.variant), "measured"),
                versus_past=(past or {}).get((each.board, each.variant), "equivalent"))
        for each in store.cells(state, run)
    ]  # fmt: skip
    state.submit(lambda c: c.execute(update(schema.run).where(schema.run.c.run == run).values(state="closed")) and None)
    store.set_word(state, run, word)
    store.set_cells(state, run, told)
    store.note_held(state, run)


def good(state: Store, name: str = "head") -> dict[tuple[str, str], str]:
    return {(each.board, each.variant): each.run for each in store.last_good(state, schedule=name)}


def test_each_schedule_has_its_own(state: Store, clock: Clock) -> None:
    first, second = night(state, clock, 0), night(state, clock, 1, "tail")
    assert store.move_last_good(state, "head", [replace(GOOD, run=first)]) == 1
    assert store.move_last_good(state, "tail", [replace(GOOD, run=second, sha256="2" * 64)]) == 1
    assert [(each.schedule, each.run) for each in store.last_good(state)] == [("head", first), ("tail", second)]
    assert [each.sha256 for each in store.last_good(state, schedule="head")] == ["1" * 64]
    assert [each.sha256 for each in store.last_good(state, ["b0"], "tail")] == ["2" * 64]
    assert store.last_good(state, schedule="other") == store.last_good(state, []) == []


def test_a_report_of_an_older_night_that_is_built_again_moves_nothing_back(state: Store, clock: Clock) -> None:
    runs = [night(state, clock, number) for number in range(3)]
    assert store.move_last_good(state, "head", [replace(GOOD, run=runs[0])]) == 1
    newer = replace(GOOD, sha256="2" * 64, run=runs[2])
    assert store.move_last_good(state, "head", [newer, replace(GOOD, run=runs[2], board="b1")]) == 2
    for again in (runs[1], runs[2]):
        assert store.move_last_good(state, "head", [replace(GOOD, run=again)]) == 0
    assert store.last_good(state, ["b0"]) == [replace(newer, moved=clock.s, schedule="head")]


def test_a_night_whose_planner_had_a_slow_clock_is_later_by_the_clock_of_the_store(state: Store, clock: Clock) -> None:
    """Its id says ten minutes less than that of the night before."""
    early, late = "20261122-014000-aaaa", "20261122-013100-bbbb"
    for run, at in ((early, DUE), (late, DUE + 60)):
        clock.s = at
        assert begin(state, run, at)
    store.move_last_good(state, "head", [replace(GOOD, run=early)])
    assert store.move_last_good(state, "head", [replace(GOOD, run=late)]) == 1
    assert store.move_last_good(state, "head", [replace(GOOD, run=early)]) == 0
    assert good(state) == {("b0", "int8"): late}


def test_a_night_that_regressed_is_good_by_a_person_s_word_until_a_later_one(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    runs = [night(state, clock, number) for number in range(3)]
    store.move_last_good(state, "head", [replace(GOOD, run=runs[0], point=POINT)])
    over(state, runs[1], "regressed")
    clock.pass_s(3600)
    accepted = store.accept_night(state, "head", None, "the new kernel is worth it")
    assert (accepted.run, len(accepted.moved), accepted.left) == (runs[1], 2, ())
    assert good(state) == {("b0", "fp32"): runs[1], ("b0", "int8"): runs[1]}
    moved = store.last_good(state, schedule="head")[1]
    assert (moved.sha256, moved.moved) == ("0" * 64, clock.s)
    begun_before = replace(GOOD, run=runs[2], point=POINT)
    assert store.move_last_good(state, "head", [begun_before]) == 0, "it was held against what was good before"
    assert store.move_last_good(state, "head", [replace(begun_before, run=night(state, clock, 4))]) == 1


def test_who_accepted_what_and_why_is_noted_with_the_run(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    over(state, night(state, clock, 0), "regressed")
    clock.pass_s(60)
    store.accept_night(state, "head", RUNS[0], "the new kernel is worth it")
    query = select(schema.event).where(schema.event.c.kind == "good_accepted")
    (event,) = state.read(lambda c: c.execute(query).all())
    assert (event.run, event.at, event.board) == (RUNS[0], clock.s, None)
    assert event.text.endswith(" accepted this night of head: the new kernel is worth it")
    assert event.facts["by"] in event.text
    assert event.facts["cells"] == [["b0", "fp32", POINT], ["b0", "int8", POINT]]


def test_a_person_may_go_back_to_an_older_night(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    runs = [night(state, clock, number) for number in range(2)]
    for run in runs:
        over(state, run)
    store.move_last_good(state, "head", [replace(GOOD, run=runs[1], point=POINT)])
    store.accept_night(state, "head", runs[0])
    assert set(good(state).values()) == {runs[0]}
    assert store.move_last_good(state, "head", [replace(GOOD, run=runs[1], point=POINT)]) == 0, (
        "its report, built again"
    )


def test_what_a_night_did_not_measure_keeps_what_it_had(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    first = night(state, clock, 0, boards=("b0", "b1"))
    store.move_last_good(state, "head", [replace(GOOD, run=first, board="b1", point=POINT)])
    second = night(state, clock, 1, boards=("b0", "b1"))
    over(state, second, "invalid", {("b1", "int8"): "not_run", ("b0", "fp32"): "failed"})
    accepted = store.accept_night(state, "head")
    assert {(each.board, each.variant) for each in accepted.left} == {("b1", "int8"), ("b0", "fp32")}
    assert good(state) == {("b1", "int8"): first, ("b0", "int8"): second, ("b1", "fp32"): second}


def test_what_cannot_be_accepted_is_refused_with_what_to_do(state: Store, clock: Clock) -> None:
    def refused(text: str, name: str, run: str | None = None) -> None:
        with pytest.raises(UsageError, match=text):
            store.accept_night(state, name, run)

    refused("no schedule 'head'", "head")
    added(state, clock, schedule())
    added(state, clock, schedule("tail"))
    refused(r"no night of head is over yet.*\n.*farm nightly run head", "head")
    insert(state, part("20260101-000000-cccc"))
    refused("20260101-000000-cccc is no night of head: no schedule began it", "head", "20260101-000000-cccc")
    other = night(state, clock, 0, "tail")
    over(state, other)
    refused(f"{other} is no night of head: it is one of tail", "head", other)
    mine = night(state, clock, 1)
    refused("no night of head is over yet", "head")
    refused(f"the night {mine} of head is not over", "head", mine)
    over(state, mine, "invalid", dict.fromkeys([("b0", "fp32"), ("b0", "int8")], "not_run"))
    refused("measured nothing", "head")
    stopped = night(state, clock, 2)
    store.cancel(state, stopped)
    over(state, stopped, "invalid")
    refused(f"{stopped} of head was cancelled", "head", stopped)
    refused(f"{mine} of head measured nothing", "head")
    assert store.last_good(state) == []


def test_a_night_whose_report_is_not_whole_yet_is_refused(state: Store, clock: Clock) -> None:
    """Its word is written before its cells."""
    added(state, clock, schedule())
    over(state, night(state, clock, 0))
    state.submit(lambda c: c.execute(update(schema.cell).values(state=None)) and None)
    with pytest.raises(UsageError, match=f"no report yet.*\n.*farm report {RUNS[0]}"):
        store.accept_night(state, "head")


def earlier(state: Store, number: int) -> list[tuple[str, str | None, dict[tuple[str, str], str | None]]]:
    nights = store.earlier_nights(state, "head", DUE + number * DAY)
    return [(each.run, each.word, {key[:2]: word for key, word in each.words.items()}) for each in nights]


def test_what_a_person_accepted_is_no_news_to_the_next_night(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    slower = {("b0", "int8"): "regressed"}
    for number in range(2):
        over(state, night(state, clock, number), "regressed", past=slower)
    running = night(state, clock, 2)
    clock.pass_s(60)
    store.accept_night(state, "head", RUNS[0])
    before = ("regressed", {("b0", "fp32"): "equivalent", **slower})
    after = ("passed", {("b0", "fp32"): "equivalent", ("b0", "int8"): "equivalent"})
    assert earlier(state, 2) == [(RUNS[1], *before), (RUNS[0], *before)], "it was held against what was good before"
    over(state, running, "regressed", past=slower)
    night(state, clock, 3)
    assert earlier(state, 3) == [(run, *after) for run in reversed(RUNS[:3])]
    over(state, RUNS[3], "regressed", past=slower)
    night(state, clock, 4)
    assert earlier(state, 4)[0] == (RUNS[3], *before), "that one is worse than what was accepted"


def test_what_an_accepted_night_did_not_measure_stays_open(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    past = {("b0", "int8"): "regressed", ("b1", "int8"): "regressed"}
    over(state, night(state, clock, 0, boards=("b0", "b1")), "regressed", {("b1", "int8"): "not_run"}, past)
    store.accept_night(state, "head")
    night(state, clock, 1)
    ((_, word, words),) = earlier(state, 1)
    assert word == "regressed"
    assert (words["b0", "int8"], words["b1", "int8"]) == ("equivalent", "regressed")


def test_a_limit_that_is_missed_is_no_matter_of_the_past(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    over(state, night(state, clock, 0), "failed")
    store.accept_night(state, "head")
    night(state, clock, 1)
    assert earlier(state, 1)[0][1] == "failed"


def test_a_schedule_that_is_removed_keeps_what_was_good_unless_it_is_to_be_forgotten(
    state: Store, clock: Clock
) -> None:
    added(state, clock, schedule())
    over(state, night(state, clock, 0), "regressed", past={("b0", "int8"): "regressed"})
    store.move_last_good(state, "head", [replace(GOOD, run=RUNS[0], point=POINT)])
    store.move_last_good(state, "tail", [replace(GOOD, run=RUNS[0], point=POINT)])
    store.remove_schedule(state, "head")
    assert good(state) == {("b0", "int8"): RUNS[0]}
    assert store.schedule_names(state) == []
    assert (store.forget_good(state, "head"), store.forget_good(state, "head")) == (1, 0)
    assert (good(state), len(good(state, "tail"))) == ({}, 1)
    added(state, clock, schedule())
    night(state, clock, 1)
    assert earlier(state, 1)[0][2]["b0", "int8"] == "equivalent", (
        "nobody hears that it recovered from what is forgotten"
    )
