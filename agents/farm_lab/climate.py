"""Faults of a board's heat and clocks, which its physics makes true."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from farm_lab import senses
from farm_lab.journal import Json, Standing
from farm_lab.physics import Hardware
from farm_lab.places import BoardPlaces, LabError
from farm_lab.victim import Fault, Victim, nothing_more, number

HOT_C = 45.0
CLOGGED = 1.5  # times the heat resistance
FANS = "sys/class/hwmon/hwmon*/fan*_input"
UNTOUCHED: Json = {"texts": {}, "wrote": {}}


def suffered(hardware: Hardware, faults: Mapping[str, Mapping[str, Any]]) -> Hardware:
    """What the faults of a board, by name, make of its hardware."""
    if "heat" in faults:
        hardware = replace(hardware, t_amb_c=HOT_C, r_th_k_w=CLOGGED * hardware.r_th_k_w)
    if "clock-lie" in faults:
        hardware = replace(hardware, held_khz=int(faults["clock-lie"]["khz"]))
    return hardware


def standing(board: BoardPlaces) -> Mapping[str, Mapping[str, Any]]:
    """Those that the physics makes true, as last written down."""
    try:
        found: Mapping[str, Mapping[str, Any]] = json.loads(board.climate.read_text())
    except (OSError, ValueError):  # none, or somebody is writing
        return {}
    return found


def _hot(victim: Victim, argument: str | None) -> Json:
    """Its fans stand still, where it has any."""
    _physical(victim)
    fans = sorted({str(file.resolve()) for file in victim.here.sysroot.glob(FANS) if file.is_file()})
    texts = senses.texts([Path(fan) for fan in fans])
    return {**nothing_more(victim, argument), **texts, "wrote": dict.fromkeys(fans, "0\n")}


def _held(victim: Victim, argument: str | None) -> Json:
    """To `KHZ`, else to the middle one of the clocks that it can take."""
    _physical(victim)
    if argument is not None:
        return {"khz": int(number(argument, 0.0, "kHz")), **UNTOUCHED}
    found = senses.files(victim, senses.LIMITS, "no clock that could be told wrong")
    return {"khz": max(senses.middle(file.parent) for file in found), **UNTOUCHED}


def _physical(victim: Victim) -> None:
    if not victim.lab.options.physics:
        raise LabError(f"{victim.name} has no heat and no clock of its own; farm lab down, then farm lab up --physics")


def _strike(victim: Victim, kept: Mapping[str, Any]) -> None:
    senses.write_all(victim, kept)
    _tell(victim.here, victim.standing)


def _undo(victim: Victim, kept: Mapping[str, Any]) -> None:
    senses.give_back(victim, kept)
    _tell(victim.here, victim.standing)


def _tell(board: BoardPlaces, faults: Iterable[Standing]) -> None:
    """Whole or not at all: the physics looks at it at any time."""
    fresh = board.climate.with_suffix(".new")
    fresh.write_text(json.dumps({fault.fault: dict(fault.kept) for fault in faults if fault.fault in FAULTS}))
    fresh.replace(board.climate)


FAULTS = {
    "heat": Fault(f"Its room is at {HOT_C:g} °C, its cooler clogged, its fan stands still.", _hot, _strike, _undo),
    "clock-lie": Fault("Something holds its clocks down, and cpufreq goes on telling the old ones.", _held,
                       _strike, _undo, "[KHZ]"),
}  # fmt: skip
