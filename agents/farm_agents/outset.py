"""What the agent's process sees to before its first line."""

import os
import signal
import sys
from typing import Any, List, NoReturn, Optional, Tuple


def leave_on_signals() -> None:
    """A polite end takes the same way out as the end of stdin."""
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(name, _leave)


def _leave(number: int, frame: Any) -> NoReturn:
    del frame
    sys.exit(128 + number)


def own_group() -> None:
    """Whoever evicts this agent kills its process group, which must hold nobody else."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)


def commands(stand_in: Optional[str]) -> Tuple[List[str], Optional[List[str]]]:
    """How to start a runner, and how to ask for the runtime (a stand-in has none)."""
    if stand_in is not None:
        return [stand_in, "runner"], None
    here = [sys.executable, "-I", os.path.abspath(sys.argv[0])]
    return [*here, "runner"], [*here, "probe"]
