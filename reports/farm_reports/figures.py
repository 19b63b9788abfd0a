"""How a figure is written: three places, a unit, a sign where it is a change; shared by the page and the exports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from farm_reports.bounds import parse
from farm_reports.results import Accuracy, Cell
from farm_reports.words import Writer, finer

GAP = "\u00a0"  # a figure and its unit stay on one line
MINUS = "\u2212"
TIMES = "\u00d7"
DASH = "\u2013"
MICROSECONDS_BELOW_MS = 1.0
MINUTE_S = 60.0
HUGE, TINY = 1e6, 1e-4  # beyond these a figure is written with its power of ten
RAISED = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
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

    def bare(self, ms: float, more: int = 0) -> str:
        """As `number`; below one unit still three significant digits."""
        value = ms * self.per_ms
        return f"{value:#.{3 + more}g}" if TINY <= value < 0.9995 else number(value, more)

    def write(self, ms: float, more: int = 0) -> str:
        return f"{self.bare(ms, more)}{GAP}{self.unit}"

    def span(self, low: float, high: float) -> str:
        return ends(low, high, self.bare)


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


def number(value: float, more: int = 0) -> str:
    """Three places or more, thousands set apart; below 0.1 three significant digits. `more`: so many places on top."""
    size = abs(value)
    if size >= HUGE or 0 < size < TINY:
        return power_of_ten(value, 1 + more)
    if 0 < size < 0.0995:
        return f"{value:.{3 + more}g}"
    return f"{value:,.{places(value) + more}f}"


def power_of_ten(value: float, decimals: int) -> str:
    """`4.0·10⁶`: for what no reader counts the zeros of."""
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    return f"{mantissa}\u00b710{str(int(exponent)).translate(RAISED)}"


def ends(low: float, high: float, write: Callable[[float, int], str] = number) -> str:
    """A range; with up to two places more where both ends would read the same, and one figure where they still do."""
    for more in range(3):
        start, end = (write(value, more) for value in (low, high))
        if start != end:
            return f"{start}{DASH}{end}"
    return write(low, 0)


def signed(value: float, decimals: int = 1) -> str:
    """A change: always with a sign, the minus a real one, zero without."""
    text = f"{abs(value):.{decimals}f}"
    sign = "" if float(text) == 0 else "+" if value > 0 else MINUS
    return sign + text


def percent(ratio_minus_one: float, more: int = 0) -> str:
    return f"{signed(ratio_minus_one * 100, 1 + more)}{GAP}%"


def share(value: float, more: int = 0) -> str:
    return f"{value * 100:.{1 + more}f}{GAP}%"


def shares(low: float, high: float) -> str:
    return f"{ends(low, high, lambda value, more: f'{value * 100:.{1 + more}f}')}{GAP}%"


def points(value: float, more: int = 0) -> str:
    return f"{signed(value, 1 + more)}{GAP}pt"


def speed(ratio: float) -> str:
    """How many times as fast as the baseline: the inverse of the ratio of times."""
    return number(1 / ratio) + TIMES


def speeds(low: float, high: float) -> str:
    return ends(1 / high, 1 / low)


def duration(s: float) -> str:
    """Whole seconds below two minutes; then minutes, with the seconds that are left."""
    whole = round(s)
    if s < 2 * MINUTE_S:
        return f"{whole}{GAP}s"
    minutes, seconds = divmod(whole, round(MINUTE_S))
    return f"{minutes}{GAP}min" + (f"{GAP}{seconds}{GAP}s" if seconds else "")


def amount(size_bytes: float) -> tuple[float, str]:
    """Bytes in the decimal unit in which limits are written."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return factor, unit
    return 1.0, "B"


def memory(size_bytes: float, more: int = 0) -> str:
    factor, unit = amount(size_bytes)
    return f"{number(size_bytes / factor, more) if factor > 1 else f'{size_bytes:.0f}'}{GAP}{unit}"


def memories(low: float, high: float) -> str:
    factor, _ = amount(high)
    return ends(low / factor, high / factor)


def energy(millijoules: float, more: int = 0) -> str:
    return f"{number(millijoules, more)}{GAP}mJ"


def energies(low: float, high: float) -> str:
    return ends(low, high)


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
    """A gate's figure in the words of its bound: a change for `+5%`, `0.9x`, `-0.3pt`; else absolute.

    With as many places as it takes that it does not read as the bound that it is not.
    """
    write = _writer(metric, bound, unit)
    return write(value, finer(write, [value], parse(metric, bound).value))


def _writer(metric: str, bound: str, unit: Clock) -> Writer:
    if bound.endswith("pt"):
        return points
    if bound.endswith(("%", "x")):
        return percent
    if metric.startswith("latency"):
        return unit.write
    if metric in {"peak_memory", "size"}:
        return memory
    if metric == "energy":
        return energy
    return share if metric == "accuracy" else number
