"""Figures and limits in plain words, for sentences that also leave the page."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from farm_reports.bounds import Bound

METRICS = {
    "latency_p50": "p50",
    "latency_p99": "p99",
    "peak_memory": "peak memory",
    "size": "size",
    "energy": "energy",
    "accuracy": "accuracy",
}


def fixed(value: float) -> str:
    """No decimals from 100, one from 10, else two."""
    size = abs(value)
    return f"{value:.2g}" if 0 < size < 0.0995 else f"{value:.{0 if size >= 99.95 else 1 if size >= 9.995 else 2}f}"


def number(value: float) -> str:
    """As `fixed`, without trailing zeros."""
    text = fixed(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def alike(values: Sequence[float]) -> list[str]:
    """Figures that stand together: with the same decimals, and enough of them that the ends of a range differ."""
    size = max(map(abs, values))
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    if 0 < size < 0.0995:
        decimals = 1 - math.floor(math.log10(size))
    for more in range(3):
        shown = [f"{value:.{decimals + more}f}" for value in values]
        if shown[-1] != shown[-2]:
            break
    return shown


def percent(change: float) -> str:
    return f"{change * 100:+.1f}"


def size(count: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{number(count / factor)} {unit}"
    return f"{count:.0f} B"


def limit(bound: Bound) -> str:
    """A limit as written, its unit set apart."""
    return re.sub(r"(?<=\d)\s*(?=[A-Za-zµ%])", " ", bound.text.strip())


def measured(bound: Bound, value: float, low: float | None, high: float | None) -> str:
    """`p50 34.1 ms (33.8 to 34.5)`: a figure in the unit of its limit, with its interval where it has one."""
    if low is None or high is None or low == high:
        return f"{METRICS[bound.metric]} {_figure(bound, value)}"
    if bound.metric not in {"accuracy", "size", "peak_memory"} and not bound.relative:
        at, start, end = alike((value, low, high))
        return f"{METRICS[bound.metric]} {at} {_unit(bound)} ({start} to {end})"
    text = f"{METRICS[bound.metric]} {_figure(bound, value)}"
    if bound.relative:
        return f"{text} ({percent(low)} to {percent(high)})"
    return f"{text} ({_bare(bound, low)} to {_bare(bound, high)})"


def listed(items: Sequence[str], most: int = 5) -> str:
    """`a, b and c`; over `most`, the rest is counted."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return " and ".join(part for part in (", ".join(items[:-1]), items[-1]) if part) if items else ""


def span(values: Iterable[float]) -> str:
    """`2.4` or `2.1 to 2.4`, each with one decimal; none from 100."""
    shown = list(dict.fromkeys(f"{value:,.{0 if value >= 99.95 else 1}f}" for value in sorted(values)))
    return shown[0] if len(shown) == 1 else f"{shown[0]} to {shown[-1]}"


def sentence(text: str) -> str:
    """With its full stop; a name at its start keeps its case."""
    return text if text.endswith(".") else f"{text}."


def _figure(bound: Bound, value: float) -> str:
    if bound.metric == "accuracy":
        return f"{value:+.1f} pt" if bound.relative else f"{value:.3f}"
    if bound.relative:
        return f"{percent(value)} %"
    if bound.metric in {"size", "peak_memory"}:
        return size(value)
    return f"{number(value)} {_unit(bound)}"


def _unit(bound: Bound) -> str:
    return "mJ" if bound.metric == "energy" else "ms"


def _bare(bound: Bound, value: float) -> str:
    return size(value) if bound.metric == "peak_memory" else number(value)
