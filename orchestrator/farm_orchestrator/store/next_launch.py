"""Which launch of a board comes next, and its claim under the fence of the board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    or_,
    select,
    update,
)

from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import LaunchRow, Part, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.locks import hold_board
from farm_orchestrator.store.moments import counts, due
from farm_orchestrator.store.rows import LAUNCH_COLUMNS, BlockId, launch_row, part_row
from farm_orchestrator.store.runs import board_digest
from farm_orchestrator.store.store import Store

launch, board, run, part = schema.launch.c, schema.board.c, schema.run.c, schema.part.c


@dataclass(frozen=True)
class Claim:
    """A launch that is running under `row.fence`, and the part it belongs to."""

    row: LaunchRow
    part: Part

    @property
    def fence(self) -> int:
        return self.row.fence or 0

    @property
    def block(self) -> BlockId:
        return BlockId(self.row.run, self.row.block, self.row.attempt)


@dataclass(frozen=True)
class Turn:
    """Who claims: the holder of a board, in the middle of block `current`, over a line to boards `like` this part's."""

    board: str
    fence: int = 0
    current: BlockId | None = None
    like: Part | None = None


def next_part(store: Store, name: str) -> Part | None:
    """The part of the launch that `claim` would give now: whom to connect to."""
    row = store.read(lambda c: c.execute(NEXT_PART, _asked(store.now(c), Turn(name))).one_or_none())
    return None if row is None else part_row(row).part


def claim(
    store: Store, name: str, fence: int, current: BlockId | None = None, like: Part | None = None
) -> Claim | None:
    """The next launch that is due, of `current` first, now running; None when nothing is due or the fence is old.

    With `like` only launches of parts that reach the board in the same way: one channel serves them all.
    """
    turn = Turn(name, fence, current, like)
    failpoint("before_claim")
    claimed = store.submit(lambda c: take(c, store.now(c), turn), urgent=True)
    failpoint("after_claim")
    return claimed


def has_pending(store: Store, name: str, block: BlockId) -> bool:
    """Whether the block goes on."""
    here = (launch.board == name, launch.run == block.run, launch.block == block.block)
    query = select(exists().where(*here, launch.attempt == block.attempt, launch.state == State.PENDING.value))
    return bool(store.read(lambda c: c.execute(query).scalar_one()))


def block_launches(store: Store, name: str, block: BlockId) -> list[LaunchRow]:
    """The launches of one attempt of a block, in their order."""
    here = (launch.board == name, launch.run == block.run, launch.block == block.block, launch.attempt == block.attempt)
    query = select(*LAUNCH_COLUMNS).where(*here).order_by(launch.position)
    return store.read(lambda c: [launch_row(row) for row in c.execute(query)])


def take(connection: Connection, now: float, turn: Turn) -> Claim | None:
    """`claim` inside a transaction."""
    hold_board(connection, turn.board)
    row = connection.execute(TAKE, _asked(now, turn)).one_or_none()
    if row is None:
        return None
    taken = launch_row(row)
    return Claim(taken, _part(connection, taken, turn.like))


def taken(connection: Connection, last: Claim) -> Claim | None:
    """The launch after `last` that its holder has already, by a commit of which the server died before it could say so."""
    row = connection.execute(TAKEN, {"at": last.row.board, "holder": last.fence, "but": last.row.id}).one_or_none()
    if row is None:
        return None
    found = launch_row(row)
    return Claim(found, _part(connection, found, last.part))


def _asked(now: float, turn: Turn) -> dict[str, Any]:
    here = turn.current or BlockId("", -1, -1)
    digest = None if turn.like is None else board_digest(turn.like.board)
    return {
        "at": turn.board, "moment": now, "alike": digest, "holder": turn.fence,
        "in_run": here.run, "in_block": here.block, "in_attempt": here.attempt,
    }  # fmt: skip


def _part(connection: Connection, row: LaunchRow, like: Part | None) -> Part:
    """A part never changes: the one at hand is as good as the stored one."""
    if like is not None and (like.run, like.name) == (row.run, row.board):
        return like
    found = select(schema.part).where(part.run == row.run, part.board == row.board)
    return part_row(connection.execute(found).one()).part


def _first_due() -> Select[Any]:
    """Of the launches of attached runs that are due, the one to be measured first: of the block that has begun, then of
    the highest priority, then over the same line, then of the run that had the least of the board.
    """
    now, like = bindparam("moment", type_=Double), bindparam("alike", type_=Text)
    order = (part.spent, run.created, run.run, launch.phase, launch.attempt, launch.block, launch.position, launch.id)
    return (
        select(launch.id)
        .join_from(schema.launch, schema.run, run.run == launch.run)
        .join(schema.part, and_(part.run == launch.run, part.board == launch.board))
        .where(launch.board == bindparam("at", type_=Text), launch.state == State.PENDING.value, due(now))
        .where(counts(now), or_(run.ends_by.is_(None), run.ends_by > now))
        .order_by(_first(_in_current_block()), run.priority.desc(), _first(part.board_sha256 == like), *order)
        .limit(1)
        .correlate(None)
    )


def _first(those: ColumnElement[bool]) -> ColumnElement[int]:
    return case((those, 0), else_=1)


def _in_current_block() -> ColumnElement[bool]:
    return and_(
        launch.run == bindparam("in_run", type_=Text),
        launch.block == bindparam("in_block", type_=Integer),
        launch.attempt == bindparam("in_attempt", type_=Integer),
    )


def _over_this_line() -> ColumnElement[bool]:
    """Where a higher priority reaches the board in another way, the slice ends and the next one is its."""
    like = bindparam("alike", type_=Text)
    mine = exists().where(part.run == launch.run, part.board == launch.board, part.board_sha256 == like)
    return or_(like.is_(None), mine)


FIRST = _first_due().scalar_subquery()
NEXT_PART = (
    select(schema.part)
    .join(schema.launch, and_(part.run == launch.run, part.board == launch.board))
    .where(launch.id == FIRST)
)
HOLDER = bindparam("holder", type_=BigInteger)
HERE = board.board == bindparam("at", type_=Text)
TAKEN = (
    select(*LAUNCH_COLUMNS)
    .where(launch.board == bindparam("at", type_=Text), launch.state == State.RUNNING.value, launch.fence == HOLDER)
    .where(launch.id != bindparam("but", type_=Integer))
)
TAKE = (
    update(schema.launch)
    .where(launch.id == FIRST, launch.state == State.PENDING.value)  # somebody may cancel it meanwhile
    .where(exists().where(HERE, board.fence == HOLDER, board.quarantined.is_(None)))
    .where(or_(_in_current_block(), exists().where(HERE, board.drained.is_(None))))
    .where(_over_this_line())
    .values(state=State.RUNNING.value, fence=HOLDER, t0=bindparam("moment", type_=Double))
    .returning(*LAUNCH_COLUMNS)
)
