"""Boards as `ssh` is told of them, where there is no inventory: `pi@rpi5.local,jetson:2222,[2001:db8::7]`."""

import ipaddress
import re
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from farm_inventory.board import Board, local_board, make_board
from farm_inventory.fields import Fields
from farm_inventory.problem import NAME_PATTERN, InventoryError, legal_name, printable

LOCAL = "local"
SHAPE = "[user@]host[:port]"
CHOICE = re.compile(r"[*?!=]|(?<=[^@])\[")  # of globs, labels and negations; a host may begin with `[`
ADDRESS = re.compile(r"(?:(?P<user>.*)@)?(?:\[(?P<v6>[^\]]*)\]|(?P<host>[^@\[\]]*?))(?::(?P<port>[^:\]]*))?")


def named(text: str | None, home: Path) -> tuple[Board, ...]:
    """The boards `text` names, this machine for None and for `local`; `home` is the state folder (`.farm`).

    Raises InventoryError.
    """
    if text is None:
        return (local_board(home),)
    tokens = [token.strip() for token in text.split(",") if token.strip()]
    if not tokens:
        raise InventoryError(f"--boards {printable(text)!r} names no board; write {SHAPE}, or {LOCAL} for this machine")
    found: dict[str, Board] = {}
    for token in tokens:
        board = local_board(home) if token == LOCAL else _board(token, home)
        if board.name in found:
            raise _twice(token, board.name)
        found[board.name] = board
    return tuple(found.values())


def _board(token: str, home: Path) -> Board:
    if CHOICE.search(token):
        raise InventoryError(
            f"--boards: {printable(token)!r} chooses among the boards of an inventory, and there is none; "
            f"name the boards themselves, {SHAPE}, or write an inventory: farm init"
        )
    found = ADDRESS.fullmatch(token)
    if not found:
        raise _unread(token, f"it must be {SHAPE}")
    host = _host(token, found["host"], found["v6"])
    fields = _fields(token, {"host": host, "user": found["user"], "port": found["port"]})
    name = host if re.fullmatch(NAME_PATTERN, host) else legal_name(host)
    if name == LOCAL:
        raise _unread(token, f"{LOCAL!r} is this machine, without ssh; for a host of that name write an inventory")
    known_by_name = fields.model_copy(update={"host": None if name == host else host})
    return replace(make_board(name, [known_by_name], home), address=None if token == name else token)


def _host(token: str, host: str | None, v6: str | None) -> str:
    text = host if v6 is None else v6
    if not text:
        raise _unread(token, f"it names no host; write {SHAPE}")
    if v6 is None and ":" in text:
        raise _unread(token, "an IPv6 address stands in brackets, like [2001:db8::7]:2222")
    if v6 is not None and not _is_ipv6(v6):
        raise _unread(token, "what stands in brackets is no IPv6 address")
    return text


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _fields(token: str, written: dict[str, str | None]) -> Fields:
    try:
        return Fields.model_validate({key: value for key, value in written.items() if value is not None})
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        wrong = detail["msg"].removeprefix("Value error, ").replace("Input should", "must")
        raise _unread(token, f"its {detail['loc'][0]} {wrong[:1].lower()}{wrong[1:]}") from None


def _twice(token: str, name: str) -> InventoryError:
    return InventoryError(
        f"--boards: {printable(token)!r} would be a second board {name!r}; leave one out, "
        "or give both a name in an inventory: farm init"
    )


def _unread(token: str, why: str) -> InventoryError:
    return InventoryError(f"--boards: {printable(token)!r} cannot be read: {why}")
