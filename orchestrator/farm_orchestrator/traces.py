"""The trace of a profile launch, read as if it came from an enemy: its events within bounds, or why there are none."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from farm_orchestrator.errors import FarmError
from farm_reports.stats.operators import Trace

BYTES_MAX = 128 << 20
LINE_MAX = 1 << 18  # onnxruntime writes one event a line
EVENTS_MAX = 1_000_000  # where onnxruntime stops by itself
NODES_MAX = 20_000
RUNS_MAX = 100  # calls
NAME_MAX = 1_000
NAMES_MAX = 4 << 20  # characters of all of them: they are stored
NUMBER_MAX = 2**53
TIMED = "_kernel_time"
RUN = "model_run"
ENDS = (b"[", b"]", b"")


class TraceError(FarmError):
    """Why a file is no trace that can be used."""


@dataclass
class _Gathered:
    """Calls and operators so far; of a call its start and its length, of an operator its index in `nodes` too.

    `named`: characters of their names.
    """

    nodes: dict[tuple[str, str], int] = field(default_factory=dict)
    named: int = 0
    runs: array[int] = field(default_factory=lambda: array("q"))
    events: array[int] = field(default_factory=lambda: array("q"))


def read(path: Path) -> Trace:
    """Raises TraceError."""
    found = _Gathered()
    with path.open("rb") as file:
        _demand(path.stat().st_size <= BYTES_MAX, f"it is larger than {BYTES_MAX >> 20} MB")
        for number, line in enumerate(_lines(file), 1):
            _demand(number <= EVENTS_MAX, f"it holds more than {EVENTS_MAX} events")
            _take(found, _event(line, number), number)
    return Trace(
        tuple(found.nodes),
        np.array(found.runs, dtype=np.int64).reshape(-1, 2),
        np.array(found.events, dtype=np.int64).reshape(-1, 3),
    )


def _lines(file: Any) -> Iterator[bytes]:
    while line := file.readline(LINE_MAX + 1):
        _demand(len(line) <= LINE_MAX, f"a line is longer than {LINE_MAX >> 10} kB")
        if (bare := line.strip()) not in ENDS:
            yield bare.removesuffix(b",")


def _event(line: bytes, number: int) -> dict[str, Any]:
    try:
        event = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise TraceError(f"event {number} cannot be read: {str(error)[:100]}") from error
    _demand(isinstance(event, dict), f"event {number} is no object")
    return dict(event)


def _take(found: _Gathered, event: dict[str, Any], number: int) -> None:
    """Of calls and operators; whatever else a trace tells is left in it."""
    name, category = event.get("name"), event.get("cat")
    if category == "Session" and name == RUN:
        found.runs.extend((_number(event, "ts", number), _number(event, "dur", number)))
        _demand(len(found.runs) <= 2 * RUNS_MAX, f"it holds more than {RUNS_MAX} calls")
    elif category == "Node" and isinstance(name, str) and name.endswith(TIMED):
        told = event.get("args")
        _demand(isinstance(told, dict), f"event {number} has no args")
        node = (_text(name.removesuffix(TIMED), number), _text(dict(told or {}).get("op_name"), number))
        index = _index(found, node)
        found.events.extend((index, _number(event, "ts", number), _number(event, "dur", number)))


def _index(found: _Gathered, node: tuple[str, str]) -> int:
    if node not in found.nodes:
        found.named += sum(map(len, node))
        _demand(found.named <= NAMES_MAX, f"the names of its operators come to more than {NAMES_MAX} characters")
        _demand(len(found.nodes) < NODES_MAX, f"it tells of more than {NODES_MAX} operators")
    return found.nodes.setdefault(node, len(found.nodes))


def _number(event: dict[str, Any], name: str, number: int) -> int:
    value = event.get(name)
    _demand(type(value) is int and 0 <= value < NUMBER_MAX, f"event {number} has no {name}")
    return int(value or 0)


def _text(value: object, number: int) -> str:
    """One that can be stored."""
    fits = isinstance(value, str) and len(value) <= NAME_MAX and not re.search("[\0\ud800-\udfff]", value)
    _demand(fits, f"event {number} has a name that is none, or longer than {NAME_MAX} characters")
    return str(value)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _demand(held: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence at each call
    if not held:
        raise TraceError(otherwise)
