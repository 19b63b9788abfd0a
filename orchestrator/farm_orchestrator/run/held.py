"""What a person is told at the start of boards that take no work, and of a farm that looks after no run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from farm_orchestrator.store import healths, living

if TYPE_CHECKING:
    from farm_orchestrator.store import Store


def tell_held(store: Store, boards: Iterable[str], tell: Callable[[str], object]) -> None:
    """The run goes on without them: it must be able to end."""
    for name, health in healths(store, list(boards)).items():
        if health.held is not None:
            tell(f"{name} is {health.held}; nothing is run there: farm boards release {name} ends that")


def tell_beatless(store: Store, run: str, tell: Callable[[str], object]) -> None:
    """Of a run that nobody will watch."""
    if not any(crew.beats for crew in living(store)):
        tell(
            "no worker beats: nobody asks again for boards that are lost meanwhile, and nobody writes the report but "
            f"`farm report {run}`; `farm worker --beat` on one machine does both"
        )
