"""Which clock a pin means, what is written for it and in which order: pure."""

from dataclasses import replace

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
