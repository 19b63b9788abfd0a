"""Brings files to a board by their content: skipped where known, resumed where cut, verified before they count."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from farm_orchestrator import digest
from farm_orchestrator.errors import BoardError, DiskFull, ReadOnly, UsageError
from farm_orchestrator.model import FileRef
from farm_orchestrator.transport import Channel, ExecResult, PutResult, names

RESUME_STEP = 128 << 10
STALE_S = 7 * 86400.0
KEEP_FREE = 200 << 20
SLOWEST_HASH = 5e6  # bytes per second: how long a slow board may take to verify
DF_LINE = re.compile(r"\s(?P<total>\d+)\s+\d+\s+(?P<free>-?\d+)\s+(?:-|\d+%)\s")


class Files(Protocol):
    """What a push needs of a board's file system; an OSError is the board's own answer."""

    resumes: bool

    def size(self, path: str) -> int | None: ...
    def make_folder(self, path: str) -> None: ...
    def write(self, path: str, source: BinaryIO, offset: int, progress: Callable[[int], None]) -> None: ...
    def read(self, path: str) -> Iterator[bytes]: ...
    def rename(self, old: str, new: str) -> None: ...
    def remove(self, path: str) -> None: ...
    def parts(self, folder: str) -> list[tuple[str, float]]: ...
    def time_of(self, path: str) -> float: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Place:
    """One board's store; `run` is its short commands, `controller` marks our half-sent files."""

    board: str
    base: str
    controller: str
    files: Files
    run: Callable[[Sequence[str], bytes, float], ExecResult]


@dataclass(frozen=True)
class Room:
    """What `df` says, in bytes."""

    free: int
    total: int

    @property
    def usable(self) -> int:
        """A tenth stays free, at least 200 MiB, but never more than half of a small disk."""
        return self.free - min(max(self.total // 10, KEEP_FREE), self.total // 2)


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
    with local.open("rb") as source:
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
    room = _room(place)
    if room and missing > room.usable:
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
    done = place.run(["sha256sum", "-c", "-"], f"{sha256}  {part}\n".encode(), 30.0 + size / SLOWEST_HASH)
    if done.rc == 127:
        raise BoardError(
            place.board,
            f"board {place.board!r} has no `sha256sum`, so files cannot be verified there",
            mend="install coreutils or BusyBox with sha256sum on the board",
        )
    return done.rc == 0


def _sweep(files: Files, final: str) -> None:
    """Half-sent files that nobody resumed for a week go; `final` was written just now by the same clock."""
    now = files.time_of(final)
    for path, then in files.parts(final.rpartition("/")[0]):
        if now - then > STALE_S:
            files.remove(path)


def _room(place: Place) -> Room | None:
    said = place.run(["df", "-Pk", place.base], b"", 30.0).out.decode("utf-8", "replace")
    found = DF_LINE.search(said.rpartition("Mounted on")[2])
    return Room(int(found["free"]) * 1024, int(found["total"]) * 1024) if found else None


def _diagnosed(place: Place, part: str, size: int, error: OSError) -> BoardError:
    """SFTP has one word for most failures, so the board is asked what is the matter; a useless part is removed."""
    writable = _give_back(place.files, part)
    room = _room(place)
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
