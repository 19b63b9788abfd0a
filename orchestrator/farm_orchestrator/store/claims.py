"""A launch from its claim to its outcome, each step under the fence of the board."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import NOT_SUPPORTED, Failed, LaunchRow, Lost, Measured, Phase, State
from farm_orchestrator.store import blocks, schema
from farm_orchestrator.store.blocks import FREE, Share, load_share, repeat_block
from farm_orchestrator.store.cells import close_cells
from farm_orchestrator.store.ending import end_part, skip
from farm_orchestrator.store.losses import count_loss, forget_losses
from farm_orchestrator.store.next_launch import Claim, Turn, take, taken
from farm_orchestrator.store.rows import LAUNCH_COLUMNS, launch_row
from farm_orchestrator.store.sharing import charge
from farm_orchestrator.store.store import Store

launch, board, run, part = schema.launch.c, schema.board.c, schema.run.c, schema.part.c


HELD = (
    select(part.ended, run.cancel, board.losses)
    .join_from(schema.launch, schema.run, run.run == launch.run)
    .join(schema.part, and_(part.run == launch.run, part.board == launch.board))
    .join(schema.board, board.board == launch.board)
    .where(launch.id == bindparam("id"), launch.state == State.RUNNING.value)
    .where(launch.fence == bindparam("holder"), board.fence == bindparam("holder"))
    .with_for_update(  # no other fence, no cancel and no other end of the launch before this is committed
        read=True, of=[schema.board, schema.run, schema.launch]
    )
)
WRITTEN = (State.DONE, State.REJECTED, State.FAILED, State.CANCELLED)
OURS = (
    select(schema.launch)
    .where(launch.id == bindparam("id"), launch.fence == bindparam("holder"))
    .where(launch.state.in_([state.value for state in WRITTEN]))
)
WRITE = update(schema.launch).where(launch.id == bindparam("written"))


def sweep(store: Store, name: str, fence: int) -> None:
    """Launches that a dead holder of the board left running are lost, their blocks repeated free of budget."""
    failpoint("before_sweep")
    store.submit(lambda c: _sweep(c, name, fence, store.now(c)), urgent=True)
    failpoint("after_sweep")


def commit(store: Store, claim: Claim, outcome: Measured | Failed, folder: Path | None = None) -> bool:
    """Writes the outcome and whatever it makes owed. False: the board is somebody else's now, nothing was written.

    `folder` is the run's: a fenced launch's file is deleted from it. A server that is away is waited for: the fence
    decides when it is back, and what was written although nobody said so counts.
    """
    failpoint("before_commit")
    kept = store.patiently(
        lambda c: _commit(c, claim, outcome, store.now(c)) or _is_written(c, claim, outcome), urgent=True
    )
    _committed(outcome, folder, kept=kept)
    return kept


def commit_and_claim(
    store: Store, claim: Claim, outcome: Measured | Failed, folder: Path | None = None
) -> Claim | None:
    """As `commit`, and in the same transaction `claim`: a board does not wait for the disk twice between two launches."""

    def write(connection: Connection) -> tuple[bool, Claim | None]:
        now = store.now(connection)
        if _commit(connection, claim, outcome, now):
            return True, take(connection, now, Turn(claim.row.board, claim.fence, claim.block, claim.part))
        kept = _is_written(connection, claim, outcome)
        return kept, taken(connection, claim) if kept else None

    failpoint("before_commit")
    kept, claimed = store.patiently(write, urgent=True)
    _committed(outcome, folder, kept=kept)
    failpoint("after_claim")
    return claimed


def _committed(outcome: Measured | Failed, folder: Path | None, *, kept: bool) -> None:
    if not kept and folder is not None and isinstance(outcome, Measured) and outcome.file is not None:
        (folder / outcome.file.name).unlink(missing_ok=True)
    failpoint("after_commit")


def lose(store: Store, claim: Claim, lost: Lost) -> bool:
    """The launch is nobody's result; False as in `commit`. In a cancelled run it is cancelled, which costs nothing."""
    failpoint("before_lose")
    kept = store.patiently(lambda c: _lose(c, claim, lost, store.now(c)), urgent=True)
    failpoint("after_lose")
    return kept


def _sweep(connection: Connection, name: str, fence: int, now: float) -> None:
    orphans = connection.execute(
        update(schema.launch)
        .where(launch.board == name, launch.state == State.RUNNING, launch.fence < fence)
        .values(state=State.LOST.value, outcome="worker_lost", t1=now)
        .returning(*LAUNCH_COLUMNS)
    ).all()
    for row in map(launch_row, orphans):
        share = load_share(connection, row.run, name)
        charge(connection, row, now)
        if share.cancelled:
            _write(connection, row, state=State.CANCELLED.value)
        else:
            repeat_block(connection, now, share, share.block(row), "worker_lost")


def _commit(connection: Connection, claim: Claim, outcome: Measured | Failed, now: float) -> bool:
    held = _held(connection, claim)
    if held is None:
        return False
    charge(connection, claim.row, now)
    share = _share(claim, held)
    if held.losses:
        forget_losses(connection, now, claim.row.board)
    if isinstance(outcome, Measured):
        _measured(connection, share, claim.row, outcome, now)
    else:
        _failed(connection, share, claim.row, outcome, now)
    return True


def _measured(connection: Connection, share: Share, row: LaunchRow, outcome: Measured, now: float) -> None:
    state = State.REJECTED if outcome.rejected else State.DONE
    _write(connection, row, state=state.value, t1=now, dropped=outcome.rejected, **_figures(outcome))
    block = share.block(row)
    rows = blocks.attempts(connection, share, block)
    here = blocks.of_attempt(rows, block)
    last = next(each for each in here if each.id == row.id)
    cause = outcome.rejected or (blocks.BLOCK_LOST if blocks.split(here, last) else None)
    if share.ended or blocks.taken_up(rows, block):
        blocks.void(connection, share, block)
    elif share.cancelled:
        _after_cancel(connection, share, last, here, cause)
    elif cause:
        repeat_block(connection, now, share, block, cause)
    elif not blocks.is_open(here):
        blocks.end_block(connection, now, share, here, last)


def _after_cancel(
    connection: Connection, share: Share, last: LaunchRow, here: list[LaunchRow], cause: str | None
) -> None:
    """What would have been repeated counts as cancelled: taking the run up again then repeats its block."""
    if cause or (not blocks.is_open(here) and blocks.is_dropped(share, here, last)):
        _write(connection, last, state=State.CANCELLED.value)


def _failed(connection: Connection, share: Share, row: LaunchRow, outcome: Failed, now: float) -> None:
    from farm_orchestrator import plan

    _write(connection, row, state=State.FAILED.value, t1=now, **_failure(outcome))
    rows = share.rows(connection)
    if share.ended or blocks.taken_up(rows, share.block(row)):
        return
    gone = {cell for cell in plan.failed_cells(rows) if cell[0] == row.variant}
    if gone:
        _give_up(connection, share, row, gone, outcome)
    elif share.cancelled:
        _write(connection, row, state=State.CANCELLED.value)
    elif row.phase != Phase.PROFILE:
        blocks.again_in_place(connection, now, share, row)
    _end(connection, now, share, row)


def _give_up(connection: Connection, share: Share, row: LaunchRow, gone: set[tuple[str, str]], why: Failed) -> None:
    """The variant failed for good: at these cells it goes no further; without the baseline nothing does."""
    unsupported = why.kind == NOT_SUPPORTED
    reason = why.detail if unsupported else f"{why.stage}: {why.kind}: {why.detail}"
    skip(connection, share, "variant_failed", gone)
    close_cells(connection, share.part, gone, "not_run" if unsupported else "failed", reason)
    if row.variant == share.part.baseline:
        end_part(connection, share, "baseline_failed", f"the baseline {row.variant} failed: {reason}")


def _end(connection: Connection, now: float, share: Share, row: LaunchRow) -> None:
    here = blocks.attempts(connection, share, share.block(row))
    if not (share.cancelled or blocks.is_open(here)):
        blocks.end_block(connection, now, share, here, row)


def _lose(connection: Connection, claim: Claim, lost: Lost, now: float) -> bool:
    held = _held(connection, claim)
    if held is None:
        return False
    charge(connection, claim.row, now)
    share = _share(claim, held)
    facts = {"lost": {"reason": lost.reason, "detail": lost.detail}}
    state = State.CANCELLED if share.cancelled else State.LOST
    _write(connection, claim.row, state=state.value, t1=now, outcome=lost.reason, facts=facts)
    if not share.cancelled:
        share = _without_poison(connection, share, claim.row, lost)
        repeat_block(connection, now, share, claim.block, lost.reason)
        if lost.reason not in FREE:
            why = f"{lost.reason} while measuring {claim.row.variant}: {lost.detail}"
            of = {"run": claim.row.run, "launch": claim.row.id}
            count_loss(connection, now, claim.row.board, Lost(lost.reason, why), of=of)
    return True


def _without_poison(connection: Connection, share: Share, row: LaunchRow, lost: Lost) -> Share:
    """A variant that takes its board down each time it runs is given up; the others go on."""
    from farm_orchestrator import plan

    gone = {cell for cell in plan.failed_cells(share.rows(connection)) if cell[0] == row.variant}
    if not gone:
        return share
    reason = f"lost {plan.POISON} times in a row while it ran; the last time: {lost.reason}: {lost.detail}"
    skip(connection, share, "variant_lost", gone)
    close_cells(connection, share.part, gone, "not_run", reason)
    if row.variant == share.part.baseline:
        end_part(connection, share, "baseline_lost", f"the baseline {row.variant} was {reason}")
        return replace(share, ended=reason)
    return share


def _held(connection: Connection, claim: Claim) -> Row[str | None, int, int] | None:
    """What stands beside the launch while it runs under this fence; None once the board has a newer one."""
    return connection.execute(HELD, {"id": claim.row.id, "holder": claim.fence}).one_or_none()


def _is_written(connection: Connection, claim: Claim, outcome: Measured | Failed) -> bool:
    """Whether an earlier try got through, of which the server died before it could say so."""
    found = connection.execute(OURS, {"id": claim.row.id, "holder": claim.fence}).mappings().one_or_none()
    ours = _figures(outcome) if isinstance(outcome, Measured) else _failure(outcome)
    told = {name: value for name, value in ours.items() if not isinstance(value, dict | list)}
    return found is not None and all(found[name] == value for name, value in told.items())


def _share(claim: Claim, held: Row[str | None, int, int]) -> Share:
    return Share(claim.part, held.ended, bool(held.cancel))


def _write(connection: Connection, row: LaunchRow, **values: Any) -> None:
    connection.execute(WRITE, {"written": row.id, **values})


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
