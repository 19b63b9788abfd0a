"""A board that has become too hot switches itself off: `python -I -m farm_lab.overheated LAB BOARD`."""

import sys
from contextlib import suppress
from pathlib import Path

from farm_lab import faults
from farm_lab.places import LabError, Places

FAULT = "power-off"


def main(root: Path, board: str) -> None:
    """Nothing is left to do where it has gone meanwhile, by another fault or with its lab."""
    with suppress(LabError):
        faults.strike(Places(root), board, FAULT)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
