"""The figures of a worker, as the reader of a monitoring system takes them."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

import engine_support as support
from engine_support import Farm, drained, make_farm, world_of
from farm_orchestrator import metrics
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import BOARD_STATES
from farm_orchestrator.store import quarantine
from farm_orchestrator.world import World

Served = tuple[Farm, World, str]


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    made = make_farm(tmp_path, boards=2, blocks=1, python=support.stand_in(tmp_path / "stand-in"))
    yield made
    made.store.close()


@pytest.fixture
def served(farm: Farm) -> Iterator[Served]:
    with world_of(farm) as world:
        server = metrics.serve("127.0.0.1:0", world, lambda: 3)
        yield farm, world, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()


def read(url: str) -> dict[tuple[str, str], float]:
    """By name and the one label."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:  # noqa: S310 - our own address
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        text = answer.read().decode()
    samples: Any = [sample for family in parse(text) for sample in family.samples]  # type: ignore[no-untyped-call] # theirs
    return {(each.name, next(iter(each.labels.values()), "")): each.value for each in samples}


def test_what_waits_runs_and_ended_is_told(served: Served) -> None:
    farm, world, url = served
    before = read(url)
    owed = len(farm.rows())
    assert before["farm_queue_launches", ""] == owed
    assert before["farm_boards", "free"] == 2
    assert drained(world) == []
    after = read(url)
    assert after["farm_launches_total", "done"] == after["farm_commit_seconds_count", ""] == owed / 2
    assert after["farm_commit_seconds_bucket", "+Inf"] == owed / 2
    assert after["farm_commit_seconds_sum", ""] > 0
    assert after["farm_queue_launches", ""] == owed / 2
    assert (after["farm_lanes", ""], after["farm_leases", ""], after["farm_store_up", ""]) == (3, 0, 1)
    assert 0 <= after["farm_heartbeat_age_seconds", ""] < support.DEADLINE_S


def test_a_board_that_is_held_is_connecting_and_one_in_quarantine_is_not_free(served: Served) -> None:
    farm, world, url = served
    lease = world.leases.hold("b0")
    assert lease is not None
    quarantine(farm.store, "b1", "smells of smoke")
    found = read(url)
    assert {name: found["farm_boards", name] for name in BOARD_STATES} == {
        "measuring": 0, "connecting": 1, "quarantined": 1, "free": 0, "lost": 0, "drained": 0,
    }  # fmt: skip
    assert found["farm_leases", ""] == 1


def test_a_store_that_is_away_leaves_the_worker_s_own_figures(served: Served) -> None:
    farm, _, url = served
    with farm.store._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE board RENAME TO elsewhere")
    found = read(url)
    assert found["farm_store_up", ""] == 0
    assert found["farm_lanes", ""] == 3
    assert not any(name == "farm_boards" for name, _ in found)


def test_a_figure_keeps_all_its_digits() -> None:
    family = metrics.Family("farm_x", "counter", "X.", (("_total", {}, 12_345_678.0), ("_total", {"of": "b0"}, 0.1)))
    assert list(family.lines())[2:] == ["farm_x_total 12345678", 'farm_x_total{of="b0"} 0.1']


def test_many_readers_at_once_are_answered(served: Served) -> None:
    _, _, url = served
    found: list[float] = []
    readers = [threading.Thread(target=lambda: found.append(read(url)["farm_lanes", ""])) for _ in range(12)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert found == [3] * 12


def test_nothing_but_the_figures_is_served(served: Served) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{served[2]}/", timeout=60)  # noqa: S310 - our own address


@pytest.mark.parametrize("address", ["9464x", "localhost", "127.0.0.1:99999", ""])
def test_an_address_that_is_none_is_refused_with_words(address: str, farm: Farm) -> None:
    with world_of(farm) as world, pytest.raises(UsageError, match=r"write it like 127\.0\.0\.1:9464"):
        metrics.serve(address, world, lambda: 0)


def test_a_port_that_is_taken_is_told(served: Served) -> None:
    _, world, url = served
    with pytest.raises(UsageError, match="nobody can listen there"):
        metrics.serve(url.removeprefix("http://"), world, lambda: 0)
