"""Faults of what a board shows of itself: sensors, limits of clocks, the firmware's bits."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farm_agents.firmware import THROTTLED
from farm_lab.journal import Json
from farm_lab.places import LabError
from farm_lab.victim import Fault, Victim, number

SENSORS = "sys/class/thermal/thermal_zone*/temp"
LIMITS = "sys/devices/system/cpu/cpufreq/policy*/scaling_max_freq"
GARBAGE_MC = "-256000\n"  # what zones of domains that are switched off say
STARVED = "50005"
BITS = re.compile(r"(0x)?[0-9a-fA-F]{1,8}")
OWNER = 0o200


def _sensors(victim: Victim, argument: str | None) -> Json:
    """Of all thermal zones, or the file that is named."""
    if argument is None:
        found = files(victim, SENSORS, "no thermal zone that answers; name a file of its tree")
    else:
        found = [_named(victim.here.sysroot.resolve(), victim.name, argument)]
    _check_whole(victim, found)
    return {"files": [str(file) for file in found], "listener": victim.board.process.pid}


def _check_whole(victim: Victim, found: list[Path]) -> None:
    """What is set aside already must not be written over by what stands in its place."""
    for fault in victim.standing:
        if {str(file) for file in found} & set(fault.kept.get("files", ())):
            raise LabError(
                f"{victim.name}: its sensors have {fault.fault} already; undo it first: farm lab break {victim.name} heal"
            )


def _named(root: Path, name: str, argument: str) -> Path:
    file = (root / argument.lstrip("/")).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        raise LabError(f"{name}: its tree has no file {argument}; the tree lies in {root} and begins with sys/")
    return file


def _limits(victim: Victim, argument: str | None) -> Json:
    """To `KHZ`, else to the middle one of the clocks that the policy can take."""
    wanted = None if argument is None else int(number(argument, 0.0, "kHz"))
    found = files(victim, LIMITS, "no limit of a clock")
    return {**texts(found), "wrote": {str(file): f"{wanted or middle(file.parent)}\n" for file in found}}


def middle(policy: Path) -> int:
    """Boards without a list of clocks tell their lowest."""
    listed, lowest = policy / "scaling_available_frequencies", policy / "cpuinfo_min_freq"
    found = sorted(map(int, listed.read_text().split())) if listed.is_file() else []
    return found[(len(found) - 1) // 2] if found else int(lowest.read_text())


def _bits(victim: Victim, argument: str | None) -> Json:
    bits = argument or STARVED
    if not BITS.fullmatch(bits):
        raise LabError(f"{bits!r}: bits of get_throttled are written as 50005 or 0x50005")
    found = files(victim, THROTTLED, "no get_throttled, which only a Raspberry Pi has: farm lab up --profile pi4")
    return {**texts(found), "wrote": {str(file): f"{bits}\n" for file in found}}


def files(victim: Victim, pattern: str, lack: str) -> list[Path]:
    """Once each, whatever links lead there. Raises LabError where there is none."""
    found = sorted({file.resolve() for file in victim.here.sysroot.glob(pattern) if file.is_file()})
    if not found:
        raise LabError(f"{victim.name} shows {lack}")
    return found


def texts(found: list[Path]) -> Json:
    return {"texts": {str(file): file.read_text("utf-8", "replace") for file in found}}


def _hide(_: Victim, kept: Mapping[str, Any]) -> None:
    """Set aside, not removed: what keeps it open goes on with the same file afterwards."""
    for file in map(Path, kept["files"]):
        file.rename(_hidden(file))


def _spoil(victim: Victim, kept: Mapping[str, Any]) -> None:
    _hide(victim, kept)
    for file in map(Path, kept["files"]):
        file.write_text(GARBAGE_MC)


def _bring_back(victim: Victim, kept: Mapping[str, Any]) -> None:
    """A board that was started since has fresh ones."""
    for file in map(Path, kept["files"]):
        if victim.board.process.pid != kept["listener"]:
            _hidden(file).unlink(missing_ok=True)
        elif _hidden(file).exists():
            _hidden(file).replace(file)


def _hidden(file: Path) -> Path:
    return file.with_name(f".{file.name}")


def write_all(_: Victim, kept: Mapping[str, Any]) -> None:
    for file, text in kept["wrote"].items():
        _write(Path(file), text)


def give_back(_: Victim, kept: Mapping[str, Any]) -> None:
    """What somebody has put right meanwhile stays."""
    for file, text in kept["wrote"].items():
        if Path(file).is_file() and Path(file).read_text().strip() == text.strip():
            _write(Path(file), kept["texts"][file])


def _write(file: Path, text: str) -> None:
    """The same file, never empty in between: readers come at any time."""
    mode, size = file.stat().st_mode & 0o777, file.stat().st_size
    file.chmod(mode | OWNER)  # knobs of a stock board are closed to its user, who owns this file
    with file.open("r+b", buffering=0) as knob:
        knob.write(text.encode().ljust(size, b"\n"))
        knob.truncate(len(text.encode()))
    file.chmod(mode)


FAULTS = {
    "sensor-gone": Fault("The temperature sensors, or that file of its tree, are no longer there.", _sensors,
                         _hide, _bring_back, "[FILE]"),
    "sensor-garbage": Fault("The temperature sensors, or that file, say -256000.", _sensors,
                            _spoil, _bring_back, "[FILE]"),
    "knob-stolen": Fault("Somebody else lowers scaling_max_freq.", _limits, write_all, give_back, "[KHZ]"),
    "undervoltage": Fault("The firmware tells of too low a voltage (Raspberry Pi only).", _bits,
                          write_all, give_back, f"[BITS: {STARVED}]"),
}  # fmt: skip
