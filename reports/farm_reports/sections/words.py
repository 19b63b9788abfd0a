"""The states of cells, comparisons and gates as a reader sees them: glyph, word and colour for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from markupsafe import Markup, escape

from farm_reports import figures
from farm_reports.findings import Name

GLYPHS = {"faster": "\u25bc", "slower": "\u25b2", "undecided": "?", "same": "", "invalid": "!"}
SPOKEN = {"not_run": "not run", "screened_out": "screened out", "not_measured": "not measured"}
NAME = r"(?<![\w.-])(?:{})(?![\w-])"
FIRST_BOUND = re.compile(r"([+-]?)([\d.]+)\s*(\D*)")
SHORTEST_BOLD = 3
LONGEST_WHOLE = 24
WHOLE = Markup('<span class="nb">{}</span>')
UNIT = re.compile(r"(?<=\d) (?=(?:ms|\u00b5s|s|min|h|pt|mJ|J|W|mW|B|kB|MB|GB|Hz|GHz|dB|x)\b|%)")
SIGN = re.compile(r"(?<=[\s(])-(?=\d)")
TIMES = re.compile(r"(?<=\d\u00a0)x\b")
SPAN = re.compile(r"\([+\u2212]?[\d.,]+ to [+\u2212]?[\d.,]+\)")
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


def typeset(text: str) -> str:
    """A text that also leaves the page, with its signs: a real minus, \u00d7, figures that stay beside their unit."""
    signed = TIMES.sub(figures.TIMES, UNIT.sub(figures.GAP, SIGN.sub(figures.MINUS, text)))
    return SPAN.sub(lambda span: span[0].replace(" ", figures.GAP), signed)


def emphasised(sentence: str, names: Iterable[str]) -> Markup:
    """The sentence, typeset, with the names of variants and boards in bold."""
    return _named(sentence, names, _bold)


def unbroken(heading: str, names: Iterable[str]) -> Markup:
    """The heading, typeset, in which no name is broken at its hyphens, where that can be."""
    return _named(heading, names, lambda name: WHOLE.format(name) if _whole(name) else escape(name))


def _named(text: str, names: Iterable[str], mark: Callable[[str], Markup]) -> Markup:
    """The text, typeset but for the names in it, which are marked."""
    found = sorted({name for name in names if len(name) >= SHORTEST_BOLD}, key=len, reverse=True)
    if not found:
        return escape(typeset(text))
    pattern = re.compile(f"({NAME.format('|'.join(map(re.escape, found)))})")
    parts = enumerate(pattern.split(text))
    return Markup("").join(mark(part) if index % 2 else escape(typeset(part)) for index, part in parts)


def _bold(name: str) -> Markup:
    return (Markup('<b class="nb">{}</b>') if _whole(name) else Markup("<b>{}</b>")).format(name)


def _whole(name: str) -> bool:
    return "-" in name and len(name) <= LONGEST_WHOLE


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
