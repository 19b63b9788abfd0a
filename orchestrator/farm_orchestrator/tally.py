"""What this worker has done since it started, in numbers: launches by outcome, and how long their commits took."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Tally:
    """Counted by lanes, read by whoever asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._launches: Counter[str] = Counter()
        self._commits = [0] * (len(BOUNDS_S) + 1)
        self._commits_s = 0.0

    def launch(self, outcome: str) -> None:
        with self._lock:
            self._launches[outcome] += 1

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Around one that comes to its end."""
        began = monotonic()
        yield
        took_s = monotonic() - began
        with self._lock:
            self._commits[bisect_left(BOUNDS_S, took_s)] += 1
            self._commits_s += took_s

    def launches(self) -> dict[str, int]:
        with self._lock:
            return dict(self._launches)

    def commits(self) -> tuple[list[int], float]:
        """How many up to each bound and beyond the last, and their seconds in all."""
        with self._lock:
            return list(self._commits), self._commits_s
