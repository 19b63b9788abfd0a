"""What a part is owed once its comparison is through: fresh blocks for the gates that it left open."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from farm_orchestrator import calibration
from farm_orchestrator.model import LaunchRow, Part, Slot
from farm_orchestrator.store import schema
from farm_orchestrator.store.runs import EXTRA_SHARE

part_columns = schema.part.c


def confirmation(connection: Connection, part: Part, rows: Sequence[LaunchRow]) -> tuple[Slot, ...]:
    """The launches that confirm; with them the part may repeat as many blocks more as any planned ones allow."""
    from farm_orchestrator import plan

    if not plan.through(part, rows):
        return ()
    slots = plan.confirming(part, rows, _floor(connection, part))
    if slots:
        more = math.ceil(EXTRA_SHARE * len({slot.block for slot in slots}))
        change = (
            update(schema.part)
            .where(schema.part_of(part.run, part.name))
            .values(extra_left=part_columns.extra_left + more)
        )
        connection.execute(change)
    return slots


def _floor(connection: Connection, part: Part) -> float | None:
    """As the report will take it: from the facts that the board's agent greeted with."""
    hello = connection.execute(select(part_columns.facts).where(schema.part_of(part.run, part.name))).scalar()
    return calibration.of_part(part, hello or {}).floor
