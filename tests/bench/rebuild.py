"""Builds the report of the run in a folder once, as `farm report` does, and says what that took."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.peak import peak_bytes
from farm_orchestrator import reporting
from farm_orchestrator.store import Store


def main() -> None:
    place, run = Path(sys.argv[1]), sys.argv[2]
    with Store.open(place / "farm.db") as state:
        wall, cpu = time.monotonic(), time.process_time()
        reporting.build(state, run, place / "runs", place / "cas")
        took = {"wall_s": time.monotonic() - wall, "cpu_s": time.process_time() - cpu}
    page = (place / "runs" / run / "report.html").stat().st_size
    print(json.dumps({**took, "rss_mb": peak_bytes() / 1e6, "page_mb": page / 1e6}))  # noqa: T201  # it is read by the bench


if __name__ == "__main__":
    main()
