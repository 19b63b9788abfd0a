"""What takes longer to reckon than a view may wait: it is reckoned beside the view, now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from farm_orchestrator.errors import StoreError
from farm_orchestrator.store import FleetSight, Sight, finish, queue

if TYPE_CHECKING:
    from farm_orchestrator.store import Fleet, Snapshot, Store

T = TypeVar("T")
FIRST_S = 3.0
PAUSE_S = 30.0
SHARE = 0.05  # of the time, at most, that is spent with reckoning


class Forecast(Generic[T]):
    """While it is entered `value` is what was reckoned last; None until then."""

    def __init__(self, reckon: Callable[[], T], first_s: float = FIRST_S) -> None:
        self.value: T | None = None
        self._reckon = reckon
        self._first_s = first_s
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._loop, name="forecast", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody waits for what is being reckoned: it would come too late."""
        self._ended.set()

    def _loop(self) -> None:
        pause_s = self._first_s
        while not self._ended.wait(pause_s):
            begun = time.monotonic()
            try:
                self.value = self._reckon()
            except StoreError:
                self.value = None  # the view itself says what is wrong
            pause_s = max(PAUSE_S, (time.monotonic() - begun) / SHARE)


@contextmanager
def looking(store: Store, run: str) -> Iterator[Callable[[], Snapshot]]:
    """Looks at a run, each with what is known of its end."""
    sight = Sight(store, run)
    with Forecast(lambda: finish(store, run)) as forecast:
        yield lambda: replace(sight.look(), finish=forecast.value)


@contextmanager
def looking_at_fleet(store: Store) -> Iterator[Callable[[], Fleet]]:
    sight = FleetSight(store)
    with Forecast(lambda: ends(store)) as forecast:
        yield lambda: with_ends(sight.look(), forecast.value or {})


def ends(store: Store) -> dict[str, float | None]:
    """When each open run will be through."""
    return {each.run: each.finish for each in queue(store)}


def with_ends(fleet: Fleet, ends: Mapping[str, float | None]) -> Fleet:
    return replace(fleet, runs=tuple(replace(run, finish=ends.get(run.run)) for run in fleet.runs))
