"""What the energy of a board is taken from, and what a launch took, from the readings beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from farm_orchestrator.model import Json, document

if TYPE_CHECKING:
    from farm_reports.stats.energy import Energy, Source, Window
    from farm_reports.stats.flow import Rail

NO_SENSOR = "no power sensor"
UJ, MOST_J = 1e6, 1e12  # what a launch takes at most, as far as it can be stored
COUNTER_STEP_J = 61e-6  # of RAPL: 2^-14 J
LEAST_S = {"A": 1.0, "B": 10.0, "C": 60.0}  # the shortest windows of a counter or an instrument, a shunt, a plug
UNKNOWN_METER = "its meter does not say what it is"


def has_source(board: Json, told: Json) -> bool:
    """Whether a launch on this board can have an energy. `told`: of the agent's hello."""
    return bool(board.get("meter")) or bool(_rails(told))


def source(board: Json, told: Json, said: Json) -> Source | str:
    """A meter where the board has one, else the rails that make up its widest scope; never both, and no nested one.

    `said`: the facts of the launch. Without a source, why.
    """
    if board.get("meter"):
        meter = said.get("meter")
        return _meter(meter) if isinstance(meter, dict) else str(said.get("meter_reason") or UNKNOWN_METER)
    return _own(_rails(told)) or _why_no_rails(told)


def facts(board: Json, told: Json, said: Json, readings: Iterable[Mapping[str, Any]]) -> Json:
    """The facts `energy_uj`, `energy_net_uj` and `energy` of a launch; `said`: its others. Null with a reason."""
    from farm_reports.stats.energy import of_window
    from farm_reports.stats.flow import Untold

    found, slot = source(board, told, said), _pair([said.get("slot_t0_ns"), said.get("slot_t1_ns")])
    if isinstance(found, str) or slot is None:
        return _none(found if isinstance(found, str) else "nobody told when its slot was")
    idle = [each for name in ("idle_before_ns", "idle_after_ns") if (each := _pair(said.get(name)))]
    try:
        return _told(found, of_window(found, readings, slot, idle if len(idle) == 2 else ()))
    except Untold as untold:
        return _none(_beside(str(untold), said))


def _pair(found: object) -> Window | None:
    whole = isinstance(found, list) and len(found) == 2 and all(type(each) is int for each in found)
    return (found[0], found[1]) if whole and isinstance(found, list) else None


def _told(found: Source, energy: Energy) -> Json:
    if energy.gross_j > MOST_J:
        return _none("more than any board takes")
    net = None if energy.net_j is None else round(energy.net_j * UJ)
    return {
        "energy_uj": round(energy.gross_j * UJ),
        "energy_low_uj": round(energy.low_j * UJ),
        "energy_high_uj": round(energy.high_j * UJ),
        "energy_net_uj": net,
        **({} if net is not None else {"energy_net_uj_reason": energy.net_reason}),
        "energy": {
            "scope": found.scope,
            "source": found.name,
            "sensor_class": found.sensor_class,
            "lsb_w": energy.lsb_w,
            "interval_ms": round(energy.interval_ms, 3),
            "idle_w": energy.idle_w,
        },
    }


def _none(reason: str) -> Json:
    names = ("energy_uj", "energy_net_uj", "energy")
    return {**dict.fromkeys(names), **{f"{name}_reason": reason for name in names}}


def _why_no_rails(told: Json) -> str:
    """A sensor that is there and closed has a reason of its own."""
    hardware, power = document(told.get("hardware")), document(document(told.get("capabilities")).get("power"))
    return str(power.get("reason") or NO_SENSOR)[:200] if hardware.get("rails") else NO_SENSOR


def _beside(reason: str, said: Json) -> str:
    """Without a sampler there is nothing to look for in the readings."""
    sampler = document(said.get("sampler"))
    return f"{reason}: {sampler['reason']}" if sampler.get("mode") is None and sampler.get("reason") else reason


def _rails(told: Json) -> list[Json]:
    """As the agent chose them: those whose sum is its widest scope."""
    hardware = document(told.get("hardware"))
    rails = [rail for rail in _listed(hardware.get("rails")) if _sound(rail)]
    wanted = _listed(hardware.get("power"))
    found = [rail for key in wanted for rail in rails if rail["key"] == key]
    return found if len(found) == len(wanted) else []


def _sound(rail: object) -> bool:
    """What an agent says is looked at before it is used."""
    if not isinstance(rail, dict):
        return False
    texts, numbers = ("key", "label", "source", "scope"), ("lsb_w", "interval_ms", "range_uj")
    named = all(isinstance(rail.get(name), str) for name in texts) and isinstance(rail.get("files"), dict)
    return named and all(rail.get(name) is None or type(rail[name]) in {int, float} for name in numbers)


def _own(rails: list[Json]) -> Source | None:
    from farm_reports.stats.energy import Source

    if not rails:
        return None
    counts = all("energy_uj" in rail["files"] for rail in rails)
    return Source(
        name=" + ".join(f"{rail['label']} ({rail['source']})" for rail in rails),
        scope=rails[0]["scope"],
        sensor_class="A" if counts else "B",
        least_s=LEAST_S["A" if counts else "B"],
        rails=tuple(_rail(rail) for rail in rails),
    )


def _rail(rail: Json) -> Rail:
    from farm_reports.stats.flow import Rail

    step_j = COUNTER_STEP_J if "energy_uj" in rail["files"] else None
    key, label = f"rail.{rail['key']}", rail["label"]
    return Rail(key, label, rail.get("lsb_w"), step_j, rail.get("interval_ms"), rail.get("range_uj"))


def _meter(said: Json) -> Source | str:
    """As the meter outside the board describes itself."""
    from farm_reports.stats.energy import Source
    from farm_reports.stats.flow import Rail

    name, scope, sensor_class = (said.get(each) for each in ("name", "scope", "sensor_class"))
    if not isinstance(name, str) or not isinstance(scope, str) or sensor_class not in LEAST_S:
        return UNKNOWN_METER
    rail = Rail(f"meter.{name}", f"the meter {name}", said.get("lsb_w"), interval_ms=said.get("interval_ms"))
    return Source(f"meter {name}", scope, sensor_class, LEAST_S[sensor_class], (rail,))


def _listed(found: object) -> list[Any]:
    return found if isinstance(found, list) else []
