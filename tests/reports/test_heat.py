"""Heat and sustained speed: what is said of it, what is drawn, and that no reading makes a drawing that is none."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_reports import page
from farm_reports.beside import Beside, Lane
from farm_reports.charts import kept as kept_chart
from farm_reports.charts.lanes import FULL, HALF, NARROW, Told, axis, lanes
from farm_reports.figures import plain
from farm_reports.heated import Heat
from farm_reports.sections.heat import heat, sentences, unread
from farm_reports.sections.view import Section, View
from over_time_support import EVIDENCE, heated, lane, nothing, sound, warm
from reports_support import POINT_KEY, Made, changed, grid

TOLD = Told("ms", 1.0, "int8 over time")


def view(made: Made) -> View:
    return View(made.results, made.samples, made.beside)


def section(made: Made) -> Section:
    found = heat(view(made))
    assert found is not None
    return found


def said(*heats: Heat) -> str:
    return plain(" ".join(filter(None, sentences(view(changed(grid(3, 6), heat=list(heats)))))))


def test_the_longest_held_back_is_named_with_its_share_its_heat_and_the_evidence() -> None:
    found = said(
        warm("rpi4-4g", "fp32", 1, 0.1), warm("rpi5-8g", "int8-qdq", 5, 0.312), warm("orin-nano", "fp32", 0, 0.0)
    )
    assert found.startswith(
        f"int8-qdq on rpi5-8g was held back in 5 of 8 launches, 31.2 % of the time that was measured, and reached 81.2 °C: {EVIDENCE}."
    )
    assert found.endswith("1 more board was held back: rpi4-4g.")


def test_where_nobody_was_held_back_the_hottest_is_told() -> None:
    calm = [warm("rpi5-8g", "fp32", 0, 0.0, 58.0), warm("rpi4-4g", "fp32", 0, 0.0, 61.4)]
    assert said(*calm) == "No board was held back; the hottest reached 61.4 °C (rpi4-4g)."


def test_a_board_that_cannot_tell_is_not_called_calm() -> None:
    found = said(warm("rpi5-8g", "fp32", 0, 0.0, 58.0), warm("rpi4-4g", "fp32", 0, None, None))
    assert found == (
        "No board was held back of the 1 that can tell; the hottest reached 58.0 °C (rpi5-8g). "
        "On rpi4-4g nothing tells whether it was held back."
    )
    assert "No board was held back" not in said(warm("rpi5-8g", "fp32", 0, None), warm("rpi4-4g", "fp32", 0, None))


def test_a_suspicion_is_told_as_one() -> None:
    perhaps = warm("rpi5-8g", "fp32", 0, 0.0).model_copy(update={"suspected": 2, "evidence": "it came near"})
    found = said(perhaps, warm("rpi4-4g", "fp32", 0, 0.0))
    assert found.startswith("No board was held back for certain; the hottest reached 81.2 °C (rpi5-8g). ")
    assert found.endswith("fp32 on rpi5-8g may have been held back: it came near.")


def test_a_single_board_is_not_named() -> None:
    alone = changed(grid(1, 6), heat=[warm("local", "fp32", 0, 0.0, 58.0)])
    assert [*sentences(view(alone))] == ["The board was not held back; it reached 58.0\u00a0°C."]


def test_lanes_and_what_is_kept_stand_side_by_side_above_the_table() -> None:
    html = page.render(heated().results, heated().samples, heated().beside)
    part = html[html.index('<section id="heat"') : html.index('<section id="trust"')]
    assert part.index('class="warm"') < part.index("Speed kept after 10 minutes") < part.index("Time to throttle")
    assert html.count('<section id="heat"') == 1
    assert '<a href="#heat">Heat</a>' in html


def test_a_burst_run_with_lanes_has_no_word_of_speed_that_is_kept() -> None:
    made = changed(grid(1, 6), heat=[warm("local", "fp32", 0, 0.0)])
    made = replace(made, beside=Beside(lanes={("local", "fp32", POINT_KEY): lane(hot=False)}))
    found = section(made).body
    assert (found.kept, found.lasting) == (None, None)
    assert 'width="1050"' in found.lanes[0].drawings[0]


def test_without_lanes_and_soaks_there_is_no_section() -> None:
    assert heat(view(changed(grid(2, 6), heat=[warm("rpi5-8g", "fp32", 0, 0.0)]))) is None
    assert '<section id="heat"' not in page.render(grid(2, 6).results, {})


def test_what_nobody_read_is_among_the_unmeasured_with_its_reason() -> None:
    gaps = list(unread(view(heated())))
    assert [(gap.what, gap.why) for gap in gaps] == [
        ("Temperature on orin-nano", "no thermal zone of the processor answers")
    ]


def test_lanes_of_a_board_that_is_not_charted_are_not_drawn() -> None:
    names = [board.name for board in grid(12, 3).results.boards]
    made = changed(grid(12, 3), heat=[warm(name, "fp32", 0, 0.0) for name in names])
    made = replace(made, beside=Beside(lanes={(name, "fp32", POINT_KEY): lane(2) for name in names}))
    assert len(section(made).body.lanes) == 8


def test_pauses_that_would_take_most_of_the_room_are_drawn_short_and_stay_gaps() -> None:
    short = axis(lane(6, 20, 600), 610)
    assert short.short
    rooms = [right - left for left, right in short.pixels]
    assert rooms == pytest.approx([rooms[0]] * 6), "launches of one length are drawn with one length"
    ends = [right for _, right in short.pixels[:-1]]
    assert all(2 <= start - end <= 14 for end, (start, _) in zip(ends, short.pixels[1:], strict=True))
    assert not axis(lane(6, 600, 20), 610).short


@pytest.mark.parametrize(("pause_s", "said"), [(600.0, True), (1.0, False)])
def test_that_pauses_are_drawn_short_is_said_only_where_they_are(pause_s: float, said: bool) -> None:  # noqa: FBT001 - a table's column
    made = changed(grid(1, 6), heat=[warm("local", "fp32", 0, 0.0)])
    made = replace(made, beside=Beside(lanes={("local", "fp32", POINT_KEY): lane(4, 20.0, pause_s)}))
    assert ("drawn short" in section(made).body.note) is said


def test_where_it_was_held_back_is_shaded_with_an_edge() -> None:
    drawing = str(lanes(lane(), TOLD))
    shade, edge = re.findall(r'<path d="([^"]*)" fill="[^"]*" class="a-warn"', drawing)
    assert (shade.count("z"), edge.count("z")) == (4, 4)
    assert drawing.count("held back for 10\u00a0s") == 4
    assert "held back" not in str(lanes(lane(hot=False), TOLD))


def drawn(one: Lane) -> list[str]:
    return [str(lanes(one, TOLD, frame)) for frame in (HALF, FULL, NARROW)]


def flat(size: int, value: float = 5.0) -> Lane:
    t_s, same = np.linspace(0, size, size), np.full(size, value)
    return Lane(t_s, same, same, (t_s, same), (t_s, same), (), ((0.0, float(size)),))


ODD = {
    "one point": flat(1),
    "all equal": flat(200),
    "all zero": flat(50, 0.0),
    "huge": flat(50, 1e12),
    "10,000 points": flat(10_000),
    "no launches": replace(flat(20), launches=()),
    "only gaps": replace(flat(20), p50_ms=np.full(20, np.nan), p95_ms=np.full(20, np.nan)),
    "tails alone missing": replace(flat(20), p95_ms=np.full(20, np.nan)),
    "every other one missing": replace(flat(20), p50_ms=np.where(np.arange(20) % 2, np.nan, 5.0)),
    "no heat": replace(flat(20), temperature_c=nothing()),
    "no clock": replace(flat(20), clock_ghz=nothing()),
    "latency was not read": replace(flat(20), t_s=np.empty(0), p50_ms=np.empty(0), p95_ms=np.empty(0)),
    "held back outside": replace(flat(20), throttled=((-50.0, -40.0), (900.0, 950.0))),
    "a hundred launches": lane(100, 5, 50),
    "launches of no length": replace(flat(2), launches=((0.0, 0.0), (1.0, 1.0))),
    "one stall": replace(flat(100), p95_ms=np.append(np.full(99, 6.0), 1e7)),
}


@pytest.mark.parametrize("name", ODD)
def test_whatever_was_read_is_a_drawing(name: str) -> None:
    for drawing in drawn(ODD[name]):
        sound(drawing)


READ = st.floats(allow_nan=True, allow_infinity=True, width=32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e5), READ, READ, READ), min_size=1, max_size=60), st.integers(1, 4))
def test_any_readings_make_a_sound_drawing(rows: list[tuple[float, float, float, float]], launches: int) -> None:
    t_s, one, two, three = (np.array(column, dtype=np.float64) for column in zip(*sorted(rows), strict=True))
    ends = np.linspace(0, 1e5, 2 * launches).tolist()
    spans = tuple(zip(ends[::2], ends[1::2], strict=True))
    for drawing in drawn(Lane(t_s, one, two, (t_s, two), (t_s, three), spans, spans)):
        sound(drawing)


def kept_of(share: float | None, low: float | None = None, high: float | None = None) -> kept_chart.Kept:
    return kept_chart.Kept("int8", share, low, high, held=False, finding="int8", why="it was too short")


@pytest.mark.parametrize(
    "rows",
    [
        [kept_of(None)],
        [kept_of(1.0, 1.0, 1.0)],
        [kept_of(1.3, 1.2, 1.4)],
        [kept_of(0.01, 0.0, 2.0)],
        [kept_of(0.9)] * 16,
    ],
)
def test_any_speed_that_is_kept_makes_a_sound_drawing(rows: list[kept_chart.Kept]) -> None:
    for frame in (kept_chart.WIDE, kept_chart.NARROW):
        sound(str(kept_chart.kept(rows, "kept", frame)))
