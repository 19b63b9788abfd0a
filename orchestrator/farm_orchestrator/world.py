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
HANGS_S = 20.0  # a handshake and an agent's first word take a few seconds, on a slow link too
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
    of them, and boards would be called lost that are well. One that hangs for `hangs_s` keeps nobody else waiting.
    """

    def __init__(self, places: int = STARTING, hangs_s: float = HANGS_S) -> None:
        self._places = places
        self._hangs_s = hangs_s
        self._since: dict[int, float] = {}  # by the lane's thread
        self._changed = threading.Condition()

    def enter(self, stopping: threading.Event) -> bool:
        """Waits for a place; False where the lane is to stop."""
        with self._changed:
            while not (stopping.is_set() or self._has_room()):
                self._changed.wait(LOOK_S)
            if stopping.is_set():
                return False
            self._since[threading.get_ident()] = time.monotonic()
            return True

    def leave(self) -> None:
        """By the thread that entered."""
        with self._changed:
            self._since.pop(threading.get_ident(), None)
            self._changed.notify()

    def _has_room(self) -> bool:
        late = time.monotonic() - self._hangs_s
        return sum(since > late for since in self._since.values()) < self._places


class Stopping(threading.Event):
    """That a worker is to stop. `asked`: somebody told it to; else something of it broke."""

    asked = False

    def ask(self) -> None:
        self.asked = True
        self.set()


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
    stopping: Stopping
    farm: str
    who: str = ""
    pace: Pace = field(default_factory=Pace)
    refusal: Callable[[Part], str | None] = lambda _part: None
    own: Callable[[Part], Json] = lambda part: part.board
    idle: Callable[[str], Json | None] = lambda _board: None
    clock: Callable[[], float] = time.monotonic
    tally: Tally = field(default_factory=Tally)
    gate: Gate = field(default_factory=Gate)
