"""What tells whose board it is, taken out of the texts of a record; the same word leaves the same mark everywhere."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from farm_lab.record import Entry, Record

# Words of the owner, in the order in which they are looked for; then what has a shape of its own.
WORDS = ("serial number", "machine-id", "boot_id", "host name", "user name")
SHAPES = {
    "UUID": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "MAC address": r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?:[:-][0-9A-Fa-f]{2}){0,2}",
    "long hexadecimal number": r"(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{16,}",
}
KINDS = ("serial line", "builder", *WORDS, *SHAPES)
SERIAL_LINE = re.compile(r"(?im)^(serial\w*[ \t]*[:=][ \t]*)(\S+)")
BUILDER = re.compile(r"(?<=\()[\w.+-]+@[\w.-]+(?=\))")  # of the kernel: user and host
SHORTEST = 2
# A board may be called after a part of it: these words stay, or the tree would lose its names.
KERNEL = frozenset(
    ("sys", "proc", "class", "bus", "devices", "device", "system", "platform", "virtual", "soc", "firmware", "devicetree",
     "cpu", "cpufreq", "policy", "online", "possible", "present", "topology", "stats", "thermal", "zone", "temp", "trip",
     "hwmon", "input", "label", "devfreq", "gpu", "npu", "powercap", "power", "supply", "energy", "battery", "model",
     "name", "type", "mode", "state", "min", "max", "freq", "governor", "performance", "powersave", "schedutil", "ondemand",
     "conservative", "userspace", "processor", "arm", "linux", "version", "root")
)  # fmt: skip
MAKERS = re.compile(r"(proc/device-tree|.*/devicetree/base|.*/dmi/id)/.*")


@dataclass
class Redaction:
    """One record's marks: the same word gets the same one. `counts`: how often something of a kind was taken out."""

    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    marks: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    def clean(self, text: str) -> str:
        text = SERIAL_LINE.sub(lambda found: found[1] + self._mark("serial line", found[2]), text)
        text = BUILDER.sub(lambda found: self._mark("builder", found[0]), text)
        for kind, pattern in self.patterns:
            text = pattern.sub(partial(self._found, kind), text)
        return text

    def _found(self, kind: str, found: re.Match[str]) -> str:
        return self._mark(kind, found[0])

    def _mark(self, kind: str, word: str) -> str:
        self.counts[kind] += 1
        return self.marks.setdefault((kind, word), f"redacted-{kind.replace(' ', '-')}-{self._number(kind)}")

    def _number(self, kind: str) -> int:
        return sum(known == kind for known, _ in self.marks) + 1


def redact(record: Record, owner: Mapping[str, Iterable[str]]) -> Record:
    """Every text, path, link and fact without what tells whose board it is; `redacted` says how often what went."""
    made = "\n".join(entry.text or "" for path, entry in record.entries.items() if MAKERS.fullmatch(path))
    ours = Redaction(tuple(_patterns(owner, set(_words(made)))))
    entries = {ours.clean(path): _clean(entry, ours) for path, entry in record.entries.items()}
    facts = {name: ours.clean(value) if isinstance(value, str) else value for name, value in record.facts.items()}
    return replace(record, entries=entries, facts=facts, redacted=ours.counts)


def _clean(entry: Entry, ours: Redaction) -> Entry:
    text, link = (None if value is None else ours.clean(value) for value in (entry.text, entry.link))
    return replace(entry, text=text, link=link)


def _patterns(owner: Mapping[str, Iterable[str]], makers: set[str]) -> Iterable[tuple[str, re.Pattern[str]]]:
    """Names that the maker or the kernel gave are not the owner's."""
    for kind in WORDS:
        named = kind in ("host name", "user name")
        words = {word for word in owner.get(kind, ()) if len(word) >= SHORTEST}
        kept = {word for word in words if named and (word in makers or word.lower() in KERNEL)}
        if words - kept:
            longest_first = sorted(words - kept, key=lambda word: (-len(word), word))
            yield kind, _whole("|".join(map(re.escape, longest_first)))
    yield from ((kind, _whole(shape)) for kind, shape in SHAPES.items())


def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![0-9A-Za-z])(?:{pattern})(?![0-9A-Za-z])")


def _words(text: str) -> list[str]:
    """Whole words, and those joined by hyphens as host names are."""
    return re.findall(r"[0-9A-Za-z]+", text) + re.findall(r"[0-9A-Za-z-]+", text)
