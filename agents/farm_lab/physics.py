"""How a board uses its CPUs, heats, slows itself down and chooses its clocks: pure, in steps of any length."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

POWER_OF_CLOCK = 2.5
HEADROOM = 1.25  # what schedutil leaves above the load it sees
REVIEW_S = 0.5  # between two decisions of step_wise
HYSTERESIS_C = 3.0
START_C = 40.0


@dataclass(frozen=True)
class Hardware:
    """`opps`: kHz of each policy, ascending; `main`: the policy that the measured CPU belongs to.

    `trip_c` None: heat never throttles; `silent`: it does so behind cpufreq, which goes on showing what it asked for.
    `cores`: CPUs of the machine that the board has at its highest clock; `time_scale` makes it heat faster.
    `drift_c_h`: by how much the room warms in an hour of the board's heat; `critical_c`: where it switches itself off;
    `held_khz`: what something that cpufreq knows nothing of holds its clocks to.
    """

    t_amb_c: float = 25.0
    r_th_k_w: float = 9.0
    tau_s: float = 12.0
    p_idle_w: float = 1.2
    p_max_w: float = 5.5
    trip_c: float | None = 60.0
    silent: bool = False
    opps: tuple[tuple[int, ...], ...] = ()
    main: int = 0
    cores: float = 1.0
    time_scale: float = 1.0
    drift_c_h: float = 0.0
    critical_c: float | None = None
    held_khz: int | None = None


@dataclass(frozen=True)
class Load:
    """Of all processes of a board, in seconds per second: what they had of the CPUs, and how long they waited for one."""

    used: float = 0.0
    waited: float = 0.0


@dataclass(frozen=True)
class Knobs:
    """What cpufreq was told about one policy."""

    governor: str
    low_khz: int
    high_khz: int
    speed_khz: int | None = None


@dataclass(frozen=True)
class Clock:
    """Of one policy: `khz` it runs at, `asked_khz` by cpufreq, and how long each OPP was asked for."""

    khz: int
    asked_khz: int
    spent_s: tuple[float, ...]
    changes: int = 0


@dataclass(frozen=True)
class Condition:
    """A board at one moment; `cool`: how many OPPs heat takes away, `reviewed_s`: since when that stands,
    `was_capped`: it did so at some time, `aged_s`: how long it has heated, in the time of its heat.
    """

    t_c: float
    clocks: tuple[Clock, ...] = ()
    u: float = 0.0
    power_w: float = 0.0
    energy_j: float = 0.0
    cool: int = 0
    reviewed_s: float = 0.0
    was_capped: bool = False
    aged_s: float = 0.0


def start(hardware: Hardware, t_c: float = START_C) -> Condition:
    """Switched on and idle, every clock at its highest."""
    clocks = tuple(Clock(opps[-1], opps[-1], (0.0,) * len(opps)) for opps in hardware.opps)
    return Condition(t_c, clocks, power_w=hardware.p_idle_w)


def step(hardware: Hardware, was: Condition, load: Load, knobs: Sequence[Knobs], dt_s: float) -> Condition:
    """The board after `dt_s` seconds under this load: what it ran at decides the heat, the heat what it runs at next."""
    u = utilisation(hardware, was, load)
    power_w = hardware.p_idle_w + hardware.p_max_w * u * _effort(hardware, was)
    t_c = _warmed(hardware, was, power_w, dt_s)
    cool, reviewed_s = _cooled(hardware, was.cool, was.reviewed_s + dt_s, t_c)
    clocks = []
    for opps, clock, told in zip(hardware.opps, was.clocks, knobs, strict=True):
        highest = cap(opps, cool)
        asked = governed(opps, told, opps[-1] if hardware.silent else highest, u, clock.asked_khz)
        clocks.append(_next(opps, clock, asked, min(highest, _held(hardware, opps)), dt_s))
    return Condition(t_c, tuple(clocks), u, power_w, was.energy_j + power_w * dt_s, cool, reviewed_s,
                     was.was_capped or cool > 0, was.aged_s + hardware.time_scale * dt_s)  # fmt: skip


def off(hardware: Hardware) -> Hardware:
    """The same without power: it cools."""
    return replace(hardware, p_idle_w=0.0, p_max_w=0.0)


def overheated(hardware: Hardware, now: Condition) -> bool:
    return hardware.critical_c is not None and now.t_c >= hardware.critical_c


def speed(hardware: Hardware, now: Condition) -> float:
    """The clock of the measured CPU, of its highest; 1 where nothing tells of clocks."""
    return now.clocks[hardware.main].khz / hardware.opps[hardware.main][-1] if now.clocks else 1.0


def utilisation(hardware: Hardware, now: Condition, load: Load) -> float:
    """Of what the CPUs can do at this clock; that the machine had no time for the board does not make the board idle."""
    capacity = hardware.cores * speed(hardware, now)
    return min(1.0, (load.used + min(load.waited, 1.0)) / capacity)


def declared(hardware: Hardware, now: Condition, duty: float) -> Load:
    """That of a launch which only sleeps, and says what share of its CPU it would have taken."""
    return Load(duty * hardware.cores * speed(hardware, now))


def cap(opps: Sequence[int], cool: int) -> int:
    """The highest clock that heat leaves to a policy, in kHz."""
    return opps[max(0, len(opps) - 1 - cool)]


def governed(opps: Sequence[int], knobs: Knobs, highest_khz: int, u: float, khz: int) -> int:
    """The OPP that the governor asks for."""
    high = min(knobs.high_khz, highest_khz)
    low = min(knobs.low_khz, high)
    match knobs.governor:
        case "performance":
            wanted = high
        case "powersave":
            wanted = low
        case "userspace":
            wanted = knobs.speed_khz or khz
        case _:
            wanted = next((opp for opp in opps if opp >= HEADROOM * u * khz), opps[-1])
    return _down(opps, max(low, min(wanted, high)))


def _effort(hardware: Hardware, now: Condition) -> float:
    """What the clocks make of the power of full load, the mean of all policies."""
    shares = [clock.khz / opps[-1] for clock, opps in zip(now.clocks, hardware.opps, strict=True)]
    return sum(share**POWER_OF_CLOCK for share in shares) / len(shares) if shares else 1.0


def _warmed(hardware: Hardware, was: Condition, power_w: float, dt_s: float) -> float:
    """Exact for a power that is constant meanwhile, however long; the room stands still during a step."""
    room_c = hardware.t_amb_c + hardware.drift_c_h * was.aged_s / 3600
    settled_c = room_c + hardware.r_th_k_w * power_w
    return settled_c + (was.t_c - settled_c) * math.exp(-hardware.time_scale * dt_s / hardware.tau_s)


def _cooled(hardware: Hardware, cool: int, reviewed_s: float, t_c: float) -> tuple[int, float]:
    """As step_wise does: an OPP less above the trip, one more well below it."""
    if hardware.trip_c is None or reviewed_s < REVIEW_S:
        return cool, reviewed_s
    most = max((len(opps) for opps in hardware.opps), default=1) - 1
    if t_c > hardware.trip_c:
        return min(cool + 1, most), 0.0
    return (max(cool - 1, 0) if t_c < hardware.trip_c - HYSTERESIS_C else cool), 0.0


def _next(opps: tuple[int, ...], clock: Clock, asked: int, highest: int, dt_s: float) -> Clock:
    spent = tuple(s + dt_s * (opp == clock.asked_khz) for opp, s in zip(opps, clock.spent_s, strict=True))
    return Clock(min(asked, highest), asked, spent, clock.changes + (asked != clock.asked_khz))


def _held(hardware: Hardware, opps: Sequence[int]) -> int:
    return opps[-1] if hardware.held_khz is None else _down(opps, hardware.held_khz)


def _down(opps: Sequence[int], khz: int) -> int:
    return max((opp for opp in opps if opp <= khz), default=opps[0])
