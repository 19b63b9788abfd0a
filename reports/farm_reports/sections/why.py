"""The worst case explained: what it is, the operators it comes from, and which part of its distribution moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from farm_reports import figures
from farm_reports.explained import Why
from farm_reports.results import Cell
from farm_reports.sections import cause
from farm_reports.sections.view import Section, View, iterations_ms
from farm_reports.sections.why_panels import Case, Floats, Panel, panels
from farm_reports.sections.words import counted
from farm_reports.stats.shift import NS_PER_MS


@dataclass(frozen=True)
class Explained:
    """`unprofiled`: why there are no operators, empty where there are; `notes`: how many more cases like this there are."""

    panels: tuple[Panel, ...]
    layout: str
    unprofiled: str
    notes: tuple[str, ...]


def why(view: View) -> Section | None:
    """None where there is no comparison to explain, or nothing to draw of it."""
    found = view.results.why
    cell = view.cells.get((found.board, found.variant, found.point_key)) if found else None
    if found is None or cell is None:
        return None
    case = Case(view, found, cell, _times(view, found, cell))
    drawn = panels(case)
    if not drawn:
        return None
    unprofiled = "" if found.operators else found.reason or "it was not profiled"
    body = Explained(drawn, "three" if len(drawn) == 3 else "two", unprofiled, tuple(_notes(case)))
    name = "Closer look" if found.rule == "shipped" else "Worst case"
    return Section("why", name, _heading(case), _lede(case), body)


def _times(view: View, found: Why, cell: Cell) -> tuple[Floats, Floats] | None:
    """Both sides, where the judge had iterations enough and they are at hand."""
    mine, other = iterations_ms(view.samples, cell), _reference(view, found)
    if not found.quantiles or mine is None or other is None or min(mine.min(), other.min()) <= 0:
        return None
    return mine * view.clock.per_ms, other * view.clock.per_ms


def _reference(view: View, found: Why) -> Floats | None:
    base = view.cells.get((found.board, view.baseline, found.point_key))
    if found.reference == "baseline":
        return None if base is None else iterations_ms(view.samples, base)
    past = view.beside.past.get((found.board, found.variant, found.point_key))
    return None if past is None or not len(past) else np.asarray(past, dtype=np.float64) / NS_PER_MS


def _heading(case: Case) -> str:
    variant, where = case.cell.variant, case.where
    if case.why.rule == "inconclusive":
        return f"What is open about {variant} on {where}"
    why_or_how = "How" if case.why.operators is None else "Why"
    if case.why.rule == "regressed":
        return f"{why_or_how} {variant} on {where} got slower"
    if case.why.rule == "failed":
        return f"{why_or_how} {variant} misses its limit on {where}"
    if case.why.operators is None:
        return f"A closer look at {variant} on {where}"
    return _against_baseline(case)


def _against_baseline(case: Case) -> str:
    versus = case.cell.versus_baseline
    if versus is not None and versus.ratio and versus.verdict == "faster":
        return f"Why {case.cell.variant} is {figures.speed(versus.ratio)} faster on {case.where}"
    if versus is not None and versus.ratio and versus.verdict == "slower":
        times = f"{figures.number(versus.ratio)}{figures.TIMES}"
        return f"Why {case.cell.variant} takes {times} the time of {case.reference} on {case.where}"
    return f"{case.cell.variant} beside {case.reference} on {case.where}"


def _lede(case: Case) -> str:
    over = case.why.over
    beyond = f"{over.subject} of 20 iterations are over the {case.line_name}." if over else ""
    sentences = [_medians(case), beyond, *cause.operators(case.view, case.why), _moved(case)]
    return " ".join(filter(None, sentences))


def _moved(case: Case) -> str:
    text = cause.distribution(case.why)
    return (
        text if case.why.reference == "past" or not text else f"Against {case.reference}, {text[0].lower()}{text[1:]}"
    )


def _medians(case: Case) -> str:
    write, reference = case.view.clock.write, _reference_ms(case)
    past = case.why.reference == "past"
    against = (
        "" if reference is None else f" against {write(reference)} {'in the past' if past else f'of {case.reference}'}"
    )
    return f"Median {write(case.cell.latency_ms.p50.value or 0)}{_interval(case)}{against}{_beside(case)}."


def _interval(case: Case) -> str:
    """Where a limit is at stake."""
    p50 = case.cell.latency_ms.p50
    if case.why.line is None or p50.low is None or p50.high is None:
        return ""
    return f" ({case.view.clock.span(p50.low, p50.high)})"


def _beside(case: Case) -> str:
    """The limit, with the figure that it is about."""
    line, p99 = case.why.line, case.cell.latency_ms.p99.value
    if line is None:
        return ""
    own = f"; p99 {case.view.clock.write(p99)}" if line.metric == "latency_p99" and p99 is not None else ""
    return f"{own}; {case.line}"


def _reference_ms(case: Case) -> float | None:
    if case.why.reference == "past":
        return case.cell.versus_past.past_p50_ms.value if case.cell.versus_past else None
    base = case.view.cells.get((case.why.board, case.view.baseline, case.why.point_key))
    return base.latency_ms.p50.value if base else None


def _notes(case: Case) -> list[str]:
    found = case.why
    words = {
        "regressed": f"{counted(found.similar, 'more comparison')} with the past regressed.",
        "failed": f"{counted(found.similar, 'more latency limit')} {'is' if found.similar == 1 else 'are'} missed.",
        "inconclusive": f"{counted(found.similar, 'more latency gate')} {'is' if found.similar == 1 else 'are'} open.",
        "slower": f"{counted(found.similar, 'more comparison')} came out slower than {case.view.baseline}.",
        "shipped": f"The variant to ship is faster on {counted(found.similar, 'more board')} too.",
    }
    past = case.cell.versus_past if found.reference == "past" else None
    apart = "Times are those of two runs as they were; the verdict holds each run against its own baseline."
    return [
        *([apart] if past is not None and past.basis == "baseline" else []),
        *([words[found.rule]] if found.similar else []),
    ]
