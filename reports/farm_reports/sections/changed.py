"""What changed since the earlier run: the comparisons that are flagged, worst first, and those that could not be made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports import figures
from farm_reports.bounds import GATED
from farm_reports.charts import since
from farm_reports.past import Past, VersusPast
from farm_reports.results import Cell, Gate, GateCell
from farm_reports.sections.uncompared import uncompared
from farm_reports.sections.view import Section, View
from farm_reports.sections.words import bound, counted, listed, spoken

FLAGGED = ("regressed", "inconclusive", "improved")  # in the order of the rows
MOST = 50
GLYPHS = {"regressed": "\u25b2", "improved": "\u25bc", "inconclusive": "?"}
GATE_PILLS = {"failed": "regressed", "inconclusive": "inconclusive", "not_measured": "not_measured"}
LATENCY = "latency_p50"


@dataclass(frozen=True)
class Row:
    variant: str
    board: str
    note: str
    change: str
    interval: str
    times: str
    word: str
    glyph: str
    chart: Markup


@dataclass(frozen=True)
class Other:
    """A budget on something else than the median that was exceeded, is open, or could not be judged."""

    metric: str
    where: str
    change: str
    interval: str
    budget: str
    word: str
    glyph: str
    reason: str


@dataclass(frozen=True)
class Changed:
    """`nothing`: the sentence where no comparison is flagged. `missing`: (who, why)."""

    nothing: str
    axis: Markup | None
    rows: tuple[Row, ...]
    more: int
    rest: str
    legend: tuple[str, ...]
    others: tuple[Other, ...]
    more_others: int
    missing: tuple[tuple[str, str], ...]
    differences: tuple[str, ...]


def changed(view: View) -> Section | None:
    past = view.results.past
    if past is None:
        return None
    flagged = sorted(_flagged(view), key=_order)
    drawn = [_change(cell, versus) for cell, versus in flagged[:MOST]]
    scale = since.axis(drawn)
    others = list(_others(view))
    body = Changed(
        nothing="" if flagged else _nothing(view, past),
        axis=since.axis_row(scale) if drawn else None,
        rows=tuple(
            _row(view, past, cell, versus, since.row(scale, one))
            for (cell, versus), one in zip(flagged, drawn, strict=False)
        ),
        more=max(len(flagged) - MOST, 0),
        rest=_rest(view, past) if flagged else "",
        legend=tuple(_legend(past, drawn)),
        others=tuple(others[:MOST]),
        more_others=max(len(others) - MOST, 0),
        missing=tuple(uncompared(view, past)),
        differences=tuple(past.differences),
    )
    return Section(
        "changed", "What changed", "What changed", _lede(past, [versus.verdict for _, versus in flagged]), body
    )


def called(past: Past) -> str:
    """The earlier run, as short as it can be named."""
    return past.name or past.id


def glyph(word: str) -> str:
    return GLYPHS.get(word, "")


def _lede(past: Past, words: Sequence[str]) -> str:
    """How many of the comparisons are flagged, of what, and how they were made."""
    flagged = [f"{words.count(word)} {word}" for word in FLAGGED if word in words]
    start = (
        f"{listed(flagged)} of {counted(past.compared, 'comparison')}: median latency" if flagged else "Median latency"
    )
    return f"{start} of each variant on each board over that of {called(past)}. {_spaced(past.statement)}"


def _spaced(text: str) -> str:
    return text.replace(" %", f"{figures.GAP}%")


def _flagged(view: View) -> Iterator[tuple[Cell, VersusPast]]:
    for cell in view.results.cells:
        versus = cell.versus_past
        if versus is not None and versus.ratio is not None and versus.verdict in FLAGGED:
            yield cell, versus


def _order(found: tuple[Cell, VersusPast]) -> tuple[int, float]:
    """Worst first; of those that are better the best last."""
    _, versus = found
    return FLAGGED.index(versus.verdict), -(versus.ratio or 0)


def _change(cell: Cell, versus: VersusPast) -> since.Change:
    ratio = versus.ratio or 1.0
    gate = (versus.gate_low, versus.gate_high) if versus.gate_low and versus.gate_high else None
    judged = f"; the gate was judged by {_span(*gate)}" if gate else ""
    finding = (
        f"{cell.variant} on {cell.board}: {figures.percent(ratio - 1)}, {_interval(versus)}, {versus.verdict}{judged}"
    )
    low, high = versus.low or ratio, versus.high or ratio
    return since.Change(ratio, low, high, versus.verdict, finding, versus.sees, versus.margin, gate)


def _interval(versus: VersusPast) -> str:
    if versus.low is None or versus.high is None:
        return "no interval"
    return f"95{figures.GAP}% {_span(versus.low, versus.high)}"


def _span(low: float, high: float) -> str:
    return f"{figures.signed((low - 1) * 100)} to {figures.percent(high - 1)}"


def _row(view: View, past: Past, cell: Cell, versus: VersusPast, chart: Markup) -> Row:
    return Row(
        variant=cell.variant,
        board=cell.board,
        note=", ".join(_notes(view, past, cell, versus)),
        change=figures.percent((versus.ratio or 1.0) - 1),
        interval=_span(versus.low, versus.high) if versus.low and versus.high else "",
        times=_times(view, cell, versus),
        word=versus.verdict,
        glyph=glyph(versus.verdict),
        chart=chart,
    )


def _notes(view: View, past: Past, cell: Cell, versus: VersusPast) -> Iterator[str]:
    """What a reader of this row must know beside its figures."""
    label = view.labels[cell.point_key]
    if label:
        yield label
    if versus.gate_low is None:
        yield "not a gate"
    if versus.basis == "absolute":
        yield "time against time"
    if versus.same_file:
        yield "identical file"
    if versus.small:
        yield "a small change" if past.budgets else "a small change, which fails nothing"


def _times(view: View, cell: Cell, versus: VersusPast) -> str:
    before, now = versus.past_p50_ms.value, cell.latency_ms.p50.value
    if before is None or now is None:
        return figures.DASH
    return f"{view.clock.bare(before)} \u2192 {view.clock.write(now)}"


def _nothing(view: View, past: Past) -> str:
    told = [cell.versus_past for cell in view.results.cells if cell.versus_past is not None]
    if told and all(one.same_file and one.verdict == "equivalent" and one.ratio is None for one in told):
        return f"Nothing: every file is the one of {called(past)}."
    if past.compared == 0:
        return "Nothing could be compared; below it says why."
    return f"Nothing: {_within(view, past)}{_sees(past)}."


def _within(view: View, past: Past) -> str:
    number = view.results.counts.equivalent
    if past.compared == 1:
        return "the one comparison is no worse than its margin"
    all_of = "all" if number == past.compared else f"{number} of"
    return f"{all_of} {counted(past.compared, 'comparison')} are no worse than their margin"


def _sees(past: Past) -> str:
    """The smallest change that could have been seen, in words."""
    told = [] if past.smallest_effect is None else [figures.share(past.smallest_effect)]
    if past.smallest_absolute is not None:
        told.append(f"{figures.share(past.smallest_absolute)}{' time against time' if told else ''}")
    return f"; the smallest change this comparison could see is {', or '.join(told)}" if told else ""


def _rest(view: View, past: Past) -> str:
    number = view.results.counts.equivalent
    verb = "is" if number == 1 else "are"
    allowed = "budget" if LATENCY in past.budgets else "margin"
    start = f"{counted(number, 'other comparison')} {verb} equivalent: no worse than the {allowed}" if number else ""
    return f"{start or 'There is no other comparison'}{_sees(past)}."


def _legend(past: Past, drawn: Sequence[since.Change]) -> Iterator[str]:
    if not drawn:
        return
    yield f"dot and bar: change with its 95{figures.GAP}% interval"
    if any(one.gate for one in drawn):
        yield "end ticks: the wider interval that judged the gate"
    yield "dashed: " + ("budget" if LATENCY in past.budgets else "margin")
    yield "grey: too small to be seen for sure"


def _others(view: View) -> Iterator[Other]:
    for gate in view.results.gates:
        if gate.kind == "budget" and gate.metric != LATENCY:
            open_ = [cell for cell in gate.cells if cell.verdict in GATE_PILLS and cell.value is not None]
            yield from (_other(view, gate, cell) for cell in sorted(open_, key=lambda one: one.verdict))


def _other(view: View, gate: Gate, cell: GateCell) -> Other:
    def write(value: float) -> str:
        return figures.gate_value(gate.metric, value, gate.bound, view.clock)

    word = GATE_PILLS[cell.verdict]
    ends = (cell.low, cell.high) if gate.metric in GATED else (None, None)
    return Other(
        metric=figures.METRICS.get(gate.metric, gate.metric),
        where=cell.where,
        change=write(cell.value or 0.0),
        interval="" if ends[0] is None or ends[1] is None else f"{write(ends[0])} to {write(ends[1])}",
        budget=bound(gate.bound),
        word=spoken(word),
        glyph=glyph(word),
        reason=cell.reason or "",
    )
