"""Which launches of the floor count, and what their spread is measured in."""

from __future__ import annotations

import itertools

import pytest

from bench import runner
from bench.runner import Floor

QUICK, SLOW = 400.0, 650.0


def test_a_machine_with_two_speeds_does_not_spread_the_floor() -> None:
    steady = [Floor(ns, 5 * ns, 1.02 * ns) for ns in (QUICK, SLOW, QUICK, SLOW, SLOW)]
    figure = runner.spread_of(steady)
    assert figure.value == pytest.approx(0, abs=1e-9)
    assert "plain Python spread by" in figure.note


def test_a_launch_that_is_slow_between_two_quick_spins_spreads_the_floor() -> None:
    steady = [Floor(QUICK, 5 * QUICK, QUICK)] * 4
    assert runner.spread_of([*steady, Floor(QUICK, 7.5 * QUICK, QUICK)]).value == pytest.approx(50)


def test_a_launch_during_which_the_speed_changed_is_left_out_whatever_it_took_itself() -> None:
    steady = [Floor(QUICK, 5 * QUICK, QUICK)] * 5
    figure = runner.spread_of([*steady, Floor(QUICK, 5 * SLOW, SLOW), Floor(SLOW, 5 * QUICK, QUICK)])
    assert figure.value == 0
    assert figure.note.startswith("5 launches, 2 more left out")


def test_a_machine_that_never_keeps_its_speed_has_no_figure() -> None:
    with pytest.raises(RuntimeError, match="changed its speed during 40 of 40 launches"):
        runner.spread_of([Floor(QUICK, 5 * QUICK, SLOW)] * 40)


def test_launches_and_spins_take_turns_until_enough_count() -> None:
    """Two changes of speed cost two launches."""
    spins = itertools.chain([QUICK, SLOW, SLOW, QUICK], itertools.repeat(QUICK))
    taken = runner.floors(lambda: 5 * QUICK, lambda: next(spins))
    assert [floor.steady for floor in taken] == [False, True, False, True, True, True, True]
    assert all(one.after_ns == two.before_ns for one, two in itertools.pairwise(taken))
    restless = itertools.cycle([QUICK, SLOW])
    assert len(runner.floors(lambda: QUICK, lambda: next(restless))) == runner.MOST_FLOORS
