"""Brings files to a board by their content: skipped where known, resumed where cut, verified before they count."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from farm_orchestrator import digest
from farm_orchestrator.errors import BoardError, DiskFull, ReadOnly, UsageError
from farm_orchestrator.model import FileRef
from farm_orchestrator.transport import Channel, ExecResult, PutResult, names
from farm_orchestrator.transport.checksums import Checksums
from farm_orchestrator.transport.room import Disk, Room

RESUME_STEP = 128 << 10
STALE_S = 7 * 86400.0
FLUSH_S = 60.0
SLOWEST_DISK = 2e6  # bytes per second: a card that has all of it still to write
NOT_THERE = 127


class Files(Protocol):
    """What a push needs of a board's file system; an OSError is the board's own answer."""

    resumes: bool

    def size(self, path: str) -> int | None: ...
    def room(self, path: str) -> Room | None:
        """None where only `df` can say."""

    def make_folder(self, path: str) -> None: ...
    def write(self, path: str, source: BinaryIO, offset: int, progress: Callable[[int], None]) -> None: ...
    def flush(self, path: str, patience_s: float) -> bool:
        """To the disk; whether this could be asked for."""

    def read(self, path: str) -> Iterator[bytes]: ...
    def rename(self, old: str, new: str) -> None: ...
    def remove(self, path: str) -> None: ...
    def parts(self, folder: str) -> list[tuple[str, float]]: ...
    def time_of(self, path: str) -> float: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Place:
    """One board's store, as one channel sees it; `controller` marks our half-sent files."""

    board: str
    base: str
    controller: str
    files: Files
    disk: Disk
    sums: Checksums
    run: Callable[[Sequence[str], bytes, float], ExecResult]
    turn: Callable[[], AbstractContextManager[None]]


def push(channel: Channel, file: Path, ref: FileRef, base: str) -> PutResult:
    """`file` as `<base>/cas/<2 hex>/<sha256>`, after a check that it still is what `ref` says."""
    if base != channel.base:
        raise UsageError(f"{file} is meant for {base}, but the channel was opened for {channel.base}")
    if file.stat().st_size != ref.size or digest.of(file) != ref.sha256:
        raise UsageError(f"{file} ({ref.name}) changed since the run was planned", mend="start a new run")
    return channel.put(file, ref.sha256, ref.size)


def store(place: Place, local: Path, sha256: str, size: int, progress: Callable[[int], None] | None) -> PutResult:
    """The seven steps. Raises DiskFull, ReadOnly, Unreachable; then the final name does not exist."""
    final = names.stored(place.base, sha256)
    if place.files.size(final) == size:
        return PutResult(skipped=True, resumed_at=0, sent=0, transfer_s=0.0, verify_s=0.0)
    part = f"{final}.part.{place.controller}"
    with place.turn(), local.open("rb") as source:
        try:
            place.files.make_folder(final.rpartition("/")[0])
            resumed_at = _resume_at(place.files, part, size)
            _check_room(place, size, size - resumed_at)
            result = _transfer(place, source, part, (sha256, size, resumed_at), progress or _nobody)
            place.files.rename(part, final)
            _sweep(place.files, final)
        except OSError as error:
            raise _diagnosed(place, part, size, error) from error
    return result


def _resume_at(files: Files, part: str, size: int) -> int:
    there = files.size(part) if files.resumes else None
    return 0 if there is None or there > size else there // RESUME_STEP * RESUME_STEP


def _check_room(place: Place, size: int, missing: int) -> None:
    room = place.disk.lacks(missing)
    if room:
        raise _disk_full(place, size, room)


def _transfer(
    place: Place, source: BinaryIO, part: str, goal: tuple[str, int, int], progress: Callable[[int], None]
) -> PutResult:
    """Sends and verifies; a part that turns out wrong is sent once more from its start."""
    sha256, size, resumed_at = goal
    sent, transfer_s, verify_s = 0, 0.0, 0.0
    for offset in (resumed_at, 0):
        begin = time.monotonic()
        place.files.write(part, source, offset, progress)
        between = time.monotonic()
        right = _verified(place, part, sha256, size)
        place.disk.spend(size - offset)
        sent += size - offset
        transfer_s += between - begin
        verify_s += time.monotonic() - between
        if right:
            return PutResult(skipped=False, resumed_at=offset, sent=sent, transfer_s=transfer_s, verify_s=verify_s)
        place.files.remove(part)
    raise BoardError(
        place.board,
        f"board {place.board!r}: {source.name} arrived twice with another SHA-256 than {sha256}",
        mend="the board's memory or disk may be failing: try another card, look at `dmesg` there",
    )


def _verified(place: Place, part: str, sha256: str, size: int) -> bool:
    """The board reads the file while the file goes to the disk: a name that outlives a power cut has its content."""
    return place.sums.of(part, size, lambda: _flush(place, part, size)) == sha256


def _flush(place: Place, part: str, size: int) -> None:
    patience_s = FLUSH_S + size / SLOWEST_DISK
    if place.files.flush(part, patience_s):
        return
    done = place.run(["sync", part], b"", patience_s)
    if done.rc not in (0, NOT_THERE):
        raise OSError(done.err.decode("utf-8", "replace").strip())


def _sweep(files: Files, final: str) -> None:
    """Half-sent files that nobody resumed for a week go; `final` was written just now by the same clock."""
    now = files.time_of(final)
    for path, then in files.parts(final.rpartition("/")[0]):
        if now - then > STALE_S:
            files.remove(path)


def _diagnosed(place: Place, part: str, size: int, error: OSError) -> BoardError:
    """SFTP has one word for most failures, so the board is asked what is the matter; a useless part is removed."""
    writable = _give_back(place.files, part)
    room = place.disk.now()
    if writable or (room and room.free < size):
        return _disk_full(place, size, room)
    return ReadOnly(
        place.board,
        f"board {place.board!r}: nothing can be written below {place.base}: {error}",
        mend="make the folder writable for the login user, or name another one in the board's field `base`",
    )


def _give_back(files: Files, part: str) -> bool:
    """Removes the part; whether a file can be made in its place."""
    try:
        files.remove(part)
        files.make_folder(part.rpartition("/")[0])
        with Path("/dev/null").open("rb") as nothing:
            files.write(part, nothing, 0, _nobody)
        files.remove(part)
    except OSError:
        return False
    return True


def _disk_full(place: Place, size: int, room: Room | None) -> DiskFull:
    numbers = f"{room.free} are free of {room.total}" if room else "nobody knows how many are free"
    return DiskFull(
        place.board,
        f"board {place.board!r} has no room below {place.base}: a file of {size} bytes, {numbers}; "
        "a tenth is kept free, and the account may have a quota",
        mend=f"make room on the board (rm -r {place.base}/cas is safe between runs), or name another folder in `base`",
    )


def _nobody(_there: int) -> None:
    """Nobody asked for progress."""
