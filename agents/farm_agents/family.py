"""What is known of a family of boards and no file of theirs says: which zones and rails to believe.

One file for each in families/, named by the start of a word of the device tree's `compatible` (`brcm,bcm2712.json`);
generic.json holds for every board, and what a family says goes before it.
"""

import json
import pkgutil
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from typing import Any, Mapping, Optional, Pattern, Tuple

from farm_agents.sysfs import Sysfs

COMPATIBLE = ("proc/device-tree/compatible", "sys/firmware/devicetree/base/compatible")
GENERIC = "generic"
WORDS = 16  # of them; a board has three
WORD = re.compile(r"[A-Za-z0-9-]+,[A-Za-z0-9._+-]+\Z")  # it becomes the name of a file


@dataclass(frozen=True)
class Place:
    """What a rail feeds. `scope`: module_input, rail, board_rails, soc_pkg, board_dc or wall_ac; `total`: it is the whole
    of that scope, alone or with the other totals of its board; `nested_in`: the label of the rail that feeds it.
    """

    scope: str
    total: bool = False
    nested_in: Optional[str] = None


@dataclass(frozen=True)
class Family:
    """`cpu_zones`: the first that a zone fits tells the processor's temperature; `exclude_zones`: constants and guesses.

    `rails`: by label; `lsb_w`: the step of a rail's sensor by label where no file tells it; `effective_tolerance`: how
    far the real clock may lie from the nominal one; `forbidden`: files never to be read while something is measured;
    `memory_clocks`: devices whose clock is the memory's, where none is named those whose name says so.
    """

    name: str
    cpu_zones: Tuple[Pattern[str], ...]
    exclude_zones: Tuple[Pattern[str], ...]
    rails: Mapping[str, Place]
    lsb_w: Mapping[str, float]
    effective_tolerance: float
    forbidden: Tuple[str, ...]
    memory_clocks: Tuple[Pattern[str], ...] = ()

    def may_read(self, name: str) -> bool:
        """Beside a measurement; `name`: a path below the root."""
        return not any(fnmatch(name, glob) for glob in self.forbidden)


def of(tree: Sysfs) -> Family:
    """By the device tree's words, the most special first; the generic one where none is known."""
    return _chosen(compatible(tree))


def compatible(tree: Sysfs) -> Tuple[str, ...]:
    return next((tuple(words[:WORDS]) for words in map(tree.strings, COMPATIBLE) if words), ())


@lru_cache(maxsize=16)
def _chosen(words: Tuple[str, ...]) -> Family:
    generic = _file(GENERIC) or {}
    for word in filter(WORD.match, words):
        for end in range(len(word), word.index(",") + 1, -1):
            own = _file(word[:end])
            if own is not None:
                return _family(own, generic)
    return _family({"family": GENERIC}, generic)


def _file(name: str) -> "Optional[Mapping[str, Any]]":
    try:
        text = pkgutil.get_data("farm_agents", "families/{}.json".format(name))
    except OSError:
        return None
    found: Mapping[str, Any] = json.loads(text.decode()) if text else {}
    return found if text else None


def _family(own: Mapping[str, Any], generic: Mapping[str, Any]) -> Family:
    def both(name: str) -> "Tuple[Any, ...]":
        return (*own.get(name, ()), *generic.get(name, ()))

    return Family(
        name=own["family"],
        cpu_zones=tuple(map(_pattern, both("cpu_zones"))),
        exclude_zones=tuple(map(_pattern, both("exclude_zones"))),
        rails={label: Place(**said) for label, said in {**generic.get("rails", {}), **own.get("rails", {})}.items()},
        lsb_w={**generic.get("lsb", {}), **own.get("lsb", {})},
        effective_tolerance=own.get("effective_tolerance", generic.get("effective_tolerance", 0.03)),
        forbidden=both("forbidden"),
        memory_clocks=tuple(map(_pattern, both("memory_clocks"))),
    )


def _pattern(text: str) -> "Pattern[str]":
    return re.compile(text, re.IGNORECASE)
