"""The lab's journal: when which fault began and ended on which board, by a clock that nobody sets."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from farm_lab.places import Places

Json = dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """A fault that began and has not ended. `began_ns`: CLOCK_MONOTONIC, no two alike. `kept`: what its undoing needs."""

    board: str
    fault: str
    argument: str | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    began_ns: int = field(default_factory=time.monotonic_ns)


def begin(places: Places, fault: Standing) -> None:
    """Written down before anything is done: a command that is killed leaves nothing that nobody could undo."""
    _write(places, {"t_ns": fault.began_ns, "event": "start", "board": fault.board, "fault": fault.fault,
                    "argument": fault.argument, "kept": dict(fault.kept)})  # fmt: skip


def close(places: Places, fault: Standing) -> None:
    _write(places, {"t_ns": time.monotonic_ns(), "event": "end", "board": fault.board, "fault": fault.fault,
                    "began_ns": fault.began_ns})  # fmt: skip


def lines(places: Places) -> list[Json]:
    """All of it; a torn line is none."""
    try:
        text = places.journal.read_text("utf-8")
    except OSError:
        return []
    return [found for line in text.splitlines() if (found := _whole(line))]


def standing(places: Places, board: str | None = None) -> tuple[Standing, ...]:
    """Those of a board, or of all, in the order in which they began."""
    found: dict[int, Standing] = {}
    for line in lines(places):
        if line["event"] == "end":
            found.pop(line["began_ns"], None)
        else:
            found[line["t_ns"]] = Standing(line["board"], line["fault"], line["argument"], line["kept"], line["t_ns"])
    return tuple(fault for fault in found.values() if board in {None, fault.board})


def _whole(line: str) -> Json | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _write(places: Places, line: Json) -> None:
    """In one write, and on the disk before the fault is done; what a torn line left does not swallow it."""
    file = os.open(places.journal, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        torn = size and os.pread(file, 1, size - 1) != b"\n"
        os.write(file, b"\n" * bool(torn) + json.dumps(line).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
