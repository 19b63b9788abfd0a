"""The clocks beside the CPUs': memory, GPU, NPU."""

import re
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from farm_agents.grants import MEMORY
from farm_agents.sysfs import Sysfs, integer

DEVICES = "sys/class/devfreq"
KNOBS = ("governor", "min_freq", "max_freq")
NAME = re.compile(r"[A-Za-z0-9._:@+,#~=-]{1,64}\Z")
# With the CPU's own kernels the clock of the memory matters more than that of the GPU.
KINDS = (
    ("memory", MEMORY),
    ("gpu", re.compile(r"gpu|ga10b|gv11b|gp10b|mali")),
    ("npu", re.compile(r"npu|nvdla")),
)
MOST_HZ = 20_000_000_000


@dataclass(frozen=True)
class Devfreq:
    """One of them. `kind`: memory, gpu, npu or other; `closed`: knobs this account may not write."""

    name: str
    kind: str
    governor: Optional[str]
    governors: Tuple[str, ...]
    frequencies_hz: Tuple[int, ...]
    min_hz: Optional[int]
    max_hz: Optional[int]
    cur_hz: Optional[int]
    closed: Tuple[str, ...]


def read(tree: Sysfs) -> Tuple[Devfreq, ...]:
    return tuple(_device(tree, name) for name in tree.entries(DEVICES) if NAME.match(name))


def _device(tree: Sysfs, name: str) -> Devfreq:
    folder = "{}/{}/".format(DEVICES, name)
    steps = [_plausible(integer(word)) for word in tree.words(folder + "available_frequencies")]
    return Devfreq(
        name=name,
        kind=next((kind for kind, pattern in KINDS if pattern.search(name)), "other"),
        governor=tree.word(folder + "governor"),
        governors=tuple(tree.words(folder + "available_governors")),
        frequencies_hz=tuple(sorted({step for step in steps if step is not None})),
        min_hz=_hz(tree, folder + "min_freq"),
        max_hz=_hz(tree, folder + "max_freq"),
        cur_hz=_hz(tree, folder + "cur_freq"),
        closed=tuple(knob for knob in KNOBS if knob in tree.entries(folder) and not tree.writable(folder + knob)),
    )


def _hz(tree: Sysfs, file: str) -> Optional[int]:
    return _plausible(tree.number(file))


def _plausible(value: Optional[int]) -> Optional[int]:
    return value if value is not None and 0 <= value <= MOST_HZ else None


def clocks_hz(tree: Sysfs) -> Dict[str, int]:
    """By name, those that answer."""
    names = [name for name in tree.entries(DEVICES) if NAME.match(name)]
    found = {name: _hz(tree, "{}/{}/cur_freq".format(DEVICES, name)) for name in names}
    return {name: value for name, value in found.items() if value is not None}
