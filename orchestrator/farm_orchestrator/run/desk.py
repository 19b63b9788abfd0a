"""What a command has open while its run goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm_orchestrator.broker import Kick
    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.engines import Engines
    from farm_orchestrator.run.interrupts import Interrupts
    from farm_orchestrator.run.request import View
    from farm_orchestrator.store import Store


@dataclass(frozen=True)
class Desk:
    """What a command works with. `out`: where copies of the files go."""

    settings: Settings
    store: Store
    held: Engines
    kick: Kick
    view: View
    interrupts: Interrupts
    out: Path | None
