"""From tables to results: cells, limits, gates, words."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from farm_reports import judge
from farm_reports.results import Gate, Results
from farm_reports.tables import BoardRecord, CellRecord, LaunchRecord
from noise import CLASSES, RUN_BIAS, generator, slots
from tables_support import POINT, TIMES, cell, launch, launches, tables, variant, word

DEMO = {"latency_p50": "20ms", "accuracy": "-1pt", "size": "1MB"}


def gate(results: Results, metric: str) -> Gate:
    return next(gate for gate in results.gates if gate.metric == metric)


def flat(ratio: float, jitter: float = 0.0) -> list[LaunchRecord]:
    """Launches in which int8 takes `ratio` of fp32's time, exactly or with an alternating jitter."""
    return launches(
        time_ns=lambda _, name, block: 4e6 * (ratio if name == "int8" else 1) * (1 + jitter * (-1) ** block)
    )


def test_the_demo_passes_and_says_what_is_ruled_out_and_why() -> None:
    results = judge.results(tables(limits=DEMO, ship=("int8",)))
    assert results.verdict == "passed"
    assert results.sentence == "int8 is 2.3 x faster on rpi5 and inside all limits."
    assert [(g.kind, g.metric, g.verdict) for g in results.gates] == [
        ("limit", "latency_p50", "passed"),
        ("limit", "accuracy", "passed"),
        ("limit", "size", "passed"),
        ("some_fit", "all limits", "passed"),
    ]
    (ship,) = results.ship
    assert ship.variant == "int8"
    assert [(out.variant, out.why) for out in ship.ruled_out] == [
        ("struct50", "accuracy -6.2 pt, limit -1 pt; 1.3 x as fast as int8"),
        ("fp32", "size 1.21 MB, limit 1 MB"),
    ]
    assert results.counts.faster == 2


def test_without_limits_the_run_is_measured() -> None:
    results = judge.results(tables())
    assert results.verdict == "measured"
    assert results.gates == []
    assert results.sentence == "struct50 is 3.1 x faster on rpi5. No limit or budget was set."


def test_the_document_validates_and_has_no_absent_value() -> None:
    document = judge.results(tables(limits=DEMO, ship=("int8",))).document()
    assert Results.model_validate(document).document() == document
    energy = document["cells"][0]["energy_mj"]
    assert (energy["value"], energy["reason"]) == (None, "no power sensor")
    assert document["cells"][0]["throttle"] == "unknown"


def test_two_names_of_one_file_are_never_called_faster_or_slower() -> None:
    """Twenty whole runs on a typical board, each A/A pair measured in launches of its own."""
    twins = (variant("a", sha256="f" * 64), variant("b", sha256="f" * 64))
    for seed in range(20):
        rng = generator(seed)
        noise = slots(rng, 1, 24, CLASSES["typical"])[0]
        bias = rng.normal(0, RUN_BIAS)
        records = [
            launch(i, "rpi5", name, i // 2 + 10, 4e6 * math.exp(noise[i] + bias * (name == "b")))
            for i, name in enumerate(("a", "b", "b", "a") * 6)
        ]
        results = judge.results(tables(records, names=("a", "b"), variants=twins))
        assert word(results, "b") in {"same", "undecided"}
        assert "SAME_FILE" in {finding.name for finding in cell(results, "b").findings}
        assert cell(results, "a").latency_ms != cell(results, "b").latency_ms


@pytest.mark.parametrize(("ratio", "expected"), [(0.98, "faster"), (1.02, "slower"), (1.0, "same")])
def test_the_word_follows_the_interval(ratio: float, expected: str) -> None:
    assert word(judge.results(tables(flat(ratio), names=("fp32", "int8")))) == expected


def test_swapping_baseline_and_variant_mirrors_the_comparison() -> None:
    records = launches(names=("fp32", "int8"), sd=0.01)
    one = cell(judge.results(tables(records, names=("fp32", "int8"))), "int8").versus_baseline
    other = cell(judge.results(tables(records, names=("int8", "fp32"))), "fp32").versus_baseline
    assert one is not None
    assert other is not None
    assert (one.verdict, other.verdict) == ("faster", "slower")
    mirrored = [1 / (value or 0) for value in (other.ratio, other.high, other.low)]
    assert [one.ratio, one.low, one.high] == pytest.approx(mirrored, rel=1e-12)


def test_the_order_of_variants_and_launches_changes_nothing() -> None:
    records = launches()
    given = tables(records, limits=DEMO, ship=("int8",))
    mixed = dataclasses.replace(given, launches=tuple(reversed(records)), variants=tuple(reversed(given.variants)))
    one, other = judge.results(given), judge.results(mixed)
    assert (one.sentence, one.gates, one.ship, one.cells) == (other.sentence, other.gates, other.ship, other.cells)


def test_the_median_is_the_hodges_lehmann_estimate_of_launch_medians() -> None:
    records = [r for r in launches() if r.variant == "fp32"]
    logs = np.log([r.p50_ns or 0 for r in records])
    i, j = np.triu_indices(8)
    expected = math.exp(np.median((logs[i] + logs[j]) / 2)) / 1e6
    assert cell(judge.results(tables()), "fp32").latency_ms.p50.value == pytest.approx(expected, rel=1e-12)


# validity


def without(records: list[LaunchRecord], blocks: range, **fields: object) -> list[LaunchRecord]:
    return [dataclasses.replace(r, **fields) if r.block - 10 in blocks else r for r in records]  # type: ignore[arg-type]  # any field


def test_seven_valid_blocks_are_invalid_and_eight_give_a_verdict() -> None:
    names = ("fp32", "int8")
    seven = judge.results(tables(launches(names=names, blocks=7), names=names))
    assert word(seven) == "invalid"
    assert cell(seven, "int8").reason == "7 valid blocks, 8 are needed"
    assert seven.verdict == "invalid"
    assert word(judge.results(tables(launches(names=names, blocks=8), names=names))) == "faster"


@pytest.mark.parametrize(("rejected", "expected"), [(13, "invalid"), (12, "faster")])
def test_more_than_half_of_the_attempted_blocks_rejected_is_invalid(rejected: int, expected: str) -> None:
    records = launches(names=("fp32", "int8"), blocks=24)
    records = without(records, range(rejected), state="rejected", dropped="INTERFERENCE")
    results = judge.results(tables(records, names=("fp32", "int8")))
    assert word(results) == expected
    assert cell(results, "int8").launches.dropped == rejected


def test_a_block_that_was_rejected_by_its_last_launch_counts_as_one() -> None:
    """The store drops a block by naming the reason at its last launch and 'block_lost' at the others."""
    records = launches(names=("fp32", "int8"), blocks=24)
    records = [
        dataclasses.replace(r, dropped="INTERFERENCE" if r.variant == "int8" else "block_lost") if r.block < 23 else r
        for r in records
    ]
    assert word(judge.results(tables(records, names=("fp32", "int8")))) == "invalid"


@pytest.mark.parametrize("lost", [0, 1, 50])
def test_lost_launches_never_count_against_a_comparison(lost: int) -> None:
    records = launches(names=("fp32", "int8"))
    more = [
        launch(1000 + i, "rpi5", name, 10 + i % 8, 0, state="lost", outcome="link_lost", attempt=i // 8 + 1)
        for i in range(lost)
        for name in ("fp32", "int8")
    ]
    again = [dataclasses.replace(r, attempt=100) for r in records]
    results = judge.results(tables([*again, *more], names=("fp32", "int8")))
    assert word(results) == "faster"
    assert cell(results, "int8").launches.lost == lost


def test_noisy_data_that_decide_stay_decided_and_carry_the_finding() -> None:
    results = judge.results(tables(launches(names=("fp32", "int8"), sd=0.06), names=("fp32", "int8")))
    assert word(results) == "faster"
    assert "NOISY" in {finding.name for finding in cell(results, "int8").findings}


# limits


@pytest.mark.parametrize(
    ("jitter", "limit", "fit"), [(0.01, "4.1ms", "yes"), (0.01, "3.9ms", "no"), (0.05, "4ms", "undecided")]
)
def test_an_absolute_limit_is_judged_on_the_interval_of_the_cells_own_median(
    jitter: float, limit: str, fit: str
) -> None:
    results = judge.results(tables(flat(1.0, jitter), names=("fp32", "int8"), limits={"latency_p50": limit}))
    assert cell(results, "int8").fit.verdict == fit


def test_a_missed_limit_of_a_shipped_variant_fails_the_run_and_names_itself() -> None:
    results = judge.results(tables(limits={"latency_p50": "1.5ms"}, ship=("int8",)))
    assert results.verdict == "failed"
    assert results.sentence.startswith("int8 misses a limit on rpi5: p50 1.70 ms (1.70 to 1.71), limit 1.5 ms")
    worst = gate(results, "latency_p50").worst
    assert worst is not None
    assert worst.variant == "int8"


def test_a_slow_variant_that_is_not_meant_to_ship_fails_nothing() -> None:
    results = judge.results(tables(limits={"latency_p50": "1.5ms"}))
    assert results.verdict == "passed"
    assert [g.kind for g in results.gates] == ["some_fit"]


def test_a_relative_limit_is_judged_at_alpha_over_m_and_shows_that_interval() -> None:
    limits, ship = {"latency_p50": "0.5x"}, ("int8", "struct50")
    results = judge.results(tables(launches(blocks=8), limits=limits, ship=ship))
    found = cell(results, "int8").versus_baseline
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.gate_low is not None
    assert found.gate_high is not None
    assert found.gate_low < found.low < found.high < found.gate_high
    assert gate(results, "latency_p50").verdict == "passed"
    assert cell(results, "int8").fit.verdict == "yes"
    assert cell(judge.results(tables(limits=limits)), "int8").versus_baseline is not None
    ungated = cell(judge.results(tables(limits=limits)), "int8").versus_baseline
    assert ungated is not None
    assert ungated.gate_low is None


def test_a_relative_limit_that_the_interval_straddles_is_inconclusive() -> None:
    results = judge.results(tables(flat(1.05), names=("fp32", "int8"), limits={"latency_p50": "+5%"}, ship=("int8",)))
    assert results.verdict == "inconclusive"
    assert results.sentence.startswith("1 of 2 gates is undecided: int8 on rpi5, p50 +5.0 % (")
    assert results.sentence.endswith(", limit +5 %.")


def test_the_baseline_meets_a_relative_limit_only_where_it_allows_no_change() -> None:
    assert cell(judge.results(tables(limits={"latency_p50": "+5%"})), "fp32").fit.verdict == "yes"
    assert cell(judge.results(tables(limits={"latency_p50": "0.9x"})), "fp32").fit.verdict == "no"


@pytest.mark.parametrize(
    ("metric", "limit", "fits"),
    [
        ("accuracy", "-6.2pt", ["fp32", "int8", "struct50"]),
        ("accuracy", "-0.2pt", ["fp32", "int8"]),
        ("accuracy", "-0.1pt", ["fp32"]),
        ("accuracy", "0.988", ["fp32", "int8"]),
        ("size", "400kB", ["int8", "struct50"]),
        ("size", "0.3x", ["int8"]),
        ("peak_memory", "61MB", ["fp32", "int8", "struct50"]),
        ("peak_memory", "59MB", []),
        ("peak_memory", "+5%", ["fp32", "int8", "struct50"]),
    ],
)
def test_size_accuracy_and_memory_limits(metric: str, limit: str, fits: list[str]) -> None:
    results = judge.results(tables(limits={metric: limit}))
    assert [c.variant for c in results.cells if c.fit.verdict == "yes"] == fits


def test_energy_without_a_sensor_is_not_measured_and_never_passes() -> None:
    results = judge.results(tables(limits={"energy": "40mJ"}, ship=("int8",)))
    assert (results.verdict, gate(results, "energy").verdict) == ("invalid", "not_measured")
    assert "no power sensor" in results.sentence


def test_a_mean_error_must_stay_below_its_limit() -> None:
    scores = {("rpi5", name): {"metric": "mae", "value": value} for name, value in (("fp32", 0.2), ("int8", 0.4))}
    results = judge.results(tables(names=("fp32", "int8"), scores=scores, limits={"accuracy": "0.3"}))
    assert [c.fit.verdict for c in results.cells] == ["yes", "no"]


def test_tails_need_their_iterations_and_a_limit_on_them_waits_for_them() -> None:
    few = judge.results(tables(with_samples(125), limits={"latency_p99": "9ms"}, ship=("int8",), samples=samples(125)))
    p99 = cell(few, "int8").latency_ms.p99
    assert p99.value is None
    assert p99.reason is not None
    assert p99.reason.endswith("< 2000")
    assert gate(few, "latency_p99").verdict == "not_measured"
    many = judge.results(tables(with_samples(900), limits={"latency_p99": "9ms"}, ship=("int8",), samples=samples(900)))
    assert gate(many, "latency_p99").verdict == "passed"
    assert cell(many, "int8").latency_ms.p95.value is not None


def test_a_relative_limit_on_the_tail_is_paired_over_launches() -> None:
    given = tables(with_samples(900), limits={"latency_p99": "0.9x"}, ship=("int8",), samples=samples(900))
    assert gate(judge.results(given), "latency_p99").verdict == "passed"


def samples(count: int) -> dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    rng = generator(7)
    return {r.id: (TIMES[r.variant] * rng.lognormal(0, 0.02, count)).astype(np.int64) for r in launches()}


def with_samples(count: int) -> list[LaunchRecord]:
    found = samples(count)
    return [dataclasses.replace(r, n=count, p50_ns=int(np.median(found[r.id]))) for r in launches()]


# states and boards


def test_a_shipped_variant_that_fails_by_itself_fails_its_gates() -> None:
    records = [r for r in launches() if r.variant != "int8"]
    records.append(launch(999, "rpi5", "int8", 2, 0, state="failed", outcome="NON_FINITE", phase=0, kind="evaluate"))
    results = judge.results(tables(records, limits=DEMO, ship=("int8",)))
    assert (cell(results, "int8").state, cell(results, "int8").reason) == ("failed", "NON_FINITE")
    assert results.verdict == "failed"
    assert results.sentence.startswith("int8 could not run on rpi5: NON_FINITE")
    assert results.counts.failed == 1
    assert "NON_FINITE" in {finding.name for finding in cell(results, "int8").findings}


def test_a_variant_refused_before_any_board_is_not_run_and_fails_its_gates() -> None:
    given = tables(launches(names=("fp32", "int8")), names=("fp32", "int8"), limits=DEMO, ship=("broken",))
    broken = variant("broken", sha256=None, bytes=None, opset=None, reason="truncated file")
    results = judge.results(dataclasses.replace(given, variants=(*given.variants, broken)))
    assert (cell(results, "broken").state, cell(results, "broken").reason) == ("not_run", "truncated file")
    assert results.verdict == "failed"
    assert results.counts.not_run == 1


def test_a_lost_board_leaves_its_gates_not_measured_and_is_named() -> None:
    boards = (BoardRecord("rpi5", {}), BoardRecord("nano", {}, reason="host key changed"))
    results = judge.results(tables(launches(("rpi5",)), boards=boards, limits=DEMO, ship=("int8",)))
    assert results.verdict == "invalid"
    assert results.sentence == "1 of 2 boards was not measured: nano (host key changed)."
    assert {c.state for c in results.cells if c.board == "nano"} == {"not_run"}
    assert gate(results, "size").verdict == "not_measured"


def test_a_failed_limit_wins_over_a_lost_board() -> None:
    boards = (BoardRecord("rpi5", {}), BoardRecord("nano", {}, reason="link lost"))
    results = judge.results(tables(launches(("rpi5",)), boards=boards, limits={"size": "0.1x"}, ship=("int8",)))
    assert results.verdict == "failed"


def test_fewer_boards_are_enough_where_that_was_asked_for() -> None:
    boards = (BoardRecord("rpi5", {}), BoardRecord("nano", {}, reason="link lost"))
    results = judge.results(tables(launches(("rpi5",)), boards=boards, min_boards=1))
    assert results.verdict == "measured"


def test_what_the_store_knows_of_a_cell_stands() -> None:
    given = tables(launches(names=("fp32", "int8")))
    cells = (*given.cells[:2], CellRecord("rpi5", "struct50", POINT, "not_run", "inputs differ"))
    results = judge.results(dataclasses.replace(given, cells=cells))
    assert (cell(results, "struct50").state, cell(results, "struct50").reason) == ("not_run", "inputs differ")


def test_absolute_figures_need_one_launch_and_compare_nothing() -> None:
    given = tables(launches(blocks=1), compare=False, planned=1, samples=samples(3000))
    results = judge.results(given)
    assert results.verdict == "measured"
    assert all(c.state == "measured" and c.versus_baseline is None for c in results.cells)
    p50 = cell(results, "fp32").latency_ms.p50
    assert p50.low is not None
    assert p50.reason == "one launch: the interval is that of its iterations"
    assert results.run.smallest_effect is None
    assert set(results.counts.model_dump().values()) == {0}


def test_every_cell_is_counted_once() -> None:
    boards = (BoardRecord("rpi5", {}), BoardRecord("nano", {}, reason="link lost"))
    counts = judge.results(tables(launches(("rpi5",)), boards=boards)).counts
    assert (counts.faster, counts.not_run) == (2, 3)
    assert sum(counts.model_dump().values()) == 5


def test_the_smallest_effect_grows_with_the_noise() -> None:
    quiet, noisy = (judge.results(tables(launches(sd=sd))).run.smallest_effect for sd in (0.002, 0.03))
    assert quiet is not None
    assert noisy is not None
    assert 0.02 < quiet < noisy


# findings


def one_long_launch(iterations: int, *, compare: bool) -> Results:
    rng = np.random.default_rng(5)
    record = launch(1, "rpi5", "fp32", 10, 4e6, n=iterations)
    timed = {1: (4e6 * rng.lognormal(0, 0.05, iterations)).astype(np.int64)}
    return judge.results(tables([record], names=("fp32",), compare=compare, planned=1, max_blocks=1, samples=timed))


def test_absolute_tails_come_with_the_bound_by_which_mlperf_publishes_them() -> None:
    found = cell(one_long_launch(3000, compare=False), "fp32").latency_ms
    for tail in (found.p90, found.p95, found.p99):
        assert tail.value is not None
        assert tail.upper is not None
        assert tail.value < tail.upper < 1.05 * tail.value
    few = cell(one_long_launch(100, compare=False), "fp32").latency_ms
    assert few.p90.value is None, "n_eff 100 is below the floor of an interval"
    assert few.p90.upper is not None, "MLPerf asks for 64"
    assert few.p95.upper is None


def test_where_variants_are_compared_no_tail_has_that_bound() -> None:
    found = cell(one_long_launch(3000, compare=True), "fp32").latency_ms
    assert [tail.upper for tail in (found.p90, found.p95, found.p99)] == [None, None, None]
