"""Small processes that undo a fault when its time is over, whatever became of the command that did it."""

import re
import sys
import time

from farm_lab import processes
from farm_lab.journal import Standing
from farm_lab.places import LabError, Places
from farm_lab.processes import Process, commanded

PATIENCE_S = 20.0
STEP_S = 0.01


def start(places: Places, fault: Standing, for_s: float) -> None:
    """Returns once it runs. Raises LabError."""
    until_ns = fault.began_ns + round(for_s * 1e9)
    about = (str(places.root), fault.board, str(fault.began_ns), str(until_ns))
    processes.detach([sys.executable, "-I", "-m", "farm_lab.undoing", *about])
    deadline = time.monotonic() + PATIENCE_S
    while not running(places, fault):
        if time.monotonic() > deadline:
            raise LabError(f"{fault.board}: the process that ends {fault.fault} after {for_s:g} s did not start")
        time.sleep(STEP_S)


def running(places: Places, fault: Standing | None = None) -> list[Process]:
    """Of one fault, or all of the lab, those that switch off what is too hot included."""
    which = rf"undoing {re.escape(str(places.root))} \S+ {fault.began_ns} \d+" if fault else ""
    every = rf"(undoing|overheated) {re.escape(str(places.root))} .*"
    return commanded(rf"\S+ -I -m farm_lab\.{which or every}")
