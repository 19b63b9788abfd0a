"""Which clock a pin means, what is written for it and in which order: pure."""

from dataclasses import replace
from typing import Any

import pytest

from farm_agents import knobs
from farm_agents.cpufreq import Policy
from farm_agents.knobs import Unpinnable

STEPS = (600_000, 1_000_000, 1_800_000, 2_400_000)
POLICY = Policy(
    name="policy4", cpus=(4, 5), driver="cpufreq-dt", governor="ondemand", governors=("ondemand", "performance"),
    frequencies_khz=STEPS, boost_khz=(2_600_000,), lowest_khz=STEPS[0], highest_khz=STEPS[-1], min_khz=STEPS[0],
    max_khz=STEPS[-1], cur_khz=STEPS[0], counted=True, closed=(),
)  # fmt: skip
N100 = replace(POLICY, name="policy0", driver="intel_pstate", governors=("performance", "powersave"), frequencies_khz=(),
               boost_khz=(), lowest_khz=700_000, highest_khz=3_400_000)  # fmt: skip


def names(plan: knobs.Plan) -> list[str]:
    return [path.rpartition("/")[2] for path, _ in plan.writes]


def test_max_is_the_highest_step_that_is_no_boost() -> None:
    assert knobs.target_khz(POLICY, "max", None) == 2_400_000


def test_without_steps_max_is_the_clock_without_turbo_where_the_board_tells_it() -> None:
    assert knobs.target_khz(N100, "max", 800_000) == 800_000
    assert knobs.target_khz(N100, "max", None) == 3_400_000


def test_a_clock_between_two_steps_is_refused_with_the_steps() -> None:
    with pytest.raises(Unpinnable, match="policy4 has no 1200000 kHz: 600000 1000000 1800000 2400000"):
        knobs.target_khz(POLICY, "1200000", None)


def test_without_steps_any_clock_within_the_hardwares_range_will_do() -> None:
    assert knobs.target_khz(N100, "1200000", None) == 1_200_000
    with pytest.raises(Unpinnable, match="policy0 goes from 700000 to 3400000 kHz, not at 3500000"):
        knobs.target_khz(N100, "3500000", None)


def test_a_policy_that_tells_nothing_cannot_be_pinned() -> None:
    with pytest.raises(Unpinnable, match="policy0 does not tell its clocks"):
        knobs.target_khz(replace(N100, highest_khz=None), "max", None)


LITTLE = replace(POLICY, name="policy0", cpus=(0, 1), frequencies_khz=(400_000, 1_400_000), lowest_khz=400_000,
                 highest_khz=1_400_000)  # fmt: skip


@pytest.mark.parametrize(("pin", "little"), [("1800000", 1_400_000), ("1000000", 400_000), ("600000", 400_000)])
def test_a_policy_that_lacks_the_clock_of_another_takes_its_own_highest_below_it(pin: str, little: int) -> None:
    assert knobs.targets_khz({POLICY: None, LITTLE: None}, pin) == {POLICY: int(pin), LITTLE: little}
    assert knobs.targets_khz({LITTLE: None, POLICY: None}, "max") == {POLICY: 2_400_000, LITTLE: 1_400_000}


def test_a_policy_without_steps_goes_as_far_as_it_can_and_below_all_its_steps_is_the_lowest() -> None:
    fast = replace(POLICY, frequencies_khz=(*STEPS, 3_600_000), highest_khz=3_600_000)
    assert knobs.targets_khz({fast: None, N100: None}, "3600000")[N100] == 3_400_000
    assert knobs.targets_khz({LITTLE: None, POLICY: None}, "400000")[POLICY] == 600_000


def test_a_clock_that_no_policy_has_is_refused_and_so_is_a_policy_that_does_not_tell_its_highest() -> None:
    with pytest.raises(Unpinnable, match="policy4 has no 1200000 kHz"):
        knobs.targets_khz({POLICY: None, LITTLE: None}, "1200000")
    with pytest.raises(Unpinnable, match="policy0 does not tell its clocks"):
        knobs.targets_khz({POLICY: None, replace(N100, highest_khz=None): None}, "max")


def test_the_limits_never_cross_while_they_are_set() -> None:
    down, _ = knobs.plans({POLICY: 1_000_000})
    assert names(down) == ["scaling_governor", "scaling_min_freq", "scaling_max_freq"]
    up, _ = knobs.plans({replace(POLICY, max_khz=1_000_000): 2_400_000})
    assert names(up) == ["scaling_governor", "scaling_max_freq", "scaling_min_freq"]


def test_a_governor_that_is_not_offered_is_not_asked_for() -> None:
    full, cap = knobs.plans({replace(POLICY, governors=("ondemand",)): 1_000_000})
    assert names(full) == ["scaling_min_freq", "scaling_max_freq"]
    assert (cap.strategy, names(cap)) == (knobs.CAP_ONLY, ["scaling_max_freq"])


def test_what_did_not_take_is_named() -> None:
    full, _ = knobs.plans({POLICY: 1_000_000})
    rows = [{"path": path, "error": None, "readback": value} for path, value in full.writes]
    assert knobs.missed(full, rows) is None
    refused = [{**rows[0], "error": "EACCES"}, *rows[1:]]
    assert knobs.missed(full, refused) == "EACCES scaling_governor of policy4"
    lowered = [*rows[:2], {**rows[2], "readback": "600000"}]
    assert knobs.missed(full, lowered) == "scaling_max_freq of policy4 reads back 600000 where 1000000 was written"
    assert knobs.missed(full, rows[:2]) == "scaling_max_freq of policy4 reads back None where 1000000 was written"


def test_the_clock_that_the_kernel_tells_must_be_near_the_lowest_that_was_set() -> None:
    both = {POLICY: 1_800_000, replace(POLICY, name="policy0"): 1_000_000}
    assert knobs.strayed(both, 1_029_000) is None
    assert knobs.strayed(both, 1_031_000) == "the kernel tells 1031000 kHz where 1000000 were set"
    assert knobs.strayed(both, None) is None
    assert knobs.strayed({N100: 800_000}, 3_000_000) is None


def test_only_a_shut_upper_limit_leaves_nothing_to_try() -> None:
    assert knobs.closed([POLICY]) is None
    assert knobs.closed([replace(POLICY, closed=("scaling_governor",))]) is None
    shut = replace(POLICY, closed=("scaling_governor", "scaling_max_freq"))
    assert knobs.closed([POLICY, shut]) == "EACCES scaling_governor of policy4"


@pytest.mark.parametrize("pin", ["stock", "max", "1800000", "99999999"])
def test_a_pin_is_a_word_or_a_clock_in_khz(pin: str) -> None:
    assert knobs.check(pin) == pin


@pytest.mark.parametrize(
    "pin", ["", "sustained", "sweep", "1.8e6", "01800000", "2400", "123456789", "max\n", "1800000\n"]
)
def test_anything_else_is_none(pin: str) -> None:
    with pytest.raises(ValueError, match="none of max, stock and a clock in kHz"):
        knobs.check(pin)


SPEEDY = replace(POLICY, governors=("ondemand", "userspace"))


def test_the_clock_itself_is_set_only_where_the_board_has_the_governor_for_it() -> None:
    assert [plan.strategy for plan in knobs.plans({POLICY: 1_000_000})] == ["minmax", "cap_only"]
    assert [plan.strategy for plan in knobs.plans({SPEEDY: 1_000_000, POLICY: 1_000_000})] == ["minmax", "cap_only"]
    full, speed, _ = knobs.plans({SPEEDY: 1_000_000})
    assert names(full) == ["scaling_min_freq", "scaling_max_freq"]
    assert names(speed) == ["scaling_governor", "scaling_min_freq", "scaling_max_freq", "scaling_setspeed"]


@pytest.mark.parametrize(("low", "high", "reason"), [
    ("1000000", "1000000", None), ("600000", "2400000", None), ("600000", "1000000", None),
    ("600000", "600000", "scaling_max_freq of policy4 reads back 600000 where 1000000 was written"),
    ("1800000", "2400000", "scaling_min_freq of policy4 reads back 1800000 where 1000000 was written"),
    (None, "2400000", "scaling_min_freq of policy4 reads back None where 1000000 was written"),
])  # fmt: skip
def test_where_the_clock_itself_is_set_limits_need_only_leave_room(
    low: str | None, high: str, reason: str | None
) -> None:
    _, speed, _ = knobs.plans({SPEEDY: 1_000_000})
    told = {"scaling_min_freq": low, "scaling_max_freq": high}
    rows = [
        {"path": path, "error": None, "readback": told.get(path.rpartition("/")[2], value)}
        for path, value in speed.writes
    ]
    assert knobs.missed(speed, rows) == reason
    rows[-1]["readback"] = "<unsupported>"
    assert knobs.missed(speed, rows) is not None


def test_where_no_cycles_are_counted_the_canary_must_take_as_long_as_when_the_board_was_calibrated() -> None:
    assert knobs.off_canary(None, 50_000, 0.03) is None
    assert knobs.off_canary(50_000, None, 0.03) is None
    assert knobs.off_canary(51_000, 50_000, 0.03) is None
    assert knobs.off_canary(53_000, 50_000, 0.06) is None
    assert knobs.off_canary(55_000, 50_000, 0.03) == (
        "no cycles could be counted, and the clock's canary ran at 90.9% of its calibrated speed, more than 3% off"
    )
    assert knobs.off_canary(45_000, 50_000, 0.06) is not None


def test_the_cycles_must_be_of_a_clock_that_was_set() -> None:
    both = {POLICY: 1_800_000, replace(POLICY, name="policy0"): 1_000_000}
    assert knobs.off(both, 1_854_000, 0.03) is None
    assert knobs.off(both, 970_000, 0.03) is None
    assert knobs.off(both, 1_400_000, 0.03) is None  # threads on both
    assert knobs.off(both, None, 0.03) is None
    assert knobs.off({}, 1_400_000, 0.03) is None
    rk3588 = {POLICY: 2_400_000}
    assert knobs.off(rk3588, 2_280_000, 0.06) is None
    assert knobs.off(rk3588, 2_280_000, 0.03) == (
        "the processor ran at 2280000 kHz by its cycles where 2400000 were set, more than 3% off"
    )


def test_a_knob_that_is_gone_at_the_end_is_told() -> None:
    high: dict[str, Any] = {"path": "sys/x/policy4/scaling_max_freq", "error": None}
    assert knobs.lost([high]) is None
    gone = {"path": "sys/x/policy4/scaling_governor", "error": "ENOENT"}
    assert knobs.lost([high, gone]) == "ENOENT scaling_governor of policy4 when it was to be given back"
