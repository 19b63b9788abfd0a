"""Where a farm is set up, what is there already, and what will be written."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from farm_inventory import Board, InventoryError, named
from farm_inventory import schema as inventory_schema
from farm_orchestrator import config
from farm_orchestrator.config import Settings
from farm_orchestrator.errors import UsageError
from farm_orchestrator.setup import documents, writing
from farm_orchestrator.setup.trying import Attempt
from farm_orchestrator.undo import on_error

INVENTORY = "inventory.yaml"


@dataclass(frozen=True)
class Place:
    """`has_*`: the file is there and stays as it is. `settings`: as commands started in `folder` will have them."""

    folder: Path
    settings: Settings
    inventory: Path
    has_inventory: bool
    has_config: bool
    force: bool

    @property
    def home(self) -> Path:
        return self.settings.home

    @property
    def config(self) -> Path:
        return self.folder / config.FILE

    @property
    def points_elsewhere(self) -> bool:
        """Whether the farm.yaml that stays does not know of this inventory."""
        return self.has_config and self.settings.inventory is None


def look(folder: Path, *, boards_given: bool, force: bool) -> Place:
    """Raises UsageError for what stands in the way; nothing is touched."""
    folder = folder.absolute()
    has_config = (folder / config.FILE).exists() and not force
    settings = config.load(cwd=folder, env={}) if has_config else None
    inventory = (settings and settings.inventory) or folder / INVENTORY
    has_inventory = inventory.exists() and not force
    if has_inventory and boards_given:
        raise writing.exists(inventory)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder", mend="name one: farm init --dir DIR")
    writing.check_writable(folder)
    settings = settings or replace(config.load(cwd=folder, env={}), inventory=None)
    home = config.state_folder(folder, Path.cwd(), os.environ)
    return Place(folder, replace(settings, home=home), inventory, has_inventory, has_config, force)


def listed(place: Place) -> tuple[Board, ...]:
    """The boards of the inventory that is there. Raises UsageError, with line and column."""
    return config.boards(replace(place.settings, inventory=place.inventory))


def read_list(place: Place, text: str) -> tuple[Board, ...]:
    """The boards a person named; this machine for none. Raises UsageError."""
    try:
        return named(text.strip() or None, place.home)
    except InventoryError as error:
        raise UsageError(str(error)) from error


def write(place: Place, attempts: Sequence[Attempt], twins: Mapping[str, str]) -> list[Path]:
    """Whatever is missing; the backups of what was replaced. Raises UsageError."""
    schemas = config.make_home(place.settings) / "schemas"
    ours = {
        schemas / "inventory.json": json.dumps(inventory_schema(), indent=2) + "\n",
        schemas / "config.json": json.dumps(config.schema(), indent=2) + "\n",
    }
    files: dict[Path, str] = {}
    if not place.has_inventory:
        files[place.inventory] = documents.inventory(attempts, twins, _seen(place, schemas / "inventory.json"))
    if not place.has_config:
        files[place.config] = documents.config(_seen(place, place.inventory), _seen(place, schemas / "config.json"))
    return writing.write(files, ours, replace=place.force)


@contextmanager
def leaving_nothing(place: Place) -> Iterator[None]:
    """A state folder that only trying the boards has made goes again where the command does not come to its end."""
    ours = [part for part in (place.home, *place.home.parents) if not part.exists()]
    with on_error(lambda: _remove(place, ours)):
        yield


def _remove(place: Place, ours: list[Path]) -> None:
    with suppress(OSError):
        if ours:
            (place.home / "controller").unlink(missing_ok=True)
        for part in ours:
            part.rmdir()  # not where somebody enrolled a key


def _seen(place: Place, file: Path) -> str:
    """As it is written in a file of the folder."""
    return str(file.relative_to(place.folder) if file.is_relative_to(place.folder) else file)
