"""Figures and limits in plain words, for sentences that also leave the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence

from farm_reports.bounds import Bound

METRICS = {
    "latency_p50": "p50",
    "latency_p99": "p99",
    "peak_memory": "peak memory",
    "size": "size",
    "energy": "energy",
    "accuracy": "accuracy",
}
Writer = Callable[[float, int], str]  # of a value, with so many decimals on top
FINER = 4  # decimals are added before a figure may read as a limit that it is not


def fixed(value: float, more: int = 0) -> str:
    """No decimals from 100, one from 10, else two. `more`: so many on top."""
    return f"{value:.{2 + more}g}" if 0 < abs(value) < 0.0995 else f"{value:.{_places(abs(value)) + more}f}"


def number(value: float, more: int = 0) -> str:
    """As `fixed`, without trailing zeros."""
    text = fixed(value, more)
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(change: float, more: int = 0) -> str:
    return f"{change * 100:+.{1 + more}f}"


def size(count: float, more: int = 0) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{number(count / factor, more)} {unit}"
    return f"{count:.0f} B"


def limit(bound: Bound) -> str:
    """A limit as written, its unit set apart."""
    return re.sub(r"(?<=\d)\s*(?=[A-Za-zµ%])", " ", bound.text.strip())


def measured(bound: Bound, value: float, low: float | None, high: float | None) -> str:
    """`p50 34.1 ms (33.8 to 34.5)`: a figure in the unit of its limit, with its interval where it has one."""
    values = (value,) if low is None or high is None or low == high else (value, low, high)
    write = _writer(bound, values)
    more = finer(write, values, bound.value)
    at, *ends = (write(each, more) for each in values)
    span = f" ({' to '.join(ends)})" if ends else ""
    return f"{METRICS[bound.metric]} {at}{_unit(bound)}{span}"


def finer(write: Writer, values: Iterable[float], limit: float) -> int:
    """How many decimals on top it takes that none of the values reads as the limit that it is not; 0 where a few do not help."""
    others = [value for value in values if value != limit]
    enough = (more for more in range(FINER) if write(limit, more) not in {write(value, more) for value in others})
    return next(enough, 0)


def _writer(bound: Bound, values: Sequence[float]) -> Writer:
    """Without a unit, where the figures do not choose it."""
    if bound.metric == "accuracy":
        return lambda value, more: f"{value:+.{1 + more}f}" if bound.relative else f"{value:.{3 + more}f}"
    if bound.relative:
        return percent
    if bound.metric in {"size", "peak_memory"}:
        return size
    if len(values) == 1:
        return number
    common = _common(values)
    return lambda value, more: f"{value:.{common + more}f}"


def _common(values: Sequence[float]) -> int:
    """The decimals of figures that stand together: enough that the ends of a range differ."""
    size = max(map(abs, values))
    decimals = 1 - math.floor(math.log10(size)) if 0 < size < 0.0995 else _places(size)
    ends = (f"{values[-2]:.{decimals + more}f}" != f"{values[-1]:.{decimals + more}f}" for more in range(2))
    return decimals + next((more for more, differ in enumerate(ends) if differ), 2)


def _places(size: float) -> int:
    return 0 if size >= 99.95 else 1 if size >= 9.995 else 2


def _unit(bound: Bound) -> str:
    if bound.metric == "accuracy":
        return " pt" if bound.relative else ""
    if bound.relative:
        return " %"
    return {"size": "", "peak_memory": "", "energy": " mJ"}.get(bound.metric, " ms")


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
