"""What looks after the sessions of a worker: beats to the agents, and an end to what must not go on."""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from farm_agents.wire import BEAT_ORCHESTRATOR_S, DEADMAN_S
from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import Lost

PERIOD_S = 0.25
CLOSE_S = 2.0  # for an answer of the store that nobody needs any more
STOP_GRACE_S = 2.0  # from the word "stop" to the closing of the transport
IMPOLITE = ("fenced", "link_lost")  # nobody listens, or another worker is already there

Clock = Callable[[], float]


@dataclass(frozen=True)
class Concern:
    """What a session waits for: until when (monotonic), for which run, and how long the agent may be silent.

    `late` is the outcome once `until` has passed; `polite` asks the agent to stop before the transport is closed.
    `crowded`: so much is sent meanwhile that a beat has to wait for its turn, as long as a dead link takes to be found dead.
    """

    what: str
    until: float
    run: str | None = None
    silence_s: float | None = None
    late: str = "link_lost"
    polite: bool = False
    crowded: bool = False


class Talker(Protocol):
    """What the watchdog may say to an agent; neither call raises, or waits long where nothing else is sent."""

    def beat(self) -> None: ...
    def stop(self, reason: str) -> None: ...


class Watch:
    """One session under the watchdog: who is at the other end, what it waits for, what was found."""

    def __init__(
        self,
        lost: threading.Event,
        close: Callable[[], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self.lease_lost = lost
        self.talker: Talker | None = None
        self.close = close
        self.clock = clock
        self.heard_at = clock()
        self.beat_at = clock()
        self.concern: Concern | None = None
        self.verdict: Lost | None = None
        self.close_at: float | None = None
        self.cut = False
        self.lock = threading.Lock()
        self.beating = threading.Lock()  # held while a beat is on its way

    def talk_to(self, agent: Talker) -> None:
        """From its hello on the agent hears beats; before that it wants to hear `open` alone."""
        self.beat_at = self.clock()
        self.talker = agent

    def heard(self) -> None:
        self.heard_at = self.clock()

    def expect(self, concern: Concern | None) -> None:
        """What the session waits for from now on; a verdict on what it waited for before is forgotten, if it lives."""
        with self.lock:
            self.heard()
            self.concern = concern
            if not self.cut:
                self.verdict, self.close_at = None, None

    def find(self, verdict: Lost, now: float) -> bool:
        """Keeps the first verdict on a concern. True: the agent is to be asked to stop before the line is cut."""
        with self.lock:
            if self.verdict is not None:
                return False
            polite = self.concern is not None and self.concern.polite and verdict.reason not in IMPOLITE
            self.verdict = verdict
            self.close_at = now + (STOP_GRACE_S if polite else 0)
            return polite

    def due(self, now: float) -> bool:
        """True once: the line is to be cut now."""
        with self.lock:
            due = self.close_at is not None and now >= self.close_at
            if due:
                self.close_at, self.cut = None, True
            return due


def judge(watch: Watch, now: float, cancelled: Collection[str], *, stopping: bool) -> Lost | None:
    """Why this session's work must not go on, or None."""
    concern = watch.concern
    if watch.lease_lost.is_set():
        return Lost("fenced", "the lease of the board is lost")
    if stopping:
        return Lost("worker_lost", "the worker was told to stop")
    return None if concern is None else _overdue(watch, concern, now, cancelled)


def _overdue(watch: Watch, concern: Concern, now: float, cancelled: Collection[str]) -> Lost | None:
    if watch.beating.locked() and now - watch.beat_at > DEADMAN_S:
        return Lost("link_lost", f"no beat could be sent for {DEADMAN_S:g} s during {concern.what}")
    if concern.run in cancelled:
        return Lost("worker_lost", "the run was cancelled")
    if now > concern.until:
        return Lost(concern.late, f"{concern.what} took longer than it may")
    if concern.silence_s is not None and now - watch.heard_at > concern.silence_s:
        return Lost("link_lost", f"no word from the agent for {concern.silence_s:g} s during {concern.what}")
    return None


class Watchdog:
    """Two threads: one beats and judges, one asks for cancelled runs, because a store may keep it waiting for longer than
    an agent lives without beats. Should either die, it sets `stopping`: a worker without a watchdog must not measure.
    """

    def __init__(
        self,
        cancelled: Callable[[Collection[str]], Collection[str]],
        stopping: threading.Event,
        period_s: float = PERIOD_S,
        clock: Clock = time.monotonic,
    ) -> None:
        self.cancelled = cancelled
        self.stopping = stopping
        self.period_s = period_s
        self.clock = clock
        self.watches: set[Watch] = set()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.known: Collection[str] = ()  # the cancelled runs, as of the last answer
        self.looker = threading.Thread(target=self._every, args=(self.look,), name="watchdog", daemon=True)
        self.asker = threading.Thread(target=self._every, args=(self.ask,), name="cancelled", daemon=True)

    def start(self) -> None:
        self.looker.start()
        self.asker.start()

    def close(self) -> None:
        self.ended.set()
        self.looker.join()
        self.asker.join(CLOSE_S)

    @contextmanager
    def over(self, watch: Watch) -> Iterator[Watch]:
        with self.lock:
            self.watches.add(watch)
        try:
            yield watch
        finally:
            with self.lock:
                self.watches.discard(watch)

    def look(self) -> None:
        """One round over all sessions; its thread calls it every `period_s`."""
        for watch in self._watches():
            _beat(watch, self.clock())
            _act(watch, self.clock(), judge(watch, self.clock(), self.known, stopping=self.stopping.is_set()))

    def ask(self) -> None:
        """Which runs are cancelled; may take as long as the store does. Its thread calls it every `period_s`."""
        runs = {watch.concern.run for watch in self._watches() if watch.concern and watch.concern.run}
        with suppress(StoreError):
            self.known = self.cancelled(runs) if runs else ()

    def _watches(self) -> list[Watch]:
        with self.lock:
            return list(self.watches)

    def _every(self, step: Callable[[], None]) -> None:
        try:
            while not self.ended.wait(self.period_s):
                step()
        finally:
            if not self.ended.is_set():
                self.stopping.set()


def _beat(watch: Watch, now: float) -> None:
    """One that may have to wait does so in a thread of its own: all other agents of the worker wait for theirs."""
    if watch.talker is None or now - watch.beat_at < BEAT_ORCHESTRATOR_S or not watch.beating.acquire(blocking=False):
        return
    watch.beat_at = now
    if watch.concern is not None and watch.concern.crowded:
        threading.Thread(target=_say_beat, args=(watch, watch.talker), name="beat", daemon=True).start()
    else:
        _say_beat(watch, watch.talker)


def _say_beat(watch: Watch, talker: Talker) -> None:
    try:
        talker.beat()
    finally:
        watch.beating.release()


def _act(watch: Watch, now: float, verdict: Lost | None) -> None:
    if verdict is not None and watch.find(verdict, now) and watch.talker is not None:
        watch.talker.stop(verdict.detail)
    if watch.due(now):
        threading.Thread(target=watch.close, name="cut", daemon=True).start()  # a dead link may block a close
