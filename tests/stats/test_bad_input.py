"""What no board should say, and some do: slots of a few samples, clocks that stand or go back, facts that are none."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_reports import judge, page
from farm_reports.results import Results
from farm_reports.stats.launch import summarise
from farm_reports.tables import BoardRecord, LaunchRecord
from tables_support import cell, launches, tables, word

NAMES = ("fp32", "int8")
LIMITS = {"latency_p50": "5ms", "latency_p99": "9ms", "peak_memory": "70MB"}
MINUTES_10 = 600 * 10**9


def judged(records: list[LaunchRecord], **given: Any) -> Results:
    """The results, which also stand as a document."""
    results = judge.results(tables(records, names=NAMES, limits=LIMITS, ship=("int8",), **given))
    assert Results.model_validate(results.document()) == results
    return results


def with_samples(*latency_ns: int) -> Results:
    """A run whose every slot has these latencies."""
    values = np.array(latency_ns, dtype=np.int64)
    told = dataclasses.asdict(summarise(values))
    made = [dataclasses.replace(each, **told) for each in launches(names=NAMES)]
    return judged(made, samples={each.id: values for each in made})


@pytest.mark.parametrize("count", [1, 3])
def test_slots_of_a_few_samples_have_a_median_and_no_tail(count: int) -> None:
    results = with_samples(*[4_000_000] * count)
    found = cell(results, "int8")
    assert found.state == "measured"
    assert found.latency_ms.p50.value == pytest.approx(4.0)
    for tail in (found.latency_ms.p90, found.latency_ms.p95, found.latency_ms.p99):
        assert tail.value is None
        assert (tail.reason or "").startswith(f"n_eff {8 * count} < ")
    assert (word(results), results.verdict) == ("same", "invalid"), "the limit on p99 was not measured"


def test_slots_without_a_sample_leave_the_cell_unmeasured() -> None:
    made = [dataclasses.replace(each, p50_ns=None, n=0) for each in launches(names=NAMES)]
    results = judged(made)
    assert cell(results, "int8").state != "measured"
    assert results.verdict == "invalid"


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, "same"), (0.98, "faster"), (1.02, "slower")])
def test_latencies_without_any_spread_are_compared_within_the_floor(ratio: float, expected: str) -> None:
    results = judged(launches(names=NAMES, time_ns=lambda _, name, __: 4e6 * (ratio if name == "int8" else 1)))
    versus = cell(results, "int8").versus_baseline
    assert versus is not None
    assert versus.verdict == expected
    assert versus.ratio == pytest.approx(ratio)
    assert versus.low is not None
    assert versus.low == pytest.approx(ratio * math.exp(-1.96 * 0.005), rel=1e-4)


@pytest.mark.parametrize("latency_ns", [MINUTES_10 + 1, 3 * MINUTES_10, 2**62])
def test_latencies_of_more_than_ten_minutes_are_latencies(latency_ns: int) -> None:
    results = with_samples(latency_ns, latency_ns)
    found = cell(results, "int8").latency_ms.p50.value
    assert found == pytest.approx(latency_ns / 1e6)
    assert (word(results), results.verdict) == ("same", "failed")
    assert "nan" not in re.sub(r"<[^>]*>", " ", page.render(results, {})).lower().split()


@pytest.mark.parametrize("some", [False, True])
def test_a_clock_that_stood_still_measured_nothing(*, some: bool) -> None:
    made = launches(names=NAMES, time_ns=lambda _, name, block: 4e6 if some and (name, block) != ("int8", 3) else 0)
    results = judged(made)
    assert results.verdict == "invalid"
    assert cell(results, "int8").launches.valid == (7 if some else 0)
    assert cell(results, "int8").state == "invalid" if some else "measured" not in {c.state for c in results.cells}


FACTS = ("threads", "cpus", "cpu_ns", "wall_ns", "run_queue_ns", "load_ms", "first_ms", "peak_memory", "steady",
         "peak_memory_reason", "cooling_state_max", "canary_clock_before_ns", "devfreq_hz_start", "temp_mc_start",
         "throttled_bits_end", "governor_start", "settle_broken", "settle_temp_mc")  # fmt: skip
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(-(2.0**63), 2.0**63), st.text(max_size=3),
    st.lists(st.integers(-1, 5), max_size=2), st.dictionaries(st.text(max_size=2), st.integers(-1, 1), max_size=1),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(FACTS), ANYTHING, max_size=6), ANYTHING)
@settings(max_examples=60, deadline=None)
def test_whatever_facts_a_board_tells_its_latencies_are_judged(facts: dict[str, Any], of_board: Any) -> None:
    made = [dataclasses.replace(each, facts={**each.facts, **facts}) for each in launches(names=NAMES)]
    told = dict.fromkeys(("model", "arch", "kernel", "python", "onnxruntime", "agent", "capabilities"), of_board)
    results = judged(made, boards=(BoardRecord("rpi5", told),))
    assert word(results) == "faster"


def test_a_processor_time_of_before_the_clock_went_back_is_no_figure() -> None:
    back = {"cpu_ns": -5, "wall_ns": -7, "run_queue_ns": -1, "load_ms": -3.0}
    results = judged([dataclasses.replace(each, facts={**each.facts, **back}) for each in launches(names=NAMES)])
    found = cell(results, "int8")
    assert (found.cpu_ms_per_inference.value, found.load_ms.value) == (None, None)
    assert [finding.name for finding in found.findings] == []
