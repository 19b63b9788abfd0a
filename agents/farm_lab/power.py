"""A board whose power fails, and comes back."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from farm_lab import lab, links
from farm_lab.places import LabError
from farm_lab.processes import kill
from farm_lab.victim import Fault, Victim, nothing_more


def _off(victim: Victim, _: Mapping[str, Any]) -> None:
    """Behind the proxy without a farewell; the disk stays, also one in memory."""
    if victim.lab.proxy:
        links.freeze(victim)
    if victim.lab.options.disk is not None:
        _keep_disk(victim)
    while running := victim.processes():
        kill(running)


def _keep_disk(victim: Victim) -> None:
    """What lies in memory would go with the last process: it is copied while nobody writes."""
    listener, kept = victim.board.process, victim.here.kept_disk
    with suppress(ProcessLookupError):
        os.kill(listener.pid, signal.SIGSTOP)
    kill(process for process in victim.processes() if process != listener)
    shutil.rmtree(kept, ignore_errors=True)
    source = f"/proc/{listener.pid}/root{victim.here.base}/."
    done = subprocess.run(["cp", "-a", source, str(kept)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{victim.name}: its disk could not be kept: {done.stderr.strip()[-300:]}")


def _on(victim: Victim, _: Mapping[str, Any]) -> None:
    """A board that has lost its memory answers old connections with a reset.

    One that still runs was only stopped: what should have ended it was killed, or could not keep its disk.
    """
    if victim.runs:
        with suppress(ProcessLookupError):
            os.kill(victim.board.process.pid, signal.SIGCONT)
        shutil.rmtree(victim.here.kept_disk, ignore_errors=True)
    else:
        lab.boot(victim.places, victim.lab, victim.name)
    if victim.lab.proxy:
        links.reset(victim)
        links.thaw(victim)


FAULTS = {
    "power-off": Fault("It is gone at once and stays away; power-on: it boots, with its disk as it was.", nothing_more,
                       _off, _on),
}  # fmt: skip
