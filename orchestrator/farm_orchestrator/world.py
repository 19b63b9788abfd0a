"""What the lanes of one worker share."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from farm_agents.wire import DEADMAN_S, SILENCE_S
from farm_orchestrator.model import Json, Part
from farm_orchestrator.store import Artefacts, Leases, Store
from farm_orchestrator.tally import Tally
from farm_orchestrator.transport import Channel
from farm_orchestrator.watchdog import Watchdog

STARTING = 24  # boards at once
LOOK_S = 2.0


@dataclass(frozen=True)
class Pace:
    """Durations in seconds. `slice_s`: how long a lane keeps its board before it lets others have the worker's slot.

    `busy_s`: from one look at a board that another farm has to the next; each look disturbs what is measured there.
    """

    slice_s: float = 600.0
    silence_s: float = SILENCE_S
    deadman_s: float = DEADMAN_S
    hello_s: float = 60.0
    prepare_s: float = 300.0
    fetch_s: float = 300.0
    reconnect_s: float = 60.0
    busy_s: float = 20.0


class Gate:
    """So many lanes at once may start their boards: a worker that shook hands with 500 at once would be too slow for each
    of them, and boards would be called lost that are well.
    """

    def __init__(self, places: int = STARTING) -> None:
        self._places = threading.Semaphore(places)

    def enter(self, stopping: threading.Event) -> bool:
        """Waits for a place; False where the lane is to stop."""
        while not stopping.is_set():
            if self._places.acquire(timeout=LOOK_S):
                return True
        return False

    def leave(self) -> None:
        self._places.release()


@dataclass(frozen=True)
class World:
    """`farm` names the store, `who` does so for the people of another one, `runs` holds a folder per run. `stopping` ends every lane once its board is restored.

    `refusal`: why this worker must not touch the board of a part; None where it may. `own`: the board as this machine's
    inventory has it; `idle`: one to be looked at while nothing is measured there, None: nobody is to look.
    """

    store: Store
    leases: Leases
    artefacts: Artefacts
    runs: Path
    open_channel: Callable[[Part], Channel]
    watchdog: Watchdog
    stopping: threading.Event
    farm: str
    who: str = ""
    pace: Pace = field(default_factory=Pace)
    refusal: Callable[[Part], str | None] = lambda _part: None
    own: Callable[[Part], Json] = lambda part: part.board
    idle: Callable[[str], Json | None] = lambda _board: None
    clock: Callable[[], float] = time.monotonic
    tally: Tally = field(default_factory=Tally)
    gate: Gate = field(default_factory=Gate)
