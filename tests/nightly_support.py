"""Nights for tests: schedules, runs of a night, and a process of its own that tries to begin one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from farm_orchestrator import store
from farm_orchestrator.plan.nights import Schedule
from farm_orchestrator.store import NewRun, Store
from store_support import QUICK, Clock, cells_of, part, slots_of

DUE = 1_795_311_000.0  # 2026-11-22 01:30 UTC, 02:30 in Berlin
DAY = 86400.0
TESTS = Path(__file__).parent
ASKED: dict[str, Any] = {
    "variants": "/models",
    "boards": None,
    "preset": "quick",
    "max_blocks": None,
    "min_boards": None,
    "budgets": {},
}


def schedule(name: str = "head", **fields: Any) -> Schedule:
    return Schedule(name, **{"at": "02:30", "zone": "Europe/Berlin", "run": dict(ASKED), **fields})


def added(state: Store, clock: Clock, own: Schedule) -> Schedule:
    """A week before it is due."""
    clock.s = DUE - 7 * DAY
    store.add_schedule(state, own)
    return own


def begin(state: Store, run: str, due_at: float, name: str = "head", boards: Sequence[str] = ("b0",)) -> bool:
    parts = [part(run, board) for board in boards]
    new = NewRun(run, None, QUICK, 1, due_at, {"git": None}, schedule=name, due_at=due_at)
    return store.insert_run(state, new, parts, cells_of(parts), slots_of(parts))


def beats(place: str, folder: Path, count: int, *, all_insert: bool) -> list[str]:
    """What so many processes say that try to begin the same night at the same moment."""
    words = ("insert" if all_insert else "look", place, str(folder / "go"))
    children = [
        subprocess.Popen([sys.executable, __file__, *words, str(i)], stdout=subprocess.PIPE, text=True,
                         env={"PYTHONPATH": str(TESTS), "PATH": "/usr/bin:/bin"})
        for i in range(count)
    ]  # fmt: skip
    with ExitStack() as ends:
        for child in children:
            ends.enter_context(child)
            ends.callback(child.kill)
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        (folder / "go").touch()
        return [child.communicate(timeout=120)[0].strip() for child in children]


def main(mode: str, place: str, go: str, number: str) -> None:
    with Store.open(place, lambda: DUE + 60) as state:
        _say("ready")
        while not Path(go).exists():
            time.sleep(0.001)
        run = f"20261122-01300{number}-{number * 4}"
        if mode == "insert":
            _say("begun" if begin(state, run, DUE) else "late")
        else:
            _say(*("begun" if begin(state, run, due.at) else "late" for due in store.due_nights(state)))


def _say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
