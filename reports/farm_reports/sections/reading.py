"""How to read the page: its terms, the words that stand on it, and every finding of this run with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from farm_reports import figures
from farm_reports.findings import DO, TEXTS, Name
from farm_reports.meanings import CELL, COMPARED, FLEET, PAST, PROFILED, RUN, SINCE, TERMS
from farm_reports.sections.fleet import pooled
from farm_reports.sections.view import Section, View
from farm_reports.sections.words import anchor, spoken

Meanings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Known:
    """A finding of the table; `anchor`: the id under which it is explained."""

    name: str
    anchor: str
    text: str
    do: str


@dataclass(frozen=True)
class Reading:
    """`groups`: heading and its words."""

    groups: tuple[tuple[str, Meanings], ...]
    findings: tuple[Known, ...]


def reading(view: View) -> Section:
    body = Reading(
        groups=tuple((heading, words) for heading, words in _groups(view) if words),
        findings=tuple(_known(name) for name in Name if name in _named(view)),
    )
    return Section("reading", "How to read", "How to read this page", "Only what stands on this page.", body)


def _groups(view: View) -> Iterator[tuple[str, Meanings]]:
    yield "Terms", _written(TERMS if view.compared else {"launch": TERMS["launch"]})
    yield "Over all boards", _written(FLEET if pooled(view) else {})
    profiled = view.results.why is not None and view.results.why.operators is not None
    yield "Where the time goes", _written(PROFILED if profiled else {})
    yield "Against the baseline", _written(COMPARED if view.compared else {})
    yield "Against the past", _written({**PAST, **SINCE} if view.results.past else {})
    word = "" if view.partial else view.results.verdict
    yield "This run", _written({word: RUN[word]} if word in RUN else {})
    seen = {cell.state for cell in view.results.cells} - {"measured"}
    yield "A cell", _written({spoken(state): means for state, means in CELL.items() if state in seen})


def _written(means: Mapping[str, str]) -> Meanings:
    """With figures that stay beside their unit."""
    return tuple((word, text.replace(" %", f"{figures.GAP}%")) for word, text in means.items())


def _named(view: View) -> set[str]:
    cells = (finding.name for cell in view.results.cells for finding in cell.findings)
    return {*cells, *(finding.name for finding in view.results.findings)}


def _known(name: Name) -> Known:
    return Known(name.value, anchor(name.value), TEXTS[name], DO[name])
