"""The state of the board beside a slot: governor, clocks and their limits, heat, cooling, supply."""

from typing import Any, List, Optional, Sequence, Tuple

from farm_agents import cpufreq, devfreq, firmware, thermal
from farm_agents.fact import told
from farm_agents.sysfs import Sysfs, apart
from farm_agents.wire import Json

COOLING = "cooling_state_max"
NO_GOVERNOR = "no cpufreq policy tells a governor"
NO_CLOCK = "no cpufreq policy tells a clock"
NO_LIMIT = "no cpufreq policy tells a limit"
NO_ZONE = "no thermal zone of the processor answers"
NO_COOLER = "no cooling device slows this processor down"
NO_DEVFREQ = "no devfreq clock answers"


def look(facts: Json, tree: Sysfs, cpus: Sequence[int], when: str) -> None:
    """Adds what is seen at `when` (start, then end) to the facts of the launch."""
    for name, value, reason in (*_clocks(tree, cpus, when), *_state(tree, when)):
        facts.update(told(name, value, reason))
    earlier = facts.get(COOLING) if when == "end" else None
    facts.pop(COOLING + "_reason", None)
    facts.update(told(COOLING, _highest(earlier, thermal.cooling_state(tree)), NO_COOLER))


def _clocks(tree: Sysfs, cpus: Sequence[int], when: str) -> List[Tuple[str, Any, str]]:
    governor = cpufreq.governor(tree, cpus)
    return [
        ("governor", governor, NO_GOVERNOR),
        ("governor_" + when, governor, NO_GOVERNOR),
        ("freq_khz_" + when, cpufreq.freq_khz(tree, cpus), NO_CLOCK),
        ("freq_min_khz_" + when, cpufreq.freq_khz(tree, cpus, "scaling_min_freq"), NO_LIMIT),
        ("freq_max_khz_" + when, cpufreq.freq_khz(tree, cpus, "scaling_max_freq"), NO_LIMIT),
    ]


def _state(tree: Sysfs, when: str) -> List[Tuple[str, Any, str]]:
    return [
        ("temp_mc_" + when, thermal.temp_mc(tree), NO_ZONE),
        ("throttled_bits_" + when, firmware.throttled_bits(tree), firmware.NO_FIRMWARE),
        ("devfreq_hz_" + when, devfreq.clocks_hz(tree) or None, NO_DEVFREQ),
    ]


def _highest(one: Optional[int], other: Optional[int]) -> Optional[int]:
    return max((value for value in (one, other) if value is not None), default=None)


def readings(tree: Sysfs, t_ns: int) -> List[Json]:
    """Every clock and zone once, as the wire's `readings`."""
    clocks = [
        (policy + ".cur", cpufreq.khz(tree, policy, "scaling_cur_freq"), "kHz") for policy in cpufreq.policies(tree)
    ]
    found = thermal.zones(tree)
    names = apart([("zone." + zone.kind, zone.name) for zone in found])
    zones = [(name, zone.temp_mc, "mC") for name, zone in zip(names, found)]
    return [_reading(t_ns, *one) for one in (*clocks, *zones)]


def _reading(t_ns: int, source: str, value: Optional[int], unit: str) -> Json:
    error = "unreadable" if value is None else None
    return {"t_ns": t_ns, "source": source, "value": value, "unit": unit, "error": error}
