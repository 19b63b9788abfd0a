"""What a board is, in one word: two that differ are not the board of then."""

from __future__ import annotations

import hashlib
import json

from farm_orchestrator.model import Json
from farm_orchestrator.plan.sustaining import identity

ALSO = ("onnxruntime", "python")  # a change of the runtime is a change of what a file does
LETTERS = 16


def fingerprint(board: Json, told: Json) -> str | None:
    """`board`: its fields; `told`: what its agent greeted with. None where nobody ever heard of it."""
    if not told:
        return None
    known = {**identity(board, told), **{name: told.get(name) for name in ALSO}}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:LETTERS]
