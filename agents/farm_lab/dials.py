"""Files of a board's tree that move: written without ever being torn, and read back where others write them too."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from farm_agents.sysfs import Sysfs
from farm_lab.physics import Condition

ZONES = "sys/class/thermal"
METERS = "sys/class/hwmon"
RAPL = "sys/class/powercap/intel-rapl:0"
FIRMWARE = "sys/devices/platform/soc*/soc*:firmware/get_throttled"
OF_CPU = re.compile(r"cpu|soc|package|core|pkg|tj", re.IGNORECASE)  # types of zones, then of what slows the CPU down
COOLER = re.compile(r"cpufreq-cpu|thermal-cpufreq|Processor|cpu-throttle-alert")
THROTTLED, HAS_THROTTLED = 1 << 2, 1 << 18
NEAR_MC = 15_000  # a sensor this near to the processor's follows it; others (a disk, a dummy) have heat of their own
PLAUSIBLE_MC = range(1_000, 150_000)
PLENTY = 1 << 16


class Dial:
    """One open file, always the same: whoever reads it meanwhile finds a number, where its length changes by a digit at most."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where it is no file that can be read."""
        mode = path.stat().st_mode
        path.chmod(mode | 0o600)  # the knobs of a stock board are closed to its user, who owns this file
        try:
            self.fd = os.open(path, os.O_RDWR)
        finally:
            path.chmod(mode & 0o7777)
        self.shown = os.pread(self.fd, PLENTY, 0)
        self.stamp = self._stamp()

    def show(self, text: str) -> None:
        """Grows before it is written and shrinks after: in between there are newlines at its end, and no one minds them."""
        fresh = text.encode()
        if fresh == self.shown:
            return
        size = os.fstat(self.fd).st_size
        if len(fresh) > size:
            os.pwrite(self.fd, b"\n" * (len(fresh) - size), size)
        os.pwrite(self.fd, fresh.ljust(size, b"\n"), 0)
        if len(fresh) < size:
            os.ftruncate(self.fd, len(fresh))
        self.shown, self.stamp = fresh, self._stamp()

    def written(self) -> str | None:
        """What somebody else has written since; None for nothing, and for a file emptied to be written."""
        stamp = self._stamp()
        if stamp == self.stamp:
            return None
        found = os.pread(self.fd, PLENTY, 0)
        if not found.strip():
            return None
        self.shown, self.stamp = found, stamp
        return found.decode("utf-8", "replace").strip()

    def _stamp(self) -> tuple[int, int]:
        found = os.fstat(self.fd)
        return found.st_mtime_ns, found.st_size


@dataclass(frozen=True)
class Gauge:
    """A file and what it says of a condition; the other number is the temperature as sensors see it, in m°C."""

    dial: Dial
    says: Callable[[Condition, int], str]


def dial(tree: Sysfs, path: str) -> Dial | None:
    """None where the tree has no such file, or one that fails to be read."""
    try:
        return Dial(Path(tree.path(path)))
    except OSError:
        return None


def gauges(tree: Sysfs, *, silent: bool) -> list[Gauge]:
    """All of heat, cooling and power that follow the physics; `silent`: what cools does not show."""
    found = [*_temperatures(tree), *_meters(tree), *_counters(tree)]
    return [*found, *(_firmware(tree) if silent else _coolers(tree))]


def _temperatures(tree: Sysfs) -> Iterator[Gauge]:
    zones = [f"{ZONES}/{name}" for name in tree.names(ZONES, "thermal_zone")]
    sensors = [f"{zone}/temp" for zone in zones]
    for meter in _hwmons(tree):
        sensors += [f"{meter}/{name}" for name in tree.entries(meter) if re.fullmatch(r"temp\d+_input", name)]
    reference = _reference(tree, zones)
    for path in sensors:
        start = _plausible(tree, path)
        if start is not None and reference is not None and abs(start - reference) <= NEAR_MC:
            yield from _gauge(tree, path, _beside(start - reference))


def _reference(tree: Sysfs, zones: list[str]) -> int | None:
    """Where the processor's hottest zone stood."""
    of_cpu = [zone for zone in zones if OF_CPU.search(tree.text(f"{zone}/type") or "")]
    return max((temp for zone in of_cpu if (temp := _plausible(tree, f"{zone}/temp")) is not None), default=None)


def _plausible(tree: Sysfs, path: str) -> int | None:
    found = tree.number(path)
    return found if found in PLAUSIBLE_MC else None


def _beside(offset_mc: int) -> Callable[[Condition, int], str]:
    return lambda _, temp_mc: f"{temp_mc + offset_mc}\n"


def _coolers(tree: Sysfs) -> Iterator[Gauge]:
    for name in tree.names(ZONES, "cooling_device"):
        folder = f"{ZONES}/{name}"
        if COOLER.match(tree.text(f"{folder}/type") or ""):
            yield from _gauge(tree, f"{folder}/cur_state", _state(tree.number(f"{folder}/max_state") or 0))


def _state(most: int) -> Callable[[Condition, int], str]:
    return lambda now, _: f"{min(now.cool, most)}\n"


def _meters(tree: Sysfs) -> Iterator[Gauge]:
    """Power, or the current of a rail whose voltage is known; the first channel is the board's input."""
    for meter in _hwmons(tree):
        if tree.number(f"{meter}/power1_input") is not None:
            yield from _gauge(tree, f"{meter}/power1_input", lambda now, _: f"{round(now.power_w * 1e6)}\n")
        if volts := (tree.number(f"{meter}/in1_input") or 0) / 1000:
            yield from _gauge(tree, f"{meter}/curr1_input", _current(volts))


def _current(volts: float) -> Callable[[Condition, int], str]:
    return lambda now, _: f"{round(now.power_w / volts * 1000)}\n"


def _counters(tree: Sysfs) -> Iterator[Gauge]:
    start, span = tree.number(f"{RAPL}/energy_uj"), tree.number(f"{RAPL}/max_energy_range_uj")
    if start is not None and span:
        yield from _gauge(tree, f"{RAPL}/energy_uj", lambda now, _: f"{(start + round(now.energy_j * 1e6)) % span}\n")


def _firmware(tree: Sysfs) -> Iterator[Gauge]:
    for path in tree.matching(FIRMWARE):
        yield from _gauge(tree, path, _bits)


def _bits(now: Condition, _: int) -> str:
    return f"{THROTTLED * bool(now.cool) | HAS_THROTTLED * now.was_capped:x}\n"


def _gauge(tree: Sysfs, path: str, says: Callable[[Condition, int], str]) -> Iterator[Gauge]:
    found = dial(tree, path)
    if found:
        yield Gauge(found, says)


def _hwmons(tree: Sysfs) -> list[str]:
    return [f"{METERS}/{name}" for name in tree.names(METERS, "hwmon")]
