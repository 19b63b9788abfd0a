"""What happened to the boards, in the order it happened: the fleet's own log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from farm_orchestrator.store import schema


def note_event(
    connection: Connection,
    at: float,
    kind: str,
    *,
    board: str | None = None,
    run: str | None = None,
    launch: int | None = None,
    text: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Inside the transaction that makes it true. `at`: the store's clock."""
    values = {"at": at, "kind": kind, "board": board, "run": run, "launch": launch, "text": text, "facts": facts}
    connection.execute(insert(schema.event).values(values))
