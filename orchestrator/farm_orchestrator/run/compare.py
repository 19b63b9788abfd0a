"""Two finished runs held against each other: the report of the newer one, with its past."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import report_files, reporting
from farm_orchestrator import store as stored
from farm_orchestrator.errors import Unwritable, UsageError
from farm_orchestrator.model import NAME_PATTERN
from farm_orchestrator.run.again import Told, exported
from farm_orchestrator.run.request import Finished
from farm_orchestrator.store import Store, database_path
from farm_reports.verdict import exit_code

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.request import Policy
    from farm_reports.beside import Beside
    from farm_reports.past import Budget
    from farm_reports.results import Results

FOLDER = "compared"


@dataclass(frozen=True)
class Side:
    """One of the two runs, as it was reported; `folder` holds its files. `here`: its launches are stored here."""

    results: Results
    folder: Path
    here: bool = False

    @property
    def id(self) -> str:
        return self.results.run.id


@dataclass(frozen=True)
class Asked:
    """`names`: the earlier run, the newer one. `budgets`: metric -> how much worse it may be; they win over those that
    the newer run was measured with.
    """

    names: tuple[str, str]
    budgets: Mapping[str, str]
    policy: Policy


def compare(asked: Asked, settings: Settings, out: Path | None) -> Finished:
    """Writes the report of the newer run with its past; both stay as they are. Raises UsageError."""
    past, now = _sides(asked, settings)
    folder = out or now.folder / FOLDER / past.id
    _check_apart(folder, past, now)
    drawn = _drawn(past, now, asked, settings)
    _write(folder, now, drawn)
    return Finished(now.id, exit_code(drawn.results.verdict, asked.policy), drawn.results, folder)


def export(asked: Asked, settings: Settings, form: str, root: Path) -> Told:
    """One output of the same report; nothing is written. `root`: of the repository."""
    past, now = _sides(asked, settings)
    drawn = _drawn(past, now, asked, settings)
    file, text = exported(drawn, form, root)
    return Told(file, text, now.folder / FOLDER / past.id, exit_code(drawn.results.verdict, asked.policy))


def _sides(asked: Asked, settings: Settings) -> tuple[Side, Side]:
    past, now = (side(name, settings) for name in asked.names)
    _check(past, now)
    return past, now


def _drawn(past: Side, now: Side, asked: Asked, settings: Settings) -> reporting.Drawn:
    from farm_orchestrator.store.pooled import pooled
    from farm_reports.judge.past import compared
    from farm_reports.judge.why import explained

    results = compared(past.results, now.results, _budgets(now.results, asked.budgets))
    samples, beside = pooled(now.folder), _beside(past, now, settings)
    return reporting.Drawn(explained(results, samples.get, beside.past.get), samples, beside)


def side(text: str, settings: Settings) -> Side:
    """A run by its folder, its results.json, its id, a unique prefix of one, or `last`."""
    path = None if text == "last" else _document(Path(text))
    if path is not None:
        return Side(_named(path), path.parent)
    if not (settings.shared or database_path(settings.store).exists()):
        raise UsageError(
            f"{text}: there is no folder with a {report_files.RESULTS} of that name, and no run is stored here",
            mend="name a run's folder or its results.json; `farm run --variants DIR` makes a run",
        )
    with Store.open(settings.store) as store:
        run = stored.find_run(store, text)
        folder = settings.runs / run
        if store.shared and not (folder / report_files.RESULTS).exists():  # it was reported on another machine
            reporting.build(store, run, settings.runs, settings.home / "cas")
    return Side(report_files.read_results(folder / report_files.RESULTS), folder, here=True)


def _document(path: Path) -> Path | None:
    """None where there is none of that name, or nothing could be called so."""
    with suppress(OSError):
        return next((each for each in (path, path / report_files.RESULTS) if each.is_file()), None)
    return None


def _named(path: Path) -> Results:
    """Of a document that comes from anywhere: what it calls its run names a folder here."""
    results = report_files.read_results(path)
    if not re.fullmatch(NAME_PATTERN, results.run.id):
        raise UsageError(
            f"{path}: it calls its run {results.run.id[:60]!r}, which is no id of a run",
            mend="take the file from the run's folder again",
        )
    return results


def _check(past: Side, now: Side) -> None:
    if past.id == now.id:
        raise UsageError(
            f"both are the run {now.id}: nothing can have changed since then", mend="`farm runs` lists the others"
        )
    if now.results.past is not None and now.results.past.within:
        raise UsageError(
            f"run {now.id} was itself held against {now.results.past.id}, in its own blocks, and a report has one past",
            mend=f"`farm report {now.id}` says what changed; `farm run --against {past.id}` asks about another past",
        )
    if now.results.past is not None:
        raise UsageError(
            f"{now.folder} holds a comparison with {now.results.past.id}, not the run itself",
            mend=f"name the run: farm compare {past.id} {now.id}",
        )
    if now.results.run.status == "partial":
        raise UsageError(
            f"run {now.id} is not complete: no verdict is taken before its blocks are done",
            mend=f"farm run --resume {now.id}",
        )
    _check_shared(past, now)


def _check_shared(past: Side, now: Side) -> None:
    """Two runs with no board or no variant in common have nothing to say about each other."""
    for what, names in (("board", _boards), ("variant", _variants)):
        mine, theirs = names(now.results), names(past.results)
        if not set(mine) & set(theirs):
            raise UsageError(
                f"the two runs have no {what} in common: {past.id} has {_listed(theirs)}, {now.id} has {_listed(mine)}",
                mend=f"measure the same {what}s under the same names",
            )


def _boards(results: Results) -> list[str]:
    return [board.name for board in results.boards]


def _variants(results: Results) -> list[str]:
    return [variant.name for variant in results.variants]


def _listed(names: list[str]) -> str:
    from farm_reports.words import listed

    return listed(names) or "none"


def _budgets(now: Results, given: Mapping[str, str]) -> dict[str, Budget]:
    from farm_reports.past import Budget

    return {**now.run.budgets, **{metric: Budget(bound=bound) for metric, bound in given.items()}}


def _write(folder: Path, now: Side, drawn: reporting.Drawn) -> None:
    """The files of the newer run, and over them those that know of the past: the folder stands alone."""
    try:
        report_files.copy(now.folder, folder)
        reporting.write(folder, drawn)
    except Unwritable as error:
        raise Unwritable(error.text, mend="`farm compare A B --out DIR` writes into another folder.") from error


def _check_apart(folder: Path, past: Side, now: Side) -> None:
    if folder.resolve() in {past.folder.resolve(), now.folder.resolve()}:
        raise UsageError(
            f"{folder} holds one of the two runs, which stay as they are", mend="give --out another folder"
        )


def _beside(past: Side, now: Side, settings: Settings) -> Beside:
    """The earlier iterations, and of a run whose launches are here what its boards read meanwhile."""
    from farm_orchestrator.store.pooled import pooled
    from farm_reports.beside import Beside

    drawn = None
    if now.here:
        with Store.open(settings.store) as store:
            drawn = reporting.draw(store, now.id, settings.runs, settings.home / "cas").beside
    return replace(drawn or Beside(), past=pooled(past.folder))
