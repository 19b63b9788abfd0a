"""A record of a board's sensor tree, as `farm boards probe --record` writes it: checked, because strangers send them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from farm_lab.places import LabError

FORMAT = "farm.record/1"
PATH = re.compile(r"(sys|proc)(/[A-Za-z0-9._:@+,#~=-]+)+")  # below the root; `..` is refused apart
CLIMB = re.compile(r"(\.\./)*[A-Za-z0-9._:@+,#~=-]+(/[A-Za-z0-9._:@+,#~=-]+)*")
ERROR = re.compile(r"E[A-Z0-9]{1,15}")
PATH_LIMIT = 512
FILE_LIMIT = 1 << 16  # characters
TEXT_LIMIT = 8 << 20
ENTRIES = 20000
BYTES_LIMIT = 64 << 20


@dataclass(frozen=True)
class Entry:
    """One of three. `text`: a file, `writable` by the account that looked. `error`: why it could not be read.
    `link`: where it leads from its own folder.
    """

    text: str | None = None
    error: str | None = None
    link: str | None = None
    writable: bool = False

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value not in (None, False)}


@dataclass(frozen=True)
class Record:
    """`facts`: what no file of the tree says; `redacted`: how often what was taken out."""

    entries: Mapping[str, Entry]
    facts: Mapping[str, Any] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        entries = {path: entry.to_json() for path, entry in sorted(self.entries.items())}
        return {"format": FORMAT, "facts": dict(self.facts), "redacted": dict(self.redacted),
                "left_out": self.left_out, "entries": entries}  # fmt: skip


def load(file: Path) -> Record:
    """Raises LabError at a file that cannot be read or is no record."""
    try:
        if file.stat().st_size > BYTES_LIMIT:
            raise LabError(f"{file} is over {BYTES_LIMIT >> 20} MiB: no record of a board is")
        return _record(json.loads(file.read_text("utf-8")))
    except OSError as error:
        raise LabError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        mend = "make one with farm boards probe NAME --record FILE"
        raise LabError(f"{file} is no record of a board ({error}); {mend}") from error


def _record(body: Any) -> Record:
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    return Record(entries(body["entries"]), dict(body["facts"]), dict(body["redacted"]), int(body["left_out"]))


def entries(body: object) -> dict[str, Entry]:
    """What may be written below a folder without leaving it. Raises ValueError."""
    if not isinstance(body, dict) or len(body) > ENTRIES:
        raise ValueError(f"entries: up to {ENTRIES} by path were expected")
    found = {path: _entry(path, value) for path, value in body.items()}
    if sum(len(entry.text or "") for entry in found.values()) > TEXT_LIMIT + FILE_LIMIT:
        raise ValueError("entries: more text than a record holds")
    for path in found:
        above = next((str(folder) for folder in PurePosixPath(path).parents if str(folder) in found), None)
        if above is not None:
            raise ValueError(f"{path!r} lies below {above!r}, which is no folder")
    return found


def _entry(path: str, value: Any) -> Entry:
    if len(path) > PATH_LIMIT or not PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError(f"path {path[:200]!r}")
    match value:
        case {"text": str(text)} if len(text) <= FILE_LIMIT:
            return Entry(text=text, writable=value.get("writable") is True)
        case {"error": str(error)} if ERROR.fullmatch(error):
            return Entry(error=error)
        case {"link": str(link)} if len(link) <= PATH_LIMIT and _stays_inside(path, link):
            return Entry(link=link)
    raise ValueError(f"entry {path!r}")


def _stays_inside(path: str, link: str) -> bool:
    """`..` only in front, and fewer than there are folders above: nothing but real folders lies there."""
    climbs = link.count("../")
    names = link.removeprefix("../" * climbs).split("/")
    return bool(CLIMB.fullmatch(link)) and climbs <= path.count("/") and not {".", ".."} & set(names)
