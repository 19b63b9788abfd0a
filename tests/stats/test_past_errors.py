"""How often a comparison of two runs errs, and what it sees: each run has a bias of its own."""

from __future__ import annotations

import numpy as np
import pytest

from farm_reports.stats.between import apart, between, sees
from farm_reports.stats.compare import Interval, assumed_bias, changes
from farm_reports.stats.power import LEVEL, MARGIN, READING
from noise import CLASSES, DIFFERENCES, RUN_BIAS, Floats, Rng, generator, normal, paired, slots

RUNS = 2000


def one(found: tuple[Floats, Floats, Floats], run: int) -> Interval:
    return Interval(*(float(each[run]) for each in found))


def held(then: Floats, now: Floats, side: float, bias: float | None = RUN_BIAS) -> list[Interval]:
    """Each pair of runs; without `bias` on a board that was never measured against itself."""
    told = [changes(each, READING, assumed_bias(each) if bias is None else bias) for each in (then, now)]
    return [between(one(told[0], run), one(told[1], run), side) for run in range(len(then))]


def beyond(found: list[Interval], margin: float = MARGIN) -> float:
    return float(np.mean([each.low > margin for each in found]))


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("blocks", [8, 12])
def test_a_variant_that_did_not_change_is_rarely_called_regressed(name: str, blocks: int) -> None:
    rng, board = generator(41), CLASSES[name]
    then, now = (paired(rng, RUNS, blocks, board) for _ in range(2))
    assert beyond(held(then, now, LEVEL)) <= LEVEL
    assert beyond(held(then, now, LEVEL, bias=None)) <= LEVEL / 5


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("blocks", [8, 12])
def test_nor_is_one_that_changed_by_exactly_the_margin(name: str, blocks: int) -> None:
    """The worst case of what is no regression; 99.9 % band of 1 % over the runs."""
    rng, board = generator(42), CLASSES[name]
    then, now = paired(rng, RUNS, blocks, board), paired(rng, RUNS, blocks, board, effect=MARGIN)
    assert beyond(held(then, now, LEVEL)) <= 0.0175


@pytest.mark.parametrize("shape", DIFFERENCES)
def test_nor_where_the_noise_is_far_from_normal(shape: str) -> None:
    def run(rng: Rng, effect: float) -> Floats:
        noise = DIFFERENCES[shape](rng, (RUNS, 8), np.sqrt(2) * CLASSES["noisy"].launch)
        return noise + normal(rng, (RUNS, 1), RUN_BIAS) + effect

    rng = generator(43)
    then, now = run(rng, 0.0), run(rng, MARGIN)
    assert beyond(held(then, now, LEVEL)) <= 0.0175


@pytest.mark.parametrize("gates", [8, 96])
def test_a_run_in_which_nothing_changed_rarely_fails_however_many_gates_it_has(gates: int) -> None:
    """1 % of runs, not of gates: each pair of runs has as many comparisons as gates."""
    rng, board, pairs = generator(44), CLASSES["typical"], 20_000 // gates
    then, now = (paired(rng, pairs * gates, 8, board) for _ in range(2))
    flags = np.array([each.low > MARGIN for each in held(then, now, LEVEL / gates)]).reshape(pairs, gates)
    assert flags.any(axis=1).mean() <= 0.02


def test_a_change_that_grew_in_one_run_only_is_no_narrower_than_either_run() -> None:
    rng = generator(45)
    then, now = (changes(paired(rng, 200, 8, CLASSES["quiet"]), READING, RUN_BIAS) for _ in range(2))
    for run in range(200):
        found = between(one(then, run), one(now, run))
        widest = max(one(each, run).high - one(each, run).low for each in (then, now))
        assert found.high - found.low >= widest


def test_the_drawn_interval_holds_the_truth_in_95_of_100_pairs_of_runs() -> None:
    for name in CLASSES:
        rng = generator(46)
        then, now = paired(rng, RUNS, 8, CLASSES[name]), paired(rng, RUNS, 8, CLASSES[name], effect=0.03)
        covered = np.mean([each.low <= 0.03 <= each.high for each in held(then, now, READING)])
        assert covered >= 0.95, name


@pytest.mark.parametrize(
    ("name", "effect", "power"),
    [("quiet", 0.05, 0.95), ("typical", 0.05, 0.94), ("noisy", 0.05, 0.9), ("noisy", 0.10, 0.99)],
)
def test_changes_are_seen_on_calibrated_boards(name: str, effect: float, power: float) -> None:
    rng, board = generator(47), CLASSES[name]
    then, now = (paired(rng, RUNS, 8, board, effect=own, caps=False) for own in (0.0, float(np.log1p(effect))))
    assert beyond(held(then, now, LEVEL)) >= power


def test_and_larger_ones_where_no_board_was_calibrated() -> None:
    rng, board = generator(48), CLASSES["typical"]
    then, now = (paired(rng, RUNS, 12, board, effect=own, caps=False) for own in (0.0, float(np.log1p(0.1))))
    assert beyond(held(then, now, LEVEL, bias=None)) >= 0.99


def test_what_it_says_it_sees_it_sees() -> None:
    rng, board = generator(49), CLASSES["typical"]
    then, now = (paired(rng, RUNS, 12, board, caps=False) for _ in range(2))
    told = float(np.median([sees(each, LEVEL, MARGIN) for each in held(then, now, READING)]))
    now = now + np.log1p(told)
    assert 0.9 <= beyond(held(then, now, LEVEL)) <= 1.0


@pytest.mark.parametrize("name", CLASSES)
def test_time_against_time_nothing_is_called_on_days_that_differ_as_days_do(name: str) -> None:
    """Each run has a level of its own, 1 % and what its launches share besides."""
    assert crossed(name, 0.0, day_sd=0.01) <= LEVEL
    assert crossed(name, 0.2, day_sd=0.01) >= 0.9


def test_time_against_time_a_machine_with_neighbours_needs_a_larger_change() -> None:
    """Launches that differ by 5 % let runs differ by as much: five in a hundred would be called at a bare 5 %."""
    rng = generator(51)
    days = normal(rng, (RUNS, 1), 0.03), normal(rng, (RUNS, 1), 0.03)
    arms = [normal(rng, (RUNS, 8), 0.05) + day for day in days]
    told = [changes(each, READING, 0.0) for each in arms]
    pairs = [(one(told[0], run), one(told[1], run)) for run in range(RUNS)]
    found = [between(*each) for each in pairs]
    assert np.mean([each.low > apart(*pair, 8, 8) for each, pair in zip(found, pairs, strict=True)]) <= LEVEL
    assert np.mean([each.low > np.log1p(0.05) for each in found]) > LEVEL


def crossed(name: str, effect: float, day_sd: float) -> float:
    """How often the times themselves are called apart, at the margin that they set."""
    rng, board = generator(50), CLASSES[name]
    days = [normal(rng, (RUNS, 1), day_sd) for _ in range(2)]
    arms = [slots(rng, RUNS, 8, board, caps=False) + day for day in days]
    told = [changes(each, READING, 0.0) for each in (arms[0], arms[1] + np.log1p(effect))]
    pairs = [(one(told[0], run), one(told[1], run)) for run in range(RUNS)]
    return float(np.mean([between(*pair).low > apart(*pair, 8, 8) for pair in pairs]))
