"""The rows as Markdown, as bench/results.json, and inside README.md."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from bench.rows import Bound, Row
from run_support import ROOT

Json = dict[str, Any]
RESULTS = ROOT / "bench" / "results.json"
README = ROOT / "README.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
WORDS = {True: "yes", False: "**no**", None: "not measured"}


def save(documents: Sequence[Json]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(list(documents), indent=1) + "\n", encoding="utf-8")


def saved(machine: str) -> list[Json]:
    """What was measured on this machine before."""
    before: list[Json] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    return [document for document in before if document["machine"] == machine]


def merged(before: Sequence[Json], found: Sequence[Json], order: Sequence[str]) -> list[Json]:
    """The new rows, and the earlier ones of benches that have none, in the order of the table."""
    again = {document["bench"] for document in found}
    kept = [document for document in before if document.get("bench") not in again]
    return sorted(
        (each for each in (*kept, *found) if each.get("bench") in order), key=lambda each: order.index(each["bench"])
    )


def table(documents: Sequence[Json], machine: str) -> str:
    lines = ["| what | measured | bound | holds | against, and how |", "|---|--:|--:|---|---|"]
    lines += [f"| {' | '.join(_cells(document))} |" for document in documents]
    return "\n".join([*lines, "", f"On {machine}. A figure in brackets is a 95 % interval of interleaved pairs."])


def into_readme(text: str) -> None:
    README.write_text(replaced(README.read_text(encoding="utf-8"), text), encoding="utf-8")


def replaced(readme: str, text: str) -> str:
    """Raises ValueError where the marks are missing."""
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not marked.search(readme):
        raise ValueError(f"README.md has no {BEGIN} ... {END} to write the table into")
    return marked.sub(lambda _: f"{BEGIN}\n{text}\n{END}", readme, count=1)


def document(row: Row, machine: str, bench: str) -> Json:
    figure = row.figure
    interval = (figure.low, figure.high) if figure and figure.has_interval else (None, None)
    return {
        "bench": bench, "name": row.name, "value": figure.value if figure else None, "unit": row.unit,
        "versus": row.versus, "bound": _bound(row.bound, row.unit) if row.bound else None, "ok": row.ok,
        "machine": machine, "low": interval[0], "high": interval[1], "note": row.note,
    }  # fmt: skip


def _cells(document: Json) -> tuple[str, ...]:
    bound, ok = document["bound"] or "", document["ok"]
    holds = WORDS[ok] if bound or ok is None else ""
    how = "; ".join(text for text in (document["versus"], document["note"]) if text)
    cells = (document["name"], _figure(document), bound, holds, how)
    return tuple(text.replace("|", "\\|").replace("\n", " ") for text in cells)


def _figure(document: Json) -> str:
    if document["value"] is None:
        return ""
    text = f"{_number(document['value'])} {document['unit']}"
    if document["low"] is not None:
        text += f" [{_number(document['low'])}, {_number(document['high'])}]"
    return text


def _bound(bound: Bound, unit: str) -> str:
    return f"{bound.sign} {bound.limit:g} {unit}"


def _number(value: float) -> str:
    """Three digits at least, and no exponent."""
    size = abs(value)
    if float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.3f}" if size < 10 else f"{value:.1f}" if size < 1000 else f"{value:.0f}"
