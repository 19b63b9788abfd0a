"""Files by content: what a run needs on the boards, and what its evaluations brought back."""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from farm_orchestrator import digest
from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import DIGEST_PATTERN, FileRef
from farm_orchestrator.store.failures import explained
from farm_orchestrator.store.files import CHUNK, sync, sync_folder
from farm_orchestrator.store.unused import note_use

Stamp = tuple[int, int, int]


class Artefacts:
    """A folder of files named by their sha256; any number of threads and processes may put and get at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._checked: dict[str, Stamp] = {}

    def put(self, path: Path) -> FileRef:
        """Keeps a copy; a sound copy that is there already is left alone. Raises StoreError."""
        with explained(path):
            sha256, size = digest.afresh(path), path.stat().st_size
        if not self._at_hand(sha256):
            sha256, size = self._copy(path)
        return FileRef(path.name, sha256, size)

    def get(self, sha256: str) -> Path:
        """The file, checked against its name. Raises StoreError when it is missing or was changed."""
        path = self._path(sha256)
        if not path.is_file():
            raise StoreError(f"{path} is missing", mend="Start the run again: every run puts what it needs.")
        if not self._at_hand(sha256):
            raise StoreError(
                f"{path} was changed: its content no longer has the digest in its name",
                mend="Delete it and start the run again; if it happens twice, look at the disk.",
            )
        return path

    def hand_over(self, path: Path, sha256: str) -> None:
        """Where several machines share the artefacts, a file of a run's folder goes to all of them and leaves this one."""

    def bring(self, wanted: Mapping[Path, str]) -> None:
        """Where several machines share the artefacts, what was handed over comes to its place in a run's folder."""

    def _path(self, sha256: str) -> Path:
        if not re.fullmatch(DIGEST_PATTERN, sha256):
            raise StoreError(f"{sha256[:80]!r} is no sha256 digest")
        return self.folder / sha256[:2] / sha256

    def _at_hand(self, sha256: str) -> bool:
        """Sound, and noted as used: it stays for hours, whoever removes what is not."""
        path = self._path(sha256)
        with explained(path):
            if not (self._sound(sha256) and note_use(path)):
                return False
            self._checked[sha256] = _stamp(path)
            return True

    def _sound(self, sha256: str) -> bool:
        """Hashes a file once, and again whenever its size, time or inode changed."""
        path = self._path(sha256)
        with explained(path):
            if not path.is_file():
                return False
            stamp = _stamp(path)
            if self._checked.get(sha256) == stamp:
                return True
            if digest.afresh(path) != sha256:
                return False
        self._checked[sha256] = stamp
        return True

    def _copy(self, source: Path) -> tuple[str, int]:
        """Hashes what is written: the source may change between the first look and now."""
        with explained(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".put.", dir=self.folder)
        temporary = Path(name)
        try:
            with explained(self.folder):
                sha256, size = _hashed_copy(source, descriptor)
                target = self._path(sha256)
                target.parent.mkdir(mode=0o700, exist_ok=True)
                temporary.replace(target)
                sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
        return sha256, size


def _hashed_copy(source: Path, descriptor: int) -> tuple[str, int]:
    found, size = hashlib.sha256(), 0
    with os.fdopen(descriptor, "wb") as target, source.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
            size += target.write(chunk)
        sync(target)
    return found.hexdigest(), size


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino
