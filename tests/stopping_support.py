"""The farm's stop rule over many simulated runs at once."""

from __future__ import annotations

import numpy as np

from farm_orchestrator.model import PRESETS
from farm_orchestrator.plan.progress import GOAL_PAIR, STEP
from farm_reports.stats.power import READING
from farm_reports.stats.signed_rank import limits, walsh
from noise import Floats

MOST = PRESETS["ci"].blocks_max


def stopped(differences: Floats, planned: int) -> Floats:
    """How many blocks each run took before it was judged."""
    used = np.full(len(differences), MOST)
    for blocks in range(MOST, planned - 1, -1):
        if (blocks - planned) % STEP == 0:
            low, high = limits(walsh(differences[:, :blocks]), blocks, READING)
            used[(high - low) / 2 <= GOAL_PAIR] = blocks
    return used
