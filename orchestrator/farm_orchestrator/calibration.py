"""What a board showed when it was measured against itself, and whether that still holds: pure.

Figures are computed from runs of one and the same board and runtime; those of another are refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

from farm_orchestrator.model import BURST, Json, Part
from farm_reports.tables import Calibration, Trial

# What must agree before a figure holds: the fact and its words. A fact that one side does not know agrees.
FACTS = {
    "board": "the board",
    "fingerprint": "the host key",
    "machine": "the machine id",
    "model": "the model",
    "arch": "the architecture",
    "cpus": "the processors",
    "onnxruntime": "onnxruntime",
    "site": "the runtime's files",
}
SHOWN = 40
OTHER_MODE = f"its A/A runs are of mode {BURST}, and this run is {{}}"


@dataclass(frozen=True)
class Itself:
    """One run of a board against itself. `of`: the facts of the board then; `created`: seconds since the epoch."""

    run: str
    created: float
    preset: str
    seed: int
    of: Json
    trial: Trial

    @classmethod
    def from_json(cls, body: Json) -> Self:
        """Raises TypeError, ValueError or KeyError at anything else."""
        made = cls(**{**body, "trial": Trial(**body["trial"])})
        figures = (made.trial.estimate, made.trial.error, made.trial.launch_sd, made.created)
        known = (*figures, made.trial.idle_mc or 0.0)
        if not all(math.isfinite(figure) for figure in known) or min(figures[1:]) < 0:
            raise ValueError(f"run {made.run} has figures that cannot be")
        return replace(made, of={name: made.of[name] for name in FACTS})


@dataclass(frozen=True)
class Figures:
    """What the runs of one and the same board say. `of`: which one."""

    of: Json
    calibration: Calibration

    def to_json(self) -> Json:
        return asdict(self)

    @classmethod
    def from_json(cls, body: Json) -> Self:
        return cls(body["of"], Calibration(**body["calibration"]))


def facts(board: Json, hello: Json) -> Json:
    """What a board is, from its resolved fields and what its agent tells of it."""
    runtime = hello.get("runtime")
    site = runtime.get("site") if isinstance(runtime, dict) else None
    known = {"board": board["name"], "fingerprint": board.get("fingerprint"), "site": site}
    return {name: known.get(name, hello.get(name)) for name in FACTS}


def figures(runs: Sequence[Itself]) -> tuple[Figures, ...]:
    """One for each board and runtime that the runs are of, the last one measured first."""
    from farm_reports.stats.calibration import calibrated  # numpy, which a refused command need not wait for

    kept: list[list[Itself]] = []
    for run in reversed(runs):
        same = next((each for each in kept if each[0].of == run.of), None)
        if same is None:
            kept.append([run])
        else:
            same.append(run)
    return tuple(Figures(each[0].of, calibrated([one.trial for one in each])) for each in kept)


def latest(found: Sequence[Figures]) -> Calibration:
    """Of the board as it was last measured: what can be said before it is reached."""
    return found[0].calibration if found else Calibration()


def unmet(part: Part) -> Calibration:
    """What is taken of the part's board before it answers; figures of another mode say nothing."""
    return latest([] if part.mode != BURST else [Figures.from_json(each) for each in part.calibrations])


def of_part(part: Part, hello: Json) -> Calibration:
    """What was known when a part was planned, as far as it is of the board that answered and of the part's mode."""
    if part.calibrations and part.mode != BURST:
        return Calibration(reason=OTHER_MODE.format(part.mode))
    return holding([Figures.from_json(each) for each in part.calibrations], facts(part.board, hello))


def of_launch(part: Part, told: Json) -> Calibration:
    """As `of_part`, from the facts of a launch: its `cpus` are those it was bound to, not those of the board."""
    return of_part(part, {**told, "cpus": None})


def holding(found: Sequence[Figures], today: Json) -> Calibration:
    """The figures that hold for a board as it is today; others are refused, and the reason says which fact differs."""
    if not found:
        return Calibration()
    same = next((each for each in found if not differing(each.of, today)), None)
    return same.calibration if same else Calibration(reason=refusal(found[0].of, today))


def differing(then: Json, now: Json) -> list[str]:
    """The names of the facts that differ."""
    return [name for name in FACTS if None not in (then.get(name), now.get(name)) and then[name] != now[name]]


def refusal(then: Json, now: Json) -> str:
    """`its A/A runs are not of this board and runtime: onnxruntime was 1.19.2 and is 1.23.0`."""
    changes = [f"{FACTS[name]} was {_shown(then[name])} and is {_shown(now[name])}" for name in differing(then, now)]
    return f"its A/A runs are not of this board and runtime: {', '.join(changes)}"


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
