"""Annotations of a pull request: workflow commands of GitHub that point at the lines of the limits."""

from __future__ import annotations

import posixpath

from farm_reports import figures
from farm_reports.exports.junit_xml import message
from farm_reports.results import Gate, Results
from farm_reports.texts import harmless

MOST = 5  # ten of a kind are shown for a step; the page has the rest
LONGEST = 500
LEVELS = {"failed": ("error", "missed"), "inconclusive": ("warning", "undecided")}


def annotated(results: Results, here: str = "", root: str = "") -> str:
    """A line for each gate that failed, then for each that is undecided; empty where there is none.

    `here`: the folder in which the run was started; `root`: that of the repository, from which its files are named.
    """
    gates = [gate for level in LEVELS for gate in results.gates if gate.verdict == level]
    return "".join(f"{_command(results, gate, here, root)}\n" for gate in gates[:MOST])


def _command(results: Results, gate: Gate, here: str, root: str) -> str:
    level, word = LEVELS[gate.verdict]
    properties = {**_place(gate.line, here, root), "title": f"{_name(gate)} {word}"}
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {told}::{_data(_text(results, gate))}"


def _name(gate: Gate) -> str:
    if gate.kind == "some_fit":
        return "some variant fits"
    return f"{'budget ' if gate.kind == 'budget' else ''}{gate.metric} {gate.bound}"


def _text(results: Results, gate: Gate) -> str:
    cells = [cell for cell in gate.cells if cell.verdict == gate.verdict]
    worst = gate.worst if gate.worst is not None and gate.worst.verdict == gate.verdict else None
    first = worst or (cells[0] if cells else None)
    if first is None:
        return results.sentence
    more = f"; and {len(cells) - 1} more" if len(cells) > 1 else ""
    return f"{first.where}: {message(gate, first, figures.clock(results.cells))}{more}"


def _place(line: str | None, here: str, root: str) -> dict[str, str]:
    """Only of a file inside the repository: another one cannot be shown."""
    file, _, number = (line or "").rpartition(":")
    if not file or not number.isdecimal():
        return {}
    path = posixpath.normpath(posixpath.join(here, file))
    if root and path.startswith("/"):
        inside = posixpath.commonpath((path, posixpath.normpath(root))) == posixpath.normpath(root)
        path = posixpath.relpath(path, root) if inside else ""
    return {} if not path or path.startswith(("/", "../")) else {"file": path, "line": number}


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _data(text: str) -> str:
    """As GitHub escapes it."""
    return harmless(text[:LONGEST]).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
