"""The verdict on throttling: what confirms it, what makes it likely, and the slot beside each that must not be accused."""

import math
from typing import Any

import pytest

from farm_agents import edges, trend, watch
from farm_agents.spec import read
from farm_agents.wire import WireError
from settle_support import asked
from throttle_support import KHZ, PINNED, SECOND, T0, T1, TICKS, evidence, judged, of, rows, slot, verdict

COOLER, LIMIT, POLICY = "cooling.Processor", "policy0.max", "policy0"
CALM = {COOLER: edges.STATE_NOW}
HELD = {LIMIT: edges.LIMIT, POLICY: edges.RESIDENCY}


def pinned(after: dict[str, int], limit: int = KHZ, **facts: Any) -> dict[str, Any]:
    """`after`: ticks beyond those that were counted before."""
    more = {khz: ticks + after.get(khz, 0) for khz, ticks in TICKS.items()}
    return {**slot(HELD, {LIMIT: limit, POLICY: TICKS}, {LIMIT: limit, POLICY: more}), "pin": PINNED, **facts}


def pi(start: int, end: int, **more: Any) -> dict[str, Any]:
    return {**slot({}, {}, {}), "throttled_bits_start": start, "throttled_bits_end": end, **more}


# Counters.


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("cpu0.core_throttle_count", 5, 6, "core_throttle_count rose by 1"),
        ("cpu3.package_power_limit_count", 0, 12, "package_power_limit_count rose by 12"),
        ("hwmon4.oc3_event_cnt", 1, 2, "hwmon4.oc3_event_cnt rose by 1"),
        ("cooling.cpufreq-cpu0.ms", 100, 350, "cooling.cpufreq-cpu0.ms rose by 250"),
        ("cooling.cpufreq-cpu0.total_trans", 0, 2, "cooling.cpufreq-cpu0.total_trans rose by 2"),
    ],
)
def test_a_counter_that_rose_confirms_and_one_that_stood_does_not(
    name: str, before: int, after: int, said: str
) -> None:
    facts = of(edges.COUNTER, before, after, name)
    assert verdict(facts) == "confirmed"
    assert evidence(facts) == {
        "source": name, "kind": "counter", "before": before, "after": after, "t_first_ns": None, "text": said
    }  # fmt: skip
    assert verdict(of(edges.COUNTER, after, after, name)) == "none"


def test_what_several_cpus_count_alike_is_one_piece_of_evidence() -> None:
    names = [f"cpu{cpu}.package_throttle_count" for cpu in range(4)]
    facts = slot(dict.fromkeys(names, edges.COUNTER), dict.fromkeys(names, 1), {**dict.fromkeys(names, 3), names[2]: 7})
    assert evidence(facts)["source"] == names[2]


def test_a_counter_that_went_back_tells_nothing_and_says_so() -> None:
    told = judged(of(edges.COUNTER, 7, 3, "hwmon4.oc1_event_cnt"))
    assert told["throttle"]["verdict"] == "unknown"
    assert told["throttle_unread"] == {"hwmon4.oc1_event_cnt": "went back from 7 to 3"}
    assert "went back from 7 to 3" in told["throttle_reason"]


def test_a_counter_that_vanished_is_named_by_its_error_and_the_others_decide() -> None:
    kinds = {"cpu0.core_throttle_count": edges.COUNTER, **CALM}
    facts = slot(kinds, dict.fromkeys(kinds, 0), {COOLER: 0})
    facts["edges"]["after"]["unread"] = {"cpu0.core_throttle_count": "ENOENT"}
    told = judged(facts)
    assert told["throttle"]["verdict"] == "none"
    assert told["throttle_unread"] == {"cpu0.core_throttle_count": "ENOENT"}


# States.


def test_a_cooling_state_that_only_a_reading_inside_the_slot_saw_confirms() -> None:
    seen = rows(COOLER, 0, 2, 3, 0)
    found = evidence(of(edges.STATE_NOW, 0, 0, COOLER), seen)
    assert (found["before"], found["after"], found["t_first_ns"]) == (0, 3, T0 + 2 * SECOND)
    assert "state 3" in found["text"]


@pytest.mark.parametrize("from_ns", [T0 - 5 * SECOND, T1 + 1])
def test_a_cooling_state_before_or_after_the_slot_accuses_nobody(from_ns: int) -> None:
    assert verdict(of(edges.STATE_NOW, 0, 0, COOLER), rows(COOLER, 4, 4, from_ns=from_ns)) == "none"


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1)])
def test_a_cooling_state_at_one_edge_confirms(before: int, after: int) -> None:
    told = judged(of(edges.STATE_NOW, before, after, COOLER))["throttle"]
    assert (told["verdict"], told["before"]) == ("confirmed", bool(before))


def test_a_reading_with_an_error_is_no_state() -> None:
    assert verdict(slot(CALM, {}, {}), [{"t_ns": T0 + 1, "source": COOLER, "value": None}]) == "unknown"


def test_cpus_that_went_offline_confirm_and_more_of_them_do_not() -> None:
    found = evidence(of(edges.CPUS, [0, 1, 2, 3], [0, 1], "online"))
    assert (found["before"], found["after"], found["text"]) == (4, 2, "CPU 2, 3 went offline")
    assert verdict({**slot({**CALM, "online": edges.CPUS}, {COOLER: 0, "online": [0]},
                           {COOLER: 0, "online": [0, 1]})}) == "none"  # fmt: skip


# The limit of a clock.


def test_a_limit_below_the_pin_confirms() -> None:
    found = evidence(pinned({str(KHZ): 500}), rows(LIMIT, KHZ, 1_200_000, KHZ), policy0=KHZ)
    assert (found["source"], found["before"], found["after"]) == (LIMIT, KHZ, 1_200_000)
    assert found["text"] == "its policy was limited to 1200 MHz, it was pinned to 1800 MHz"


def test_a_limit_that_sinks_confirms_without_a_pin_and_one_that_rises_does_not() -> None:
    calm = {**CALM, LIMIT: edges.LIMIT}
    facts = slot(calm, {COOLER: 0, LIMIT: KHZ}, {COOLER: 0, LIMIT: KHZ})
    assert verdict(facts, rows(LIMIT, 1_000_000)) == "confirmed"
    assert verdict(facts, rows(LIMIT, KHZ, 2_000_000)) == "none"


def test_a_limit_that_was_low_before_the_slot_is_told_as_such() -> None:
    told = judged(pinned({str(KHZ): 500}, limit=1_200_000), targets={POLICY: KHZ})["throttle"]
    assert (told["verdict"], told["before"]) == ("confirmed", True)
    assert judged(pinned({str(KHZ): 500}), targets={POLICY: KHZ})["throttle"]["before"] is False


# The time at each clock.


@pytest.mark.parametrize(("khz", "ticks", "word"), [("1200000", 2, "confirmed"), ("1200000", 1, "none")])
def test_a_pinned_clock_that_strayed_for_two_ticks_confirms(khz: str, ticks: int, word: str) -> None:
    assert verdict(pinned({str(KHZ): 498, khz: ticks}), policy0=KHZ) == word


def test_the_fact_names_the_ticks_at_each_clock_of_the_slot_alone() -> None:
    told = judged(pinned({str(KHZ): 498, "600000": 2}), targets={POLICY: KHZ})
    assert told["time_in_state"] == {POLICY: {str(KHZ): 498, "600000": 2}}
    assert "20 ms at other clocks than 1800 MHz, most of it at 600 MHz" in told["throttle"]["evidence"][0]["text"]


@pytest.mark.parametrize("strategy", ["cap_only", "observe"])
def test_a_clock_that_may_sink_by_itself_is_not_accused_for_it(strategy: str) -> None:
    facts = pinned({str(KHZ): 100, "600000": 400}, pin={**PINNED, "strategy": strategy})
    assert verdict(facts, policy0=KHZ) == "unknown"


def test_a_pin_that_was_given_back_before_the_slot_holds_nothing() -> None:
    assert verdict(pinned({"1200000": 500}, limit=2_400_000), policy0=KHZ) == "unknown"


def test_a_raspberry_pi_s_time_in_state_proves_nothing() -> None:
    """Its firmware throttles behind it."""
    facts = pinned({"600000": 500}, throttled_bits_start=0, throttled_bits_end=0)
    assert verdict(facts, policy0=KHZ) == "none"
    told = {**pinned({str(KHZ): 500})}
    told["edges"]["firmware"] = True
    assert verdict(told, policy0=KHZ) == "unknown"


@pytest.mark.parametrize(
    ("below", "governor", "word"),
    [(6, "performance", "confirmed"), (4, "performance", "none"), (300, "schedutil", "unknown")],
)
def test_an_unpinned_clock_may_stray_for_a_hundredth_of_the_slot(below: int, governor: str, word: str) -> None:
    """Under a governor that always takes the highest one; what another governor chooses accuses nobody."""
    facts = pinned({str(KHZ): 500 - below, "1200000": below}, governor_start=governor, governor_end=governor)
    assert verdict({**facts, "pin": None}) == word


def test_times_that_went_back_are_not_told() -> None:
    facts = slot(HELD, {LIMIT: KHZ, POLICY: TICKS}, {LIMIT: KHZ, POLICY: {str(KHZ): 1}})
    told = judged({**facts, "pin": PINNED}, targets={POLICY: KHZ})
    assert told["time_in_state"] is None
    assert told["throttle_unread"] == {POLICY: "its times went back"}
    assert told["throttle"]["verdict"] == "unknown"


def test_a_board_without_such_times_says_so() -> None:
    assert judged(of(edges.STATE_NOW, 0, 0))["time_in_state_reason"]


# A Raspberry Pi.


@pytest.mark.parametrize("bit", [0, 1, 2, 3])
def test_a_live_bit_confirms(bit: int) -> None:
    source = "throttled_bits" if bit else "undervoltage"
    for facts, seen in ((pi(1 << bit, 0), []), (pi(0, 1 << bit), []), (pi(0, 0), rows("throttled_bits", 1 << bit))):
        assert evidence(facts, seen)["source"] == source
        assert verdict(facts, seen) == "confirmed"
    assert judged(pi(1 << bit, 0))["throttle"]["before"] is True


@pytest.mark.parametrize("bit", [16, 17, 18, 19])
def test_a_sticky_bit_confirms_only_where_it_is_new(bit: int) -> None:
    bits = 1 << bit
    assert verdict(pi(0, bits)) == "confirmed"
    assert verdict(pi(bits, bits), rows("throttled_bits", bits, bits)) == "none"
    assert judged(pi(bits, bits))["throttle"]["before"] is False


def test_a_sticky_bit_that_the_kernel_clears_and_the_firmware_sets_again_is_new() -> None:
    assert verdict(pi(0x40000, 0x40000), rows("throttled_bits", 0, 0x40000)) == "confirmed"
    assert verdict(pi(0x50000, 0), rows("throttled_bits", 0, 0)) == "none"


def test_other_bits_mean_nothing() -> None:
    assert verdict(pi(0x80000000, 0x80000010)) == "none"


@pytest.mark.parametrize(("before", "after", "word"), [(0, 1, "confirmed"), (1, 1, "unknown"), (0, 0, "unknown")])
def test_the_kernel_s_alarm_of_the_supply_confirms_where_it_is_new(before: int, after: int, word: str) -> None:
    assert verdict(of(edges.ALARM, before, after, "rpi_volt")) == word


# The measured clock.


@pytest.mark.parametrize(
    ("khz", "word"), [(2_000_000, "none"), (1_961_000, "none"), (1_950_000, "suspected"), (1_930_000, "confirmed"),
                      (2_100_000, "none")]
)  # fmt: skip
def test_a_measured_clock_below_its_calibration(khz: int, word: str) -> None:
    facts = {**slot({}, {}, {}, calibrated_khz=2_000_000), "eff_khz": khz}
    assert verdict(facts) == word


def test_a_measured_clock_without_a_calibration_judges_nothing() -> None:
    facts = {**slot({}, {}, {}), "eff_khz": 1_000_000}
    assert verdict(facts) == "unknown"
    assert verdict({**slot({}, {}, {}, calibrated_khz=2_000_000), "eff_khz": None}) == "unknown"


def test_a_canary_that_slows_down_while_the_heat_rises_is_suspicious() -> None:
    facts = {**of(edges.STATE_NOW, 0, 0), "canary_clock_before_ns": 1000, "canary_clock_after_ns": 1030,
             "temp_mc_start": 50_000, "temp_mc_end": 53_000}  # fmt: skip
    found = evidence(facts)
    assert (found["source"], found["kind"]) == ("canary_clock", "effective_freq")
    assert verdict(facts) == "suspected"
    assert verdict({**facts, "temp_mc_end": 50_000}) == verdict({**facts, "canary_clock_after_ns": 1019}) == "none"


# Heat.


def test_a_zone_near_its_own_passive_trip_is_suspicious() -> None:
    facts = slot(CALM, {COOLER: 0}, {COOLER: 0}, passive_mc={"zone.soc-thermal": 85_000, "zone.big": None})
    hot = rows("zone.soc-thermal", 70_000, 82_000, 81_000)
    found = evidence(facts, hot)
    assert (found["kind"], found["before"], found["after"]) == ("temp", 70_000, 82_000)
    assert found["text"] == "zone.soc-thermal reached 82.0 °C, the kernel slows down at 85.0 °C"
    assert verdict(facts, hot) == "suspected"
    assert verdict(facts, rows("zone.soc-thermal", 81_999)) == "none"
    assert verdict(facts, rows("zone.big", 99_000)) == verdict(facts, rows("zone.gpu", 99_000)) == "none"


def test_without_readings_the_edges_of_the_slot_tell_its_heat() -> None:
    facts = slot(CALM, {COOLER: 0}, {COOLER: 0}, passive_mc={"zone.a": 85_000, "zone.b": 75_000})
    assert verdict({**facts, "temp_mc_start": 60_000, "temp_mc_end": 72_000}) == "suspected"
    assert verdict({**facts, "temp_mc_start": 60_000, "temp_mc_end": 71_999}) == "none"


def test_heat_is_suspicious_even_where_no_source_would_tell_throttling() -> None:
    facts = slot({}, {}, {}, passive_mc={"zone.a": 60_000})
    assert verdict(facts, rows("zone.a", 59_000)) == "suspected"


def test_latencies_that_rise_with_the_heat_are_suspicious() -> None:
    rising = [math.log(1e6) + 0.003 * k for k in range(12)]
    warm = {"temp_mc_start": 50_000, "temp_mc_end": 52_000}

    def word(levels: list[float], **facts: int) -> str:
        return verdict({**slot(CALM, {COOLER: 0}, {COOLER: 0}, levels=levels), **warm, **facts})

    assert word(rising) == "suspected"
    assert evidence({**slot(CALM, {COOLER: 0}, {COOLER: 0}, levels=rising), **warm})["source"] == "latency"
    assert word(rising[::-1]) == word(rising, temp_mc_end=50_500) == word([rising[0]] * 12) == "none"
    assert word([math.log(1e6) + 0.0005 * k for k in range(12)]) == word([]) == "none"


@pytest.mark.parametrize(
    ("values", "p"),
    [([1, 2, 3, 4, 5, 6, 7, 8], 0.0004), ([3, 3, 3], 1.0), ([], 1.0), ([8, 7, 6], 1.0), ([1, 2, 2, 3, 3], 0.0338)],
)
def test_the_chance_of_a_rise_is_that_of_mann_and_kendall(values: list[float], p: float) -> None:
    assert trend.rise_p(values) == pytest.approx(p, abs=0.001)


# The fact as a whole.


def test_nothing_that_could_tell_is_unknown_with_a_reason() -> None:
    told = judged(slot({}, {}, {}))
    assert told["throttle"] == {"verdict": "unknown", "evidence": [], "before": None}
    assert told["throttle_reason"]


def test_the_edges_do_not_travel_and_the_other_facts_stay() -> None:
    told = judged({**of(edges.STATE_NOW, 0, 0), "n": 50})
    assert told["throttle"] == {"verdict": "none", "evidence": [], "before": False}
    assert (told["n"], set(told) & {"edges", "throttle_reason", "throttle_unread"}) == (50, set())


def test_a_launch_without_a_slot_gets_no_verdict() -> None:
    assert judged({"n": 1}) == {"n": 1}


def test_rows_that_a_runner_tells_count_like_those_of_a_sampler() -> None:
    assert verdict(slot(CALM, {COOLER: 0}, {COOLER: 0}, seen=rows(COOLER, 2))) == "confirmed"


@pytest.mark.parametrize(
    "row",
    [{}, {"source": COOLER}, {"source": COOLER, "t_ns": "x", "value": 3}, {"source": COOLER, "t_ns": T0, "value": True},
     {"source": COOLER, "t_ns": T0, "value": 1 << 70}, {"source": 5, "t_ns": T0, "value": 3},
     {"source": "rail.x.power", "t_ns": T0, "value": 3}],
)  # fmt: skip
def test_rows_that_make_no_sense_or_are_not_needed_are_not_kept(row: dict[str, Any]) -> None:
    kept = watch.Watch()
    kept.add(row)
    assert kept.within(0, 1 << 62) == {}


def test_no_more_rows_are_kept_than_a_sampler_may_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST", 10)
    kept = watch.Watch()
    for row in rows(COOLER, *range(25), step_ns=1):
        kept.add(row)
    assert [value for _, value in kept.within(0, T1)[COOLER]] == list(range(10))


def test_a_job_may_tell_the_clock_that_its_board_was_calibrated_at() -> None:
    assert read(asked(start={"eff_khz": 1_795_000.5})).start.eff_khz == 1_795_000.5
    assert read(asked(start={"eff_khz": None})).start.eff_khz is read(asked()).start.eff_khz is None


@pytest.mark.parametrize("khz", [0, -1, True, "1800000", 1e9])
def test_a_job_with_a_calibrated_clock_that_is_none_is_refused(khz: object) -> None:
    with pytest.raises(WireError, match="is no"):
        read(asked(start={"eff_khz": khz}))
