"""Blocks inside a transaction: what ends with one, what is repeated, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import LaunchRow, Part, Phase, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.rows import BlockId, launch_rows, part_launches, part_row
from farm_orchestrator.store.runs import insert_slots

FREE = frozenset({"worker_lost", "fenced"})  # the orchestrator's own fault: costs no budget, is no loss of the board
BLOCK_LOST = "block_lost"
GAP_S = 600.0  # launches further apart are not compared
launch = schema.launch.c


@dataclass(frozen=True)
class Share:
    """A part as one transaction sees it."""

    part: Part
    extra_left: int
    ended: str | None
    cancelled: bool

    def block(self, row: LaunchRow) -> BlockId:
        return BlockId(row.run, row.block, row.attempt)

    def rows(self, connection: Connection) -> list[LaunchRow]:
        return part_launches(connection, self.part.run, self.part.name)

    @property
    def where(self) -> ColumnElement[bool]:
        return and_(launch.run == self.part.run, launch.board == self.part.name)


def load_share(connection: Connection, run: str, board: str) -> Share:
    query = (
        select(schema.part, schema.run.c.cancel)
        .join(schema.run, schema.run.c.run == schema.part.c.run)
        .where(schema.part.c.run == run, schema.part.c.board == board)
    )
    row = connection.execute(query).one()
    part = part_row(row)
    return Share(part.part, part.extra_left, part.ended, bool(row.cancel))


def block_rows(connection: Connection, share: Share, block: BlockId) -> list[LaunchRow]:
    return launch_rows(connection, _of(share, block))


def is_open(rows: Sequence[LaunchRow]) -> bool:
    return any(row.state in (State.PENDING, State.RUNNING) for row in rows)


def taken_up(connection: Connection, share: Share, block: BlockId) -> bool:
    """Whether a later attempt of the block is there: this one counts no more."""
    later = select(func.count()).where(share.where, launch.block == block.block, launch.attempt > block.attempt)
    return bool(connection.execute(later).scalar_one())


def split(rows: Sequence[LaunchRow], last: LaunchRow) -> bool:
    """Whether a reboot or a long gap lies between `last`, with its boot_id set, and an earlier launch of its block."""
    earlier = [row for row in rows if row.id != last.id and row.state == State.DONE]
    boots = {row.boot_id for row in (*earlier, last) if row.boot_id is not None}
    ends = [row.t1 for row in earlier if row.t1 is not None]
    return len(boots) > 1 or bool(ends and last.t0 is not None and last.t0 - max(ends) > GAP_S)


def repeat_block(connection: Connection, now: float, share: Share, block: BlockId, cause: str) -> None:
    """Voids this attempt and plans the next one, or what comes after the block when no attempt is left.

    Not for a cancelled run: there nothing is repeated before it is taken up again.
    """
    from farm_orchestrator import plan

    void(connection, share, block)
    if share.ended or taken_up(connection, share, block):
        return
    rows = share.rows(connection)
    slots = plan.requeue(share.part, rows, block.block, block.attempt)
    if not slots or block.attempt + 1 >= plan.MAX_ATTEMPTS or not (cause in FREE or _spend(connection, share)):
        slots = plan.next_slots(share.part, rows)
    insert_slots(connection, block.run, slots, now)
    failpoint("after_requeue")


def void(connection: Connection, share: Share, block: BlockId) -> None:
    """Nothing of this attempt is used: its pending launches are superseded, its done ones dropped."""
    of = _of(share, block)
    pending, done = launch.state == State.PENDING, and_(launch.state == State.DONE, launch.dropped.is_(None))
    connection.execute(update(schema.launch).where(of, pending).values(state=State.SUPERSEDED.value))
    connection.execute(update(schema.launch).where(of, done).values(dropped=BLOCK_LOST))


def end_block(connection: Connection, now: float, share: Share, last: LaunchRow) -> None:
    """`last` ended its block: reject the block as a whole, or plan what is owed after it."""
    from farm_orchestrator import plan

    if share.ended:
        return
    rows = share.rows(connection)
    why = interference(share, rows, last)
    if why is None:
        insert_slots(connection, last.run, plan.next_slots(share.part, rows), now)
    else:
        connection.execute(update(schema.launch).where(launch.id == last.id).values(dropped=why))
        repeat_block(connection, now, share, share.block(last), why)


def interference(share: Share, rows: Sequence[LaunchRow], last: LaunchRow) -> str | None:
    """Why the complete block of `last` is rejected as a whole, or None."""
    from farm_orchestrator import plan

    if last.phase != Phase.MEASURE:
        return None
    here = [row for row in rows if (row.block, row.attempt) == (last.block, last.attempt)]
    return plan.rejected_block(here, str(share.part.board.get("interference", "drop")))


def again_in_place(connection: Connection, now: float, share: Share, row: LaunchRow) -> None:
    """Plans one failed launch once more at the end of its block; the others of the block are not touched."""
    position = 1 + max(each.position for each in block_rows(connection, share, share.block(row)))
    place = {"state": State.PENDING.value, "position": position, "not_before": now}
    keep = ("run", "board", "phase", "block", "attempt", "variant", "sha256", "point", "kind")
    values = {name: getattr(row, name) for name in keep}
    connection.execute(schema.launch.insert().values({**values, **place}))


def _spend(connection: Connection, share: Share) -> bool:
    part = schema.part.c
    where = (part.run == share.part.run, part.board == share.part.name, part.extra_left > 0)
    spent = connection.execute(update(schema.part).where(*where).values(extra_left=part.extra_left - 1))
    return spent.rowcount > 0


def _of(share: Share, block: BlockId) -> ColumnElement[bool]:
    return and_(share.where, launch.block == block.block, launch.attempt == block.attempt)
