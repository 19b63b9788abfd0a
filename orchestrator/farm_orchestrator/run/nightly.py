"""The use case `farm nightly`: a schedule's night as a run against what was good last, now or when it is due."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from farm_orchestrator import config, nights
from farm_orchestrator import store as stored
from farm_orchestrator.errors import FarmError
from farm_orchestrator.plan.nights import Due, Schedule, day, end, following
from farm_orchestrator.run.goods import LAST_GOOD
from farm_orchestrator.run.request import Request
from farm_orchestrator.store import Store
from farm_orchestrator.undo import on_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.beat import Beat
    from farm_orchestrator.run.look import Asked
    from farm_orchestrator.run.request import Finished, View
    from farm_orchestrator.store import RunRow

T = TypeVar("T")
PLANNED_S = 1800.0
NICE = 10
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """A schedule, when its next night begins, its last run, and whether its directory is on this machine.

    `refused`: why its last night could not begin.
    """

    schedule: Schedule
    following: float
    last: RunRow | None
    here: bool
    refused: str | None


def run_now(name: str, settings: Settings, view: View) -> Finished:
    """As a pipeline does it: the night begins now, and is over when this returns. Raises UsageError."""
    config.make_home(settings)
    with Store.open(settings.store, tell=view.message) as store:
        schedule, at = stored.find_schedule(store, name), store.now()
    return hold(Due(schedule, at, end(schedule, at)), settings, view)


def hold(due: Due, settings: Settings, view: View) -> Finished:
    """The whole night, and its report."""
    from farm_orchestrator.run.command import start

    return _begun(start, due, settings, view)


def begin(name: str, at: float, settings: Settings, view: View) -> str:
    """The night that was due `at`, planned and left to the workers of a shared farm; the id of its run."""
    from farm_orchestrator.run.detach import hand_over

    with Store.open(settings.store, tell=view.message) as store:
        schedule = stored.find_schedule(store, name)
    return _begun(hand_over, Due(schedule, at, end(schedule, at)), settings, view)


def _begun(start: Callable[[Asked, Settings, View], T], due: Due, settings: Settings, view: View) -> T:
    """That it could not begin is told like any other news of it. Raises FarmError."""
    from farm_orchestrator.run.look import look
    from farm_orchestrator.run.prepare import AlreadyBegun

    own = of_schedule(settings, due.schedule)
    try:
        return start(look(request(due), own), own, view)
    except AlreadyBegun:
        raise
    except FarmError as error:
        with Store.open(settings.store, tell=view.message) as store:
            if not _is_begun(store, due):
                nights.refused(store, due, error.line, settings.notify)
        raise


def _is_begun(store: Store, due: Due) -> bool:
    """What fails from then on is told by its report."""
    last = stored.begun_nights(store).get(due.schedule.name)
    return last is not None and stored.load_run(store, last).due_at == due.at


def request(due: Due) -> Request:
    """Against what was good last: the first night that passes makes it."""
    asked = due.schedule.run
    return Request(
        paths=(Path(asked["variants"]),), boards=asked["boards"], max_blocks=asked["max_blocks"], preset=asked["preset"],
        seed=int(due.at) % 2**31, name=f"{due.schedule.name} {day(due.at, due.schedule.zone)}",
        min_boards=asked["min_boards"], until=due.ends, schedule=due.schedule.name, due_at=due.at,
        against=LAST_GOOD, budgets=asked["budgets"],
    )  # fmt: skip


def of_schedule(settings: Settings, schedule: Schedule) -> Settings:
    return replace(settings, preset=schedule.run["preset"] or settings.preset)


def begin_due(of: Beat) -> None:
    """A tick: each night that is due is planned in a process of its own.

    Looked at beside the other ticks: a directory on a network may let nobody go.
    """
    if of.looking.acquire(blocking=False):
        with on_error(of.looking.release):
            threading.Thread(target=_begin_due, args=(of,), name="nights", daemon=True).start()


def _begin_due(of: Beat) -> None:
    try:
        for due in stored.due_nights(of.store, is_here):
            threading.Thread(target=_planned, args=(due, of.settings), name="night", daemon=True).start()
    except FarmError as error:
        LOG.warning("nobody here looks for nights that are due: %s", error.line)
    finally:
        of.looking.release()


def is_here(schedule: Schedule) -> bool:
    """Whether this machine can read the directory of its variants."""
    return os.access(schedule.run["variants"], os.R_OK)


def _planned(due: Due, settings: Settings) -> None:
    """The farm's models are looked at there: that takes memory and time, and may crash."""
    name = due.schedule.name
    try:
        done = subprocess.run(
            ["nice", "-n", str(NICE), sys.executable, "-m", "farm_orchestrator.cli", "nightly", "begin", name, repr(due.at)],
            env=_surroundings(settings), check=False, capture_output=True, text=True, timeout=PLANNED_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        LOG.info("the night of %s: %s", name, (done.stdout or done.stderr).strip())
    except (OSError, subprocess.SubprocessError) as error:
        LOG.warning("the night of %s is tried again in some minutes: %s", name, error)


def _surroundings(settings: Settings) -> dict[str, str]:
    """With the inventory that the worker was told of."""
    if settings.inventory is None:
        return dict(os.environ)
    env = {name: value for name, value in os.environ.items() if name != "FARM_INVENTORY_FILE"}
    return {**env, "FARM_INVENTORY": str(settings.inventory)}


def standing(settings: Settings) -> list[Standing]:
    """All schedules, by name."""
    with Store.open(settings.store) as store:
        begun, refused, now = stored.begun_nights(store), stored.unbegun_nights(store), store.now()
        return [
            Standing(
                each, following(each, now), stored.load_run(store, begun[each.name]) if each.name in begun else None,
                is_here(each), refused.get(each.name),
            )
            for each in stored.schedules(store)
        ]  # fmt: skip
