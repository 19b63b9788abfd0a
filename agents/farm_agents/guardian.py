"""The process that gives clocks back in farm-tune's place when farm-tune itself was killed or hangs."""

import math
import os
import select
import signal
import time
from typing import Any, Callable, Optional

LATE_S = 2.0  # beyond the end of a lease, at which farm-tune gives back by itself
LOOK_S = 3600.0
DESCRIPTORS = 1024


class Guardian:
    """Started before the first write, in a session of its own, at the other end of a pipe that only farm-tune holds.

    `mend` runs in it, once farm-tune is gone: it gives back what the journal still holds.
    """

    def __init__(self, mend: Callable[[], object]) -> None:
        self.mend = mend
        self.line: Optional[int] = None

    def watch(self, until: float) -> None:
        """`until`: the end of the lease, on the monotonic clock. Raises OSError where no process can be had."""
        self._say(until)
        if self.line is None:
            self.line = _start(self.mend)
            self._say(until)

    def rest(self) -> None:
        """Nothing is held any more."""
        self._say(math.inf)

    def _say(self, until: float) -> None:
        """One that does not hear has been killed."""
        if self.line is None:
            return
        try:
            os.write(self.line, "{!r}\n".format(until).encode())
        except BrokenPipeError:
            os.close(self.line)
            self.line = None


def on_signals(act: Any) -> None:
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(name, act)


def _start(mend: Callable[[], object]) -> int:
    """The writing end of its pipe. Forked twice, so that nobody has to wait for it."""
    reading, writing = os.pipe()
    watched = os.getpid()
    first = os.fork()
    if first == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _alone(reading)
                _stand_by(watched)
                mend()
        finally:
            os._exit(0)
    os.close(reading)
    os.waitpid(first, 0)
    return writing


def _alone(reading: int) -> None:
    """Without the lock, the connection and the other end of the pipe: each must end with farm-tune."""
    on_signals(signal.SIG_IGN)
    os.dup2(reading, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.closerange(3, DESCRIPTORS)


def _stand_by(watched: int) -> None:
    """Until farm-tune is gone; one that still holds a lease long over is stopped, or hangs, and is ended."""
    until = math.inf
    while True:
        left_s = until + LATE_S - time.monotonic()
        if select.select([0], [], [], min(max(0.0, left_s), LOOK_S))[0]:
            said = os.read(0, 4096)
            if not said:
                return
            until = float(said.split()[-1])
        elif left_s <= LOOK_S:
            os.kill(watched, signal.SIGKILL)  # the pipe is open, so the number is still its own
            return
