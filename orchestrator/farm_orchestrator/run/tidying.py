"""What the machine of a worker keeps no longer: copies that it has not used for long, and files of launches that came to nothing."""

from __future__ import annotations

import logging
import shutil
import time
from typing import TYPE_CHECKING

from farm_orchestrator.store.pruning import RUN_ID
from farm_orchestrator.store.unused import forget_unused

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from farm_orchestrator.config import Settings

AGAIN_S = 3600.0
LEFT_S = 7 * 86400.0  # long enough for whoever asks why a launch was lost
MEASURING = ("transcripts", "launches", "traces")  # of a run's folder, where it is measured
FETCHED = "outputs-"
LOG = logging.getLogger(__name__)


def tidied(settings: Settings, stopping: threading.Event) -> None:
    """Now, and each hour, until `stopping`."""
    while True:
        try:
            tidy(settings)
        except OSError as error:
            LOG.warning("what is old stays on this machine: %s", error)
        if stopping.wait(AGAIN_S):
            return


def tidy(settings: Settings) -> None:
    files = forget_unused(settings.home / "cas")
    left = sum(map(_forget_left, settings.runs.glob("*/")))
    if files or left:
        LOG.info("removed %d files that were not used for long, and %d of launches that came to nothing", files, left)


def _forget_left(folder: Path) -> int:
    """What was committed has left this machine; so a folder in which nothing else lies holds what nobody will ask for.

    One with a plan or a report is somebody's results: it goes with its run.
    """
    if not RUN_ID.fullmatch(folder.name) or any(_is_results(each) for each in folder.iterdir()):
        return 0
    old = list(_old(folder))
    for path in old:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    for empty in (*folder.iterdir(), folder):
        if _is_old(empty) and not any(empty.iterdir()):
            empty.rmdir()
    return len(old)


def _is_results(path: Path) -> bool:
    return not (path.is_dir() and (path.name in MEASURING or path.name.startswith(FETCHED)))


def _old(folder: Path) -> Iterator[Path]:
    for each in folder.iterdir():
        yield from filter(_is_old, [each] if each.name.startswith(FETCHED) else each.iterdir())


def _is_old(path: Path) -> bool:
    """Another worker of this machine may have removed it."""
    try:
        return path.stat().st_mtime < time.time() - LEFT_S
    except FileNotFoundError:
        return False
