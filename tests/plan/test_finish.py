"""When a run will be through: what is left of it, and who shares its boards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_orchestrator.model import LaunchRow
from farm_orchestrator.plan import first_slots
from farm_orchestrator.plan.estimate import PROCESS_S, launch_s
from farm_orchestrator.plan.finish import Load, board_ends_s, finish_s, known, left_s, paces
from finish_support import courses
from store_support import QUICK, RUN, part

SPEC = part(names=("base", "other"), blocks=8, most=12)


def load(run: str, left: float, priority: int = 0, board: str = "b0", **fields: float) -> Load:
    return Load(run, board, priority, left, **fields)


def rows(begun: Sequence[tuple[float, float]] = (), p50_ns: Sequence[int] = ()) -> list[LaunchRow]:
    """The planned launches; the first ones began and ended then."""
    made = []
    for index, slot in enumerate(first_slots(SPEC)):
        t0, t1 = begun[index] if index < len(begun) else (None, None)
        timed = p50_ns[index % len(p50_ns)] if p50_ns and t1 is not None else None
        made.append(LaunchRow(**slot.to_json(), id=index, run=RUN, state="pending" if t1 is None else "done",
                              fence=None, t0=t0, t1=t1, boot_id=None, outcome=None, dropped=None, file=None,
                              file_sha256=None, transcript_sha256=None, p50_ns=timed))  # fmt: skip
    return made


def test_equal_runs_share_a_board_and_a_higher_priority_goes_before_them() -> None:
    assert board_ends_s([load("a", 100), load("b", 100)]) == {"a": 200, "b": 200}
    assert board_ends_s([load("a", 100), load("b", 30)]) == {"b": 60, "a": 130}
    assert board_ends_s([load("a", 100), load("b", 100), load("c", 50, 1)]) == {"c": 50, "a": 250, "b": 250}


def test_who_had_less_of_the_board_catches_up_first() -> None:
    ends = board_ends_s([load("a", 100, spent=40), load("b", 100)])
    assert ends == pytest.approx({"b": 160, "a": 200})


def test_a_run_whose_time_is_up_makes_room_for_the_others() -> None:
    assert board_ends_s([load("a", 100, until_s=50), load("b", 40)]) == pytest.approx({"a": 50, "b": 65})
    assert board_ends_s([load("a", 100, 1, until_s=0), load("b", 40)]) == {"a": 0, "b": 40}


def test_the_slowest_board_says_when_a_run_is_through() -> None:
    loads = [load("a", 100), load("a", 20, board="b1"), load("b", 90, board="b1")]
    assert finish_s("a", loads) == 100
    assert finish_s("b", loads) == 110
    assert finish_s("c", loads) is None


@given(st.lists(st.tuples(st.floats(0, 1e4), st.integers(-2, 2), st.floats(0, 1e4)), min_size=1, max_size=6))
def test_a_board_is_never_idle_and_never_shared_out_twice(wanting: list[tuple[float, int, float]]) -> None:
    loads = [load(str(i), left, priority, spent=spent) for i, (left, priority, spent) in enumerate(wanting)]
    ends = board_ends_s(loads)
    assert ends.keys() == {each.run for each in loads}
    assert max(ends.values()) == pytest.approx(sum(each.left_s for each in loads), abs=1e-3)
    for each in loads:
        before = sum(other.left_s for other in loads if other.priority > each.priority)
        assert ends[each.run] >= before + each.left_s - 1e-3


def test_what_lies_between_two_launches_is_the_second_ones_unless_the_board_rested() -> None:
    claimed_ahead = [(0.0, 10.0), (9.0, 20.0), (21.0, 30.0), (500.0, 512.0)]
    assert list(paces(rows(claimed_ahead)).values()) == [[10.0, 10.0, 10.0], [12.0]]


def test_before_anything_is_measured_the_plan_says_what_is_left() -> None:
    found = left_s(SPEC, rows(), known([(SPEC, rows())]), 0.0)
    assert found == pytest.approx(3 * PROCESS_S + 16 * launch_s(QUICK))
    taken = left_s(SPEC, rows(), known([(SPEC, rows())], {("b0", "quick", "burst"): 100.0}), 0.0)
    assert taken == pytest.approx(3 * PROCESS_S + 1600)


def test_launches_that_were_timed_say_how_long_the_others_take() -> None:
    quick = [(i * 1.0, i * 1.0 + 1.0) for i in range(3)]
    timed = [(3 + i * 7.0, 10 + i * 7.0) for i in range(8)]
    made = rows(quick + timed, [1_000_000, 1_000_001])
    assert left_s(SPEC, made, known([(SPEC, made)]), 60.0) == pytest.approx(8 * 7.0)


def test_a_noisy_board_will_be_asked_for_more_blocks() -> None:
    times = [(i * 7.0, 7 + i * 7.0) for i in range(11)]
    noisy = rows(times, [1_000_000, 1_020_000, 990_000, 1_015_000, 985_000])
    assert left_s(SPEC, noisy, known([(SPEC, noisy)]), 77.0) == pytest.approx((8 + 8) * 7.0)
    only = replace(SPEC, max_blocks=8)
    assert left_s(only, noisy, known([(only, noisy)]), 77.0) == pytest.approx(8 * 7.0)


def test_other_runs_on_the_board_say_what_a_new_one_may_expect() -> None:
    usual = launch_s(QUICK)
    quick = [(i * 1.0, i * 1.0 + 1.0) for i in range(3)]
    slow = rows([*quick, *((3 + i * 3 * usual, 3 + (i + 1) * 3 * usual) for i in range(16))], [1_000_000])
    fresh = replace(SPEC, run="other")
    mine = [replace(row, run="other") for row in rows()]
    told = known([(SPEC, slow), (fresh, mine)])
    assert told.pace == pytest.approx(3.0)
    assert left_s(fresh, mine, told, 500.0) == pytest.approx(3 * PROCESS_S + 16 * 3 * usual)


def test_a_launch_that_runs_has_some_of_its_time_behind_it() -> None:
    made = [replace(row, state="running", t0=100.0) if row.id == 3 else row for row in rows()]
    told = known([(SPEC, made)])
    rest = left_s(SPEC, made, told, 100.0) - left_s(SPEC, made, told, 100.0 + launch_s(QUICK) / 2)
    assert rest == pytest.approx(launch_s(QUICK) / 2)
    late = left_s(SPEC, made, told, 1e6)
    assert late == pytest.approx(left_s(SPEC, made, told, 100.0) - 0.9 * launch_s(QUICK)), "and some before it"


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_at_half_time_the_finish_of_every_run_of_a_seeded_fleet_is_told_within_20_percent(
    tmp_path: Path, seed: int
) -> None:
    """Three runs of other sizes, presets and priorities; boards three times as slow as each other."""
    found = courses([seed], tmp_path, noises=(0.002, 0.003))
    assert found
    for course in found:
        assert course.error <= 0.2, (course.run, course.half, course.ended)
        assert math.isfinite(course.error_of_rest)
