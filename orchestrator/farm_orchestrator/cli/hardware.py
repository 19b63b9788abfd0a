"""What `farm boards probe` shows of a board's clocks, heat and power, and what it lacks."""

from collections.abc import Iterator
from typing import Any

from farm_orchestrator.model import Json

INDENT = "  "


def in_words(found: Json) -> list[str]:
    """Lines for a person, of a board that was probed and of its meter; none where neither says anything."""
    hardware, missing = found["hardware"], found["capabilities"] or {}
    outside = list(_outside(found))
    if not hardware:
        return [str(found["name"]), *outside] if outside else []
    told = [f"{INDENT}{line}" for line in _told(hardware)]
    lacking = [f"{INDENT}no {name}: {said.get('reason')}" for name, said in missing.items()
               if isinstance(said, dict) and not said.get("ok")]  # fmt: skip
    return [f"{found['name']} ({hardware.get('family')})", *told, *outside, *lacking]


def _outside(found: Json) -> Iterator[str]:
    if found.get("meter"):
        from farm_orchestrator.meters.look import in_words

        yield f"{INDENT}meter {in_words(found['meter'])}"


def _told(hardware: Json) -> Iterator[str]:
    """A line for each kind of thing that is there."""
    for policy in _rows(hardware, "policies"):
        cpus = ",".join(map(str, _list(policy, "cpus"))) or "?"
        clocks = f"{_mhz(policy.get('lowest_khz'))} to {_mhz(policy.get('highest_khz'))} MHz"
        yield f"CPUs {cpus}: {clocks}, {policy.get('governor') or 'no governor'} ({policy.get('driver') or 'no driver'})"
    for device in _rows(hardware, "devfreq"):
        yield f"{device.get('kind')} {device.get('name')}: {_mhz(device.get('cur_hz'), 1_000_000)} MHz, {device.get('governor')}"
    if isinstance(temp_mc := hardware.get("temp_mc"), int):
        yield f"processor at {temp_mc / 1000:.1f} °C ({', '.join(_cpu_zones(hardware)) or 'coretemp'})"
    for rail in _rows(hardware, "rails"):
        yield _rail(rail, _list(hardware, "power"))
    for refused in _rows(hardware, "refused"):
        yield f"not believed: {refused.get('why')} ({refused.get('path')})"


def _rail(rail: Json, power: list[Any]) -> str:
    step = f", in steps of {rail['lsb_w'] * 1000:.0f} mW" if isinstance(rail.get("lsb_w"), float) else ""
    inside = f", inside {rail['nested_in']}" if rail.get("nested_in") else ""
    state = "part of the total" if rail.get("key") in power else rail.get("reason") or "never added up"
    return f"power {rail.get('label')} ({rail.get('scope')}{inside}): {state}{step}"


def _cpu_zones(hardware: Json) -> list[str]:
    chosen = _list(hardware, "cpu_zones")
    return [str(zone.get("kind")) for zone in _rows(hardware, "zones") if zone.get("name") in chosen]


def _rows(hardware: Json, name: str) -> list[Json]:
    return [row for row in _list(hardware, name) if isinstance(row, dict)]


def _list(document: Json, name: str) -> list[Any]:
    """A board may say anything."""
    found = document.get(name)
    return found if isinstance(found, list) else []


def _mhz(value: Any, per_mhz: int = 1000) -> str:
    return f"{value / per_mhz:.0f}" if isinstance(value, int) else "?"
