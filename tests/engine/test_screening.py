"""A screening through the real engine: short blocks, who goes home, then the comparison of the others."""

from dataclasses import replace
from pathlib import Path

import engine_support as support
from engine_support import Farm, die_in_phase, make_farm, running, tend, variant, wait_for, world_of
from farm_orchestrator import store
from farm_orchestrator.lane import drain
from farm_orchestrator.model import PRESETS, Phase, State
from farm_orchestrator.store import Artefacts

OPS = {"base": "Abs", "other": "Neg", "third": "Relu", "slow": "Sqrt", "slower": "Exp"}
LEFT = {"base", "other", "third"}
LONG = replace(support.TINY, slot_s=7.0)  # the stand-in waits for nothing; it repeats what it was told


def screening_farm(folder: Path) -> Farm:
    artefacts, models = Artefacts(folder / ".farm" / "cas"), folder / "models"
    models.mkdir(parents=True)
    arms = [variant(artefacts, models, name, op) for name, op in OPS.items()]
    python = support.stand_in(folder / "stand-in")
    return make_farm(folder, python=python, variants=arms, screen=4, recipe=LONG)


def check(farm: Farm) -> None:
    """Everybody has four short launches that count, those who are left both of the long ones."""
    assert support.broken_promises(farm) == []
    used = farm.rows(state=State.DONE, dropped=None)
    counts = {name: [row.phase for row in used if row.variant == name and row.phase >= Phase.SCREEN] for name in OPS}
    assert counts == {name: [2] * 4 + [3] * (2 if name in LEFT else 0) for name in OPS}
    cells = {cell.variant: (cell.state, cell.reason) for cell in store.cells(farm.store, support.RUN)}
    assert {name for name, (state, _) in cells.items() if state == "screened_out"} == set(OPS) - LEFT
    assert str(cells["slow"][1]).startswith("3.00 x the time of base (2.97 to 3.03) in 4 short blocks")


def test_short_launches_come_first_and_the_long_ones_are_for_those_who_are_left(tmp_path: Path) -> None:
    farm = screening_farm(tmp_path)
    with world_of(farm) as world:
        drain("b0", world, lambda _: None)
    check(farm)
    rows = sorted(farm.rows(), key=lambda row: row.t0 or 0)
    assert [row.phase for row in rows] == [0] * 6 + [2] * 20 + [3] * 6
    slots = {(row.phase, row.facts["slot_s"]) for row in rows if row.phase >= Phase.SCREEN}
    assert slots == {(2, PRESETS["quick"].slot_s), (3, 7.0)}


def test_a_worker_that_dies_in_the_screening_leaves_a_run_that_the_next_one_finishes(tmp_path: Path) -> None:
    farm = screening_farm(tmp_path)
    with running(farm) as engine:
        wait_for(lambda: farm.rows(phase=2, state=State.DONE), "a short launch", tend(farm, engine))
        die_in_phase(farm, engine, 2)
    check(farm)
    assert {row.outcome for row in farm.rows(state=State.LOST)} == {"worker_lost"}
