"""The clock that each board keeps up, one file a board in the state folder: `sustained/NAME.json`."""

from __future__ import annotations

import json
from pathlib import Path

from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import Json
from farm_orchestrator.plan.sustaining import Sustained
from farm_orchestrator.store.files import whole

FORMAT = "farm.sustained/1"


def sustained_file(home: Path, board: str) -> Path:
    return home / "sustained" / f"{board}.json"


def read_sustained(home: Path, board: str) -> Sustained | None:
    """None where nobody has looked for it yet. Raises StoreError at a file that is none of ours."""
    file = sustained_file(home, board)
    try:
        return _read(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{file}: the clock of this board cannot be read: {error}",
            mend=f"remove the file, then: farm boards soak {board}",
        ) from error


def _read(body: Json) -> Sustained:
    if body["schema"] != FORMAT:
        raise ValueError(f"it is not of format {FORMAT}")
    return Sustained.from_json(body)


def write_sustained(home: Path, board: str, found: Sustained) -> None:
    """Whole or not at all."""
    body = {"schema": FORMAT, "board": board, **found.to_json()}
    with whole(sustained_file(home, board)) as out:
        out.write(json.dumps(body, indent=1, allow_nan=False).encode() + b"\n")
