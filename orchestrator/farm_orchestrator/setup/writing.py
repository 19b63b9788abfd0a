"""New files, whole or not at all, and never at the cost of one that is there."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from farm_orchestrator.errors import UsageError
from farm_orchestrator.undo import on_error

MODE = 0o644


def check_writable(folder: Path) -> None:
    """Raises UsageError where no file can be made, before anybody is asked anything; leaves nothing behind."""
    above = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise _refused(above, error) from error


def write(files: Mapping[Path, str], ours: Mapping[Path, str], *, replace: bool) -> list[Path]:
    """The backups that were made. With `replace` a file that is there is kept as `.bak`; without, it is an error.

    Every file is written beside its place before the first one is put there. `ours` nobody edits: the latest wins.
    Raises UsageError.
    """
    fresh: dict[Path, Path] = {}
    try:
        for final, text in {**ours, **files}.items():
            fresh[final] = _beside(final, text)
        for final in ours:
            fresh[final].replace(final)
        return [kept for final in files for kept in _put(fresh[final], final, replace=replace)]
    except OSError as error:
        raise _refused(Path(error.filename or next(iter(files or ours))), error) from error
    finally:
        for file in fresh.values():
            file.unlink(missing_ok=True)


def _beside(final: Path, text: str) -> Path:
    final.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{final.name}.", dir=final.parent)
    with on_error(Path(name).unlink):
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(MODE)
    return Path(name)


def _put(fresh: Path, final: Path, *, replace: bool) -> list[Path]:
    if replace and final.exists():
        kept = _keep(final)
        fresh.replace(final)
        return [kept]
    if not _linked(final, fresh):
        raise exists(final)
    return []


def _keep(final: Path) -> Path:
    """FILE.bak, or FILE.bak2 and so on: an older one is somebody's too."""
    names = (final.with_name(f"{final.name}.bak{number if number > 1 else ''}") for number in itertools.count(1))
    return next(backup for backup in names if _linked(backup, final))


def _linked(new: Path, old: Path) -> bool:
    """`old` under another name too; False where that is taken: a link never takes the place of a file."""
    try:
        new.hardlink_to(old)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if new.exists():
            return False
        shutil.copy2(old, new)
    return True


def exists(file: Path) -> UsageError:
    return UsageError(
        f"{file} is there already; nothing was written", mend=f"farm init --force keeps it as {file.name}.bak"
    )


def _refused(place: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{place}: nothing can be written there: {error.strerror or error}",
        mend="go to a folder of your own, or name one: farm init --dir DIR",
    )
