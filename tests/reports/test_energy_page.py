"""Energy on the page: a figure with its scope, boards of other scopes apart, and the sensor it was read with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from farm_reports import page
from farm_reports.figures import gate_value
from farm_reports.parts import Energy
from farm_reports.results import Cell, Results
from farm_reports.sections import compare, matrix, power, ship, tradeoffs, trust
from farm_reports.sections.layers import LAYERS
from farm_reports.sections.view import View
from reports_screens import measured
from reports_support import Made, value

MODULE = Energy(scope="module_input", source="VDD_IN (ina3221)", sensor_class="B", lsb_w=0.0392, interval_ms=100.0,
                idle_w=3.9)  # fmt: skip
PLUG = Energy(scope="wall_ac", source="meter shelly", sensor_class="C", lsb_w=1.0, interval_ms=1000.0, idle_w=None)
MJ = 5.0  # a ms of latency


def made(sensors: Mapping[str, Energy]) -> Made:
    """The measured run, with the energy of the boards that have a sensor."""
    run = measured()
    cells = [_with(cell, sensors.get(cell.board)) for cell in run.results.cells]
    return dataclasses.replace(run, results=run.results.model_copy(update={"cells": cells}))


def _with(cell: Cell, sensor: Energy | None) -> Cell:
    p50 = cell.latency_ms.p50.value
    if sensor is None or p50 is None:
        return cell
    return cell.model_copy(update={"energy_mj": value(MJ * p50, 0.01), "energy": sensor})


def view(**sensors: Energy) -> View:
    found = made({name.replace("_", "-"): sensor for name, sensor in sensors.items()})
    return View(found.results, found.samples)


def names() -> list[str]:
    return [board.name for board in measured().results.boards]


def everywhere(sensor: Energy) -> View:
    found = made(dict.fromkeys(names(), sensor))
    return View(found.results, found.samples)


def mixed() -> View:
    """The first board at its module's input, the second at the plug, the others without a sensor."""
    first, second, *_ = names()
    found = made({first: MODULE, second: PLUG})
    return View(found.results, found.samples)


def groups(of: View) -> list[str]:
    section = matrix.matrix(of)
    assert section is not None
    return [group.name for group in section.body.groups]


def test_without_a_sensor_there_is_no_metric_and_the_reason_is_told() -> None:
    plain = View(measured().results, measured().samples)
    section = matrix.matrix(plain)
    assert section is not None
    assert "energy" not in [metric.key for metric in section.body.metrics]
    assert groups(plain) == [""]
    body = trust.trust(plain).body
    assert ("Energy", "no power sensor") in [(gap.what, gap.why) for gap in body.missing]
    assert "Energy" not in [name for name, _ in body.statements]


def test_with_one_scope_the_matrix_has_a_layer_with_figure_and_interval() -> None:
    of = everywhere(MODULE)
    section = matrix.matrix(of)
    assert section is not None
    assert "energy" in [metric.key for metric in section.body.metrics]
    assert groups(of) == [""]
    tile = section.body.groups[0].lines[0].tiles[0]
    layer = next(layer for layer in tile.layers if layer.key == "energy")
    assert layer.main.endswith("\u00a0mJ")
    assert layer.sub == "39.6\u201340.4"


def test_a_cell_is_coloured_by_its_ratio_on_its_own_board_and_scope_alone() -> None:
    of = everywhere(MODULE)
    section = matrix.matrix(of)
    assert section is not None
    tiles = section.body.groups[0].lines[0].tiles
    steps = {tile.variant: [layer.step for layer in tile.layers if layer.key == "energy"] for tile in tiles}
    assert steps["fp32"] == [0]
    assert steps["distilled"][0] > 0 > steps["int8-dynamic"][0]
    base = of.cells[names()[0], "fp32", of.rows[0].point_key]
    layer = LAYERS["energy"](of, base.model_copy(update={"energy": PLUG, "energy_mj": value(1.0)}), base)
    assert layer is not None
    assert layer.step == 0


def test_boards_of_two_scopes_stand_in_two_groups_and_no_column_holds_both() -> None:
    of = mixed()
    assert groups(of) == ["energy at the module's input", "energy at the wall plug", "no energy"]
    picked = ship.ship(of)
    assert picked is not None
    assert "Energy" not in picked.body.columns
    found = compare.compare(of)
    assert found is not None
    assert "Energy" in [column.name for column in found.body.columns]  # each board has a table of its own


def test_with_one_scope_the_shipped_variant_shows_its_energy() -> None:
    picked = ship.ship(everywhere(MODULE))
    assert picked is not None
    assert "Energy" in picked.body.columns


def test_trust_says_in_one_sentence_which_sensor_and_what_its_figures_mean() -> None:
    (text,) = power.statements(mixed())
    first, second, *_ = names()
    assert text == (
        f"VDD_IN (ina3221) at the module's input (class B: a sensor on the board), steps of 39.2\u00a0mW, a value every "
        f"100\u00a0ms, on {first}; meter shelly at the wall plug (class C: a plug), steps of 1.00\u00a0W, a value every "
        f"1,000\u00a0ms, on {second}. Per inference, with what the idle board takes; results.json also "
        "has it without. Different scopes are never compared."
    )


def test_a_trade_off_tells_the_energy_of_a_bubble() -> None:
    section = tradeoffs.tradeoffs(everywhere(MODULE))
    assert section is not None
    assert "mJ" in str(section.body.charts[0].drawings[0])


def test_the_page_renders_and_its_switch_has_a_rule() -> None:
    found = mixed()
    html = page.render(found.results, found.samples)
    assert 'id="m-energy"' in html
    assert "#m-energy:checked" in page.stylesheet()
    document = found.results.document()
    assert Results.model_validate(document).document() == document


def test_a_gate_on_energy_is_written_in_its_unit() -> None:
    of = everywhere(MODULE)
    assert gate_value("energy", 41.2, "40mJ", of.clock) == "41.2\u00a0mJ"
    assert gate_value("energy", 0.05, "+5%", of.clock) == "+5.0\u00a0%"
