"""A tree in the making: what its lines give becomes files, links and errors at their real places."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from farm_lab.places import LabError
from farm_lab.record import Entry, entries

CPU = "sys/devices/system/cpu"
DEVICE = re.compile(r"(sys/class/([^/]+)/([^/]+))/")  # with something below
RELATED = re.compile(rf"{CPU}/cpufreq/(policy\d+)/related_cpus")
HOPS = 40


@dataclass(frozen=True)
class Source:
    """Where a text stands, for the person who mends it."""

    file: str
    line: int

    def wrong(self, what: str) -> LabError:
        return LabError(f"{self.file}:{self.line}: {what}")


@dataclass(frozen=True)
class Given:
    """One path that a line speaks of, globs not yet resolved; `entry` None: it is absent."""

    source: Source
    path: str
    entry: Entry | None


@dataclass
class Draft:
    """What has been said so far. `folders`: as they were called; `given`: what a line named in full, so that no other may."""

    entries: dict[str, Entry]
    folders: dict[str, None] = field(default_factory=dict)
    given: dict[str, Source] = field(default_factory=dict)


def entries_of(given: Iterable[Given], file: str, start: Mapping[str, Entry]) -> dict[str, Entry]:
    """In the order given, so that a link stands before what lies behind it. Raises LabError naming file and line."""
    draft = Draft(dict(start))
    for path, entry in start.items():
        _name(draft, path if entry.link is None else f"{path}/")
    for one in given:
        _add(draft, one)
    _link_cpus(draft)
    return _checked(draft, file)


def _add(draft: Draft, one: Given) -> None:
    if one.entry is None:
        _remove(draft, one)
    elif "*" in one.path:
        for path in _matching(draft, one):
            place = _real(draft, path, one.source)
            if place not in draft.given:
                draft.entries[place] = one.entry
    else:
        _link_device(draft, one)
        _put(draft, one.path, _real(draft, one.path, one.source), one.entry, one.source)


def _link_device(draft: Draft, one: Given) -> None:
    """A device of a class lies where its own link says, else among the virtual ones, as the kernel's do."""
    device = DEVICE.match(one.path)
    if device and device[1] not in draft.entries:
        link = Entry(link=f"../../devices/virtual/{device[2]}/{device[3]}")
        _put(draft, device[1], device[1], link, one.source)


def _put(draft: Draft, path: str, place: str, entry: Entry, source: Source) -> None:
    before = draft.given.setdefault(place, source)
    if before is not source:
        raise source.wrong(f"{path} was given on line {before.line} already")
    draft.entries[place] = entry
    for name in (path, place):
        _name(draft, name if entry.link is None else f"{name}/")


def _name(draft: Draft, path: str) -> None:
    draft.folders.update(dict.fromkeys(_above(path)))


def _remove(draft: Draft, one: Given) -> None:
    """What was never given is said to be absent for the reader's sake."""
    path = one.path if one.path in draft.entries else _real(draft, one.path, one.source)
    gone = re.compile(f"{_pattern(path)}(/.*)?")
    for found in [found for found in draft.entries if gone.fullmatch(found)]:
        del draft.entries[found]
        draft.given.pop(found, None)


def _matching(draft: Draft, one: Given) -> list[str]:
    folder, _, name = one.path.rpartition("/")
    found = [path for path in draft.folders if re.fullmatch(_pattern(folder), path)]
    if not found or "*" in name:
        raise one.source.wrong(f"{one.path} fits no folder named above it; `*` stands for folders, `{{1-4}}` for files")
    return [f"{path}/{name}" for path in found]


def _pattern(glob: str) -> str:
    return re.escape(glob).replace(r"\*", "[^/]*")


def _real(draft: Draft, path: str, source: Source) -> str:
    """Without links on the way."""
    for _ in range(HOPS):
        link = next((folder for folder in _above(path) if folder in draft.entries), "")
        target = draft.entries[link].link if link else None
        if target is None:
            return path
        path = posixpath.normpath(posixpath.join(posixpath.dirname(link), target)) + path[len(link) :]
    raise source.wrong(f"{path} goes round in circles")


def _above(path: str) -> list[str]:
    """The folders that a path lies in, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _link_cpus(draft: Draft) -> None:
    for path, entry in list(draft.entries.items()):
        policy = RELATED.fullmatch(path)
        for cpu in filter(str.isdigit, (entry.text or "").split() if policy else ()):
            draft.entries.setdefault(f"{CPU}/cpu{cpu}/cpufreq", Entry(link=f"../cpufreq/{path.split('/')[5]}"))


def _checked(draft: Draft, file: str) -> dict[str, Entry]:
    """By the rules for records, which strangers send."""
    for path, source in draft.given.items():
        try:
            entries({path: draft.entries[path].to_json()})
        except ValueError as error:
            raise source.wrong(f"no tree holds {error}") from error
    try:
        return entries({path: entry.to_json() for path, entry in draft.entries.items()})
    except ValueError as error:
        raise LabError(f"{file}: {error}") from error
