"""An interpreter archive that the operator names: whether it is one, and for which board."""

import re
import struct
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from farm_orchestrator import digest
from farm_orchestrator.bootstrap.archive import BLOCK, on_disk
from farm_orchestrator.bootstrap.scan import MACHINES
from farm_orchestrator.bootstrap.table import FLOOR, Release, dotted
from farm_orchestrator.errors import UsageError

BINARY = re.compile(r"python/bin/python(\d)\.(\d{1,2})")
ENTRANCE = "python/bin/python3"
HEAD = 1 << 16  # bytes of the binary that hold its program headers and the name of its loader
PT_INTERP = 3
WANTED = "take an install_only or install_only_stripped .tar.gz of python-build-standalone"


@dataclass(frozen=True)
class PythonArchive:
    """`arch` as wheels name it; `unpacked`: bytes it takes on a disk."""

    path: Path
    sha256: str
    size: int
    unpacked: int
    python: Release
    arch: str


def python_archive(path: Path) -> PythonArchive:
    """Raises UsageError: no such archive, a name that would leave its folder, an interpreter that loads no wheels."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = archive.getmembers()
            _check_names(path, members)
            python, binary = _binary(path, members)
            source = archive.extractfile(binary)
            head = source.read(HEAD) if source else b""
    except (OSError, tarfile.TarError, EOFError) as error:
        raise UsageError(f"{path} cannot be read as a .tar.gz: {error}", mend=WANTED) from error
    unpacked = sum(on_disk(member.size) if member.isfile() else BLOCK for member in members)
    return PythonArchive(path, digest.of(path), path.stat().st_size, unpacked, python, _arch(path, head))


def _check_names(path: Path, members: Sequence[tarfile.TarInfo]) -> None:
    """Files, folders and links that stay inside."""
    for member in members:
        relative = member.issym() and not member.linkname.startswith("/")
        target = f"{member.name.rpartition('/')[0]}/{member.linkname}" if relative else member.linkname
        kind = member.isfile() or member.isdir() or member.issym() or member.islnk()
        if not kind or _leaves(member.name) or ((member.issym() or member.islnk()) and _leaves(target)):
            raise UsageError(f"{path}: {member.name[:200]!r} would lead out of its folder", mend=WANTED)


def _leaves(name: str) -> bool:
    """Whether a path climbs above where it starts."""
    depth = 0
    for part in name.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return name.startswith("/")


def _binary(path: Path, members: Sequence[tarfile.TarInfo]) -> tuple[Release, tarfile.TarInfo]:
    found = [(match, member) for member in members if member.isfile() and (match := BINARY.fullmatch(member.name))]
    if not found or not any(member.name == ENTRANCE for member in members):
        raise UsageError(f"{path} has no {ENTRANCE}", mend=WANTED)
    match, member = found[0]
    python = int(match[1]), int(match[2])
    if python < FLOOR:
        raise UsageError(f"{path} holds Python {dotted(python)}, below the floor {dotted(FLOOR)}", mend=WANTED)
    return python, member


def _arch(path: Path, head: bytes) -> str:
    """Of the program; one that is linked without a loader, or with musl's, cannot load a wheel's libraries."""
    if len(head) < 64 or head[:5] != b"\x7fELF\x02" or head[5] != 1:
        raise UsageError(f"{path}: its interpreter is no 64-bit Linux program", mend=WANTED)
    loader = _loader(head)
    if loader is None or "musl" in loader:
        raise UsageError(
            f"{path}: its interpreter is {'statically linked' if loader is None else 'made for musl'}, "
            "so it cannot load a wheel's libraries",
            mend=f"{WANTED}, the one for unknown-linux-gnu",
        )
    (machine,) = struct.unpack_from("<H", head, 18)
    return MACHINES.get(machine, f"machine {machine}")


def _loader(head: bytes) -> str | None:
    """The program that loads it, from its program headers."""
    offset, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
    for start in range(offset, min(offset + size * count, len(head) - 56), size or 56):
        kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", head, start)
        if kind == PT_INTERP:
            return head[at : at + length].rstrip(b"\0").decode("ascii", "replace")
    return None
