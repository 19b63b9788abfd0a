"""Who waits for which board, and until when: what open runs still want of each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Text, and_, bindparam, exists, func, not_, select

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.costs import launch_costs_in
from farm_orchestrator.store.leases import usable
from farm_orchestrator.store.moments import counts, is_live
from farm_orchestrator.store.rows import part_row
from farm_orchestrator.store.sharing import CHOSEN
from farm_orchestrator.store.store import Store

if TYPE_CHECKING:
    from farm_orchestrator.plan.course import Step
    from farm_orchestrator.plan.finish import Load

OPEN = (State.PENDING.value, State.RUNNING.value)
CHOSEN_S = 120.0  # from the choice of a board to the run that wants it
STEP = (  # the columns of a Step, in its order
    "id", "run", "phase", "block", "attempt", "variant", "point", "state", "t0", "t1", "outcome", "dropped", "p50_ns",
)  # fmt: skip
launch, run, part, board, turn = schema.launch.c, schema.run.c, schema.part.c, schema.board.c, schema.turn.c


STEPS = (
    select(*(launch[name] for name in STEP))
    .where(launch.run == bindparam("run", type_=Text), launch.board == bindparam("board", type_=Text))
    .order_by(launch.id)
)


@dataclass(frozen=True)
class Queued:
    """An open run. `place`: 1 is served first. `held`: the boards that measure for it, of `boards` that it still wants.

    `left`: launches that are planned and not through. `begun`: its first launch; `finish`: when it will be through, both
    in seconds since the epoch; None where `why` tells why nobody knows.
    """

    run: str
    place: int
    priority: int
    boards: tuple[str, ...]
    held: tuple[str, ...]
    left: int
    created: float
    begun: float | None
    finish: float | None
    why: str | None = None


def queue(store: Store) -> tuple[Queued, ...]:
    """All open runs in the order in which boards take their work; runs of equal priority share it."""
    return store.read(lambda c: _queue(c, store.now(c)))


def finish(store: Store, name: str) -> float | None:
    """When the run will be through, in seconds since the epoch, with all that goes before it and beside it on its boards.

    None where it wants nothing, or where that cannot be told.
    """

    def read(connection: Connection) -> float | None:
        now = store.now(connection)
        boards = connection.execute(select(part.board).where(part.run == name)).scalars().all()
        return _finish(name, loads_of(connection, now, boards), now)

    return store.read(read)


def free_in_s(store: Store, names: Sequence[str], mine: Collection[str] = ()) -> dict[str, float]:
    """Seconds until each of these boards has nothing more to do; those that take no work are left out.

    A board that somebody has just chosen will have; `mine`: those that were chosen here.
    """
    return store.read(lambda c: _free_in_s(c, names, mine, store.now(c)))


def begun(store: Store, names: Collection[str]) -> dict[str, float]:
    """When the first launch of each run began: what lies before it is time in the queue, and no time of the run."""
    query = select(launch.run, func.min(launch.t0).label("begun")).where(launch.run.in_(names), launch.t0.is_not(None))
    return store.read(lambda c: {row.run: row.begun for row in c.execute(query.group_by(launch.run))})


def loads_of(connection: Connection, now: float, boards: Collection[str] | None = None) -> list[Load]:
    """What open runs, behind which somebody stands, want of these boards, or of all."""
    owed: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(_wanting(now, boards)):
        owed[row.board].append(row)
    costs = launch_costs_in(connection, list(owed))
    return [load for rows in owed.values() for load in _of_board(connection, rows, costs, now)]


def _queue(connection: Connection, now: float) -> tuple[Queued, ...]:
    loads = loads_of(connection, now)
    query = select(schema.run).where(run.state == "open", run.cancel == 0)
    rows = connection.execute(query.order_by(run.priority.desc(), run.created, run.run)).all()
    return tuple(_queued(connection, row, place, loads, now) for place, row in enumerate(rows, 1))


def _queued(connection: Connection, row: Row[Any], place: int, loads: Sequence[Load], now: float) -> Queued:
    mine = launch.run == row.run
    wanted = select(launch.board, launch.state, func.count().label("launches")).where(mine, launch.state.in_(OPEN))
    found = connection.execute(wanted.group_by(launch.board, launch.state).order_by(launch.board)).all()
    boards = tuple(dict.fromkeys(each.board for each in found))
    held = tuple(each.board for each in found if each.state == State.RUNNING)
    why = _why(connection, row, boards, now)
    return Queued(
        row.run, place, row.priority, boards, held, sum(each.launches for each in found), row.created,
        connection.execute(select(func.min(launch.t0)).where(mine)).scalar(),
        None if why else _finish(row.run, loads, now), why,
    )  # fmt: skip


def _why(connection: Connection, row: Row[Any], boards: Collection[str], now: float) -> str | None:
    if not (row.standing or is_live(row.attached_until, now)):
        return "nobody measures it"
    query = select(board.board).where(board.board.in_(boards), not_(and_(*usable()))).order_by(board.board)
    shut = connection.execute(query).scalars().all()
    return f"{', '.join(shut)}: in quarantine or drained" if shut else None


def _finish(name: str, loads: Iterable[Load], now: float) -> float | None:
    from farm_orchestrator.plan.finish import finish_s

    left_s = finish_s(name, loads)
    return None if left_s is None else now + left_s


def _free_in_s(connection: Connection, names: Sequence[str], mine: Collection[str], now: float) -> dict[str, float]:
    from farm_orchestrator.plan.finish import board_ends_s

    wanting: dict[str, list[Load]] = defaultdict(list)
    for load in loads_of(connection, now, names):
        wanting[load.board].append(load)
    shut = set(connection.execute(select(board.board).where(board.board.in_(names), not_(and_(*usable())))).scalars())
    marks = select(turn.name).where(
        turn.name.in_([CHOSEN + name for name in names]), turn.taken.between(now - CHOSEN_S, now)
    )
    chosen = {mark.removeprefix(CHOSEN) for mark in connection.execute(marks).scalars()} - set(mine)
    return {
        name: max(board_ends_s(wanting[name]).values(), default=0.0) + (CHOSEN_S if name in chosen else 0.0)
        for name in names
        if name not in shut
    }


def _wanting(now: float, boards: Collection[str] | None) -> Any:
    owes = exists().where(launch.run == part.run, launch.board == part.board, launch.state.in_(OPEN))
    query = select(schema.part, run.priority, run.ends_by).join(schema.run, run.run == part.run)
    query = query.where(run.state == "open", counts(now), owes)
    return query if boards is None else query.where(part.board.in_(boards))


def _of_board(
    connection: Connection, rows: Sequence[Row[Any]], costs: Mapping[tuple[str, str, str], float], now: float
) -> Iterable[Load]:
    from farm_orchestrator.plan.finish import Load, known, left_s

    parts = [(row, part_row(row).part, _steps(connection, row.run, row.board)) for row in rows]
    told = known([(made, launches) for _, made, launches in parts], costs)
    for row, made, launches in parts:
        until = {} if row.ends_by is None else {"until_s": max(0.0, row.ends_by - now)}
        yield Load(row.run, row.board, row.priority, left_s(made, launches, told, now), row.spent, **until)


def _steps(connection: Connection, name: str, board_name: str) -> list[Step]:
    """All launches of a part: a fleet has a hundred thousand, so each is read as little as will do."""
    from farm_orchestrator.plan.course import Step

    rows = connection.execute(STEPS, {"run": name, "board": board_name})
    return list(map(Step._make, rows.all()))
