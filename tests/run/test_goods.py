"""By whose nights a file was good last, where several schedules measure variants of equal names on one board."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from farm_orchestrator import store as stored
from farm_orchestrator.config import Settings
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import FileRef
from farm_orchestrator.run import against
from farm_orchestrator.run.request import Request
from farm_orchestrator.store import LastGood, Store
from nightly_support import schedule
from store_support import Clock, insert, part, variant

FIRST, SECOND, THIRD = (f"2026010{i}-000000-aaaa" for i in (1, 2, 3))
POINT = part().points[0].key
BOARDS = ({"name": "b0"}, {"name": "b1"})
NAMES = ("fp32", "int8")
OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(settings: Settings, clock: Clock) -> Iterator[Store]:
    """With the schedules `head` and `tail`, whose nights measured other files under equal names."""
    with Store.open(settings.store, clock) as opened:
        for name in ("head", "tail"):
            stored.add_schedule(opened, schedule(name))
        yield opened


def good(
    store: Store, clock: Clock, name: str, run: str, file: str, *boards: str, names: Sequence[str] = ("int8",)
) -> None:
    """A night of the schedule, after which these variants are good as this file on these boards."""
    clock.pass_s(60)
    arms = tuple(replace(variant(each, file), files=(FileRef("a.onnx", file, 10),)) for each in NAMES)
    insert(store, *(replace(part(run, board), variants=arms) for board in boards))
    stored.set_word(store, run, "passed")
    moves = [LastGood(each, board, POINT, file, None, run) for board in boards for each in names]
    stored.move_last_good(store, name, moves)


def read(settings: Settings, text: str | None, *, changed: bool = False, night: str | None = None) -> against.Kept:
    asked = Request((), against=text, changed=changed, schedule=night)
    found = against.read(asked, settings, BOARDS, NAMES)
    assert found is not None
    return replace(found, missing={})


def choose(kept: against.Kept, board: str = "b0", file: str = "c" * 64) -> against.Chosen:
    return against.choose(kept, {board: [POINT]}, [variant(name, file) for name in NAMES], "fp32")


def runs(kept: against.Kept) -> dict[str, str]:
    return {board: one.run for (board, _, _), one in kept.was.items()}


def test_a_night_is_held_against_its_own_schedule_alone(settings: Settings, store: Store, clock: Clock) -> None:
    good(store, clock, "head", FIRST, OLD, "b0")
    night = Request((), against="last-good", schedule="tail")
    assert against.read(night, settings, BOARDS, NAMES) is None, "the first night of tail, whatever head found good"
    good(store, clock, "tail", SECOND, NEW, "b0")
    assert runs(read(settings, "last-good", night="head")) == {"b0": FIRST}
    kept = read(settings, "last-good", night="tail")
    assert (runs(kept), kept.about["name"]) == ({"b0": SECOND}, "the last good night of tail")
    assert [each.variant.sha256 for each in choose(kept).pasts.old.values()] == [NEW]


def test_where_schedules_differ_a_run_is_refused_until_one_is_named(
    settings: Settings, store: Store, clock: Clock
) -> None:
    good(store, clock, "head", FIRST, OLD, "b0", "b1")
    good(store, clock, "tail", SECOND, NEW, "b0")
    kept = read(settings, "last-good")
    with pytest.raises(UsageError, match="head and tail found different files of int8 on b0 good") as refused:
        choose(kept)
    assert refused.value.mend == "say whose is meant: --against last-good:head or --against last-good:tail"
    assert [each.run for each in choose(kept, "b1").pasts.old.values()] == [FIRST], "there only one holds any"
    assert runs(read(settings, "last-good:tail")) == {"b0": SECOND}
    assert runs(read(settings, "last-good:head")) == {"b0": FIRST, "b1": FIRST}
    chosen = choose(read(settings, "last-good:tail"))
    assert chosen.facts is not None
    assert (chosen.facts["asked"], chosen.facts["about"]["name"]) == ("last-good:tail", "the last good night of tail")


def test_where_all_that_there_is_differs_it_is_refused_too(settings: Settings, store: Store, clock: Clock) -> None:
    good(store, clock, "head", FIRST, OLD, "b0")
    good(store, clock, "tail", SECOND, NEW, "b0")
    with pytest.raises(UsageError, match="head and tail found different files of int8 on b0 good"):
        read(settings, "last-good")


def test_where_schedules_agree_on_the_file_it_is_that_of_the_newest(
    settings: Settings, store: Store, clock: Clock
) -> None:
    good(store, clock, "tail", FIRST, OLD, "b0")
    good(store, clock, "head", SECOND, OLD, "b0")
    kept = read(settings, "last-good")
    assert (runs(kept), kept.about["id"], kept.about["name"]) == ({"b0": SECOND}, SECOND, "the last good night")
    assert [each.run for each in choose(kept).pasts.old.values()] == [SECOND]


def test_what_schedules_differ_on_is_not_left_out_as_unchanged(settings: Settings, store: Store, clock: Clock) -> None:
    good(store, clock, "head", FIRST, OLD, "b0", names=NAMES)
    good(store, clock, "tail", SECOND, NEW, "b0", names=NAMES)
    for run in (FIRST, SECOND):
        stored.note_hello(store, run, "b0", {"kernel": "6.6"})
    assert choose(read(settings, None, changed=True), file=NEW).pasts.skipped == {}
    named = read(settings, "last-good:tail", changed=True)
    assert {name for _, name, _ in choose(named, file=NEW).pasts.skipped} == set(NAMES)


def test_a_schedule_that_was_removed_is_asked_by_name_alone(settings: Settings, store: Store, clock: Clock) -> None:
    good(store, clock, "head", FIRST, OLD, "b0")
    good(store, clock, "tail", SECOND, NEW, "b0")
    stored.remove_schedule(store, "tail")
    assert runs(read(settings, "last-good")) == {"b0": FIRST}
    assert runs(read(settings, "last-good:tail")) == {"b0": SECOND}
    stored.remove_schedule(store, "head")
    with pytest.raises(UsageError, match=r"ever good on b0 and b1\n.*removed: --against last-good:head"):
        read(settings, "last-good")
    good(store, clock, "head", THIRD, NEW, "b1")
    stored.add_schedule(store, schedule("head"))
    assert runs(read(settings, "last-good")) == {"b0": FIRST, "b1": THIRD}, "it goes on from there"


def test_a_name_that_is_none_or_has_nothing_yet_is_refused(settings: Settings, store: Store, clock: Clock) -> None:
    good(store, clock, "head", FIRST, OLD, "b0")
    for text, why in (("last-good:other", r"no schedule 'other'.*\n.*head, tail"), ("last-good:", "name of a schedule"),
                      ("last-good:tail", "fp32 and int8 was ever good on b0 and b1 by the nights of tail")):  # fmt: skip
        with pytest.raises(UsageError, match=why):
            read(settings, text)
