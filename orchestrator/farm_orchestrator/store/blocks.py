"""Blocks inside a transaction: what ends with one, what is repeated, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, Text, and_, bindparam, select, update

from farm_orchestrator.calibration import of_launch
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import Json, LaunchRow, Part, Phase, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.cells import SCREENED_OUT, close_cells, screened_out
from farm_orchestrator.store.confirmation import confirmation
from farm_orchestrator.store.ending import end_part
from farm_orchestrator.store.rows import LAUNCH_COLUMNS, BlockId, launch_row, launch_rows, part_launches, part_row
from farm_orchestrator.store.runs import insert_slots
from farm_reports.findings import Name

if TYPE_CHECKING:
    from farm_orchestrator.plan import Cause

FREE = frozenset({"worker_lost", "fenced"})  # the orchestrator's own fault: costs no budget, is no loss of the board
BLOCK_LOST = "block_lost"
GAP_S = 600.0  # launches further apart are not compared
launch = schema.launch.c
ATTEMPTS = (
    select(*LAUNCH_COLUMNS)
    .where(launch.run == bindparam("run", type_=Text), launch.board == bindparam("board", type_=Text))
    .where(launch.block == bindparam("block"), launch.attempt >= bindparam("attempt"))
    .order_by(launch.id)
)


@dataclass(frozen=True)
class Share:
    """A part as one transaction sees it."""

    part: Part
    ended: str | None
    cancelled: bool

    def block(self, row: LaunchRow) -> BlockId:
        return BlockId(row.run, row.block, row.attempt)

    def rows(self, connection: Connection) -> list[LaunchRow]:
        """As `part_launches`: for what is planned next, which never looks at facts."""
        return part_launches(connection, self.part.run, self.part.name)

    @property
    def where(self) -> ColumnElement[bool]:
        return and_(launch.run == self.part.run, launch.board == self.part.name)


def load_share(connection: Connection, run: str, board: str) -> Share:
    """Nobody cancels the run before what follows from this is committed."""
    query = (
        select(schema.part, schema.run.c.cancel)
        .join(schema.run, schema.run.c.run == schema.part.c.run)
        .where(schema.part_of(run, board))
        .with_for_update(read=True, of=schema.run)
    )
    row = connection.execute(query).one()
    part = part_row(row)
    return Share(part.part, part.ended, bool(row.cancel))


def attempts(connection: Connection, share: Share, block: BlockId) -> list[LaunchRow]:
    """The launches of this attempt of the block and of later ones, in the order in which they were planned."""
    at = {"run": block.run, "board": share.part.name, "block": block.block, "attempt": block.attempt}
    return [launch_row(row) for row in connection.execute(ATTEMPTS, at)]


def of_attempt(rows: Sequence[LaunchRow], block: BlockId) -> list[LaunchRow]:
    return [row for row in rows if (row.block, row.attempt) == (block.block, block.attempt)]


def is_open(rows: Sequence[LaunchRow]) -> bool:
    return any(row.state in (State.PENDING, State.RUNNING) for row in rows)


def taken_up(rows: Sequence[LaunchRow], block: BlockId) -> bool:
    """Whether a later attempt of the block is there: this one counts no more."""
    return any(row.block == block.block and row.attempt > block.attempt for row in rows)


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
    rows = share.rows(connection)
    if share.ended or taken_up(rows, block):
        return
    slots = plan.requeue(share.part, rows, block.block, block.attempt, screened_out(connection, share.part))
    if not slots or block.attempt + 1 >= plan.MAX_ATTEMPTS or not (cause in FREE or _spend(connection, share)):
        plan_next(connection, now, share)
    else:
        insert_slots(connection, block.run, slots, now)
    failpoint("after_requeue")


def void(connection: Connection, share: Share, block: BlockId) -> None:
    """Nothing of this attempt is used: its pending launches are superseded, its done ones dropped."""
    of = _of(share, block)
    pending, done = launch.state == State.PENDING, and_(launch.state == State.DONE, launch.dropped.is_(None))
    connection.execute(update(schema.launch).where(of, pending).values(state=State.SUPERSEDED.value))
    connection.execute(update(schema.launch).where(of, done).values(dropped=BLOCK_LOST))


def end_block(connection: Connection, now: float, share: Share, here: Sequence[LaunchRow], last: LaunchRow) -> None:
    """`last` ended its block, whose launches are `here`: reject it as a whole, or plan what is owed after it."""
    if share.ended:
        return
    found = cause(share, here, last)
    if found is not None:
        _write_down(connection, last, found)
    if found is None or not found.drops:
        plan_next(connection, now, share)
    elif (why := _starved(connection, share, found)) is not None:
        void(connection, share, share.block(last))
        end_part(connection, share, found.name.lower(), why)
    else:
        repeat_block(connection, now, share, share.block(last), found.name)


def plan_next(connection: Connection, now: float, share: Share) -> None:
    """What the part is owed after a block; where its screening ended with it, who goes no further is settled first."""
    from farm_orchestrator import plan

    part, rows = share.part, share.rows(connection)
    if plan.screened(part, rows):
        short = launch_rows(connection, share.where, launch.phase == Phase.SCREEN.value)
        for each in plan.leaving(part, short):
            close_cells(connection, part, [(each.variant, each.point)], SCREENED_OUT, each.reason)
    out = screened_out(connection, part)
    owed = plan.next_slots(part, rows, out) or confirmation(connection, part, rows) or plan.profiling(part, rows, out)
    insert_slots(connection, part.run, owed, now)


def cause(share: Share, here: Sequence[LaunchRow], last: LaunchRow) -> Cause | None:
    """What is against the complete block of `last`, whose launches are `here`."""
    from farm_orchestrator import plan

    if last.phase < Phase.SCREEN or last.phase == Phase.PROFILE:
        return None
    part = share.part
    interference, cooled = str(part.board.get("interference", "drop")), part.recipe_in(last.phase).cooldown_max_s > 0
    known, lab = of_launch(part, last.point, last.facts), bool(part.board.get("lab"))
    return plan.block_cause(here, interference, cooled=cooled, calibration=known, lab=lab)


def _starved(connection: Connection, share: Share, found: Cause) -> str | None:
    """Why the part ends where `found` is the last straw: a supply too weak for one block too many."""
    from farm_orchestrator import plan

    starved = found.name == Name.UNDERVOLT and plan.starved(share.rows(connection))
    return plan.starving(found.text) if starved else None


def is_dropped(share: Share, here: Sequence[LaunchRow], last: LaunchRow) -> bool:
    found = cause(share, here, last)
    return found is not None and found.drops


def _write_down(connection: Connection, last: LaunchRow, found: Cause) -> None:
    """The launch that ended its block carries what is said of the block."""
    values: Json = {"findings": [*last.findings, found.finding]}
    if found.drops:
        values["dropped"] = found.name.value
    connection.execute(update(schema.launch).where(launch.id == last.id).values(**values))


def again_in_place(connection: Connection, now: float, share: Share, row: LaunchRow) -> None:
    """Plans one failed launch once more at the end of its block; the others of the block are not touched."""
    position = 1 + max(each.position for each in of_attempt(share.rows(connection), share.block(row)))
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
