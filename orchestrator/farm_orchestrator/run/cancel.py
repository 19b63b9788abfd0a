"""`farm runs cancel`: a run is stopped from outside, and its boards are free before the command ends."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.errors import UsageError
from farm_orchestrator.run import reports
from farm_orchestrator.run.drain import CANCEL_S
from farm_orchestrator.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm_orchestrator.config import Settings

LOOK_S = 0.05


@dataclass(frozen=True)
class Cancelled:
    """`before`: it had been cancelled already. `boards`: those that measured for it, free after `took_s`; `kept`: those
    that are not yet. `report`: where this command wrote what was committed; None where the run's own command does.
    """

    run: str
    before: bool
    boards: tuple[str, ...]
    kept: tuple[str, ...]
    took_s: float
    report: Path | None


def cancel(text: str, settings: Settings, tell: Callable[[str], object]) -> Cancelled:
    """Raises UsageError for a run that is not there, or that has ended."""
    with Store.open(settings.store, tell=tell) as store:
        row = stored.load_run(store, stored.find_run(store, text))
        if row.state == "closed" and not row.cancel:
            raise UsageError(f"run {row.id} has ended: {row.word or 'its report is being written'}",
                             mend=f"nothing is left to cancel; `farm report {row.id}` tells what it measured")  # fmt: skip
        begun = time.monotonic()
        held = stored.holdings(store, row.id)
        stored.cancel(store, row.id)
        kept = _freed(store, row.id, held, begun + CANCEL_S)
        took_s = time.monotonic() - begun
        report = None if row.attached or row.cancel else _report(store, row.id, settings)
        return Cancelled(row.id, row.cancel, tuple(sorted(held)), kept, took_s, report)


def _freed(store: Store, run: str, held: dict[str, int], until: float) -> tuple[str, ...]:
    """Waits until none of the boards is held for the run any more; those that still are at the end."""
    while kept := stored.still_held(store, run, held):
        if time.monotonic() > until:
            break
        time.sleep(LOOK_S)
    stored.close_finished(store)
    return kept


def _report(store: Store, run: str, settings: Settings) -> Path:
    """No command stands behind the run that would write it."""
    return reports.build(run, store, settings, None).folder / "report.html"
