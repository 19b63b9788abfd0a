"""The clock of a slot: which one was set, what the kernel counted at each, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farm_reports.readings import TICK_S, Readings
from farm_reports.tables import STOCK, Calibration, Json

PINS = ("minmax", "userspace")  # strategies that leave a clock no freedom
HIGHEST = "scaling_max_freq"
LIMITS = ("scaling_min_freq", HIGHEST)
STRAYED = 0.01  # of a slot, at another clock than the planned one
STRAYED_TICKS = 2  # below it where it was held


def pinned(readings: Readings) -> bool:
    """Its clock was set, and read back as it was wanted, before the launch; one that is lost later was throttled or changed."""
    pin = readings.facts.get("pin")
    return isinstance(pin, dict) and pin.get("strategy") in PINS and bool(planned_khz(readings))


def absolute(readings: Readings, known: Calibration) -> bool:
    """Whether this slot can be held against what the board itself has shown at this clock."""
    return known.floor is not None and known.pin == readings.pin != STOCK and pinned(readings)


def planned_khz(readings: Readings) -> dict[str, int]:
    """The clock that was set, by cpufreq policy."""
    found = {}
    for knob in _rows(readings, "knobs"):
        folder, _, name = str(knob.get("path")).rpartition("/")
        wanted = str(knob.get("wanted"))
        if name == HIGHEST and wanted.isdecimal():
            found[folder.rpartition("/")[2]] = int(wanted)
    return found


def foreign(readings: Readings) -> str | None:
    """`scaling_max_freq of policy0 is 1000000`: what something else set while the clock was held, or None."""
    rows = [(_path(row), row.get("seen")) for row in _rows(readings, "foreign")]
    return ", ".join(f"{path[-1]} of {path[-2]} is {seen}" for path, seen in rows) or None


def changed(readings: Readings) -> set[str]:
    """The policies whose limits something else set while they were held."""
    paths = [_path(row) for row in _rows(readings, "foreign")]
    return {path[-2] for path in paths if path[-1] in LIMITS}


def off_plan(readings: Readings) -> str | None:
    """What read otherwise at the start or the end of the slot than right after it was set, in words."""
    for name, short in (
        ("scaling_governor", "governor"),
        ("scaling_min_freq", "freq_min_khz"),
        (HIGHEST, "freq_max_khz"),
    ):
        rows = [row for row in _rows(readings, "knobs") if _path(row)[-1] == name] if pinned(readings) else ()
        stood = {str(row.get("readback") or row.get("wanted")) for row in rows}
        for when in ("start", "end"):
            seen = readings.facts.get(f"{short}_{when}")
            if stood and seen is not None and not stood & set(str(seen).split("+")):  # several policies may differ
                return f"{name} was {seen} at the {when} of the slot, not {' or '.join(sorted(stood))}"
    return None


def below(readings: Readings) -> str | None:
    """How long the kernel ran a policy below the clock that was set, in words; not where that was set anew."""
    least = STRAYED_TICKS if pinned(readings) else None
    return next((text for policy, text in _away(readings, -1, least) if policy not in changed(readings)), None)


def away(readings: Readings) -> str | None:
    """The same of either side, where it is more than a moment."""
    return next((text for side in (-1, 1) for _, text in _away(readings, side, None)), None)


def told_khz(readings: Readings) -> float | None:
    """The mean clock of the slot by the kernel's count of the time at each."""
    ticks = [each for policy in _residency(readings).values() for each in policy.items()]
    total = sum(count for _, count in ticks)
    return sum(khz * count for khz, count in ticks) / total if total else None


def eff_khz(readings: Readings) -> float | None:
    """The clock that was measured over the slot."""
    return readings.amount("eff_khz") or None


def slower(readings: Readings, known: Calibration) -> float | None:
    """By which share of the calibrated clock the measured one lies below it; None where there is nothing to compare."""
    measured = eff_khz(readings)
    if measured is None or not known.eff_khz or not absolute(readings, known):
        return None
    return 1 - measured / known.eff_khz


def slower_text(readings: Readings, known: Calibration) -> str:
    share, measured, calibrated = slower(readings, known) or 0.0, eff_khz(readings) or 0.0, known.eff_khz or 0.0
    return f"{mhz(measured)} measured, {share:.1%} below the calibrated {mhz(calibrated)}"


def mhz(khz: float) -> str:
    return f"{khz / 1000:.0f} MHz"


def _away(readings: Readings, side: int, least: int | None) -> Iterator[tuple[str, str]]:
    """(policy, words) of each that was on that side of its planned clock for `least` ticks, None: for a share of the slot."""
    planned = planned_khz(readings)
    for policy, ticks in _residency(readings).items() if pinned(readings) or readings.tight else ():
        khz = planned.get(policy)
        strayed = {at: count for at, count in ticks.items() if khz and count and (at - khz) * side > 0}
        spent = sum(strayed.values())
        if khz and strayed and (spent >= least if least else spent > STRAYED * sum(ticks.values())):
            farthest = max(strayed, key=lambda at: abs(at - khz))
            yield policy, f"{policy} ran for {spent * TICK_S:.2f} s at {mhz(farthest)} instead of {mhz(khz)}"


def _residency(readings: Readings) -> dict[str, dict[int, float]]:
    """Ticks at each clock in kHz, by policy. A firmware that throttles by itself hides it from the kernel."""
    told = readings.facts.get("time_in_state")
    if not isinstance(told, dict) or readings.bits("throttled_bits_end") is not None:
        return {}
    return {str(policy): _ticks(rows) for policy, rows in told.items() if isinstance(rows, dict)}


def _ticks(rows: Json) -> dict[int, float]:
    said = Readings(rows, "")
    return {int(khz): count for khz in rows if str(khz).isdecimal() and (count := said.amount(khz)) is not None}


def _rows(readings: Readings, name: str) -> Sequence[Json]:
    pin = readings.facts.get("pin")
    rows = pin.get(name) if isinstance(pin, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _path(row: Json) -> list[str]:
    return ["", *str(row.get("path")).split("/")]
