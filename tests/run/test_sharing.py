"""Several runs on one fleet: who goes first, who gets which board, and a run that is stopped from outside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator import store as stored
from farm_orchestrator.store import Store
from redis_support import PrivateRedis
from run_support import Desk, broken_promises, heard, nothing_left, wait_for
from shared_support import Rack, make_host, variants

BRIEF = ("--preset", "quick", "--max-blocks", "8", "-q")


@pytest.fixture(scope="module")
def redis() -> Iterator[PrivateRedis]:
    with PrivateRedis() as server:
        yield server


@pytest.fixture
def rack(tmp_path: Path) -> Rack:
    return Rack(tmp_path / "rack", ("b0", "b1", "b2"), {"type": "pi5"})


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return variants(tmp_path / "models")


@pytest.fixture
def desk(tmp_path: Path, rack: Rack) -> Desk:
    """With launches that end at once, unless a board is held."""
    folder = tmp_path / "desk"
    folder.mkdir()
    rack.inventory(folder / "inventory.yaml")
    (folder / "farm.yaml").write_text("inventory: inventory.yaml\n")
    return Desk(folder)


def hold(rack: Rack, *names: str) -> None:
    for name in names:
        rack.base(name).mkdir(parents=True, exist_ok=True)
        rack.hold(name).touch()


def let_go(rack: Rack, *names: str) -> None:
    for name in names:
        rack.hold(name).unlink()


def timing(where: Desk, *boards: str) -> Callable[[], bool]:
    """These boards are at a launch: a held one does not get beyond its first."""
    return lambda: {row["board"] for row in where.launches() if row["state"] == "running"} >= set(boards)


def runs(where: Any) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(where.farm("runs", "--json").out)
    return listed


def whole(rows: list[dict[str, Any]]) -> list[str]:
    return broken_promises([row for row in rows if row["state"] not in {"cancelled", "superseded"}])


def test_a_run_is_cancelled_from_outside_its_boards_are_free_and_its_command_ends_as_after_ctrl_c(
    desk: Desk, rack: Rack, models: Path
) -> None:
    hold(rack, "b0", "b1", "b2")
    first = desk.start("run", models, *BRIEF, "--boards", "b0,b1")
    wait_for(timing(desk, "b0", "b1"), "launches of the first run")
    second = desk.start("run", models, *BRIEF, "--boards", "b2")
    wait_for(timing(desk, "b2"), "a launch of the second run")
    name = runs(desk)[-1]["id"]
    said = desk.farm("runs", "cancel", name)
    assert said.code == 0, said
    assert f"run {name} is cancelled\nfree after " in said.out
    assert "s: b0, b1\n" in said.out
    assert f"go on with: farm run --resume {name}" in said.out
    assert [line["event"] for name in ("b0", "b1") for line in rack.journal(name)][-1] == "end"
    assert not timing(desk, "b0")()
    again = desk.farm("runs", "cancel", name)
    assert (again.code, again.out.splitlines()[0]) == (0, f"run {name} was cancelled already")
    let_go(rack, "b0", "b1", "b2")
    done = heard(second)
    assert done.code == 0, (done.err, "the command that owns the worker stays for the others")
    said = heard(first)
    assert said.code == 130, said
    assert f"farm run --resume {name}" in said.out
    results = json.loads((desk.folder / "runs" / name / "results.json").read_text())
    assert results["run"]["status"] == "partial"
    assert desk.farm("run", "--resume", name, "-q").code == 0
    assert whole(desk.launches()) == []
    said = desk.farm("runs", "cancel", name)
    assert said.code == 2
    assert f"run {name} has ended: " in said.err
    said = desk.farm("runs", "cancel", "nobody")
    assert (said.code, "there is no run 'nobody'" in said.err) == (2, True)
    wait_for(lambda: nothing_left(desk), "all processes to end")


def test_in_a_shared_farm_any_run_can_be_cancelled_and_the_command_writes_its_report(
    tmp_path: Path, rack: Rack, models: Path, pg_url: str, redis: PrivateRedis
) -> None:
    host = make_host(tmp_path / "one", (pg_url, redis.url), rack)
    hold(rack, "b0", "b1")
    with host.worker("--boards", "*"), Store.open(pg_url) as store:
        said = host.farm("run", models, *BRIEF, "--boards", "b0,b1", "--detach")
        assert said.code == 0, said
        run = stored.find_run(store, "last")

        def busy() -> set[str]:
            return {row.board for row in stored.launches(store, run) if row.state == "running"}

        wait_for(lambda: busy() == {"b0", "b1"}, "launches on both boards")
        said = host.farm("runs", "cancel", "last")
        assert said.code == 0, said
        assert "free after " in said.out
        assert "what was measured: " in said.out
        assert (host.folder / "runs" / run / "report.html").exists()
        assert stored.holdings(store, run) == {}
        let_go(rack, "b0", "b1")
        said = host.farm("run", models, *BRIEF, "--boards", "type=pi5:2")
        assert said.code == 0, said


def test_a_higher_priority_overtakes_and_the_first_run_goes_on_behind_it(desk: Desk, rack: Rack, models: Path) -> None:
    hold(rack, "b0")
    first = desk.start("run", models, *BRIEF, "--boards", "b0")
    wait_for(timing(desk, "b0"), "a launch of the first run")
    second = desk.start("run", models, "--preset", "quick", "--max-blocks", "8", "--boards", "b0", "--priority", "3")
    wait_for(lambda: len(runs(desk)) == 2, "the second run")
    urgent, patient = runs(desk)
    assert (urgent["priority"], urgent["queue"]["place"], patient["queue"]["place"]) == (3, 1, 2)
    assert (urgent["measured_s"], patient["queue"]["held"]) == (None, ["b0"])
    assert patient["queue"]["finish"] > urgent["queue"]["finish"]
    text = desk.farm("runs").out.splitlines()
    assert text[0].split() == ["queue", "run", "priority", "boards", "launches", "left", "through"]
    assert text[1].split()[:6] == ["1", urgent["id"], "3", "0", "of", "1"]
    let_go(rack, "b0")
    heard_first, heard_second = heard(first), heard(second)
    assert (heard_first.code, heard_second.code) == (0, 0), (heard_first.err, heard_second.err)
    assert "through at about " in heard_second.err
    done = sorted((row for row in desk.launches() if row["state"] == "done"), key=lambda row: float(row["t0"]))
    order = [run for run, _ in groupby(row["run"] for row in done)]
    assert order == [patient["id"], urgent["id"], patient["id"]]
    begun = [row for row in done if row["run"] == patient["id"]]
    assert len(list(groupby(row["block"] for row in begun))) == len({row["block"] for row in begun}), "a block was torn"
    ended = {each["id"]: each for each in runs(desk)}
    assert ended[urgent["id"]]["waited_s"] > 0
    assert ended[urgent["id"]]["queue"] is None


def in_half_a_day() -> str:
    return f"{datetime.now() + timedelta(hours=12):%H:%M}"  # noqa: DTZ005 - what a person reads off the clock


def test_any_two_boards_are_those_that_are_free(desk: Desk, rack: Rack, models: Path) -> None:
    said = desk.farm("run", models, *BRIEF, "--boards", "type=pi5:2", "--dry-run")
    assert said.code == 0, said
    assert "boards: b0, b1, chosen by 'type=pi5:2'" in said.out
    assert not desk.state.exists()
    hold(rack, "b0")
    first = desk.start("run", models, *BRIEF, "--boards", "b0")
    wait_for(timing(desk, "b0"), "a launch of the first run")
    said = desk.farm("run", models, *BRIEF, "--boards", "type=pi5:2", "--until", in_half_a_day())
    assert said.code == 0, said
    rows = desk.launches()
    newest = runs(desk)[0]["id"]
    assert {row["board"] for row in rows if row["run"] == newest} == {"b1", "b2"}
    with Store.open(desk.state / "farm.db") as store:
        ends_by = stored.load_run(store, newest).ends_by
        assert ends_by is not None
        assert ends_by % 60 == 0
    said = desk.farm("run", models, *BRIEF, "--boards", "*:3", "--dry-run")
    assert "chosen by '*:3'; free b0 in about " in said.out
    said = desk.farm("run", models, *BRIEF, "--boards", "type=pi5:4", "--dry-run")
    assert said.code == 2
    assert "4 of 'type=pi5' are asked for, and 3 match: b0, b1, b2" in said.err
    let_go(rack, "b0")
    assert heard(first).code == 0


def test_two_that_choose_at_the_same_moment_get_different_boards(desk: Desk, rack: Rack, models: Path) -> None:
    hold(rack, "b0", "b1", "b2")
    Store.open(_home(desk) / "farm.db").close()
    commands = [desk.start("run", models, *BRIEF, "--boards", "type=pi5:1") for _ in range(3)]
    wait_for(timing(desk, "b0", "b1", "b2"), "a launch on every board")
    let_go(rack, "b0", "b1", "b2")
    assert [heard(each).code for each in commands] == [0, 0, 0]


def _home(desk: Desk) -> Path:
    desk.state.mkdir(mode=0o700)
    return desk.state
