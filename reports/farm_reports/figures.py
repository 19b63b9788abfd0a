"""How a figure is written: three places, a unit, a sign where it is a change; shared by the page and the exports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from farm_reports.results import Accuracy, Cell

GAP = "\u00a0"  # a figure and its unit stay on one line
MINUS = "\u2212"
TIMES = "\u00d7"
DASH = "\u2013"
MICROSECONDS_BELOW_MS = 1.0
MINUTE_S = 60.0
METRICS = {
    "latency_p50": "Latency p50",
    "latency_p99": "Latency p99",
    "peak_memory": "Peak memory",
    "size": "Size",
    "energy": "Energy",
    "accuracy": "Accuracy",
}
ACCURACIES = {"top1": "Top-1", "mae": "Mean error"}


@dataclass(frozen=True)
class Clock:
    """The unit of every latency of a page; one for all, so that columns can be compared."""

    unit: str
    per_ms: float

    def bare(self, ms: float) -> str:
        """As `number`; below one unit still three significant digits."""
        value = ms * self.per_ms
        return f"{value:#.3g}" if 0 < value < 0.9995 else number(value)

    def write(self, ms: float) -> str:
        return f"{self.bare(ms)}{GAP}{self.unit}"

    def span(self, low: float, high: float) -> str:
        return f"{self.bare(low)}{DASH}{self.bare(high)}"


def clock(cells: Iterable[Cell]) -> Clock:
    """Microseconds where every median is below a millisecond."""
    medians = [cell.latency_ms.p50.value for cell in cells if cell.latency_ms.p50.value is not None]
    if medians and max(medians) < MICROSECONDS_BELOW_MS:
        return Clock("\u00b5s", 1000.0)
    return Clock("ms", 1.0)


def plain(text: str) -> str:
    """For terminals, XML and Markdown: ordinary spaces and signs."""
    return text.replace(GAP, " ").replace(MINUS, "-")


def places(value: float) -> int:
    """Decimals: none from 100, one from 10, two below."""
    size = abs(value)
    return 0 if size >= 99.95 else 1 if size >= 9.995 else 2


def number(value: float) -> str:
    """Three places or more, thousands set apart; below 0.1 three significant digits."""
    if 0 < abs(value) < 0.0995:
        return f"{value:.3g}"
    return f"{value:,.{places(value)}f}"


def signed(value: float, decimals: int = 1) -> str:
    """A change: always with a sign, the minus a real one, zero without."""
    text = f"{abs(value):.{decimals}f}"
    sign = "" if float(text) == 0 else "+" if value > 0 else MINUS
    return sign + text


def percent(ratio_minus_one: float) -> str:
    return f"{signed(ratio_minus_one * 100)}{GAP}%"


def share(value: float) -> str:
    return f"{value * 100:.1f}{GAP}%"


def points(value: float) -> str:
    return f"{signed(value)}{GAP}pt"


def speed(ratio: float) -> str:
    """How many times as fast as the baseline: the inverse of the ratio of times."""
    return number(1 / ratio) + TIMES


def speeds(low: float, high: float) -> str:
    return f"{number(1 / high)}{DASH}{number(1 / low)}"


def duration(s: float) -> str:
    """Whole seconds below two minutes, then minutes."""
    return f"{s:.0f}{GAP}s" if s < 2 * MINUTE_S else f"{s / MINUTE_S:.3g}{GAP}min"


def amount(size_bytes: float) -> tuple[float, str]:
    """Bytes in the decimal unit in which limits are written."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return factor, unit
    return 1.0, "B"


def memory(size_bytes: float) -> str:
    factor, unit = amount(size_bytes)
    return f"{number(size_bytes / factor) if factor > 1 else f'{size_bytes:.0f}'}{GAP}{unit}"


def memories(low: float, high: float) -> str:
    factor, _ = amount(high)
    return f"{number(low / factor)}{DASH}{number(high / factor)}"


def energy(millijoules: float) -> str:
    return f"{number(millijoules)}{GAP}mJ"


def energies(low: float, high: float) -> str:
    return f"{number(low)}{DASH}{number(high)}"


def accuracy(score: Accuracy) -> str | None:
    """The score in its own unit; without labels the closeness to the baseline; None when neither was found."""
    if score.metric and score.value is not None:
        return share(score.value) if score.metric == "top1" else number(score.value)
    return closeness(score)


def closeness(score: Accuracy) -> str | None:
    if score.exact:
        return "exact"
    if score.agreement is not None:
        return share(score.agreement)
    return None if score.sqnr_db is None else f"{number(score.sqnr_db)}{GAP}dB"


def accuracy_name(cells: Iterable[Cell]) -> str:
    """What the column is called: never accuracy where there are no labels."""
    named = [ACCURACIES.get(cell.accuracy.metric, cell.accuracy.metric) for cell in cells if cell.accuracy.metric]
    return named[0] if named else "Closeness"


def gate_value(metric: str, value: float, bound: str, unit: Clock) -> str:
    """A gate's figure in the words of its bound: a change for `+5%`, `0.9x`, `-0.3pt`; else absolute."""
    if bound.endswith("pt"):
        return points(value)
    if bound.endswith(("%", "x")):
        return percent(value)
    if metric.startswith("latency"):
        return unit.write(value)
    if metric in {"peak_memory", "size"}:
        return memory(value)
    if metric == "energy":
        return energy(value)
    return share(value) if metric == "accuracy" else number(value)
