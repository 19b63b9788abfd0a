"""What a sweep of clocks shows, on the page and beside it; nothing where there is none."""

from __future__ import annotations

from io import StringIO
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console
from rich.table import Table

from farm_orchestrator.cli.outcome import parts
from farm_reports import exports, page, swept
from farm_reports.charts.clocks import Curve, curves
from farm_reports.parts import Optimum
from farm_reports.results import Results
from farm_reports.sections.sweep import Clocks, sweep
from farm_reports.sections.view import View
from reports_html import Tags
from reports_screens import measured
from reports_support import HOSTILE
from swept_support import judged, records

LIMIT: dict[str, Any] = {"limits": {"latency_p50": "2ms"}, "ship": ("int8",)}
BEST = "int8: 1.5 GHz takes the least energy (7.90 mJ, 31 % less than at 2.4 GHz) and 1.6\u00d7 the time."


def run(**changes: Any) -> Results:
    return judged(records(energy=True), **LIMIT, **changes)


def body(results: Results) -> Clocks:
    section = sweep(View(results, {}))
    assert section is not None
    found: Clocks = section.body
    return found


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_a_sentence_names_the_clock_of_least_energy_what_it_saves_and_what_it_costs() -> None:
    assert plain(swept.sentences(run())[1]) == BEST


def test_without_a_meter_it_names_the_fastest_and_says_what_is_missing() -> None:
    assert plain(swept.sentences(judged())[1]) == (
        "int8: 2.4 GHz is the fastest (1.70 ms); which clock takes the least energy is not known (no power sensor)."
    )


@pytest.mark.parametrize(
    ("latency", "energy", "said"),
    [
        (Optimum(pin_khz=1_500_000), Optimum(pin_khz=1_500_000), "1.5 GHz is the fastest (2.72 ms) and takes the least energy (7.90 mJ)"),
        (
            Optimum(pin_khz=2_400_000),
            Optimum(pin_khz=None, tied=[600_000, 1_500_000], reason="their intervals overlap"),
            "2.4 GHz is the fastest (1.70 ms); which clock takes the least energy is undecided (0.6 GHz and 1.5 GHz: their intervals overlap)",
        ),
        (Optimum(pin_khz=None, reason="one clock was measured"), Optimum(pin_khz=1_500_000), "1.5 GHz takes the least energy (7.90 mJ)"),
        (Optimum(pin_khz=None, reason="x"), Optimum(pin_khz=None, reason="x"), "no clock is named (x)"),
        (
            Optimum(pin_khz=None, tied=[1_500_000, 2_400_000], reason="their intervals overlap"),
            Optimum(pin_khz=None, reason="no power sensor"),
            "the fastest clock is undecided (1.5 GHz and 2.4 GHz: their intervals overlap); which clock takes the least energy is not known (no power sensor)",
        ),
    ],
)  # fmt: skip
def test_other_outcomes_are_said_as_they_are(latency: Optimum, energy: Optimum, said: str) -> None:
    results = run()
    one = results.sweeps[1].model_copy(update={"best_latency": latency, "best_energy": energy})
    told = swept.sentences(results.model_copy(update={"sweeps": [one]}))
    assert plain(told[0]) == f"int8: {said}."


def test_a_board_with_one_point_is_told_of_once() -> None:
    results = run()
    lone = [one.model_copy(update={"steps": [], "reason": "no cpufreq policy"}) for one in results.sweeps]
    results = results.model_copy(update={"sweeps": lone})
    assert swept.sentences(results) == ["rpi5: measured at one point, no cpufreq policy."]
    assert sweep(View(results, {})) is None
    assert "rpi5: measured at one point, no cpufreq policy" in exports.summary(results)


def test_the_section_has_a_line_for_every_clock_the_highest_first_and_the_best_stand_out() -> None:
    (table,) = body(run()).tables
    assert [group.variant for group in table.groups] == ["fp32", "int8"]
    assert [plain(line.clock) for line in table.groups[1].lines] == ["2.4 GHz", "1.5 GHz", "0.6 GHz"]
    best = [[figure.best for figure in line.figures] for line in table.groups[1].lines]
    assert best == [[True, False, False, False], [False, True, False, False], [False, False, False, False]]
    assert [plain(line.figures[2].text) for line in table.groups[1].lines] == ["64.0 °C", "55.0 °C", "46.0 °C"]


def test_a_clock_that_was_not_held_or_throttled_says_so() -> None:
    (table,) = body(judged(records(unheld=1_500_000))).tables
    held = [line.figures[3] for line in table.groups[0].lines]
    assert [(figure.text, figure.detail) for figure in held][1] == ("no", "EACCES scaling_governor")
    results = run()
    hot = [one.model_copy(update={"steps": [step.model_copy(update={"throttle": "suspected"}) for step in one.steps]})
           for one in results.sweeps]  # fmt: skip
    (table,) = body(results.model_copy(update={"sweeps": hot})).tables
    assert {line.figures[3].detail for line in table.groups[0].lines} == {"throttling suspected"}


def test_energy_is_drawn_only_where_it_is_known() -> None:
    assert [name for name, _ in body(run()).tables[0].charts] == ["Time of an inference", "Energy of an inference"]
    assert [name for name, _ in body(judged()).tables[0].charts] == ["Time of an inference"]


def test_the_page_with_its_drawings_is_sound() -> None:
    text = page.render(run(), {})
    tags = Tags(text)
    assert plain(" ".join(tags.words)).count("1.5 GHz takes the least energy") == 2
    assert "Verdict, gates and what to ship are of the launches at 2.4 GHz" in plain(text)
    assert not [tag for tag, attributes in tags.tags if "style" in attributes]
    assert "Every variant on rpi5, 2.4 GHz, against fp32" in plain(text), "the one at which the run is judged"
    assert "rpi5, 1.5 GHz" not in plain(" ".join(tags.words)), "the others stand in the section on clocks alone"
    for drawing in (each for _, drawings in body(run()).tables[0].charts for each in drawings):
        ET.fromstring(str(drawing))  # noqa: S314 - our own text


def test_the_command_that_measures_it_again_names_the_clocks() -> None:
    assert " --pin sweep:600000,1500000,2400000 " in plain(page.render(run(), {}))


def test_a_run_without_a_sweep_shows_nothing_of_it() -> None:
    made = measured()
    assert sweep(View(made.results, made.samples)) is None
    assert "What each clock costs" not in page.render(made.results, made.samples)
    assert swept.sentences(made.results) == []


def test_hostile_names_stay_text() -> None:
    name = HOSTILE[0]
    results = run()
    hostile = [one.model_copy(update={"variant": name}) for one in results.sweeps]
    text = page.render(results.model_copy(update={"sweeps": hostile}), {})
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_the_curves_ring_the_best_and_name_every_line_that_has_room() -> None:
    lines = [Curve(f"v{index}", ((600_000, 10.0 + index), (2_400_000, 2.0)), best=2_400_000, shipped=index == 0)
             for index in range(30)]  # fmt: skip
    for count in (6, 30):
        drawing = str(curves(lines[:count], "ms", "many lines"))
        assert drawing.count("<circle") == count * 3
        root = ET.fromstring(drawing)  # noqa: S314 - our own text
        named = [each for each in root.iter() if "y" in each.attrib and (each.text or "").startswith("v")]
        heights = sorted(float(element.attrib["y"]) for element in named)
        assert len(named) == min(count, 13)
        assert min(b - a for a, b in pairwise(heights)) >= 13.9


def test_the_summary_and_the_terminal_say_the_same_and_tell_the_cells_apart() -> None:
    results = run()
    summary = exports.summary(results)
    assert f"- {BEST}" in summary
    assert "| int8 at 1.5 GHz |" in summary
    console = Console(width=200, record=True, file=StringIO())
    for part in parts(results):
        console.print(part)
    table = next(part for part in parts(results) if isinstance(part, Table))
    assert [row.style for row in table.rows].count("bold") == 1, "the one to ship, at the clock of the verdict alone"
    said = plain(console.export_text())
    assert BEST in said
    assert "int8 at 0.6 GHz" in said


def test_the_document_follows_its_schema() -> None:
    document = run().document()
    Draft202012Validator(exports.schema()).validate(document)
    assert document["sweeps"][1]["best_energy"] == {"pin_khz": 1_500_000, "tied": [], "reason": None}
