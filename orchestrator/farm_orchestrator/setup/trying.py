"""Each board tried as `ssh -o BatchMode=yes` does, all at once, with what went wrong for each."""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm_inventory import Board
from farm_orchestrator import probing, transport
from farm_orchestrator.errors import (
    AgentLost,
    AuthRefused,
    BoardError,
    FarmError,
    HostKeyChanged,
    HostKeyUnknown,
    NoRuntime,
    Unreachable,
    UsageError,
)
from farm_orchestrator.model import Json
from farm_orchestrator.transport import OfferedKey

AT_ONCE = 16
READY = "ready"
NO_RUNTIME = "no runtime"
UNKNOWN_KEY = "unknown key"
WORDS: dict[type[FarmError], str] = {
    Unreachable: "no answer",
    AuthRefused: "no login",
    HostKeyUnknown: UNKNOWN_KEY,
    HostKeyChanged: "changed key",
    NoRuntime: "no Python",
    AgentLost: "nonsense",
    UsageError: "ssh refuses",
}


@dataclass(frozen=True)
class Attempt:
    """What came of one board. `key`: the host key it offers; None where it was not asked or may not be enrolled."""

    board: Board
    word: str
    key: OfferedKey | None
    facts: Json
    error: FarmError | None = None

    @property
    def reached(self) -> bool:
        return self.word in (READY, NO_RUNTIME)


def try_all(boards: Sequence[Board], farm_home: Path) -> Iterator[Attempt]:
    """As they come. The threads are daemons: an interrupt does not wait for a board that is silent."""
    todo: queue.SimpleQueue[Board] = queue.SimpleQueue()
    done: queue.SimpleQueue[Attempt | BaseException] = queue.SimpleQueue()
    for board in boards:
        todo.put(board)
    for _ in range(min(AT_ONCE, len(boards))):
        threading.Thread(target=_work, args=(todo, done, farm_home), daemon=True).start()
    for _ in boards:
        came = done.get()
        if isinstance(came, BaseException):
            raise came
        yield came


def attempt(board: Board, farm_home: Path) -> Attempt:
    """Everything short of a measurement; nothing is recorded anywhere."""
    key: OfferedKey | None = None
    try:
        spec = transport.resolve(board.to_json())
        key = None if board.local else transport.offered_key(spec, farm_home)
        facts = probing.probe(spec, farm_home)
    except (BoardError, UsageError) as error:
        return Attempt(board, WORDS.get(type(error), "failed"), key, probing.UNKNOWN, error)
    return Attempt(board, READY if facts["numpy"] and facts["onnxruntime"] else NO_RUNTIME, key, facts)


def _work(
    todo: "queue.SimpleQueue[Board]", done: "queue.SimpleQueue[Attempt | BaseException]", farm_home: Path
) -> None:
    while True:
        try:
            board = todo.get_nowait()
        except queue.Empty:
            return
        try:
            done.put(attempt(board, farm_home))
        except BaseException as error:  # noqa: BLE001  # a defect of ours is raised where the command waits
            done.put(error)
