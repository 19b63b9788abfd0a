"""From stored data to the files of a report: tables, results, page, exports. Idempotent: the same rows, the same files."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import judged, report_files, tabled
from farm_orchestrator import store as stored
from farm_orchestrator.errors import Unwritable
from farm_orchestrator.judged import Place
from farm_orchestrator.store.absences import course

if TYPE_CHECKING:
    from farm_orchestrator.judged import Asked, CellKey
    from farm_orchestrator.model import LaunchRow
    from farm_orchestrator.store import CellRow, Mark, Store
    from farm_orchestrator.store.samples import Nanoseconds
    from farm_orchestrator.tabled import Stored
    from farm_reports.beside import Beside
    from farm_reports.excerpt import Excerpt
    from farm_reports.results import Results

Marks = Mapping[str, "Mark"]


@dataclass(frozen=True)
class Drawn:
    """What a page is made of. `samples`: pooled iterations by cell, `beside`: what else its charts draw."""

    results: Results
    samples: Mapping[CellKey, Nanoseconds]
    beside: Beside | None = None

    def page(self, excerpt: Excerpt | None = None) -> str:
        from farm_reports import page

        return page.render(self.results, self.samples, self.beside, excerpt)


def build(store: Store, run: str, runs: Path, cas: Path, out: Path | None = None) -> tuple[Results, Path]:
    """Judges what is committed and writes the files of the run's folder; copies of them go to `out`.

    Where that folder cannot be written they go to `out` alone. Gives the folder they are in. Raises StoreError.
    """
    marks = stored.marks(store, run)  # first: no figure may be older than the mark it is kept under
    stored.bring_files(store, run, runs / run, cas)
    found = tabled.outline(store, run)
    place = Place(store, runs / run, cas, runs / run)
    try:
        results = _built(place, found, marks)
    except Unwritable as error:
        if out is None:
            raise Unwritable(error.text, mend=report_files.ELSEWHERE) from error
        place = replace(place, into=out)
        results = _built(place, found, marks)
    else:
        if out is not None:
            report_files.copy(place.folder, out)
    _remember(store, found, results)
    return results, place.into


def draw(store: Store, run: str, runs: Path, cas: Path) -> Drawn:
    """The same judgement; nothing is written."""
    folder, marks = runs / run, stored.marks(store, run)
    stored.bring_files(store, run, folder, cas)
    with tempfile.TemporaryDirectory(prefix="farm-report-") as scratch:
        compacted = folder if stored.holds(folder, _stamp(marks)) else None
        place, found = Place(store, folder, cas, Path(scratch), compacted), tabled.outline(store, run)
        return _drawn(place, found, _parts(place, judged.asked(found, pages=False), marks))


def _built(place: Place, found: Stored, marks: Marks) -> Results:
    stamp = _stamp(marks)
    if not stored.holds(place.into, stamp):
        shares = (stored.launches(place.store, found.run.id, board) for board in marks)
        stored.compact(place.folder, shares, place.into, stamp)
    place = replace(place, compacted=place.into)
    parts = _parts(place, judged.asked(found), marks)
    with judged.uncollected():
        drawn = _drawn(place, found, parts)
        write(place.into, drawn)
    return drawn.results


def settled(store: Store, run: str, runs: Path, cas: Path, known: Collection[str]) -> Iterator[str]:
    """Judges the boards that owe nothing more, but for those that are `known`: the report finds them. Names each before."""
    marks = [mark for name, mark in stored.marks(store, run).items() if not mark.open and name not in known]
    if not marks:
        return
    asked, folder = judged.asked(tabled.outline(store, run)), runs / run
    for mark in marks:
        yield mark.board
        stored.bring_files(store, run, folder, cas, mark.board)
        judged.board(Place(store, folder, cas, folder), asked, mark)


def _parts(place: Place, asked: Asked, marks: Marks) -> list[Results]:
    return [judged.board(place, asked, mark) for mark in marks.values()]


def _drawn(place: Place, found: Stored, parts: Sequence[Results]) -> Drawn:
    """The run, from what its boards gave, and what its page draws."""
    from farm_orchestrator import availabilities, histories, lanes  # numpy, which most commands need not wait for
    from farm_reports import judge, page
    from farm_reports.beside import Beside
    from farm_reports.tables import PAST

    bare = tabled.tables(found, {}, {})
    started, finished = stored.span(place.store, found.run.id)
    finished = None if found.partial else finished
    facts = tabled.closing(bare.run, started, finished, synthetic=any(part.run.synthetic for part in parts))
    results = judge.merged(replace(bare, run=facts), parts)
    boards = page.drawn(results)
    rows = [row for board in boards for row in stored.bare_launches(place.store, found.run.id, board)]
    timed = judged.pooled(rows, judged.samples(place, rows))
    past = {(at, name.removesuffix(PAST), key): ns for (at, name, key), ns in timed.items() if name.endswith(PAST)}
    beside = Beside(past, lanes.lanes(results, _heated(place.store, results, boards), place.folder, boards))
    away = availabilities.availabilities(course(place.store, found.run.id))
    told = {"history": histories.histories(place.store, results, boards), "availability": away}
    results = lanes.with_hottest(results, beside.lanes).model_copy(update=told)
    return Drawn(results, timed, beside)


def _heated(store: Store, results: Results, boards: Collection[str]) -> Iterator[LaunchRow]:
    """The launches of the variants that tell most of these boards' heat."""
    for one in results.heat:
        if one.board in boards:
            yield from stored.launches(store, results.run.id, one.board, one.variant)


def _stamp(marks: Marks) -> str:
    return hashlib.sha256(repr([(mark.board, mark.launches) for mark in marks.values()]).encode()).hexdigest()


def written(folder: Path, out: Path | None = None) -> Results:
    """The results that are in the run's folder; copies of its files go to `out`."""
    results = report_files.read_results(folder / report_files.RESULTS)
    if out is not None:
        report_files.copy(folder, out)
    return results


def write(folder: Path, drawn: Drawn) -> None:
    """Every file of the report, or none of them."""
    from farm_reports import exports, page

    texts = {
        report_files.RESULTS: report_files.results_text(drawn.results),
        "report.css": page.stylesheet(),
        "report.html": drawn.page(),
        "junit.xml": exports.junit(drawn.results),
        "summary.md": exports.summary(drawn.results),
    }
    report_files.write(folder, texts)


def _remember(store: Store, found: Stored, results: Results) -> None:
    """The run's word and the cells' states go back to the store once nothing is owed."""
    if found.partial:
        return
    stored.set_word(store, found.run.id, results.verdict)
    known = {(cell.board, cell.variant, cell.point): cell for cell in found.cells}
    told = [
        stored.CellRow(
            cell.board, cell.variant, cell.point_key, None, cell.state, cell.reason,
            cell.versus_baseline.verdict if cell.versus_baseline else None,
            cell.versus_past.verdict if cell.versus_past else None,
        )
        for cell in results.cells
    ]  # fmt: skip
    changed = [cell for cell in told if _concluded(known.get((cell.board, cell.variant, cell.point))) != cell]
    if changed:
        stored.set_cells(store, found.run.id, changed)


def _concluded(cell: CellRow | None) -> CellRow | None:
    return None if cell is None else replace(cell, sha256=None)
