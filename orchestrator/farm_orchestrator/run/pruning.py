"""`farm runs prune`: old runs go, rows first, then their folders; what is left of a prune that was killed goes with the next."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.store import Store, pruning
from farm_orchestrator.store.orphans import YOUNG_S, orphans, remove_orphans
from farm_orchestrator.store.unused import forget_unused, remove_unused

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.store.pruning import Old

MARK = ".pruned"  # in a run's folder: its rows are about to go, or are gone


@dataclass(frozen=True)
class Pruning:
    """What would go. `folders`: of runs that an earlier prune removed; `files`: of this machine, `stored`: on the server, how
    many nobody names.
    """

    runs: tuple[Old, ...]
    folders: tuple[Path, ...]
    files: tuple[Path, ...]
    stored: int
    bytes: int

    @property
    def unnamed(self) -> int:
        return len(self.files) + self.stored


def planned(settings: Settings, older_s: float, keep: int) -> Pruning:
    """Nothing is changed. Raises StoreError."""
    with Store.open(settings.store) as store:
        runs = pruning.old_runs(store, older_s, keep)
        names = [one.run for one in runs]
        folders = _left(settings.runs, {row.id for row in stored.list_runs(store)})
        files = _unnamed(settings.home / "cas", pruning.named_digests(store))
        unnamed = orphans(store, lambda: pruning.named_digests(store))
        here = [*(settings.runs / name for name in names), *folders]
        size = sum(map(_size, (*here, *files))) + pruning.stored_bytes(store, names) + sum(unnamed.values())
        return Pruning(tuple(runs), folders, files, len(unnamed), size)


def prune(settings: Settings, older_s: float, of: Pruning, tell: Callable[[str], object]) -> int:
    """How many runs went. A run that somebody took up or named meanwhile stays, and is told."""
    with Store.open(settings.store, tell=tell) as store:
        gone = [
            name for name, needed in _each(store, of) if _removed(store, settings.runs / name, older_s, needed, tell)
        ]
        for folder in _left(settings.runs, {row.id for row in stored.list_runs(store)}):
            shutil.rmtree(folder)
        for file in _unnamed(settings.home / "cas", pruning.named_digests(store)):
            remove_unused(file, time.time() - YOUNG_S)
        remove_orphans(store, lambda: pruning.named_digests(store))
        if store.shared:
            forget_unused(settings.home / "cas")
    return len(gone)


def _each(store: Store, of: Pruning) -> Iterator[tuple[str, set[str]]]:
    """Runs, with the files that others need when they go: those that stay, and those that go after them."""
    names = [one.run for one in of.runs]
    theirs = {name: pruning.run_digests(store, name) for name in names} if store.shared else {}
    needed = pruning.named_digests(store, names) if store.shared else set()
    for place, name in enumerate(names):
        yield name, needed.union(*(theirs.get(later, ()) for later in names[place + 1 :]))


def _removed(store: Store, folder: Path, older_s: float, needed: set[str], tell: Callable[[str], object]) -> bool:
    """The mark comes before the rows go: whoever is killed between leaves a folder that says so."""
    if folder.is_dir():
        (folder / MARK).touch()
    failpoint("prune_marked")
    if pruning.remove_run(store, folder.name, older_s, needed):
        return True
    (folder / MARK).unlink(missing_ok=True)
    tell(f"{folder.name} stays: somebody needs it again")
    return False


def _left(runs: Path, known: Iterable[str]) -> tuple[Path, ...]:
    """Marked folders without rows; a folder that nobody marked is none of ours to remove."""
    here = set(known)
    return tuple(mark.parent for mark in sorted(runs.glob(f"*/{MARK}")) if mark.parent.name not in here)


def _unnamed(cas: Path, named: set[str]) -> tuple[Path, ...]:
    before = time.time() - YOUNG_S
    every = (file for file in sorted(cas.glob("??/*")) if file.name not in named)
    return tuple(file for file in every if file.stat().st_mtime < before)


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
