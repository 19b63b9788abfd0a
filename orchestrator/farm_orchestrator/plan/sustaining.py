"""The highest clock that a board keeps up: which one is soaked next, what a soak shows, what is remembered of it; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

from farm_orchestrator.model import SOAK, Json, Recipe

LONG_S = 600.0  # a shorter soak gives a provisional clock
LEAST_S = 2.0
SLOT_SHARE = 0.1  # of a soak: at its end, when the board is hottest
OF = ("fingerprint", "model", "arch", "cpus", "kernel", "mode")  # what must be as it was
WORDS = {"fingerprint": "host key", "arch": "architecture", "cpus": "number of processors", "mode": "nvpmodel mode"}
UNWATCHED = "nothing on this board tells when its processor is held back"


@dataclass(frozen=True)
class Shown:
    """What one soak shows: whether the clock was kept; None: neither, and `why` says what was in the way."""

    khz: int
    kept: bool | None
    why: str | None = None


@dataclass(frozen=True)
class Sustained:
    """What is remembered of a board. `of`: which board it was; `tried`: every soak, the highest clock first."""

    khz: int
    soak_s: float
    of: Json
    run: str
    tried: tuple[Shown, ...]

    @property
    def provisional(self) -> bool:
        return self.soak_s < LONG_S

    def to_json(self) -> Json:
        return {**asdict(self), "provisional": self.provisional}

    @classmethod
    def from_json(cls, body: Json) -> Self:
        """Raises KeyError, TypeError or ValueError at anything else."""
        made = cls(int(body["khz"]), float(body["soak_s"]), {name: body["of"][name] for name in OF}, str(body["run"]),
                   tuple(Shown(**each) for each in body["tried"]))  # fmt: skip
        if not 0 < made.khz < 100_000_000 or not made.soak_s > 0:
            raise ValueError(f"{made.khz} kHz after {made.soak_s} s cannot be")
        return made


def recipe(soak_s: float) -> Recipe:
    """One launch: it works at full load for so long, and is timed at the end."""
    slot_s = soak_s * SLOT_SHARE
    return replace(
        SOAK, preset="soak", warmup_s=soak_s - slot_s, warmup_max_s=soak_s - slot_s, slot_s=slot_s, slot_cap_s=slot_s,
        min_iterations=1, blocks_min=1, blocks_max=1, compare=False, idle_s=0.0,
    )  # fmt: skip


def identity(board: Json, told: Json) -> Json:
    """What a board is, from its fields and what it says of itself."""
    hardware = told.get("hardware")
    mode = hardware.get("nvpmodel") if isinstance(hardware, dict) else None
    known = {
        **told,
        "fingerprint": board.get("fingerprint"),
        "mode": mode.get("id") if isinstance(mode, dict) else None,
    }
    return {name: known.get(name) for name in OF}


def differing(then: Json, now: Json) -> str | None:
    """`kernel was 6.6.31 and is 6.12.1`: the first fact that is known to differ."""
    other = [name for name in OF if None not in (then.get(name), now.get(name)) and then[name] != now[name]]
    return f"{WORDS.get(other[0], other[0])} was {then[other[0]]} and is {now[other[0]]}" if other else None


def next_khz(ladder: Sequence[int], tried: Sequence[Shown]) -> int | None:
    """From the highest clock (the last) down, until one is kept or a soak shows nothing."""
    left = len(ladder) - len(tried)
    return ladder[left - 1] if left > 0 and all(one.kept is False for one in tried) else None


def shown(khz: int, facts: Json) -> Shown:
    """From the facts of the launch that soaked the board."""
    from farm_reports.readings import Readings
    from farm_reports.stats import soak  # numpy, which a refused command need not wait for
    from farm_reports.throttling import suspected, throttled, watched

    readings, windows, pin = Readings(facts, ""), soak.read(facts.get("soak")), facts.get("pin")
    early = soak.throttled(windows) if windows is not None else soak.Throttled(None)
    if early.s is not None:
        return Shown(khz, kept=False, why=f"held back after {early.s:.0f} s: {early.by or 'the latency rose'}")
    evidence = throttled(readings) or suspected(readings)
    if evidence:
        return Shown(khz, kept=False, why=f"held back at the end: {evidence}")
    if not isinstance(pin, dict) or pin.get("held") is not True:
        said = pin.get("reason") if isinstance(pin, dict) else None
        return Shown(khz, kept=None, why=f"the clock was not held: {said or 'the agent did not say why'}")
    if not watched(readings):
        return Shown(khz, kept=None, why=UNWATCHED)
    return Shown(khz, kept=True)
