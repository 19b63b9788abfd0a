"""A run that is stored, told once more: one of its exports, or a page of some boards or sections."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import report_files, reporting
from farm_orchestrator import store as stored
from farm_orchestrator.errors import UsageError
from farm_orchestrator.run.reports import exit_code
from farm_orchestrator.store import Store

if TYPE_CHECKING:
    from farm_inventory import Board
    from farm_orchestrator.config import Settings
    from farm_orchestrator.reporting import Drawn
    from farm_reports.excerpt import Excerpt

JSON, HTML, ANNOTATIONS = "json", "html", "annotations"
PAGE, EXCERPT, STYLE = "report.html", "report-only.html", "report.css"


@dataclass(frozen=True)
class Told:
    """`text` as `name` would hold it; `folder`: of the run."""

    name: str
    text: str
    folder: Path
    exit_code: int


def export(run: str, form: str, settings: Settings, root: Path) -> Told:
    """From results.json of a complete run, else from what is committed; nothing is written. `root`: of the repository."""
    with Store.open(settings.store) as store:
        name = stored.find_run(store, run)
        folder = settings.runs / name
        drawn = _drawn(store, name, settings, folder, judge=form == HTML)
        file, text = exported(drawn, form, root)
        return Told(file, text, folder, exit_code(name, store, drawn.results))


def exported(drawn: Drawn, form: str, root: Path) -> tuple[str, str]:
    """The name of the file and what is in it."""
    from farm_reports import exports

    results = drawn.results
    if form == HTML:
        return PAGE, drawn.page()
    if form == JSON:
        return report_files.RESULTS, report_files.results_text(results)
    name, made = exports.EXPORTS[form]
    return name, exports.annotated(results, str(Path.cwd()), str(root)) if form == ANNOTATIONS else made(results)


def excerpt(run: str, settings: Settings, boards: str | None, only: Sequence[str]) -> Told:
    """A page of the boards that are selected and of these sections. Raises UsageError for what the run does not have."""
    with Store.open(settings.store) as store:
        name = stored.find_run(store, run)
        chosen = _chosen(store, name, boards)
        drawn = reporting.draw(store, name, settings.runs, settings.home / "cas")
        code = exit_code(name, store, drawn.results)
    part, left = _narrowed(drawn, chosen, tuple(only))
    _check(only, part)
    return Told(EXCERPT, part.page(left), settings.runs / name, code)


def write(told: Told, out: Path | None) -> Path:
    """Beside the report of the run, or into `out`; a page with its style sheet. Raises StoreError."""
    from farm_reports import page

    folder = out or told.folder
    bare = told.name.endswith(".html") and not (folder / STYLE).exists()  # the one that is there is that of report.html
    style = {STYLE: page.stylesheet()} if bare else {}
    report_files.write(folder, {**style, told.name: told.text})
    return folder / told.name


def _drawn(store: Store, run: str, settings: Settings, folder: Path, *, judge: bool) -> Drawn:
    """What a complete run has in its folder is not judged again, unless the iterations are needed too."""
    row = stored.load_run(store, run)
    complete = row.word is not None and row.state == "closed" and not row.cancel
    if complete and not judge and (folder / report_files.RESULTS).exists():
        return reporting.Drawn(report_files.read_results(folder / report_files.RESULTS), {})
    return reporting.draw(store, run, settings.runs, settings.home / "cas")


def _chosen(store: Store, run: str, text: str | None) -> tuple[str, ...]:
    """The names of the boards, by what the run knows of them."""
    from farm_inventory import InventoryError, select

    try:
        return tuple(
            board.name for board in select([_board(row.part.board) for row in stored.part_rows(store, run)], text)
        )
    except InventoryError as error:
        raise UsageError(str(error)) from error


def _board(fields: dict[str, object]) -> Board:
    """Of a run of any farm: fields that this one does not know stay out."""
    from farm_inventory import Board

    known = {name: value for name, value in fields.items() if name in Board.__dataclass_fields__}
    return replace(Board(str(fields["name"])), **known)  # type: ignore[arg-type]  # as they were written down


def _narrowed(drawn: Drawn, chosen: tuple[str, ...], only: tuple[str, ...]) -> tuple[Drawn, Excerpt]:
    from farm_reports.excerpt import Excerpt, narrowed

    names = tuple(board.name for board in drawn.results.boards)
    of = () if set(names) <= set(chosen) else names
    return replace(drawn, results=narrowed(drawn.results, chosen)), Excerpt(of, only)


def _check(only: Sequence[str], part: Drawn) -> None:
    from farm_reports import page

    known = page.section_ids(part.results, part.samples, part.beside) if only else []
    for name in only:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise UsageError(f"--only: this run has no section {name!r}; {hint}there are: {', '.join(known)}")
