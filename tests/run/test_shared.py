"""A farm that several machines share: workers with inventories and clocks of their own, one PostgreSQL, one Redis, no folder."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator import store as stored
from farm_orchestrator.model import LaunchRow
from farm_orchestrator.store import Store
from postgres_support import PrivatePostgres
from redis_support import PrivateRedis
from run_support import broken_promises, heard, wait_for
from shared_support import Host, Rack, alive, make_host, nothing_left, variants
from tls_support import PASSWORD, TlsRedis

BRIEF = ("--preset", "quick", "--max-blocks", "8")
ALL = ("--boards", "*")


@pytest.fixture(scope="module")
def redis() -> Iterator[PrivateRedis]:
    with PrivateRedis() as server:
        yield server


@pytest.fixture
def rack(tmp_path: Path) -> Rack:
    return Rack(tmp_path / "rack", ("b0", "b1"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return variants(tmp_path / "models")


def launches(url: str, run: str = "last") -> list[LaunchRow]:
    with Store.open(url) as store:
        return stored.launches(store, stored.find_run(store, run))


def as_dicts(rows: list[LaunchRow]) -> list[dict[str, Any]]:
    return [{**vars(row), "run": row.run} for row in rows if row.state != "superseded"]


def not_whole(host: Host, rows: list[LaunchRow]) -> list[str]:
    """Committed launches whose samples or transcript are not in the run's folder on that machine, byte for byte."""
    folder = host.folder / "runs" / rows[0].run
    files = [
        (f"transcripts/{row.id}.{row.fence}.jsonl", row.transcript_sha256) for row in rows if row.transcript_sha256
    ]
    files += [(row.file, row.file_sha256) for row in rows if row.file and row.file_sha256]
    assert files
    return [name for name, sha256 in files if not _is(folder / name, sha256)]


def _is(path: Path, sha256: str | None) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def overlaps(rack: Rack) -> list[str]:
    """Launches that began while another one ran on the same board, by the board's own journal."""
    found, at_work = [], None
    for name in rack.names:
        for line in rack.journal(name):
            if line["event"] == "start" and at_work:
                found.append(f"{name}: {line['launch']} during {at_work}")
            at_work = line["launch"] if line["event"] == "start" else None
    return found


@pytest.fixture
def owner(postgres: PrivatePostgres) -> Iterator[str]:
    """The URL by which the owner reaches an empty database `fleet`, where the role `hand` may log in, and no more."""
    url = postgres.create("fleet")
    try:
        postgres.say("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "fleet")  # older servers begin with it granted
        postgres.say("CREATE ROLE hand LOGIN")
        yield url
    finally:
        postgres.drop("fleet")
        postgres.say("DROP ROLE IF EXISTS hand")


def test_two_machines_ten_minutes_apart_measure_what_a_third_one_hands_over(
    tmp_path: Path, rack: Rack, models: Path, postgres: PrivatePostgres, owner: str
) -> None:
    """Over TLS with the least account of Redis, and a role of the database that may not make or alter a table."""
    with TlsRedis() as redis:
        url = postgres.url("fleet", "hand")
        one = make_host(tmp_path / "one", (url, redis.url()), rack, "b0", ahead_s=600)
        two = make_host(tmp_path / "two", (url, redis.url()), rack, "b1", ahead_s=-600)
        desk = make_host(tmp_path / "desk", (url, redis.url()), rack)
        boss = make_host(tmp_path / "boss", (owner, redis.url()), rack)
        refused = desk.farm("run", models, *BRIEF)
        assert refused.code != 0
        said = boss.farm("store", "upgrade", "--grant", "hand")
        assert said.code == 0, said.err
        with pytest.raises(Exception, match="permission denied for schema"):
            postgres.say("CREATE TABLE mine (x int)", "fleet", "hand")
        with one.worker(*ALL, "--beat") as first, two.worker(*ALL) as second:
            said = desk.farm("run", models, *BRIEF)
            logs = (first.log.read_text(), second.log.read_text())
        assert said.code == 0, (said.err, logs)
        rows = launches(owner)
        assert {row.board for row in rows if row.state == "done"} == {"b0", "b1"}
        assert broken_promises(as_dicts(rows)) == []
        assert not_whole(desk, rows) == []
        assert overlaps(rack) == []
        assert not [file for host in (one, two) for file in host.folder.glob("runs/*/*/*.*")], "a worker keeps nothing"
        times = [row.t0 for row in rows if row.t0] + [row.t1 for row in rows if row.t1]
        assert max(times) - min(times) < 300, "both are told by the clock of the server"
        assert "traceback" not in "".join(logs).lower()
        assert PASSWORD not in "".join(logs)
        wait_for(lambda: nothing_left(one, two, desk), "all processes to end")


def test_a_worker_that_is_killed_costs_nothing_but_time(
    tmp_path: Path, rack: Rack, models: Path, pg_url: str, redis: PrivateRedis
) -> None:
    one, two, desk = (make_host(tmp_path / name, (pg_url, redis.url), rack) for name in ("one", "two", "desk"))
    rack.base("b0").mkdir(parents=True)
    rack.hold("b0").touch()
    with one.worker(*ALL) as first:
        command = desk.desk.start("run", models, *BRIEF)
        wait_for(
            lambda: any(line["launch"] for line in rack.journal("b0")[-1:] if line["event"] == "start"), "a launch"
        )
        first.kill()
        rack.hold("b0").unlink()
        with two.worker(*ALL):
            said = heard(command)
    assert said.code == 0, said.err
    rows = launches(pg_url)
    assert "worker_lost" in {row.outcome for row in rows}
    assert broken_promises(as_dicts(rows)) == []
    assert not_whole(desk, rows) == []


def test_a_worker_that_is_told_to_stop_leaves_its_boards_to_others_at_once(
    tmp_path: Path, rack: Rack, models: Path, pg_url: str, redis: PrivateRedis
) -> None:
    one, two, desk = (make_host(tmp_path / name, (pg_url, redis.url), rack) for name in ("one", "two", "desk"))
    rack.base("b0").mkdir(parents=True)
    rack.hold("b0").touch()
    with one.worker(*ALL) as first:
        command = desk.desk.start("run", models, *BRIEF)
        wait_for(lambda: any(line["event"] == "start" for line in rack.journal("b0")[-1:]), "a launch")
        assert first.end() == 0
        with Store.open(pg_url) as store:
            assert stored.living(store) == [], "it said that it ends"
        rack.hold("b0").unlink()
        with two.worker(*ALL):
            said = heard(command)
    assert said.code == 0, said.err
    assert broken_promises(as_dicts(launches(pg_url))) == []


def test_a_run_that_nobody_watches_gets_its_word_and_any_machine_has_its_report(
    tmp_path: Path, rack: Rack, models: Path, pg_url: str, redis: PrivateRedis
) -> None:
    worker, desk, other = (
        make_host(tmp_path / name, (pg_url, redis.url), rack) for name in ("worker", "desk", "other")
    )
    left = [desk.farm("run", models, *BRIEF, "--detach") for _ in range(2)]
    assert [said.code for said in left] == [0, 0], left
    assert all("no worker beats" in said.err for said in left), left
    first, second = (said.out.strip() for said in left)
    assert f"farm run --watch {second}" in left[1].err
    assert {row.state for row in launches(pg_url, second)} == {"pending"}, "nobody serves the boards yet"
    with worker.worker(*ALL, "--beat"), Store.open(pg_url) as store:
        wait_for(lambda: stored.load_run(store, first).word and stored.load_run(store, second).word, "both words")
        assert stored.load_run(store, second).word == "measured"
    said = other.farm("report", second, "--json")
    assert (said.code, said.results["run"]["id"], said.results["run"]["status"]) == (0, second, "complete")
    assert not_whole(other, launches(pg_url, second)) == []
    assert (other.folder / "runs" / second / "plan.json").is_file()
    compared = other.farm("compare", first, second)
    assert compared.code == 0, compared.err


def test_without_a_worker_a_run_waits_and_an_interrupt_ends_it(
    tmp_path: Path, rack: Rack, models: Path, pg_url: str, redis: PrivateRedis
) -> None:
    desk = make_host(tmp_path / "desk", (pg_url, redis.url), rack)
    command = desk.desk.start("run", models, *BRIEF)
    with Store.open(pg_url) as store:
        wait_for(lambda: stored.list_runs(store), "the run")
        command.send_signal(signal.SIGINT)
        said = heard(command)
        assert said.code == 130, said.err
        assert "farm run --resume" in said.out
        assert stored.list_runs(store)[0].cancel
    assert not alive(command.pid)


def test_a_worker_whose_inventory_means_another_board_does_not_connect(
    tmp_path: Path, rack: Rack, models: Path, pg_url: str, redis: PrivateRedis
) -> None:
    desk = make_host(tmp_path / "desk", (pg_url, redis.url), rack)
    odd = make_host(tmp_path / "odd", (pg_url, redis.url), rack, base=str(tmp_path / "elsewhere"), sysroot="/other")
    with odd.worker(*ALL) as worker:
        said = desk.farm("run", models, *BRIEF, "--json")
        assert worker.said("base is '")
    assert said.code == 4, said.err
    reasons = {cell["reason"] for cell in said.results["cells"]}
    assert all("differs from that of the run in base, sysroot: it did not connect" in reason for reason in reasons)
    assert {cell["state"] for cell in said.results["cells"]} == {"not_run"}
    assert {row.state for row in launches(pg_url)} == {"skipped"}
    assert not rack.base("b0").exists()


def test_farms_of_another_version_are_refused_with_how_to_upgrade(
    tmp_path: Path, rack: Rack, models: Path, pg_url: str, redis: PrivateRedis
) -> None:
    host = make_host(tmp_path / "host", (pg_url, redis.url), rack)
    with Store.open(pg_url) as store:
        stored.set_version(store, "9.9.9")
    for words in (("worker", *ALL), ("run", str(models), *BRIEF)):
        said = host.farm(*words)
        assert said.code == 2, said
        assert "is of benchfarm 9.9.9, this is" in said.err
        assert "farm store upgrade" in said.err
    assert host.farm("store", "upgrade").code == 0
    with Store.open(pg_url) as store:
        stored.check_version(store, version("benchfarm"))


def test_a_database_that_is_behind_or_ahead_is_refused(
    tmp_path: Path, rack: Rack, models: Path, postgres: PrivatePostgres, redis: PrivateRedis
) -> None:
    url = postgres.create("behind")
    host = make_host(tmp_path / "host", (url, redis.url), rack)
    assert host.farm("store", "upgrade").code == 0
    behind = ("UPDATE alembic_version SET version_num = '0001'", "Run `farm store upgrade` once")
    ahead = ("UPDATE alembic_version SET version_num = '0999'", "was written by a newer farm")
    for change, text in (behind, ahead):
        postgres.say(change, "behind")
        for words in (("worker", *ALL), ("run", str(models), *BRIEF), ("report", "last")):
            said = host.farm(*words)
            assert said.code == 4, said
            assert text in said.err
    postgres.drop("behind")


def test_a_redis_that_dies_with_all_it_knows_costs_nothing(
    tmp_path: Path, rack: Rack, models: Path, pg_url: str
) -> None:
    with PrivateRedis() as redis:
        host, desk = (make_host(tmp_path / name, (pg_url, redis.url), rack) for name in ("host", "desk"))
        redis.kill()
        with host.worker(*ALL):
            command = desk.desk.start("run", models, *BRIEF)
            with Store.open(pg_url) as store:
                wait_for(lambda: stored.list_runs(store), "the run, though nobody carries hints")
            redis.start()
            said = heard(command)
    assert said.code == 0, said.err
    assert "the broker does not answer" in said.err
    assert broken_promises(as_dicts(launches(pg_url))) == []


def test_what_a_farm_of_one_machine_cannot_do_is_said(tmp_path: Path, rack: Rack, models: Path) -> None:
    host = make_host(tmp_path / "host", ("", ""), rack)
    for words, text in (
        (("worker",), "the farm of one machine starts its worker by itself"),
        (("store", "upgrade"), "keeps its runs in a file of its own"),
        (
            ("run", str(models), *BRIEF, "--detach"),
            "--detach: the farm of one machine measures as long as its command lives",
        ),
    ):
        said = host.farm(*words)
        assert said.code == 2, said
        assert text in said.err


def test_without_an_inventory_this_machine_is_no_board_of_a_shared_farm(
    tmp_path: Path, rack: Rack, models: Path, pg_url: str, redis: PrivateRedis
) -> None:
    host = make_host(tmp_path / "host", (pg_url, redis.url), rack)
    (host.folder / "farm.yaml").unlink()
    said = host.farm("run", models, *BRIEF)
    assert said.code == 2, said
    assert "this machine is no board of a farm that several share" in said.err
