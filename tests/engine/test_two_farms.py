"""Two farms, each with a store of its own, on one board: the second waits, says for whom, and loses nothing by it."""

import threading
from pathlib import Path

from engine_support import RUN, Farm, broken_promises, drained, make_farm, stand_in, view, wait_for, world_of
from farm_orchestrator import store
from farm_orchestrator.cli import progress
from farm_orchestrator.model import State
from farm_orchestrator.store.identity import who
from farm_orchestrator.store.losses import LOSSES_MAX
from farm_orchestrator.world import Pace, World

BUSY = Pace(reconnect_s=-1.0, busy_s=0.2)


def pair(folder: Path) -> tuple[Farm, Farm]:
    """With launches of their own: a board's journal is one, and names launches by their number."""
    python = stand_in(folder / "stand-in")
    board = {"name": "b0", "local": True, "python": python, "base": str(folder / "board"), "interference": "note"}
    return make_farm(folder / "one", boards=[board]), make_farm(folder / "two", boards=[board], blocks=3)


def look(farm: Farm, world: World) -> list[str]:
    """What a lane of it does; somebody stands behind its run."""
    store.attach(farm.store, RUN, 100.0)
    return drained(world)


def test_the_second_farm_on_a_board_waits_and_says_for_whom_and_both_runs_end(tmp_path: Path) -> None:
    one, two = pair(tmp_path)
    one.hold("b0").parent.mkdir(parents=True)
    one.hold("b0").touch()
    with (
        world_of(one, farm="1", who=who(one.store)) as ours,
        world_of(two, farm="2", who=who(two.store), pace=BUSY) as theirs,
    ):
        lane = threading.Thread(target=look, args=(one, ours), daemon=True)
        lane.start()
        wait_for(lambda: one.journal("b0"), "a launch of the first farm")
        for _ in range(LOSSES_MAX + 2):
            wait_for(lambda: not look(two, theirs) and view(two).reason, "the second farm's look at the board")
        seen = view(two)
        assert (seen.losses, seen.ended, list(seen.counts)) == (0, None, ["pending"]), "no loss, however long"
        told = f"another farm measures on this board: {who(one.store)} (pid "
        assert told in str(seen.reason)
        assert str(one.home / "farm.db") in told
        assert progress.state_of(seen, (seen.not_before or 0) - 0.1) == "waiting"
        one.hold("b0").unlink()
        lane.join(120)
        assert not lane.is_alive()
        wait_for(lambda: not (look(two, theirs) or two.rows(state=State.PENDING)), "the second farm's run")
    assert view(two).reason is None
    for farm in (one, two):
        assert {row.state for row in farm.rows()} == {State.DONE}
    events = [line["event"] for line in one.journal("b0")]
    assert events == ["start", "end"] * (len(events) // 2), "launches of the two farms overlap"


def test_a_board_that_was_waited_for_is_lost_no_sooner_than_another(tmp_path: Path) -> None:
    one, two = pair(tmp_path)
    with world_of(one, farm="1", who="x" * 1000) as ours:
        look(one, ours)
    assert broken_promises(one) == []
    with world_of(two, farm="2") as theirs:
        look(two, theirs)
    assert {row.state for row in two.rows()} == {State.DONE}, "who is gone is not waited for"
