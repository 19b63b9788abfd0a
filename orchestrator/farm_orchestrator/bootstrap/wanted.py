"""The runtime a person names: `1.19.2`, `onnxruntime-gpu==1.16.0`, and the name it gets on the board."""

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from farm_orchestrator.errors import UsageError

PROJECT = "onnxruntime"
TEXT = re.compile(
    r"(?:(?P<project>[A-Za-z][A-Za-z0-9._-]*?)(?:==|-(?=\d)|\Z))?(?P<version>\d[A-Za-z0-9.+!]*(-[a-z][a-z0-9.]*)?)?"
)
UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
DEFAULT = "default"


@dataclass(frozen=True)
class Wanted:
    """A project of wheels that install `onnxruntime`, and its version; None: the newest that fits."""

    project: str = PROJECT
    version: str | None = None

    @property
    def vendor(self) -> bool:
        return self.project != PROJECT


def wanted(text: str, where: str) -> Wanted:
    """`where`: what the text was written in. Raises UsageError."""
    found = TEXT.fullmatch(text) if text else None
    version = _version(found["version"] or "") if found else None
    if not found or (found["version"] and version is None):
        raise UsageError(
            f"{where}: {text[:80]!r} names no runtime", mend="write a version like 1.19.2, or onnxruntime-gpu==1.16.0"
        )
    return Wanted(canonicalize_name(found["project"] or PROJECT), version)


def _version(text: str) -> str | None:
    try:
        return str(Version(text.replace("-", "+")))  # the local part of a vendor's version, as `name` writes it
    except InvalidVersion:
        return None


def name(project: str, version: str) -> str:
    """What the inventory's `runtime` says to get it."""
    return UNFIT.sub("-", version if project == PROJECT else f"{project}-{version}")[:64]
