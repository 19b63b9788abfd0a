"""The embedded engine: the lock that says who owns it, and the worker process behind it."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Self

from farm_orchestrator.errors import FarmError
from farm_orchestrator.model import Json

RESTARTS = 3
RESTARTS_WITHIN_S = 60.0
STOP_S = 15.0
LOG_TAIL = 2000


@dataclass(frozen=True)
class EngineSettings:
    """What a worker is told on its first line: paths and addresses, no secrets beyond the broker's own URL.

    `store`: a path; `broker`: None for the folder in `home`; `pace`: fields of `world.Pace` that differ.
    """

    home: str
    store: str
    runs: str
    broker: str | None = None
    boards: int = 1
    lease_ttl_s: float = 6.0
    lease_beat_s: float = 2.0
    pace: Json = field(default_factory=dict)

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        return cls(**json.loads(line))


class Engine:
    """Owned by one command at a time; the kernel gives the lock back when that command dies, however it dies."""

    def __init__(self, settings: EngineSettings, lock: IO[bytes]) -> None:
        from farm_orchestrator import broker

        self.settings = settings
        self.lock = lock
        self.log = Path(settings.home) / "worker.log"
        self.starts: deque[float] = deque(maxlen=RESTARTS + 1)
        broker.empty(settings.broker, Path(settings.home))
        self.log.unlink(missing_ok=True)
        self.worker = self._start()

    @classmethod
    def try_start(cls, settings: EngineSettings) -> Self | None:
        """None while another command owns the engine of this home: then watch, and try again now and then."""
        lock = _locked(Path(settings.home) / "engine.lock")
        if lock is None:
            return None
        with ExitStack() as undo:
            undo.callback(lock.close)
            engine = cls(settings, lock)
            undo.pop_all()
        return engine

    def tick(self) -> None:
        """To be called every second: starts the worker again where it died. Raises FarmError when it keeps dying."""
        code = self.worker.poll()
        if code is None:
            return
        now = time.monotonic()
        if len(self.starts) > RESTARTS and now - self.starts[0] < RESTARTS_WITHIN_S:
            raise FarmError(
                f"the worker ended {len(self.starts)} times within {RESTARTS_WITHIN_S:g} s, last with exit code {code}:\n"
                f"{self._last_words()}",
                mend=f"its log is {self.log}; `farm run --resume last` goes on from what was measured",
            )
        _stdin(self.worker).close()
        self.worker = self._start()

    def stop(self, bound_s: float = STOP_S) -> None:
        """Lets lanes end their launches and agents restore their boards; after `bound_s` the worker is killed."""
        with suppress(BrokenPipeError):
            _stdin(self.worker).close()
        with suppress(ProcessLookupError):
            self.worker.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.worker.wait(bound_s)
        self.kill()

    def kill(self) -> None:
        """At once; agents see the end of their stdin and restore their boards without the worker."""
        self.worker.kill()
        self.worker.wait()
        with suppress(BrokenPipeError):
            _stdin(self.worker).close()
        self.lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> "subprocess.Popen[bytes]":
        self.starts.append(time.monotonic())
        return start_worker(self.settings, self.log)

    def _last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip()


def start_worker(settings: EngineSettings, log: Path) -> "subprocess.Popen[bytes]":
    """In its own session: the terminal's Ctrl-C reaches the command alone, which then decides."""
    with log.open("ab") as file:
        worker = subprocess.Popen(
            [sys.executable, "-m", "farm_orchestrator.tasks"],
            stdin=subprocess.PIPE, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    with suppress(BrokenPipeError):  # it died at once: its exit code and its log say why
        _stdin(worker).write(settings.line())
        _stdin(worker).flush()
    return worker


def _stdin(worker: "subprocess.Popen[bytes]") -> IO[bytes]:
    if worker.stdin is None:
        raise AssertionError("a worker is always started with a pipe")
    return worker.stdin


def _locked(path: Path) -> IO[bytes] | None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = path.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
