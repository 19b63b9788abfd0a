"""Files by content on the server that all workers share, with a folder on each machine as its cache."""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from farm_orchestrator.errors import StoreError
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import FileRef
from farm_orchestrator.store.artefacts import Artefacts
from farm_orchestrator.store.failures import explained
from farm_orchestrator.store.files import CHUNK, whole
from farm_orchestrator.store.schema import artefact, artefact_chunk
from farm_orchestrator.store.store import Store

T = TypeVar("T")
TOGETHER = 32  # files of launches in one query: they are small, and a run has thousands
chunk = artefact_chunk.c


class SharedArtefacts(Artefacts):
    """The row in `artefact` comes after the last chunk: it proves that all are there.

    Whoever puts a file that is there already says so in the row: it stays long enough to be named by what is committed next.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        super().__init__(folder)
        self._store = store

    def put(self, path: Path) -> FileRef:
        ref = super().put(path)
        self._share(ref, self._path(ref.sha256))
        return ref

    def get(self, sha256: str) -> Path:
        if not self._at_hand(sha256):
            self._fetch(sha256)
        return super().get(sha256)

    def hand_over(self, path: Path, sha256: str) -> None:
        self._share(FileRef(path.name, sha256, path.stat().st_size), path)
        path.unlink()

    def bring(self, wanted: Mapping[Path, str]) -> None:
        """Raises StoreError for the first that is not there, or is not what its digest says."""
        missing = {path: sha256 for path, sha256 in wanted.items() if not path.is_file()}
        for paths in batched(missing, TOGETHER):
            found = self._read(partial(_contents, wanted={missing[path] for path in paths}))
            for path in paths:
                self._lay(path, missing[path], found.get(missing[path]))

    def _lay(self, path: Path, sha256: str, content: bytes | None) -> None:
        if content is None or hashlib.sha256(content).hexdigest() != sha256:
            raise StoreError(
                f"{self._store.place}: {path.name} {'is not there' if content is None else 'was changed'}: sha256 {sha256}",
                mend="Restore the database from a copy; its launch cannot be reported without it.",
            )
        with explained(path), whole(path) as file:
            file.write(content)

    def _share(self, ref: FileRef, path: Path) -> None:
        while not self._store.patiently(lambda c: _put_again(c, artefact, ref.sha256, self._store.now(c))):
            self._send(ref, path)

    def _send(self, ref: FileRef, path: Path) -> None:
        """Chunks that a dead sender left are as good as ours: both are of this content."""
        known = set(self._store.patiently(lambda c: _put_again(c, artefact_chunk, ref.sha256, self._store.now(c))))
        with explained(path), path.open("rb") as file:
            for i in range(-(-ref.size // CHUNK)):
                data = file.read(CHUNK)
                if i not in known:
                    self._store.patiently(partial(_keep, self._store, sha256=ref.sha256, i=i, data=data))
                    failpoint("chunk_sent")
        self._store.patiently(lambda c: _complete(c, ref, self._store.now(c)))

    def _fetch(self, sha256: str) -> None:
        """Raises StoreError where it is not there, or is not what its name says: then it is forgotten, to be sent anew, unless
        it was this machine that misread it.
        """
        if not self._read(lambda c: _is_there(c, sha256)):
            raise StoreError(
                f"{self._store.place} has no file {sha256}", mend="Start the run again: every run puts what it needs."
            )
        with explained(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(prefix=".get.", dir=self.folder) as file:
                for i in range(self._chunks(sha256)):
                    file.write(self._chunk(sha256, i))
                file.flush()
                found = super().put(Path(file.name)).sha256
        if found != sha256:
            self._path(found).unlink(missing_ok=True)
            raise self._other(sha256)

    def _other(self, sha256: str) -> StoreError:
        if self._store.patiently(partial(_forget_changed, sha256=sha256)):
            return StoreError(
                f"{self._store.place}: the file {sha256} was changed: its content has another digest",
                mend="Start the run again: what it needs is sent anew. If it happens twice, look at the server's disk.",
            )
        return StoreError(
            f"{self._store.place}: the file {sha256} did not arrive as it is there",
            mend=f"Start the run again. If it happens twice, look at the disk of {self.folder} and at the network.",
        )

    def _read(self, fn: Callable[[Connection], T]) -> T:
        return self._store.wait_out(lambda: self._store.read(fn))

    def _chunks(self, sha256: str) -> int:
        return -(-(self._read(lambda c: _size(c, sha256)) or 0) // CHUNK)

    def _chunk(self, sha256: str, i: int) -> bytes:
        query = select(chunk.data).where(chunk.sha256 == sha256, chunk.i == i)
        return bytes(self._read(lambda c: c.execute(query).scalar()) or b"")


def open_artefacts(store: Store, folder: Path) -> Artefacts:
    """In `folder` alone where the store is a file of this machine, else on the server too."""
    return SharedArtefacts(store, folder) if store.shared else Artefacts(folder)


def _is_there(connection: Connection, sha256: str) -> bool:
    return _size(connection, sha256) is not None


def _size(connection: Connection, sha256: str) -> int | None:
    return connection.execute(select(artefact.c.size).where(artefact.c.sha256 == sha256)).scalar()


def batched(paths: Collection[Path], size: int) -> Iterator[tuple[Path, ...]]:
    each = iter(paths)
    while batch := tuple(islice(each, size)):
        yield batch


def _contents(connection: Connection, wanted: Collection[str]) -> dict[str, bytes]:
    """Of those that are there whole."""
    whole_ones = set(connection.execute(select(artefact.c.sha256).where(artefact.c.sha256.in_(wanted))).scalars())
    query = select(chunk.sha256, chunk.data).where(chunk.sha256.in_(whole_ones)).order_by(chunk.sha256, chunk.i)
    found: dict[str, list[bytes]] = defaultdict(list, {sha256: [] for sha256 in whole_ones})
    for sha256, data in connection.execute(query):
        found[sha256].append(bytes(data))
    return {sha256: b"".join(parts) for sha256, parts in found.items()}


def _put_again(connection: Connection, table: Table, sha256: str, now: float) -> Sequence[Any]:
    """What is there of it, which stays for now: the row of the file, or its chunks. Whoever removes it waits, or was first."""
    what = table.c.i if table is artefact_chunk else table.c.sha256
    put = update(table).where(table.c.sha256 == sha256).values(put=now)
    return connection.execute(put.returning(what)).scalars().all()


def _keep(store: Store, connection: Connection, sha256: str, i: int, data: bytes) -> None:
    place = select(chunk.i).where(chunk.sha256 == sha256, chunk.i == i)
    if connection.execute(place).scalar() is None:
        connection.execute(insert(artefact_chunk).values(sha256=sha256, i=i, data=data, put=store.now(connection)))


def _complete(connection: Connection, ref: FileRef, now: float) -> None:
    """Nothing where a chunk went meanwhile: then it is sent again."""
    known = select(chunk.i).where(chunk.sha256 == ref.sha256).with_for_update(read=True)
    whole_one = len(connection.execute(known).all()) == -(-ref.size // CHUNK)
    if whole_one and not _is_there(connection, ref.sha256):
        connection.execute(insert(artefact).values(sha256=ref.sha256, size=ref.size, put=now))


def _forget_changed(connection: Connection, sha256: str) -> bool:
    """Only where the server itself has other content; True: it is forgotten. It may be the only copy of all."""
    row = select(artefact.c.size).where(artefact.c.sha256 == sha256).with_for_update()  # nobody forgets it meanwhile
    size = connection.execute(row).scalar()
    changed = size is not None and _is_changed(connection, sha256, size)
    if changed:
        _forget(connection, sha256)
    return changed


def _is_changed(connection: Connection, sha256: str, size: int) -> bool:
    """A chunk that comes with another digest than the server's own says nothing of what the server has."""
    found = hashlib.sha256()
    for i in range(-(-size // CHUNK)):
        query = select(chunk.data, func.sha256(chunk.data)).where(chunk.sha256 == sha256, chunk.i == i)
        for data, there in connection.execute(query):
            if hashlib.sha256(data).digest() != bytes(there):
                return False
            found.update(data)
    return found.hexdigest() != sha256


def _forget(connection: Connection, sha256: str) -> None:
    for table in (artefact, artefact_chunk):
        connection.execute(delete(table).where(table.c.sha256 == sha256))
