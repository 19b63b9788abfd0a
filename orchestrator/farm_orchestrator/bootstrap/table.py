"""Which onnxruntime was released for which board: wheels as data, versions that must not run somewhere, what they need."""

from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

Release = tuple[int, int]  # of a glibc or a Python
FLOOR: Release = (3, 8)  # the oldest Python an agent runs under
ARCHES = ("aarch64", "x86_64")  # armv7 and others have no wheel at all
NUMPY_2 = Version("1.19")  # the first onnxruntime that runs beside numpy 2; older ones do not say so
# Asked for by older wheels for the sake of their conversion tools; no session imports them.
TOOLS_ONLY = frozenset({"coloredlogs", "humanfriendly", "mpmath", "sympy"})


@dataclass(frozen=True)
class Row:
    """Releases `first` to `last`: the oldest glibc, the oldest and the newest Python that have a wheel."""

    first: str
    last: str
    glibc: Release
    oldest: Release
    newest: Release

    def holds(self, version: Version) -> bool:
        return Version(self.first) <= version <= Version(self.last)

    def fits(self, glibc: Release, python: Release) -> bool:
        return self.glibc <= glibc and self.oldest <= python <= self.newest


ROWS = (
    Row("1.7.0", "1.11.1", (2, 17), (3, 8), (3, 9)),
    Row("1.12.0", "1.14.1", (2, 17), (3, 8), (3, 10)),
    Row("1.15.0", "1.16.3", (2, 17), (3, 8), (3, 11)),
    Row("1.17.0", "1.19.2", (2, 27), (3, 8), (3, 12)),
    Row("1.20.0", "1.23.2", (2, 27), (3, 10), (3, 13)),
    Row("1.24.1", "1.28.0", (2, 27), (3, 11), (3, 14)),
    Row("1.29.0", "1.31.1", (2, 28), (3, 11), (3, 14)),
)


@dataclass(frozen=True)
class Denied:
    """A release that dies on some processors; `parts`: as /proc/cpuinfo names them."""

    version: str
    parts: frozenset[str]
    why: str


DENIED = (Denied("1.21.0", frozenset({"0xd03", "0xd08"}), "it dies at import (SIGILL) on Cortex-A53 and Cortex-A72"),)


def newest(arch: str, glibc: Release, python: Release) -> str | None:
    """The newest release with a wheel that fits; None where there is none."""
    fitting = [row.last for row in ROWS if arch in ARCHES and row.fits(glibc, python)]
    return fitting[-1] if fitting else None


def why_not(version: str, glibc: Release, python: Release) -> str | None:
    """Why a release has no wheel that fits; None where it has one, or is newer than this table."""
    row = next((row for row in ROWS if row.holds(Version(version))), None)
    if row is None or row.fits(glibc, python):
        return None
    if row.glibc > glibc:
        return f"onnxruntime {version} needs glibc {dotted(row.glibc)} or newer, the board has {dotted(glibc)}"
    return f"onnxruntime {version} has wheels for Python {dotted(row.oldest)} to {dotted(row.newest)}, not {dotted(python)}"


def denied(version: str, parts: tuple[str, ...]) -> str | None:
    """Why a release must not run on these processors."""
    return next((each.why for each in DENIED if each.version == version and each.parts & set(parts)), None)


def beside(version: str) -> tuple[str, ...]:
    """Requirements that a release has and does not declare."""
    try:
        return ("numpy<2",) if Version(version) < NUMPY_2 else ()
    except InvalidVersion:
        return ()


def dotted(release: Release) -> str:
    return ".".join(map(str, release))
