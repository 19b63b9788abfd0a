"""A run that was interrupted: cancelled, and taken up again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, and_, select, update

from farm_orchestrator.errors import UsageError
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import LaunchRow, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.blocks import Share, load_share, plan_next, void
from farm_orchestrator.store.cells import screened_out
from farm_orchestrator.store.locks import one_at_a_time
from farm_orchestrator.store.moments import is_live, over, until
from farm_orchestrator.store.rows import BlockId
from farm_orchestrator.store.runs import ATTACHED_S, insert_slots
from farm_orchestrator.store.sharing import catch_up
from farm_orchestrator.store.store import Store

NOT_YET = "not yet"  # the reason of a cell that an interrupted run has not finished
run, launch, cell = schema.run.c, schema.launch.c, schema.cell.c


def cancel(store: Store, name: str) -> None:
    """What is pending is cancelled at once; running launches are for the watchdog, which asks `cancelled_runs`."""

    def write(connection: Connection) -> None:
        one_at_a_time(connection)
        where = (run.run == name, run.state == "open")
        if connection.execute(update(schema.run).where(*where).values(cancel=1)).rowcount:
            pending = (launch.run == name, launch.state == State.PENDING)
            connection.execute(update(schema.launch).where(*pending).values(state=State.CANCELLED.value))

    failpoint("before_cancel")
    store.patiently(write, urgent=True)
    failpoint("after_cancel")


def cancelled_runs(store: Store, names: Iterable[str]) -> set[str]:
    """Those of the runs that are cancelled: one look for all running launches."""
    query = select(run.run).where(run.cancel == 1, run.run.in_(list(names)))
    return store.read(lambda c: set(c.execute(query).scalars()))


def resume(store: Store, name: str) -> None:
    """Opens the run again: blocks that the cancel tore are whole again, one attempt later and free of budget. An end
    that has passed meanwhile is forgotten.

    Raises UsageError while a living command stands behind the run.
    """
    failpoint("before_resume")
    store.patiently(lambda c: _resume(c, name, store.now(c)))
    failpoint("after_resume")


def cancel_orphans(connection: Connection, now: float) -> None:
    """A running launch of a cancelled run whose board nobody holds will never be committed."""
    free = select(schema.board.c.board).where(over(schema.board.c.lease_until, now))
    cancelled = select(run.run).where(run.cancel == 1)
    where = (launch.state == State.RUNNING, launch.board.in_(free), launch.run.in_(cancelled))
    connection.execute(update(schema.launch).where(*where).values(state=State.CANCELLED.value, t1=now))


def _resume(connection: Connection, name: str, now: float) -> None:
    one_at_a_time(connection)
    found = connection.execute(select(schema.run).where(run.run == name)).one()
    if is_live(found.attached_until, now):
        raise UsageError(
            f"run {name} is still being measured by another command",
            mend="Wait for it, or end that command; a killed one frees its run within 15 s.",
        )
    if found.cancel:
        cancel_orphans(connection, now)
    _reopen(connection, name, now)
    if found.cancel:
        boards = select(schema.part.c.board).where(schema.part.c.run == name)
        for board in connection.execute(boards).scalars().all():
            _mend_part(connection, load_share(connection, name, board), now)


def _reopen(connection: Connection, name: str, now: float) -> None:
    """What the report of the interrupted run concluded is open again."""
    fresh = {"cancel": 0, "state": "open", "reported": 0, "word": None, "finished": None}
    attached = until(now, ATTACHED_S)
    connection.execute(update(schema.run).where(run.run == name).values(**fresh, attached_until=attached))
    connection.execute(update(schema.run).where(run.run == name, run.ends_by <= now).values(ends_by=None))
    catch_up(connection, name, now)
    unfinished = cell.state.in_(["measured", "invalid"]) | and_(cell.state == "not_run", cell.reason == NOT_YET)
    connection.execute(
        update(schema.cell)
        .where(cell.run == name, unfinished)
        .values(state=None, reason=None, versus_baseline=None, versus_past=None)
    )


def _mend_part(connection: Connection, share: Share, now: float) -> None:
    from farm_orchestrator import plan

    if share.ended:
        return
    for block in _torn(share.rows(connection)):
        void(connection, share, block)
        out = screened_out(connection, share.part)
        slots = plan.requeue(share.part, share.rows(connection), block.block, block.attempt, out)
        insert_slots(connection, block.run, slots, now)
    plan_next(connection, now, share)


def _torn(rows: Sequence[LaunchRow]) -> Iterator[BlockId]:
    """The last attempts of blocks in which a launch was cancelled."""
    last: dict[int, int] = {}
    for row in rows:
        last[row.block] = max(row.attempt, last.get(row.block, 0))
    for row in rows:
        if row.state == State.CANCELLED and row.attempt == last.get(row.block):
            yield BlockId(row.run, row.block, row.attempt)
            del last[row.block]
