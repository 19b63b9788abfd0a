"""Looks at boards on which nobody measures, and the commands that switch their power."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from engine_support import Farm, drained, make_farm, wait_for, world_of
from farm_orchestrator import store
from farm_orchestrator.checkup import BAND, CLOCK, check_up, judged, slow
from farm_orchestrator.errors import Busy, HostKeyChanged, Unreachable, UsageError
from farm_orchestrator.mains import reviving, switch
from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.checks import last_facts, wants_check
from farm_orchestrator.world import World


def looked_at(farm: Farm, world: World) -> Any:
    lease = world.leases.hold("b0", anyway=True)
    assert lease is not None
    try:
        return check_up(farm.parts[0].board, lease, world)
    finally:
        world.leases.drop(lease)


def raising(error: Exception) -> Any:
    def open_channel(part: object) -> None:
        raise error

    return open_channel


def kinds(farm: Farm) -> list[str]:
    return list(farm.store.read(lambda c: c.execute(select(schema.event.c.kind).order_by(schema.event.c.id)).scalars()))


def test_a_board_that_is_well_says_what_it_is_and_how_long_its_canary_took(
    tmp_path: Path, store_url: str | None
) -> None:
    farm = make_farm(tmp_path, store_url=store_url)
    store.quarantine(farm.store, "b0", "somebody wants to know")
    store.board_loss(farm.store, "b0", "no answer")
    with world_of(farm) as world:
        found = looked_at(farm, world)
    assert found.well, found
    facts = last_facts(farm.store, "b0")
    assert facts["fingerprint"]
    assert facts["good_ns"] == [facts[CLOCK]]
    assert facts["floor_ns"] > 0
    health = store.healths(farm.store)["b0"]
    assert (health.losses, health.quarantined) == (0, "somebody wants to know")
    assert health.checked > 0
    assert kinds(farm) == ["quarantined", "lost", "canary_ok", "returned"]


def test_a_lane_with_nothing_to_measure_looks_at_a_board_that_was_lost(tmp_path: Path) -> None:
    farm = make_farm(tmp_path)
    store.cancel(farm.store, farm.parts[0].run)
    store.board_loss(farm.store, "b0", "no answer")
    with world_of(farm) as alone:
        assert drained(alone) == []
    assert kinds(farm) == ["lost"], "the farm of one command looks at nothing by itself"
    with world_of(farm, idle=lambda _: farm.parts[0].board) as world:
        assert drained(world) == []
        assert drained(world) == []
    assert kinds(farm) == ["lost", "canary_ok", "returned"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Unreachable("b0", "no answer"), "network: no answer"), (HostKeyChanged("b0", "another"), "user: another")],
)
def test_a_board_that_cannot_be_looked_at_is_lost_once_more(tmp_path: Path, error: Exception, reason: str) -> None:
    farm = make_farm(tmp_path)
    with world_of(farm, open_channel=raising(error)) as world:
        assert not looked_at(farm, world).well
    health = store.healths(farm.store)["b0"]
    assert (health.losses, health.reason) == (1, reason)
    assert kinds(farm) == ["canary_failed", "lost"]


def test_a_board_that_another_farm_measures_is_looked_at_again_as_late_as_any_and_loses_nothing(tmp_path: Path) -> None:
    farm = make_farm(tmp_path)
    store.board_loss(farm.store, "b0", "no answer")
    farm.store.submit(lambda c: c.execute(update(schema.board).values(checked=0.0, kicked=0.0)) and None)
    assert wants_check(farm.store, "b0")
    with world_of(farm, open_channel=raising(Busy("b0", "another farm measures on this board"))) as world:
        found = looked_at(farm, world)
    assert found.lost is not None
    assert found.lost.reason == "fenced"
    assert not wants_check(farm.store, "b0")
    assert store.healths(farm.store)["b0"].losses == 1
    assert kinds(farm) == ["lost"]


def test_a_board_is_compared_with_its_own_good_looks_alone() -> None:
    before = {"fingerprint": "a", "good_ns": [1000, 1010, 990]}
    seen = {"fingerprint": "a", CLOCK: 1000}
    assert judged("b0", seen, before).facts["good_ns"] == [1000, 1010, 990, 1000]
    late = judged("b0", {**seen, CLOCK: 1400}, before)
    assert late.lost is not None
    assert "took 40% longer than the median of its last 3 good looks" in late.text
    other = judged("b0", {"fingerprint": "b", CLOCK: 1400}, before)
    assert other.well
    assert other.facts["good_ns"] == [1400]
    assert "another system or runtime" in other.text
    assert judged("b0", {**seen, CLOCK: None}, before).facts["good_ns"] == [1000, 1010, 990]


def test_the_band_is_a_quarter_and_wider_for_a_restless_board() -> None:
    assert slow(1000 * (1 + BAND), [1000, 1000, 1000]) is None
    assert slow(1000 * (1 + BAND) + 1, [1000, 1000, 1000]) is not None
    assert slow(1600, [900, 1000, 1100]) is None
    assert slow(5000, [1000, 1000]) is None, "two looks are no band"


def test_a_power_command_runs_without_a_shell_and_hears_which_board_is_meant() -> None:
    told = "import os; print(os.environ['FARM_BOARD'], os.environ['FARM_ACTION']); raise SystemExit(3)"
    board = {"name": "b0", "power": {"cycle": [sys.executable, "-c", told], "status": ["echo", "$HOME;", "`id`"]}}
    done = switch(board, "cycle")
    assert (done.code, done.said) == (3, "b0 cycle\n")
    assert switch(board, "status").said == "$HOME; `id`\n"
    assert (reviving(board), reviving({"name": "x", "power": {"off": ["x"]}}), reviving({"name": "x"})) == (
        "cycle",
        None,
        None,
    )


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_a_power_command_that_hangs_or_is_not_there_is_told(tmp_path: Path) -> None:
    child = f"sleep 60 & echo $! > {tmp_path}/child; echo begun; wait"
    board = {"name": "b0", "power": {"cycle": ["sh", "-c", child], "on": ["/nowhere/pdu"]}}
    hung = switch(board, "cycle", limit_s=5.0)
    assert (hung.code, hung.said) == (None, "begun\n")
    pid = int((tmp_path / "child").read_text())
    wait_for(lambda: gone(pid), "the end of what it started")
    assert "was ended after" in hung.line
    assert (switch(board, "on").code, switch(board, "on").said) == (127, "/nowhere/pdu: No such file or directory")
    with pytest.raises(UsageError, match="no command for `power off`"):
        switch(board, "off")


def test_a_power_command_gets_no_secret_of_the_farm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FARM_STORE", "FARM_BROKER_FILE", "FARM_NOTIFY_WEBHOOK", "PGPASSWORD"):
        monkeypatch.setenv(name, "T0K3N")
    monkeypatch.setenv("PDU_LOGIN", "is theirs")
    said = switch(
        {"name": "b0", "power": {"on": [sys.executable, "-c", "import os; print(dict(os.environ))"]}}, "on"
    ).said
    assert "T0K3N" not in said
    assert "is theirs" in said


@pytest.mark.parametrize("ends", [True, False])
def test_what_a_power_command_leaves_behind_keeps_nobody_waiting(tmp_path: Path, ends: bool) -> None:  # noqa: FBT001 - a case
    """A child in a session of its own that keeps the output open: the limit does not reach it."""
    leave = (
        "import pathlib, subprocess, sys, time; "
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True); "
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid)); print('begun', flush=True); "
        f"time.sleep({0 if ends else 600})"
    )
    board = {"name": "b0", "power": {"on": [sys.executable, "-c", leave]}}
    began = time.monotonic()
    try:
        done = switch(board, "on", limit_s=60.0 if ends else 5.0)
        assert (done.code, done.said) == (0 if ends else None, "begun\n")
        assert time.monotonic() - began < 300.0, "it was waited for"
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_of_a_power_command_that_prints_much_the_last_is_kept() -> None:
    board = {"name": "b0", "power": {"on": [sys.executable, "-c", "print('x' * 1_000_000 + 'ä' * 3000)"]}}
    assert switch(board, "on").said == "ä" * 1999 + "\n"


def test_a_run_on_a_board_that_is_lost_for_good_still_ends(tmp_path: Path, store_url: str | None) -> None:
    farm = make_farm(tmp_path, store_url=store_url)
    for _ in range(5):
        store.board_loss(farm.store, "b0", "no answer")
    assert store.close_finished(farm.store) == [farm.parts[0].run]
    assert {row.state for row in farm.rows()} == {State.SKIPPED}
