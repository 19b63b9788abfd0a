"""SHA-256 of local files, taken once for each state of a file."""

import hashlib
from functools import lru_cache
from pathlib import Path


def of(path: Path) -> str:
    """Taken again only when size, time or inode of the file changed."""
    stat = path.stat()
    return _of_state(path, (stat.st_size, stat.st_mtime_ns, stat.st_ino))


def afresh(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


@lru_cache(maxsize=4096)
def _of_state(path: Path, _state: tuple[int, int, int]) -> str:
    return afresh(path)
