"""What interleaved blocks make of a board that heats, against one variant after the other; on simulated time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from farm_lab.physics import Hardware
from farm_reports.stats.power import MIN_BLOCKS
from heat_support import World, hardware, interleaved, sequential

SEEDS = range(40)
RATIO = 1.05
MOST = 0.003  # of the ratio, whatever the heat does meanwhile
FINE = (tuple(range(1_200_000, 2_400_001, 100_000)),)
BOARDS = {
    "small steps of the clock": hardware("generic", time_scale=4, opps=FINE),
    "small steps, hunting": hardware("generic", time_scale=8, opps=FINE),
    "no fan": hardware("fanless", time_scale=8),
    "no fan, small steps": hardware("fanless", time_scale=6, opps=FINE),
}


def off(logs: list[float], ratio: float = RATIO) -> tuple[float, float]:
    """(mean, its standard error) of how far estimates of a ratio are off, as a share."""
    errors = np.expm1(np.array(logs) - math.log(ratio))
    return float(errors.mean()), float(errors.std(ddof=1) / math.sqrt(errors.size))


@pytest.mark.parametrize("made", BOARDS.values(), ids=BOARDS)
def test_heat_biases_one_variant_after_the_other_by_per_cents_and_interleaved_blocks_not(made: Hardware) -> None:
    world = World(made, RATIO)
    runs = [interleaved(world, seed) for seed in SEEDS]
    decided = [run.estimate for run in runs if run.blocks >= MIN_BLOCKS]
    assert len(decided) >= 0.7 * len(runs), "most runs had a verdict, though blocks were dropped for heat"
    bias, error = off(decided)
    assert error < MOST / 5
    assert abs(bias) <= MOST
    in_turn, error = off([sequential(world, seed) for seed in SEEDS])
    assert in_turn - 3 * error > 0.02


def test_a_variant_against_itself_is_as_good_in_blocks_and_as_bad_in_sequence() -> None:
    world = World(BOARDS["small steps of the clock"], 1.0)
    assert abs(off([interleaved(world, seed).estimate for seed in SEEDS], 1.0)[0]) <= MOST
    assert off([sequential(world, seed) for seed in SEEDS], 1.0)[0] > 0.02


def test_the_heat_set_in_during_the_runs_and_blocks_were_dropped_for_it() -> None:
    runs = [interleaved(World(made, RATIO), seed) for made in BOARDS.values() for seed in range(10)]
    assert sum(run.dropped > 0 for run in runs) > 0.8 * len(runs)


def test_a_board_that_stays_cool_is_measured_well_either_way() -> None:
    world = World(hardware("generic", trip_c=None), RATIO)
    for logs in ([interleaved(world, seed).estimate for seed in SEEDS], [sequential(world, seed) for seed in SEEDS]):
        assert abs(off(logs)[0]) <= MOST
