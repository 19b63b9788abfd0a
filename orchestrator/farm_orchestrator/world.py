"""What the lanes of one worker share."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from farm_agents.wire import DEADMAN_S, SILENCE_S
from farm_orchestrator.model import Part
from farm_orchestrator.store import Artefacts, Leases, Store
from farm_orchestrator.transport import Channel
from farm_orchestrator.watchdog import Watchdog


@dataclass(frozen=True)
class Pace:
    """Durations in seconds. `slice_s`: how long a lane keeps its board before it lets others have the worker's slot."""

    slice_s: float = 600.0
    silence_s: float = SILENCE_S
    deadman_s: float = DEADMAN_S
    hello_s: float = 60.0
    prepare_s: float = 300.0
    fetch_s: float = 300.0
    reconnect_s: float = 60.0


@dataclass(frozen=True)
class World:
    """`farm` names the store, `runs` holds a folder per run. `stopping` ends every lane once its board is restored."""

    store: Store
    leases: Leases
    artefacts: Artefacts
    runs: Path
    open_channel: Callable[[Part], Channel]
    watchdog: Watchdog
    stopping: threading.Event
    farm: str
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], float] = time.monotonic
