"""The board's field `meter`: what it may hold, and what a person who wrote something else is told."""

import json

import pytest

from farm_inventory import MeterAddress, meter_address, schema
from inventory_support import complaint, fleet


@pytest.mark.parametrize(("text", "meant"), [
    ("shelly://192.0.2.9", MeterAddress("shelly", "192.0.2.9", 80)),
    ("shelly://plug.lan:8080/?channel=1", MeterAddress("shelly", "plug.lan", 8080, 1)),
    ("tasmota://plug_2", MeterAddress("tasmota", "plug_2", 80)),
    ("scpi://[2001:db8::7]:5026", MeterAddress("scpi", "2001:db8::7", 5026)),
    ("scpi://wt310?channel=2", MeterAddress("scpi", "wt310", 5025, 2)),
    ("joulescope://002557", MeterAddress("joulescope", "002557", 0)),
])  # fmt: skip
def test_what_a_meter_is_called_says_where_it_is(text: str, meant: MeterAddress) -> None:
    assert meter_address(text) == meant
    assert fleet(f"boards: {{a: {{meter: '{text}'}}}}")["a"].meter == text


@pytest.mark.parametrize(("text", "why", "near"), [
    ("192.0.2.9", "must be KIND://HOST", "shelly://192.0.2.9"),
    ("shely://plug", "shely:// is no kind of meter", "shelly://plug"),
    ("http://plug/status", "http:// is no kind of meter", "shelly://plug"),
    ("shelly://plug/rpc", "a meter has no path", "shelly://plug"),
    ("shelly://plug?chanel=1", "only ?channel=N may follow", "shelly://plug?channel=0"),
    ("shelly://plug?channel=one", "the channel must be a number", None),
    ("shelly://plug:99999", "a port above 65535", None),
    ("shelly://plug:none", "is no address of a meter", None),
    ("shelly://", "must be KIND://HOST", None),
    ("shelly://-x", "names no host", None),
    ("joulescope://a/b", "must be joulescope://SERIAL", None),
    ("scpi://[::1", "is no address of a meter", None),
    ("{{ plug }}", "templates are not evaluated", None),
])  # fmt: skip
def test_what_is_no_meter_is_told_with_its_line_and_what_was_meant(text: str, why: str, near: str | None) -> None:
    said = complaint(f"boards:\n  a:\n    meter: '{text}'\n")
    assert said.startswith("inventory.yaml:3:12: boards.a.meter: ")
    assert why in said
    assert ("did you mean" in said) == (near is not None)
    assert near is None or f"did you mean '{near}'?" in said


@pytest.mark.parametrize(
    "text", ["shelly://admin:hunter2@plug", "admin:hunter2@plug", "tasmota://plug?password=hunter2"]
)
def test_a_secret_is_refused_and_not_repeated(text: str) -> None:
    said = complaint(f"boards:\n  a: {{meter: '{text}'}}\n")
    assert "hunter2" not in said
    assert ("~/.netrc" in said) == ("@" in text)


@pytest.mark.parametrize(
    "text", ["shelly://admin:hunter2", "admin:hunter2", "http://admin:hunter2/", "joulescope://a:hunter2"]
)
def test_what_stands_where_a_port_belongs_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be (KIND|joulescope)") as found:
        meter_address(text)
    assert "hunter2" not in str(found.value)


def test_editors_are_told_of_the_field() -> None:
    assert "shelly://HOST" in json.dumps(schema())
