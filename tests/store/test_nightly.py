"""Schedules, the nights they begin, and what was good last: the same on a file and on a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from farm_orchestrator import store
from farm_orchestrator.errors import StoreError, UsageError
from farm_orchestrator.store import CellRow, Store, schema
from nightly_support import DAY, DUE, added, beats, begin, schedule
from store_support import Clock

LOOK_S = 31.0
RUNS = [f"2026112{i}-013000-aaaa" for i in range(1, 10)]


def runs(state: Store) -> list[tuple[str, float | None]]:
    return [(each.id, each.due_at) for each in store.list_runs(state)]


def look(state: Store, clock: Clock, at: float) -> list[float]:
    clock.s = at
    return [due.at for due in store.due_nights(state)]


def test_a_schedule_is_kept_listed_by_name_and_removed(state: Store, clock: Clock) -> None:
    own = added(state, clock, schedule("b", until="06:00", days=(0, 4)))
    added(state, clock, schedule("a"))
    assert store.schedules(state) == [replace(schedule("a"), created=clock.s), replace(own, created=clock.s)]
    assert store.find_schedule(state, "b").until == "06:00"
    store.remove_schedule(state, "b")
    assert [each.name for each in store.schedules(state)] == ["a"]


def test_a_name_that_is_taken_or_unknown_is_refused_with_what_helps(state: Store, clock: Clock) -> None:
    with pytest.raises(UsageError, match="farm nightly add"):
        store.find_schedule(state, "head")
    added(state, clock, schedule())
    with pytest.raises(UsageError, match=r"already.*\n.*farm nightly rm head"):
        store.add_schedule(state, schedule())
    with pytest.raises(UsageError, match=r"no schedule 'other'.*\n.*head"):
        store.remove_schedule(state, "other")


def test_a_schedule_that_a_newer_farm_wrote_is_no_reason_to_guess(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    state.submit(lambda c: c.execute(update(schema.schedule).values(spec={"format": "farm.schedule/2"})) and None)
    with pytest.raises(StoreError, match=r"schedule head: .*farm.schedule/2"):
        store.schedules(state)


@pytest.mark.parametrize("broken", [{"format": "farm.schedule/2"}, {"zone": "Mars/Olympus"}])
def test_a_schedule_that_cannot_be_read_here_holds_up_no_other_and_can_be_removed(
    state: Store, clock: Clock, broken: dict[str, str]
) -> None:
    added(state, clock, schedule("other"))
    odd = {**schedule("a").to_json(), **broken}
    state.submit(lambda c: c.execute(insert(schema.schedule).values(name="a", spec=odd, created=clock.s)) and None)
    assert look(state, clock, DUE + 1) == [DUE]
    store.remove_schedule(state, "a")
    assert [each.name for each in store.schedules(state)] == ["other"]


def test_a_night_is_due_once_however_often_somebody_looks(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    assert look(state, clock, DUE - 60) == []
    assert look(state, clock, DUE + 1) == [DUE]
    assert begin(state, RUNS[0], DUE)
    for late in (LOOK_S, 2 * LOOK_S, 3600.0, 5 * 3600.0):
        assert look(state, clock, DUE + late) == []
    assert look(state, clock, DUE + DAY) == [DUE + DAY]


def test_schedules_are_looked_at_by_one_every_thirty_seconds(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    look(state, clock, DUE - 10)
    assert look(state, clock, DUE + 1) == []
    assert look(state, clock, DUE + 21) == [DUE]


def test_a_night_that_was_missed_is_caught_up_and_after_ten_days_there_is_one(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    assert look(state, clock, DUE + 3 * 3600) == [DUE]
    begin(state, RUNS[0], DUE)
    later = look(state, clock, DUE + 10 * DAY + 1)
    assert later == [DUE + 10 * DAY]
    begin(state, RUNS[1], later[0])
    assert runs(state) == [(RUNS[0], DUE), (RUNS[1], DUE + 10 * DAY)]
    assert look(state, clock, DUE + 10 * DAY + LOOK_S + 1) == []


def test_a_planner_that_died_is_followed_by_another_after_ten_minutes(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    assert look(state, clock, DUE + 1) == [DUE]
    assert look(state, clock, DUE + 300) == []
    assert look(state, clock, DUE + 602) == [DUE]


def test_a_night_that_a_person_began_by_hand_is_not_begun_again(state: Store, clock: Clock) -> None:
    added(state, clock, schedule())
    begin(state, RUNS[0], DUE + 600)
    assert look(state, clock, DUE + 3600) == []


def test_the_same_night_cannot_be_stored_twice_but_other_runs_can(state: Store) -> None:
    assert begin(state, RUNS[0], DUE)
    assert not begin(state, RUNS[1], DUE)
    assert begin(state, RUNS[2], DUE, "other")
    assert [run for run, _ in runs(state)] == [RUNS[0], RUNS[2]]


@pytest.mark.parametrize("all_insert", [True, False])
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_four_beats_at_once_begin_one_night(
    request: pytest.FixtureRequest, dialect: str, tmp_path: Path, *, all_insert: bool
) -> None:
    place = str(request.getfixturevalue("database" if dialect == "sqlite" else "pg_url"))
    clock = Clock()
    with Store.open(place, clock) as state:
        added(state, clock, schedule())
        said = beats(place, tmp_path, 4, all_insert=all_insert)
        assert sorted(said) == (["begun", "late", "late", "late"] if all_insert else ["", "", "", "begun"])
        assert [due_at for _, due_at in runs(state)] == [DUE]


def test_a_turn_is_taken_by_one_and_a_clock_that_is_set_back_gives_it_away(state: Store, clock: Clock) -> None:
    assert store.take_turn(state, "canaries", 30.0)
    assert not store.take_turn(state, "canaries", 30.0)
    assert store.take_turn(state, "others", 30.0)
    clock.pass_s(30.0)
    assert store.take_turn(state, "canaries", 30.0)
    clock.pass_s(-3600.0)
    assert store.take_turn(state, "canaries", 30.0)


def test_the_nights_before_are_told_with_their_words_and_lost_boards_the_last_first(state: Store) -> None:
    for i, run in enumerate(RUNS[:4]):
        begin(state, run, DUE + i * DAY, boards=("b0", "b1"))
    for run, word in zip(RUNS[:3], ("regressed", "passed", None), strict=True):
        if word:
            store.set_word(state, run, word)
        store.note_held(state, run)
        told = [replace(each, versus_past=word) for each in store.cells(state, run) if each.variant == "int8"]
        store.set_cells(state, run, told)
    state.submit(lambda c: c.execute(
        update(schema.part).where(schema.part_of(RUNS[1], "b1")).values(ended="no answer")) and None)  # fmt: skip
    begin(state, "20261125-020000-bbbb", DUE + 4 * DAY, "other")
    nights = list(store.earlier_nights(state, "head", DUE + 3 * DAY))
    assert [(night.run, night.word, dict(night.lost)) for night in nights] == [
        (RUNS[1], "passed", {"b1": "no answer"}),
        (RUNS[0], "regressed", {}),
    ]
    point = store.cells(state, RUNS[0])[0].point
    assert nights[1].words[("b1", "int8", point)] == "regressed"
    assert nights[1].words[("b1", "fp32", point)] is None
    assert nights[0].boards == {"b0", "b1"}
    assert store.begun_nights(state) == {"head": RUNS[3], "other": "20261125-020000-bbbb"}


def test_a_night_that_was_cancelled_says_nothing_about_the_next(state: Store) -> None:
    begin(state, RUNS[0], DUE)
    store.cancel(state, RUNS[0])
    store.set_word(state, RUNS[0], "invalid")
    store.note_held(state, RUNS[0])
    assert list(store.earlier_nights(state, "head", DUE + DAY)) == []


def test_a_night_whose_process_died_before_it_was_told_does_not_count_as_held(state: Store) -> None:
    begin(state, RUNS[0], DUE)
    store.set_word(state, RUNS[0], "regressed")
    assert list(store.earlier_nights(state, "head", DUE + DAY)) == []
    for _ in range(2):
        store.note_held(state, RUNS[0])
    assert [night.run for night in store.earlier_nights(state, "head", DUE + DAY)] == [RUNS[0]]
    assert len(state.read(lambda c: c.execute(schema.event.select()).all())) == 1


def test_what_nobody_could_be_told_is_told_by_the_next_who_asks(state: Store) -> None:
    begin(state, RUNS[0], DUE)
    news = [("regressed", "b0", "int8 on b0 is slower")]
    assert store.tell_once(state, RUNS[0], news)
    store.untell(state, RUNS[0])
    store.note_held(state, RUNS[0])
    assert [store.tell_once(state, RUNS[0], news) for _ in range(2)] == [True, False]
    store.untell(state, RUNS[0])
    assert len(list(store.earlier_nights(state, "head", DUE + DAY))) == 0  # no word yet
    store.set_word(state, RUNS[0], "regressed")
    assert len(list(store.earlier_nights(state, "head", DUE + DAY))) == 1


def test_changes_are_told_by_one_caller_and_noted_on_their_boards(state: Store) -> None:
    begin(state, RUNS[0], DUE)
    changes = [("regressed", "b0", "int8 on b0 is slower"), ("board_lost", "b1", "b1 was lost")]
    assert [store.tell_once(state, RUNS[0], changes) for _ in range(3)] == [True, False, False]
    events = state.read(lambda c: c.execute(schema.event.select().order_by(schema.event.c.id)).all())
    assert [(each.kind, each.board, each.text, each.run) for each in events] == [
        ("night_regressed", "b0", "int8 on b0 is slower", RUNS[0]),
        ("night_board_lost", "b1", "b1 was lost", RUNS[0]),
    ]


def test_that_a_night_could_not_begin_is_news_once_until_one_begins(state: Store) -> None:
    assert store.tell_unbegun(state, "head", DUE, "no such directory")
    assert not store.tell_unbegun(state, "head", DUE, "no such directory")
    assert not store.tell_unbegun(state, "head", DUE + DAY, "no such directory")
    assert store.tell_unbegun(state, "other", DUE, "no such directory")
    assert store.unbegun_nights(state) == {"head": "no such directory", "other": "no such directory"}
    assert not store.tell_unbegun(state, "head", DUE + DAY, "no board of that name")  # this night is told of
    assert store.tell_unbegun(state, "head", DUE + 1.5 * DAY, "it needs 30 min, 20 are left")
    assert not store.tell_unbegun(state, "head", DUE + 1.6 * DAY, "it needs 30 min, 10 are left")
    begin(state, RUNS[2], DUE + 2 * DAY)
    assert store.unbegun_nights(state) == {"other": "no such directory"}
    assert store.tell_unbegun(state, "head", DUE + 3 * DAY, "no board of that name")


def test_a_cell_keeps_its_word_against_the_past(state: Store) -> None:
    begin(state, RUNS[0], DUE)
    cell = store.cells(state, RUNS[0])[0]
    store.set_cells(state, RUNS[0], [replace(cell, state="measured", versus_past="improved")])
    assert CellRow(**vars(store.cells(state, RUNS[0])[0])).versus_past == "improved"


def test_a_cell_whose_file_fails_counts_as_regressed_where_it_had_a_past(state: Store) -> None:
    begin(state, RUNS[0], DUE, boards=("b0", "b1", "b2"))
    cells = {(each.board, each.variant): each for each in store.cells(state, RUNS[0])}
    old = [{"board": board, "variant": "int8", "point": cells[board, "int8"].point} for board in ("b0", "b1")]
    facts = {"against": {"old": old}}
    state.submit(lambda c: c.execute(update(schema.run).values(facts=facts)) and None)
    told = [
        replace(each, state="failed" if each.board != "b1" else "not_run", versus_past="invalid")
        for each in cells.values()
    ]
    store.set_cells(state, RUNS[0], told)
    store.set_word(state, RUNS[0], "regressed")
    store.note_held(state, RUNS[0])

    def words() -> dict[tuple[str, str], str | None]:
        (night,) = store.earlier_nights(state, "head", DUE + DAY)
        return {key[:2]: word for key, word in night.words.items() if word != "invalid"}

    assert words() == {("b0", "int8"): "regressed"}
    at = (schema.launch.c.board == "b1", schema.launch.c.variant == "int8")
    state.submit(lambda c: c.execute(update(schema.launch).where(*at).values(outcome="NOT_SUPPORTED")) and None)
    assert words() == {("b0", "int8"): "regressed", ("b1", "int8"): "regressed"}
