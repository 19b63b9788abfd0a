"""A confirmation through the real engine, to its report: the fresh blocks of the gate that is open decide it."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

import engine_support as support
from engine_support import Farm, die_in_phase, make_farm, running, tend, variant, wait_for, world_of
from farm_orchestrator import store, tabled
from farm_orchestrator.lane import drain
from farm_orchestrator.model import Json, Limits, State
from farm_orchestrator.store import Artefacts
from farm_reports import judge
from farm_reports.results import Results

OPS = {"base": "Abs", "other": "Neg", "slow": "Sqrt"}
BLOCKS = 8
FACTS: Json = {
    "limits": {"limits": {"latency_p50": "3x"}, "ship": ["slow"], "lines": {}}, "labels": None, "refused": [],
    "files": {}, "git": None, "farm_version": "0", "min_boards": 1, "baseline": "base",
}  # fmt: skip


def gated_farm(folder: Path) -> Farm:
    """`slow` takes three times the time of the others, which is just what the limit allows."""
    artefacts, models = Artefacts(folder / ".farm" / "cas"), folder / "models"
    models.mkdir(parents=True)
    arms = [variant(artefacts, models, name, op) for name, op in OPS.items()]
    python = support.stand_in(folder / "stand-in")
    limits = Limits({"latency_p50": "3x"}, ship=("slow",))
    return make_farm(folder, python=python, variants=arms, blocks=BLOCKS, limits=limits)


def check(farm: Farm) -> None:
    """Sixteen fresh blocks of the two arms after eight of all three, each with one result that counts."""
    assert support.broken_promises(farm) == []
    used = farm.rows(state=State.DONE, dropped=None)
    counts = {name: [row.phase for row in used if row.variant == name and row.phase > 1] for name in OPS}
    assert counts == {"base": [3] * 8 + [6] * 16, "other": [3] * 8, "slow": [3] * 8 + [6] * 16}
    results = reported(farm)
    (cell,) = [each for each in results.cells if each.variant == "slow"]
    assert cell.versus_baseline is not None
    assert (cell.versus_baseline.fresh, cell.launches.valid) == (16, 8)
    told = {each.variant: (each.verdict, each.reason) for each in results.gates[0].cells}
    assert told == {"slow": ("inconclusive", "left open by 16 fresh blocks alone")}
    assert results.verdict == "inconclusive"
    table = pq.read_table(farm.folder / "launches.parquet").to_pylist()
    assert sorted(row["phase"] for row in table if row["state"] == "done") == sorted(row.phase for row in used)


def reported(farm: Farm) -> Results:
    found = tabled.read(farm.store, support.RUN)
    store.compact(farm.folder, [found.launches])
    return judge.results(tabled.tables(replace(found, run=replace(found.run, facts=FACTS)), {}, {}))


def test_the_gate_that_is_open_is_measured_once_more_and_the_report_says_so(tmp_path: Path) -> None:
    farm = gated_farm(tmp_path)
    store.attach(farm.store, support.RUN, 600.0)
    with world_of(farm) as world:
        drain("b0", world, lambda _: None)
    store.close_finished(farm.store)
    phases = [row.phase for row in sorted(farm.rows(), key=lambda row: row.t0 or 0)]
    assert phases == [0] * 4 + [3] * 24 + [6] * 32
    check(farm)


def test_a_worker_that_dies_between_the_two_leaves_a_run_that_the_next_one_finishes(tmp_path: Path) -> None:
    farm = gated_farm(tmp_path)
    with running(farm) as engine:
        wait_for(lambda: farm.rows(phase=6), "the end of the comparison", tend(farm, engine))
        die_in_phase(farm, engine, 6)
    check(farm)
    assert {row.outcome for row in farm.rows(state=State.LOST)} == {"worker_lost"}
