"""The rows as Markdown, as bench/results.json, and inside README.md."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from bench.rows import Bound, Row
from run_support import ROOT

RESULTS = ROOT / "bench" / "results.json"
README = ROOT / "README.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
WORDS = {True: "yes", False: "**no**", None: "not measured"}


def save(rows: Sequence[Row], machine: str) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([document(row, machine) for row in rows], indent=1) + "\n", encoding="utf-8")


def table(rows: Sequence[Row], machine: str) -> str:
    lines = ["| what | measured | bound | holds | against, and how |", "|---|--:|--:|---|---|"]
    lines += [f"| {' | '.join(_cells(row))} |" for row in rows]
    return "\n".join([*lines, "", f"On {machine}. A figure in brackets is a 95 % interval of interleaved pairs."])


def into_readme(text: str) -> None:
    README.write_text(replaced(README.read_text(encoding="utf-8"), text), encoding="utf-8")


def replaced(readme: str, text: str) -> str:
    """Raises ValueError where the marks are missing."""
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not marked.search(readme):
        raise ValueError(f"README.md has no {BEGIN} ... {END} to write the table into")
    return marked.sub(lambda _: f"{BEGIN}\n{text}\n{END}", readme, count=1)


def document(row: Row, machine: str) -> dict[str, Any]:
    figure = row.figure
    interval = (figure.low, figure.high) if figure and figure.has_interval else (None, None)
    return {
        "name": row.name, "value": figure.value if figure else None, "unit": row.unit, "versus": row.versus,
        "bound": _bound(row.bound, row.unit) if row.bound else None, "ok": row.ok, "machine": machine,
        "low": interval[0], "high": interval[1], "note": row.note,
    }  # fmt: skip


def _cells(row: Row) -> tuple[str, ...]:
    holds = WORDS[row.ok] if row.bound or row.ok is None else ""
    how = "; ".join(text for text in (row.versus, row.note) if text)
    bound = _bound(row.bound, row.unit) if row.bound else ""
    return tuple(text.replace("|", "\\|").replace("\n", " ") for text in (row.name, _figure(row), bound, holds, how))


def _figure(row: Row) -> str:
    if row.figure is None:
        return ""
    text = f"{_number(row.figure.value)} {row.unit}"
    if row.figure.has_interval:
        text += f" [{_number(row.figure.low)}, {_number(row.figure.high)}]"
    return text


def _bound(bound: Bound, unit: str) -> str:
    return f"{bound.sign} {bound.limit:g} {unit}"


def _number(value: float) -> str:
    """Three digits at least, and no exponent."""
    size = abs(value)
    if float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.3f}" if size < 10 else f"{value:.1f}" if size < 1000 else f"{value:.0f}"
