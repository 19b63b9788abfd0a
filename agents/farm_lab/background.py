"""Programs of the lab that outlive the command that started them: found again by their command line."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from farm_lab.places import LabError
from farm_lab.processes import Process, commanded


def start(module: str, subject: Path, log: Path) -> None:
    """Returns when it is ready; `subject`: the path that tells it from others of its kind. Raises LabError."""
    command = [sys.executable, "-I", "-m", f"farm_lab.{module}", str(subject)]
    with log.open("wb") as err:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=err, stderr=err, check=False)
    if done.returncode or not running(module, subject):
        raise LabError(f"the {module} did not start: {log.read_text(errors='replace')[-500:]}")


def running(module: str, subject: Path) -> list[Process]:
    return commanded(rf"\S+ -I -m farm_lab\.{module} {re.escape(str(subject))}")


def enter() -> Callable[[], None]:
    """Goes into the background; the foreground process ends when what is returned is called there."""
    there, here = os.pipe()
    if os.fork():
        os.close(here)
        sys.exit(0 if os.read(there, 1) else 1)
    os.setsid()
    os.close(there)
    os.umask(0o077)

    def ready() -> None:
        os.write(here, b"1")
        os.close(here)

    return ready
