"""Every broken set-up of the orchestrator's machine is named with its cause and its mend."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import store_support
from doctor_support import farm, open_redis
from farm_lab import lab
from farm_lab.processes import end
from farm_orchestrator import config
from farm_orchestrator.doctor import Finding, State, farm_facts, folders, of_farm
from farm_orchestrator.doctor.broker_facts import Broker
from farm_orchestrator.doctor.farm_facts import Clock, FarmFacts
from farm_orchestrator.errors import FarmError, UsageError
from farm_orchestrator.model import Json
from farm_orchestrator.store import Store
from lab_support import at, options
from redis_support import PrivateRedis
from transport_support import own_mounts

LOCAL: tuple[Json, ...] = ({"name": "local", "local": True},)
OVER_SSH: tuple[Json, ...] = ({"name": "b", "local": False},)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("FARM_HOME", "FARM_STORE", "FARM_BROKER", "FARM_RUNS", "FARM_INVENTORY", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def facts(boards: tuple[Json, ...] = LOCAL) -> FarmFacts:
    return farm_facts.look(config.load(), boards, (time.time(), time.monotonic()))


def line(found: FarmFacts, check: str) -> Finding:
    (hit,) = [each for each in of_farm(found) if each.check == check]
    return hit


def unwell(found: FarmFacts) -> dict[str, State]:
    return {each.check: each.state for each in of_farm(found) if each.state != State.OK}


def test_a_fresh_folder_is_well_and_stays_empty(here: Path) -> None:
    assert unwell(facts()) == {}
    assert list(here.iterdir()) == []


def test_a_farm_in_use_is_well(here: Path) -> None:
    with Store.open(config.load().store) as store:
        store_support.insert(store, store_support.part(), created=time.time())
        found = facts()
    assert unwell(found) == {}
    assert "is being measured now" in line(found, "leftovers").what


def no_folder(here: Path) -> None:
    (here / ".farm").write_text("")


def dead_redis(here: Path) -> None:
    (here / "farm.yaml").write_text(f"broker: redis+socket://{here}/none\n")


def newer_database(_: Path) -> None:
    Store.open(config.load().store).close()
    with closing(sqlite3.connect(".farm/farm.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()


def spoilt_database(here: Path) -> None:
    (here / ".farm").mkdir()
    (here / ".farm" / "farm.db").write_bytes(b"not a database" * 1000)


def foreign_database(here: Path) -> None:
    (here / ".farm").mkdir()
    with closing(sqlite3.connect(here / ".farm" / "farm.db")) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")
        database.commit()


def killed_run(_: Path) -> None:
    with Store.open(config.load().store) as store:
        store_support.insert(store, store_support.part(), attached=False, created=time.time())


def run_from_tomorrow(_: Path) -> None:
    with Store.open(config.load().store) as store:
        store_support.insert(store, store_support.part(), created=time.time() + 86400)


def half_a_lab(here: Path) -> None:
    (here / ".farm" / "lab").mkdir(parents=True)


BROKEN: list[tuple[Callable[[Path], None], str, State, str, str]] = [
    (no_folder, "state", State.FAULT, ".farm is no folder", "FARM_HOME"),
    (dead_redis, "broker", State.FAULT, "does not serve", "leave `broker` out"),
    (newer_database, "store", State.FAULT, "written by a newer farm", "Update benchfarm"),
    (spoilt_database, "store", State.FAULT, "is damaged, or no database at all", "Move the file away"),
    (foreign_database, "store", State.FAULT, "belongs to another program", "FARM_HOME"),
    (killed_run, "leftovers", State.WARNING, "was left unfinished", "farm run --resume"),
    (run_from_tomorrow, "clock", State.WARNING, "made 1.0 days from now", "set-ntp true"),
    (half_a_lab, "lab", State.WARNING, "never finished", "farm lab down"),
]


@pytest.mark.parametrize(
    ("spoil", "check", "state", "what", "mend"), BROKEN, ids=lambda each: getattr(each, "__name__", "")
)
def test_a_broken_place_is_named(
    here: Path, spoil: Callable[[Path], None], check: str, state: State, *, what: str, mend: str
) -> None:
    spoil(here)
    hit = line(facts(), check)
    assert hit.state == state, hit
    assert what in hit.what
    assert mend in (hit.mend or "")


def test_a_locked_database_is_told(here: Path) -> None:
    path = config.load().store.removeprefix("sqlite:///")
    Store.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        hit = line(facts(), "store")
    assert hit.state == State.FAULT
    assert "is locked" in hit.what
    assert here.exists()


def test_a_state_folder_that_cannot_be_written_is_told_and_no_board_is_missed_for_it(here: Path) -> None:
    """Also where the person is root, whom only a read-only file system stops."""
    Store.open(config.load().store).close()
    closed = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"'
    said = farm(here, wrap=own_mounts(closed, [str(here / ".farm")], []))
    assert said.code == 4
    assert set(said.faults("orchestrator")) == {"state", "broker", "store"}
    assert "farm.db cannot be" in said.of("orchestrator", "store")["what"]
    assert said.of("local", "runtime")["state"] == "ok"
    assert said.faults("local") == ["base"]


@pytest.fixture
def redis() -> Iterator[PrivateRedis]:
    with PrivateRedis() as private:
        yield private


def test_a_redis_that_only_this_account_reaches_is_well(here: Path, redis: PrivateRedis) -> None:
    (here / "farm.yaml").write_text(f"broker: {redis.url}\n")
    hit = line(facts(), "broker")
    assert hit.state == State.OK
    assert "Redis " in hit.what


def test_an_open_redis_is_told_and_no_password_is_ever_shown(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_redis(here) as url:
        (here / "farm.yaml").write_text(f"broker: {url}\n")
        hit = line(facts(), "broker")
        assert hit.state == State.WARNING
        assert "lets anyone in" in hit.what
        monkeypatch.setenv("FARM_BROKER", url.replace("redis://", "redis://:hunter2@"))
        assert "hunter2" not in str(of_farm(facts()))


@pytest.mark.parametrize("text", ["boards:\n\ta: {}\n", "boards:\n  a:\n    host: x\n\t  port: 22\n"])
def test_an_inventory_with_tabs_is_told_with_the_command_that_mends_it(here: Path, text: str) -> None:
    (here / "fleet.yaml").write_text(text)
    said = farm(here, "--inventory", "fleet.yaml")
    hit = said.of("orchestrator", "inventory")
    assert (said.code, hit["state"]) == (4, "fault")
    assert "a tab cannot indent YAML" in hit["what"]
    command = hit["mend"].strip("`")
    assert os.waitstatus_to_exitcode(os.system(command)) == 0  # noqa: S605 - the very command a person would type
    assert "\t" not in (here / "fleet.yaml").read_text()
    assert {each["subject"] for each in said.found} == {"orchestrator"}


def test_settings_that_cannot_be_read_are_a_finding_too(here: Path) -> None:
    (here / "farm.yaml").write_text("inventroy: x\n")
    said = farm(here)
    assert said.code == 4
    assert "did you mean 'inventory'?" in said.of("orchestrator", "settings")["what"]
    assert [each["check"] for each in said.found] == ["python", "runtime", "settings", "clock", "ssh"]


def test_a_board_that_nobody_knows_is_a_mistake_in_the_command(here: Path) -> None:
    (here / "fleet.yaml").write_text("boards: {abc: {local: true}}\n")
    said = farm(here, "--inventory", "fleet.yaml", "abd")
    assert (said.code, said.found) == (2, [])
    assert "did you mean 'abc'?" in said.err


def test_what_ssh_needs_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / ".farm" / "known_hosts").mkdir(parents=True)
    assert "known_hosts cannot be read" in line(facts(), "ssh").what
    (here / ".farm" / "known_hosts").rmdir()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(here / "nobody"))
    assert "names an agent that does not answer" in line(facts(), "ssh").what
    monkeypatch.setenv("PATH", str(here))
    hit = line(facts(OVER_SSH), "ssh")
    assert (hit.state, hit.what) == (State.FAULT, "no `ssh` and no `ssh-keygen` on this machine")
    assert line(facts(), "ssh").state == State.WARNING


def test_virtual_boards_that_died_are_told(here: Path) -> None:
    place = at(here / ".farm")
    try:
        state = lab.up(place, 2, options())
        assert "lab" not in unwell(facts())
        end([state.boards[0].process])
        hit = line(facts(), "lab")
    finally:
        lab.down(place)
    assert "vb001" in hit.what
    assert "vb002" not in hit.what


def test_facts_that_no_machine_of_ours_has(here: Path) -> None:
    """A network's file system, an old Python, a runtime that dies, a clock that jumps, a disk that is full."""
    well = facts()
    assert well.state
    assert well.database
    now = time.time()
    cases: list[tuple[FarmFacts, str, State]] = [
        (replace(well, python=(3, 10, 4)), "python", State.FAULT),
        (replace(well, runtime={"error": "died", "code": -4}), "runtime", State.FAULT),
        (replace(well, database=replace(well.database, filesystem="nfs4")), "store", State.WARNING),
        (replace(well, state=replace(well.state, free=50_000_000)), "disk", State.FAULT),
        (replace(well, state=replace(well.state, free=500_000_000)), "disk", State.WARNING),
        (replace(well, clock=Clock(now, 3600.0, now)), "clock", State.WARNING),
        (replace(well, clock=Clock(0.0, 0.0, now)), "clock", State.WARNING),
        (replace(well, broker=Broker("redis://x", version="5.0.3")), "broker", State.WARNING),
        (replace(well, inventory=UsageError("x")), "inventory", State.FAULT),
        (replace(well, refused=FarmError("x")), "settings", State.FAULT),
        (replace(well, ssh=replace(well.ssh, refuses="Bad configuration option")), "ssh", State.FAULT),
    ]
    for changed, check, state in cases:
        assert unwell(changed) == {check: state}
        assert line(changed, check).mend, check
    assert here.exists()


def test_the_file_system_of_a_folder_is_that_of_the_last_mount_above_it(here: Path) -> None:
    assert folders.filesystem(Path("/proc/self")) == "proc"
    assert folders.look(here / "not" / "yet").stands == here
