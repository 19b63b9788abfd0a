"""Parts that a worker gives up without having touched their board."""

from __future__ import annotations

from sqlalchemy import Connection, select

from farm_orchestrator.model import Part
from farm_orchestrator.store import schema
from farm_orchestrator.store.blocks import load_share
from farm_orchestrator.store.ending import end_part
from farm_orchestrator.store.locks import hold_board
from farm_orchestrator.store.store import Store

board = schema.board.c


def give_up(store: Store, part: Part, why: str, fence: int) -> bool:
    """Its cells are not_run for that reason; the board is as good as before. False: the board is another lane's."""

    def write(connection: Connection) -> bool:
        hold_board(connection, part.name)
        if connection.execute(select(board.fence).where(board.board == part.name)).scalar() != fence:
            return False
        end_part(connection, load_share(connection, part.run, part.name), "refused", why)
        return True

    return store.submit(write, urgent=True)
