"""What a wheel must be made for: an architecture, a glibc, a Python, as the tags in a wheel's name."""

from dataclasses import dataclass

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from farm_orchestrator.bootstrap.table import Release, dotted

OLDEST_GLIBC = {"x86_64": 5, "i686": 5}  # minor version that the first manylinux of an architecture stood for
OLDEST_ELSEWHERE = 17
OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True)
class Target:
    """`arch` as wheels name it; glibc and Python as (major, minor)."""

    arch: str
    glibc: Release
    python: Release

    def __str__(self) -> str:
        return f"{self.arch} with glibc {dotted(self.glibc)} and Python {dotted(self.python)}"


def platforms(target: Target) -> tuple[str, ...]:
    """The newest first; the last is what vendors name their own builds, which promise no glibc at all."""
    oldest = OLDEST_GLIBC.get(target.arch, OLDEST_ELSEWHERE)
    found = []
    for minor in range(target.glibc[1], oldest - 1, -1):
        found += [f"manylinux_2_{minor}", *([OLD_NAMES[minor]] if minor in OLD_NAMES else [])]
    return tuple(f"{name}_{target.arch}" for name in (*found, "linux"))


def tags(target: Target) -> frozenset[Tag]:
    name, where = f"cp{target.python[0]}{target.python[1]}", platforms(target)
    return frozenset([*cpython_tags(target.python, [name], where), *compatible_tags(target.python, name, where)])


@dataclass(frozen=True)
class WheelName:
    """A wheel's file name taken apart."""

    file: str
    project: str
    version: Version
    tags: frozenset[Tag]

    def fits(self, target: Target) -> bool:
        return bool(self.tags & tags(target))


def wheel_name(file: str) -> WheelName | None:
    """None for a name that is no wheel's."""
    try:
        project, version, _, found = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return None
    return WheelName(file, project, version, found)
