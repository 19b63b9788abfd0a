"""The inventory file as boards."""

import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from farm_inventory.ansible import boards_of, names_of
from farm_inventory.board import Board, make_board
from farm_inventory.document import read, validate
from farm_inventory.groups import AnsibleFile, Group, ShortFile
from farm_inventory.problem import NAME_PATTERN, DocumentError, InventoryError, closest, legal_name
from farm_inventory.source import Document, Location

GROUP_KEYS = set(Group.model_fields)
NAME = re.compile(NAME_PATTERN)


def load(path: Path | str, home: Path) -> tuple[Board, ...]:
    """Boards of an inventory; `home` is the state folder (`.farm`). Raises DocumentError, InventoryError."""
    return boards(read(path), home)


def boards(source: Document, home: Path) -> tuple[Board, ...]:
    if _is_short(source):
        found = _short(validate(source, ShortFile), source, home)
    else:
        found = boards_of(validate(source, AnsibleFile), source, home)
    _check(found, source)
    return tuple(board for board, _ in found)


def schema() -> dict[str, Any]:
    """JSON Schema of an inventory file."""
    body = TypeAdapter(ShortFile | AnsibleFile).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "benchfarm inventory", **body}


def _is_short(source: Document) -> bool:
    """`boards:` says so; so does a file without any group whose key merely looks like it."""
    groups = [v for v in source.data.values() if v is None or (isinstance(v, dict) and GROUP_KEYS & v.keys())]
    return "boards" in source.data or (not groups and any(closest(key, ["boards"]) for key in source.data))


def _short(file: ShortFile, source: Document, home: Path) -> list[tuple[Board, Location]]:
    found: dict[str, tuple[Board, Location]] = {}
    for pattern, fields in file.boards.items():
        place = ("boards", pattern)
        for name in names_of(pattern, place, source):
            if name in found:
                raise DocumentError([source.problem(place, f"the board {name} stands twice", at_key=True)])
            found[name] = make_board(name, [fields], home), place
    return list(found.values())


def _check(found: list[tuple[Board, Location]], source: Document) -> None:
    if not found:
        raise InventoryError(f"{source.name}: no board in this inventory; write one below `boards:`")
    problems = [
        source.problem(place, _refusal(board.name), at_key=True, suggestion=legal_name(board.name))
        for board, place in found
        if not NAME.fullmatch(board.name)
    ]
    if problems:
        raise DocumentError(problems)


def _refusal(name: str) -> str:
    return (
        f"{name[:80]!r} is no name of a board: letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first"
    )
