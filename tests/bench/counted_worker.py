"""The worker of one machine that counts what it spends in its database: as `farm_orchestrator.tasks`, and tells at its end."""

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from bench.peak import peak_bytes
from farm_orchestrator import tasks

LOCK = threading.Lock()
SPENT = {"database_s": 0.0, "statements": 0}
BEGUN = threading.local()


def begin(*_: Any) -> None:
    BEGUN.at = time.perf_counter()


def end(*_: Any) -> None:
    took_s = time.perf_counter() - BEGUN.at
    with LOCK:
        SPENT["database_s"] += took_s
        SPENT["statements"] += 1


def tell(folder: Path) -> None:
    """Over and over: the worker ends without a word."""
    while True:
        used = resource.getrusage(resource.RUSAGE_SELF)
        said = {**SPENT, "cpu_s": used.ru_utime + used.ru_stime, "peak_mib": peak_bytes() / 2**20,
                "threads": threading.active_count(), "files": len(os.listdir("/proc/self/fd"))}  # noqa: PTH208 # fmt: skip
        (folder / "spent.part").write_text(json.dumps(said))
        (folder / "spent.part").replace(folder / "spent.json")
        time.sleep(0.5)


if __name__ == "__main__":
    event.listen(Engine, "before_cursor_execute", begin)
    event.listen(Engine, "after_cursor_execute", end)
    threading.Thread(target=tell, args=(Path(sys.argv[1]),), daemon=True).start()
    sys.exit(tasks.main())
