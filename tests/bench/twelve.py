"""Twelve variants whose true times are known, as virtual boards invent them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from run_support import DIGITS

COUNT = 12
BASELINE, TWIN = "v00", "v11"  # the twin is the baseline again under another name
BASELINE_MS = 20.0
FASTEST, SLOWEST = 0.4, 3.0  # times the baseline's
FITTING = 6  # of the twelve meet the limit
LAUNCH_SD = 0.006  # a board of typical noise
SEED = 3  # after which five stay: in three of four such draws no more do


@dataclass(frozen=True)
class World:
    """True latency by name, and the limit that some of them meet, in ms."""

    ms: dict[str, float]
    limit_ms: float

    @property
    def best(self) -> str:
        return min(self.ms, key=lambda name: self.ms[name])


def world() -> World:
    """Times log-uniform over the range, the baseline and its twin apart; the limit lies between two of them."""
    drawn = np.random.default_rng(SEED).uniform(np.log(FASTEST), np.log(SLOWEST), COUNT)
    ms = {f"v{at:02}": BASELINE_MS * float(np.exp(log)) for at, log in enumerate(drawn)}
    ms |= {BASELINE: BASELINE_MS, TWIN: BASELINE_MS}
    ordered = sorted(ms.values())
    return World(ms, float(np.sqrt(ordered[FITTING - 1] * ordered[FITTING])))


def variants(folder: Path, made: World) -> Path:
    """A directory for `farm run`: one small model under twelve names, since nobody runs it."""
    folder.mkdir()
    for name in made.ms:
        shutil.copy(DIGITS / "distilled.onnx", folder / f"{name}.onnx")
    (folder / "variants.yaml").write_text(f"baseline: {BASELINE}\nlimits: {{latency_p50: {made.limit_ms:.6f}ms}}\n")
    return folder
