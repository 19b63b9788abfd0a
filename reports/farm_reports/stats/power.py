"""How many blocks a verdict needs, and the smallest effect that so many blocks can see."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

LEVEL = 0.01  # alpha: the chance that a run without any change fails a gate
READING = 0.025  # one-sided level of a comparison that gates nothing: its 95 % interval
MARGIN = 0.005  # delta0: smaller changes are never called
SAME = 0.02  # Delta: changes inside it are called the same
BIAS = 0.005  # s_bias of a board without its own A/A figure, at least
NOISE_SHARE = 0.5  # of the noise between pairs, which such a board's bias is taken to be where that is more
MIN_BLOCKS = 8  # valid blocks of a verdict
TYPICAL_SD = 0.006  # launch to launch
POWER = 0.95


def planned_blocks(minimum: int, gated: int, level: float = LEVEL) -> int:
    """Blocks in which each of `gated` comparisons can be decided at level / gated."""
    return minimum if gated == 0 else max(minimum, math.ceil(math.log2(gated / level) - 1e-12))


def detectable(blocks: int, launch_sd: float, side: float | None = None, floor: float | None = None) -> float | None:
    """The true relative change that is called different from the reference in 95 of 100 runs; None under 3 blocks.

    Two blocks are given away for what ranks know less than a normal model would. `floor`: the board's own.
    """
    if blocks < 3:
        return None
    between_pairs = math.sqrt(2) * launch_sd
    held = max(BIAS, NOISE_SHARE * between_pairs) if floor is None else floor
    return seen(between_pairs / math.sqrt(blocks - 2), side, held)


@cache
def z(side: float) -> float:
    """The normal quantile that leaves `side` above it."""
    return NormalDist().inv_cdf(1 - side)


def seen(error: float, side: float | None = None, bias: float = BIAS) -> float:
    """The true relative change that a comparison with that standard error calls different in 95 of 100 runs."""
    return math.expm1(MARGIN + (z(side or READING) + z(1 - POWER)) * math.hypot(error, bias))
