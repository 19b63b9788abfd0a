"""The stop on width: what it does to the intervals, and that the plan's own stop is that rule."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from farm_orchestrator.model import Part, Phase
from farm_orchestrator.plan import first_slots, next_slots
from farm_reports.stats import signed_rank
from farm_reports.stats.power import MIN_BLOCKS
from noise import DIFFERENCES, Floats, generator, normal
from plan_support import part_of, rows_of

RUNS, MOST = 4000, 40
GOAL, STEP = 0.0075, 2  # half-width in logs, blocks between two looks


def stopped(draws: Floats, *, on_significance: bool = False) -> tuple[Floats, float]:
    """Blocks that each run of differences takes, and the share of the 95 % intervals that hold the truth, 0."""
    blocks, held = np.zeros(len(draws)), 0
    for count in range(MIN_BLOCKS, MOST + 1, STEP):
        going = np.flatnonzero(blocks == 0)
        low, high = signed_rank.limits(signed_rank.walsh(draws[going, :count]), count, 0.025)
        narrow = (low > 0) | (high < 0) if on_significance else (high - low) / 2 <= GOAL
        done = narrow | (count == MOST)
        held += int(np.sum(done & (low <= 0) & (high >= 0)))
        blocks[going[done]] = count
    return blocks, held / len(draws)


@pytest.mark.parametrize("name", DIFFERENCES)
@pytest.mark.parametrize("sd", [0.005, 0.01, 0.02])
def test_stopping_on_width_keeps_the_coverage(sd: float, name: str) -> None:
    _, held = stopped(DIFFERENCES[name](generator(16), (RUNS, MOST), sd))
    assert 0.926 <= held <= 0.971


def test_stopping_on_a_difference_would_not() -> None:
    _, held = stopped(normal(generator(16), (RUNS, MOST), 0.01), on_significance=True)
    assert held < 0.9


@pytest.mark.parametrize(("sd", "least", "most"), [(0.005, 8, 9), (0.01, 10, 14), (0.02, 28, 38)])
def test_noisier_boards_take_more_blocks(sd: float, least: float, most: float) -> None:
    blocks, _ = stopped(normal(generator(16), (RUNS, MOST), sd))
    assert least <= float(np.mean(blocks)) <= most


@pytest.mark.parametrize("sd", [0.007, 0.01, 0.02])
def test_a_part_takes_as_many_blocks_as_the_rule_says(sd: float) -> None:
    draws = normal(generator(17), (12, MOST), sd)
    expected, _ = stopped(draws)
    assert [taken(part_of(2), own) for own in draws] == expected.tolist()
    assert len(set(expected)) > 1, "else any rule would do"


def test_a_difference_that_is_plain_to_see_ends_nothing_before_it_is_narrow() -> None:
    plain = 0.3 + normal(generator(18), (MOST,), 0.02)
    assert taken(part_of(2), plain) == stopped((plain - 0.3)[None])[0][0] > MIN_BLOCKS


def taken(part: Part, differences: Floats) -> int:
    """Blocks of a part whose variant differs from the baseline by so much, block by block."""
    part = dataclasses.replace(part, max_blocks=MOST)
    slots, rows, blocks = first_slots(part), [], {}  # type: ignore[var-annotated]  # filled below
    while slots:
        for slot in slots:
            if slot.phase == Phase.MEASURE:
                blocks.setdefault(slot.block, len(blocks))
        logs = {block: differences[index] for block, index in blocks.items()}
        rows += rows_of(slots, lambda s: round(1e9 * np.exp(logs.get(s.block, 0.0) * (s.variant != part.baseline))))  # noqa: B023 - called at once
        slots = next_slots(part, rows)
    return len(blocks)


def test_a_wall_clock_that_is_set_back_gives_no_part_more_time() -> None:
    part = dataclasses.replace(part_of(2), time_s=1000.0)
    draw = iter(normal(generator(19), (200,), 0.05))
    rows = rows_of(first_slots(part), lambda _: round(1e9 * np.exp(next(draw))))
    slow = [dataclasses.replace(each, t0=100.0 * index, t1=100.0 * (index + 1)) for index, each in enumerate(rows)]
    assert next_slots(part, slow) == ()
    back = dataclasses.replace(slow[3], t1=(slow[3].t0 or 0) - 3600)
    assert next_slots(part, [*slow[:3], back, *slow[4:]]) == ()
