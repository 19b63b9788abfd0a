"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from farm_orchestrator.undo import on_error

CHUNK = 1 << 20


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path` that takes its name once it is on disk; after an error nothing is left."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with on_error(lambda: Path(temporary).unlink(missing_ok=True)):
        with os.fdopen(descriptor, "wb") as file:
            yield file
            sync(file)
        Path(temporary).replace(path)
    sync_folder(path.parent)


def sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Without this a crash may forget the name of a file whose bytes are safe."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
