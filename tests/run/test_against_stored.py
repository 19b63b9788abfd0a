"""Which past a run is held against, by what is stored: a run, or what was good last; and what is missing for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from farm_orchestrator import config
from farm_orchestrator import store as stored
from farm_orchestrator.config import Settings
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import FileRef, Json, Limits, Variant
from farm_orchestrator.plan import fingerprint
from farm_orchestrator.run import against
from farm_orchestrator.run.look import budgeted
from farm_orchestrator.run.request import Request
from farm_orchestrator.store import LastGood, Store, schema
from farm_orchestrator.store.checks import check_passed, meet
from farm_orchestrator.variants import Refused
from nightly_support import schedule
from store_support import insert, part, variant

BOARDS = ({"name": "b0"}, {"name": "b1"})
NAMES = ("fp32", "int8")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store.open(settings.store) as opened:
        yield opened


def run(store: Store, name: str, *boards: str, word: str | None = "passed", file: str = "a" * 64) -> None:
    """A run of `fp32` and `int8`, whose files have this digest."""
    variants = tuple(replace(variant(each, file), files=(FileRef(f"{each}.onnx", file, 10),)) for each in NAMES)
    insert(store, *(replace(part(run=name, board=board), variants=variants) for board in boards))
    if word is not None:
        stored.set_word(store, name, word)


def asked(text: str | None, *, changed: bool = False) -> Request:
    return Request(paths=(), against=text, changed=changed)


def good(store: Store, name: str, board: str, of: str, file: str = "a" * 64) -> None:
    """By the nights of a schedule that there is."""
    point = part().points[0].key
    if "head" not in stored.schedule_names(store):
        stored.add_schedule(store, schedule("head"))
    stored.move_last_good(store, "head", [LastGood(name, board, point, file, None, of)])


def test_the_files_of_a_run_are_those_of_the_boards_and_variants_that_both_have(
    settings: Settings, store: Store
) -> None:
    run(store, "20260101-000000-aaaa", "b0", "b9")
    found = against.read(asked("20260101"), settings, BOARDS, ("int8", "new"))
    assert found is not None
    assert set(found.was) == {("b0", "int8", against.ANY)}
    assert found.about["id"] == "20260101-000000-aaaa"


def test_of_what_was_good_last_each_cell_has_a_run_of_its_own(settings: Settings, store: Store) -> None:
    run(store, "20260101-000000-aaaa", "b0", "b1")
    run(store, "20260102-000000-bbbb", "b0", file="b" * 64)
    good(store, "int8", "b1", "20260101-000000-aaaa")
    good(store, "int8", "b0", "20260102-000000-bbbb", file="b" * 64)
    found = against.read(asked("last-good"), settings, BOARDS, NAMES)
    assert found is not None
    point = part().points[0].key
    assert {key: one.run[-4:] for key, one in found.was.items()} == {
        ("b0", "int8", point): "bbbb", ("b1", "int8", point): "aaaa",
    }  # fmt: skip
    assert (found.about["name"], found.about["id"]) == ("the last good night", "20260102-000000-bbbb")


def test_what_was_good_in_a_run_that_is_gone_cannot_be_measured_again(settings: Settings, store: Store) -> None:
    run(store, "20250101-000000-gone", "b0")
    good(store, "int8", "b0", "20250101-000000-gone")
    store.submit(lambda c: c.execute(delete(schema.part)) and None)
    with pytest.raises(UsageError, match="20250101-000000-gone, which is no longer stored"):
        against.read(asked("last-good"), settings, BOARDS, NAMES)


@pytest.mark.parametrize(
    ("text", "names", "why"),
    [
        ("last", ("other",), "measured nothing that this run has; there were fp32 and int8 on b0"),
        ("20260102", NAMES, "is not complete"),
        ("20260101", ("other",), "measured nothing"),
        ("last-good", NAMES, "was ever good on b0 and b1"),
    ],
)
def test_a_past_that_is_none_is_refused(
    settings: Settings, store: Store, text: str, names: tuple[str, ...], why: str
) -> None:
    run(store, "20260102-000000-bbbb", "b0", word=None)
    run(store, "20260101-000000-aaaa", "b0")
    if text == "last":
        stored.set_word(store, stored.find_run(store, "last"), "passed")
    with pytest.raises(UsageError, match=why):
        against.read(asked(text), settings, BOARDS, names)


def test_without_a_store_nothing_is_made_by_asking(tmp_path: Path) -> None:
    bare = config.load(cwd=tmp_path, env={})
    with pytest.raises(UsageError, match="no run is stored here yet"):
        against.read(asked("last"), bare, BOARDS, NAMES)
    found = against.read(asked(None, changed=True), bare, BOARDS, NAMES)
    assert found is not None
    assert not bare.home.exists()
    told = against.told(against.choose(found, {"b0": ["p"]}, [variant("int8")], "int8"))
    assert told == ["no cell is what it was, so everything is measured"]


def test_files_that_are_gone_are_named_only_where_they_would_be_measured(settings: Settings, store: Store) -> None:
    """Today's file is there whatever became of the copy of then."""
    run(store, "20260101-000000-aaaa", "b0")
    kept = against.read(asked("last"), settings, BOARDS, NAMES)
    assert kept is not None
    assert set(kept.missing) == {"a" * 64}
    same = [variant(name, "a" * 64) for name in NAMES]
    chosen = against.choose(kept, {"b0": ["p"]}, same, "fp32")
    assert (len(chosen.pasts.same), len(chosen.pasts.old)) == (2, 0)
    assert against.told(chosen)[0].endswith("no file has changed since then")
    with pytest.raises(UsageError, match="the old file of int8 from run 20260101-000000-aaaa is gone"):
        against.choose(kept, {"b0": ["p"]}, [same[0], variant("int8", "c" * 64)], "fp32")


def test_budgets_of_the_command_win_over_those_of_the_variants_and_these_over_those_of_the_farm(tmp_path: Path) -> None:
    (tmp_path / "farm.yaml").write_text("budgets: {latency_p50: +9%, size: +1%, accuracy: -1pt}\n")
    settings = config.load(cwd=tmp_path, env={})
    limits = Limits(budgets={"latency_p50": "+5%", "size": "+2%"}, lines={"budgets.latency_p50": "variants.yaml:3"})
    found = budgeted(limits, replace(asked("last"), budgets={"latency_p50": "+3%"}), settings)
    assert found.budgets == {"latency_p50": "+3%", "size": "+2%", "accuracy": "-1pt"}
    assert found.lines == {}, "the line in which another bound was written"
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("text", ["{latency_p50: 30ms}", "{speed: +5%}", "{latency_p50: -5%}"])
def test_a_budget_of_the_farm_that_is_none_is_told_with_its_place(tmp_path: Path, text: str) -> None:
    (tmp_path / "farm.yaml").write_text(f"budgets: {text}\n")
    with pytest.raises(UsageError, match=r"farm\.yaml:1"):
        config.load(cwd=tmp_path, env={})


FIRST, SECOND = "20260101-000000-aaaa", "20260102-000000-bbbb"
POINT = part().points[0].key
AT = {"b0": [POINT]}


def same(file: str = "a" * 64) -> list[Variant]:
    return [variant(name, file) for name in NAMES]


def test_a_variant_that_is_refused_now_is_told_to_the_judge_and_measured_nowhere(
    settings: Settings, store: Store
) -> None:
    run(store, FIRST, "b0")
    kept = against.read(asked("last"), settings, BOARDS[:1], NAMES)
    refused = Refused("int8", "int8.onnx", 3, "it cannot be loaded")
    chosen = against.choose(kept, AT, same()[:1], "fp32", (refused,))
    assert chosen.facts is not None
    assert {each["variant"]: each["sha256"] for each in chosen.facts["old"]} == {"fp32": "a" * 64, "int8": "a" * 64}
    assert (chosen.facts["about"]["gone"], dict(chosen.pasts.old)) == ([], {})


def test_a_cell_that_was_not_run_has_its_past_and_one_that_failed_or_could_not_be_loaded_has_none(
    settings: Settings, store: Store
) -> None:
    run(store, FIRST, "b0", "b1")
    store_cells(store, FIRST, {("b0", "int8"): "failed", ("b1", "int8"): "not_run"})
    found = against.read(asked("last"), settings, BOARDS, NAMES)
    assert found is not None
    assert {key[:2] for key in found.was} == {("b0", "fp32"), ("b1", "fp32"), ("b1", "int8")}
    of_b1 = (schema.launch.c.board == "b1", schema.launch.c.variant == "int8")
    store.submit(lambda c: c.execute(update(schema.launch).where(*of_b1).values(outcome="NOT_SUPPORTED")) and None)
    found = against.read(asked("last"), settings, BOARDS, NAMES)
    assert found is not None
    assert ("b1", "int8", against.ANY) not in found.was


def store_cells(store: Store, name: str, states: Mapping[tuple[str, str], str]) -> None:
    told = [
        replace(each, state=states.get((each.board, each.variant), "measured")) for each in stored.cells(store, name)
    ]
    stored.set_cells(store, name, told)


def skipped(settings: Settings, text: str | None, variants: list[Variant]) -> set[str]:
    kept = against.read(asked(text, changed=True), settings, BOARDS[:1], NAMES)
    assert kept is not None
    there = replace(kept, missing={})
    return {name for _, name, _ in against.choose(there, AT, variants, "fp32").pasts.skipped}


def test_against_a_run_that_is_named_a_cell_is_unchanged_by_that_run(settings: Settings, store: Store) -> None:
    """What was good last is another matter."""
    for name, file in ((FIRST, "a"), (SECOND, "b")):
        run(store, name, "b0", file=file * 64)
        stored.note_hello(store, name, "b0", {"kernel": "6.6"})
        store_cells(store, name, {})
    for name in NAMES:
        good(store, name, "b0", SECOND, "b" * 64)
    assert skipped(settings, FIRST, same("a" * 64)) == set(NAMES)
    assert skipped(settings, FIRST, same("b" * 64)) == set()
    assert skipped(settings, None, same("b" * 64)) == skipped(settings, "last-good", same("b" * 64)) == set(NAMES)


def test_a_board_that_was_looked_at_since_is_what_that_look_saw(settings: Settings, store: Store) -> None:
    run(store, FIRST, "b0")
    stored.note_hello(store, FIRST, "b0", {"kernel": "6.6"})
    for name in NAMES:
        good(store, name, "b0", FIRST)
    assert skipped(settings, None, same()) == set(NAMES)
    chosen = against.choose(against.read(asked(None, changed=True), settings, BOARDS[:1], NAMES), AT, same(), "fp32")
    with pytest.raises(against.NothingLeft, match="as the board was when it was last seen at 20"):
        against.check_left(2, chosen)
    assert "last seen at 20" in against.told(chosen)[0]
    look(store, {"fingerprint": fingerprint({"name": "b0"}, {"kernel": "6.6"})})
    assert skipped(settings, None, same()) == set(NAMES)
    look(store, {"fingerprint": fingerprint({"name": "b0"}, {"kernel": "6.12"})})
    assert skipped(settings, None, same()) == set()


def look(store: Store, facts: Json) -> None:
    meet(store, "b0")
    fence = stored.acquire(store, "b0", "me", 6.0)
    assert fence is not None
    check_passed(store, "b0", fence, "ok", facts)
    stored.release(store, "b0", fence)


def test_a_past_that_no_cell_has_is_refused_with_the_reason(settings: Settings, store: Store) -> None:
    run(store, FIRST, "b0")
    good(store, "int8", "b0", FIRST)
    chosen = against.choose(against.read(asked("last-good"), settings, BOARDS, NAMES), {"b0": ["q"]}, same(), "fp32")
    with pytest.raises(UsageError, match=r"no cell of this run has a past: what was last good has .*no such point"):
        against.check_held(chosen)
    against.check_held(against.choose(None, {"b0": ["q"]}, same(), "fp32"))


def test_a_night_that_is_the_first_has_no_past_and_the_next_one_has(settings: Settings, store: Store) -> None:
    night = replace(asked("last-good"), schedule="head")
    assert against.read(night, settings, BOARDS, NAMES) is None
    run(store, FIRST, "b0")
    good(store, "int8", "b0", FIRST)
    assert against.read(night, settings, BOARDS, NAMES) is not None
    assert against.read(night, settings, BOARDS[1:], NAMES) is None, "nothing was good on the boards that were chosen"
