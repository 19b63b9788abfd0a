"""How often a comparison errs, and how often it sees what is there."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from farm_reports import verdict
from farm_reports.stats.compare import Interval, assumed_bias, changes
from farm_reports.stats.power import BIAS, LEVEL, MARGIN, READING, SAME, planned_blocks
from noise import CLASSES, RUN_BIAS, Floats, generator, normal, paired

RUNS = 2000
REJECTIONS = 0.0175  # 99.9 % band of 1 % over 2,000 runs
MARGINS = 0.015  # of 1 % over 4,000


@pytest.mark.parametrize("name", CLASSES)
def test_a_variant_against_itself_is_rarely_called_different(name: str) -> None:
    estimates, low, high = changes(paired(generator(21), RUNS, 10, CLASSES[name]), LEVEL / 2, RUN_BIAS)
    assert np.sum((low > 0) | (high < 0)) <= 35
    assert abs(np.mean(estimates)) <= 0.0005


@pytest.mark.parametrize("name", CLASSES)
def test_a_variant_against_itself_gets_no_word_on_an_uncalibrated_board(name: str) -> None:
    differences = paired(generator(22), RUNS, 8, CLASSES[name])
    _, low, high = changes(differences, READING, assumed_bias(differences))
    assert np.sum((low > MARGIN) | (high < -MARGIN)) <= 2


@pytest.mark.parametrize("slow", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("blocks", [8, 12, 20])
def test_nor_on_a_machine_with_two_speeds_where_the_default_floor_alone_is_no_floor(slow: float, blocks: int) -> None:
    differences = two_speeds(blocks, slow)
    _, low, high = changes(differences, READING, assumed_bias(differences))
    assert np.mean((low > MARGIN) | (high < -MARGIN)) <= 0.01
    _, low, high = changes(differences, READING, BIAS)
    assert np.mean((low > MARGIN) | (high < -MARGIN)) >= 0.005


def test_the_assumed_bias_never_falls_below_the_default() -> None:
    assert assumed_bias(np.zeros((2, 8))) == pytest.approx([BIAS, BIAS])
    assert assumed_bias(two_speeds(40, 0.5)).min() > BIAS


@pytest.mark.parametrize(("effect", "power"), [(0.01, 0.35), (0.02, 0.985), (0.05, 0.995)])
def test_changes_are_seen(effect: float, power: float) -> None:
    draws = paired(generator(23), RUNS, 20, CLASSES["typical"], effect=float(np.log1p(effect)))
    assert called(draws, READING)["slower"] >= power


@pytest.mark.parametrize(("effect", "power"), [(0.02, 0.985), (0.05, 0.995)])
def test_so_are_they_at_the_level_of_a_gate_once_blocks_inside_a_frequency_cap_are_dropped(
    effect: float, power: float
) -> None:
    draws = paired(generator(23), RUNS, 20, CLASSES["typical"], effect=float(np.log1p(effect)), caps=False)
    assert called(draws, LEVEL)["slower"] >= power


@pytest.mark.parametrize("blocks", [12, 16, 20, 28, 40])
@pytest.mark.parametrize("name", CLASSES)
def test_a_truth_at_a_margin_is_rarely_called_beyond_it(name: str, blocks: int) -> None:
    draws = at_zero(name, blocks)
    assert called(draws + MARGIN, LEVEL)["slower"] <= MARGINS
    assert called(draws - MARGIN, LEVEL)["faster"] <= MARGINS
    assert called(draws + SAME, LEVEL)["same"] <= MARGINS
    assert called(draws - SAME, LEVEL)["same"] <= MARGINS
    _, _, high = changes(draws + SAME, LEVEL, RUN_BIAS)
    assert np.mean(high < SAME) <= MARGINS, "no worse than two percent"


def test_without_the_floor_the_same_check_fails() -> None:
    draws = at_zero("noisy", 40)
    assert called(draws + MARGIN, LEVEL, bias=0.0)["slower"] > MARGINS
    _, _, high = changes(draws + SAME, LEVEL, 0.0)
    assert np.mean(high < SAME) > MARGINS


def test_no_change_is_called_no_worse_than_two_percent() -> None:
    _, _, high = changes(at_zero("typical", 20), LEVEL, RUN_BIAS)
    assert np.mean(high < SAME) >= 0.99


@pytest.mark.parametrize("gates", [1, 5, 20, 100])
def test_a_run_in_which_nothing_changed_rarely_fails_however_many_gates_it_has(gates: int) -> None:
    blocks = planned_blocks(8, gates)
    draws = normal(generator(25), (RUNS, gates, blocks), 0.0085) + normal(generator(26), (RUNS, gates, 1), RUN_BIAS)
    _, low, _ = changes(draws, LEVEL / gates, RUN_BIAS)
    assert np.mean((low > 0).any(axis=1)) <= REJECTIONS


@pytest.mark.parametrize("gates", [1, 5, 20, 100])
def test_the_planned_blocks_can_decide_every_gate_and_one_fewer_cannot(gates: int) -> None:
    blocks = planned_blocks(1, gates)
    for truth in (-0.1, 0.1):
        extreme = np.full((gates, blocks), truth)
        _, low, high = changes(extreme, LEVEL / gates, 0.0)
        assert (low == truth).all()
        assert (high == truth).all()
        _, low, _ = changes(extreme[:, 1:], LEVEL / gates, 0.0)
        assert np.isneginf(low).all()


def called(draws: Floats, side: float, bias: float = RUN_BIAS) -> dict[str, float]:
    """The share of runs that get each word."""
    found = [Interval(*own) for own in zip(*changes(draws, side, bias), strict=True)]
    words = Counter(verdict.against_baseline(own) for own in found)
    return {word: words[word] / len(draws) for word in ("faster", "slower", "same", "undecided")}


def at_zero(name: str, blocks: int) -> Floats:
    """Differences without a change: two launches each, and the bias of the run."""
    rng = generator(24)
    return normal(rng, (4000, blocks), np.sqrt(2) * CLASSES[name].launch) + normal(rng, (4000, 1), RUN_BIAS)


def two_speeds(blocks: int, slow: float) -> Floats:
    """Differences without a change where a launch is 22 % slower by chance, as on a shared virtual machine."""
    rng = generator(27)
    one, other = (0.22 * (rng.random((8000, blocks)) < slow) + normal(rng, (8000, blocks), 0.02) for _ in range(2))
    return one - other
