"""Beats of a shared farm hold the nights: one run of each, its report kept, what was good last made."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator import store as stored
from farm_orchestrator.plan.nights import CATCH_UP_S
from farm_orchestrator.store import RunRow, Store
from nightly_support import schedule
from redis_support import PrivateRedis
from run_support import wait_for
from shared_support import Host, Rack, make_host, nothing_left, variants

EARS = "import sys; open('heard', 'a').write(sys.stdin.read() + '\\n')"
LATE_S = 300.0
OWN = Path("/proc/self/cwd/models")  # each machine has its own folder under this name, or none


@pytest.fixture(scope="module")
def redis() -> Iterator[PrivateRedis]:
    with PrivateRedis() as server:
        yield server


def add_due(url: str, models: Path, late_s: float = LATE_S, catch_up_s: float = CATCH_UP_S) -> None:
    """A schedule that was made yesterday, and was due some minutes ago."""
    now = time.time()
    at = f"{datetime.fromtimestamp(now - late_s, UTC):%H:%M}"
    asked = {**schedule().run, "variants": str(models), "max_blocks": 8}
    with Store.open(url, lambda: now - 86400) as state:
        stored.add_schedule(state, schedule(at=at, zone="UTC", run=asked, catch_up_s=catch_up_s))


def runs(url: str) -> list[RunRow]:
    with Store.open(url) as state:
        return stored.list_runs(state)


def ears(*hosts: Host) -> None:
    for host in hosts:
        words = json.dumps([sys.executable, "-c", EARS])
        (host.folder / "farm.yaml").write_text(f"inventory: inventory.yaml\nnotify: {{command: {words}}}\n")


def heard(*hosts: Host) -> list[Any]:
    files = [host.folder / "heard" for host in hosts]
    return [json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()]


def test_two_beats_hold_one_night_keep_its_report_and_make_what_is_good(
    tmp_path: Path, pg_url: str, redis: PrivateRedis
) -> None:
    rack = Rack(tmp_path / "rack", ("b0", "b1"))
    hosts = [
        make_host(tmp_path / name, (pg_url, redis.url), rack, board) for name, board in (("one", "b0"), ("two", "b1"))
    ]
    for host in hosts:  # each serves one board, and knows both
        rack.inventory(host.folder / "inventory.yaml")
    ears(*hosts)
    add_due(pg_url, variants(tmp_path / "models"))
    with hosts[0].worker("--boards", "b0", "--beat") as one, hosts[1].worker("--boards", "b1", "--beat") as two:
        wait_for(lambda: any(row.word for row in runs(pg_url)), f"the word of a night {one.log} {two.log}")
        (row,) = runs(pg_url)
        with Store.open(pg_url) as state:
            wait_for(lambda: len(stored.last_good(state)) == 4, "what is good from now on")
            assert {each.run for each in stored.last_good(state)} == {row.id}
    assert (row.word, row.schedule) == ("measured", "head")
    assert [host for host in hosts if (host.folder / "runs" / row.id / "report.html").is_file()]
    assert heard(*hosts) == []
    said = hosts[0].farm("nightly", "ls")
    assert f"{row.id} measured" in said.out
    wait_for(lambda: nothing_left(*hosts), "all processes to end")


def test_a_night_without_its_directory_is_told_by_one_beat_once(
    tmp_path: Path, pg_url: str, redis: PrivateRedis
) -> None:
    rack = Rack(tmp_path / "rack", ("b0",))
    hosts = [make_host(tmp_path / name, (pg_url, redis.url), rack) for name in ("one", "two")]
    ears(*hosts)
    add_due(pg_url, tmp_path / "gone", late_s=900, catch_up_s=1400)  # what nobody began until the last ten minutes
    with hosts[0].worker("--beat"), hosts[1].worker("--beat"):
        wait_for(lambda: heard(*hosts), "somebody to hear of it")
    (document,) = heard(*hosts)
    assert [change["kind"] for change in document["changes"]] == ["not_begun"]
    assert str(tmp_path / "gone") in document["changes"][0]["text"]
    assert runs(pg_url) == []


def test_a_beat_without_the_directory_leaves_the_night_to_the_one_that_has_it(
    tmp_path: Path, pg_url: str, redis: PrivateRedis
) -> None:
    rack = Rack(tmp_path / "rack", ("b0",))
    hosts = [make_host(tmp_path / name, (pg_url, redis.url), rack) for name in ("one", "two")]
    ears(*hosts)
    variants(hosts[1].folder / OWN.name)
    add_due(pg_url, OWN)
    with hosts[0].worker("--beat") as idle:
        with Store.open(pg_url) as state:
            looked = state.now() + 5
            wait_for(lambda: state.now() > looked, f"some looks at the schedule {idle.log}")
        assert runs(pg_url) == []
        with hosts[1].worker("--beat") as busy:
            wait_for(lambda: runs(pg_url), f"the night {idle.log} {busy.log}")
    assert [row.schedule for row in runs(pg_url)] == ["head"]
    assert heard(*hosts) == []
