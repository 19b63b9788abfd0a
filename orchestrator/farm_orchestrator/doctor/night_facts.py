"""What the store knows of the schedules of nights, and what of them is on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator.errors import FarmError

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings


@dataclass(frozen=True)
class Planned:
    """A schedule: the directory of its variants, whether that is here, and why its last night could not begin."""

    name: str
    folder: str
    here: bool
    refused: str | None


def look(settings: Settings) -> tuple[Planned, ...]:
    """Nothing of a store that cannot be read: others tell of that."""
    from farm_orchestrator.store import Store, database_path, schedules, unbegun_nights

    if not settings.shared and not database_path(settings.store).exists():
        return ()
    try:
        with Store.open(settings.store) as store:
            refused = unbegun_nights(store)
            found = [(each.name, str(each.run["variants"])) for each in schedules(store)]
    except FarmError:
        return ()
    return tuple(Planned(name, folder, Path(folder).exists(), refused.get(name)) for name, folder in found)
