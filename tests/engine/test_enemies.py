"""A lane whose board does not behave: agents that lie, fall silent or come back as another boot."""

import hashlib
import threading
from pathlib import Path

import pytest

import engine_support as support
from engine_support import Farm, drained, lost, make_farm, view, wait_for, world_of
from farm_orchestrator import store
from farm_orchestrator.errors import Unreachable
from farm_orchestrator.model import Part, State
from farm_orchestrator.transport import Channel, open_channel
from farm_orchestrator.world import Pace

NONSENSE = (
    "html", "binary", "long", "deep", "nan", "hello again", "job", "foreign", "gap", "negative", "too many", "late",
    "talkative", "endless", "empty", "surrogate", "nul", "wide", "big number", "reading", "early outputs", "finding", "fault",
)  # fmt: skip


def enemy_farm(folder: Path, mode: str) -> Farm:
    base = folder / ".farm" / "boards" / "b0"
    return make_farm(folder, blocks=1, python=support.enemy(folder / "stand-in", mode, base))


@pytest.mark.parametrize("mode", NONSENSE)
def test_an_agent_that_is_not_to_be_believed_costs_its_launch_and_nothing_else(mode: str, tmp_path: Path) -> None:
    farm = enemy_farm(tmp_path, mode)
    with world_of(farm) as world:
        assert drained(world) == []
    assert lost(farm).outcome == "agent_error"
    assert view(farm).losses == 1
    assert farm.rows(state=State.DONE) == []
    assert not list(farm.folder.glob("launches/*"))


@pytest.mark.parametrize(
    ("mode", "why"),
    [("escape", "../../../secret"), ("liar", hashlib.sha256(b"12345").hexdigest()), ("two", "sent twice")],
)
def test_outputs_that_are_not_what_the_agent_said_are_refused(mode: str, why: str, tmp_path: Path) -> None:
    farm = enemy_farm(tmp_path, mode)
    with world_of(farm) as world:
        drained(world)
    assert lost(farm).kind == "evaluate"
    assert why in lost(farm).facts["lost"]["detail"]
    assert not list(farm.folder.glob("outputs-*"))


def test_facts_that_are_the_farms_own_are_no_agents_to_tell(tmp_path: Path) -> None:
    farm = enemy_farm(tmp_path, "boastful")
    with world_of(farm) as world:
        assert drained(world) == []
    done = farm.rows(state=State.DONE)
    assert done
    assert not [row for row in done if {"outputs", "profile", "failure", "lost"} & row.facts.keys()]
    store.compact(farm.folder, [done])


def test_what_an_agent_said_lies_in_the_transcript_also_where_it_was_nonsense(tmp_path: Path) -> None:
    farm = enemy_farm(tmp_path, "html")
    with world_of(farm) as world:
        drained(world)
    (file,) = (farm.folder / "transcripts").iterdir()
    assert "<html>" in file.read_text()


def test_a_login_banner_is_skipped(tmp_path: Path) -> None:
    farm = enemy_farm(tmp_path, "banner")
    with world_of(farm) as world:
        drained(world)
    assert {row.state for row in farm.rows()} == {State.DONE}


def test_a_silent_agent_is_a_lost_link(tmp_path: Path) -> None:
    farm = enemy_farm(tmp_path, "silent")
    with world_of(farm, pace=Pace(silence_s=0.3, reconnect_s=-1.0)) as world:
        drained(world)
    assert lost(farm).outcome == "link_lost"
    assert "no word from the agent" in lost(farm).facts["lost"]["detail"]


def test_another_boot_id_after_the_launch_says_that_the_board_was_rebooted(tmp_path: Path) -> None:
    farm = enemy_farm(tmp_path, "reboot")
    with world_of(farm) as world:
        drained(world)
    assert lost(farm).outcome == "rebooted"


def test_another_boot_id_after_coming_back_says_that_the_board_was_rebooted(tmp_path: Path) -> None:
    """The first two attempts to come back fail, as they do while a board boots."""
    farm = enemy_farm(tmp_path, "gone")
    answers = iter([True, False, False])

    def opening(part: Part) -> Channel:
        if not next(answers, True):
            raise Unreachable(part.name, "no answer")
        return open_channel(part.board, farm.home)

    with world_of(farm, open_channel=opening, pace=Pace(reconnect_s=30.0)) as world:
        drained(world)
    assert lost(farm).outcome == "rebooted"


def test_files_that_vanish_from_the_board_after_the_push_are_named(tmp_path: Path) -> None:
    farm = enemy_farm(tmp_path, "missing")
    with world_of(farm) as world:
        drained(world)
    assert "0000" in lost(farm).facts["lost"]["detail"]


def test_a_cut_by_the_watchdog_is_told_by_its_reason(tmp_path: Path) -> None:
    """The agent neither ends the launch when asked nor speaks again: two seconds later its line is cut."""
    farm = enemy_farm(tmp_path, "silent")
    with world_of(farm, pace=Pace(silence_s=1000.0)) as world:
        lane = threading.Thread(target=drained, args=(world,))
        lane.start()
        wait_for((farm.folder / "transcripts").exists, "a launch")
        store.cancel(farm.store, support.RUN)
        lane.join(support.DEADLINE_S)
    (row,) = farm.rows(block=0)
    assert (row.state, row.outcome) == (State.CANCELLED, "worker_lost")
    assert row.facts["lost"]["detail"] == "the run was cancelled"
