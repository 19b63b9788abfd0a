"""The doctor at a Redis and a PostgreSQL that several machines share: real ones, in each state that it warns of."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, time

import pytest
from sqlalchemy.engine import make_url

from doctor_support import open_redis
from farm_orchestrator import config
from farm_orchestrator.doctor import Finding, State, farm_facts, of_farm
from farm_orchestrator.doctor.farm_facts import FarmFacts
from farm_orchestrator.store import Crew, Store, greet, quarantine, upgrade_store
from postgres_support import PrivatePostgres
from redis_support import PrivateRedis
from tls_support import PASSWORD, account


@pytest.fixture(scope="module")
def redis() -> Iterator[PrivateRedis]:
    with PrivateRedis() as private:
        yield private


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis: PrivateRedis, pg_url: str, no_settings: None) -> str:
    """A folder whose settings name both; the URL of its store."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet.yaml").write_text("boards: {rack-01: {host: 192.0.2.1}, rack-02: {host: 192.0.2.2}}\n")
    (tmp_path / "farm.yaml").write_text(f"store: {pg_url}\nbroker: {redis.url}\ninventory: fleet.yaml\n")
    return pg_url


def facts() -> FarmFacts:
    settings = config.load()
    boards = tuple(board.to_json() for board in config.boards(settings))
    return farm_facts.look(settings, boards, (time(), monotonic()))


def line(found: FarmFacts, check: str) -> Finding:
    (hit,) = [each for each in of_farm(found) if each.check == check]
    return hit


def unwell(found: FarmFacts) -> dict[str, State]:
    """But for how soon the servers answer: that is a matter of what else this machine does."""
    return {each.check: each.state for each in of_farm(found) if each.state != State.OK and each.check != "latency"}


def crew(version: str, *boards: str, beats: bool = True) -> Crew:
    return Crew(f"host-a:{version}", "host-a", 7, "lanes-1", boards, version, 4, beats)


def rows_only(postgres: PrivatePostgres, url: str) -> str:
    """The URL of an account that may read and write rows, and no more."""
    postgres.say("DROP ROLE IF EXISTS clerk")
    postgres.say("CREATE ROLE clerk LOGIN")
    upgrade_store(url, "clerk")
    return url.replace("//farm@", "//clerk@")


def test_a_shared_farm_with_a_worker_and_a_role_of_rows_only_is_well(
    farm: str, postgres: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = rows_only(postgres, farm)
    try:
        monkeypatch.setenv("FARM_STORE", url)
        with Store.open(url) as store:
            greet(store, crew(facts().fleet.version, "rack-01", "rack-02"), 60.0)  # type: ignore[union-attr]  # it is one
        found = facts()
        assert unwell(found) == {}
        assert "PostgreSQL " in line(found, "database").what
        assert line(found, "role").what == "role clerk, rows only"
        assert line(found, "workers").what == "1 worker on host-a, 1 pool, 4 lanes"
        assert "Redis " in line(found, "latency").what
    finally:
        postgres.say("DROP OWNED BY clerk", str(make_url(farm).database))
        postgres.say("DROP ROLE clerk")


def test_a_role_that_may_change_tables_and_a_farm_without_workers_are_warned_of(farm: str) -> None:
    found = facts()
    assert unwell(found) == {"role": State.WARNING, "workers": State.WARNING}
    assert "farm store upgrade --grant" in str(line(found, "role").mend)
    assert "farm worker" in str(line(found, "workers").mend)


@pytest.mark.parametrize(
    ("revision", "what", "mend"),
    [("0001", "of schema 0001, this farm needs", "farm store upgrade"), ("9999", "this farm knows", "pip install -U")],
)
def test_a_database_one_migration_behind_or_ahead_is_a_fault(
    farm: str, postgres: PrivatePostgres, revision: str, what: str, mend: str
) -> None:
    name = str(make_url(farm).database)
    postgres.say("UPDATE alembic_version SET version_num = '{}'".format(revision), name)  # noqa: S608, UP032 - of this list
    hit = line(facts(), "schema")
    assert hit.state == State.FAULT
    assert what in hit.what
    assert mend in str(hit.mend)


def test_an_empty_database_and_one_that_does_not_answer_are_faults(
    farm: str, postgres: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(make_url(farm).database)
    postgres.say("DROP SCHEMA public CASCADE", name)
    postgres.say("CREATE SCHEMA public", name)
    assert line(facts(), "schema").what == "it has no tables yet"
    monkeypatch.setenv("FARM_STORE", "postgresql+psycopg://me:hunter2@127.0.0.1:9/farm")
    found = facts()
    hit = line(found, "database")
    assert hit.state == State.FAULT
    assert "hunter2" not in str(of_farm(found))


def test_workers_of_another_version_and_boards_that_nobody_serves_are_warned_of(farm: str) -> None:
    with Store.open(farm) as store:
        greet(store, crew("0.0.1", "rack-01"), 60.0)
    found = facts()
    assert "workers of benchfarm 0.0.1 live" in line(found, "workers").what
    assert line(found, "served").what == "nobody serves rack-02"


def test_workers_of_which_none_looks_after_the_runs_are_warned_of(farm: str) -> None:
    mine = facts().fleet.version  # type: ignore[union-attr]  # it is one
    with Store.open(farm) as store:
        greet(store, crew(mine, "rack-01", "rack-02", beats=False), 60.0)
        hit = line(facts(), "workers")
        assert (hit.state, hit.what) == (State.WARNING, "no worker beats")
        assert "farm worker --beat" in str(hit.mend)
        greet(store, crew(mine, beats=True), 60.0)
    assert line(facts(), "workers").state == State.OK


def test_boards_that_take_no_work_are_warned_of_with_the_command_that_ends_it(farm: str) -> None:
    with Store.open(farm) as store:
        quarantine(store, "rack-02", "the fan is broken")
    hit = line(facts(), "held")
    assert (hit.state, hit.what) == (State.WARNING, "rack-02 is quarantined: the fan is broken")
    assert "farm boards release rack-02" in str(hit.mend)


def test_a_redis_that_throws_keys_away_is_warned_of(farm: str, redis: PrivateRedis) -> None:
    redis.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert line(facts(), "evictions").state == State.OK, "without a limit nothing is thrown away"
    redis.say("CONFIG", "SET", "maxmemory", "100mb")
    try:
        hit = line(facts(), "evictions")
        assert (hit.state, hit.what) == (State.WARNING, "it throws keys away when it is full (allkeys-lru)")
    finally:
        redis.say("CONFIG", "SET", "maxmemory", "0")


def test_an_account_with_few_rights_is_asked_for_no_more_than_it_may_say(
    farm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import redis

    with open_redis(tmp_path) as url:
        with redis.Redis.from_url(url) as client:
            client.execute_command(*account())
        monkeypatch.setenv("FARM_BROKER", url.replace("redis://", f"redis://farmw:{PASSWORD}@"))
        found = facts()
    assert found.broker is not None
    assert found.broker.error is None
    assert found.broker.policy is None
    assert not {"broker", "brokertls", "account", "evictions"} & set(unwell(found))
    assert PASSWORD not in str(of_farm(found))


def test_servers_that_no_machine_of_ours_has(farm: str) -> None:
    """Far ones without encryption, slow ones, crowded ones, clocks that differ."""
    found = facts()
    assert found.broker is not None
    assert found.fleet is not None
    broker, server = found.broker, found.fleet.server

    def but(**changes: object) -> FarmFacts:
        return replace(found, fleet=replace(found.fleet, server=replace(server, **changes)))  # type: ignore[type-var, arg-type]  # it is there

    cases = [
        (replace(found, broker=replace(broker, remote=True)), "brokertls"),
        (replace(found, broker=replace(broker, remote=True, tls=True, user="default")), "account"),
        (replace(found, broker=replace(broker, version="6.0.16")), "broker"),
        (replace(found, broker=replace(broker, latency_s=0.2)), "latency"),
        (but(remote=True), "storetls"),
        (but(offset_s=-600.0), "storeclock"),
        (but(left=3), "connections"),
        (but(latency_s=0.3), "latency"),
    ]
    for changed, check in cases:
        hit = line(changed, check)
        assert hit.state == State.WARNING, hit
        assert hit.mend, check
    assert line(but(remote=True, tls=True), "storetls").state == State.OK
