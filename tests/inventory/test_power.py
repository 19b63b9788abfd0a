"""The board's field `power`: commands as lists of words, and what a person who wrote something else is told."""

import pytest

from farm_inventory import schema
from inventory_support import complaint, fleet


def test_a_command_is_a_list_of_words_and_a_number_is_a_word() -> None:
    board = fleet("boards: {a: {power: {cycle: [uhubctl, -p, 2, -a, cycle], on: [wakeonlan, '00:00:5e:00:53:01']}}}")[
        "a"
    ]
    assert board.power == {"cycle": ["uhubctl", "-p", "2", "-a", "cycle"], "on": ["wakeonlan", "00:00:5e:00:53:01"]}
    assert fleet("boards: {a: {}}")["a"].power is None


@pytest.mark.parametrize(("text", "why"), [
    ("{cycle: pdu 4}", "list"),
    ("{cycle: []}", "a list of words, the program first"),
    ("{cycle: [pdu, '']}", "a list of words, the program first"),
    ('{cycle: [pdu, "a\\nb"]}', "a list of words, the program first"),
    ("{cycle: ['{{ pdu }}']}", "templates are not evaluated"),
    ("{cycel: [pdu]}", "cycel"),
    ("{}", "power"),
])  # fmt: skip
def test_what_is_no_command_is_told_with_its_line(text: str, why: str) -> None:
    said = complaint(f"boards:\n  a:\n    power: {text}\n")
    assert said.startswith("inventory.yaml:3:")
    assert why in said


def test_the_schema_names_the_actions() -> None:
    assert all(
        f'"{action}"' in str(schema()).replace("'", '"') for action in ("cycle", "on", "off", "reboot", "status")
    )
