"""One change over several boards: against figures worked by hand, published ones, and simulated fleets."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t, ttest_1samp

from farm_reports import judge
from farm_reports.parts import Fleet
from farm_reports.results import Results
from farm_reports.stats.fleet import Floats, Pooled, Reading, pooled, random_effects, units, unweighted
from farm_reports.tables import BoardRecord
from noise import generator
from tables_support import POINT, TIMES, launches, tables

REPETITIONS = 4000
BETWEEN = 0.02
# thirteen trials of a vaccine, each as cases and others, treated and not: the worked example of meta-analysis
TRIALS = (
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
)  # fmt: skip


def logs(*values: float) -> Floats:
    return np.array(values)


def fixed(values: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """The wrong way: as if all boards had one and the same change."""
    weights = 1 / errors**2
    mean = (weights * values).sum(axis=-1) / weights.sum(axis=-1)
    reach = 1.959964 / np.sqrt(weights.sum(axis=-1))
    return mean - reach, mean + reach


def covered(low: Floats, high: Floats, truth: Floats | float = 0.0) -> float:
    return float(np.mean((low <= truth) & (truth <= high)))


def drawn(boards: int, errors: Floats, between: float = BETWEEN) -> tuple[Floats, Floats]:
    """(values, errors) of simulated fleets whose true mean is zero."""
    rng, shape = generator(21), (REPETITIONS, boards)
    return rng.normal(0, between, shape) + rng.normal(0, 1, shape) * errors, np.broadcast_to(errors, shape)


def uneven(boards: int) -> Floats:
    """One board that is four times as noisy as the others."""
    return np.array([0.02] + [0.005] * (boards - 1))


# against other computations


def test_boards_with_like_errors_give_student_s_interval() -> None:
    values = logs(-0.81, -0.90, -0.86, -0.77)
    found = pooled(values, np.full(4, 0.004))
    other = ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.method == "t"
    assert (float(found.low), float(found.high)) == pytest.approx((other.low, other.high), abs=1e-12)
    assert float(found.mean) == pytest.approx(-0.835, abs=1e-12)
    reach = t.ppf(0.975, 3) * values.std(ddof=1) * math.sqrt(1 + 1 / 4)
    assert float(found.next_high) == pytest.approx(-0.835 + reach, abs=1e-12)


def test_boards_with_unlike_errors_give_the_interval_worked_by_hand() -> None:
    """Changes 0, 3 and 6 %, errors 1, 1 and 4 %: Q = 63 / 11, tau^2 = 41 / 120000, so weights 120000 / 53 and / 233."""
    found = pooled(logs(0, 0.03, 0.06), logs(0.01, 0.01, 0.04))
    weights = [Fraction(120000, 53), Fraction(120000, 53), Fraction(120000, 233)]
    values = [Fraction(0), Fraction(3, 100), Fraction(6, 100)]
    mean = sum(w * y for w, y in zip(weights, values, strict=True)) / sum(weights)
    factor = sum(w * (y - mean) ** 2 for w, y in zip(weights, values, strict=True)) / 2
    assert factor < 1, "so it must not narrow the interval"
    error = math.sqrt(1 / sum(weights))
    assert found.method == "hksj"
    assert float(found.tau2) == pytest.approx(41 / 120000, abs=1e-15)
    assert float(found.i2) == pytest.approx(41 / 63, abs=1e-12)
    assert float(found.mean) == pytest.approx(float(mean), abs=1e-15)
    assert float(found.high) == pytest.approx(float(mean) + t.ppf(0.975, 2) * error, abs=1e-12)
    spread = 41 / 120000 + 0.0018 / 3
    assert float(found.next_high) == pytest.approx(
        float(mean) + t.ppf(0.975, 1) * math.sqrt(spread + error**2), abs=1e-12
    )


def test_tau_and_its_share_are_those_published_for_the_vaccine_trials() -> None:
    cells = np.array(TRIALS, dtype=float)
    treated, control = cells[:, 0] + cells[:, 1], cells[:, 2] + cells[:, 3]
    values = np.log(cells[:, 0] / treated / (cells[:, 2] / control))
    found = random_effects(values, np.sqrt(1 / cells[:, 0] - 1 / treated + 1 / cells[:, 2] - 1 / control))
    assert float(found.tau2) == pytest.approx(0.3088, abs=5e-5)
    assert float(found.i2) == pytest.approx(0.9212, abs=5e-5)
    assert float(found.mean) == pytest.approx(-0.7141, abs=5e-5)


def test_errors_up_to_three_times_the_smallest_count_as_alike() -> None:
    values = logs(-0.1, -0.2, -0.3)
    assert pooled(values, logs(0.01, 0.01, 0.03)).method == "t"
    assert pooled(values, logs(0.01, 0.01, 0.0301)).method == "hksj"


def test_boards_that_agree_beyond_their_errors_do_not_differ() -> None:
    found = pooled(np.full(5, -0.3), np.full(5, 0.01))
    assert (float(found.tau2), float(found.i2)) == (0, 0)
    assert float(found.low) == pytest.approx(float(found.high))


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=8), st.sampled_from([unweighted, random_effects]))
@settings(max_examples=80, deadline=None)
def test_swapping_the_arms_mirrors_every_figure(values: list[float], how: Callable[[Floats, Floats], Pooled]) -> None:
    errors = np.linspace(0.004, 0.02, len(values))
    one, other = how(np.array(values), errors), how(-np.array(values), errors)
    assert (one.low, one.next_low) == pytest.approx((-other.high, -other.next_high), abs=1e-12)
    assert (one.tau2, one.i2) == pytest.approx((other.tau2, other.i2), abs=1e-12)


# coverage


@pytest.mark.parametrize("boards", [3, 5, 10])
def test_the_mean_of_boards_that_differ_is_covered(boards: int) -> None:
    found = unweighted(*drawn(boards, np.full(boards, 0.005)))
    assert 0.938 <= covered(found.low, found.high) <= 0.962


@pytest.mark.parametrize("between", [0.0, 0.005, BETWEEN])
@pytest.mark.parametrize("boards", [3, 5, 10])
def test_the_mean_is_covered_with_one_noisy_board(boards: int, between: float) -> None:
    found = random_effects(*drawn(boards, uneven(boards), between))
    assert covered(found.low, found.high) >= 0.926


@pytest.mark.parametrize("boards", [3, 5, 10])
def test_as_if_boards_did_not_differ_the_same_check_fails(boards: int) -> None:
    assert covered(*fixed(*drawn(boards, np.full(boards, 0.005)))) < 0.5


@pytest.mark.parametrize("boards", [3, 5, 10])
def test_the_next_board_reads_inside_its_interval(boards: int) -> None:
    rng = generator(22)
    alike, unlike = np.full(boards, 0.005), uneven(boards)
    for how, errors in ((unweighted, alike), (random_effects, unlike)):
        found = how(*drawn(boards, errors))
        one_more = rng.normal(0, BETWEEN, REPETITIONS) + rng.normal(0, 1, REPETITIONS) * rng.choice(errors, REPETITIONS)
        assert covered(found.next_low, found.next_high, one_more) >= 0.938


# what counts once


def reading(board: str, kind: str, log: float) -> Reading:
    return Reading(board, kind, log, 0.01)


def test_boards_of_a_type_count_once() -> None:
    kind, found = units([reading("a", "pi5", 0.1), reading("b", "pi5", 0.3), reading("c", "nano", 0.6)])
    assert kind == "type"
    assert [(one.name, one.boards) for one in found] == [("pi5", ("a", "b")), ("nano", ("c",))]
    assert [one.log for one in found] == pytest.approx([0.2, 0.6])
    assert [one.error for one in found] == pytest.approx([0.01 / math.sqrt(2), 0.01])


@pytest.mark.parametrize("kinds", [("pi5", "pi5", "pi5"), ("pi5", "nano", "rock")])
def test_boards_of_one_type_or_of_as_many_types_count_each(kinds: tuple[str, ...]) -> None:
    kind, found = units([reading(f"b{index}", kind, 0.1) for index, kind in enumerate(kinds)])
    assert (kind, [one.name for one in found]) == ("board", ["b0", "b1", "b2"])


# in results.json

RATIOS = {"rpi5": 0.40, "rpi4": 0.50, "nano": 0.45, "rock": 0.42}


def judged(*boards: str | BoardRecord, **changes: object) -> Results:
    names = [board.name if isinstance(board, BoardRecord) else board for board in boards]
    rng = np.random.default_rng(9)

    def time_ns(board: str, name: str, _: int) -> float:
        return TIMES["fp32"] * (RATIOS[board] if name == "int8" else 1.0) * float(np.exp(rng.normal(0, 0.004)))

    records = launches(names, ("fp32", "int8"), time_ns=time_ns)
    return judge.results(tables(records, boards=boards, names=("fp32", "int8"), **changes))


def only(results: Results) -> Fleet:
    (found,) = results.fleet
    assert (found.variant, found.setting) == ("int8", {})
    return found


def test_three_boards_have_an_interval_around_their_geometric_mean() -> None:
    results = judged("rpi5", "rpi4", "nano")
    found = only(results)
    ratios = [cell.versus_baseline.ratio or 0 for cell in results.cells if cell.versus_baseline]
    assert found.ratio == pytest.approx(math.prod(ratios) ** (1 / 3))
    assert [one.ratio for one in found.units] == pytest.approx(ratios)
    assert (found.unit, found.method, found.reason) == ("board", "t", None)
    assert found.low is not None
    assert found.next_low is not None
    assert found.next_low < found.low < (found.ratio or 0)
    assert found.i2 is not None
    assert found.i2 > 0.9, "boards at 0.40, 0.45 and 0.50 differ"


@pytest.mark.parametrize(
    ("boards", "reason"),
    [
        (("rpi5",), "1 board: an interval over boards takes 3"),
        (("rpi5", "nano"), "2 boards: an interval over boards takes 3"),
        (
            (BoardRecord("rpi5", {"type": "pi"}), BoardRecord("rpi4", {"type": "pi"}), BoardRecord("nano", {})),
            "2 types of board: an interval over types of board takes 3",
        ),
    ],
)
def test_with_fewer_than_three_there_is_a_mean_and_no_interval(
    boards: tuple[str | BoardRecord, ...], reason: str
) -> None:
    found = only(judged(*boards))
    assert found.ratio is not None
    assert (found.low, found.method, found.tau2, found.next_high) == (None, None, None, None)
    assert found.reason == reason


def test_a_type_is_that_of_the_inventory_else_the_model_the_board_tells() -> None:
    facts = {"model": "Raspberry Pi 5"}
    boards = (BoardRecord("rpi5", {}, facts), BoardRecord("rpi4", {}, facts), BoardRecord("nano", {"type": "jetson"}),
              BoardRecord("rock", {}))  # fmt: skip
    found = only(judged(*boards))
    assert [(one.name, one.boards) for one in found.units] == [
        ("Raspberry Pi 5", ["rpi5", "rpi4"]), ("jetson", ["nano"]), ("rock", ["rock"]),
    ]  # fmt: skip
    assert found.low is not None
    assert found.ratio == pytest.approx((math.sqrt(0.4 * 0.5) * 0.45 * 0.42) ** (1 / 3), rel=0.01)


def test_a_run_that_is_still_going_has_no_mean_over_boards() -> None:
    found = only(judged("rpi5", "rpi4", "nano", partial=True))
    assert (found.ratio, found.units, found.reason) == (None, [], "the run is not complete")


def test_only_valid_comparisons_count() -> None:
    records = [
        one for one in launches(("rpi5", "rpi4", "nano"), ("fp32", "int8")) if one.board != "nano" or one.block < 17
    ]
    results = judge.results(tables(records, boards=("rpi5", "rpi4", "nano"), names=("fp32", "int8")))
    assert [one.name for one in only(results).units] == ["rpi5", "rpi4"]


def test_a_swept_setting_has_a_mean_of_its_own() -> None:
    four = POINT.replace("/1/", "/4/")
    boards, names = ("rpi5", "rpi4", "nano"), ("fp32", "int8")
    records = [*launches(boards, names), *launches(boards, names, point=four, seed=2)]
    found = judge.results(tables(records, boards=boards, names=names, points=(POINT, four))).fleet
    assert [one.setting for one in found] == [{"threads": 1}, {"threads": 4}]
    assert all(one.low is not None and len(one.units) == 3 for one in found)


def test_boards_with_settings_of_their_own_are_still_one_fleet() -> None:
    boards, names = ("rpi5", "rpi4", "nano"), ("fp32", "int8")
    at = {board: POINT.replace("/1/", f"/{count}/") for board, count in zip(boards, (1, 2, 4), strict=True)}
    records = [one for board in boards for one in launches((board,), names, point=at[board])]
    given = tables(records, boards=boards, names=names, points=tuple(at.values()))
    kept = tuple(cell for cell in given.cells if cell.point == at[cell.board])
    found = only(judge.results(tables(records, boards=boards, names=names, cells=kept)))
    assert [one.name for one in found.units] == list(boards)


def test_absolute_figures_have_no_fleet() -> None:
    assert judge.results(tables(launches(blocks=1), compare=False, planned=1)).fleet == []
