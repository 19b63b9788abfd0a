"""Checks 1 to 7 of one file after the other: what passes lies under our own roof."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from farm_orchestrator.model import FileRef
from farm_orchestrator.variants.arrays import Stored
from farm_orchestrator.variants.checks import external, files, graph, support
from farm_orchestrator.variants.checks.graph import Graph
from farm_orchestrator.variants.checks.refusal import Refusal
from farm_orchestrator.variants.records import Entry, Recorded, Refused

MODEL = "model.onnx"  # on a board every model has this name: the same bytes are the same variant


@dataclass(frozen=True)
class Candidate:
    """A variant that may be tried. `files`: the model, then its external data in name order."""

    entry: Entry
    files: tuple[Stored, ...]
    graph: Graph

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def sha256(self) -> str:
        """Of the file; with external data, over name, size and digest of each in name order."""
        return self.files[0].sha256 if len(self.files) == 1 else _combined(self.files)

    @property
    def refs(self) -> tuple[FileRef, ...]:
        return tuple(FileRef(file.path.name, file.sha256, file.size) for file in self.files)


def inspect(
    entries: Iterable[Entry], folder: Path, recorded: Mapping[str, Recorded]
) -> tuple[list[Candidate], list[Refused]]:
    """The files that may be tried, copied below `folder`, and those that may not, in the order given."""
    places = [(entry, folder / str(index)) for index, entry in enumerate(entries)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda place: _judged(place[0], place[1], recorded.get(place[0].name, {})), places))
    return [c for c in found if isinstance(c, Candidate)], [r for r in found if isinstance(r, Refused)]


def refused(entry: Entry, refusal: Refusal) -> Refused:
    return Refused(entry.name, entry.path.name, refusal.check, refusal.text, refusal.mend)


def _judged(entry: Entry, folder: Path, recorded: Recorded) -> Candidate | Refused:
    folder.mkdir(parents=True)
    try:
        return _inspected(entry, folder, recorded)
    except Refusal as refusal:
        return refused(entry, refusal)


def _inspected(entry: Entry, folder: Path, recorded: Recorded) -> Candidate:
    with files.regular(entry.path) as source:
        files.check_first_bytes(source)
        model = files.copy(source, folder / MODEL)
    files.check_recorded(model, recorded)
    parsed = graph.parse(model.path)
    beside = external.gather(parsed, entry.path.parent, folder)
    for file in beside:
        files.check_recorded(file, recorded)
    graph.check_model(model.path)
    facts = graph.read(parsed)
    support.check_support(facts.opset, facts.ir, facts.domains, _onnxruntime())
    return Candidate(entry, (model, *beside), facts)


def _onnxruntime() -> str:
    """Its version without the time of its import; empty where another distribution provides it."""
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return ""


def _combined(stored: Iterable[Stored]) -> str:
    total = hashlib.sha256()
    for file in sorted(stored, key=lambda each: each.path.name):
        total.update(f"{file.path.name}\0{file.size}\0{file.sha256}\0".encode())
    return total.hexdigest()
