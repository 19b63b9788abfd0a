"""Wheels unpacked into one archive for a board: the same bytes for the same wheels, no scripts, no name that escapes."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm_orchestrator import digest
from farm_orchestrator.errors import UsageError

BLOCK = 4096  # what a file takes at least on most file systems
LEVEL = 4  # half the time of 6 for a few hundredths more to push
# What only developers of the packages need: a third of numpy.
LEFT_OUT = (".pyi", ".h", ".a", ".lib", ".pdb")
LEFT_OUT_FOLDERS = frozenset({"tests", "docs", "include"})
KEPT_DATA = ("purelib", "platlib")  # of a wheel's .data folder; scripts and headers are for installers


@dataclass(frozen=True)
class SiteArchive:
    """`unpacked`: bytes it takes on the board's disk."""

    path: Path
    sha256: str
    size: int
    unpacked: int


def pack(wheels: Sequence[Path], target: Path) -> SiteArchive:
    """Writes a .tar.gz of what importing the wheels needs. Raises UsageError at a wheel that is none."""
    with target.open("wb") as file, gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
        unpacked = _fill(wheels, packed)
    return SiteArchive(target, digest.afresh(target), target.stat().st_size, unpacked)


def _fill(wheels: Sequence[Path], packed: gzip.GzipFile) -> int:
    """The bytes it will take on a disk."""
    unpacked, seen = 0, dict[str, str]()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for wheel in sorted(wheels, key=lambda path: path.name):
            for name, content in _members(wheel):
                _check_once(seen, name, wheel.name)
                archive.addfile(_entry(name, content), io.BytesIO(content))
                unpacked += on_disk(len(content))
    return unpacked


def on_disk(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _members(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """(name in the site, content), sorted by name in the wheel; each content is checked against the zip's own sum."""
    try:
        with zipfile.ZipFile(wheel) as source:
            for entry in sorted(source.infolist(), key=lambda entry: entry.filename):
                name = _place(wheel, entry)
                if name is not None:
                    yield name, source.read(entry)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise UsageError(f"{wheel.name} cannot be unpacked: {error}", mend="fetch the wheel again") from error


def _place(wheel: Path, entry: zipfile.ZipInfo) -> str | None:
    """Where an entry lies in the site; None for one that stays out. Raises UsageError at one that would escape."""
    name = entry.filename
    parts = name.rstrip("/").split("/")
    if not name.isprintable() or "\\" in name or ":" in name or any(part in {"", ".", ".."} for part in parts):
        raise UsageError(f"{wheel.name}: the name {name[:200]!r} would lead out of its folder", mend="do not use it")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UsageError(f"{wheel.name}: {name[:200]!r} is a link, which no wheel holds", mend="do not use it")
    if parts[0].endswith(".data"):
        parts = parts[2:] if len(parts) > 2 and parts[1] in KEPT_DATA else []
    if not parts or entry.is_dir() or name.endswith(LEFT_OUT) or LEFT_OUT_FOLDERS & set(parts[1:-1]):
        return None
    return "/".join(parts)


def _check_once(seen: dict[str, str], name: str, wheel: str) -> None:
    if name in seen:
        raise UsageError(f"{seen[name]} and {wheel} both hold {name}", mend="leave one of the wheels out")
    seen[name] = wheel


def _entry(name: str, content: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o644
    return entry
