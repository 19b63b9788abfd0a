"""What charts draw beside results.json: pooled iterations, and what the board read while it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Key = tuple[str, str, str]  # board, variant, point key
Samples = Mapping[Key, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lane:
    """The launches of one cell on one time axis: seconds since its first one. Where nobody read, arrays are empty.

    `launches`: from when to when each of them lasted. `p50_ms`, `p95_ms` at `t_s`: of windows of iterations, NaN between
    launches and where only the median is known. `temperature_c` and `clock_ghz`: (seconds, values), NaN between launches.
    `throttled`: spans of seconds in which heat or power held the board back.
    """

    t_s: Floats
    p50_ms: Floats
    p95_ms: Floats
    temperature_c: tuple[Floats, Floats]
    clock_ghz: tuple[Floats, Floats]
    throttled: tuple[tuple[float, float], ...] = ()
    launches: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Beside:
    """`past`: pooled iterations (ns) of the earlier run; `lanes`: of the cells that are drawn."""

    past: Samples = field(default_factory=dict)
    lanes: Mapping[Key, Lane] = field(default_factory=dict)
