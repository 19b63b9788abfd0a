"""The runs of each board against itself, one file a board in the state folder: `calibrations/NAME.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from farm_orchestrator.calibration import Figures, Itself, figures
from farm_orchestrator.errors import StoreError
from farm_orchestrator.store.files import whole
from farm_reports.tables import Calibration

FORMAT = "farm.calibration/1"


def calibration_file(home: Path, board: str) -> Path:
    return home / "calibrations" / f"{board}.json"


def read_calibration(home: Path, board: str) -> tuple[Itself, ...]:
    """All runs of a board, the oldest first. Raises StoreError at a file that is none of ours."""
    file = calibration_file(home, board)
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        return _runs(body)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{file}: this calibration cannot be read: {_why(error)}",
            mend=f"remove the file, then: farm boards calibrate {board}",
        ) from error


def add_calibration(home: Path, board: str, run: Itself) -> tuple[Itself, ...]:
    """Writes one more run, whole or not at all; gives all of them."""
    runs = (*(each for each in read_calibration(home, board) if each.run != run.run), run)
    body = {"schema": FORMAT, "board": board, "runs": [asdict(each) for each in runs]}
    with whole(calibration_file(home, board)) as out:
        out.write(json.dumps(body, indent=1, allow_nan=False).encode() + b"\n")
    return runs


def calibrations(home: Path, boards: Iterable[str]) -> dict[str, tuple[Figures, ...]]:
    """Of each board that was ever measured against itself; of a file that cannot be read, the reason."""
    return {board: found for board in boards if (found := _figures(home, board))}


def _runs(body: object) -> tuple[Itself, ...]:
    if not isinstance(body, dict) or body.get("schema") != FORMAT:
        raise ValueError(f"it is not of format {FORMAT}")
    return tuple(Itself.from_json(each) for each in body["runs"])


def _figures(home: Path, board: str) -> tuple[Figures, ...]:
    try:
        return figures(read_calibration(home, board))
    except StoreError as error:
        return (Figures({}, Calibration(reason=error.text)),)


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return str(error.strerror)
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)[:200]
