"""The servers that several machines share: the database, and the workers and boards that it knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm_orchestrator.store import Crew, RunRow
    from farm_orchestrator.store.diagnosis import Server


@dataclass(frozen=True)
class Fleet:
    """What the database of a shared farm knows; of one whose schema does not fit only itself. `unserved`: of the inventory."""

    server: Server
    version: str
    head: str
    runs: tuple[RunRow, ...] = ()
    workers: tuple[Crew, ...] = ()
    unserved: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


def look(url: str, boards: Iterable[str]) -> Fleet:
    from farm_orchestrator.addresses import check_driver, without_password
    from farm_orchestrator.errors import FarmError, StoreError, UsageError
    from farm_orchestrator.store import Store, healths, list_runs, living
    from farm_orchestrator.store.diagnosis import Server, look
    from farm_orchestrator.store.revisions import HEAD

    try:
        check_driver(url)
    except UsageError as error:
        return Fleet(Server(without_password(url), StoreError(error.text, mend=error.mend)), version("benchfarm"), HEAD)
    bare = Fleet(look(url), version("benchfarm"), HEAD)
    if not bare.server.fits:
        return bare
    try:
        with Store.open(url) as store:
            workers = tuple(living(store))
            served = {name for each in workers for name in each.boards}
            held = tuple(f"{name} is {each.held}" for name, each in healths(store).items() if each.held)
            return Fleet(
                bare.server, bare.version, HEAD, tuple(reversed(list_runs(store))), workers,
                tuple(sorted(set(boards) - served)), held,
            )  # fmt: skip
    except FarmError:  # what it lacks shows in what it said of itself
        return bare
