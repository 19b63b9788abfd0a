"""A virtual board that loses its power: after its third loss the run switches it on by the board's own command, and goes on."""

import sys
from pathlib import Path

from sqlalchemy import select

from engine_support import make_farm, tend, wait_for, world_of
from farm_lab import faults, lab
from farm_lab.places import Places
from farm_orchestrator import store
from farm_orchestrator.lane import drain
from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.transport import resolve
from lab_support import inventory, options

SWITCH = """
import os, sys
from pathlib import Path
from farm_lab import faults, places
assert (os.environ["FARM_BOARD"], os.environ["FARM_ACTION"]) == ("vb001", "cycle")
faults.cure(places.check(Path(sys.argv[1]), proxy=True), "vb001", "power-on")
print("socket 4 is on again")
"""


def test_a_board_without_power_is_switched_on_after_the_third_loss_and_the_run_goes_on(
    where: Places, tmp_path: Path
) -> None:
    lab.up(where, 1, options())
    cycle = [sys.executable, "-c", SWITCH, str(where.root)]
    board = resolve({"name": "vb001", **inventory(where)["vb001"], "power": {"cycle": cycle}, "interference": "note"})
    farm = make_farm(tmp_path / "farm", boards=[board])
    faults.strike(where, "vb001", "power-off")
    with world_of(farm) as world:

        def each() -> None:
            drain("vb001", world, lambda _: None)
            tend(farm, None)()

        wait_for(
            lambda: not farm.rows(state=State.PENDING),
            "the whole run",
            each,
        )
    query = select(schema.event.c.kind, schema.event.c.text).where(schema.event.c.board == "vb001")
    told = farm.store.read(lambda c: c.execute(query.order_by(schema.event.c.id)).all())
    assert [row.kind for row in told][:4] == ["lost", "lost", "lost", "powered"]
    assert [row.kind for row in told][-1] == "returned"
    switched = next(row.text for row in told if row.kind == "powered")
    assert switched.startswith("power cycle: exit code 0 after ")
    assert switched.endswith("socket 4 is on again")
    assert {row.state for row in farm.rows()} == {State.DONE}
    assert store.healths(farm.store)["vb001"].losses == 0
