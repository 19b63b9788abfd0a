"""The drawings of the worst case: operators, twenty iterations, the tail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from farm_reports import figures
from farm_reports.charts import dots, nines
from farm_reports.charts.operators import Bar
from farm_reports.charts.operators import operators as bars
from farm_reports.explained import OperatorChange, OperatorDifference, Why
from farm_reports.profiled import GLUE
from farm_reports.results import Cell
from farm_reports.sections import cause
from farm_reports.sections.view import View
from farm_reports.sections.words import bound, counted
from farm_reports.stats.shift import twenty

Floats = npt.NDArray[np.float64]
SMALL, MEDIUM = 296.0, 500.0  # three beside each other; two or one, and their narrow twin
MINOR = 0.05  # of the largest bar
COLOURS = {"past": ("bad", "good"), "baseline": ("slow", "accent")}  # takes more, takes less


@dataclass(frozen=True)
class Piece:
    """A drawing at its widths."""

    caption: str
    drawings: tuple[Markup, ...]


@dataclass(frozen=True)
class Panel:
    """`links`: addresses in the run's folder, and what they lead to."""

    heading: str
    pieces: tuple[Piece, ...]
    note: str = ""
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Case:
    """The comparison with its figures at hand. `times`: both sides in the unit of the page, None where not at hand."""

    view: View
    why: Why
    cell: Cell
    times: tuple[Floats, Floats] | None

    @property
    def reference(self) -> str:
        return "the past" if self.why.reference == "past" else self.view.baseline

    @property
    def names(self) -> tuple[str, str]:
        """Of both sides, for labels."""
        return ("this run", "the past") if self.why.reference == "past" else (self.cell.variant, self.reference)

    @property
    def where(self) -> str:
        rows = (
            row for row in self.view.rows if (row.board.name, row.point_key) == (self.why.board, self.why.point_key)
        )
        return next((row.label for row in rows), self.why.board)

    @property
    def colour(self) -> str:
        if self.why.rule == "inconclusive":
            return "warn"
        if self.why.rule in {"regressed", "failed"}:
            return "bad"
        versus = self.cell.versus_baseline
        return {"slower": "slow", "faster": "accent"}.get(versus.verdict if versus else "", "ink2")

    @property
    def sizes(self) -> tuple[float, ...]:
        """The widths of its drawings: one where there are three of them."""
        return (SMALL,) if self.why.operators and self.times else (MEDIUM, SMALL)

    def twin(self, width: float) -> bool | None:
        return None if len(self.sizes) == 1 else width == self.sizes[0]

    @property
    def line(self) -> str:
        """The limit in words; empty where there is none."""
        return f"{self.line_name} {bound(self.why.line.bound)}" if self.why.line else ""

    @property
    def line_name(self) -> str:
        line, past = self.why.line, self.view.results.past
        if line is not None and line.budget:
            return "budget" if past and line.metric in past.budgets else "margin"
        return "p99 limit" if line and line.metric == "latency_p99" else "limit"

    @property
    def line_at(self) -> float | None:
        """Where it stands, in the unit of the page."""
        return None if self.why.line is None else self.why.line.ms * self.view.clock.per_ms


def panels(case: Case) -> tuple[Panel, ...]:
    """Each only where its data are."""
    return tuple(panel for panel in (_operators(case), _dots(case), _tail(case)) if panel is not None)


def _operators(case: Case) -> Panel | None:
    found = case.why.operators
    if found is None:
        return None
    rows = sorted([*found.rows, *([found.glue] if found.glue else [])], key=lambda row: -row.change_ms)
    by = "node of the original graph" if found.by == "node" else "kind of operator"
    caption = f"{case.view.clock.unit} per inference against {case.reference}, by {by}."
    pieces = [_piece(case, found, [*rows, *([found.others] if found.others else [])], caption)]
    if found.nodes:
        pieces.append(_piece(case, found, found.nodes, "The nodes of the original graph that changed most."))
    return Panel("Where the time went", tuple(pieces), _profiled(case, found), _traces(case))


def _piece(case: Case, found: OperatorDifference, rows: Sequence[OperatorChange], caption: str) -> Piece:
    largest = max(abs(row.change_ms) for row in rows) if rows else 0.0
    nodes = found.by == "node" or rows is found.nodes
    drawn = [_bar(case, found, row, largest, nodes=nodes) for row in rows]
    said = " ".join(cause.operators(case.view, case.why)) or "Change by operator"
    return Piece(caption, tuple(bars(drawn, said, width, wide=case.twin(width)) for width in case.sizes))


def _bar(case: Case, found: OperatorDifference, row: OperatorChange, largest: float, *, nodes: bool) -> Bar:
    clock, (more, less) = case.view.clock, COLOURS[case.why.reference]
    name, detail = _named(found, row, nodes=nodes)
    quiet = row.tiny or abs(row.change_ms) <= MINOR * largest
    share = "" if row.share is None else f", {_percent(row.share)} of the change"
    return Bar(
        name=name,
        detail=detail,
        change=row.change_ms * clock.per_ms,
        value=figures.signed(row.change_ms * clock.per_ms, _decimals(largest * clock.per_ms)),
        colour="mute" if quiet else more if row.change_ms > 0 else less,
        finding=f"{cause.whole_name(row)}, {row.anchor or detail}\n{clock.bare(row.reference_ms)} {cause.ARROW} "
        f"{clock.write(row.ms)}{share}{', too short to be profiled well' if row.tiny else ''}",
        strong=row == found.leading,
        below=cause.glue(found) if row.op == GLUE else "",
        path=nodes and row.anchor is not None,
    )


def _decimals(largest: float) -> int:
    """Three digits for the largest of a chart, and as many places for all."""
    return min(max(2 - math.floor(math.log10(largest)), 0), 5) if largest > 0 else 0


def _named(found: OperatorDifference, row: OperatorChange, *, nodes: bool) -> tuple[str, str]:
    """A node by its name in the original graph, with its operator behind it; operators of a kind with their number."""
    if row.op == GLUE:
        return GLUE, ""
    if row is found.others:
        return "others", f"{found.unlisted} more"
    fate = "" if row.op and row.was else "new" if row.op else "gone"
    op, place = cause.name(row), row.anchor or counted(row.nodes, "node")
    return (place, ", ".join(filter(None, (op, fate)))) if nodes else (op, ", ".join(filter(None, (fate, place))))


def _profiled(case: Case, found: OperatorDifference) -> str:
    """How the figures came about, so that nobody takes them for timings."""
    mine, other = found.profiled, found.reference_profiled
    same = mine.iterations == other.iterations
    counts = f"{mine.iterations}" if same else f"{mine.iterations} and {other.iterations}"
    cost = "" if mine.cost is None or mine.cost <= 0 else f"; profiling itself cost {_percent(mine.cost)}"
    if cost and other.cost is not None and other.cost > 0 and other.cost != mine.cost:
        cost += f" ({case.reference}: {_percent(other.cost)})"
    traced = "" if mine.anchored is None else f" {_percent(mine.anchored)} of the time leads back to a node."
    grey = ["Grey where the operators are too short to be profiled well."] if _tiny(found) else []
    return " ".join([f"{counts} profiled iterations{cost}.{traced}", *grey, *found.notes])


def _tiny(found: OperatorDifference) -> bool:
    return any(row.tiny for row in [*found.rows, *found.nodes, *([found.glue] if found.glue else [])])


def _traces(case: Case) -> tuple[tuple[str, str], ...]:
    """The traces of this run, for a trace viewer."""
    sides = [case.why.variant, *([case.view.baseline] if case.why.reference == "baseline" else [])]
    at = (case.why.board, case.why.point_key)
    found = [each for each in case.view.results.profiles if (each.board, each.point_key) == at and each.trace]
    return tuple(
        (quote((each.trace or "").lstrip("/")), each.variant)
        for name in sides
        for each in found
        if each.variant == name
    )


def _percent(share: float) -> str:
    return f"{share * 100:.0f}{figures.GAP}%"


def _dots(case: Case) -> Panel | None:
    if case.times is None:
        return None
    view, found = case.view, case.why
    limit = None if case.line_at is None else dots.Limit(case.line_at, case.line)
    over = None if found.over is None else (found.over.subject, found.over.reference)
    lanes = [
        dots.Lane(name, _over(over[side]) if over else "", twenty(times).tolist(), colour, strong=side == 0)
        for side, (name, times, colour) in enumerate(zip(case.names, case.times, (case.colour, "mute"), strict=True))
    ]
    said = f"20 iterations of {case.names[0]} and of {case.names[1]}"
    said += f"; {_over(over[0])} the {case.line}, {_over(over[1])} of {case.names[1]}" if over else ""
    drawings = tuple(
        dots.dots(lanes[::-1], view.clock.unit, limit, said, width, wide=case.twin(width)) for width in case.sizes
    )
    return Panel("20 iterations", (Piece("Each dot stands for 1 iteration in 20.", drawings),))


def _over(count: int) -> str:
    return f"{count} in 20 over"


def _tail(case: Case) -> Panel | None:
    found = case.why
    if case.times is None or min(found.reach, found.reference_reach) < 0.5:
        return None
    mine, other = case.times
    tails = [
        nines.Tail(case.names[0], mine, found.reach, case.colour),
        nines.Tail(case.names[1], other, found.reference_reach, "ink2", dashed=True),
    ]
    said = cause.distribution(found) or f"Iterations of {case.names[0]} and of {case.names[1]}"
    ground = "ink2" if found.rule in {"failed", "inconclusive"} else case.colour
    limit = None if case.line_at is None else (case.line_at, case.line)
    scope = nines.Scope(case.view.clock.unit, ground, said, limit)
    drawings = tuple(nines.nines(tails, scope, width, wide=case.twin(width)) for width in case.sizes)
    return Panel("Into the tail", (Piece(_reached(case), drawings),))


def _reached(case: Case) -> str:
    text = "Share of iterations that are faster; each further nine is a step up."
    short = case.why.tail_reason if case.why.reach < 0.99 else None
    return f"{text} Too few for more ({short})." if short else text
