"""The worst case on the page: its heading, its sentences, its panels, and drawings of extreme inputs."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_reports import page
from farm_reports.charts import dots, nines
from farm_reports.charts.operators import Bar, operators
from farm_reports.explained import OperatorChange, OperatorDifference, Profiled, QuantileChange, Why
from farm_reports.judge.why import explained
from farm_reports.sections import cause
from farm_reports.sections.distributions import distributions
from farm_reports.sections.reading import reading
from farm_reports.sections.view import Section, View
from farm_reports.sections.why import why
from past_support import regressed, undecided
from reports_html import Tags
from reports_screens import demo, failed, inconclusive, nothing
from reports_support import HOSTILE, Made, changed, grid
from why_support import explained_run, operator, profiles, regressed_run, shipped_run, told

TIMES = st.floats(1e-6, 1e9)
CHANGES = st.one_of(st.just(0.0), st.floats(-1e9, 1e9), st.floats(-1e-9, 1e-9))


def view(made: Made) -> View:
    return View(made.results, made.samples, made.beside)


def section(made: Made) -> Section:
    found = why(view(made))
    assert found is not None
    return found


def drawn(made: Made) -> list[str]:
    return [panel.heading for panel in section(made).body.panels]


@pytest.mark.parametrize(
    ("make", "heading", "name"),
    [
        (regressed_run, "Why int8-qdq on rpi5-8g got slower", "Worst case"),
        (lambda: told(regressed()), "How int8-qdq on rpi5-8g got slower", "Worst case"),
        (lambda: told(failed()), "How int8-qdq misses its limit on vim4", "Worst case"),
        (lambda: told(inconclusive()), "What is open about int8-qdq on vim4", "Worst case"),
        (explained_run, "Why int8-dynamic takes 1.98\u00d7 the time of fp32 on local", "Worst case"),
        (lambda: told(demo()), "A closer look at int8-dynamic on local", "Worst case"),
        (shipped_run, "Why int8-qdq is 2.36\u00d7 faster on local", "Closer look"),
    ],
)
def test_the_heading_says_what_is_explained(make: Callable[[], Made], heading: str, name: str) -> None:
    found = section(make())
    assert (found.heading, found.name) == (heading, name)


def test_it_stands_after_the_distributions_and_is_left_out_where_there_is_nothing_to_explain() -> None:
    ids = [each.id for each in page.sections(view(explained_run()))]
    assert ids.index("why") == ids.index("distributions") + 1
    assert why(view(told(nothing()))) is None
    assert 'id="why"' not in page.render(grid(1, 6).results, {})


def test_a_margin_that_nobody_set_is_not_called_a_budget() -> None:
    assert "; margin +0.5\u00a0%. " in section(told(undecided())).lede
    assert "; budget +5\u00a0%. " in section(regressed_run()).lede


def test_the_lede_names_a_cause_with_its_share_and_the_part_that_moved() -> None:
    assert section(regressed_run()).lede.endswith(
        "20 of 20 iterations are over the budget. DequantizeLinear in 11 nodes takes 0.330\u00a0ms more and explains "
        "81\u00a0% of the change. The whole distribution moved: p5 +12.0\u00a0%, p50 +12.0\u00a0%, p99 +12.0\u00a0%."
    )
    assert (
        "Layout / quantisation glue takes 118\u00a0\u00b5s more and explains 55\u00a0% of the change."
        in section(explained_run()).lede
    )
    assert (
        "QLinearConv in place of Conv in 11 nodes takes 130\u00a0\u00b5s less and explains all of the change."
        in section(shipped_run()).lede
    )


def test_panels_stand_only_where_their_data_are() -> None:
    made = explained_run()
    assert drawn(made) == ["Where the time went", "20 iterations", "Into the tail"]
    assert drawn(told(demo())) == ["20 iterations", "Into the tail"]
    assert drawn(Made(made.results, {})) == ["Where the time went"]
    bare = explained(changed(demo(), profiles=[]).results, lambda _: None)
    assert why(View(bare, {})) is None


def test_without_profiles_one_line_says_what_would_give_them() -> None:
    line = "Where the time goes is not known: int8-dynamic and fp32 were not profiled; <code>farm run --profile</code> shows it."
    assert line in page.render(told(demo()).results, demo().samples)
    assert "is not known" not in page.render(explained_run().results, explained_run().samples)


def test_more_cases_like_it_are_counted() -> None:
    assert section(explained_run(3)).body.notes[-1] == "5 more comparisons came out slower than fp32."
    twice = regressed_run({("rpi5-8g", "int8-qdq"): 0.118, ("rock5b", "int8-qdq"): 0.3})
    assert section(twice).body.notes[-1] == "1 more comparison with the past regressed."


def test_the_drawings_of_three_panels_have_one_width_and_those_of_two_a_narrow_twin() -> None:
    widths = [
        [
            drawing.count("<svg") and re.findall(r'<svg width="(\d+)"', drawing)[0]
            for piece in panel.pieces
            for drawing in piece.drawings
        ]
        for made in (explained_run(), told(demo()))
        for panel in section(made).body.panels
    ]
    assert widths == [["296", "296"], ["296"], ["296"], ["500", "296"], ["500", "296"]]


def test_profiling_is_said_to_have_cost_time_and_traces_are_linked() -> None:
    panel = section(explained_run()).body.panels[0]
    assert panel.note.startswith(
        "50 profiled iterations; profiling itself cost 41\u00a0% (fp32: 28\u00a0%). 72\u00a0% of the time"
    )
    assert panel.links == (("traces/local-int8-dynamic.json", "int8-dynamic"), ("traces/local-fp32.json", "fp32"))


def test_the_words_of_profiles_are_explained_where_they_stand_and_nowhere_else() -> None:
    groups = [heading for heading, _ in reading(view(explained_run())).body.groups]
    assert "Where the time goes" in groups
    assert "Where the time goes" not in [heading for heading, _ in reading(view(told(demo()))).body.groups]


def test_names_of_operators_that_try_to_break_out_stay_text() -> None:
    made = explained_run()
    bad = [
        operator(HOSTILE[0], 1.0, HOSTILE[1]),
        operator(HOSTILE[2], 2.0),
        operator("n" * 10_000, 0.5, "/" + "x" * 10_000),
    ]
    hostile = [each.model_copy(update={"operators": bad, "trace": 'javascript:"><script>'}) if each.variant != "fp32" else each
               for each in profiles(made.results.cells)]  # fmt: skip
    html = page.render(told(changed(made, profiles=hostile)).results, made.samples)
    tags = Tags(html)
    assert [tag for tag, _ in tags.tags if tag == "script"] == ["script", "script"]
    assert not [
        1 for _, attributes in tags.tags if "onload" in attributes or "javascript:" in attributes.get("href", "")
    ]


def test_the_past_is_outlined_where_something_changed_and_said_so() -> None:
    made = regressed_run()
    found = distributions(view(made))
    assert found is not None
    assert found.lede.endswith("Dashed: the past, where something changed.")
    by_board = {chart.label: str(chart.drawings[0]) for chart in found.body.charts}
    assert by_board["rpi5-8g"].count("stroke-dasharray") == 1
    assert ">regressed</text>" in by_board["rpi5-8g"]
    assert "stroke-dasharray" not in by_board["vim4"]
    bare = distributions(View(made.results, made.samples))
    assert bare is not None
    assert "Dashed" not in bare.lede


@settings(max_examples=60)
@given(st.lists(CHANGES, min_size=1, max_size=12), st.floats(150, 600))
def test_bars_of_any_changes_stay_inside_their_drawing(changes: list[float], width: float) -> None:
    bars = [Bar("name" * 20, "detail" * 20, change, "+1.00", "slow", "title", path=True) for change in changes]
    inside(str(operators(bars, "finding", width)), width)


@settings(max_examples=60)
@given(
    st.lists(TIMES, min_size=20, max_size=20), st.lists(TIMES, min_size=20, max_size=20), st.one_of(st.none(), TIMES)
)
def test_dots_of_any_times_stay_inside_and_are_twenty_a_side(
    mine: list[float], other: list[float], limit: float | None
) -> None:
    lanes = [dots.Lane("a" * 64, "20 in 20 over", sorted(values), "slow") for values in (mine, other)]
    drawing = str(dots.dots(lanes, "ms", dots.Limit(limit, "limit") if limit else None, "finding", 296))
    inside(drawing, 296)
    assert drawing.count("<circle") == 40


@settings(max_examples=60)
@given(
    st.lists(TIMES, min_size=1, max_size=50),
    st.lists(TIMES, min_size=1, max_size=50),
    st.sampled_from([0.5, 0.9, 0.99, 0.999]),
)
def test_tails_of_any_times_stay_inside(mine: list[float], other: list[float], most: float) -> None:
    tails = [nines.Tail("a", np.array(mine), most, "slow"), nines.Tail("b", np.array(other), 0.9, "ink2", dashed=True)]
    inside(str(nines.nines(tails, nines.Scope("ms", "slow", "finding"), 296)), 296)


def inside(drawing: str, width: float) -> None:
    """All marks have finite places within the drawing."""
    root = ET.fromstring(drawing)  # noqa: S314 - our own text
    for element in root.iter():
        for name in ("x", "cx", "x1", "x2"):
            assert -8 <= float(element.get(name, 0)) <= width + 8
        assert float(element.get("width", 1)) >= 0
        assert not re.search(
            r"nan|inf", " ".join(v for k, v in element.attrib.items() if k in {"d", "x", "y", "cx", "cy"})
        )


def test_dots_beyond_a_limit_never_stand_before_it() -> None:
    lane = dots.Lane("a", "", [*np.linspace(10, 17.99, 10), *np.linspace(18.01, 30, 10)], "bad")
    drawing = str(dots.dots([lane], "ms", dots.Limit(18.0, "limit"), "finding", 296))
    rule = float(re.findall(r'<line x1="([\d.]+)"[^>]*dasharray', drawing)[0])
    places = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawing)]
    assert sum(x > rule for x in places) == 10


def change(op: str | None, change_ms: float, share: float | None, **fields: object) -> OperatorChange:
    made = OperatorChange(
        anchor=None, op=op, was=op, nodes=2, ms=5.0, reference_ms=5.0 - change_ms, change_ms=change_ms, share=share
    )
    return made.model_copy(update=fields)


def sentence(change_ms: float, *rows: OperatorChange, leads: bool = True) -> str:
    side = Profiled(iterations=50, anchored=0.9, cost=0.28)
    found = OperatorDifference(by="kind", ms=10.0, reference_ms=10.0 - change_ms, change_ms=change_ms, rows=list(rows), glue=None,
                               others=None, unlisted=0, leading=rows[0] if leads else None, profiled=side, reference_profiled=side)  # fmt: skip
    made = Why(
        board="b",
        variant="v",
        point_key="k",
        rule="slower",
        reference="baseline",
        similar=0,
        line=None,
        operators=found,
        reason=None,
    )
    return " ".join(cause.operators(view(grid(2, 6)), made)).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (lambda: sentence(2.0, change("Cast", 1.64, 0.82)), "Cast in 2 nodes takes 1.64 ms more and explains 82 % of the change."),
        (lambda: sentence(2.0, change("Cast", 1.0, 0.5, was=None, nodes=1)), "Cast in 1 node takes 1.00 ms more and explains 50 % of the change."),
        (lambda: sentence(-2.0, change("Cast", -1.0, 0.5, anchor="/a")), "Cast at /a takes 1.00 ms less and explains 50 % of the change."),
        (lambda: sentence(-2.0, change(None, -1.0, 0.5, was="Cast")), "Cast in 2 nodes is gone and takes 1.00 ms less and explains 50 % of the change."),
        (lambda: sentence(2.0, change("Cast", 3.0, 1.5), change("Conv", -1.0, -0.5)),
         "Cast in 2 nodes takes 3.00 ms more, more than the whole change of 2.00 ms. Conv in 2 nodes takes 1.00 ms less."),
        (lambda: sentence(2.0, change("Cast", 0.3, 0.15), leads=False),
         "No operator stands out; the largest difference: Cast in 2 nodes takes 0.300 ms more."),
        (lambda: sentence(0.01, change("Cast", 0.01, 1.0)), "The two take the same time in their operators."),
    ],
)  # fmt: skip
def test_a_cause_is_told_by_its_figures(said: Callable[[], str], text: str) -> None:
    assert said() == text


@pytest.mark.parametrize(
    ("moved", "text"),
    [
        ("whole", "The whole distribution moved: p5 +11.0 %, p50 +10.0 %, p99 +40.0 %."),
        ("tail", "The median stayed (+10.0 %), the tail grew: p99 +40.0 %."),
        ("more_tail", "The median moved by +10.0 %, the tail by more: p99 +40.0 %."),
        ("body", "The median moved by +10.0 %, the tail did not follow: p99 +40.0 %."),
        ("uneven", "The distribution did not move as one: p5 +11.0 %, p50 +10.0 %, p99 +40.0 %."),
        ("none", "The distribution stayed within \u00b12 %: p5 +11.0 %, p50 +10.0 %, p99 +40.0 %."),
    ],
)
def test_a_shift_is_told_by_its_word_and_its_figures(moved: str, text: str) -> None:
    told_ = [
        QuantileChange(p=p, ms=1.0, reference_ms=1.0, change=by)
        for p, by in ((0.05, 0.11), (0.5, 0.1), (0.99, 0.4), (0.999, 9.0))
    ]
    made = explained_run().results.why
    assert made is not None
    assert (
        cause.distribution(made.model_copy(update={"quantiles": told_, "moved": moved})).replace("\u00a0", " ") == text
    )


def test_the_page_of_one_board_leads_to_the_traces_of_the_run() -> None:
    made = explained_run()
    assert 'href="../traces/local-fp32.json"' in page.render_board(made.results, made.samples)
    assert 'href="traces/local-fp32.json"' in page.render(made.results, made.samples)


@pytest.mark.parametrize("path", [False, True])
def test_a_name_of_a_million_letters_is_cut_at_once(*, path: bool) -> None:
    bar = Bar("n" * 10**6, "detail", 1.0, "+1.00", "slow", "title", path=path)
    drawn = str(operators([bar], "finding", 296))
    assert "\u2026" in drawn
    assert len(drawn) < 5000
