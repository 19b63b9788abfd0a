"""A foreign process that keeps a CPU busy until it is ended: `python -I -m farm_lab.busy FOLDER CPU`."""

import os
import sys
from pathlib import Path

TURNS = 10_000_000


def main(folder: Path, cpu: int) -> None:
    """It does not outlive its board's folder."""
    os.sched_setaffinity(0, {cpu})
    while folder.is_dir():
        for _ in range(TURNS):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
