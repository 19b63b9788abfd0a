"""What the worst case comes from, in sentences that its figures make."""

from __future__ import annotations

from collections.abc import Iterator

from farm_reports import figures
from farm_reports.explained import JOINED, OperatorChange, OperatorDifference, QuantileChange, Why
from farm_reports.profiled import GLUE
from farm_reports.sections.view import View
from farm_reports.sections.words import counted, listed

MANY_TIMES = 10.0  # beyond, per cent are not read to the tenth
ARROW = "\u2192"
NOTHING = 0.005  # of the reference: two sums of operators that are the same
ALL_OF_IT = (0.995, 1.05)  # shares that are all of it; beyond, others must have given some of it back


def operators(view: View, why: Why) -> Iterator[str]:
    """The operator or kind of operators that explains most, and what works against it."""
    found = why.operators
    if found is None:
        return
    if abs(found.change_ms) <= NOTHING * found.reference_ms:
        yield "The two take the same time in their operators."
    elif found.leading is None:
        yield _none(view, found)
    else:
        yield _leading(view, found, found.leading)


def name(row: OperatorChange) -> str:
    """The operator; where another did its work in the reference, both."""
    if row.op and row.was and row.op != row.was:
        return f"{_first(row.was)} {ARROW} {_first(row.op)}"
    return _first(row.op or row.was or "")


def whole_name(row: OperatorChange) -> str:
    """With all operators of the node."""
    return f"{row.was} {ARROW} {row.op}" if row.op and row.was and row.op != row.was else row.op or row.was or ""


def _first(ops: str) -> str:
    """Of several operators at a node the first."""
    first, *more = ops.split(JOINED)
    return f"{first} + {len(more)} more" if len(more) > 1 else ops


def distribution(why: Why) -> str:
    """Whether all of it moved or its tail alone; empty where there are too few iterations to tell."""
    if why.moved is None:
        return ""
    low, middle, top = _ends(why.quantiles)
    grew = "grew" if top.change > 0 else "shrank"
    return {
        "whole": f"The whole distribution moved: {_said(low, middle, top)}.",
        "tail": f"The median stayed ({_change(middle)}), the tail {grew}: {_said(top)}.",
        "more_tail": f"The median moved by {_change(middle)}, the tail by more: {_said(top)}.",
        "body": f"The median moved by {_change(middle)}, the tail did not follow: {_said(top)}.",
        "uneven": f"The distribution did not move as one: {_said(low, middle, top)}.",
        "none": f"The distribution stayed within \u00b12{figures.GAP}%: {_said(low, middle, top)}.",
    }[why.moved]


def _ends(changes: list[QuantileChange]) -> tuple[QuantileChange, QuantileChange, QuantileChange]:
    by = {each.p: each for each in changes}
    return by[min(by)], by[0.5], by[max(p for p in by if p <= 0.99)]


def _said(*changes: QuantileChange) -> str:
    return ", ".join(f"p{each.p * 100:g} {_change(each)}" for each in changes)


def _change(each: QuantileChange) -> str:
    many = abs(each.change) >= MANY_TIMES
    return f"+{figures.number(each.change * 100)}{figures.GAP}%" if many else figures.percent(each.change)


def _none(view: View, found: OperatorDifference) -> str:
    rows = [*found.rows, *([found.glue] if found.glue else [])]
    largest = max(rows, key=lambda row: abs(row.change_ms), default=None)
    return "" if largest is None else f"No operator stands out; the largest difference: {_takes(view, largest)}."


def _leading(view: View, found: OperatorDifference, row: OperatorChange) -> str:
    share, told = row.share or 0.0, _takes(view, row)
    if share > ALL_OF_IT[1]:
        whole = view.clock.write(abs(found.change_ms))
        return f"{told}, more than the whole change of {whole}.{_against(view, found)}"
    if share >= ALL_OF_IT[0]:
        return f"{told} and explains all of the change."
    return f"{told} and explains {share * 100:.0f}{figures.GAP}% of the change."


def _against(view: View, found: OperatorDifference) -> str:
    """What works most against the change."""
    rows = [*found.rows, *([found.glue] if found.glue else [])]
    most = min(rows, key=lambda row: row.share or 0.0)
    return f" {_takes(view, most)}." if (most.share or 0.0) < 0 else ""


def _takes(view: View, row: OperatorChange) -> str:
    """`DequantizeLinear at /stem takes 1.7 ms more`."""
    amount = f"{view.clock.write(abs(row.change_ms))} {'more' if row.change_ms > 0 else 'less'}"
    if row.op == GLUE:
        return f"{GLUE.capitalize()} takes {amount}"
    if row.op is None:
        return f"{_first(row.was or '')}{_where(row)} is gone and takes {amount}"
    replaced = f" in place of {_first(row.was)}" if row.was and row.was != row.op else ""
    return f"{_first(row.op)}{replaced}{_where(row)} takes {amount}"


def _where(row: OperatorChange) -> str:
    return f" at {row.anchor}" if row.anchor else f" in {counted(row.nodes, 'node')}"


def glue(found: OperatorDifference) -> str:
    """The largest kinds of what no node of the original graph stands behind."""
    return listed((name(row) for row in found.glue_ops), 3)
