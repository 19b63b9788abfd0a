"""Fans: how fast they turn and how hard they are driven. They cool without taking clock away; they tell why it was cool."""

import re
from dataclasses import dataclass
from typing import Tuple

from farm_agents import hwmon
from farm_agents.sysfs import Sysfs

TURNS = re.compile(r"fan([0-9]{1,2})_input\Z|rpm\Z")  # the second name is that of a Jetson's tachometer
DRIVEN = re.compile(r"pwm([0-9]{1,2})\Z")
RPM, PWM = "rpm", "pwm"  # turns a minute; of 255
NO_FAN = "no file of this board tells how a fan turns"


@dataclass(frozen=True)
class Fan:
    """One file of a fan. `key`: chip and number, the same after every boot."""

    key: str
    unit: str
    file: str


def read(tree: Sysfs) -> Tuple[Fan, ...]:
    return tuple(fan for chip in hwmon.read(tree) if chip.refused is None for fan in _of_chip(tree, chip))


def _of_chip(tree: Sysfs, chip: hwmon.Chip) -> Tuple[Fan, ...]:
    found = []
    for name in sorted(tree.entries(chip.folder)):
        for pattern, unit in ((TURNS, RPM), (DRIVEN, PWM)):
            match = pattern.match(name)
            if match:
                key = "{}.{}".format(chip.key, match.group(1) or "1")
                found.append(Fan(key, unit, "{}/{}".format(chip.folder, name)))
    return tuple(found)
