"""Sensor chips of /sys/class/hwmon, told apart by name and device: their numbers change from boot to boot."""

import posixpath
import re
from dataclasses import dataclass
from typing import List, Optional, Tuple

from farm_agents.sysfs import Sysfs, short

FOLDER = "sys/class/hwmon"
PROMISES = re.compile(r"(tcpm|ucsi)[_-]source[_-]psy|qcom[_-]battmgr")
PROMISE = "what a charger promised, not what flows"
PACKAGE = "Package id 0"
LABEL = re.compile(r"temp[0-9]{1,3}_label\Z")
OVER_CURRENT = re.compile(r"oc[0-9]{1,3}_event_cnt\Z")


@dataclass(frozen=True)
class Chip:
    """`key` stays through a boot; `refused`: why nothing it says is a measurement."""

    key: str
    name: str
    folder: str
    refused: Optional[str]


def read(tree: Sysfs) -> Tuple[Chip, ...]:
    return tuple(sorted((_chip(tree, number) for number in tree.names(FOLDER, "hwmon")), key=lambda chip: chip.key))


def _chip(tree: Sysfs, number: str) -> Chip:
    folder = "{}/{}".format(FOLDER, number)
    name = tree.word(folder + "/name") or "nameless"
    device = _device(tree.real(folder))
    promised = PROMISES.match(name) or PROMISES.match(device)
    return Chip("{}@{}".format(name, device), name, folder, PROMISE if promised else None)


def _device(path: str) -> str:
    """The name of what the chip sits on: i2c-1/1-0040/hwmon/hwmon3 gives 1-0040."""
    above = posixpath.dirname(path)
    return short(posixpath.basename(posixpath.dirname(above) if above.endswith("/hwmon") else above))


def package_mc(tree: Sysfs) -> Optional[int]:
    """An Intel processor's own temperature, for a system without its zone."""
    for number in tree.names(FOLDER, "hwmon"):
        folder = "{}/{}/".format(FOLDER, number)
        if tree.text(folder + "name") == "coretemp":
            labels = [name for name in tree.entries(folder) if LABEL.match(name)]
            for name in labels:
                if tree.text(folder + name) == PACKAGE:
                    return tree.number(folder + name[: -len("label")] + "input")
    return None


def over_current(tree: Sysfs) -> List[str]:
    """Files that count how often too much current slowed the board down."""
    folders = [chip.folder for chip in read(tree)]
    return [
        "{}/{}".format(folder, name) for folder in folders for name in tree.entries(folder) if OVER_CURRENT.match(name)
    ]


def supply_alarms(tree: Sysfs) -> List[str]:
    """Files of a Raspberry Pi that tell of too low a voltage since the kernel last looked, 2 s ago at most."""
    return [chip.folder + "/in0_lcrit_alarm" for chip in read(tree) if chip.name == "rpi_volt"]


def low_supply(tree: Sysfs) -> Optional[bool]:
    """A Raspberry Pi's alarm of too low a voltage; None on any other board."""
    alarms = map(tree.number, supply_alarms(tree))
    return next((bool(alarm) for alarm in alarms if alarm is not None), None)
