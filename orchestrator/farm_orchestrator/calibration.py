"""What a board showed when it was measured against itself, and whether that still holds: pure.

Figures are computed from runs of one and the same board and runtime; those of another are refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

from farm_orchestrator.model import BURST, Json, Part, Point
from farm_reports.tables import STOCK, Calibration, Trial

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
OTHER_PIN = "its A/A runs are of pin {}, and this run is of pin {}"
SWEPT = "its A/A runs are of one clock, and this run is of several"


@dataclass(frozen=True)
class Itself:
    """One run of a board against itself. `of`: the facts of the board then; `created`: seconds since the epoch.

    `pin`: the clock that was asked for.
    """

    run: str
    created: float
    preset: str
    seed: int
    of: Json
    trial: Trial
    pin: str = STOCK

    @classmethod
    def from_json(cls, body: Json) -> Self:
        """Raises TypeError, ValueError or KeyError at anything else."""
        made = cls(**{**body, "trial": Trial(**body["trial"])})
        figures = (made.trial.estimate, made.trial.error, made.trial.launch_sd, made.created)
        known = (*figures, made.trial.idle_mc or 0.0, made.trial.eff_khz or 0.0)
        if not all(math.isfinite(figure) for figure in known) or min(figures[1:]) < 0:
            raise ValueError(f"run {made.run} has figures that cannot be")
        return replace(made, of={name: made.of[name] for name in FACTS}, pin=str(made.pin))

    def like(self, other: Self) -> bool:
        """Whether both are of one board, one runtime and one clock."""
        return (self.of, self.pin) == (other.of, other.pin)


@dataclass(frozen=True)
class Figures:
    """What the runs of one and the same board at one clock say. `of`: which board."""

    of: Json
    calibration: Calibration

    def to_json(self) -> Json:
        known = asdict(self.calibration)
        return {"of": self.of, "calibration": {**known, "trials": list(known["trials"])}}

    @classmethod
    def from_json(cls, body: Json) -> Self:
        known = body["calibration"]
        return cls(body["of"], Calibration(**{**known, "trials": tuple(known.get("trials", ()))}))


def facts(board: Json, hello: Json) -> Json:
    """What a board is, from its resolved fields and what its agent tells of it."""
    runtime = hello.get("runtime")
    site = runtime.get("site") if isinstance(runtime, dict) else None
    known = {"board": board["name"], "fingerprint": board.get("fingerprint"), "site": site}
    return {name: known.get(name, hello.get(name)) for name in FACTS}


def figures(runs: Sequence[Itself]) -> tuple[Figures, ...]:
    """One for each board, runtime and clock that the runs are of, the last one measured first."""
    from farm_reports.stats.calibration import calibrated  # numpy, which a refused command need not wait for

    kept: list[list[Itself]] = []
    for run in reversed(runs):
        same = next((each for each in kept if each[0].like(run)), None)
        if same is None:
            kept.append([run])
        else:
            same.append(run)
    made = [(each[0], calibrated([one.trial for one in each])) for each in kept]
    return tuple(Figures(first.of, replace(known, pin=first.pin)) for first, known in made)


def latest(found: Sequence[Figures]) -> Calibration:
    """Of the board as it was last measured: what can be said before it is reached."""
    return found[0].calibration if found else Calibration()


def at_pin(found: Sequence[Figures], pin: str) -> list[Figures]:
    return [each for each in found if each.calibration.pin == pin]


def unmet(part: Part) -> Calibration:
    """What is taken of the part's board before it answers; figures of another mode or clock say nothing."""
    known, reason = _known(part, None)
    return latest(known) if reason is None else Calibration()


def of_part(part: Part, hello: Json, pin: str | None = None) -> Calibration:
    """What was known when a part was planned, as far as it is of the board that answered and of the part's mode and clock.

    `pin`: of one launch; else the one of all points.
    """
    known, reason = _known(part, pin)
    return holding(known, facts(part.board, hello)) if reason is None else Calibration(reason=reason)


def of_launch(part: Part, point: str, told: Json) -> Calibration:
    """As `of_part`, from the facts of a launch: its `cpus` are those it was bound to, not those of the board."""
    return of_part(part, {**told, "cpus": None}, Point.from_key(point).pin)


def _known(part: Part, pin: str | None) -> tuple[list[Figures], str | None]:
    """The figures of a part's board that may hold for it, or why none may."""
    found = [Figures.from_json(each) for each in part.calibrations]
    if found and part.mode != BURST:
        return [], OTHER_MODE.format(part.mode)
    pins = {pin} if pin else {point.pin for point in part.points}
    if found and len(pins) > 1:
        return [], SWEPT
    same = [
        each for each in found if each.calibration.pin in pins or not each.of
    ]  # of a file that cannot be read: its reason
    if found and not same:
        others = ", ".join(dict.fromkeys(each.calibration.pin for each in found))
        return [], OTHER_PIN.format(others, *pins)
    return same, None


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
