"""What reaches a worker of a shared farm from Redis, and what it may do there."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from engine_support import make_farm
from farm_orchestrator import broker, store
from farm_orchestrator.errors import FarmError, Unreachable, UsageError
from farm_orchestrator.model import Json
from farm_orchestrator.reconcile import Pools, served
from farm_orchestrator.roster import Roster, compared, make_roster
from farm_orchestrator.store import Crew, Store
from farm_orchestrator.store.identity import identity
from redis_support import PrivateRedis
from run_support import wait_for
from shared_support import Rack, make_host, variants
from tls_support import TlsRedis

LEAST = [("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("SHUTDOWN",), ("ACL", "LIST"), ("SWAPDB", "0", "1"),
         ("GET", "other"), ("SET", "other", "x"), ("PUBLISH", "other", "x"), ("REPLICAOF", "NO", "ONE")]  # fmt: skip


@pytest.fixture
def tls() -> Iterator[TlsRedis]:
    with TlsRedis() as server:
        yield server


@pytest.fixture
def shared(pg_url: str) -> Iterator[Store]:
    with Store.open(pg_url) as opened:
        yield opened


class Bomb:
    """Would make a file where somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (_touch, (str(self.path),))


def _touch(path: str) -> None:
    Path(path).touch()


def crew(name: str, *boards: str) -> Crew:
    roster = Roster(name, {board: {} for board in boards})
    return Crew(name, "host", 1, roster.pool, boards, "0.1.0", len(boards))


def test_what_is_forged_into_redis_is_logged_and_never_done(
    tmp_path: Path, pg_url: str, redis_server: PrivateRedis
) -> None:
    rack = Rack(tmp_path / "rack", ("b0",))
    host = make_host(tmp_path / "host", (pg_url, redis_server.url), rack)
    with Store.open(pg_url) as state, host.worker("--boards", "*") as worker:
        site, pool = identity(state), store.living(state)[0].pool
        forge(redis_server, site, pool, tmp_path / "done")
        for text in ("dropped what is no message", "dropped a hint that names no board of this worker", "os.system",
                     "ContentDisallowed"):  # fmt: skip
            wait_for(lambda: worker.said(text), f"{text!r} in the log", 60)  # noqa: B023 - waited for here
        assert not list(tmp_path.glob("done*")), "nothing of it was executed"
        assert state.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM board").scalar_one()) == 0
        said = host.farm("run", variants(tmp_path / "models"), "--preset", "quick", "--max-blocks", "8")
        assert said.code == 0, (said.err, worker.log.read_text())
        assert worker.process.poll() is None


def forge(server: PrivateRedis, site: str, pool: str, path: Path) -> None:
    for raw in (
        "garbage",
        "[" * 100_000,
        "[]",
        "null",
        "17",
        '{"a": 1}',
        '{"body": "x", "headers": {}, "properties": {}}',
    ):
        server.say("LPUSH", f"farm:{site}:{pool}", raw)
    app = broker.make_app(server.url, path.parent, site)
    with app.connection_for_write() as connection:
        producer = connection.Producer()
        producer.publish(b"[" * 100_000, routing_key=pool, content_type="application/json", content_encoding="utf-8",
                         headers={"task": "lane", "id": "1"})  # fmt: skip
        for kind in ("application/x-python-serialize", "application/json"):
            producer.publish(pickle.dumps(Bomb(path.with_name("done-by-pickle"))), routing_key=pool, content_type=kind,
                             content_encoding="binary", headers={"task": "lane", "id": "1"})  # fmt: skip
        for name, words in (("os.system", (f"touch {path}",)), ("lane", ("nobody",)), ("lane", (17,)), ("lane", ()),
                            ("lane", ("b0", "b1")), ("lane", ({"b0": 1},)), ("lane", ("../../b0",))):  # fmt: skip
            app.send_task(name, words, queue=pool, retry=False)
        app.send_task("lane", kwargs={"board": "b0"}, queue=pool, retry=False)


def test_the_least_account_carries_hints_over_tls_and_may_do_nothing_else(tls: TlsRedis, tmp_path: Path) -> None:
    import redis

    app = broker.make_app(tls.url(), tmp_path, "site")
    broker.reach(app)
    assert broker.sender(app)("b0", "lanes-x")
    with tls.client("default") as client:
        assert client.llen("farm:site:lanes-x") == 1
        assert all(key.startswith(b"farm:site:") for key in client.keys("*"))
    with tls.client("farmw") as client:
        for command in LEAST:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)
    with tls.client() as client, pytest.raises(redis.exceptions.AuthenticationError):
        client.llen("farm:site:lanes-x")


@pytest.mark.parametrize(("authority", "host"), [("stranger", "localhost"), ("authority", "127.0.0.1")])
def test_a_server_that_cannot_show_who_it_is_gets_no_hint(
    tls: TlsRedis, tmp_path: Path, authority: str, host: str
) -> None:
    app = broker.make_app(tls.url(getattr(tls, authority), host), tmp_path, f"{authority}-{host}")
    with pytest.raises(FarmError, match="CERTIFICATE_VERIFY_FAILED"):
        broker.reach(app)
    assert not broker.sender(app)("b0", "lanes-x")


def test_a_hint_goes_to_a_living_worker_that_serves_the_board(shared: Store) -> None:
    one, two, gone = crew("one", "a1", "a2"), crew("two", "a2", "a3"), crew("gone", "a4")
    for each in (one, two, crew("three", "a2", "a3"), crew("beat"), gone):
        store.greet(shared, each, 60.0)
    store.part_with(shared, "gone")
    assert served(shared) == {"a1": [one.pool], "a2": sorted({one.pool, two.pool}), "a3": [two.pool]}
    sent: list[tuple[str, str]] = []

    def send(board: str, queue: str) -> bool:
        sent.append((board, queue))
        return True

    pools = Pools(shared, send)
    assert [pools.kick(board) for board in ("a1", "a3", "a4")] == [True, True, True]
    assert sent == [("a1", one.pool), ("a3", two.pool)], "nobody serves a4: a hint would lie there"
    assert not Pools(shared, lambda *_: False).kick("a1"), "a broker that takes nothing is told"


def test_a_worker_is_forgotten_when_it_falls_silent(shared: Store) -> None:
    store.greet(shared, crew("one", "a1"), 60.0)
    store.greet(shared, crew("one", "a1", "a2"), 0.0)
    wait_for(lambda: not store.living(shared), "its time to be over")
    store.greet(shared, crew("one", "a1", "a2"), 60.0)
    assert [each.boards for each in store.living(shared)] == [("a1", "a2")]


def test_the_first_farm_at_a_store_says_its_version(shared: Store) -> None:
    store.check_version(shared, version("benchfarm"))
    store.check_version(shared, version("benchfarm"))
    with pytest.raises(UsageError, match="farm store upgrade"):
        store.check_version(shared, "0.0.1")


BOARD: Json = {
    "name": "b0", "host": "10.0.0.1", "port": 22, "user": "pi", "key": "/home/me/id", "base": "base", "labels": {},
    "ssh": {"alias": None, "identities": ["/home/me/id"], "known_hosts": ["/home/me/known"], "agent": "", "gateway":
            {"name": "jump", "host": "jump", "port": 22, "user": "me", "ssh": {"identities": ["/x"], "gateway": None}}},
}  # fmt: skip


def test_machines_may_have_other_keys_and_other_files_but_mean_the_same_board() -> None:
    elsewhere = {**BOARD, "key": "/home/you/id", "labels": {"site": "lab"}, "ssh": {**BOARD["ssh"], "identities": [], "agent": None,
                 "known_hosts": ["/etc/known"]}}  # fmt: skip
    assert compared(elsewhere) == compared(BOARD)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"host": "10.0.0.2"}, "host"), ({"python": "/opt/python"}, "python"), ({"cpus": "0"}, "cpus"),
     ({"ssh": {**BOARD["ssh"], "gateway": None}}, "ssh.gateway"), ({"ssh": {**BOARD["ssh"], "alias": "x"}}, "ssh.alias")],
)  # fmt: skip
def test_a_board_that_is_reached_or_measured_in_another_way_is_another(change: Json, field: str) -> None:
    mine, theirs = compared(BOARD), compared({**BOARD, **change})
    assert [name for name in mine | theirs if mine.get(name) != theirs.get(name)] == [field]


def test_a_worker_names_what_differs_and_never_opens_a_board_that_it_does_not_serve(tmp_path: Path) -> None:
    part = make_farm(tmp_path).parts[0]
    assert Roster("me", {"b0": part.board}).refusal(part) is None
    why = Roster("me", {"b0": {**part.board, "sysroot": "/x", "cpus": "0"}}).refusal(part)
    assert why == "the inventory of the worker me differs from that of the run in cpus, sysroot: it did not connect"
    with pytest.raises(Unreachable, match="does not serve b0"):
        Roster("me", {}).own(part)


def test_a_board_that_ssh_cannot_resolve_keeps_no_other_from_being_served() -> None:
    found = make_roster("me", [{"name": "ok", "local": True}, {"name": "odd", "host": "-oProxyCommand=x"}])
    assert list(found.boards) == ["ok"]


@pytest.mark.parametrize(("told", "code"), [("ask", 0), ("set", 1)])
def test_a_worker_that_ends_since_something_broke_says_so_to_whoever_starts_it_again(told: str, code: int) -> None:
    """A thread that dies sets `stopping`; a signal and the end of a command ask for it."""
    text = f"""
from unittest.mock import Mock
from farm_orchestrator import tasks, world
stopping = world.Stopping()
stopping.{told}()
tasks.end(Mock(stopping=stopping), tasks.Lanes())
"""
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == code
