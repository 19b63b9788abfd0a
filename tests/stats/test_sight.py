"""The smallest change that a run could see, beside what was promised before it: figures, and the words about them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from farm_reports import exports, judge, promised
from farm_reports.results import Results, Sight
from farm_reports.sections import effect
from farm_reports.stats.power import TYPICAL_SD, detectable
from farm_reports.tables import BoardRecord, LaunchRecord, Promise
from noise import generator
from tables_support import TIMES, launches, tables

TYPICAL = Promise(detectable(8, TYPICAL_SD), TYPICAL_SD)
OWN = Promise(0.012, 0.003, own=True)


def scattered(sd: dict[str, float], names: tuple[str, ...] = ("fp32", "int8"), blocks: int = 8) -> list[LaunchRecord]:
    """Launches that scatter by `sd` on each board."""
    rng = generator(7)
    return launches(
        boards=tuple(sd), names=names, blocks=blocks,
        time_ns=lambda board, name, _: TIMES[name] * math.exp(rng.normal(0, sd[board])),
    )  # fmt: skip


def judged(
    sd: dict[str, float], *promises: Promise, names: tuple[str, ...] = ("fp32", "int8"), blocks: int = 8, **changes: Any
) -> Results:
    boards = tuple(BoardRecord(name, {}, promise=each) for name, each in zip(sd, promises, strict=True))
    return judge.results(tables(scattered(sd, names, blocks), boards=boards, names=names, **changes))


def sight(results: Results, board: int = 0) -> Sight:
    found = results.boards[board].sight
    assert found is not None
    return found


def test_a_noisy_run_says_what_was_promised_what_it_had_and_why() -> None:
    results = judged({"local": 0.12}, TYPICAL)
    run, seen = results.run, sight(results)
    assert run.promised_effect == TYPICAL.effect
    assert run.smallest_effect == seen.had
    assert seen.had is not None
    assert seen.had > 5 * (TYPICAL.effect or 0)
    had, scatter = f"{seen.had * 100:.1f}", f"{(seen.launch_sd or 0) * 100:.1f}"
    reason = (
        f"local: 2.7\u00a0% was promised on a typical board; its launches scattered by {scatter}\u00a0%, not by 0.6\u00a0%, so "
        f"only a change above {had}\u00a0% would have been seen."
    )
    whole = f"{had}\u00a0%: the smallest change this run could see; 2.7\u00a0% was promised before the start."
    assert list(effect.statements(results)) == [f"{whole} A smaller one may be there and stay unseen.", reason]
    summary = exports.summary(results)
    assert f"smallest effect {had} %, promised 2.7 %\n\n- {reason.replace(chr(0xA0), ' ')}\n" in summary


def test_the_scatter_is_that_of_the_launches_and_not_of_their_pairs() -> None:
    assert sight(judged({"local": 0.05}, TYPICAL, blocks=400)).launch_sd == pytest.approx(0.05, rel=0.15)


@pytest.mark.parametrize("sd", [0.004, 0.006])
def test_a_run_that_kept_its_promise_owes_no_reason(sd: float) -> None:
    results = judged({"local": sd}, TYPICAL)
    assert len(list(effect.statements(results))) == 1
    assert promised.both(results.run).endswith("%, promised 2.7\u00a0%")


def test_each_board_that_fell_short_has_its_own_reason_the_worst_first() -> None:
    results = judged({"calm": 0.003, "loud": 0.05, "wild": 0.2, "own": 0.02}, TYPICAL, TYPICAL, TYPICAL, OWN)
    said = list(effect.statements(results))[1:]
    assert [text.split(":")[0] for text in said[:3]] == ["wild", "loud", "own"]
    assert "1.2\u00a0% was promised from what the board had shown before; " in said[2]
    calm = sight(results).had or 0
    assert said[3:] == [f"{calm * 100:.1f}\u00a0% on calm, as promised or better."]
    assert results.run.smallest_effect == sight(results, 2).had
    assert results.run.promised_effect == TYPICAL.effect


def test_the_noisiest_comparison_is_named_where_there_are_several() -> None:
    rng = generator(8)
    sd = {"fp32": 0.002, "int8": 0.002, "struct50": 0.1}
    records = launches(time_ns=lambda _, name, __: TIMES[name] * math.exp(rng.normal(0, sd[name])))
    results = judge.results(tables(records, boards=(BoardRecord("rpi5", {}, promise=TYPICAL),)))
    assert sight(results).variant == "struct50"
    assert promised.reasons(results)[0].endswith(" would have been seen for struct50.")


def test_blocks_that_were_dropped_are_a_reason_too() -> None:
    records = scattered({"rpi5": 0.006}, blocks=12)
    gone = [replace(row, dropped="INTERFERENCE" if row.variant == "fp32" else "block_lost") for row in records[-6:]]
    narrow = Promise(0.01, 0.1)
    changes = {"names": ("fp32", "int8"), "planned": 12}
    results = judge.results(
        tables([*records[:-6], *gone], boards=(BoardRecord("rpi5", {}, promise=narrow),), **changes)
    )
    assert sight(results).blocks == 9
    assert "; 9 of 12 planned blocks hold, so only a change above " in promised.reasons(results)[0]


def test_a_wide_interval_without_another_cause_says_no_more_than_that() -> None:
    results = judged({"local": 0.006}, Promise(0.001, 0.1))
    assert "; the intervals came out wider, so only" in promised.reasons(results)[0]


def test_before_a_comparison_is_whole_there_is_the_promise_alone() -> None:
    results = judged({"local": 0.004}, TYPICAL, blocks=5, partial=True)
    assert (results.run.smallest_effect, results.run.promised_effect) == (None, TYPICAL.effect)
    assert list(effect.statements(results)) == [
        "Not known yet: too few complete blocks. 2.7\u00a0% was promised before the start."
    ]
    assert "smallest effect not known" in exports.summary(results)


def test_a_run_without_comparisons_promises_nothing() -> None:
    results = judged({"local": 0.004}, Promise(), compare=False)
    assert results.boards[0].sight is None
    assert (results.run.smallest_effect, results.run.promised_effect) == (None, None)


def test_the_schema_says_what_the_figures_mean() -> None:
    told = exports.schema()["$defs"]
    assert "that of its noisiest comparison" in told["Run"]["description"]
    assert {"smallest_effect", "promised_effect"} <= told["Run"]["properties"].keys()
    assert all(f"`{name}`" in told["Sight"]["description"] for name in told["Sight"]["properties"])


def test_a_promise_that_was_missed_by_little_is_not_told_as_kept() -> None:
    results = judged({"a": 0.003, "b": 0.003}, TYPICAL, TYPICAL)
    near = [board.model_copy(update={"sight": sight(results, at).model_copy(update={"had": had, "promised": 0.027})})
            for at, (board, had) in enumerate(zip(results.boards, (0.02, 0.03), strict=True))]  # fmt: skip
    *_, said = effect.statements(results.model_copy(update={"boards": near}))
    assert said == "2.0\u00a0% to 3.0\u00a0% on a and b."
