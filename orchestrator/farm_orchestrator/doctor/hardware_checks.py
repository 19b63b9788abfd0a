"""What a board's clocks, heat and supply do to a measurement: facts in, findings out."""

from collections.abc import Callable

from farm_orchestrator.doctor.board_facts import BoardFacts
from farm_orchestrator.doctor.finding import Answer, fault, ok, warning
from farm_orchestrator.doctor.inside import Sensor
from farm_orchestrator.meters.look import in_words

Check = tuple[str, Callable[[BoardFacts], Answer | None]]

LOW = 0b1  # bits of get_throttled: now; 16 higher: since the firmware was last asked to forget
SLOWED = 0b1110
EARLIER = 16
HOT_MC = 80_000  # where no zone names a limit: the soft limit of a Raspberry Pi
NEAR_MC = 5_000
OWN_GOVERNORS = ("intel_pstate", "amd-pstate", "amd-pstate-epp")  # their `powersave` follows the load
CPUFREQ = "/sys/devices/system/cpu/cpufreq/policy*"
PERFORMANCE = f"on the board: `echo performance | sudo tee {CPUFREQ}/scaling_governor`"
COOL = "let it cool down; a heat sink or a fan, and room for air"
METER = "see that it is switched on, on this network, and what the board's field `meter` says it is"
MEND = {
    "password": "write `machine HOST login NAME password WORD` into ~/.netrc of this account, and `chmod 600 ~/.netrc`",
    "missing": "`pip install 'benchfarm[meter-joulescope]'`",
    "channel": "add ?channel=N to the board's field `meter`",
}
SUPPLY = "a supply and a cable that hold 5.1 V under load; nothing else on its USB ports"


def governor(facts: BoardFacts) -> Answer | None:
    seen = facts.inside.clocks if facts.inside else None
    if seen is None:
        return None
    if seen.governor is None:
        return ok("no cpufreq: the kernel does not show the clocks")
    span = f"{seen.governor}, {_mhz(seen.min_khz)} to {_mhz(seen.max_khz)} MHz"
    if "powersave" in seen.governor.split("+") and seen.driver not in OWN_GOVERNORS:
        return warning(
            span, "the processor stays at its lowest clock: every figure will be that of a slow board", PERFORMANCE
        )
    if seen.max_khz and seen.most_khz and seen.max_khz < seen.most_khz:
        return warning(f"{span}, of {_mhz(seen.most_khz)}", "somebody capped the clock: figures hold for this cap only",
                       f"on the board: `echo {seen.most_khz} | sudo tee {CPUFREQ}/scaling_max_freq`")  # fmt: skip
    return ok(span)


def temperature(facts: BoardFacts) -> Answer | None:
    seen = facts.inside.heat if facts.inside else None
    if seen is None:
        return None
    now = seen.temp_mc
    if now is None:
        return ok("no zone of the processor tells a temperature")
    passive = [limit for kind, limit in seen.trips if kind in ("passive", "hot")]
    critical = min((limit for kind, limit in seen.trips if kind == "critical"), default=None)
    if critical is not None and now >= critical - NEAR_MC:
        return fault(f"{_celsius(now)}, it switches off at {_celsius(critical)}", "far too hot to measure", COOL)
    limit = min(passive, default=HOT_MC)
    if now >= limit - NEAR_MC:
        return warning(
            f"{_celsius(now)}, it slows down at {_celsius(limit)}", "a hot start is slower than a cool one", COOL
        )
    return ok(f"{_celsius(now)}, slows down at {_celsius(limit)}")


def throttling(facts: BoardFacts) -> Answer | None:
    seen = facts.inside.heat if facts.inside else None
    if seen is None:
        return None
    active = ", ".join(f"{kind} {state}" for kind, state in seen.cooling if state > 0)
    flags = seen.throttled or 0
    if flags & SLOWED:
        return fault(f"the firmware throttles now (get_throttled 0x{flags:x})", "no figure of this moment counts", COOL)
    if active:
        return fault(f"the kernel throttles now ({active})", "no figure of this moment counts", COOL)
    if (flags >> EARLIER) & SLOWED:
        return warning(f"it was throttled earlier (get_throttled 0x{flags:x})", "under load it will be again", COOL)
    return ok("none" if seen.cooling or seen.throttled is not None else "no sign of any; nothing here would show it")


def supply(facts: BoardFacts) -> Answer | None:
    """Under-voltage: the firmware's bits, the supply's own alarm, a module's over-current counters."""
    heat, seen = (facts.inside.heat, facts.inside.supply) if facts.inside else (None, None)
    if heat is None or seen is None:
        return None
    flags = heat.throttled or 0
    if flags & LOW or seen.low:
        return fault(
            "the supply voltage is too low now", "the firmware lowers the clock without telling the kernel", SUPPLY
        )
    if (flags >> EARLIER) & LOW:
        return warning(
            f"the supply voltage was too low earlier (get_throttled 0x{flags:x})", "under load it will be again", SUPPLY
        )
    if seen.over_current:
        return warning(f"{seen.over_current} over-current events since it was switched on", "each lowers the clocks for a while",
                       "a stronger supply, or a lower power mode: `sudo nvpmodel -q`")  # fmt: skip
    known = heat.throttled is not None or seen.low is not None
    return ok("voltage in range" if known else "nothing here watches the voltage")


def pinning(facts: BoardFacts) -> Answer | None:
    """Rights only: what this account would need to hold the clocks still."""
    seen = facts.inside.clocks if facts.inside else None
    if seen is None or not seen.policies:
        return None if seen is None else ok("no cpufreq policy: nothing to hold")
    if not seen.closed:
        return ok("this account may set the clocks")
    user = facts.scan.user if facts.scan else "USER"
    return warning("this account may not set the clocks", f"{len(seen.closed)} files below {CPUFREQ} are closed to it",
                   f"`farm boards tune-script > farm-tune.sh`, read it, then on the board as root: `sh farm-tune.sh {user}`")  # fmt: skip


def power(facts: BoardFacts) -> Answer | None:
    seen = facts.inside.power if facts.inside else None
    if seen is None:
        return None
    if not seen:
        return ok("no sensor: " + ("energy is that of the meter" if facts.meter else "energy is not measured"))
    shut = [one for one in seen if not one.readable]
    if shut:
        return warning(
            f"{shut[0].source} is closed to this account",
            f"{shut[0].path} cannot be read",
            _open_up(facts, shut[0]),
        )
    return ok(", ".join(sorted({one.source for one in seen})))


def meter(facts: BoardFacts) -> Answer | None:
    """A run goes on without it, and has no energy."""
    if facts.meter is None:
        return None
    if facts.meter["error"] is not None:
        return warning(
            in_words(facts.meter),
            "launches are measured without energy",
            MEND.get(facts.meter["error"].split(":")[0], METER),
        )
    return ok(in_words(facts.meter))


def _open_up(facts: BoardFacts, sensor: Sensor) -> str:
    user = facts.scan.user if facts.scan else None
    return f"on the board: `sudo chgrp {user or 'GROUP'} {sensor.path} && sudo chmod g+r {sensor.path}` (until it restarts)"


def _mhz(khz: int | None) -> str:
    return "?" if khz is None else f"{khz / 1000:.0f}"


def _celsius(mc: int) -> str:
    return f"{mc / 1000:.0f} °C"


CHECKS: tuple[Check, ...] = (
    ("governor", governor),
    ("temperature", temperature),
    ("throttling", throttling),
    ("supply", supply),
    ("pinning", pinning),
    ("power", power),
    ("meter", meter),
)
