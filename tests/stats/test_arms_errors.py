"""How often a run errs that holds its files against what they were in the same blocks, and what it sees."""

from __future__ import annotations

import numpy as np
import pytest

from farm_orchestrator.model import PRESETS
from farm_orchestrator.plan.confirming import TIMES
from farm_reports import verdict
from farm_reports.bounds import gated_pasts
from farm_reports.stats.compare import Interval, assumed_bias, changes
from farm_reports.stats.power import LEVEL, MARGIN, SAME, planned_blocks, seen
from noise import CLASSES, RUN_BIAS, Floats, generator, paired
from stopping_support import MOST, stopped

RUNS = 2000
WRONG = 0.0175  # 99.9 % band of 1 % over 2,000 runs
LOOKS = gated_pasts((), 1, confirms=True)
Words = dict[str, float]


def held(
    name: str,
    effect: float,
    *,
    budget: float | None = None,
    cells: int = 1,
    floor: float | None = RUN_BIAS,
    runs: int = RUNS,
    level: float = LEVEL,
) -> Words:
    """Shares of the words, by the farm's rule: stop on width, judge, and where that is open twice the blocks alone decide."""
    differences = paired(generator(91), runs, MOST * (1 + TIMES), CLASSES[name], effect=effect)
    gated = gated_pasts((), cells, confirms=True)
    used = stopped(differences, planned_blocks(PRESETS["ci"].blocks_min, gated))
    words = np.full(runs, "inconclusive", dtype=object)
    for blocks in np.unique(used):
        here = used == blocks
        words[here] = judged(differences[here, :blocks], level / gated, budget, floor)
        again = here & (words == "inconclusive")
        if again.any():
            words[again] = judged(differences[again, blocks : blocks * (1 + TIMES)], level / gated, budget, floor)
    return {word: float(np.mean(words == word)) for word in ("regressed", "improved", "equivalent", "inconclusive")}


def judged(differences: Floats, side: float, budget: float | None, floor: float | None) -> list[str]:
    bias = assumed_bias(differences) if floor is None else floor
    found = zip(*changes(differences, side, bias), strict=True)
    margins = verdict.past_margins(budget)
    return [verdict.against_past(Interval(*map(float, each)), *margins) for each in found]


@pytest.mark.parametrize("name", CLASSES)
def test_a_file_that_did_not_change_is_hardly_ever_called_regressed(name: str) -> None:
    assert held(name, 0.0)["regressed"] <= WRONG / 5


@pytest.mark.parametrize("name", CLASSES)
def test_nor_is_one_that_changed_by_exactly_the_margin_more_often_than_one_in_a_hundred(name: str) -> None:
    """The worst case of what is no regression, over both looks."""
    assert held(name, MARGIN)["regressed"] <= WRONG
    assert held(name, MARGIN, floor=None)["regressed"] <= WRONG, "on a board that was never measured against itself"


@pytest.mark.parametrize("name", CLASSES)
def test_one_that_got_worse_by_as_much_as_counts_is_rarely_called_equivalent(name: str) -> None:
    assert held(name, SAME)["equivalent"] <= WRONG


@pytest.mark.parametrize("name", ["quiet", "noisy"])
def test_at_its_budget_a_file_is_rarely_called_either_way(name: str) -> None:
    found = held(name, float(np.log1p(0.05)), budget=0.05)
    assert found["regressed"] <= WRONG
    assert found["equivalent"] <= WRONG


def test_were_each_of_both_looks_given_the_whole_level_it_would_err_too_often() -> None:
    """Guards the 2 in m: the floor taken away, at the margin."""
    found = held("noisy", MARGIN, level=LEVEL * LOOKS, floor=0.0, runs=4 * RUNS)
    assert found["regressed"] > WRONG


@pytest.mark.parametrize("cells", [8, 96])
def test_a_run_of_many_files_of_which_none_changed_rarely_regresses(cells: int) -> None:
    """As if each were on a board of its own: no two share a bias."""
    assert cells * held("typical", 0.0, cells=cells)["regressed"] <= WRONG


@pytest.mark.parametrize(
    ("name", "effect", "power"),
    [("quiet", 0.02, 0.95), ("typical", 0.02, 0.9), ("noisy", 0.03, 0.9), ("quiet", 0.05, 0.99), ("noisy", 0.05, 0.97)],
)
def test_changes_are_seen(name: str, effect: float, power: float) -> None:
    assert held(name, float(np.log1p(effect)))["regressed"] >= power


def test_without_a_calibration_larger_ones_are() -> None:
    assert held("typical", float(np.log1p(0.05)), floor=None)["regressed"] >= 0.95


@pytest.mark.parametrize("name", ["quiet", "typical"])
def test_no_change_is_told_to_be_none(name: str) -> None:
    found = held(name, 0.0)
    assert found["equivalent"] >= 0.9
    assert found["inconclusive"] <= 0.1


def test_what_a_comparison_says_it_sees_it_sees() -> None:
    """`sees` is told of the first look alone; a confirmation only adds."""
    rng, board = generator(92), CLASSES["typical"]
    found = paired(rng, RUNS, 12, board, caps=False)
    errors = [Interval(*map(float, each)).error for each in zip(*changes(found, 0.025, 0.0), strict=True)]
    told = seen(float(np.median(errors)), LEVEL / LOOKS, RUN_BIAS)
    words = judged(found + np.log1p(told), LEVEL / LOOKS, None, RUN_BIAS)
    assert 0.85 <= words.count("regressed") / RUNS <= 1.0
