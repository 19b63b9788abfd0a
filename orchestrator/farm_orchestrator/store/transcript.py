"""Every word that was said about one launch, one JSON line each, written before it is interpreted."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from farm_orchestrator.model import FileRef
from farm_orchestrator.store.failures import explained
from farm_orchestrator.store.files import sync_folder

SCHEMA = "farm.transcript/1"
BULK = {"samples": "latency_ns", "readings": "readings"}  # message -> the column that is counted


class Transcript:
    """`transcripts/<launch>.<fence>.jsonl` in the run's folder: a head line, then {t, from, raw}.

    Bulk payload is replaced by its digest: the launch's Parquet file holds it. Failures are StoreErrors.
    """

    def __init__(self, folder: Path, launch: int, fence: int, clock: Callable[[], float] = time.time) -> None:
        self.name = f"transcripts/{launch}.{fence}.jsonl"
        self._path = folder / self.name
        self._clock = clock
        self._digest, self._size = hashlib.sha256(), 0
        with explained(self._path):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._path.open("wb", buffering=0)
        self._write({"schema": SCHEMA, "launch": launch, "fence": fence})

    def append(self, from_: str, raw: bytes) -> None:
        self._write({"t": self._clock(), "from": from_, "raw": without_bulk(raw)})

    def close(self) -> FileRef:
        """On disk when it returns."""
        with explained(self._path):
            os.fsync(self._file.fileno())
            self._file.close()
            sync_folder(self._path.parent)
        return FileRef(self.name, self._digest.hexdigest(), self._size)

    def _write(self, body: dict[str, object]) -> None:
        line = json.dumps(body, separators=(",", ":")).encode() + b"\n"
        self._digest.update(line)
        self._size += len(line)
        with explained(self._path):
            while line:
                line = line[self._file.write(line) :]


def without_bulk(raw: bytes) -> str:
    """The line as text; of samples and readings only message, launch, count, size and sha256 stay."""
    text = raw.decode("utf-8", "backslashreplace").rstrip("\n")
    if not any(name in text for name in BULK):  # most lines need no second look
        return text
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    column = BULK.get(str(body.get("msg"))) if isinstance(body, dict) else None
    if column is None:
        return text
    return json.dumps(
        {
            "msg": body["msg"],
            "launch": body.get("launch"),
            "n": len(body[column]) if isinstance(body.get(column), list) else None,
            "bytes": len(raw),
            "sha256": hashlib.sha256(raw).hexdigest(),
        },
        separators=(",", ":"),
    )
