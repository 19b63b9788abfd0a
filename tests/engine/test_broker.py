"""Hints on the folder and on Redis, and the reconciler that sends them."""

import shutil
from pathlib import Path

import pytest

from engine_support import make_farm
from farm_orchestrator import broker, redis_hints, store
from farm_orchestrator.reconcile import reconcile
from redis_support import PrivateRedis


def hints(url: str | None, home: Path) -> int:
    """How many are waiting."""
    with broker.make_app(url, home).connection_for_read() as connection:
        return int(connection.default_channel.queue_declare(broker.LANES).message_count)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".farm").mkdir()
    return tmp_path / ".farm"


def test_a_hint_waits_until_somebody_takes_it(home: Path, broker_url: str | None) -> None:
    kick = broker.kicker(broker.make_app(broker_url, home))
    assert [kick("b0"), kick("b1")] == [True, True]
    assert hints(broker_url, home) == 2


def test_hints_that_nobody_takes_do_not_add_up_on_a_redis(
    home: Path, redis_server: PrivateRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead farm's queue stays short, and the newest hints stay in it."""
    monkeypatch.setattr(redis_hints, "WAITING", 5)
    app = broker.make_app(redis_server.url, home)
    assert all(broker.sender(app)(f"b{number}", broker.LANES) for number in range(8))
    assert hints(redis_server.url, home) == 5
    with app.connection_for_read() as connection, connection.SimpleQueue(broker.LANES) as queue:
        assert [queue.get(timeout=10).payload[0] for _ in range(5)] == [[f"b{number}"] for number in range(3, 8)]


def test_hints_that_nobody_takes_do_not_add_up_in_a_folder(home: Path) -> None:
    """However often a board is hinted at, one hint waits for it."""
    app = broker.make_app(None, home)
    for _ in range(3):
        assert all(broker.sender(app)(f"b{number}", broker.LANES) for number in range(8))
    assert hints(None, home) == 8
    with app.connection_for_read() as connection, connection.SimpleQueue(broker.LANES) as queue:
        taken = [queue.get(timeout=10) for _ in range(8)]
        for hint in taken:
            hint.ack()
    assert sorted(hint.payload[0][0] for hint in taken) == [f"b{number}" for number in range(8)]
    assert hints(None, home) == 0


def test_a_queue_on_a_redis_goes_in_the_end(home: Path, redis_server: PrivateRedis) -> None:
    assert broker.kicker(broker.make_app(redis_server.url, home))("b0")
    key = next(key for key in str(redis_server.say("KEYS", "farm:*")).split("'") if key.endswith(":lanes"))
    assert 0 < int(str(redis_server.say("PTTL", key))) <= redis_hints.FORGOTTEN_MS
    assert redis_server.say("LLEN", key) == "1"


def test_a_new_engine_begins_with_an_empty_folder_and_leaves_the_rest_alone(home: Path) -> None:
    broker.kicker(broker.make_app(None, home))("b0")
    (home / "broker" / "notes.txt").write_text("mine")
    broker.empty(None, home)
    assert hints(None, home) == 0
    assert [file.name for file in (home / "broker").iterdir()] == ["notes.txt"]


def test_a_folder_that_vanishes_is_made_again(home: Path) -> None:
    kick = broker.kicker(broker.make_app(None, home))
    kick("b0")
    shutil.rmtree(home / "broker")
    assert hints(None, home) == 0
    assert kick("b0")
    assert hints(None, home) == 1


def test_a_folder_that_cannot_be_written_takes_no_hint(home: Path) -> None:
    (home / "broker").write_text("a file is in the way")
    assert not broker.kicker(broker.make_app(None, home))("b0")


def test_a_redis_that_is_gone_takes_no_hint_and_one_that_is_back_does(home: Path, redis_server: PrivateRedis) -> None:
    kick = broker.kicker(broker.make_app(redis_server.url, home))
    assert kick("b0")
    redis_server.kill()
    assert not kick("b0")
    redis_server.start()
    assert kick("b0")
    assert hints(redis_server.url, home) == 1, "the new Redis knows nothing of the old one's hints"


def test_two_farms_on_one_redis_do_not_hear_each_other(tmp_path: Path, redis_server: PrivateRedis) -> None:
    broker.kicker(broker.make_app(redis_server.url, tmp_path / "one"))("b0")
    assert hints(redis_server.url, tmp_path / "two") == 0
    assert hints(redis_server.url, tmp_path / "one") == 1
    keys = redis_server.say("KEYS", "*")
    assert keys is not None
    assert keys.count("farm:") == keys.count("'") / 2, keys


def test_the_reconciler_hints_once_and_again_when_the_hint_was_not_taken(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, boards=3)
    sent: list[str] = []

    def broken(board: str) -> bool:
        sent.append(board)
        return board != "b1"

    reconcile(farm.store, broken)
    assert sent == ["b0", "b1"], "after a broker that fails the rest is not tried"
    sent.clear()
    reconcile(farm.store, broken)
    assert sent == ["b1"]
    sent.clear()

    def whole(board: str) -> bool:
        sent.append(board)
        return True

    reconcile(farm.store, whole)
    reconcile(farm.store, whole)
    assert sent == ["b1", "b2"], "a hint is not sent again at once"


def test_the_reconciler_closes_runs_that_owe_nothing(tmp_path: Path) -> None:
    farm = make_farm(tmp_path)
    run = farm.parts[0].run
    assert reconcile(farm.store, lambda _: True) == []
    store.cancel(farm.store, run)
    assert reconcile(farm.store, lambda _: True) == [run]
