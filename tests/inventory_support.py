"""Texts to boards in one step."""

from pathlib import Path
from textwrap import dedent

import pytest

from farm_inventory import Board, DocumentError, InventoryError
from farm_inventory.fleet import boards
from farm_inventory.nodes import document

HOME = Path("/project/.farm")


def fleet(text: str) -> dict[str, Board]:
    return {board.name: board for board in boards(document(dedent(text), "inventory.yaml"), HOME)}


def complaint(text: str) -> str:
    """What a person reads about a broken inventory."""
    with pytest.raises(InventoryError) as caught:
        fleet(text)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def problems(text: str) -> list[tuple[int | None, int | None, str, str | None]]:
    """(line, column, path, suggestion) of each problem."""
    with pytest.raises(DocumentError) as caught:
        fleet(text)
    return [(p.line, p.column, p.path, p.suggestion) for p in caught.value.problems]
