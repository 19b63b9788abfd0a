"""Each kind of meter tells the joules of a known wave, what it is, and why not where it cannot."""

import base64
import hashlib
import math
import queue
import re
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import meters_support as support
from farm_inventory import meter_address
from farm_orchestrator import powered
from farm_orchestrator.meters import MeterError, open_meter
from farm_orchestrator.meters.login import Login, answer_to, of
from farm_orchestrator.meters.meter import Meter, described
from farm_orchestrator.meters.watch import Kept, rows_of
from farm_orchestrator.model import Json
from meters_support import Square, Ticking, page, shelly_gen2, web

READINGS = 121


@contextmanager
def opened(where: Any, text: str, clock: Callable[[], int]) -> Iterator[Meter]:
    with where as port:
        meter = open_meter(text.format(port.number), clock)
        try:
            yield meter
        finally:
            meter.close()


def wave_of(interval_ms: int) -> Square:
    """About 20 W; its edges lie anywhere between two readings."""
    return Square(12.0, 28.0, 237 * interval_ms * 100_000)


def rows(meter: Meter, clock: Ticking, name: str) -> list[Json]:
    """A reading at each interval from now on, and one on either side."""
    found = []
    for _ in range(READINGS + 2):
        reading = meter.read()
        found += rows_of(name, Kept(reading.t_mid_ns, reading), 0)
        clock.ns += meter.interval_ms * 1_000_000
    return found


def is_told(wave: Square, text: str, meter: Meter, clock: Ticking) -> bool:
    """Whether the farm's own integral has the joules of the wave, within 1 % and a step."""
    begin = clock.ns + meter.interval_ms * 1_000_000
    found = rows(meter, clock, meter.kind)
    end = begin + (READINGS - 1) * meter.interval_ms * 1_000_000
    slot = {"meter": {"name": meter.kind, **described(meter)}, "slot_t0_ns": begin, "slot_t1_ns": end}
    facts = powered.facts({"meter": text}, {}, slot, found)
    assert facts["energy_uj"] is not None, facts
    known_j = wave.joules(end) - wave.joules(begin)
    return abs(float(facts["energy_uj"]) / 1e6 - known_j) <= 0.01 * known_j + meter.lsb_w


PLUGS = {
    "gen2": (support.shelly_gen2, "shelly://127.0.0.1:{}", "Shelly PlusPlugS, firmware 1.3.3"),
    "gen1": (support.shelly_gen1, "shelly://127.0.0.1:{}", "Shelly SHPLG-S, firmware 20230913-113421/v1.14.0"),
    "tasmota": (support.tasmota, "tasmota://127.0.0.1:{}", "Tasmota 13.4.0(tasmota)"),
}


@pytest.mark.parametrize("kind", PLUGS)
def test_a_square_wave_through_a_plug_has_its_joules(kind: str) -> None:
    make, text, says = PLUGS[kind]
    clock, wave = Ticking(), wave_of(1000)
    with opened(web(make(wave, clock, wave.joules)), text, clock) as meter:
        assert (meter.says, meter.scope, meter.sensor_class, meter.interval_ms) == (says, "wall_ac", "C", 1000)
        assert is_told(wave, text.format(1), meter, clock)


@pytest.mark.parametrize(("make", "text", "says", "scope"), [
    (support.analyser, "scpi://127.0.0.1:{}", "YOKOGAWA, WT310E", "wall_ac"),
    (support.supply, "scpi://127.0.0.1:{}", "Keysight Technologies, N6705C", "board_dc"),
])  # fmt: skip
def test_a_square_wave_through_an_instrument_has_its_joules(make: Any, text: str, says: str, scope: str) -> None:
    clock, wave = Ticking(), wave_of(100)
    with opened(support.scpi(make(wave, clock)), text, clock) as meter:
        assert (meter.says, meter.scope, meter.sensor_class, meter.interval_ms) == (says, scope, "A", 100)
        assert is_told(wave, text.format(1), meter, clock)
        assert meter.lsb_w <= 1e-3


def test_the_counter_of_a_plug_is_told_in_microjoules_on_the_same_clock() -> None:
    clock, wave = Ticking(), wave_of(1000)
    with opened(web(shelly_gen2(wave, clock, wave.joules)), "shelly://127.0.0.1:{}", clock) as meter:
        found = [row for row in rows(meter, clock, "shelly") if row["source"] == "meter.shelly.energy"]
    assert {row["unit"] for row in found} == {"uJ"}
    known_j = wave.joules(found[-1]["t_ns"]) - wave.joules(found[0]["t_ns"])
    assert (found[-1]["value"] - found[0]["value"]) / 1e6 == pytest.approx(known_j, abs=3.6)  # its step is 1 mWh


def test_a_meter_without_a_relay_and_old_firmware_are_found_too() -> None:
    clock = Ticking()

    def small(path: str, _: dict[str, str]) -> bytes:
        pages = {
            "/shelly": {**support.GEN2, "app": "MiniPMG3", "gen": 3},
            "/rpc/PM1.GetStatus?id=0": {"id": 0, "apower": 4.2},
        }
        return page(pages[path]) if path in pages else support.NOT_FOUND

    with opened(web(small), "shelly://127.0.0.1:{}", clock) as meter:
        assert meter.read().power_w == 4.2
        assert meter.read().energy_j is None
    old = support.tasmota(lambda _: 6.0, clock, command="Status%2010")
    with opened(web(old), "tasmota://127.0.0.1:{}", clock) as meter:
        assert (meter.read().power_w, meter.lsb_w) == (6.0, 1.0)


def test_the_channel_says_which_of_several() -> None:
    with opened(
        support.scpi(support.supply(lambda _: 8.0, Ticking())), "scpi://127.0.0.1:{}?channel=2", Ticking()
    ) as meter:
        assert meter.read().power_w == 4.0
    strip = page({"StatusSNS": {"Time": "2026-01-01T00:00:00", "ENERGY": {"Total": [1.0, 2.0], "Power": [3.5, 4.25]}}})
    with opened(web(lambda *_: strip), "tasmota://127.0.0.1:{}?channel=1", Ticking()) as meter:
        assert (meter.read().power_w, meter.read().energy_j, meter.lsb_w) == (4.25, 7.2e6, 0.01)
    with (
        opened(web(lambda *_: strip), "tasmota://127.0.0.1:{}", Ticking()) as meter,
        pytest.raises(MeterError, match="which"),
    ):
        meter.read()


@pytest.mark.parametrize(("answers", "why"), [
    ({"*IDN?": lambda: "hello"}, "nonsense: .*does not say what it is"),
    ({**support.supply(lambda _: 1.0, Ticking()), "MEAS:POW?": lambda: "9.91E+37"}, "overrange: "),
    ({**support.supply(lambda _: 1.0, Ticking()), "MEAS:POW?": lambda: "sNaN"}, "overrange: "),
    ({**support.supply(lambda _: 1.0, Ticking()), "MEAS:POW?": lambda: "<html>"}, "nonsense: .*no SCPI"),
    ({**support.supply(lambda _: 1.0, Ticking()), "MEAS:POW?": lambda: '-113,"Undefined header"'}, "nonsense: "),
    ({**support.analyser(lambda _: 1.0, Ticking()), ":NUM:NORM:ITEM3?": lambda: "Q,1"}, "unmetered: .*:NUM:NORM:ITEM1 P,1"),
])  # fmt: skip
def test_an_instrument_that_tells_no_power_is_told_why(answers: Any, why: str) -> None:
    with support.scpi(answers) as port, pytest.raises(MeterError, match=why):
        open_meter(f"scpi://127.0.0.1:{port.number}")


def test_a_late_answer_is_not_taken_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm_orchestrator.meters.exchange.WITHIN_S", 0.2)
    values = iter(range(1, 100))
    answers = support.supply(lambda _: float(next(values)), Ticking())
    with support.scpi(answers) as port:
        meter = open_meter(f"scpi://127.0.0.1:{port.number}")
        known = answers.pop("MEAS:POW?")
        with pytest.raises(MeterError, match="timeout: "):
            meter.read()
        answers["MEAS:POW?"] = known
        assert meter.read().power_w == 2.0
        meter.close()


DIGEST = 'Digest qop="auth", realm="shellyplusplugs-b0b21c000000", nonce="60dc59c6", algorithm=SHA-256'


def guarded(challenge: str, fits: Callable[[str], bool]) -> support.Answer:
    inside = shelly_gen2(lambda _: 5.0, Ticking())

    def answer(path: str, headers: dict[str, str]) -> bytes:
        if path == "/shelly" or fits(headers.get("authorization", "")):
            return inside(path, headers) or b""
        return page({}, "401 Unauthorized", f"WWW-Authenticate: {challenge}")

    return answer


def login_at(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login admin password s3cret\n")
    (home / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))


def test_a_digest_is_that_of_the_standard() -> None:
    """By RFC 7616's own words, recomputed here from what the header says."""
    header = answer_to(DIGEST, Login("admin", "pw"), "/rpc/Switch.GetStatus?id=0")
    told = dict(re.findall(r'(\w+)="?([^",]+)"?', header))

    def sha(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    ha1, ha2 = sha("admin:shellyplusplugs-b0b21c000000:pw"), sha("GET:/rpc/Switch.GetStatus?id=0")
    assert told["response"] == sha(f"{ha1}:60dc59c6:{told['nc']}:{told['cnonce']}:auth:{ha2}")


@pytest.mark.parametrize("challenge", [DIGEST, 'Basic realm="plug"'])
def test_a_password_comes_from_netrc_and_never_stands_in_a_url(
    challenge: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    basic = "basic " + base64.b64encode(b"admin:s3cret").decode().lower()
    with web(guarded(challenge, lambda told: told == basic or "response=" in told)) as port:
        text = f"shelly://127.0.0.1:{port.number}"
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(MeterError, match=r"password: .*wants a login; write .*~/\.netrc"):
            open_meter(text)
        login_at(tmp_path, monkeypatch)
        assert open_meter(text).read().power_w == 5.0
        assert not any("s3cret" in path for path in port.asked)


def test_a_wrong_password_and_an_open_netrc_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login_at(tmp_path, monkeypatch)
    with web(guarded(DIGEST, lambda _: False)) as port, pytest.raises(MeterError, match="refused the login") as found:
        open_meter(f"shelly://127.0.0.1:{port.number}")
    assert "s3cret" not in str(found.value)
    (tmp_path / ".netrc").write_text("machine")
    with pytest.raises(MeterError, match=r"password: .*\.netrc cannot be used"):
        of("127.0.0.1")
    assert "s3cret" not in repr(Login("a", "s3cret"))


def test_a_password_that_breaks_netrc_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login_at(tmp_path, monkeypatch)
    (tmp_path / ".netrc").write_text("machine plug login admin password my s3cret\n")
    with pytest.raises(MeterError, match=r"password: .*\.netrc cannot be used: .*stands in quotes") as found:
        of("plug")
    assert "s3cret" not in str(found.value)


def test_a_host_is_found_in_netrc_however_its_letters_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login_at(tmp_path, monkeypatch)
    (tmp_path / ".netrc").write_text("machine Plug-7 login admin password s3cret\n")
    assert of(meter_address("shelly://Plug-7").host) == Login("admin", "s3cret")


def test_firmware_that_takes_its_password_in_the_url_alone_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    login_at(tmp_path, monkeypatch)
    warned = page({"WARNING": "Need user=<username>&password=<password>"})
    with (
        web(lambda *_: warned) as port,
        pytest.raises(MeterError, match=r"password: .*in the URL, where farm puts none"),
    ):
        open_meter(f"tasmota://127.0.0.1:{port.number}")


def test_a_joulescope_without_its_package_says_what_to_install() -> None:
    with pytest.raises(MeterError, match=r"missing: .*pip install 'benchfarm\[meter-joulescope\]'"):
        open_meter("joulescope://000123")


class Scope:
    """As `joulescope` 1.x shows a device; it stands in for our own mapping alone, no instrument was ever seen."""

    model = "js220"
    device_serial_number = "000123"

    def __init__(self) -> None:
        self.heard: list[Callable[[Json], None]] = []
        self.is_open = False

    def statistics_callback_register(self, heard: Callable[[Json], None], source: str) -> None:
        assert source == "sensor"
        self.heard.append(heard)

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def parameter_set(self, name: str, value: str) -> None:
        assert (name, value) in {("i_range", "auto"), ("v_range", "15V")}


@dataclass
class Driver:
    """The queue that the driver's thread would fill."""

    clock: Ticking
    wave: Square

    def get_nowait(self) -> None:
        raise queue.Empty

    def get(self, timeout: float) -> tuple[int, Json]:
        """Statistics over half a second around now."""
        assert timeout > 0
        said = {"time": {"delta": {"value": 0.5, "units": "s"}},
                "signals": {"power": {"µ": {"value": self.wave(self.clock.ns), "units": "W"}}},
                "accumulators": {"energy": {"value": self.wave.joules(self.clock.ns), "units": "J"}}}  # fmt: skip
        return self.clock.ns + 250_000_000, said


def plug_in(device: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(config: str) -> list[Scope]:
        assert config == "off"
        return [device]

    library = types.ModuleType("joulescope")
    vars(library)["scan"] = scan
    monkeypatch.setitem(sys.modules, "joulescope", library)


def test_the_statistics_of_a_joulescope_are_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    device, clock, wave = Scope(), Ticking(), wave_of(500)
    plug_in(device, monkeypatch)
    with pytest.raises(MeterError, match=r"gone: no Joulescope 7 is plugged in \(there is: 000123\)"):
        open_meter("joulescope://7")
    meter = open_meter("joulescope://000123", clock)
    monkeypatch.setattr(meter, "told", Driver(clock, wave))
    assert is_told(wave, "joulescope://000123", meter, clock)
    assert device.is_open
    monkeypatch.setattr(meter, "told", Driver(clock, Square(math.nan, math.nan, 1_000)))
    with pytest.raises(MeterError, match="overrange: Joulescope JS220 told nan W"):
        meter.read()
    meter.close()
    assert not device.is_open


def test_what_a_joulescope_tells_waits_until_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm_orchestrator.meters.joulescope.WITHIN_S", 0.1)
    device = Scope()
    plug_in(device, monkeypatch)
    meter = open_meter("joulescope://000123")
    for _ in range(5):
        device.heard[0]({"old": True})
    with pytest.raises(MeterError, match="timeout: Joulescope JS220 told nothing"):
        meter.read()


def test_a_port_that_nothing_listens_on_is_told() -> None:
    with web(lambda *_: b"") as port:
        number = port.number
    for kind in ("shelly", "tasmota", "scpi"):
        with pytest.raises(MeterError, match=f"refused: nothing listens on 127.0.0.1:{number}"):
            open_meter(f"{kind}://127.0.0.1:{number}")
