"""The highest clock that a board keeps up: which is soaked next, what a soak shows, which board it holds for."""

from typing import Any

import pytest

from farm_orchestrator.plan.sustaining import (
    LONG_S,
    OF,
    UNWATCHED,
    Shown,
    Sustained,
    differing,
    identity,
    next_khz,
    recipe,
    shown,
)

LADDER = (600_000, 1_000_000, 1_800_000, 2_400_000)
S = 1_000_000_000
HELD = {"wanted": "1800000", "held": True, "reason": None}
CLEAN: dict[str, Any] = {"verdict": "none", "evidence": [], "before": False}


def soaked(medians: list[int], **more: Any) -> dict[str, Any]:
    """A window a second."""
    told = {"window_ms": 1000.0, "t0_ns": 0, "t_ns": [(n + 1) * S for n in range(len(medians))], "median_ns": medians}
    return {**told, "held_ns": None, "held_by": None, **more}


def facts(medians: list[int] | None = None, **more: Any) -> dict[str, Any]:
    return {"pin": HELD, "throttle": CLEAN, "soak": soaked(medians or [20_000_000] * 60), **more}


def no(khz: int) -> Shown:
    return Shown(khz, kept=False, why="held back")


def test_the_highest_clock_comes_first_and_then_one_lower_after_the_other() -> None:
    tried: list[Shown] = []
    seen = []
    while (khz := next_khz(LADDER, tried)) is not None:
        seen.append(khz)
        tried.append(no(khz))
    assert seen == sorted(LADDER, reverse=True)


@pytest.mark.parametrize("last", [Shown(1_800_000, kept=True), Shown(1_800_000, kept=None)])
def test_a_clock_that_is_kept_or_shows_nothing_is_the_last(last: Shown) -> None:
    assert next_khz(LADDER, [no(2_400_000), last]) is None


def test_a_clean_soak_keeps_its_clock() -> None:
    assert shown(1_800_000, facts()) == Shown(1_800_000, kept=True)


@pytest.mark.parametrize(("told", "why"), [
    ({"soak": soaked([20_000_000] * 60, held_ns=34 * S, held_by="cooling device at state 2")},
     "held back after 34 s: cooling device at state 2"),
    ({"soak": soaked([20_000_000] * 30 + [26_000_000] * 30)}, "held back after 31 s: the latency rose"),
    ({"throttle": {**CLEAN, "verdict": "confirmed", "evidence": [
        {"source": "cooling.cpufreq", "kind": "state", "before": 0, "after": 2, "t_first_ns": 1, "text": "state 2"}]}},
     "held back at the end"),
])  # fmt: skip
def test_a_board_that_was_held_back_did_not_keep_it_whatever_told_that(told: dict[str, Any], why: str) -> None:
    found = shown(1_800_000, facts(**told))
    assert (found.khz, found.kept) == (1_800_000, False)
    assert str(found.why).startswith(why)


@pytest.mark.parametrize(("told", "why"), [
    ({"pin": {**HELD, "held": False, "reason": "EACCES scaling_max_freq of policy0"}},
     "the clock was not held: EACCES scaling_max_freq of policy0"),
    ({"pin": None}, "the clock was not held: the agent did not say why"),
    ({"throttle": {**CLEAN, "verdict": "unknown"}}, UNWATCHED),
])  # fmt: skip
def test_a_soak_that_shows_nothing_says_what_was_in_the_way(told: dict[str, Any], why: str) -> None:
    assert shown(1_800_000, facts(**told)) == Shown(1_800_000, kept=None, why=why)


def test_a_throttled_board_that_lost_its_clock_was_throttled() -> None:
    told = facts(pin={**HELD, "held": False, "reason": "the kernel tells 1000000 kHz where 1800000 were set"},
                 soak=soaked([20_000_000] * 60, held_ns=5 * S, held_by="cooling device at state 1"))  # fmt: skip
    assert shown(1_800_000, told).kept is False


def test_a_soak_is_one_launch_of_that_length_whose_end_is_timed() -> None:
    made = recipe(LONG_S)
    assert (made.warmup_s, made.warmup_max_s, made.slot_s, made.slot_cap_s) == (540.0, 540.0, 60.0, 60.0)
    assert (made.blocks_min, made.blocks_max, made.compare) == (1, 1, False)


FOUND = Sustained(1_800_000, 600.0, dict.fromkeys(OF), "r1", (no(2_400_000), Shown(1_800_000, kept=True)))


def test_what_was_found_is_read_again_as_it_was_written() -> None:
    assert Sustained.from_json(FOUND.to_json()) == FOUND


def test_a_short_soak_is_a_provisional_one() -> None:
    assert not FOUND.provisional
    assert Sustained(1_800_000, 120.0, FOUND.of, "r1", ()).provisional


@pytest.mark.parametrize("change", [{"khz": 0}, {"khz": "fast"}, {"soak_s": -1}, {"of": {}}, {"tried": [{"hz": 1}]}])
def test_what_cannot_be_is_not_read(change: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Sustained.from_json({**FOUND.to_json(), **change})


def test_another_board_or_kernel_is_told_and_what_is_not_known_agrees() -> None:
    then = identity({"fingerprint": "SHA256:x"}, {"model": "Rock 5B", "kernel": "6.1.43", "cpus": 8, "python": "3.11"})
    assert then == {
        "fingerprint": "SHA256:x",
        "model": "Rock 5B",
        "arch": None,
        "cpus": 8,
        "kernel": "6.1.43",
        "mode": None,
    }
    assert differing(then, {**then, "arch": "aarch64"}) is None
    assert differing(then, {**then, "kernel": "6.12.1"}) == "kernel was 6.1.43 and is 6.12.1"
    assert differing(then, {**then, "fingerprint": "SHA256:y"}) == "host key was SHA256:x and is SHA256:y"


def test_another_power_mode_of_a_jetson_is_another_board() -> None:
    low, high = (identity({}, {"hardware": {"nvpmodel": {"id": mode, "name": None}}}) for mode in (0, 2))
    assert differing(low, high) == "nvpmodel mode was 0 and is 2"
    assert identity({}, {"hardware": "none"})["mode"] is None
