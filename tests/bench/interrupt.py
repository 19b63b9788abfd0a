"""How soon a person who presses Ctrl-C has their prompt again."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from bench.desks import DEMO, new_desk, starts
from bench.figures import worst
from bench.rows import Row, at_most, measured
from run_support import Desk, heard, nothing_left, wait_for

HANDLED_S = 0.1  # between two presses: two signals of one kind that arrive together are one
LAUNCHES = 8  # of the demo, so that a timed launch is cut short


def once_and_twice(folder: Path, rounds: int) -> list[Row]:
    once = [_left_after_s(new_desk(folder / f"once{number}"), presses=1) for number in range(rounds)]
    twice = [_left_after_s(new_desk(folder / f"twice{number}"), presses=2) for number in range(rounds)]
    how = "during a timed launch, to the end of the command; the slowest counts"
    return [
        measured("first Ctrl-C", worst(once, "s"), "s", at_most(15), versus=how),
        measured("second Ctrl-C", worst(twice, "s"), "s", at_most(1), versus=how),
    ]


def _left_after_s(desk: Desk, presses: int) -> float:
    command = desk.start(*DEMO)
    try:
        wait_for(lambda: len(starts(desk)) >= LAUNCHES, "some launches", 60)
        pressed = _press(command, presses)
        heard(command)
        return time.monotonic() - pressed
    finally:
        command.kill()
        command.wait()
        wait_for(lambda: nothing_left(desk), "all processes to end")


def _press(command: subprocess.Popen[str], presses: int) -> float:
    """The moment of the last press."""
    command.send_signal(signal.SIGINT)
    pressed = time.monotonic()
    if presses > 1:
        time.sleep(HANDLED_S)
        pressed = time.monotonic()
        command.send_signal(signal.SIGINT)
    return pressed
