"""A copy of the store's file while it is in use: one state of it, whole, and a store of its own once it is used."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from farm_orchestrator.errors import UsageError
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.store.failures import explained
from farm_orchestrator.store.files import sync_folder
from farm_orchestrator.store.store import Store
from farm_orchestrator.undo import on_error


def backup(store: Store, target: Path) -> int:
    """`target` is there afterwards, private, with so many bytes, or is as it was. Raises UsageError, StoreError."""
    if store.path is None:
        raise UsageError(
            f"{store.place} is a server, which has a tool of its own for that",
            mend="`pg_dump --format=custom --file=FILE DATABASE` copies all of the farm, its files too, while it is in use; "
            "`pg_restore --dbname=NEW FILE` brings it back, and then `DELETE FROM meta WHERE name='identity'` makes it a "
            "store of its own, which no board takes for the one that went on after the copy",
        )
    with explained(target):
        temporary = _private(target)
        with on_error(lambda: temporary.unlink(missing_ok=True)):
            _copy(store.path, temporary)
            failpoint("backup_copied")
            temporary.replace(target)
            sync_folder(target.parent)
        return target.stat().st_size


def _private(target: Path) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(descriptor)
    return Path(name)


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as used, closing(sqlite3.connect(target)) as copy:
        used.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        copy.execute("PRAGMA application_id=0")  # its fences are older than those that boards know of the original
    with target.open("rb") as file:
        os.fsync(file.fileno())
