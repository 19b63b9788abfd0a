"""Health on a farm that several machines share: a beat has lost boards looked at, and runs go without those put aside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from farm_orchestrator import store as stored
from farm_orchestrator.store import Store, schema
from farm_orchestrator.store.checks import meet
from redis_support import PrivateRedis
from run_support import wait_for
from shared_support import Rack, make_host, variants

BRIEF = ("--preset", "quick", "--max-blocks", "8")


@pytest.fixture
def redis() -> Iterator[PrivateRedis]:
    with PrivateRedis() as server:
        yield server


def kinds(store: Store, board: str) -> list[str]:
    query = select(schema.event.c.kind).where(schema.event.c.board == board).order_by(schema.event.c.id)
    return list(store.read(lambda c: c.execute(query).scalars()))


def test_a_beat_has_a_lost_board_looked_at_and_one_that_is_well_comes_back(
    tmp_path: Path, pg_url: str, redis: PrivateRedis
) -> None:
    host = make_host(tmp_path / "one", (pg_url, redis.url), Rack(tmp_path / "rack", ("b0", "b1")))
    with Store.open(pg_url) as store:
        for name in ("b0", "b1"):
            meet(store, name)
        stored.board_loss(store, "b0", "no answer")
        stored.quarantine(store, "b1", "the fan is broken")
        with host.worker("--boards", "*", "--beat"):
            wait_for(lambda: "returned" in kinds(store, "b0"), "a look at b0")
        assert kinds(store, "b0") == ["lost", "canary_ok", "returned"]
        assert kinds(store, "b1") == ["quarantined"], "nobody looks at what takes no work"
        assert stored.healths(store)["b0"].losses == 0


def test_a_run_is_told_of_a_board_in_quarantine_and_goes_without_it(
    tmp_path: Path, pg_url: str, redis: PrivateRedis
) -> None:
    rack = Rack(tmp_path / "rack", ("b0", "b1"))
    models = variants(tmp_path / "models")
    host, desk = (make_host(tmp_path / name, (pg_url, redis.url), rack) for name in ("one", "desk"))
    assert desk.farm("boards", "quarantine", "b1", "--reason", "the fan is broken").code == 0
    assert "quarantined since 20" in desk.farm("boards", "ls").out
    with host.worker("--boards", "*", "--beat"):
        said = desk.farm("run", models, *BRIEF, "--min-boards", "1", "--json")
    assert said.code == 0, said.err
    assert "b1 is quarantined: the fan is broken; nothing is run there" in said.err
    cells = {(cell["board"], cell["state"]) for cell in said.results["cells"]}
    assert cells == {("b0", "measured"), ("b1", "not_run")}
    reasons = {cell["reason"] for cell in said.results["cells"] if cell["board"] == "b1"}
    assert reasons == {"quarantined: the fan is broken; farm boards release b1 ends that"}
    away = {one["board"]: one["share"] for one in said.results["availability"]}
    assert away == {"b1": 0.0}
    assert desk.farm("boards", "release", "b1").code == 0
    assert "quarantined" not in desk.farm("boards", "ls").out
