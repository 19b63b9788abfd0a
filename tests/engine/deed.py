"""Does one thing to a store and ends: `deed.py NAME STORE RUN HOME`. A test sets FAILPOINT to end it earlier."""

import sys
from collections.abc import Callable
from pathlib import Path

from farm_orchestrator import store
from farm_orchestrator.store import Store, open_artefacts
from store_support import insert, part

DEEDS: dict[str, Callable[[Store, str, Path], object]] = {
    "insert": lambda state, run, _: insert(state, *(part(run=run, board=f"b{index}") for index in range(3))),
    "due": lambda state, _run, _: store.due_boards(state, 1.0),
    "cancel": lambda state, run, _: store.cancel(state, run),
    "resume": lambda state, run, _: store.resume(state, run),
    "close": lambda state, _run, _: store.close_finished(state),
    "report": lambda state, run, _: store.claim_report(state, run),
    "put": lambda state, _run, home: open_artefacts(state, home / "cas").put(home / "large"),
}

if __name__ == "__main__":
    name, place, run, home = sys.argv[1:]
    with Store.open(place) as state:
        DEEDS[name](state, run, Path(home))
