"""The board's monotonic clock."""

import time
from typing import Callable, Protocol


class Clock(Protocol):
    """`now` gives ns; it is a plain function so that the timed loop pays for nothing else."""

    @property
    def now(self) -> Callable[[], int]: ...
    def sleep_until(self, deadline_ns: int) -> None: ...


class MonotonicClock:
    """perf_counter_ns: CLOCK_MONOTONIC on Linux."""

    now = staticmethod(time.perf_counter_ns)

    def sleep_until(self, deadline_ns: int) -> None:
        """Returns at the deadline or later, never before."""
        left_ns = deadline_ns - time.perf_counter_ns()
        while left_ns > 0:
            time.sleep(left_ns / 1e9)
            left_ns = deadline_ns - time.perf_counter_ns()


def smallest_step_ns(now: Callable[[], int], tries: int = 1000) -> int:
    """The smallest step between two readings that differ: an upper bound of the clock's tick; 0 where none did."""
    readings = [now() for _ in range(tries)]
    steps = [b - a for a, b in zip(readings, readings[1:]) if b > a]
    return min(steps, default=0)
