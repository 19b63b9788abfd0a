"""The store brought to this farm's schema and version, once, by a role that may."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.errors import UsageError
from farm_orchestrator.store import Store

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings


def upgrade(settings: Settings, grant: str | None) -> str:
    """What was done, in a sentence. Raises UsageError, StoreError."""
    if not settings.shared:
        raise UsageError(
            "this farm keeps its runs in a file of its own, which every command brings up to date by itself",
            mend="set FARM_STORE to the database of a shared farm: postgresql+psycopg://OWNER@HOST/NAME",
        )
    before = stored.upgrade_store(settings.store, grant)
    with Store.open(settings.store) as store:
        stored.set_version(store, version("benchfarm"))
        return f"{store.place}: {_told(before)}{_granted(grant)}"


def _told(before: str | None) -> str:
    if before is None:
        return f"its tables are made, schema {stored.HEAD}"
    return f"schema {before}, as it was" if before == stored.HEAD else f"schema {before} is {stored.HEAD} now"


def _granted(grant: str | None) -> str:
    return "" if grant is None else f"; {grant} may read and write rows"
