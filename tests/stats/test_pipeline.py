"""A variant against itself through the farm's own plan: orders, dropped and repeated blocks, the stop, the word."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from farm_orchestrator.model import LaunchRow, Part, Phase, Slot, State
from farm_orchestrator.plan import block_cause, first_slots, next_slots, requeue
from farm_reports import verdict
from farm_reports.stats.compare import change
from farm_reports.stats.power import LEVEL
from noise import CAP_SIZE, CLASSES, RUN_BIAS, Floats, generator, watched_slots
from plan_support import part_of, row

RUNS = 2000
REJECTED = 35  # of 2,000 at 1 %: the end of the 99.9 % band
BIAS = 0.0005
MOST_LAUNCHES = 60


class Board:
    """A simulated board that measures whatever it is given, slot after slot; frequency caps show in its readings."""

    def __init__(self, latencies: Floats, capped: NDArray[np.bool_], bias: float) -> None:
        self.latencies, self.capped, self.bias, self.at = latencies, capped, bias, 0

    def launch(self, slot: Slot) -> LaunchRow:
        """`bias`: of the second variant, in all launches of the run."""
        log, slow = self.latencies[self.at] + self.bias * (slot.variant == "v01"), self.capped[self.at]
        self.at += 1
        canary_ns = 10_000 * (1 + CAP_SIZE * slow)
        facts = {
            "canary_clock_before_ns": canary_ns,
            "canary_clock_after_ns": canary_ns,
            "cooling_state_max": int(slow),
        }
        return row(slot, self.at, p50_ns=round(1e9 * np.exp(log)), facts=facts)


def measured(part: Part, board: Board) -> list[LaunchRow]:
    """All launches of a part; a block that its readings reject is repeated, for half of the planned ones at most."""
    rows: list[LaunchRow] = []
    slots, extra = tuple(slot for slot in first_slots(part) if slot.phase == Phase.MEASURE), part.planned_blocks // 2
    while slots and board.at + len(slots) <= len(board.latencies):
        here = [board.launch(slot) for slot in slots if slot.block == slots[0].block]
        slots = slots[len(here) :]
        cause = block_cause(here, "drop", cooled=True)
        if cause is not None and cause.drops:
            here = [replace(each, state=State.REJECTED, dropped=cause.name) for each in here]
        rows += here
        if cause is not None and cause.drops and extra:
            extra -= 1
            slots += requeue(part, rows, here[0].block, here[0].attempt)
        slots = slots or next_slots(part, rows)
    return rows


def test_a_variant_against_itself_is_rarely_called_different_and_without_bias() -> None:
    rng = generator(71)
    latencies, capped = watched_slots(rng, RUNS, MOST_LAUNCHES, CLASSES["typical"])
    biases = rng.normal(0, RUN_BIAS, RUNS)
    estimates, words, rejected, dropped = [], Counter[str](), 0, 0
    for run in range(RUNS):
        part = replace(part_of(2, seed=run, preset="ci"), max_blocks=12)
        rows = measured(part, Board(latencies[run], capped[run], float(biases[run])))
        dropped += sum(each.state == State.REJECTED for each in rows) // 2
        found = change(differences(rows), LEVEL / 2, RUN_BIAS)
        rejected += found.low > 0 or found.high < 0
        estimates.append(found.estimate)
        words[verdict.against_baseline(change(differences(rows), floor=RUN_BIAS))] += 1
    assert rejected <= REJECTED
    assert words["faster"] + words["slower"] <= REJECTED
    assert abs(float(np.mean(estimates))) <= BIAS
    assert dropped > RUNS / 10, "frequency caps were there, and were seen"


def differences(rows: list[LaunchRow]) -> Floats:
    logs = {(each.variant, each.block): np.log(each.p50_ns or 0) for each in rows if each.state == State.DONE}
    blocks = sorted({block for _, block in logs})
    return np.array([logs["v01", block] - logs["v00", block] for block in blocks])
