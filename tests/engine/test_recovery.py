"""Whatever dies, the run ends with exactly one committed result for every launch that was owed."""

import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import engine_support as support
from engine_support import Farm, finish, make_farm, running, tend, wait_for
from farm_orchestrator import failpoint, store
from farm_orchestrator.broker import LANE, LANES, kicker, make_app
from farm_orchestrator.engine import Engine, start_worker
from farm_orchestrator.model import State
from farm_orchestrator.reconcile import reconcile
from redis_support import PrivateRedis

EARLIER = {"after_requeue": "after_claim"}  # nothing is queued again before a worker died with a launch in hand
WITH_OUTPUTS = "artefact_put"  # the stand-in gives none
STORES, CARRIERS = ("sqlite", "postgresql"), ("folder", "redis")
PLACES = [
    (name, (kept, CARRIERS[(index + place) % 2]))
    for index, name in enumerate(failpoint.WORKER)
    for place, kept in enumerate(STORES)
]


def board_for(name: str, folder: Path) -> str:
    """A `python` whose agent leads to that failpoint."""
    if name == WITH_OUTPUTS:
        return sys.executable
    if name.endswith("_lose"):
        (folder / ".farm" / "boards" / "b0").mkdir(parents=True)
        (folder / ".farm" / "boards" / "b0" / "hold").touch()
        return faulty(folder / "faulty", "lost")
    return faulty(folder / "faulty", "dead") if name.endswith("board_loss") else support.stand_in(folder / "stand-in")


def faulty(folder: Path, fault: str) -> str:
    """A `python` that is the stand-in's, but that its agent does not start as often as there are deaths to come, or is
    killed in the midst of its first timed launch.
    """
    sound = support.stand_in(folder)
    script, once = folder / "once", folder / fault
    once.touch()
    hold = folder.parent / ".farm" / "boards" / "b0" / "hold"
    lost = f"(while [ ! -s {hold.parent}/journal.jsonl ]; do sleep 0.1; done; rm {once}; kill -9 $$; rm {hold}) &"
    what = f"rm {once}; exit 3;" if fault == "dead" else lost
    script.write_text(f'#!/bin/sh\nif [ -e {once} ]; then {what} fi\nexec {sound} "$@"\n')
    script.chmod(0o700)
    return str(script)


def until_dead(farm: Farm, engine: Engine) -> int:
    """Works, without starting the worker again; its exit code."""
    wait_for(lambda: engine.worker.poll() is not None, "the worker's death", tend(farm, None))
    return int(engine.worker.returncode)


def held(folder: Path, broker_url: str | None = None, boards: int = 1) -> Farm:
    """A farm; the timed launches of b0 do not end before `release`."""
    python = support.stand_in(folder / "stand-in")
    farm = make_farm(folder, boards=boards, blocks=1, broker_url=broker_url, python=python)
    farm.hold("b0").parent.mkdir(parents=True)
    farm.hold("b0").touch()
    return farm


def until_measuring(farm: Farm, engine: Engine | None) -> None:
    """A timed launch is running on the board: the board itself says so."""
    wait_for(lambda: farm.journal("b0"), "a timed launch", tend(farm, engine))


def release(farm: Farm) -> None:
    farm.hold("b0").unlink()


@pytest.mark.parametrize(
    ("name", "servers"), PLACES, ids=lambda each: each if isinstance(each, str) else "-".join(each)
)
def test_a_worker_that_dies_at_a_failpoint_leaves_a_run_that_the_next_one_finishes(
    name: str,
    servers: tuple[str, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What dies does not know its broker: each of the two carries half of the failpoints of a store."""
    kept, carrier = servers
    url = None if carrier == "folder" else request.getfixturevalue("redis_server").url
    place = None if kept == "sqlite" else request.getfixturevalue("pg_url")
    farm = make_farm(tmp_path, blocks=1, broker_url=url, store_url=place, python=board_for(name, tmp_path))
    deaths = [place for place in (EARLIER.get(name), name) if place]
    monkeypatch.setenv("FAILPOINT", deaths[0])
    with running(farm) as engine:
        for following in (*deaths[1:], ""):
            assert until_dead(farm, engine) == -signal.SIGKILL
            monkeypatch.setenv("FAILPOINT", following)
            engine.tick()
        finish(farm, engine)
    assert support.broken_promises(farm) == []


def test_a_worker_killed_in_the_middle_of_a_launch_loses_that_launch_alone(
    tmp_path: Path, broker_url: str | None
) -> None:
    farm = held(tmp_path, broker_url)
    with running(farm) as engine:
        until_measuring(farm, engine)
        engine.worker.kill()
        release(farm)
        finish(farm, engine)
    assert [row.outcome for row in farm.rows(state=State.LOST)] == ["worker_lost"]
    assert {row.fence for row in farm.rows(state=State.LOST)} == {1}
    assert support.broken_promises(farm) == []


def test_a_stopped_worker_that_wakes_up_after_its_lease_commits_nothing(tmp_path: Path) -> None:
    farm = held(tmp_path)
    with running(farm) as engine:
        until_measuring(farm, engine)
        zombie = engine.worker
        zombie.send_signal(signal.SIGSTOP)
        engine.worker = start_worker(farm.settings, engine.log)
        release(farm)  # the launch of the zombie ends well, and lies in its pipe
        finish(farm, engine)
        zombie.send_signal(signal.SIGCONT)
        assert zombie.stdin is not None
        zombie.stdin.close()
        wait_for(lambda: zombie.poll() is not None, "the end of the zombie")
    assert [row.outcome for row in farm.rows(fence=1)] == ["worker_lost"]
    assert {row.fence for row in farm.rows(state=State.DONE)} == {2}
    assert support.broken_promises(farm) == []


def test_a_hint_lost_with_the_whole_broker_is_sent_again(tmp_path: Path, broker_url: str | None) -> None:
    farm = make_farm(tmp_path, blocks=1, broker_url=broker_url, python=support.stand_in(tmp_path / "stand-in"))
    with running(farm) as engine:
        engine.worker.send_signal(signal.SIGSTOP)
        reconcile(farm.store, farm.kick())
        wipe(farm)
        engine.worker.send_signal(signal.SIGCONT)
        finish(farm, engine)
    assert support.broken_promises(farm) == []


def test_a_broker_wiped_in_the_middle_of_a_launch_disturbs_nothing(tmp_path: Path, broker_url: str | None) -> None:
    farm = held(tmp_path, broker_url, boards=2)
    with running(farm) as engine:
        until_measuring(farm, engine)
        wipe(farm)
        release(farm)
        finish(farm, engine)
    assert farm.rows(state=State.LOST) == []
    assert support.broken_promises(farm) == []


def wipe(farm: Farm) -> None:
    """All hints and all that the broker knows of queues."""
    if farm.settings.broker is None:
        shutil.rmtree(farm.home / "broker")
    else:
        import redis

        with redis.Redis(unix_socket_path=farm.settings.broker.removeprefix("redis+socket://")) as client:
            client.flushall()


def test_a_redis_that_is_killed_and_comes_back_empty_disturbs_nothing(
    tmp_path: Path, redis_server: PrivateRedis
) -> None:
    farm = held(tmp_path, redis_server.url, boards=2)
    with running(farm) as engine:
        until_measuring(farm, engine)
        redis_server.kill()
        assert not farm.kick()("b0"), "a dead broker takes no hint"
        redis_server.start()
        engine.worker.kill()
        release(farm)
        finish(farm, engine)
    assert support.broken_promises(farm) == []


def test_a_hint_that_was_taken_by_a_worker_that_dies_is_sent_again(tmp_path: Path, broker_url: str | None) -> None:
    farm = make_farm(tmp_path, blocks=1, broker_url=broker_url, python=support.stand_in(tmp_path / "stand-in"))
    with running(farm) as engine:
        engine.worker.send_signal(signal.SIGSTOP)
        reconcile(farm.store, farm.kick())
        engine.worker.kill()
        finish(farm, engine)
    assert support.broken_promises(farm) == []


def test_a_hint_that_is_lost_is_sent_again(tmp_path: Path, broker_url: str | None) -> None:
    farm = make_farm(tmp_path, blocks=1, broker_url=broker_url, python=support.stand_in(tmp_path / "stand-in"))
    app = make_app(farm.settings.broker, farm.home)

    def late(board: str) -> bool:
        app.send_task(LANE, (board,), queue=LANES, expires=-1, retry=False)
        return True

    with running(farm) as engine:
        reconcile(farm.store, late)
        finish(farm, engine)
    assert support.broken_promises(farm) == []


@pytest.mark.parametrize("ahead_s", [-600, 600])
def test_one_hint_is_enough_whatever_the_clock_of_its_sender_says(
    tmp_path: Path, broker_url: str | None, ahead_s: int
) -> None:
    farm = make_farm(tmp_path, blocks=1, broker_url=broker_url, python=support.stand_in(tmp_path / "stand-in"))
    app = make_app(farm.settings.broker, farm.home)
    right = app.now
    app.now = lambda: right() + timedelta(seconds=ahead_s)
    run = farm.parts[0].run
    with running(farm) as engine:
        assert kicker(app)("b0")
        wait_for(
            lambda: farm.rows(state=State.DONE), "the first launch", lambda: store.attach(farm.store, run)
        )  # nobody reconciles, so no other hint comes
        finish(farm, engine)
    assert support.broken_promises(farm) == []


def test_two_boards_are_measured_at_the_same_time(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, boards=2, blocks=2)
    with running(farm) as engine:
        finish(farm, engine)
    spans = {board: [(row.t0 or 0, row.t1 or 0) for row in farm.rows(board=board)] for board in ("b0", "b1")}
    assert any(a0 < b1 and b0 < a1 for a0, a1 in spans["b0"] for b0, b1 in spans["b1"]), spans
    assert support.broken_promises(farm) == []


def test_nothing_is_left_running_when_the_command_is_killed(tmp_path: Path) -> None:
    """The command is played by a child: its death closes the worker's stdin."""
    farm = held(tmp_path)
    argv = [sys.executable, str(Path(__file__).parent / "command.py"), farm.settings.line().decode()]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as command:
        assert command.stdout is not None
        worker = int(command.stdout.readline())
        try:
            until_measuring(farm, None)
        finally:
            command.kill()
    wait_for(lambda: not Path(f"/proc/{worker}").exists(), "the end of the worker")
    assert support.agents_of(farm) == []
    assert [row.outcome for row in farm.rows(state=State.LOST)] == ["worker_lost"]
    release(farm)
    with running(farm) as engine:
        finish(farm, engine)
    assert support.broken_promises(farm) == []


def test_a_cancelled_run_stops_its_launch_and_can_be_taken_up_again(tmp_path: Path) -> None:
    farm = held(tmp_path)
    run = farm.parts[0].run
    with running(farm) as engine:
        until_measuring(farm, engine)
        store.cancel(farm.store, run)
        finish(farm, engine)
        assert {row.state for row in farm.rows()} == {State.CANCELLED}
        wait_for(lambda: not support.agents_of(farm), "the end of the agent")
        release(farm)
        store.detach(farm.store, run)
        store.resume(farm.store, run)
        finish(farm, engine)
    assert support.broken_promises(farm) == []
