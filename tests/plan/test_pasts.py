"""Old artefacts beside the variants they became: in the same blocks, counted in m, never left without each other."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from arms_support import planned
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import FLOOR, LaunchRow, Limits, Part, Phase, Slot, State
from farm_orchestrator.plan import (
    Old,
    Pasts,
    compared_blocks,
    confirming,
    estimate_s,
    fingerprint,
    first_slots,
    next_slots,
    one_file,
    plan_document,
    promise,
    requeue,
    series,
    unchanged,
    without_needed,
)
from farm_orchestrator.plan.blocks import GROUP
from farm_orchestrator.plan.profiling import profiling
from farm_reports.tables import PAST
from plan_support import row, rows_of, variant

B = "b0"


def timed(part: Part, changes: dict[str, float], sd: float = 0.002) -> list[LaunchRow]:
    """All first launches, where variants take so much longer than what they were."""
    rng = np.random.default_rng(1)
    slow = {name: 1 + share for name, share in changes.items()}
    return rows_of(first_slots(part), lambda slot: int(1e7 * slow.get(slot.variant, 1.0) * np.exp(rng.normal(0, sd))))


def blocks_of(slots: tuple[Slot, ...]) -> list[set[str]]:
    found: dict[int, set[str]] = {}
    for slot in slots:
        if slot.phase >= Phase.SCREEN:
            found.setdefault(slot.block, set()).add(slot.variant)
    return list(found.values())


def test_every_block_holds_the_variants_and_what_they_were() -> None:
    part = planned().parts[0]
    assert all(block == {"fp32", "int8", "fp32@past", "int8@past"} for block in blocks_of(first_slots(part)))
    checked = [slot.variant for slot in first_slots(part) if slot.phase == Phase.CHECK]
    assert checked == [FLOOR, "fp32", "int8", "fp32@past", "int8@past"]
    digests = {slot.variant: slot.sha256 for slot in first_slots(part)}
    assert digests["int8@past"] == "f" * 64 != digests["int8"]


def test_only_what_changed_is_measured_twice() -> None:
    part = planned(olds=("int8",)).parts[0]
    assert all(block == {"fp32", "int8", "int8@past"} for block in blocks_of(first_slots(part)))


def test_a_part_comes_back_from_the_store_as_it_was() -> None:
    part = planned(skipped={(B, "int8", "x"): "unchanged since run R"}).parts[0]
    assert Part.from_json(part.to_json()) == part
    older = {name: value for name, value in part.to_json().items() if name not in {"arms", "skipped"}}
    assert (Part.from_json(older).arms, Part.from_json(older).skipped) == ((), ())


@pytest.mark.parametrize("count", [2, 5, 8, 9, 20])
def test_a_variant_and_what_it_was_share_their_blocks_however_many_there_are(count: int) -> None:
    names = [f"v{index:02}" for index in range(count)]
    part = planned(names, names).parts[0]
    seen: Counter[str] = Counter()
    for at in series(part):
        others = set(at.names) - {"v00"}
        assert "v00" in at.names
        assert len(others) <= GROUP
        assert all(name.removesuffix(PAST) in at.names for name in at.names)
        seen.update(others)
    assert set(seen.values()) == {1}
    assert set(seen) == {*names[1:], *(name + PAST for name in names)}


def test_plans_without_a_past_are_what_they_were() -> None:
    names = [f"v{index:02}" for index in range(20)]
    part = planned(names, ()).parts[0]
    assert [at.names for at in series(part)] == [
        tuple(sorted(["v00", *names[1:][index::3]])) for index in range(3)
    ]  # fmt: skip


def test_m_counts_the_budgets_of_every_old_file_twice_where_fresh_blocks_may_decide() -> None:
    assert planned(preset="quick").gated == 2
    assert planned().gated == 4
    assert planned(limits=Limits(budgets={"size": "+1%"})).gated == 0
    both = Limits(budgets={"latency_p50": "+5%", "peak_memory": "+5%", "accuracy": "-1pt"})
    assert planned(limits=both, boards=("b0", "b1")).gated == 2 * 2 * 3
    limited = Limits({"latency_p50": "0.9x"}, ship=("int8",), budgets={"latency_p50": "+5%"})
    assert planned(limits=limited).gated == 2 + 4
    assert planned(threads=(1, 2)).gated == 8


def test_more_blocks_are_planned_where_the_level_needs_them() -> None:
    names = [f"v{index:02}" for index in range(8)]
    plan = planned(names, names, boards=[f"b{index}" for index in range(10)])
    assert plan.gated == 160
    assert plan.parts[0].planned_blocks == 14
    assert plan_document(plan)["gates"]["level"] == pytest.approx(0.01 / 160)


def test_a_plan_that_cannot_tell_what_became_of_its_files_is_refused_and_says_what_would() -> None:
    names = [f"v{index:02}" for index in range(8)]
    with pytest.raises(UsageError) as refused:
        planned(names, names, boards=[f"b{index}" for index in range(10)], max_blocks=10)
    assert "80 gated comparisons need 13 blocks" in str(refused.value)
    assert "--max-blocks 13" in str(refused.value)
    assert "budgets x old files x boards x points" in str(refused.value)


def test_nobody_whose_past_is_asked_for_is_screened_out() -> None:
    names = [f"v{index:02}" for index in range(9)]
    assert planned(names, ()).parts[0].screen_blocks > 0
    assert planned(names, names[:1]).parts[0].screen_blocks == 0


def test_the_estimate_pays_for_the_old_files() -> None:
    with_past, without = (planned(olds=olds, preset="quick").parts[0] for olds in (("fp32", "int8"), ()))
    assert estimate_s(with_past) > 1.8 * estimate_s(without)
    assert compared_blocks(with_past) == compared_blocks(without)


def test_one_variant_alone_is_promised_what_it_will_see_of_its_past() -> None:
    plan = planned(("int8",), ("int8",))
    assert plan.smallest_effect is not None
    assert promise(plan.parts[0]).effect == plan.smallest_effect
    assert planned(("int8",), ()).smallest_effect is None


def test_blocks_are_added_until_every_pair_is_narrow() -> None:
    """The ratio of a variant to what it was decides too, however narrow that to the baseline is."""
    part = planned(("fp32", "int8"), ("int8",)).parts[0]
    steady = timed(part, {})
    assert next_slots(part, steady) == ()
    rng = np.random.default_rng(2)
    noisy = [
        dataclasses.replace(one, p50_ns=int(1e7 * np.exp(rng.normal(0, 0.05)))) if one.variant == "int8@past" else one
        for one in steady
    ]
    assert {slot.variant for slot in next_slots(part, noisy)} == {"fp32", "int8", "int8@past"}


def test_an_old_file_that_failed_keeps_nobody_waiting() -> None:
    part = planned(("fp32", "int8"), ("int8",)).parts[0]
    rows = [
        dataclasses.replace(one, state=State.FAILED, p50_ns=None, outcome="load: x") if one.variant == "int8@past" else one
        for one in timed(part, {})
    ]  # fmt: skip
    assert next_slots(part, rows) == ()
    again = requeue(part, rows, max(one.block for one in rows), 0)
    assert {slot.variant for slot in again} == {"fp32", "int8"}


def test_what_nobody_can_tell_yet_is_confirmed_by_fresh_blocks_of_both() -> None:
    budget = Limits(budgets={"latency_p50": "+5%"})
    part = planned(("fp32", "int8", "tiny"), ("int8", "tiny"), limits=budget).parts[0]
    assert part.confirms
    rows = timed(part, {"int8": 0.05, "tiny": 0.3})
    slots = confirming(part, rows)
    assert {slot.variant for slot in slots} == {"fp32", "int8", "int8@past"}
    assert {slot.phase for slot in slots} == {Phase.CONFIRM}
    assert len({slot.block for slot in slots}) == 2 * part.planned_blocks
    rows += [row(slot, 5000 + index) for index, slot in enumerate(slots)]
    last = slots[-1]
    assert {slot.variant for slot in requeue(part, rows, last.block, 0)} == {"fp32", "int8", "int8@past"}


def test_without_a_budget_the_default_margin_is_confirmed() -> None:
    part = planned(("fp32", "int8"), ("int8",)).parts[0]
    assert confirming(part, timed(part, {"int8": 0.015}, sd=0.004))
    assert confirming(part, timed(part, {"int8": 0.3})) == ()


def test_budgets_that_no_block_can_decide_ask_for_no_fresh_ones() -> None:
    part = planned(("fp32", "int8"), ("int8",), limits=Limits(budgets={"size": "+1%"})).parts[0]
    assert not part.confirms
    assert confirming(part, timed(part, {"int8": 0.015})) == ()


def test_old_files_are_profiled_beside_the_new() -> None:
    part = dataclasses.replace(planned(("fp32", "int8"), ("int8",)).parts[0], profile=True, confirms=False)
    assert {slot.variant for slot in profiling(part, timed(part, {}))} == {"fp32", "int8", "int8@past"}


# What is left out.


def test_cells_that_are_what_they_were_are_in_no_block() -> None:
    point = planned().parts[0].points[0].key
    part = planned(("fp32", "int8", "tiny"), ("int8",), skipped={(B, "tiny", point): "unchanged since run R"}).parts[0]
    assert {slot.variant for slot in first_slots(part)} == {FLOOR, "fp32", "int8", "int8@past"}


def test_a_board_on_which_nothing_changed_has_no_launches() -> None:
    point = planned().parts[0].points[0].key
    skipped = {("b1", name, point): "unchanged since run R" for name in ("fp32", "int8")}
    plan = planned(olds=(), boards=("b0", "b1"), skipped=skipped)
    assert [bool(first_slots(part)) for part in plan.parts] == [True, False]
    assert estimate_s(plan.parts[1]) == 0.0


def test_the_same_file_point_and_board_are_unchanged_and_nothing_else_is() -> None:
    key = (B, "int8", "p")
    digests, good = {key: "d", (B, "fp32", "p"): "e"}, {key: "d"}
    assert unchanged(digests, good, {B: "f"}, {key: "f"}) == {key}
    assert unchanged(digests, {key: "other"}, {B: "f"}, {key: "f"}) == set()
    assert unchanged(digests, good, {B: "other"}, {key: "f"}) == set()
    assert unchanged(digests, good, {}, {key: None}) == set(), "a board that nobody ever heard of"


def test_a_board_is_known_by_what_it_is_and_by_its_runtime() -> None:
    told = {"model": "Pi 5", "kernel": "6.6.31", "onnxruntime": "1.22.0", "boot_id": "x"}
    word = fingerprint({"name": B}, told)
    assert word == fingerprint({"name": B}, {**told, "boot_id": "y"}), "a reboot is no other board"
    for change in ({"kernel": "6.12"}, {"onnxruntime": "1.23.0"}, {"model": "Pi 4"}):
        assert fingerprint({"name": B}, {**told, **change}) != word
    assert fingerprint({"name": B, "fingerprint": "SHA256:abc"}, told) != word
    assert fingerprint({"name": B}, {}) is None


def test_a_baseline_stays_where_another_variant_is_measured() -> None:
    cells = [(B, "fp32", "p"), (B, "int8", "p"), ("b1", "fp32", "p"), ("b1", "int8", "p")]
    skipped = [cells[0], cells[2], cells[3]]
    assert without_needed(skipped, cells, "fp32") == {cells[2], cells[3]}


def test_where_the_baseline_changed_nothing_is_what_it_was() -> None:
    cells = [(B, "fp32", "p"), (B, "int8", "p"), ("b1", "fp32", "p"), ("b1", "int8", "p")]
    assert without_needed([cells[1], cells[2], cells[3]], cells, "fp32") == {cells[2], cells[3]}


def test_of_two_old_files_at_two_points_the_newest_is_measured() -> None:
    def old(digest: str) -> Old:
        return Old(dataclasses.replace(variant("int8"), sha256=digest), "R")

    cells = {(B, "int8", "p"): old("a"), (B, "int8", "q"): old("b"), ("b1", "int8", "p"): old("a")}
    kept, other = one_file(cells, {(B, "int8", "p"): 1.0, (B, "int8", "q"): 2.0})
    assert set(kept) == {(B, "int8", "q"), ("b1", "int8", "p")}
    assert "another file than at q" in other[B, "int8", "p"]
    assert [arm.points for arm in Pasts(kept).arms(B, ["p", "q"])] == [("q",)]
