"""A meter in real launches: the load chirp of a real agent, and a run from the command line to the readings."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import meters_support as support
from engine_support import RUN, make_farm, world_of
from farm_lab import lab
from farm_orchestrator.doctor import State, hardware_checks
from farm_orchestrator.doctor.board_facts import BoardFacts
from farm_orchestrator.lane import drain
from farm_orchestrator.meters.look import look
from farm_orchestrator.model import FLOOR
from farm_orchestrator.model import State as LaunchState
from farm_orchestrator.plan import chirping
from farm_orchestrator.plan.estimate import estimate_s
from farm_orchestrator.store import attach, snapshot
from farm_orchestrator.world import Pace
from lab_support import at, options
from meters_support import shelly_gen2, web
from run_support import DIGITS, Desk

IDLE_W, BUSY_W = 3.0, 7.0


def spinning(base: Path) -> bool:
    """Whether a process that a runner below `base` started to burn time is running now, and not stopped."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"while time.monotonic()" in (entry / "cmdline").read_bytes():
                state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                if state == "R" and str(base).encode() in Path("/proc", parent, "cmdline").read_bytes():
                    return True
        except OSError:
            continue
    return False


def test_a_meter_shows_the_load_chirp_of_the_first_launch_when_the_board_says_it_burned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farm_orchestrator.plan.chirping.CHIRP_S", 0.8)
    monkeypatch.setattr("farm_orchestrator.meters.scpi.Scpi.interval_ms", 200)
    meter = support.supply(lambda _: BUSY_W if spinning(tmp_path) else IDLE_W, time.monotonic_ns)
    with support.scpi(meter) as port:
        farm = make_farm(tmp_path, blocks=1, meter=f"scpi://127.0.0.1:{port.number}")
        attach(farm.store, RUN, 100.0)
        with world_of(farm, pace=Pace()) as world:
            drain("b0", world, lambda _: None)
    assert {row.state for row in farm.rows()} == {LaunchState.DONE}, snapshot(farm.store, RUN).boards
    timed = {row.variant: row.facts for row in farm.rows(kind="measure")}
    burns = timed[FLOOR]["chirp"]
    assert [len(burns), *(len(burn) for burn in burns)] == [3, 2, 2, 2]
    assert all(end - begin > 700_000_000 for begin, end in burns)
    for name, facts in timed.items():
        assert facts["meter_lag_ns"] is not None, (name, facts["meter_lag_ns_reason"])
        assert abs(facts["meter_lag_ns"]) < 200_000_000
        assert ("chirp" in facts) == (name == FLOOR)
    assert not spinning(tmp_path)


def test_only_the_first_floor_of_a_board_on_a_meter_sings_and_the_estimate_knows(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, blocks=1, meter="scpi://192.0.2.1")
    part, rows = farm.parts[0], {row.variant: row for row in farm.rows(kind="measure")}
    bare = replace(part, board={name: value for name, value in part.board.items() if name != "meter"})
    limited = replace(part, memory_limit=1 << 20)
    assert chirping.chirp_s(rows[FLOOR], part) == 2.0
    assert chirping.chirp_s(rows["base"], part) == 0.0
    assert chirping.chirp_s(replace(rows[FLOOR], point="another"), part) == 0.0
    assert [chirping.chirp_s(rows[FLOOR], quiet) for quiet in (bare, limited)] == [0.0, 0.0]
    assert estimate_s(limited) == estimate_s(bare)
    assert estimate_s(part) - estimate_s(bare) == 14.0


def test_a_run_over_a_virtual_board_on_a_plug_has_its_readings(tmp_path: Path) -> None:
    place = at(tmp_path)
    lab.up(place, 1, options(load="synthetic"))
    place.truth.write_text(json.dumps({"ms": {"int8": 2.0}, "sleep_s": 0.05}))
    try:
        with web(shelly_gen2(lambda _: 6.3, time.monotonic_ns)) as port:
            text = place.inventory.read_text()
            (tmp_path / "fleet.yaml").write_text(
                text.replace('"lab": true', f'"lab": true, "meter": "shelly://127.0.0.1:{port.number}"')
            )
            probed = Desk(tmp_path).farm("boards", "probe", "--inventory", tmp_path / "fleet.yaml")
            said = Desk(tmp_path).farm("run", DIGITS / "int8.onnx", "--inventory", tmp_path / "fleet.yaml", "--preset", "quick",
                                       "--max-blocks", "8", "--json")  # fmt: skip
        assert (
            "meter Shelly PlusPlugS, firmware 1.3.3: 6.3 W now, in steps of 0.1 W, 1 a second (wall_ac, class C)"
            in probed.out
        )
        assert said.code == 0, said.err
        run = next((tmp_path / "runs").glob("*-*"))
        found = pq.read_table(run / "readings.parquet").to_pylist()
    finally:
        lab.down(place)
    power = [row for row in found if row["source"] == "meter.shelly.power"]
    assert {(row["board"], row["value"], row["unit"]) for row in power} == {("vb001", 6300.0, "mW")}


def test_the_doctor_tells_the_meter_of_a_board(tmp_path: Path) -> None:
    with web(shelly_gen2(lambda _: 6.3, time.monotonic_ns)) as port:
        boards = {"well": {"local": True, "meter": f"shelly://127.0.0.1:{port.number}"}}
        (tmp_path / "fleet.yaml").write_text(json.dumps({"boards": boards}))
        said = Desk(tmp_path).farm("doctor", "--inventory", tmp_path / "fleet.yaml", "--json")
        page = hardware_checks.meter(BoardFacts({"name": "page"}, meter=look(f"tasmota://127.0.0.1:{port.number}")))
    (well,) = (each for each in said.results if each["check"] == "meter")
    assert (well["state"], well["what"].split(":")[0]) == ("ok", "Shelly PlusPlugS, firmware 1.3.3")
    assert page is not None
    assert (page.state, page.why) == (State.WARNING, "launches are measured without energy")
    assert "HTTP status 404" in page.what


def test_the_doctor_knows_what_mends_a_meter() -> None:
    bare = hardware_checks.meter(BoardFacts({"name": "bare"}, meter=look("joulescope://000123")))
    assert bare is not None
    assert bare.mend == "`pip install 'benchfarm[meter-joulescope]'`"
    assert hardware_checks.meter(BoardFacts({"name": "none"})) is None
