"""Meters to stand in for real ones: servers on loopback that speak what their makers document, and some that do not.

Gen2+: shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Switch (status: apower in W, aenergy.total in Wh,
aenergy.by_minute in mWh, aenergy.minute_ts). Gen1: shelly-api-docs.shelly.cloud/gen1 (/status: meters[].power in W, total in
watt-minutes, timestamp). Tasmota: tasmota.github.io/docs/JSON-Status-Responses (StatusSNS.ENERGY: Power in W, Total in kWh).
SCPI: Yokogawa IM WT310-17EN (:NUMERIC group), Keysight N6700 (MEASURE group).
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

SECOND_NS = 1_000_000_000
EPOCH_S = 1_790_000_000
Power = Callable[[int], float]
Answer = Callable[[str, dict[str, str]], bytes | None]  # of a path and its headers; None: nothing is said, for long


@dataclass
class Ticking:
    """A clock that a test moves."""

    ns: int = 1_000 * SECOND_NS

    def __call__(self) -> int:
        return self.ns


@dataclass(frozen=True)
class Square:
    """`low_w` and `high_w` in turns, each for half of `period_ns`, from `t0_ns` on."""

    low_w: float
    high_w: float
    period_ns: int
    t0_ns: int = 1_000 * SECOND_NS

    def __call__(self, t_ns: int) -> float:
        return self.low_w if (t_ns - self.t0_ns) % self.period_ns < self.period_ns // 2 else self.high_w

    def joules(self, t_ns: int) -> float:
        """Since `t0_ns`, at full and half periods exactly."""
        halves, rest_ns = divmod(t_ns - self.t0_ns, self.period_ns // 2)
        whole = (halves // 2 + halves % 2) * self.low_w + halves // 2 * self.high_w
        return (whole * self.period_ns / 2 + self(t_ns) * rest_ns) / SECOND_NS


@dataclass
class Port:
    """Where a stand-in listens, and what it was asked."""

    number: int
    asked: list[str] = field(default_factory=list)


@contextmanager
def listening(serve: Callable[[socket.socket, Port], None]) -> Iterator[Port]:
    """Calls `serve` for each connection in a thread of its own; it may raise OSError when the other side goes."""
    server = socket.create_server(("127.0.0.1", 0))
    port = Port(server.getsockname()[1])

    def one(link: socket.socket) -> None:
        with link, suppress(OSError):
            serve(link, port)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def web(answer: Answer) -> Any:
    """A web server of one page after the other."""

    def serve(link: socket.socket, port: Port) -> None:
        said = b""
        while b"\r\n\r\n" not in said:
            said += link.recv(65536)
        first, *lines = said.decode().split("\r\n")
        path = first.split(" ")[1]
        port.asked.append(path)
        told = answer(path, dict(line.lower().split(": ", 1) for line in lines if ": " in line))
        if told is None:
            link.recv(1)  # until the other side gives up
        else:
            link.sendall(told)

    return listening(serve)


def page(body: object, status: str = "200 OK", *headers: str) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, "", ""]).encode() + raw


NOT_FOUND = page({"code": 404}, "404 Not Found")
GEN2 = {"name": None, "id": "shellyplusplugs-b0b21c000000", "mac": "B0B21C000000", "model": "SNPL-00112EU", "gen": 2,
        "fw_id": "20240625-122628/1.3.3", "ver": "1.3.3", "app": "PlusPlugS", "auth_en": False}  # fmt: skip
GEN1 = {"type": "SHPLG-S", "mac": "E868E7000000", "auth": False, "fw": "20230913-113421/v1.14.0", "num_meters": 1}


def shelly_gen2(power: Power, clock: Callable[[], int], joules: Power = lambda _: 0.0) -> Answer:
    def answer(path: str, _: dict[str, str]) -> bytes:
        if path == "/shelly":
            return page(GEN2)
        if path != "/rpc/Switch.GetStatus?id=0":
            return NOT_FOUND
        t_ns = clock()
        counted = {"total": round(joules(t_ns) / 3600, 3), "by_minute": [0.0, 0.0, 0.0],
                   "minute_ts": EPOCH_S + t_ns // (60 * SECOND_NS) * 60}  # fmt: skip
        return page({"id": 0, "source": "init", "output": True, "apower": round(power(t_ns), 1), "voltage": 231.4,
                     "freq": 50.0, "current": 0.05, "aenergy": counted, "temperature": {"tC": 41.2, "tF": 106.2}})  # fmt: skip

    return answer


def shelly_gen1(power: Power, clock: Callable[[], int], joules: Power = lambda _: 0.0) -> Answer:
    def answer(path: str, _: dict[str, str]) -> bytes:
        t_ns = clock()
        meter = {"power": round(power(t_ns), 2), "overpower": 0.0, "is_valid": True, "timestamp": EPOCH_S + t_ns // SECOND_NS,
                 "counters": [2.115, 2.114, 2.142], "total": int(joules(t_ns) / 60)}  # fmt: skip
        pages = {"/shelly": GEN1, "/status": {"time": "11:08", "relays": [{"ison": True}], "meters": [meter]}}
        return page(pages[path]) if path in pages else NOT_FOUND

    return answer


def tasmota(
    power: Power, clock: Callable[[], int], joules: Power = lambda _: 0.0, command: str = "Status%208"
) -> Answer:
    """`command`: the one that this firmware knows."""

    def answer(path: str, _: dict[str, str]) -> bytes:
        if path == "/cm?cmnd=Status%202":
            return page({"StatusFWR": {"Version": "13.4.0(tasmota)", "BuildDateTime": "2024-02-14T11:11:11"}})
        if path != f"/cm?cmnd={command}":
            return page({"Command": "Unknown"})
        t_ns = clock()
        told = datetime.fromtimestamp(EPOCH_S + t_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        energy = {"TotalStartTime": "2022-09-24T18:51:27", "Total": round(joules(t_ns) / 3.6e6, 3), "Yesterday": 1.181,
                  "Today": 0.902, "Power": round(power(t_ns)), "ApparentPower": 9, "ReactivePower": 6, "Factor": 0.7,
                  "Voltage": 231, "Current": 0.041}  # fmt: skip
        return page({"StatusSNS": {"Time": told, "ENERGY": energy}})

    return answer


def scpi(answers: dict[str, Callable[[], str]]) -> Any:
    """One line for each question; a question it does not know gets none, as with real ones."""

    def serve(link: socket.socket, port: Port) -> None:
        with link.makefile("rwb") as lines:
            for line in lines:
                question = line.decode().strip()
                port.asked.append(question)
                if question in answers:
                    lines.write(answers[question]().encode() + b"\n")
                    lines.flush()

    return listening(serve)


def analyser(power: Power, clock: Callable[[], int]) -> dict[str, Callable[[], str]]:
    def shows(text: str) -> Callable[[], str]:
        return lambda: text

    return {
        "*IDN?": shows("YOKOGAWA,WT310E,C3UG00000E,F1.04"),
        ":NUM:NORM:NUM?": shows("4"),
        ":NUM:NORM:ITEM1?": shows("U,1"),
        ":NUM:NORM:ITEM2?": shows(":NUMERIC:NORMAL:ITEM2 I,1"),
        ":NUM:NORM:ITEM3?": shows(":NUMERIC:NORMAL:ITEM3 P,1"),
        ":NUM:NORM:ITEM4?": shows("NONE"),
        ":NUM:NORM:VAL? 3": lambda: f"{power(clock()):.4E}",
    }


def supply(power: Power, clock: Callable[[], int]) -> dict[str, Callable[[], str]]:
    return {
        "*IDN?": lambda: "Keysight Technologies,N6705C,MY00000000,E.02.07.3026",
        "MEAS:POW?": lambda: f"{power(clock()):+.5E}",
        "MEAS:POW? (@2)": lambda: f"{power(clock()) / 2:+.5E}",
    }


HTML = page(b"<!DOCTYPE html><html><body>Please log in</body></html>", "200 OK")
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b'{"apower": 5.'
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b" " * 10_000_000
ELSEWHERE = page({}, "302 Found", "Location: http://192.0.2.1/rpc/Switch.GetStatus?id=0")
NOISE = bytes(range(1, 200)) * 3


def drops(link: socket.socket, _: Port) -> None:
    """A byte now and then, for as long as anybody listens."""
    link.recv(65536)
    while True:
        link.sendall(b"H")
        time.sleep(0.02)


def wordless(link: socket.socket, _: Port) -> None:
    link.recv(65536)
