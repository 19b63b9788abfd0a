"""A YAML file as plain data that remembers where each value stands."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from farm_inventory.problem import Problem

Location = tuple[Hashable, ...]


@dataclass(frozen=True)
class Place:
    """Line and column, from 0, of a value and of the key (or the dash) it stands under."""

    key: tuple[int, int]
    value: tuple[int, int]


@dataclass(frozen=True)
class Document:
    """`data` as plain dicts, lists and scalars (keys are always text); `places` by location in it."""

    name: str
    lines: tuple[str, ...]
    data: dict[str, Any]
    places: dict[Location, Place] = field(repr=False)

    def where(self, *location: Hashable) -> str:
        """`file:line` of the value at `location`, or of the nearest thing around it."""
        return f"{self.name}:{self.place(location).key[0] + 1}"

    def place(self, location: Location) -> Place:
        while location not in self.places:
            location = location[:-1]
        return self.places[location]

    def problem(self, location: Location, text: str, *, at_key: bool = False, suggestion: str | None = None) -> Problem:
        place = self.place(location)
        line, column = place.key if at_key else place.value
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
        source = self.lines[line] if line < len(self.lines) else ""
        return Problem(self.name, line + 1, column + 1, path, text, source, suggestion)
