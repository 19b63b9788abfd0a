"""Whether a board's power was read before: what its agent said when the board was last met."""

from __future__ import annotations

from farm_orchestrator import store
from farm_orchestrator.model import Json
from farm_orchestrator.store import Store
from store_support import insert, part

READ: Json = {"hardware": {"power": ["ina226@ina226/power1"], "rails": []}}


def met(state: Store, run: str, board: str, hello: Json | None, created: float) -> None:
    insert(state, part(run, board), created=created)
    if hello is not None:
        store.note_hello(state, run, board, hello)


def test_a_board_counts_by_what_it_had_when_it_was_last_met(file_state: Store) -> None:
    met(file_state, "20260101-000000-0001", "b0", {"hardware": {"power": []}}, 1.0)
    met(file_state, "20260101-000000-0002", "b0", READ, 2.0)
    met(file_state, "20260101-000000-0003", "b0", None, 3.0)  # it was never reached
    met(file_state, "20260101-000000-0004", "b1", READ, 1.0)
    met(file_state, "20260101-000000-0005", "b1", {"hardware": {"power": []}}, 2.0)
    met(file_state, "20260101-000000-0006", "b2", {"hardware": "nonsense"}, 1.0)
    assert store.powered(file_state, ["b0", "b1", "b2", "b3"]) == {"b0"}
