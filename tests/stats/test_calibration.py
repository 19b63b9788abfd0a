"""A board measured against itself: its bias is found, and what is made of it errs as rarely as it should."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import noise
from farm_reports.stats.calibration import RUNS, bias, calibrated, estimates, floor, trial
from farm_reports.stats.compare import changes
from farm_reports.stats.power import LEVEL
from farm_reports.tables import Trial
from noise import CLASSES, Floats, generator, normal, paired

FARMS = 400
MARGINS = 0.015  # of 1 % over 4,000


def simulated(name: str, blocks: int, truth: float, *, runs: int = RUNS, farms: int = FARMS) -> tuple[Floats, Floats]:
    """(estimates, errors) of `runs` A/A runs on each of `farms` boards whose runs share a bias of sd `truth`."""
    rng = generator(51)
    shared = normal(rng, (farms * runs, 1), truth)
    differences = normal(rng, (farms * runs, blocks), math.sqrt(2) * CLASSES[name].launch) + shared
    found, errors = estimates(differences)
    return found.reshape(farms, runs), errors.reshape(farms, runs)


@pytest.mark.parametrize("blocks", [8, 12, 20])
@pytest.mark.parametrize("name", CLASSES)
def test_the_standard_error_of_a_run_is_what_its_estimates_vary_by(name: str, blocks: int) -> None:
    found, errors = simulated(name, blocks, 0.0)
    assert math.sqrt(float(np.mean(errors**2))) == pytest.approx(float(found.std()), rel=0.08)


@pytest.mark.parametrize("truth", [0.002, 0.004])
@pytest.mark.parametrize(("name", "blocks"), [("quiet", 8), ("quiet", 20), ("typical", 12), ("noisy", 20)])
def test_a_known_bias_is_found(name: str, blocks: int, truth: float) -> None:
    found = bias(*simulated(name, blocks, truth, runs=60))
    assert float(np.sqrt(np.mean(found**2))) == pytest.approx(truth, rel=0.15)


def test_a_board_without_bias_is_said_to_have_hardly_any() -> None:
    found = bias(*simulated("quiet", 20, 0.0))
    assert float(np.median(found)) <= 0.0005
    assert float(np.quantile(found, 0.9)) <= 0.0012


def test_drift_and_outliers_and_caps_leave_little_of_a_bias_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "RUN_BIAS", 0.0)
    found, errors = estimates(paired(generator(52), FARMS * RUNS, 12, CLASSES["typical"]))
    assert float(np.median(bias(found.reshape(FARMS, RUNS), errors.reshape(FARMS, RUNS)))) <= 0.0005


@pytest.mark.parametrize("truth", [0.001, 0.002, 0.004])
@pytest.mark.parametrize("name", CLASSES)
def test_the_floor_is_no_smaller_than_the_bias_on_seven_of_ten_boards_the_estimate_on_four(
    name: str, truth: float
) -> None:
    known = simulated(name, 12, truth, farms=2000)
    assert np.mean(floor(*known) >= truth) >= 0.7
    assert np.mean(bias(*known) >= truth) <= 0.5


@pytest.mark.parametrize("runs", [RUNS, 2 * RUNS])
@pytest.mark.parametrize(("name", "blocks"), [("quiet", 8), ("quiet", 12), ("typical", 8), ("noisy", 8), ("noisy", 20)])
def test_a_calibrated_board_errs_at_a_margin_as_rarely_as_it_should(name: str, blocks: int, runs: int) -> None:
    assert errors_at_a_margin(name, blocks, runs, floor) <= MARGINS


def test_taking_the_estimate_itself_for_the_floor_would_err_more_often() -> None:
    assert errors_at_a_margin("quiet", 8, RUNS, bias) > MARGINS


def errors_at_a_margin(name: str, blocks: int, runs: int, held: object) -> float:
    """The share of runs of 40 blocks, truth at the margin, that a board calibrated by `held` calls beyond it."""
    assert callable(held)
    truth, farms = 0.004, 4000
    rng = generator(53)
    differences = normal(rng, (farms, 40), math.sqrt(2) * CLASSES[name].launch) + normal(rng, (farms, 1), truth)
    _, low, high = changes(differences, LEVEL, held(*simulated(name, blocks, truth, runs=runs, farms=farms)))
    return float(np.mean(low > 0) + np.mean(high < 0)) / 2


# figures of one board


def trials(count: int, *, sd: float = 0.006, truth: float = 0.002) -> list[Trial]:
    rng = generator(54)
    return [trial(normal(rng, (20,), math.sqrt(2) * sd) + rng.normal(0, truth)) for _ in range(count)]


def test_too_few_runs_have_noise_but_no_floor_and_say_how_many_there_are() -> None:
    found = calibrated(trials(RUNS - 1))
    assert (found.runs, found.bias, found.floor) == (19, None, None)
    assert found.reason == "19 of 20 A/A runs are there"
    assert found.noise == "typical"


def test_enough_runs_have_a_bias_and_a_floor_above_it() -> None:
    found = calibrated(trials(RUNS))
    assert found.reason is None
    assert found.bias is not None
    assert found.floor is not None
    assert 0 < found.bias < found.floor < 0.004


def test_where_a_board_idles_is_known_with_its_floor_and_is_the_middle_of_its_runs() -> None:
    warm = [replace(each, idle_mc=40_000.0 + 100 * index) for index, each in enumerate(trials(RUNS + 1))]
    assert calibrated(warm).idle_mc == 41_000.0
    assert calibrated(warm[: RUNS - 1]).idle_mc is None
    assert calibrated([*trials(RUNS), warm[-1]]).idle_mc == 42_000.0
    assert calibrated(trials(RUNS)).idle_mc is None


def test_the_clock_of_a_board_is_the_middle_of_its_runs_or_the_reason_why_there_is_none() -> None:
    measured = [replace(each, eff_khz=1_790_000.0 + 1000 * index) for index, each in enumerate(trials(5))]
    assert (calibrated(measured).eff_khz, calibrated(measured).eff_khz_reason) == (1_792_000.0, None)
    denied = [replace(each, eff_khz_reason="perf_event_paranoid is 4") for each in trials(2)]
    assert (calibrated(denied).eff_khz, calibrated(denied).eff_khz_reason) == (None, "perf_event_paranoid is 4")
    assert calibrated([*denied, *measured]).eff_khz_reason is None


def test_what_the_canary_took_is_the_middle_of_the_runs_that_had_one() -> None:
    sung = [replace(each, canary_ns=50_000.0 + 1000 * index) for index, each in enumerate(trials(3))]
    assert calibrated([*trials(2), *sung]).canary_ns == 51_000.0
    assert calibrated(trials(2)).canary_ns is None


def test_no_run_at_all_is_no_calibration() -> None:
    found = calibrated([])
    assert (found.runs, found.floor, found.launch_sd, found.noise) == (0, None, None, None)
    assert found.reason


@pytest.mark.parametrize(("sd", "name"), [(0.004, "quiet"), (0.006, "typical"), (0.010, "noisy")])
def test_the_class_of_a_board_is_that_of_its_launches(sd: float, name: str) -> None:
    found = calibrated(trials(RUNS, sd=sd))
    assert found.launch_sd == pytest.approx(sd, rel=0.15)
    assert found.noise == name


def test_launches_that_are_all_the_same_have_no_noise_and_no_bias() -> None:
    found = calibrated([trial(np.zeros(8))] * RUNS)
    assert (found.bias, found.floor, found.launch_sd, found.noise) == (0.0, 0.0, 0.0, "quiet")
