"""Boards named on the command line, where there is no inventory."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_inventory import Board, InventoryError, named
from farm_inventory.problem import NAME_PATTERN

HOME = Path("/project/.farm")


def boards(text: str) -> dict[str, Board]:
    return {board.name: board for board in named(text, HOME)}


def refusal(text: str) -> str:
    with pytest.raises(InventoryError) as caught:
        named(text, HOME)
    return str(caught.value)


def test_the_list_of_the_documentation_names_two_boards() -> None:
    found = boards("pi@rpi5.local,jetson")
    assert list(found) == ["rpi5.local", "jetson"]
    assert (found["rpi5.local"].user, found["rpi5.local"].host, found["jetson"].user) == ("pi", None, None)
    assert not any(board.local for board in found.values())


def test_ssh_is_asked_for_a_host_by_the_very_name_that_was_typed() -> None:
    """So that a block of ssh_config that speaks of it is found."""
    found = boards("192.0.2.7:2222, me@my.domain@Host_1")
    assert (found["192.0.2.7"].host, found["192.0.2.7"].port) == (None, 2222)
    assert (found["Host_1"].host, found["Host_1"].user) == (None, "me@my.domain")


def test_a_host_whose_name_cannot_name_a_board_gets_one_that_can() -> None:
    found = boards("pi@[2001:db8::7]:2222,[fe80::1%eth0],_build," + "x" * 80)
    assert list(found) == ["2001-db8-7", "fe80-1-eth0", "build", "x" * 64]
    assert (found["2001-db8-7"].host, found["2001-db8-7"].port) == ("2001:db8::7", 2222)
    assert found["build"].host == "_build"


def test_what_was_typed_stays_known_where_the_name_alone_would_not_lead_there() -> None:
    found = boards("pi@rpi5.local,jetson:2222,plain")
    assert [board.address for board in found.values()] == ["pi@rpi5.local", "jetson:2222", None]


def test_local_is_this_machine_beside_others() -> None:
    found = boards("local,pi@rpi5.local")
    assert (found["local"].local, found["rpi5.local"].local) == (True, False)
    assert [board.name for board in named(None, HOME)] == ["local"]


@pytest.mark.parametrize("text", ["rpi5-*", "rpi?", "site=lab", "!jetson", "rpi5-[01:04]", "pi@rpi[45].local"])
def test_a_choice_without_an_inventory_is_refused_and_says_so(text: str) -> None:
    said = refusal(f"jetson,{text}")
    assert f"{text!r} chooses among the boards of an inventory, and there is none" in said
    assert "farm init" in said


@pytest.mark.parametrize("text", ["a,a", "pi@a,root@a", "a:22,a:2222", "local,local", "[::1],1"])
def test_two_boards_of_one_name_are_refused(text: str) -> None:
    assert "would be a second board" in refusal(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("pi@", "it names no host"),
        (":22", "it names no host"),
        ("[]", "it names no host"),
        ("@jetson", "its user must be a login name"),
        ("-oProxyCommand@x", "its user must be a login name"),
        ("-jetson", "its host must be a host name"),
        ("rpi 5", "its host must be a host name"),
        ("jetson;reboot", "its host must be a host name"),
        ("jetson:", "its port must be a valid integer"),
        ("jetson:ssh", "its port must be a valid integer"),
        ("jetson:0", "its port must be greater than or equal to 1"),
        ("jetson:65536", "its port must be less than or equal to 65535"),
        ("2001:db8::7", "an IPv6 address stands in brackets"),
        ("[rpi5.local]", "what stands in brackets is no IPv6 address"),
        ("[12:34]", "what stands in brackets is no IPv6 address"),
        ("[::1]x", "it must be [user@]host[:port]"),
        ("pi@local", "'local' is this machine"),
        ("local:2222", "'local' is this machine"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, why: str) -> None:
    assert why in refusal(text)


def test_a_list_of_nothing_is_refused() -> None:
    assert "names no board" in refusal(" , ")


@given(st.text("ab.:@[]%,-*=! é\x1b", max_size=20))
def test_any_text_names_boards_or_says_why_not_in_one_harmless_line(text: str) -> None:
    try:
        names = [board.name for board in named(text, HOME)]
    except InventoryError as error:
        names = []
        said = str(error)
    else:
        said = " ".join(names)
    assert said
    assert said.isprintable()
    assert all(re.fullmatch(NAME_PATTERN, name) for name in names)
    assert len(set(names)) == len(names)
