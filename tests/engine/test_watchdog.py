"""What the watchdog does to a session, at times that the test tells."""

import threading
from dataclasses import dataclass, field

import pytest

from engine_support import wait_for
from farm_orchestrator.errors import StoreError
from farm_orchestrator.watchdog import STOP_GRACE_S, Concern, Watch, Watchdog

LAUNCH = Concern("the launch", until=100.0, run="r", silence_s=5.0, late="deadline", polite=True)


@dataclass
class Scene:
    """A watchdog over one watch, on a clock that is turned by hand."""

    now: float = 0.0
    said: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    cancelled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.watch = Watch(self.lost, self.closed.set, self.clock)
        self.watch.talk_to(self)
        self.dog = Watchdog(lambda runs: self.cancelled & set(runs), self.stopping, clock=self.clock)
        self.dog.watches.add(self.watch)

    def clock(self) -> float:
        return self.now

    def beat(self) -> None:
        self.said.append("beat")

    def stop(self, reason: str) -> None:
        self.said.append(f"stop: {reason}")

    def at(self, now: float) -> str | None:
        """The verdict after a look at that time, with what the store says then."""
        self.now = now
        self.dog.ask()
        self.dog.look()
        return self.watch.verdict.reason if self.watch.verdict else None


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_agent_hears_a_beat_every_two_seconds(scene: Scene) -> None:
    for tenth in range(81):
        scene.at(tenth / 10)
    assert scene.said == ["beat"] * 4


def test_a_launch_within_its_bounds_goes_on(scene: Scene) -> None:
    scene.watch.expect(LAUNCH)
    for second in range(100):
        scene.watch.heard()
        assert scene.at(second) is None
    assert not scene.closed.is_set()


def test_an_agent_silent_for_five_seconds_is_cut_at_once(scene: Scene) -> None:
    scene.watch.expect(LAUNCH)
    assert scene.at(5.0) is None
    assert scene.at(5.1) == "link_lost"
    assert scene.closed.wait(10)
    assert not any(word.startswith("stop") for word in scene.said)


def test_a_launch_past_its_deadline_is_asked_to_stop_and_cut_two_seconds_later(scene: Scene) -> None:
    scene.watch.expect(LAUNCH)
    scene.now = 100.1
    scene.watch.heard()
    assert scene.at(100.1) == "deadline"
    assert scene.said[-1] == "stop: the launch took longer than it may"
    assert scene.at(100.1 + STOP_GRACE_S - 0.1) == "deadline"
    assert not scene.closed.is_set()
    scene.at(100.1 + STOP_GRACE_S)
    assert scene.closed.wait(10)


def test_an_agent_that_answers_in_time_keeps_its_line(scene: Scene) -> None:
    scene.cancelled.add("r")
    scene.watch.expect(LAUNCH)
    assert scene.at(1.0) == "worker_lost"
    scene.watch.expect(None)
    assert scene.at(60.0) is None
    assert not scene.closed.is_set()


def test_only_the_cancelled_run_is_stopped(scene: Scene) -> None:
    scene.cancelled.add("another")
    scene.watch.expect(LAUNCH)
    assert scene.at(1.0) is None


def test_a_lost_lease_cuts_at_once_also_where_nothing_is_waited_for(scene: Scene) -> None:
    scene.lost.set()
    assert scene.at(1.0) == "fenced"
    assert scene.closed.wait(10)


def test_a_stopping_worker_stops_every_launch(scene: Scene) -> None:
    scene.watch.expect(LAUNCH)
    scene.stopping.set()
    assert scene.at(1.0) == "worker_lost"
    assert scene.said == ["stop: the worker was told to stop"]


def test_the_first_verdict_stands(scene: Scene) -> None:
    scene.watch.expect(LAUNCH)
    scene.cancelled.add("r")
    assert scene.at(1.0) == "worker_lost"
    scene.lost.set()
    assert scene.at(1.5) == "worker_lost"


def test_a_line_that_was_cut_keeps_its_verdict(scene: Scene) -> None:
    scene.lost.set()
    scene.at(1.0)
    scene.watch.expect(LAUNCH)
    assert scene.watch.verdict is not None


def test_a_store_that_cannot_be_read_for_a_while_stops_nothing(scene: Scene) -> None:
    def unreadable(runs: object) -> set[str]:
        raise StoreError("locked")

    scene.dog.cancelled = unreadable
    scene.watch.expect(LAUNCH)
    assert scene.at(1.0) is None


def test_what_the_store_said_last_holds_while_it_says_nothing(scene: Scene) -> None:
    scene.cancelled.add("r")
    scene.watch.expect(LAUNCH)
    scene.dog.ask()

    def unreadable(runs: object) -> set[str]:
        raise StoreError("locked")

    scene.dog.cancelled = unreadable
    assert scene.at(1.0) == "worker_lost"


def test_while_the_store_does_not_answer_agents_hear_beats_and_a_lost_lease_is_cut() -> None:
    asked, answer = threading.Event(), threading.Event()

    def hanging(runs: object) -> set[str]:
        asked.set()
        answer.wait(120)
        return set()

    scene = Scene()
    dog = Watchdog(hanging, scene.stopping, period_s=0.001, clock=scene.clock)
    scene.watch.expect(Concern("the launch", until=1e9, run="r"))
    dog.watches.add(scene.watch)
    dog.start()
    try:
        assert asked.wait(60)
        for count in (1, 2, 3):
            scene.now += 2.0
            wait_for(lambda: len(scene.said) >= count, "a beat")  # noqa: B023 - waited for here
        scene.lost.set()
        assert scene.closed.wait(60)
    finally:
        answer.set()
        dog.close()
    assert not scene.stopping.is_set()


def test_a_beat_that_waits_behind_a_push_keeps_no_other_agent_waiting_and_ends_a_dead_link(scene: Scene) -> None:
    free, begun, other = threading.Event(), threading.Event(), Scene()

    def stuck() -> None:
        begun.set()
        free.wait(120)

    scene.beat = stuck  # type: ignore[method-assign]  # a link that takes nothing
    scene.watch.expect(Concern("the push of a.onnx", float("inf"), "r", crowded=True))
    other.watch.expect(LAUNCH)
    scene.dog.watches.add(other.watch)
    for now in (2.0, 4.0, 6.0, 8.0, 12.0):
        other.now = now
        other.watch.heard()
        assert scene.at(now) is None
    assert begun.wait(60)
    assert other.said == ["beat"] * 5
    assert scene.at(12.1) == "link_lost"
    assert scene.watch.verdict is not None
    assert scene.watch.verdict.detail == "no beat could be sent for 10 s during the push of a.onnx"
    assert scene.closed.wait(60)
    free.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("broken", ["look", "ask"])
def test_a_watchdog_of_which_a_thread_dies_stops_its_worker(scene: Scene, broken: str) -> None:
    def bug(*_: object) -> set[str]:
        raise ZeroDivisionError

    dog = Watchdog(bug if broken == "ask" else set, scene.stopping, period_s=0.001)
    scene.watch.expect(Concern("the launch", until=1e9, run="r"))
    if broken == "look":
        scene.beat = bug  # type: ignore[assignment,method-assign]  # that is the bug
    dog.watches.add(scene.watch)
    dog.start()
    wait_for(scene.stopping.is_set, "the end of the worker")
    dog.close()
