"""A Joulescope on USB, through its maker's own package, which is an extra of ours."""

import importlib
import queue
import time
from contextlib import suppress
from math import isfinite
from typing import Any

from farm_orchestrator.meters.meter import Clock, MeterError, Reading, Scope, SensorClass

INSTALL = "pip install 'benchfarm[meter-joulescope]'"
WITHIN_S = 3.0
TROUBLE = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, TimeoutError)
Statistics = dict[str, Any]


class Joulescope:
    """The instrument integrates by itself at its full rate, and tells twice a second what it has."""

    kind = "joulescope"
    scope: Scope = "board_dc"
    sensor_class: SensorClass = "A"
    interval_ms = 500
    lsb_w = 1e-3

    def __init__(self, serial: str, clock_ns: Clock = time.monotonic_ns) -> None:
        self.clock_ns = clock_ns
        self.told: queue.Queue[tuple[int, Statistics]] = queue.Queue(maxsize=2)
        self.device = _device(serial)
        self.says = f"Joulescope {str(getattr(self.device, 'model', '?')).upper()[:40]}"
        try:
            self.device.statistics_callback_register(self._heard, "sensor")
            self.device.open()
            self.device.parameter_set("i_range", "auto")
            self.device.parameter_set("v_range", "15V")
        except TROUBLE as error:
            self.close()
            raise MeterError("gone", f"{self.says} cannot be opened: {error}") from None

    def read(self) -> Reading:
        """The next statistics. Their middle is half of what they cover before they came."""
        with suppress(queue.Empty):
            while True:
                self.told.get_nowait()
        try:
            came_ns, said = self.told.get(timeout=WITHIN_S)
            covers_ns = int(float(said["time"]["delta"]["value"]) * 1e9)
            power = float(said["signals"]["power"]["µ"]["value"])
            energy = float(said["accumulators"]["energy"]["value"])
        except queue.Empty:
            raise MeterError("timeout", f"{self.says} told nothing for {WITHIN_S:g} s") from None
        except (KeyError, TypeError, ValueError) as error:
            raise MeterError("nonsense", f"{self.says} told no power: {type(error).__name__} {error}") from None
        if not (isfinite(power) and isfinite(energy)):
            raise MeterError("overrange", f"{self.says} told {power:g} W, {energy:g} J")
        return Reading(came_ns - covers_ns // 2, power, energy)

    def close(self) -> None:
        with suppress(*TROUBLE):
            self.device.close()

    def _heard(self, said: Statistics) -> None:
        """From the driver's own thread; what nobody fetches is dropped."""
        with suppress(queue.Full):
            self.told.put_nowait((self.clock_ns(), said))


def _device(serial: str) -> Any:
    """By its serial number. Raises MeterError."""
    try:
        library = importlib.import_module("joulescope")
    except ImportError:
        raise MeterError("missing", f"the package of its maker is not installed here: {INSTALL}") from None
    try:
        found = library.scan(config="off")
    except TROUBLE as error:
        raise MeterError("gone", f"no Joulescope can be looked for: {error}") from None
    fit = [device for device in found if str(getattr(device, "device_serial_number", "")) == serial]
    if not fit:
        there = ", ".join(str(getattr(device, "device_serial_number", "?")) for device in found) or "none"
        raise MeterError("gone", f"no Joulescope {serial} is plugged in (there is: {there})")
    return fit[0]
