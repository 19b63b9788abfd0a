"""The judgement of each board of a run, kept beside the run's files: made once from its results, when they are there."""

from __future__ import annotations

import functools
import gc
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import farm_reports
from farm_orchestrator import report_files, tabled
from farm_orchestrator import store as stored
from farm_orchestrator.model import LaunchRow, Phase

if TYPE_CHECKING:
    from farm_orchestrator.store import Mark, Store
    from farm_orchestrator.store.samples import Nanoseconds
    from farm_orchestrator.tabled import Stored
    from farm_reports.results import Results

CellKey = tuple[str, str, str]
ALL_ROWS = "all_rows"  # outputs of this machine over the whole dataset
FIGURES = "figures"
KEY = 16  # characters of a digest


@dataclass(frozen=True)
class Place:
    """Where a run is. `into`: where files go that its folder does not have yet; `compacted`: where its three files are."""

    store: Store
    folder: Path
    cas: Path
    into: Path
    compacted: Path | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((self.folder, self.into)))


@dataclass(frozen=True)
class Asked:
    """What all boards of a run share. `gated`: the m of alpha / m; `pages`: whether each board gets a page of its own."""

    found: Stored
    gated: int
    pages: bool


def asked(found: Stored, *, pages: bool = True) -> Asked:
    from farm_reports import judge
    from farm_reports.sections.view import CHARTED

    bare = tabled.tables(found, {}, {})
    return Asked(
        found, judge.comparisons(bare) if bare.limits or bare.against else 0, pages and len(bare.boards) > CHARTED
    )


def board(place: Place, asked: Asked, mark: Mark) -> Results:
    """The results of one board: as they were kept, as long as nothing they come from has changed."""
    name = f"{mark.board}.{_key(asked, mark)}.json"
    return _kept(place, asked, mark, name) or _made(place, asked, mark, name)


def samples(place: Place, rows: Iterable[LaunchRow]) -> dict[int, Nanoseconds]:
    """Latencies in ns of every valid launch of the comparison, by its id."""
    valid: dict[str, dict[int, str]] = defaultdict(dict)
    for row in rows:
        if row.phase == Phase.MEASURE and stored.is_valid(row) and row.file is not None:
            valid[row.board][row.id] = row.file
    return {launch: values for one, files in valid.items() for launch, values in _samples(place, one, files)}


def pooled(rows: Iterable[LaunchRow], timed: Mapping[int, Nanoseconds]) -> dict[CellKey, Nanoseconds]:
    """The same by (board, variant, point)."""
    import numpy as np

    chunks: dict[CellKey, list[Nanoseconds]] = defaultdict(list)
    for row in rows:
        if row.id in timed:
            chunks[row.board, row.variant, row.point].append(timed[row.id])
    return {key: np.concatenate(parts) for key, parts in chunks.items()}


@contextmanager
def uncollected() -> Iterator[None]:
    """Results are a tree: the collector of cycles walks it again and again while it grows, and finds nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _samples(place: Place, board: str, files: Mapping[int, str]) -> Iterator[tuple[int, Nanoseconds]]:
    if place.compacted is not None:
        yield from stored.board_samples(place.compacted, board, files).items()
        return
    for launch, file in files.items():
        yield launch, stored.integers(stored.read_launch(place.folder / file)[0]["latency_ns"])


def _kept(place: Place, asked: Asked, mark: Mark, name: str) -> Results | None:
    """A file that another farm or a person has spoilt counts as none."""
    from pydantic import ValidationError

    from farm_reports.results import Results

    for folder in place.folders:
        with suppress(OSError, ValidationError), uncollected():
            found = Results.model_validate_json((folder / FIGURES / name).read_bytes())
            if not asked.pages or (place.into / report_files.BOARDS / f"{mark.board}.html").is_file():
                return found
    return None


def _made(place: Place, asked: Asked, mark: Mark, name: str) -> Results:
    """The page first: where the figures are, it is there too."""
    from farm_reports import judge, page
    from farm_reports.results import Results

    found = tabled.of_board(place.store, asked.found, mark.board)
    timed = samples(place, found.launches)
    kept = next((each / ALL_ROWS for each in place.folders if (each / ALL_ROWS).is_dir()), place.into / ALL_ROWS)
    scores = tabled.scores(found, stored.open_artefacts(place.store, place.cas), kept)
    tables = tabled.tables(found, scores, timed)
    results = judge.results(replace(tables, gated=asked.gated, partial=_open(asked, mark), min_boards=1))
    if asked.pages:
        text = page.render_board(results, pooled(found.launches, timed))
        report_files.write(place.into / report_files.BOARDS, {f"{mark.board}.html": text})
    told = results.model_dump_json(by_alias=True)
    if not (found.partial and any(cell.accuracy.rows_asked for cell in results.cells)):  # more is told at the end
        _keep(place.into / FIGURES, mark.board, name, told)
    return Results.model_validate_json(told)  # what is kept and what is used are one thing


def _keep(folder: Path, board: str, name: str, told: str) -> None:
    report_files.write(folder, {name: told})
    for path in folder.glob(f"{board}.*.json"):
        if path.name != name and len(path.name) == len(name):
            path.unlink(missing_ok=True)


def _open(asked: Asked, mark: Mark) -> bool:
    """A board that has all its launches is judged, whatever the others still owe."""
    return asked.found.partial and mark.open


def _key(asked: Asked, mark: Mark) -> str:
    told = (_code(), mark.digest, asked.gated, _open(asked, mark))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:KEY]


@functools.cache
def _code() -> str:
    """What scores, judges and draws: figures of an older farm are made again."""
    roots = (Path(farm_reports.__file__).parent, Path(__file__).parent)
    files = sorted(path for root in roots for path in root.rglob("*") if path.suffix in {".py", ".html", ".css", ".js"})
    told = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(told).encode()).hexdigest()
