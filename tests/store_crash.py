"""A program that is killed on purpose: at a failpoint as a lane, or before its n-th statement.

python store_crash.py lane DATABASE
python store_crash.py statements FOLDER SCENARIO     prints at how many places it was killed
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from sqlalchemy import event

from farm_orchestrator import store
from farm_orchestrator.model import Limits, Lost, Measured
from farm_orchestrator.store import Claim, Store
from store_support import BROKEN, RUN, Clock, Lane, insert, measured, noisy, part, rows, until_measuring

Step = Callable[[Store], object]
SPEC = part(names=("fp32", "int8", "fp16"), blocks=2, most=4)
GATED = replace(part(blocks=8), limits=Limits({"latency_p50": "+5%"}, ship=("int8",)), gated=2, confirms=True)


@dataclass(frozen=True)
class Scenario:
    """`before` makes the state that `act` is killed in; the clock stands still in each."""

    before: Step
    act: Step
    later_s: float = 0.0


def planned(state: Store) -> Lane:
    insert(state, SPEC)
    return Lane(state).start()


def within_a_block(state: Store) -> None:
    lane = planned(state)
    lane.end(until_measuring(lane), measured())
    lane.claim()


def at_the_last_planned_launch(state: Store) -> None:
    lane = planned(state)
    lane.run(noisy, launches=4 + 5)
    lane.claim()


def at_the_last_launch_of_a_comparison(state: Store) -> None:
    insert(state, GATED)
    lane = Lane(state).start()
    lane.run(at_the_limit, launches=3 + 15)
    lane.claim()


def at_the_limit(claim: Claim) -> Measured:
    return measured(1_050_000 if claim.row.variant == "int8" else 1_000_000)


def at_the_first_dry_load(state: Store) -> None:
    lane = planned(state)
    lane.end(lane.claim(), measured())
    lane.claim()


def after_four_losses(state: Store) -> None:
    planned(state).claim()
    for _ in range(4):
        store.board_loss(state, "b0", "no answer")


def interrupted(state: Store) -> None:
    within_a_block(state)
    store.cancel(state, RUN)
    store.lose(state, running(state), Lost("cancelled"))
    store.detach(state, RUN)


def running(state: Store) -> Claim:
    return Claim(rows(state, state="running")[0], store.parts(state, RUN)[0])


def end_with(outcome: object) -> Step:
    if isinstance(outcome, Lost):
        return lambda state: store.lose(state, running(state), outcome)
    return lambda state: store.commit(state, running(state), outcome)  # type: ignore[arg-type] # of the two others


SCENARIOS = {
    "insert": Scenario(lambda _: None, lambda state: insert(state, SPEC, attached=False)),
    "claim": Scenario(planned, lambda state: store.claim(state, "b0", 1)),
    "commit": Scenario(at_the_last_planned_launch, lambda state: end_with(noisy(running(state)))(state)),
    "commit and claim": Scenario(
        at_the_last_planned_launch,
        lambda state: store.commit_and_claim(state, running(state), noisy(running(state))),
    ),
    "confirm": Scenario(
        at_the_last_launch_of_a_comparison, lambda state: end_with(at_the_limit(running(state)))(state)
    ),
    "reject": Scenario(within_a_block, end_with(measured(rejected="THROTTLED"))),
    "fail": Scenario(at_the_first_dry_load, end_with(BROKEN)),
    "lose": Scenario(within_a_block, end_with(Lost("link_lost"))),
    "end": Scenario(after_four_losses, end_with(Lost("link_lost"))),
    "sweep": Scenario(within_a_block, lambda state: store.sweep(state, "b0", 2), later_s=7),
    "cancel": Scenario(within_a_block, lambda state: store.cancel(state, RUN)),
    "resume": Scenario(interrupted, lambda state: store.resume(state, RUN)),
}


def lane(database: Path) -> None:
    """A worker with one lane; FAILPOINT in the environment ends it."""
    with Store.open(database) as state:
        Lane(state).start().run(lambda claim: Lost("fenced") if claim.row.id == 6 else noisy(claim))


def statements(folder: Path, scenario: Scenario) -> int:
    """Kills `act` before each of its statements, and before its COMMIT: each time nothing of it may be left."""
    start, work = folder / "start.db", folder / "work.db"
    assert in_child(lambda: on(start, scenario.before)) == 0
    for nth in count(1):
        for old in folder.glob("work.db*"):
            old.unlink()
        shutil.copy(start, work)
        ended = in_child(lambda nth=nth: on(work, killed_at(nth, scenario.act), scenario.later_s))  # type: ignore[misc] # the default binds it
        if ended == 0:
            assert dump(work) != dump(start), "the whole act left no trace"
            return nth - 1
        assert ended == -signal.SIGKILL, f"ended with {ended}"
        assert dump(work) == dump(start), f"killed before statement {nth}, it left something"
    raise AssertionError


def on(database: Path, step: Step, later_s: float = 0.0) -> None:
    with Store.open(database, Clock(1_000_000.0 + later_s)) as state:
        step(state)


def killed_at(nth: int, act: Step) -> Step:
    left = iter(range(nth - 1))

    def step(*_: object) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    def armed(state: Store) -> None:
        event.listen(state._engine, "before_cursor_execute", step)
        event.listen(state._engine, "commit", step)
        act(state)

    return armed


def in_child(body: Callable[[], None]) -> int:
    """This process has no thread, so that it may fork: the store lives in children only."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            body()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as file:
        return list(file.iterdump())


if __name__ == "__main__":
    if sys.argv[1] == "lane":
        lane(Path(sys.argv[2]))
    else:
        print(statements(Path(sys.argv[2]), SCENARIOS[sys.argv[3]]))  # noqa: T201 - the answer of the program
