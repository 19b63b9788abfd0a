"""The states of cells, comparisons and gates as a reader sees them: glyph, word and colour for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from markupsafe import Markup, escape

from farm_reports import figures
from farm_reports.findings import Name

GLYPHS = {"faster": "\u25bc", "slower": "\u25b2", "undecided": "?", "same": "", "invalid": "!"}
SPOKEN = {"not_run": "not run", "screened_out": "screened out", "not_measured": "not measured"}
NAME = r"(?<![\w.-])(?:{})(?![\w-])"
FIRST_BOUND = re.compile(r"([+-]?)([\d.]+)\s*(\D*)")
SHORTEST_BOLD = 3
CODE = re.compile(r"`([^`]+)`")


def spoken(word: str) -> str:
    return SPOKEN.get(word, word)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(names: Iterable[str], most: int = 6) -> str:
    """`a, b and c`; a long list ends in `and 12 more`."""
    items = list(names)
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def anchor(finding: str) -> str:
    """The id under which a finding is explained; empty for one that the table does not know."""
    return f"finding-{finding}" if finding in Name.__members__ else ""


def emphasised(sentence: str, names: Iterable[str]) -> Markup:
    """The sentence with the names of variants and boards in bold."""
    found = sorted({name for name in names if len(name) >= SHORTEST_BOLD}, key=len, reverse=True)
    if not found:
        return escape(sentence)
    pattern = re.compile(f"({NAME.format('|'.join(map(re.escape, found)))})")
    parts = pattern.split(sentence)
    return Markup("").join(
        Markup("<b>{}</b>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def coded(text: str) -> Markup:
    """What stands between backticks, as code."""
    parts = enumerate(CODE.split(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in parts
    )


def bound(text: str) -> str:
    """A limit as written, with the signs and gaps of the page."""
    match = FIRST_BOUND.fullmatch(text.strip())
    if match is None:
        return text
    sign, value, unit = match.groups()
    sign = figures.MINUS if sign == "-" else sign
    if unit == "x":
        return f"{sign}{value}{figures.TIMES}"
    return f"{sign}{value}{figures.GAP}{unit}" if unit else f"{sign}{value}"


def grouped(pairs: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """Second by first, in the order of the first appearance, without repeats."""
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        members = groups.setdefault(key, [])
        if value not in members:
            members.append(value)
    return groups
