"""Whether one slot was held back: the agent's verdict, the counters and the measured clock, each against its twin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clocks_support import KHZ, KNOWN, PINNED, POLICY, Facts, held, item, pin, verdict
from farm_reports import clocks, throttling
from farm_reports.readings import Readings
from farm_reports.tables import Calibration

STOCK = PINNED.replace("/max/", "/stock/")
COOLED = item("cooling.cpufreq-cpu0", "state", "cooling.cpufreq-cpu0 took clock away, up to state 2", 0, 2)
NEAR = item("zone.cpu", "temp", "zone.cpu reached 83.0 °C", 80_000, 83_000)


def said(facts: Facts, point: str = PINNED) -> Readings:
    return Readings(facts, point)


def throttled(facts: Facts, known: Calibration = KNOWN, point: str = PINNED) -> str | None:
    return throttling.throttled(said(facts, point), known)


def ticks(**spent: int) -> Facts:
    """`at1500=3`: so many ticks at 1500 MHz."""
    return {"time_in_state": {POLICY: {str(int(name[2:]) * 1000): count for name, count in spent.items()}}}


# The agent's verdict.


def test_the_verdict_of_the_agent_is_taken_with_its_words() -> None:
    assert throttled(verdict("confirmed", COOLED)) == "cooling.cpufreq-cpu0 took clock away, up to state 2"
    assert throttled(verdict("none")) is None
    assert throttled({**verdict("none"), "cooling_state_max": 3}) is None, "the agent saw it and judged"
    assert throttled({"cooling_state_max": 3}) == "cooling state 3", "of an earlier agent"


def test_what_only_makes_it_likely_confirms_nothing() -> None:
    told = said(verdict("confirmed", NEAR, COOLED))
    assert throttling.throttled(told) == COOLED["text"]
    assert throttled(verdict("suspected", NEAR)) is None
    assert throttling.suspected(said(verdict("suspected", NEAR))) == "zone.cpu reached 83.0 °C"
    assert throttling.suspected(said(verdict("none"))) is None


def test_evidence_without_words_is_told_by_its_figures_and_no_more_than_two_of_it() -> None:
    counted = [item(f"cpu{n}.core_throttle_count", "counter", before=1, after=5) for n in range(5)]
    found = throttled(verdict("confirmed", *counted))
    assert found == "cpu0.core_throttle_count 1 before, 5 after; cpu1.core_throttle_count 1 before, 5 after"


@pytest.mark.parametrize("source", ["undervoltage", "rpi_volt"])
def test_a_weak_supply_has_a_name_of_its_own(source: str) -> None:
    weak = said(verdict("confirmed", item(source, "state", "get_throttled told 0x1")))
    assert throttling.throttled(weak) is None
    assert throttling.undervolted(weak) == "get_throttled told 0x1"
    assert throttling.undervolted(said(verdict("confirmed", COOLED))) is None


def test_what_somebody_else_set_is_no_throttling_and_heat_beside_it_is() -> None:
    limited = item(f"{POLICY}.max", "state", "its policy was limited to 1000 MHz", KHZ, 1_000_000)
    stray = item(POLICY, "counter", "300 ms at other clocks than 1800 MHz", KHZ, 1_000_000)
    measured = item("eff_khz", "effective_freq", "1000 MHz were measured", 1_795_000, 1_000_000)
    low = {**ticks(at1000=300, at1800=900), "eff_khz": 1_000_000.0}
    foreign = pin(seen={"scaling_max_freq": "1000000"})
    assert throttled({**low, **foreign, **verdict("confirmed", limited, stray, measured)}) is None
    assert throttled({**low, **foreign, **verdict("confirmed", limited, COOLED)}) == COOLED["text"]
    assert throttled({**low, **pin(), **verdict("confirmed", limited)}) is not None
    other = pin(seen={"scaling_max_freq": "1000000"}, policy="policy4")
    assert throttled({**other, **verdict("confirmed", limited)}) == limited["text"]


def test_a_clock_above_the_one_that_was_set_holds_nobody_back() -> None:
    above = item(POLICY, "counter", "300 ms at other clocks than 1800 MHz", KHZ, 2_000_000)
    assert throttled({**pin(), **verdict("confirmed", above)}) is None
    assert throttled({**pin(), **verdict("confirmed", {**above, "after": 1_700_000})}) == above["text"]


@pytest.mark.parametrize(
    ("facts", "seen"),
    [
        (verdict("none"), True), (verdict("confirmed", COOLED), True), (verdict("unknown"), False),
        ({"throttle": None}, False), ({"throttle": None, "cooling_state_max": 0}, True), ({}, False),
        ({**verdict("unknown"), "cooling_state_max": 0}, False),
    ],
)  # fmt: skip
def test_whether_anything_would_have_shown_it_is_the_agents_word(facts: Facts, *, seen: bool) -> None:
    assert throttling.watched(said(facts)) is seen


# The kernel's count of the time at each clock.


@pytest.mark.parametrize(("count", "text"), [(1, None), (2, "policy0 ran for 0.02 s at 1500 MHz instead of 1800 MHz")])
def test_two_ticks_below_a_clock_that_was_set_are_throttling(count: int, text: str | None) -> None:
    assert throttled({**pin(), **ticks(at1500=count, at1800=1198)}) == text
    assert throttled({**pin(), **ticks(at1500=count, at1800=1198)}, Calibration()) == text


def test_where_only_an_upper_limit_could_be_set_it_takes_a_hundredth_of_the_slot() -> None:
    capped = pin(strategy="cap_only")
    assert throttled({**capped, **ticks(at1500=12, at1800=1188)}) is None
    assert throttled({**capped, **ticks(at1500=13, at1800=1187)}) is not None
    assert throttled({**capped, **ticks(at1500=900, at1800=300)}, point=PINNED.replace("/tight", "/30Hz")) is None


def test_time_below_no_clock_at_all_says_nothing() -> None:
    assert throttled({**pin(strategy="observe"), **ticks(at600=900, at1800=300)}) is None
    assert throttled(ticks(at600=900, at1800=300), point=STOCK) is None
    assert throttled({**pin(), "time_in_state": {"policy4": {"600000": 900}}}) is None, "not measured"


def test_the_kernel_of_a_raspberry_pi_does_not_know_its_clock() -> None:
    assert throttled({**pin(), **ticks(at600=900, at1800=300), "throttled_bits_end": 0}) is None


def test_above_the_clock_is_a_changed_clock_where_it_is_more_than_a_moment() -> None:
    moment, long = {**pin(), **ticks(at1800=1190, at2000=10)}, {**pin(), **ticks(at1800=1180, at2000=20)}
    assert clocks.away(said(moment)) is None
    assert clocks.away(said(long)) == "policy0 ran for 0.20 s at 2000 MHz instead of 1800 MHz"
    assert throttled(long) is None


# The measured clock against that of the calibration.


@pytest.mark.parametrize(
    ("eff_khz", "word"), [(1_795_000, "none"), (1_760_000, "none"), (1_759_000, "suspected"), (1_742_000, "suspected"),
                          (1_741_000, "confirmed"), (1_000_000, "confirmed"), (1_900_000, "none")],
)  # fmt: skip
def test_a_clock_below_the_calibrated_one_is_suspected_from_two_and_confirmed_from_three_per_cent(
    eff_khz: int, word: str
) -> None:
    one = said(held(eff_khz=eff_khz))
    found = (throttling.throttled(one, KNOWN), throttling.suspected(one, KNOWN))
    assert [text is not None for text in found] == [word == "confirmed", word != "none"]
    assert all("below the calibrated 1795 MHz" in text for text in found if text)


@pytest.mark.parametrize(
    ("facts", "known", "point"),
    [
        (held(), Calibration(), PINNED), (held(), replace(KNOWN, floor=None), PINNED),
        (held(), replace(KNOWN, pin="1200000"), PINNED), (held(), replace(KNOWN, pin="stock"), STOCK),
        (held(), replace(KNOWN, eff_khz=None), PINNED), (held(**pin(strategy="observe")), KNOWN, PINNED),
        (held(**pin(strategy="cap_only")), KNOWN, PINNED), (held(pin=None), KNOWN, PINNED),
        (held(**pin(seen={"scaling_max_freq": "1000000"})), KNOWN, PINNED),
    ],
)  # fmt: skip
def test_nothing_is_held_against_a_calibration_that_does_not_hold_here(
    facts: Facts, known: Calibration, point: str
) -> None:
    low = {**facts, "eff_khz": 1_000_000.0}
    assert throttled(low, known, point) is None
    assert throttling.suspected(said(low, point), known) is None
    assert throttled(held(eff_khz=1_000_000.0)) is not None
    governed = pin(seen={"scaling_governor": "powersave"})
    assert throttled(held(eff_khz=1_000_000.0, **governed)) is not None, "between two equal limits it decides nothing"


def test_the_agents_own_look_at_the_measured_clock_counts_where_a_clock_was_set() -> None:
    low = item("eff_khz", "effective_freq", "1700 MHz were measured", 1_795_000, 1_700_000)
    assert throttled({**pin(), **verdict("confirmed", low)}, Calibration()) == "1700 MHz were measured"
    assert throttled({**pin(strategy="observe"), **verdict("confirmed", low)}) is None
    slightly = {**low, "after": 1_750_000}
    assert throttled({**pin(), **verdict("suspected", slightly)}, Calibration()) is None
    assert throttling.suspected(said({**pin(), **verdict("suspected", slightly)})) == "1700 MHz were measured"


# Whatever is told.

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(
        ["knobs", "foreign", "path", "wanted", "strategy", "verdict", "evidence", "source", "kind", "before", "after",
         "policy0", "1800000"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["pin", "throttle", "time_in_state", "eff_khz"]), anything))
@settings(max_examples=300, deadline=None)
def test_whatever_a_board_tells_there_is_an_answer(facts: dict[str, Any]) -> None:
    one = said({**held(), **facts})
    for answer in (throttling.throttled(one, KNOWN), throttling.suspected(one, KNOWN), throttling.undervolted(one),
                   clocks.away(one), clocks.off_plan(one), clocks.foreign(one)):  # fmt: skip
        assert answer is None or answer
    assert throttling.watched(one) in {True, False}
    assert clocks.told_khz(one) is None or clocks.told_khz(one)
