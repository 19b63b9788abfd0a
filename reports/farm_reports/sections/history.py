"""History: what a cell of each board took in the runs before this one, and what was changed in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from farm_reports import figures
from farm_reports.charts import history as chart
from farm_reports.history import Earlier, History, Segment
from farm_reports.sections.view import CHARTED, Section, View
from farm_reports.sections.words import counted

COMMIT = 10
GAPS = "A point is a run, its line the 95 % interval; where nothing was measured there is nothing."
BAND = "The grey band is what a run may differ by without meaning anything: its own interval, and what runs of its board share."


@dataclass(frozen=True)
class Change:
    """What became otherwise with a run, and how the mean moved."""

    when: str
    what: str
    moved: str


@dataclass(frozen=True)
class Drawn:
    label: str
    variant: str
    said: str
    drawings: tuple[Markup, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Past:
    histories: tuple[Drawn, ...]
    note: str


def history(view: View) -> Section | None:
    """None where no cell was measured in three runs."""
    found = view.results.history[:CHARTED]
    if not found:
        return None
    body = Past(tuple(_drawn(view, one) for one in found), f"{GAPS} {BAND}")
    return Section("history", "History", "History", _lede(view, found), body)


def _lede(view: View, found: Sequence[History]) -> str:
    """The change that moved a mean most; else that none did; then where this run lies."""
    moved = [(abs(one.moved), each, one) for each in found for one in each.segments if one.moved is not None]
    runs = max(len(each.runs) for each in found)
    first = min(each.runs[0].created for each in found)
    since = f"{counted(runs, 'run')} since {_day(first)}."
    if not moved:
        return f"{since} Nothing that is recorded changed between them."
    _, each, one = max(moved, key=lambda row: row[0])
    return f"{since} {_of(view, each)} moved most, by {figures.percent(one.moved or 0.0)}, when this changed: {'; '.join(one.changed)}."


def _of(view: View, one: History) -> str:
    return f"{one.variant} on {one.board}" if len(view.results.boards) > 1 else one.variant


def _drawn(view: View, one: History) -> Drawn:
    unit = view.clock
    spots = [_spot(view, run) for run in one.runs]
    stretches = [_stretch(view, segment) for segment in one.segments]
    said = _said(view, one)
    finding = f"{one.variant} on {one.board} over {counted(len(one.runs), 'run')}: {said}"
    drawings = tuple(chart.history(spots, stretches, unit.unit, finding, frame) for frame in (chart.WIDE, chart.NARROW))
    return Drawn(one.board, _variant(view, one), said, drawings, tuple(_changes(one)))


def _variant(view: View, one: History) -> str:
    point = next((row.point for row in view.rows if (row.board.name, row.point_key) == (one.board, one.point_key)), "")
    return f"{one.variant}, {point}" if point else one.variant


def _said(view: View, one: History) -> str:
    """Where this run lies against the others since the last change."""
    last, this = one.segments[-1], one.runs[-1].p50_ms.value or 0.0
    own = f"This run: {view.clock.write(this)}"
    if last.first == last.last:
        return f"{own}, the first one since the last change."
    away = this / last.mean_ms - 1
    place = "inside" if abs(away) <= last.band else "outside"
    mean = f"the mean of the last {counted(last.last - last.first + 1, 'run')} is {view.clock.write(last.mean_ms)}"
    return f"{own}; {mean}, and this one lies {place} the band of \u00b1{figures.share(last.band)}."


def _changes(one: History) -> Iterator[Change]:
    for segment in one.segments[1:]:
        yield Change(
            _day(one.runs[segment.first].created), "; ".join(segment.changed), figures.percent(segment.moved or 0)
        )


def _spot(view: View, run: Earlier) -> chart.Spot:
    value, low, high = (
        None if each is None else each * view.clock.per_ms
        for each in (run.p50_ms.value, run.p50_ms.low, run.p50_ms.high)
    )
    facts = [
        run.created,
        f"onnxruntime {run.onnxruntime}" if run.onnxruntime else "",
        f"kernel {run.kernel}" if run.kernel else "",
    ]
    facts += [f"git {run.git[:COMMIT]}" if run.git else "", counted(run.launches, "launch", "launches")]
    words = "\n".join(filter(None, [f"{view.clock.write(run.p50_ms.value or 0)}, run {run.run}", *facts]))
    return chart.Spot(_at(run.created).timestamp(), value or 0.0, low, high, words)


def _stretch(view: View, one: Segment) -> chart.Stretch:
    moved = "" if one.moved is None else f": {figures.percent(one.moved)}"
    words = f"{' and '.join(map(_brief, one.changed))}{moved}" if one.changed else ""
    finding = f"mean {view.clock.write(one.mean_ms)}, band \u00b1{figures.share(one.band)}"
    return chart.Stretch(one.first, one.last, one.mean_ms * view.clock.per_ms, one.band, words, finding)


def _brief(change: str) -> str:
    """`kernel 6.6.20 to 6.6.31` as `kernel 6.6.31`."""
    name, _, values = change.partition(" ")
    return f"{name} {values.partition(' to ')[2].partition(',')[0]}"


def _at(created: str) -> datetime:
    return datetime.fromisoformat(created)


def _day(created: str) -> str:
    return f"{_at(created):%d %b %Y}".lstrip("0").replace(" ", figures.GAP)
