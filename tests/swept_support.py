"""A run that sweeps the clocks of one board, made up: times go with the clock, the least energy lies in the middle."""

from dataclasses import replace
from functools import partial
from typing import Any

from farm_reports.judge import results as judge
from farm_reports.results import Results
from farm_reports.tables import LaunchRecord
from tables_support import POINT, TIMES, launches, tables

CLOCKS = (2_400_000, 1_500_000, 600_000)
NAMES = ("fp32", "int8")
WATT = {2_400_000: 6.7, 1_500_000: 2.9, 600_000: 1.4}  # least energy at 1.5 GHz


def point(khz: int, threads: int = 1) -> str:
    return POINT.replace("/1/stock/", f"/{threads}/{khz}/")


POINTS = tuple(map(point, CLOCKS))
METER: dict[str, Any] = {
    "scope": "board_dc", "source": "rail.in", "sensor_class": "B", "lsb_w": 0.001, "interval_ms": 1.0,
}  # fmt: skip


def records(*, energy: bool = False, unheld: int | None = None, threads: int = 1) -> list[LaunchRecord]:
    """Launches whose time goes with the clock; `unheld`: a clock that was not held."""
    found = []
    for khz in CLOCKS:
        each = launches(names=NAMES, time_ns=partial(time_ns, khz), point=point(khz, threads))
        found += [replace(one, id=one.id + khz, block=one.block + khz, facts=facts(one, khz, energy, khz != unheld))
                  for one in each]  # fmt: skip
    return found


def time_ns(khz: int, _: str, name: str, block: int) -> float:
    return TIMES[name] * CLOCKS[0] / khz * (1 + block / 2000)


def facts(launch: LaunchRecord, khz: int, energy: bool, held: bool) -> dict[str, Any]:  # noqa: FBT001 - a table's columns
    pin = {"wanted": str(khz), "held": held, "reason": None if held else "EACCES scaling_governor"}
    heat = {"temp_mc_start": 40_000, "temp_mc_end": 40_000 + khz // 100}
    uj = {"energy_uj": WATT[khz] * (launch.p50_ns or 0) * (launch.n or 0) / 1e3, "energy": METER} if energy else {}
    return {**launch.facts, "pin": pin, **heat, **uj}


def judged(found: list[LaunchRecord] | None = None, **changes: Any) -> Results:
    return judge(tables(records() if found is None else found, names=NAMES, points=POINTS, **changes))
