"""From the files of a board's sensors to the energy of a launch: known joules through every back end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from energy_support import START_S, Json, Says, Square, counted, laid, replayed, row, slot, span, told
from farm_agents.sysfs import Sysfs
from farm_orchestrator import powered

HWMON = "sys/class/hwmon/hwmon0"
RAPL = "sys/class/powercap/intel-rapl:0"
IIO = "sys/bus/i2c/drivers/ina3221x/7-0040/iio:device0"
COMPATIBLE = "proc/device-tree/compatible"
RANGE_UJ = 262_143_328_850
SLOT = (1.234, 13.345)


@dataclass(frozen=True)
class Backend:
    """A tree, what its files say of a wave, its smallest step of power in W; then what is told of it."""

    files: Mapping[str, str]
    says: Callable[[Square], Mapping[str, Says]]
    step_w: float
    scope: str
    sensor_class: str


def counter(start_uj: int = 0, range_uj: int | None = None, step_uj: int = 61) -> Callable[[Square], Says]:
    def of(wave: Square) -> Says:
        def says(t_s: float) -> str:
            uj = start_uj + round(wave.between(START_S, t_s) * 1e6 / step_uj) * step_uj
            return str(uj % range_uj if range_uj else uj)

        return says

    return of


def in_steps(value: float, step: float) -> int:
    return round(round(value / step) * step)


def rapl(start_uj: int, range_uj: int = RANGE_UJ) -> Backend:
    files = {f"{RAPL}/name": "package-0", f"{RAPL}/energy_uj": str(start_uj), f"{RAPL}:0/name": "core",
             f"{RAPL}:0/energy_uj": "5", f"{RAPL}/max_energy_range_uj": str(range_uj)}  # fmt: skip
    wraps = range_uj if start_uj <= range_uj else None
    return Backend(files, lambda wave: {f"{RAPL}/energy_uj": counter(start_uj, wraps)(wave)}, 0.0, "soc_pkg", "A")


INA3221 = {
    COMPATIBLE: "nvidia,p3767-0003\0nvidia,tegra234", f"{HWMON}/name": "ina3221", f"{HWMON}/in1_label": "VDD_IN",
    f"{HWMON}/in1_input": "5000", f"{HWMON}/curr1_input": "400", f"{HWMON}/shunt1_resistor": "5000",
    f"{HWMON}/in2_label": "VDD_SOC", f"{HWMON}/in2_input": "5000", f"{HWMON}/curr2_input": "9000",
    f"{HWMON}/in7_input": "7840", f"{HWMON}/curr4_input": "9400", f"{HWMON}/update_interval": "7",
}  # fmt: skip
BACKENDS = {
    "ina3221": Backend(
        INA3221,
        lambda wave: {f"{HWMON}/curr1_input": lambda t: str(in_steps(wave.watt(t) / 5.0 * 1000, 8))},
        0.04, "module_input", "B",
    ),
    "ina226": Backend(
        {COMPATIBLE: "benchfarm,virtual", f"{HWMON}/name": "ina226", f"{HWMON}/power1_input": "1",
         f"{HWMON}/shunt_resistor": "10000"},
        lambda wave: {f"{HWMON}/power1_input": lambda t: str(in_steps(wave.watt(t) * 1e6, 6250))},
        0.00625, "board_dc", "B",
    ),
    "iio": Backend(
        {COMPATIBLE: "nvidia,p3450-0000\0nvidia,tegra210", f"{IIO}/rail_name_0": "POM_5V_IN", f"{IIO}/in_power0_input": "1",
         f"{IIO}/rail_name_1": "POM_5V_GPU", f"{IIO}/in_power1_input": "700"},
        lambda wave: {f"{IIO}/in_power0_input": lambda t: str(in_steps(wave.watt(t) * 1000, 40))},
        0.04, "module_input", "B",
    ),
    "rapl": rapl(123_456_789),
    "rapl that wraps": rapl(RANGE_UJ - 20_000_000),
    "rapl above its range": rapl(RANGE_UJ + 5_000_000_000),
    "energy_input": Backend(
        {COMPATIBLE: "benchfarm,virtual", f"{HWMON}/name": "ina226", f"{HWMON}/energy1_input": "7"},
        lambda wave: {f"{HWMON}/energy1_input": counter(7, step_uj=1)(wave)},
        0.0, "board_dc", "A",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "wave", [Square(), Square(1.0, 0.33), Square(1.03, 0.1)], ids=["1 Hz", "1 Hz, later", "beside the ticks"]
)
@pytest.mark.parametrize("name", BACKENDS)
def test_a_square_wave_has_its_area_through_every_sensor(tmp_path: Path, name: str, wave: Square) -> None:
    backend = BACKENDS[name]
    tree = laid(tmp_path, backend.files)
    rows = replayed(tree, backend.says(wave), 15.0)
    rows += counted(tree, backend.says(wave), SLOT[0] - 0.004, SLOT[1] + 0.002)
    found = powered.facts({}, told(tree), slot(*SLOT), rows)
    truth_j = wave.between(START_S + SLOT[0], START_S + SLOT[1])
    seconds = SLOT[1] - SLOT[0]
    assert found["energy_uj"] / 1e6 == pytest.approx(truth_j, rel=0.01, abs=backend.step_w * seconds)
    assert found["energy_low_uj"] <= found["energy_uj"] <= found["energy_high_uj"]
    assert (found["energy"]["scope"], found["energy"]["sensor_class"]) == (backend.scope, backend.sensor_class)


def constant(tree: Sysfs, watt: Callable[[float], float], seconds: float = 15.0) -> list[Json]:
    return replayed(tree, {f"{HWMON}/power1_input": lambda t: str(round(watt(t - START_S) * 1e6))}, seconds)


@pytest.fixture
def virtual(tmp_path: Path) -> Sysfs:
    return laid(tmp_path, BACKENDS["ina226"].files)


def test_the_idle_power_on_either_side_is_taken_off(virtual: Sysfs) -> None:
    rows = constant(virtual, lambda t: 5.0 if 12.0 <= t <= 24.1 else 2.0, 40.0)
    windows = {"idle_before_ns": span(1.0, 11.0), "idle_after_ns": span(26.0, 36.0)}
    found = powered.facts({}, told(virtual), {**slot(12.0, 24.0), **windows}, rows)
    assert found["energy_uj"] == pytest.approx(60e6, rel=0.002)
    assert found["energy_net_uj"] == pytest.approx(36e6, rel=0.004)
    assert found["energy"]["idle_w"] == pytest.approx(2.0, rel=0.001)


def test_an_idle_board_that_drifts_leaves_the_gross_energy_alone(virtual: Sysfs) -> None:
    rows = constant(virtual, lambda t: 5.0 if 12.0 <= t <= 24.1 else 2.0 if t < 12 else 2.1, 40.0)
    windows = {"idle_before_ns": span(1.0, 11.0), "idle_after_ns": span(26.0, 36.0)}
    found = powered.facts({}, told(virtual), {**slot(12.0, 24.0), **windows}, rows)
    assert (found["energy_uj"] is not None, found["energy_net_uj"]) == (True, None)
    assert found["energy_net_uj_reason"] == "the idle board took 2.00 W before the slot and 2.10 W after it"


def test_a_slot_below_the_sensors_resolution_is_refused_with_one_that_would_do(virtual: Sysfs) -> None:
    found = powered.facts({}, told(virtual), slot(1.0, 6.0), constant(virtual, lambda _: 5.0))
    assert (found["energy_uj"], found["energy"]) == (None, None)
    assert found["energy_uj_reason"] == "below the sensor's resolution: a slot of 10 s would do"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "no reading of ina226 before it (empty)"),
        ("<html>busy</html>", "no reading of ina226 before it (nonsense)"),
        ("-256000", "no reading of ina226 before it (implausible)"),
        ("99999999999999", "no reading of ina226 before it (implausible)"),
    ],
)
def test_what_is_no_power_is_a_named_reason(virtual: Sysfs, body: str, why: str) -> None:
    known = told(virtual)
    spoilt = replayed(virtual, {f"{HWMON}/power1_input": lambda _: body}, 15.0)
    assert powered.facts({}, known, slot(1.0, 13.0), spoilt)["energy_uj_reason"] == why


def test_a_single_bad_reading_is_left_out_and_a_second_of_them_is_a_gap(virtual: Sysfs) -> None:
    rows = constant(virtual, lambda _: 5.0)
    rows[60] = {**rows[60], "value": None, "error": "ETIMEDOUT"}
    assert powered.facts({}, told(virtual), slot(1.0, 13.0), rows)["energy_uj"] == pytest.approx(60e6)
    for k in range(60, 69):
        rows[k] = {**rows[k], "value": None, "error": "EIO"}
    found = powered.facts({}, told(virtual), slot(1.0, 13.0), rows)
    assert found["energy_uj_reason"] == "gap of 1.0 s in ina226 (EIO)"


SHELLY = {"name": "shelly", "kind": "shelly", "scope": "wall_ac", "sensor_class": "C", "lsb_w": 0.1, "interval_ms": 1000,
          "says": "Plus Plug S"}  # fmt: skip
METERED = {"meter": "shelly://192.0.2.9"}


def test_a_meter_stands_before_the_rails_of_its_board(virtual: Sysfs) -> None:
    rows = [row(START_S + k, "meter.shelly.power", 9000.0, "mW") for k in range(80)] + constant(virtual, lambda _: 5.0)
    found = powered.facts(METERED, told(virtual), {**slot(2.0, 72.0), "meter": SHELLY}, rows)
    assert found["energy_uj"] == pytest.approx(630e6)
    assert (found["energy"]["scope"], found["energy"]["sensor_class"], found["energy"]["source"]) == (
        "wall_ac", "C", "meter shelly",
    )  # fmt: skip
    short = powered.facts(METERED, told(virtual), {**slot(2.0, 14.0), "meter": SHELLY}, rows)
    assert short["energy_uj_reason"] == "below the sensor's resolution: a slot of 60 s would do"


def test_a_square_wave_has_its_area_through_a_bench_instrument_and_its_counter() -> None:
    bench = {**SHELLY, "name": "scpi", "scope": "board_dc", "sensor_class": "A", "lsb_w": 0.001, "interval_ms": 50}
    wave, said = Square(), {**slot(*SLOT), "meter": bench}
    truth_j = wave.between(START_S + SLOT[0], START_S + SLOT[1])
    moments = [START_S + k / 20 for k in range(300)]
    power = [row(t, "meter.scpi.power", wave.watt(t) * 1e3, "mW") for t in moments]
    counted = [row(t, "meter.scpi.energy", wave.between(START_S, t) * 1e6, "uJ") for t in moments]
    for rows in (power, counted):
        assert powered.facts(METERED, {}, said, rows)["energy_uj"] / 1e6 == pytest.approx(truth_j, rel=0.01)


def test_a_meter_that_answers_nonsense_is_a_named_reason() -> None:
    html = [row(START_S + k, "meter.shelly.power", None, "mW", "no JSON: <html>") for k in range(80)]
    silent = powered.facts(METERED, {}, {**slot(2.0, 72.0), "meter": SHELLY}, html)
    assert silent["energy_uj_reason"] == "no reading of the meter shelly before it (no JSON: <html>)"
    gone = powered.facts(METERED, {}, {**slot(2.0, 72.0), "meter": None, "meter_reason": "timeout: no answer"}, [])
    assert gone["energy_uj_reason"] == "timeout: no answer"
    odd = powered.facts(METERED, {}, {**slot(2.0, 72.0), "meter": {"name": 5}}, [])
    assert odd["energy_uj_reason"] == "its meter does not say what it is"


def test_a_board_without_a_sensor_and_one_whose_sensor_is_closed_say_so(tmp_path: Path) -> None:
    bare = told(laid(tmp_path / "bare", {COMPATIBLE: "benchfarm,virtual"}))
    assert powered.facts({}, bare, slot(1.0, 13.0), [])["energy_uj_reason"] == "no power sensor"
    closed = {**bare, "hardware": {"rails": [{"key": "r"}], "power": []},
              "capabilities": {"power": {"ok": False, "reason": "package-0: EACCES energy_uj"}}}  # fmt: skip
    assert powered.facts({}, closed, slot(1.0, 13.0), [])["energy_uj_reason"] == "package-0: EACCES energy_uj"


def test_a_launch_that_nobody_sampled_says_why(virtual: Sysfs) -> None:
    said = {**slot(1.0, 13.0), "sampler": {"mode": None, "reason": "a stand-in runs the launches"}}
    found = powered.facts({}, told(virtual), said, [])
    assert found["energy_uj_reason"] == "no reading of ina226: a stand-in runs the launches"


@pytest.mark.parametrize(
    "hardware",
    [7, [], {"rails": 7, "power": 7}, {"rails": [7, {}], "power": ["x"]}, {"rails": [{"key": "x"}], "power": ["x"]},
     {"rails": [{"key": "x", "label": 1, "source": "s", "scope": "s", "files": {}}], "power": ["x"]},
     {"rails": [{"key": "x", "label": "l", "source": "s", "scope": "s", "files": {}, "lsb_w": "y"}], "power": ["x"]}],
)  # fmt: skip
def test_an_agent_that_tells_nonsense_of_its_rails_has_no_energy(hardware: object) -> None:
    found = powered.facts({}, {"hardware": hardware, "capabilities": "none"}, slot(1.0, 13.0), [])
    assert found["energy_uj"] is None
    assert not powered.has_source({}, {"hardware": hardware})


@pytest.mark.parametrize("said", [{}, {"slot_t0_ns": "x", "slot_t1_ns": 5}, {"slot_t0_ns": 5, "slot_t1_ns": 5},
                                  {"slot_t0_ns": 9, "slot_t1_ns": 5}, {"slot_t0_ns": 0, "slot_t1_ns": 2**62}])  # fmt: skip
def test_a_slot_that_cannot_be_has_no_energy(virtual: Sysfs, said: Json) -> None:
    assert powered.facts({}, told(virtual), said, constant(virtual, lambda _: 5.0))["energy_uj"] is None
