"""`farm run` on a virtual board with physics: the energy of a launch is the physics' own sum of power times time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from farm_lab import lab, tree
from farm_orchestrator import powered
from farm_reports.stats import energy
from farm_reports.stats.flow import Rail
from lab_support import at, options
from reports_recomputed import differing
from reports_stored import Stored, joules
from run_support import DIGITS, Desk, heard

RAPL = "sys/class/powercap/intel-rapl:0"
COUNTER = {f"{RAPL}/name": "package-0", f"{RAPL}/energy_uj": "5", f"{RAPL}/max_energy_range_uj": "262143328850"}
BRIEF = (
    "import dataclasses\nfrom farm_orchestrator import cli, model\n"
    "model.PRESETS['mlperf'] = dataclasses.replace(model.PRESETS['quick'], preset='mlperf', slot_s=11.0, slot_cap_s=12.0, "
    "idle_s=2.0, blocks_min=1, blocks_max=1, compare=False)\ncli.main()\n"
)  # one launch, whose slot its power sensor resolves
Tables = tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]


def notated(folder: Path) -> Path:
    """The tree of a generic board that also has a counter, which its physics drives."""
    cpus = max(os.sched_getaffinity(0)) + 1
    lines = {**tree.files("vb001", cpus), **COUNTER}
    links = {**tree.LINKS, **{f"{tree.CPU}/cpu{cpu}/cpufreq": "../cpufreq/policy0" for cpu in range(cpus)}}
    escaped = {path: text.rstrip("\n").replace("\n", "\\n").replace("\0", "\\0") for path, text in lines.items()}
    known = [f"{path} = {text} (m:0644)" for path, text in escaped.items() if path.startswith("sys/")]
    (folder / "counted.tree").write_text("\n".join([*known, *(f"{path} -> {to}" for path, to in links.items())]) + "\n")
    return folder / "counted.tree"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    """(results, readings, facts of the measured launch)."""
    folder = tmp_path_factory.mktemp("counted")
    where = at(folder)
    lab.up(where, 1, options(physics=True, profile=str(notated(folder)), cores=0.5))
    desk = Desk(folder)
    (folder / "home").mkdir()
    arguments = ["run", DIGITS / "int8.onnx", "--preset", "mlperf", "--inventory", where.inventory, "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", BRIEF, *map(str, arguments)], cwd=folder, env=desk.env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    said = heard(process)
    assert said.code == 0, said.err
    run = desk.runs()[-1]
    launches = pq.read_table(run / "launches.parquet", partitioning=None).to_pylist()
    launch = next(each for each in launches if each["phase"] == 3)
    rows = pq.read_table(run / "readings.parquet", partitioning=None).to_pylist()
    yield said.results, [each for each in rows if each["launch"] == launch["launch"]], json.loads(launch["facts"])
    lab.down(where)


@pytest.fixture(scope="module")
def stored(ran: Tables, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return Stored(Desk(tmp_path_factory.getbasetemp() / "counted0").runs()[-1])


def test_a_launch_takes_what_the_physics_summed_up(ran: Tables) -> None:
    _, readings, facts = ran
    window = (facts["slot_t0_ns"], facts["slot_t1_ns"])
    counted = energy.Source("", "soc_pkg", "A", 1.0, (Rail("rail.rapl@intel-rapl:0", "package-0"),))
    truth_j = energy.of_window(counted, readings, window).gross_j
    lsb_j = 1e-6 * (window[1] - window[0]) / 1e9
    assert truth_j > 1.2 * 11  # more than the idle board's
    assert facts["energy_uj"] / 1e6 == pytest.approx(truth_j, rel=0.01, abs=lsb_j)


def test_the_cell_has_it_per_inference_with_its_sensor(ran: Tables) -> None:
    results, _, facts = ran
    cell = results["cells"][0]
    assert cell["energy_mj"]["value"] == pytest.approx(facts["energy_uj"] / facts["n"] / 1e3)
    assert cell["energy_mj"]["low"] <= cell["energy_mj"]["value"] <= cell["energy_mj"]["high"]
    assert (cell["energy"]["scope"], cell["energy"]["source"], cell["energy"]["sensor_class"]) == (
        "board_dc", "ina226 (ina226)", "B",
    )  # fmt: skip
    assert cell["energy"]["idle_w"] == pytest.approx(1.2, abs=1.5)
    net = cell["energy_net_mj"]
    assert net["reason"] if net["value"] is None else net["value"] < cell["energy_mj"]["value"]


def test_it_can_be_computed_again_from_what_lies_in_the_runs_folder(ran: Tables) -> None:
    _, readings, facts = ran
    rail = {"key": "ina226@ina226/power1", "label": "ina226", "source": "ina226", "scope": "board_dc", "files": {}}
    source = next(row["source"] for row in readings if row["source"].endswith(".power"))
    rail["key"] = source.removeprefix("rail.").removesuffix(".power")
    told = {"hardware": {"rails": [rail], "power": [rail["key"]]}}
    assert powered.facts({}, told, facts, readings)["energy_uj"] == facts["energy_uj"]


def test_every_number_can_be_computed_again_from_the_three_tables(ran: Tables, stored: Stored) -> None:
    """Energy too: from the readings of the rail, by the trapezoid, the edges of the slot between two readings."""
    results, readings, facts = ran
    source = next(row["source"] for row in readings if row["source"].endswith(".power"))
    uj = joules(stored, readings[0]["launch"], source, (facts["slot_t0_ns"], facts["slot_t1_ns"])) * 1e6
    assert uj == pytest.approx(facts["energy_uj"], rel=1e-6)
    assert results["cells"][0]["energy_mj"]["value"] == pytest.approx(uj / facts["n"] / 1e3, rel=1e-6)
    assert differing(stored) == []
