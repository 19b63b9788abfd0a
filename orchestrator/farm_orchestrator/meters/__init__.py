"""Power meters outside the board: asked from this machine, each behind the same small protocol.

The inventory, which knows their addresses, is imported where a board has a meter: it is a fifth of a worker's start.
"""

import time

from farm_orchestrator.meters import login
from farm_orchestrator.meters.joulescope import Joulescope
from farm_orchestrator.meters.meter import Clock, Meter, MeterError, Reading
from farm_orchestrator.meters.scpi import Scpi
from farm_orchestrator.meters.shelly import open_shelly
from farm_orchestrator.meters.tasmota import Tasmota
from farm_orchestrator.meters.web import Web

__all__ = ["Meter", "MeterError", "Reading", "open_meter"]


def open_meter(text: str, clock_ns: Clock = time.monotonic_ns) -> Meter:
    """The meter that a board's field names, found and asked who it is. Raises MeterError."""
    from farm_inventory import meter_address

    try:
        address = meter_address(text)
    except ValueError as error:
        raise MeterError("address", str(error)) from None
    if address.kind == "joulescope":
        return Joulescope(address.host, clock_ns)
    if address.kind == "scpi":
        return Scpi(address.host, address.port, address.channel, clock_ns)
    web = Web(address.host, address.port, login.of(address.host), clock_ns)
    return open_shelly(web, address.channel) if address.kind == "shelly" else Tasmota(web, address.channel)
