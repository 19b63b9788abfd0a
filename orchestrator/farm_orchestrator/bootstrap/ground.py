"""Whether a board's system and folder can carry a runtime at all."""

from dataclasses import dataclass

from farm_orchestrator.bootstrap import table
from farm_orchestrator.bootstrap.scan import Room, Scan
from farm_orchestrator.bootstrap.table import Release
from farm_orchestrator.bootstrap.targets import Target
from farm_orchestrator.errors import NoRuntime, ReadOnly

WHEEL_ARCHES = {"arm": "armv7l", "x86": "i686"}  # an ELF machine by the name that wheels give it
ROOM_FOR_A_RUNTIME = 300 << 20  # bytes: which other folders are worth naming


@dataclass(frozen=True)
class Ground:
    """The userland: architecture as wheels name it, bits, glibc."""

    arch: str
    bits: int
    glibc: Release

    def target(self, python: Release) -> Target:
        return Target(self.arch, self.glibc, python)


def check_ground(board: str, scan: Scan, *, wheelhouse: bool) -> Ground:
    """Raises NoRuntime or ReadOnly. With a `wheelhouse` an architecture without released wheels may still be served."""
    if scan.system != "Linux":
        raise NoRuntime(
            board, f"board {board!r} runs {scan.system or 'an unknown system'}; boards that farm can prepare run Linux",
            mend="install onnxruntime there with pip and name that interpreter in the board's field `python`",
        )  # fmt: skip
    arch, bits = _userland(board, scan, wheelhouse=wheelhouse)
    glibc = _glibc(board, scan)
    _check_base(board, scan)
    return Ground(arch, bits, glibc)


def _userland(board: str, scan: Scan, *, wheelhouse: bool) -> tuple[str, int]:
    """By the ELF header of its shell: the kernel's word says nothing about what runs above it."""
    if scan.arch is None or scan.bits is None:
        raise NoRuntime(
            board, f"board {board!r} does not say what its programs are made for (the kernel says {scan.machine})",
            mend="it needs `dd` and `od` (coreutils or BusyBox)",
        )  # fmt: skip
    arch = WHEEL_ARCHES.get(scan.arch, scan.arch)
    if arch in table.ARCHES or wheelhouse:
        return arch, scan.bits
    if scan.bits == 32 and scan.machine in table.ARCHES:
        raise NoRuntime(
            board, f"board {board!r} has a 32-bit userland ({arch}) on a 64-bit kernel ({scan.machine}): "
            "no onnxruntime is released for it",
            mend="install the 64-bit image of its system, or bring your own wheel: --wheelhouse DIR",
        )  # fmt: skip
    raise NoRuntime(
        board, f"board {board!r} is {arch}: onnxruntime is released for {' and '.join(table.ARCHES)} only",
        mend="bring your own wheel: --wheelhouse DIR",
    )  # fmt: skip


def _glibc(board: str, scan: Scan) -> Release:
    kind, version = scan.libc or (None, ())
    if kind == "musl":
        raise NoRuntime(
            board, f"board {board!r} runs on musl libc: onnxruntime's wheels are made for glibc",
            mend="use an image with glibc (Debian, Ubuntu, Yocto with glibc)",
        )  # fmt: skip
    if kind is None or len(version) < 2:
        raise NoRuntime(
            board, f"board {board!r} does not say which libc it has",
            mend="it needs `getconf` or `ldd`, which come with glibc",
        )  # fmt: skip
    return version[0], version[1]


def _check_base(board: str, scan: Scan) -> None:
    base = scan.base
    if base.read_only or not base.writable:
        why = "is on a read-only file system" if base.read_only else f"cannot be written by {scan.user or 'its user'}"
        raise ReadOnly(board, f"board {board!r}: {base.path} {why}", mend=_elsewhere(scan))
    if base.noexec:
        raise ReadOnly(
            board, f"board {board!r}: {base.path} is on a file system mounted noexec, from which no library can be loaded",
            mend=_elsewhere(scan),
        )  # fmt: skip


def _elsewhere(scan: Scan) -> str:
    good = [room for room in scan.others if _carries(room)]
    if not good:
        return "make a folder writable there that allows programs to run, and name it in the board's field `base`"
    named = ", ".join(f"{room.path}/benchfarm ({(room.free or 0) >> 20} MiB free)" for room in good)
    return f"name another folder in the board's field `base`: {named}"


def _carries(room: Room) -> bool:
    return room.writable and not room.read_only and not room.noexec and (room.free or 0) > ROOM_FOR_A_RUNTIME
