"""The store's one writing thread under the requests of many lanes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.figures import middle
from bench.rows import Row, below, measured
from farm_orchestrator import store
from farm_orchestrator.store import Store
from store_support import insert, part

THREADS, REQUESTS = 16, 100
TTL_S = 60.0


def sixteen_threads(folder: Path, rounds: int) -> list[Row]:
    worst_ms = [_slowest_ms(folder / f"{number}.db") for number in range(rounds)]
    how = "acquiring and releasing leases; the slowest request of each run"
    name = f"SQLite writer, {THREADS} threads x {REQUESTS} requests, slowest"
    return [measured(name, middle(worst_ms, "ms", 1), "ms", below(100), versus=how)]


def _slowest_ms(path: Path) -> float:
    """Each thread has a board of its own, so that every request writes."""
    boards = [f"b{number}" for number in range(THREADS)]
    with Store.open(path) as state, ThreadPoolExecutor(THREADS) as pool:
        insert(state, *(part(board=board) for board in boards))
        return max(pool.map(lambda board: _slowest_of_ms(state, board), boards))


def _slowest_of_ms(state: Store, board: str) -> float:
    slowest = 0.0
    for _ in range(REQUESTS // 2):
        begin = time.monotonic()
        fence = store.acquire(state, board, board, TTL_S)
        between = time.monotonic()
        if fence is None:
            raise RuntimeError(f"{board} is held by somebody else")
        store.release(state, board, fence)
        slowest = max(slowest, between - begin, time.monotonic() - between)
    return slowest * 1e3
