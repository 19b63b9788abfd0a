"""Undoes one fault when its time is over: `python -I -m farm_lab.undoing LAB BOARD BEGAN_NS UNTIL_NS`."""

import sys
import time
from pathlib import Path

from farm_lab import faults
from farm_lab.places import Places


def main(root: Path, board: str, began_ns: int, until_ns: int) -> None:
    """Both times are CLOCK_MONOTONIC; a fault that was healed earlier is none any more."""
    time.sleep(max(0.0, (until_ns - time.monotonic_ns()) / 1e9))
    if root.is_dir():
        faults.expire(Places(root), board, began_ns)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
