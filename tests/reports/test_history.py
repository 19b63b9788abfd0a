"""The history of a cell: what is said of it, where changes are marked, and that gaps stay gaps."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_reports import page
from farm_reports.charts.history import NARROW, WIDE, Spot, Stretch, history
from farm_reports.figures import plain
from farm_reports.history import History
from farm_reports.judge.histories import segments
from farm_reports.sections.history import history as section
from farm_reports.sections.view import View
from over_time_support import historic, night, sound
from reports_support import POINT_KEY, Made, changed, grid

DAY_S = 86_400.0


def lede(made: Made) -> str:
    found = section(View(made.results, made.samples))
    assert found is not None
    return plain(found.lede)


def of(made: Made, *values: float, **facts: str | None) -> Made:
    """One board's history of so many nights."""
    runs = [night(number, each, **facts) for number, each in enumerate(values)]
    told = History(board="local", variant="int8-qdq", point_key=POINT_KEY, runs=runs, segments=segments(runs, 0.002))
    return changed(made, history=[told])


def test_the_change_that_moved_a_mean_most_is_told_first() -> None:
    found = lede(historic())
    assert re.match(
        r"33 runs since 22\s+Sep\s+2026\. distilled on \S+ moved most, by -\d\.\d %, when this changed: onnxruntime 1\.21\.0 to 1\.22\.0\.",
        found,
    )


def test_where_nothing_changed_that_is_said_and_no_change_is_looked_for() -> None:
    assert (
        lede(of(grid(1, 6), 0.2, 0.2, 0.3))
        == "3 runs since 22 Sep 2026. Nothing that is recorded changed between them."
    )


@pytest.mark.parametrize(("last", "word"), [(0.201, "inside"), (0.25, "outside")])
def test_this_run_is_held_against_the_band_of_the_last_stretch(last: float, word: str) -> None:
    made = of(grid(1, 6), *[0.2] * 9, last)
    html = plain(page.render(made.results, {}))
    assert f"this one lies {word} the band of ±" in html


def test_the_first_run_after_a_change_has_nothing_to_lie_in() -> None:
    made = historic().results.history[0]
    runs = [*made.runs[:-1], made.runs[-1].model_copy(update={"kernel": "9.9"})]
    told = made.model_copy(update={"runs": runs, "segments": segments(runs, 0.002)})
    html = plain(page.render(changed(historic(), history=[told]).results, {}))
    assert "the first one since the last change" in html
    assert "kernel 6.6.31 to 9.9" in html


def test_every_change_is_in_the_list_below_the_drawing() -> None:
    html = page.render(historic().results, historic().samples)
    part = html[html.index('<section id="history"') : html.index('<section id="trust"')]
    for each in historic().results.history:
        for segment in each.segments[1:]:
            assert "; ".join(segment.changed) in part
    assert part.count('<ol class="changes">') == 2


def test_without_a_history_there_is_no_section() -> None:
    assert '<section id="history"' not in page.render(grid(1, 6).results, {})


def spots(times: list[float], values: list[float]) -> list[Spot]:
    return [Spot(t, v, v * 0.99, v * 1.01, "run") for t, v in zip(times, values, strict=True)]


def test_a_week_without_a_run_is_a_week_without_a_point_and_without_a_band() -> None:
    days = [*range(10), *range(40, 50)]
    made = spots([day * DAY_S for day in days], [1.0] * 20)
    drawing = str(
        history(made, [Stretch(0, 9, 1.0, 0.01), Stretch(10, 19, 1.0, 0.01, "kernel 6.7: +0.0 %")], "ms", "x", WIDE)
    )
    ends = [
        (float(x), float(x) + float(w))
        for x, w in re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawing)
    ]
    assert ends[1][0] - ends[0][1] > 300


@pytest.mark.parametrize("frame", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize(
    "values",
    [[1.0] * 3, [0.0] * 3, [1.0], [1e-6, 1e9, 1.0], [1.0] * 60],
    ids=["all equal", "all zero", "one", "far apart", "sixty"],
)
def test_any_figures_make_a_sound_drawing(values: list[float], frame: object) -> None:
    made = spots([number * DAY_S for number in range(len(values))], values)
    assert frame in {WIDE, NARROW}
    for at_once in (made, spots([5.0] * len(values), values)):
        sound(
            str(
                history(
                    at_once,
                    [Stretch(0, len(values) - 1, values[0], 0.02)],
                    "ms",
                    "x",
                    WIDE if frame is WIDE else NARROW,
                )
            )
        )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(1e-6, 1e6)), min_size=1, max_size=60), st.data())
def test_any_times_and_cuts_make_a_sound_drawing(rows: list[tuple[float, float]], data: st.DataObject) -> None:
    times, values = (list(column) for column in zip(*sorted(rows), strict=True))
    cuts = sorted({0, *data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6))})
    stretches = [
        Stretch(start, end - 1, values[start], 0.05, f"kernel {start}: +1.0 %" if start else "")
        for start, end in zip(cuts, [*cuts[1:], len(rows)], strict=True)
    ]
    for frame in (WIDE, NARROW):
        sound(str(history(spots(times, values), stretches, "ms", "x", frame)))
