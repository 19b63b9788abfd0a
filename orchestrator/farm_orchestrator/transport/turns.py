"""Whose turn it is to push: a worker has 16 pushes at once, a jump host carries 8 of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import BoundedSemaphore

PER_WORKER = 16
PER_GATEWAY = 8
LOOK_S = 0.5

worker = BoundedSemaphore(PER_WORKER)


@contextmanager
def taken(turns: Sequence[BoundedSemaphore], check: Callable[[], None]) -> Iterator[None]:
    """Waits for the turns of the gateways, then for the worker's own; `check` raises where waiting is in vain."""
    with ExitStack() as held:
        for turn in (*turns, worker):
            while not turn.acquire(timeout=LOOK_S):
                check()
            held.callback(turn.release)
        yield
