"""Memory of a worker: a fleet has hundreds of boards, and each has its thread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BOARDS = 64
WORKER = """
import sys, threading
from pathlib import Path
import numpy as np
if sys.argv[1] == "shared":
    from farm_orchestrator.allocators import share_memory
    share_memory()
from farm_orchestrator.store.samples import Timed, write_launch

together = threading.Barrier({boards})

def lane(number):
    latency = np.arange(2000) + number
    together.wait()
    write_launch(Path(sys.argv[2]), number, 1, Timed(0, latency), [])
    together.wait()

lanes = [threading.Thread(target=lane, args=(number,)) for number in range({boards})]
[each.start() for each in lanes]
[each.join() for each in lanes]
status = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def peak_kb(folder: Path, how: str) -> int:
    (folder / "launches").mkdir(parents=True)
    command = [sys.executable, "-c", WORKER.format(boards=BOARDS), how, str(folder)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_what_one_lane_has_freed_is_there_for_the_others(tmp_path: Path) -> None:
    assert peak_kb(tmp_path / "shared", "shared") < 0.75 * peak_kb(tmp_path / "own", "own")
