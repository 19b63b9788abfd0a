"""A bench instrument that speaks SCPI over TCP: a power analyser or a supply, by what it says it is."""

import socket
import time
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from farm_orchestrator.meters import exchange
from farm_orchestrator.meters.meter import Clock, MeterError, Reading, Scope, SensorClass

ANALYSER = "YOKOGAWA"
ITEMS_MOST = 100
QUOTE = 60


class Scpi:
    """Only questions are asked: the ranges, the items and the output stay as a person set them at the instrument."""

    kind = "scpi"
    sensor_class: SensorClass = "A"
    interval_ms = 100

    def __init__(self, host: str, port: int, channel: int | None, clock_ns: Clock = time.monotonic_ns) -> None:
        self.host = host
        self.port = port
        self.clock_ns = clock_ns
        self.link: socket.socket | None = None
        self.lsb_w = 0.0
        try:
            self.says = self._identity()
            analyser = self.says.upper().startswith(ANALYSER)
            self.scope: Scope = "wall_ac" if analyser else "board_dc"
            self.question = self._item(channel or 1) if analyser else _supply(channel)
            self.read()
        except MeterError:
            self.close()
            raise

    def read(self) -> Reading:
        began = self.clock_ns()
        said = self._ask(self.question)
        took = self.clock_ns() - began
        value = self._number(said)
        return Reading(began + took // 2, float(value), took_ns=took)

    def close(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.close()

    def _identity(self) -> str:
        said = self._ask("*IDN?")
        if said.count(",") < 2:
            raise MeterError("nonsense", f"{self.host}:{self.port} does not say what it is: {said[:QUOTE]!r}")
        return ", ".join(part.strip() for part in said.split(",")[:2])[:80]  # maker and model, no serial number

    def _item(self, element: int) -> str:
        """The numeric item in which a Yokogawa shows the active power of this element."""
        items = int(self._number(self._ask(":NUM:NORM:NUM?")))
        for item in range(1, min(items, ITEMS_MOST) + 1):
            shown = self._ask(f":NUM:NORM:ITEM{item}?").split(" ")[-1].upper().split(",")
            if shown[0] == "P" and (shown[1:2] or ["1"])[0] == str(element):
                return f":NUM:NORM:VAL? {item}"
        raise MeterError("unmetered", f"none of its {items} numeric items is the active power of element {element}; "
                         f"set one: `:NUM:NORM:ITEM1 P,{element}`")  # fmt: skip

    def _number(self, said: str) -> Decimal:
        """The step of its figures is the finest it has shown. Raises MeterError."""
        try:
            value = Decimal(said.rsplit(" ", maxsplit=1)[-1])
        except InvalidOperation:
            raise MeterError("nonsense", f"it answered {said[:QUOTE]!r} where a number was asked for") from None
        if not value.is_finite() or abs(value) > 1e9:  # 9.91E+37 is SCPI's word for no number
            raise MeterError("overrange", f"it answered {said[:QUOTE]!r}: no data, or out of its range")
        step = float(Decimal(1).scaleb(int(value.as_tuple().exponent)))
        self.lsb_w = min(self.lsb_w, step) if self.lsb_w else step
        return value

    def _ask(self, question: str) -> str:
        """After anything but an answer the connection is a new one: a late answer must not be taken for the next."""
        try:
            if self.link is None:
                self.link = exchange.connect(self.host, self.port)
                with suppress(OSError):
                    self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            said = exchange.ask(self.link, f"{question}\n".encode(), lambda said: said.endswith(b"\n"))
            return _line(said, question)
        except MeterError:
            self.close()
            raise


def _line(said: bytes, question: str) -> str:
    if not said.endswith(b"\n"):
        kind, what = ("half", f"ended in the middle: {said[:QUOTE]!r}") if said else ("gone", "closed the connection")
        raise MeterError(kind, f"asked {question} it {what}")
    text = said.decode("ascii", "replace").strip()
    if text.startswith("<") or "\n" in text:
        raise MeterError("nonsense", f"asked {question} it answered {text[:QUOTE]!r}, which is no SCPI")
    return text


def _supply(channel: int | None) -> str:
    return "MEAS:POW?" if channel is None else f"MEAS:POW? (@{channel})"
