"""A launch from its claim to its outcome, each step under the fence of the board."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, false, func, select, update

from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import Failed, LaunchRow, Lost, Measured, Part, State
from farm_orchestrator.store import blocks, schema
from farm_orchestrator.store.blocks import FREE, Share, load_share, repeat_block
from farm_orchestrator.store.losses import close_cells, count_loss, end_part, forget_losses, skip
from farm_orchestrator.store.moments import due, live
from farm_orchestrator.store.rows import LAUNCH_COLUMNS, BlockId, launch_row, part_row
from farm_orchestrator.store.runs import board_digest
from farm_orchestrator.store.store import Store

launch, board = schema.launch.c, schema.board.c


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


def sweep(store: Store, name: str, fence: int) -> None:
    """Launches that a dead holder of the board left running are lost, their blocks repeated free of budget."""
    store.submit(lambda c: _sweep(c, name, fence, store.now()), urgent=True)
    failpoint("after_sweep")


def next_part(store: Store, name: str) -> Part | None:
    """The part of the launch that `claim` would give now: whom to connect to."""
    row = store.read(lambda c: c.execute(_candidates(name, store.now(), None)).one_or_none())
    return None if row is None else part_row(row).part


def claim(
    store: Store, name: str, fence: int, current: BlockId | None = None, like: Part | None = None
) -> Claim | None:
    """The next launch that is due, of `current` first, now running; None when nothing is due or the fence is old.

    With `like` only launches of parts that reach the board in the same way: one channel serves them all.
    """

    def write(connection: Connection) -> Claim | None:
        now = store.now()
        return _claim(connection, name, fence, now, _alike(_candidates(name, now, current), like))

    claimed = store.submit(write, urgent=True)
    failpoint("after_claim")
    return claimed


def commit(store: Store, claim: Claim, outcome: Measured | Failed, folder: Path | None = None) -> bool:
    """Writes the outcome and whatever it makes owed. False: the board is somebody else's now, nothing was written.

    `folder` is the run's: a fenced launch's file is deleted from it.
    """
    failpoint("before_commit")
    kept = store.submit(lambda c: _commit(c, claim, outcome, store.now()), urgent=True)
    if not kept and folder is not None and isinstance(outcome, Measured) and outcome.file is not None:
        (folder / outcome.file.name).unlink(missing_ok=True)
    failpoint("after_commit")
    return kept


def lose(store: Store, claim: Claim, lost: Lost, *, final: bool = False) -> bool:
    """The launch is nobody's result; False as in `commit`. In a cancelled run it is cancelled, which costs nothing."""
    return store.submit(lambda c: _lose(c, claim, lost, store.now(), final=final), urgent=True)


def _sweep(connection: Connection, name: str, fence: int, now: float) -> None:
    orphans = connection.execute(
        update(schema.launch)
        .where(launch.board == name, launch.state == State.RUNNING, launch.fence < fence)
        .values(state=State.LOST.value, outcome="worker_lost", t1=now)
        .returning(*LAUNCH_COLUMNS)
    ).all()
    for row in map(launch_row, orphans):
        share = load_share(connection, row.run, name)
        if share.cancelled:
            _write(connection, row, state=State.CANCELLED.value)
        else:
            repeat_block(connection, now, share, share.block(row), "worker_lost")


def _candidates(name: str, now: float, current: BlockId | None) -> Select[Any]:
    """Launches of attached runs that are due, in the order in which they are to be measured."""
    run, part = schema.run.c, schema.part.c
    order = (launch.phase, launch.attempt, launch.block, launch.position, launch.id)
    return (
        select(*schema.part.c, launch.id.label("launch"))
        .join_from(schema.launch, schema.run, run.run == launch.run)
        .join(schema.part, and_(part.run == launch.run, part.board == launch.board))
        .where(launch.board == name, launch.state == State.PENDING, due(now))
        .where(run.cancel == 0, live(run.attached_until, now))
        .order_by(case((_in_block(current), 0), else_=1), run.created, run.run, *order)
        .limit(1)
    )


def _in_block(block: BlockId | None) -> ColumnElement[bool]:
    if block is None:
        return false()
    return and_(launch.run == block.run, launch.block == block.block, launch.attempt == block.attempt)


def _alike(query: Select[Any], like: Part | None) -> Select[Any]:
    return query if like is None else query.where(schema.part.c.board_sha256 == board_digest(like.board))


def _claim(connection: Connection, name: str, fence: int, now: float, query: Select[Any]) -> Claim | None:
    holder = connection.execute(select(board.fence).where(board.board == name)).scalar()
    found = connection.execute(query).one_or_none() if holder == fence else None
    if found is None:
        return None
    taken = update(schema.launch).where(launch.id == found.launch, launch.state == State.PENDING)
    taken = taken.values(state=State.RUNNING.value, fence=fence, t0=now)
    row = connection.execute(taken.returning(*LAUNCH_COLUMNS)).one()
    return Claim(launch_row(row), part_row(found).part)


def _commit(connection: Connection, claim: Claim, outcome: Measured | Failed, now: float) -> bool:
    if not _held(connection, claim):
        return False
    share = load_share(connection, claim.row.run, claim.row.board)
    forget_losses(connection, claim.row.board)
    if isinstance(outcome, Measured):
        _measured(connection, share, claim.row, outcome, now)
    else:
        _failed(connection, share, claim.row, outcome, now)
    return True


def _measured(connection: Connection, share: Share, row: LaunchRow, outcome: Measured, now: float) -> None:
    state = State.REJECTED if outcome.rejected else State.DONE
    _write(connection, row, state=state.value, t1=now, dropped=outcome.rejected, **_figures(outcome))
    here = blocks.block_rows(connection, share, share.block(row))
    last = next(each for each in here if each.id == row.id)
    cause = outcome.rejected or (blocks.BLOCK_LOST if blocks.split(here, last) else None)
    if blocks.taken_up(connection, share, share.block(row)):
        blocks.void(connection, share, share.block(row))
    elif share.cancelled:
        _after_cancel(connection, share, last, here, cause)
    elif cause:
        repeat_block(connection, now, share, share.block(row), cause)
    elif not blocks.is_open(here):
        blocks.end_block(connection, now, share, last)


def _after_cancel(
    connection: Connection, share: Share, last: LaunchRow, here: list[LaunchRow], cause: str | None
) -> None:
    """What would have been repeated counts as cancelled: taking the run up again then repeats its block."""
    if cause or (not blocks.is_open(here) and blocks.interference(share, here, last)):
        _write(connection, last, state=State.CANCELLED.value)


def _failed(connection: Connection, share: Share, row: LaunchRow, outcome: Failed, now: float) -> None:
    from farm_orchestrator import plan

    _write(connection, row, state=State.FAILED.value, t1=now, **_failure(outcome))
    if blocks.taken_up(connection, share, share.block(row)):
        return
    gone = {cell for cell in plan.failed_cells(share.rows(connection)) if cell[0] == row.variant}
    if gone:
        _give_up(connection, share, row, gone, f"{outcome.stage}: {outcome.kind}: {outcome.detail}")
    elif share.cancelled:
        _write(connection, row, state=State.CANCELLED.value)
    else:
        blocks.again_in_place(connection, now, share, row)
    _end(connection, now, share, row)


def _give_up(connection: Connection, share: Share, row: LaunchRow, gone: set[tuple[str, str]], reason: str) -> None:
    """The variant failed for good: at these cells it goes no further; without the baseline nothing does."""
    skip(connection, share, "variant_failed", gone)
    close_cells(connection, share, gone, "failed", reason)
    if row.variant == share.part.baseline:
        end_part(connection, share, "baseline_failed", f"the baseline {row.variant} failed: {reason}")


def _end(connection: Connection, now: float, share: Share, row: LaunchRow) -> None:
    here = blocks.block_rows(connection, share, share.block(row))
    if not (share.cancelled or blocks.is_open(here)):
        blocks.end_block(connection, now, share, row)


def _lose(connection: Connection, claim: Claim, lost: Lost, now: float, *, final: bool) -> bool:
    if not _held(connection, claim):
        return False
    share = load_share(connection, claim.row.run, claim.row.board)
    facts = {"lost": {"reason": lost.reason, "detail": lost.detail}}
    state = State.CANCELLED if share.cancelled else State.LOST
    _write(connection, claim.row, state=state.value, t1=now, outcome=lost.reason, facts=facts)
    if not share.cancelled:
        repeat_block(connection, now, share, claim.block, lost.reason)
        if lost.reason not in FREE:
            why = f"{lost.reason} while measuring {claim.row.variant}: {lost.detail}"
            count_loss(connection, now, claim.row.board, why, final=final)
    return True


def _held(connection: Connection, claim: Claim) -> bool:
    """Whether the launch still runs under this fence, and the board has no newer one."""
    fence = claim.fence
    ours = exists().where(board.board == claim.row.board, board.fence == fence)
    mine = (launch.id == claim.row.id, launch.state == State.RUNNING, launch.fence == fence, ours)
    return bool(connection.execute(select(func.count()).select_from(schema.launch).where(*mine)).scalar_one())


def _write(connection: Connection, row: LaunchRow, **values: Any) -> None:
    connection.execute(update(schema.launch).where(launch.id == row.id).values(**values))


def _figures(outcome: Measured) -> dict[str, Any]:
    file, transcript = outcome.file, outcome.transcript
    return {
        "boot_id": outcome.boot_id,
        "file": file.name if file else None,
        "file_sha256": file.sha256 if file else None,
        "transcript_sha256": transcript.sha256 if transcript else None,
        "facts": outcome.facts,
        "findings": list(outcome.findings),
        **(asdict(outcome.summary) if outcome.summary else {}),
    }


def _failure(outcome: Failed) -> dict[str, Any]:
    failure = {"stage": outcome.stage, "kind": outcome.kind, "detail": outcome.detail}
    return {
        "boot_id": outcome.boot_id,
        "outcome": outcome.kind,
        "transcript_sha256": outcome.transcript.sha256 if outcome.transcript else None,
        "facts": {**outcome.facts, "failure": failure},
    }
