"""A meter that answers nonsense, late, half or too much is a named reason, and never more than that."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import meters_support as support
from farm_orchestrator.meters import MeterError, Reading, open_meter
from farm_orchestrator.meters.meter import Json
from farm_orchestrator.meters.watch import Kept, jumped, rows_of
from farm_orchestrator.meters.web import Web
from meters_support import Ticking, page, shelly_gen2, web

GOOD = shelly_gen2(lambda _: 5.0, Ticking())
SECOND_NS = 1_000_000_000


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm_orchestrator.meters.exchange.WITHIN_S", 0.3)


def turning(bad: bytes | None) -> support.Answer:
    """Well until it was found, then bad for one question, then well again."""
    count = itertools.count()

    def answer(path: str, headers: dict[str, str]) -> bytes | None:
        return bad if next(count) == 2 else GOOD(path, headers)

    return answer


BAD = {
    "html": (support.HTML, r"html: .*answered with HTML: b'<!DOCTYPE"),
    "hang": (None, r"timeout: .*no answer within 0\.3 s"),
    "half": (support.HALF, "half: .*ended in the middle, after 13 bytes"),
    "large": (support.LARGE, "too_large: .*more than 256 KiB"),
    "redirect": (support.ELSEWHERE, "redirect: .*sends elsewhere; farm asks nobody but the meter itself"),
    "noise": (support.NOISE, "nonsense: .*speaks no HTTP"),
    "nothing": (b"", "gone: .*without a word"),
    "status": (page({}, "500 Oh"), "status: .*HTTP status 500"),
    "no object": (page([1]), "nonsense: .*no object"),
    "no JSON": (page(b'{"apower": 5.'), "nonsense: .*no JSON"),
    "no number": (page({"apower": "much"}), "nonsense: apower is no number: 'much'"),
    "not a number": (page(b'{"apower": NaN}'), "nonsense: .*no JSON"),
    "endless number": (page(b'{"apower": 1e999}'), "nonsense: apower is no number"),
    "beyond all numbers": (page(b'{"apower": 1e99999999999999999999}'), "nonsense: .*no JSON"),
    "a power station": (page({"apower": 2e6}), "nonsense: apower says 2e.06 W"),
    "yes": (page({"apower": True}), "nonsense: apower is no number"),
    "deep": (page(b"[" * 50_000), "nonsense: .*no JSON"),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_answer_is_a_reason_and_the_next_one_counts(kind: str) -> None:
    bad, why = BAD[kind]
    with web(turning(bad)) as port:
        meter = open_meter(f"shelly://127.0.0.1:{port.number}")
        with pytest.raises(MeterError, match=why):
            meter.read()
        assert meter.read().power_w == 5.0
        assert all(path.startswith(("/shelly", "/rpc/")) for path in port.asked)


@pytest.mark.parametrize(("serve", "why"), [(support.drops, "timeout: "), (support.wordless, "gone: ")])
def test_neither_drops_nor_silence_hold_anybody_longer_than_the_deadline(serve: Callable[..., None], why: str) -> None:
    with support.listening(serve) as port:
        for kind in ("shelly", "tasmota", "scpi"):
            with pytest.raises(MeterError, match=why):
                open_meter(f"{kind}://127.0.0.1:{port.number}")


def test_something_else_at_that_address_is_told() -> None:
    with web(lambda *_: page({"Command": "Unknown"})) as port:
        with pytest.raises(MeterError, match=r"nonsense: .*not as a Shelly does"):
            open_meter(f"shelly://127.0.0.1:{port.number}")
        with pytest.raises(MeterError, match=r"unmetered: .*measures no power"):
            open_meter(f"tasmota://127.0.0.1:{port.number}")


def test_a_switch_that_does_not_measure_is_told() -> None:
    pages = {"/shelly": support.GEN2, "/rpc/Switch.GetStatus?id=0": {"id": 0, "output": True}}
    answer = {path: page(body) for path, body in pages.items()}
    with (
        web(lambda path, _: answer.get(path, support.NOT_FOUND)) as port,
        pytest.raises(MeterError, match=r"unmetered: Shelly PlusPlugS.* measures no power on its channel 0"),
    ):
        open_meter(f"shelly://127.0.0.1:{port.number}")


def test_a_first_shelly_that_does_not_believe_itself_is_not_believed() -> None:
    pages: dict[str, Json] = {"/shelly": support.GEN1, "/status": {"meters": [{"power": 5.0, "is_valid": False}]}}
    with web(lambda path, _: page(pages[path])) as port:
        with pytest.raises(MeterError, match="invalid: "):
            open_meter(f"shelly://127.0.0.1:{port.number}").read()
        with pytest.raises(MeterError, match=r"unmetered: .*channel 1"):
            open_meter(f"shelly://127.0.0.1:{port.number}?channel=1").read()


def readings() -> Iterator[tuple[Reading, str | None]]:
    """Each against one of 100 J at second 10, of a meter whose own clock said 1000."""
    yield Reading(11 * SECOND_NS, 5.0, 105.0, 1001.0), None
    yield Reading(11 * SECOND_NS, 5.0, 100.0, 1060.0), None  # some tell the minute only
    yield Reading(11 * SECOND_NS, 5.0, 105.0, 4601.0), "its own clock moved by 3601 s within 1 s"
    yield Reading(11 * SECOND_NS, 5.0, 105.0, 0.0), "its own clock moved by -1000 s"
    yield Reading(11 * SECOND_NS, 5.0, 2.0, 1001.0), "its counter went from 100 J to 2 J"
    yield Reading(11 * SECOND_NS, 5.0, 9e6, 1001.0), "its counter went from 100 J to 9000000 J"
    yield Reading(11 * SECOND_NS, 5.0), None


@pytest.mark.parametrize(("now", "why"), list(readings()))
def test_a_jump_in_time_is_told_beside_the_power_that_still_holds(now: Reading, why: str | None) -> None:
    found = jumped(Reading(10 * SECOND_NS, 5.0, 100.0, 1000.0), now)
    assert (found is None) == (why is None)
    power, *energy = rows_of("shelly", Kept(now.t_mid_ns, now, jump=found), 7)
    assert (power["t_ns"], power["value"], power["error"]) == (11 * SECOND_NS + 7, 5000.0, None)
    if why is not None:
        assert why in str(found)
        assert [(row["source"], row["value"]) for row in energy] == [("meter.shelly.energy", None)]
        assert energy[0]["error"] == found


@given(st.binary(max_size=300), st.integers(0, 400), st.booleans())
def test_whatever_bytes_come_they_are_an_answer_or_a_named_reason(noise: bytes, at: int, alone: bool) -> None:  # noqa: FBT001
    """Alone, or in the middle of what a meter would have said."""
    good = GOOD("/rpc/Switch.GetStatus?id=0", {}) or b""
    said = noise if alone else good[:at] + noise + good[at + len(noise) :]
    plug = Web("192.0.2.1", 80, None)
    with suppress(MeterError):
        assert isinstance(plug.checked(plug.parsed(said, 1, 1)).body, dict)
