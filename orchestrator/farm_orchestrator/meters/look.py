"""One look at a board's meter: whether it answers, what it says it is, how fine and how often."""

import time

from farm_orchestrator.meters import MeterError, open_meter
from farm_orchestrator.meters.meter import Json, described


def look(text: str) -> Json:
    """{"address", "error", "power_w", "took_ms", and what describes a meter}; `error` says why the rest is not there."""
    began = time.monotonic()
    try:
        meter = open_meter(text)
        try:
            reading = meter.read()
        finally:
            meter.close()
    except MeterError as error:
        return {"address": text, "error": str(error), "waited_s": time.monotonic() - began}
    return {
        "address": text,
        "error": None,
        **described(meter),
        "power_w": reading.power_w,
        "took_ms": reading.took_ns / 1e6,
    }


def in_words(seen: Json) -> str:
    """One line of a meter that answered, or why it did not."""
    if seen["error"] is not None:
        return f"{seen['address']}: {seen['error']}"
    rate = 1000 / seen["interval_ms"]
    return (
        f"{seen['says']}: {seen['power_w']:.4g} W now, in steps of {seen['lsb_w']:.2g} W, {rate:g} a second "
        f"({seen['scope']}, class {seen['sensor_class']})"
    )
