"""A judged run held against a judged one: which comparisons there are, their words, gates and sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from farm_reports import judge
from farm_reports.judge.past import compared
from farm_reports.parts import Value
from farm_reports.past import Budget, VersusPast
from farm_reports.results import Gate, GateCell, Quantile, Results
from farm_reports.tables import BoardRecord
from tables_support import NAMES, POINT, TIMES, cell, launch, launches, tables, variant

LATER = {"id": "20260104-000000-beef", "created": "2026-01-04T00:00:00Z", "preset": "ci", "farm_version": "0"}
SUSTAINED = "CPUExecutionProvider/default/big/1/stock/sustained/tight"


def board(name: str = "rpi5", **facts: Any) -> BoardRecord:
    return BoardRecord(name, {}, {"model": "Pi 5", "kernel": "6.6.31", "onnxruntime": "1.22.0", **facts})


def timed(
    changes: Mapping[str, float] | None = None, seed: int = 1, sd: float = 0.002
) -> Callable[[str, str, int], float]:
    rng = np.random.default_rng(seed)
    ratio = {name: 1 + share for name, share in (changes or {}).items()}
    return lambda _, name, __: TIMES[name] * ratio.get(name, 1.0) * float(np.exp(rng.normal(0, sd)))


def judged(
    changes: Mapping[str, float] | None = None,
    seed: int = 1,
    sd: float = 0.002,
    boards: Sequence[BoardRecord] = (board(),),
    **more: Any,
) -> Results:
    records = launches([each.name for each in boards], blocks=12, time_ns=timed(changes, seed, sd))
    return judge.results(tables(records, **{"boards": tuple(boards), **more}))


def later(changes: Mapping[str, float] | None = None, **more: Any) -> Results:
    return judged(changes, **{"seed": 2, "run": LATER, **more})


def budgets(**texts: str) -> dict[str, Budget]:
    return {metric: Budget(bound=text) for metric, text in texts.items()}


def versus(results: Results, name: str = "int8") -> VersusPast:
    found = cell(results, name).versus_past
    assert found is not None
    return found


def gate(results: Results, metric: str = "latency_p50") -> Gate:
    return next(gate for gate in results.gates if gate.kind == "budget" and gate.metric == metric)


def worst(results: Results, metric: str = "latency_p50") -> GateCell:
    found = gate(results, metric).worst
    assert found is not None
    return found


def test_a_variant_that_got_slower_is_regressed_against_the_one_baseline() -> None:
    found = compared(judged(), later({"int8": 0.12}), budgets(latency_p50="+5%"))
    told = versus(found)
    assert (told.verdict, told.basis, told.same_file) == ("regressed", "baseline", True)
    assert told.margin == pytest.approx(0.05)
    assert told.ratio == pytest.approx(1.12, abs=0.01)
    assert told.gate_low is not None
    assert told.low is not None
    assert told.gate_low < told.low
    assert told.past_p50_ms.value == pytest.approx(1.7, abs=0.02)
    assert found.verdict == "regressed"
    assert (gate(found).verdict, worst(found).variant) == ("failed", "int8")
    assert (found.counts.regressed, found.counts.equivalent) == (1, 2)


def test_what_the_day_does_to_all_variants_cancels_out_but_shows_in_the_baseline() -> None:
    """A board that runs a quarter slower today: the ratios stand, the baseline's own time does not."""
    found = compared(judged(), later(dict.fromkeys(NAMES, 0.25)), {})
    assert versus(found).ratio == pytest.approx(1, abs=0.01)
    base = versus(found, "fp32")
    assert (base.basis, base.verdict) == ("absolute", "regressed")
    assert worst(found).reason == "time against time, so only beyond 5.0 %"
    assert "margin +5.0 % time against time" in found.sentence


def test_time_against_time_a_small_change_has_no_word_but_equivalent() -> None:
    found = compared(judged(), later(dict.fromkeys(NAMES, 0.03)), {})
    assert versus(found, "fp32").verdict == "equivalent"
    assert versus(found, "fp32").margin == pytest.approx(0.05)
    tiny = versus(compared(judged(sd=0.0003), later(dict.fromkeys(NAMES, 0.012), sd=0.0003), {}), "fp32")
    assert (tiny.verdict, tiny.small) == ("equivalent", False)


def test_another_baseline_leaves_time_against_time() -> None:
    other = tuple(variant(name, sha256="f" * 64) if name == "fp32" else variant(name) for name in NAMES)
    found = compared(judged(), later(variants=other), {})
    assert {versus(found, name).basis for name in NAMES} == {"absolute"}
    assert found.past is not None
    assert any("The baseline was fp32 (" in text for text in found.past.differences)
    nameless = tuple(variant(name, sha256=None) for name in NAMES)
    unknown = compared(judged(variants=nameless), later(variants=nameless), {}).past
    assert unknown is not None
    assert unknown.differences == [
        "Nobody knows whether the baseline fp32 is the file that it was: no comparison can lean on it."
    ]
    assert found.past.smallest_effect is None
    assert found.past.smallest_absolute is not None


def test_without_a_budget_a_small_change_warns_and_does_not_fail() -> None:
    small = compared(calibrated(judged), calibrated(later, {"int8": 0.012}), {})
    assert (versus(small).verdict, versus(small).small) == ("regressed", True)
    assert small.verdict == "passed"
    assert small.sentence.startswith(
        "Small regressions alone, in 1 of 3 comparisons: they lie within 2 % and fail nothing; the smallest change"
    )
    large = compared(calibrated(judged), calibrated(later, {"int8": 0.06}), {})
    assert (versus(large).verdict, large.verdict) == ("regressed", "regressed")
    assert "worse than in 20260101-000000-abcd" in large.sentence
    assert "margin +0.5 %" in large.sentence


def calibrated(make: Callable[..., Results], changes: Mapping[str, float] | None = None) -> Results:
    """Quiet launches, and intervals as a board with hardly any bias would have."""
    made = make(changes, sd=0.0003)
    cells = []
    for each in made.cells:
        found = each.versus_baseline
        if found is not None and found.ratio is not None:
            found = found.model_copy(update={"low": found.ratio * 0.999, "high": found.ratio * 1.001})
        cells.append(each.model_copy(update={"versus_baseline": found}))
    return made.model_copy(update={"cells": cells})


def test_the_gate_is_judged_at_the_level_that_all_comparisons_share() -> None:
    few = versus(compared(judged(), later(), budgets(latency_p50="+5%")))
    more = versus(compared(judged(), later(), budgets(latency_p50="+5%", peak_memory="+5%")))
    unasked = versus(compared(judged(), later(), budgets(size="+5%")))
    assert few.gate_high is not None
    assert more.gate_high is not None
    assert more.gate_high > few.gate_high
    assert unasked.gate_high is None


def test_nothing_changed_is_said_with_what_could_have_been_seen() -> None:
    found = compared(judged(), later(), budgets(latency_p50="+5%"))
    assert found.past is not None
    assert found.verdict == "passed"
    sees = f"{(found.past.smallest_effect or 0) * 100:.1f} %, or {(found.past.smallest_absolute or 0) * 100:.1f} % time against time"
    assert found.sentence == f"No regression in 3 comparisons; the smallest change this comparison could see is {sees}."
    assert 0.005 < (found.past.smallest_effect or 0) < 0.06


def test_without_a_gate_on_the_median_nothing_is_claimed_of_it() -> None:
    found = compared(judged(), later({"int8": 0.12}), budgets(size="+0%"))
    assert (versus(found).verdict, found.verdict) == ("regressed", "passed")
    assert found.sentence == (
        "No budget is exceeded in 3 comparisons. The median has none: in 1 of 3 comparisons it is regressed."
    )


def test_a_change_that_straddles_its_budget_is_inconclusive() -> None:
    found = compared(judged(), later({"int8": 0.05}), budgets(latency_p50="+5%"))
    assert (versus(found).verdict, found.verdict) == ("inconclusive", "inconclusive")
    assert found.sentence.startswith("1 of 3 comparisons is inconclusive: int8 on rpi5, median latency +")
    assert found.sentence.endswith(", budget +5 %.")


def test_the_least_certain_is_the_one_with_the_widest_interval() -> None:
    now = later({"int8": 0.05, "struct50": 0.05})
    cells = []
    for each in now.cells:
        found = each.versus_baseline
        if each.variant == "struct50" and found is not None and found.ratio is not None:
            found = found.model_copy(update={"low": found.ratio * 0.8, "high": found.ratio * 1.001})
        cells.append(each.model_copy(update={"versus_baseline": found}))
    told = compared(judged(), now.model_copy(update={"cells": cells}), budgets(latency_p50="+5%"))
    assert "2 of 3 comparisons are inconclusive. The least certain is struct50 on rpi5" in told.sentence


@pytest.mark.parametrize(
    ("metric", "text", "word"),
    [
        ("size", "+0%", "passed"),
        ("accuracy", "-0.3pt", "passed"),
        ("peak_memory", "+5%", "passed"),
        ("latency_p99", "+5%", "not_measured"),
        ("energy", "+5%", "not_measured"),
    ],
)
def test_other_budgets_are_judged_as_far_as_there_are_figures(metric: str, text: str, word: str) -> None:
    assert gate(compared(judged(), later(), budgets(**{metric: text})), metric).verdict == word


def with_figure(results: Results, name: str, *figures: float) -> Results:
    """Every cell with this value and its limits as its memory, or as its p99."""
    value, low, high = figures
    made = Value(value=value, low=low, high=high)
    cells = [
        each.model_copy(
            update={"latency_ms": each.latency_ms.model_copy(update={"p99": Quantile(**made.model_dump())})}
            if name == "p99"
            else {name: made}
        )
        for each in results.cells
    ]
    return results.model_copy(update={"cells": cells})


def test_a_figure_that_lies_right_at_its_budget_is_inside_it() -> None:
    then, now = (with_figure(each, "peak_rss_bytes", *[mb] * 3) for each, mb in ((judged(), 120.0), (later(), 126.0)))
    assert gate(compared(then, now, budgets(peak_memory="+5%")), "peak_memory").verdict == "passed"
    assert gate(compared(then, now, budgets(peak_memory="+4.9%")), "peak_memory").verdict == "failed"


@pytest.mark.parametrize(("text", "said"), [("+1%", "figure against figure, so only beyond 5.0 %"), ("+20%", None)])
def test_what_days_do_to_a_tail_is_named_only_where_it_is_more_than_the_budget(text: str, said: str | None) -> None:
    then, now = (with_figure(each, "p99", 5.0, 4.99, 5.01) for each in (judged(), later()))
    assert worst(compared(then, now, budgets(latency_p99=text)), "latency_p99").reason == said


def test_a_larger_file_and_a_worse_score_exceed_their_budgets_exactly() -> None:
    grown = tuple(variant(name, bytes=400_000) if name == "int8" else variant(name) for name in NAMES)
    scores = {
        ("rpi5", name): {"metric": "top1", "value": 0.98 if name == "int8" else 0.99, "rows": 497} for name in NAMES
    }
    before = {key: {**told, "value": 0.99} for key, told in scores.items()}
    found = compared(
        judged(scores=before), later(variants=grown, scores=scores), budgets(size="+10%", accuracy="-0.3pt")
    )
    size, accuracy = (worst(found, metric) for metric in ("size", "accuracy"))
    assert {(each.variant, each.verdict) for each in (size, accuracy)} == {("int8", "failed")}
    assert size.value == pytest.approx(400 / 330 - 1)
    assert accuracy.value == pytest.approx(-1.0)
    assert found.sentence.startswith(
        "2 of 6 comparisons are worse than the budget allows. The worst is int8 on rpi5: size +21.2 %"
    )


def test_scores_of_other_rows_are_not_held_against_each_other() -> None:
    def rows(count: int) -> dict[tuple[str, str], Any]:
        return {("rpi5", name): {"metric": "top1", "value": 0.99, "rows": count} for name in NAMES}

    found = compared(judged(scores=rows(497)), later(scores=rows(100)), budgets(accuracy="-0.3pt"))
    assert gate(found, "accuracy").verdict == "not_measured"
    assert gate(found, "accuracy").cells[0].reason == "497 rows were scored then and 100 now"


@pytest.mark.parametrize(
    ("then", "now", "why"),
    [
        (board(), board(model="Pi 4"), "another board has this name now: its model was Pi 5 and is Pi 4"),
        (board(), BoardRecord("rpi5", {"lab": True}, {"model": "Pi 5"}), "one of the two is virtual"),
        (board(), BoardRecord("rpi4", {}, {"model": "Pi 5"}), "the board is not part of the earlier run"),
    ],
)
def test_another_board_behind_a_name_is_not_compared(then: BoardRecord, now: BoardRecord, why: str) -> None:
    found = compared(judged(boards=(then,)), later(boards=(now,)), {})
    told = next(each.versus_past for each in found.cells if each.variant == "int8")
    assert told is not None
    assert (told.verdict, told.ratio) == ("invalid", None)
    assert why in (told.reason or "")
    assert found.verdict == "invalid"


def test_a_board_that_answers_with_another_key_is_not_compared() -> None:
    one, other = (BoardRecord("rpi5", {"fingerprint": text}, {"model": "Pi 5"}) for text in ("SHA256:a", "SHA256:b"))
    told = versus(compared(judged(boards=(one,)), later(boards=(other,)), {}))
    assert told.reason == "another board has this name now: its fingerprint was SHA256:a and is SHA256:b"


def test_a_variant_that_is_new_is_listed_and_gates_nothing_and_one_that_is_gone_is_listed_too() -> None:
    names = ("fp32", "int8")
    few = judge.results(tables(launches(names=names, blocks=12), names=names, boards=(board(),)))
    found = compared(few, later(), {})
    assert versus(found, "struct50").reason == "is not part of the earlier run"
    assert {one.variant for one in gate(found).cells} == {"fp32", "int8"}
    back = compared(later(), few, {})
    assert back.past is not None
    assert [(one.variant, one.reason) for one in back.past.gone] == [
        ("struct50", "the variant is not part of this run")
    ]


def test_a_cell_at_another_point_says_what_differs() -> None:
    there = judge.results(tables(launches(blocks=12, point=SUSTAINED), points=(SUSTAINED,), boards=(board(),)))
    told = versus(compared(there, later(), {}))
    assert told.reason == "measured at another point in the earlier run: mode sustained, not burst"
    assert POINT != SUSTAINED


def test_what_ran_then_and_fails_now_fails_its_gate_and_what_was_lost_is_not_measured() -> None:
    def broken(state: str, outcome: str) -> Results:
        records = [one for one in launches(blocks=12) if one.variant != "int8"]
        records += [
            launch(1000 + block, "rpi5", "int8", block + 10, 0, state=state, outcome=outcome) for block in range(12)
        ]
        return judge.results(tables(records, boards=(board(),), run=LATER))

    crashed = compared(judged(), broken("failed", "CRASHED"), {})
    assert (crashed.verdict, gate(crashed).verdict) == ("regressed", "failed")
    assert crashed.sentence.startswith(
        "1 of 3 comparisons is worse than in 20260101-000000-abcd. It is int8 on rpi5: failed"
    )
    lost = compared(judged(), broken("lost", "link_lost"), {})
    assert (lost.verdict, gate(lost).verdict) == ("invalid", "not_measured")
    assert "1 of 3 comparisons was not made: int8 on rpi5, not run" in lost.sentence


def test_a_variant_that_is_refused_now_fails_its_gate_as_one_that_crashes_does() -> None:
    names = tuple(variant(name, reason="no ONNX model" if name == "int8" else None) for name in NAMES)
    records = [one for one in launches(blocks=12) if one.variant != "int8"]
    found = compared(judged(), judge.results(tables(records, boards=(board(),), run=LATER, variants=names)), {})
    assert (found.verdict, worst(found).variant, worst(found).verdict) == ("regressed", "int8", "failed")
    assert found.sentence.endswith("It is int8 on rpi5: not run: no ONNX model.")


def test_too_few_launches_are_not_compared() -> None:
    single = judge.results(tables(launches(blocks=1), compare=False, boards=(board(),)))
    told = versus(compared(single, later(), {}))
    assert told.reason == "1 valid launch in one of the runs, 8 are needed"


def test_a_missed_limit_stays_failed_and_a_regression_says_both() -> None:
    limits: dict[str, Any] = {"limits": {"latency_p50": "1ms"}, "ship": ("int8",)}
    only = compared(judged(), later(**limits), budgets(latency_p50="+5%"))
    assert only.verdict == "failed"
    assert "misses a limit" in only.sentence
    both = compared(judged(), later({"int8": 0.2}, **limits), budgets(latency_p50="+5%"))
    assert both.verdict == "regressed"
    assert both.sentence.endswith("budget +5 %. 1 limit is missed too.")


@pytest.mark.parametrize(
    ("share", "limit", "said"),
    [
        (0.2, "0.5ms", "budget +5 %. On some board no variant is inside all limits."),
        (0.0, "2ms", " Every board has a variant inside all limits."),
    ],
)
def test_where_nothing_is_to_ship_no_single_limit_is_called_missed_or_met(share: float, limit: str, said: str) -> None:
    now = later({"int8": share}, limits={"latency_p50": limit})
    assert compared(judged(), now, budgets(latency_p50="+5%")).sentence.endswith(said)


def test_differences_are_grouped_by_board_and_said_in_words() -> None:
    then = [board(name) for name in ("a", "b", "c")]
    now = [board("a", onnxruntime="1.23.0"), board("b", onnxruntime="1.23.0"), board("c", kernel="6.12.1")]
    found = compared(judged(boards=then), later(boards=now, run={**LATER, "preset": "quick"}), {})
    assert found.past is not None
    assert found.past.differences == [
        "The preset was ci and is quick.",
        "onnxruntime was 1.22.0 and is 1.23.0 on a and b.",
        "kernel was 6.6.31 and is 6.12.1 on c.",
    ]
    assert found.past.statement.startswith("The two runs were 3 days apart. 6 comparisons are made as ratios")
    assert "3 comparisons are made time against time" in found.past.statement
    assert (found.run.against, found.past.id) == ("20260101-000000-abcd", "20260101-000000-abcd")


def test_runs_that_were_named_the_wrong_way_round_are_told() -> None:
    found = compared(later(), judged(), {})
    assert found.past is not None
    assert found.past.statement.startswith("The two runs were 3 days apart, and this is the older one. ")


def test_the_document_is_valid_and_finite() -> None:
    found = compared(judged(), later({"int8": 0.12}), budgets(latency_p50="+5%", size="+1%"))
    again = Results.model_validate(found.document())
    assert again == found
    assert all(math.isfinite(one.versus_past.ratio) for one in found.cells if one.versus_past and one.versus_past.ratio)
