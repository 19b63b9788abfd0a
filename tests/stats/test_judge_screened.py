"""Cells that the screening sent home: their figures, their limits, and what they leave open."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import numpy as np
import pytest

from farm_reports import exports, judge, page
from farm_reports.results import Results
from farm_reports.tables import CellRecord, LaunchRecord
from tables_support import POINT, cell, launch, launches, tables

NAMES = ("fp32", "int8", "struct50", "slow", "big")
LEFT = ("fp32", "int8", "struct50")
TIMES = {"fp32": 4e6, "int8": 1.7e6, "struct50": 1.3e6, "slow": 3e6, "big": 9e6}
WHY = "2.31 x the time of struct50 (2.27 to 2.35) in 4 short blocks; from 1.5 x on it leaves"


def short_ones(blocks: int = 4, **fields: Any) -> list[LaunchRecord]:
    rng = np.random.default_rng(3)
    spots = [(block, name) for block in range(blocks) for name in NAMES]
    return [
        launch(5000 + index, "rpi5", name, block, TIMES[name] * float(np.exp(rng.normal(0, 0.004))), phase=2, **fields)
        for index, (block, name) in enumerate(spots)
    ]


def run(
    short: list[LaunchRecord] | None = None,
    measured: list[LaunchRecord] | None = None,
    boards: tuple[str, ...] = ("rpi5",),
    **changes: Any,
) -> Results:
    """The screening was on rpi5; any other board has no launch of those that it sent home."""
    records = (launches(boards, LEFT) if measured is None else measured) + (short_ones() if short is None else short)
    made = tables(records, boards=boards, names=NAMES, **changes)
    gone = [("rpi5", "slow"), ("rpi5", "big")]
    cells = [
        CellRecord(each.board, each.variant, POINT, "screened_out", WHY) if (each.board, each.variant) in gone else each
        for each in made.cells
    ]
    return judge.results(dataclasses.replace(made, cells=tuple(cells)))


def test_the_cell_has_its_word_its_reason_and_the_interval_of_its_short_blocks() -> None:
    slow = cell(run(), "slow")
    assert (slow.state, slow.reason) == ("screened_out", WHY)
    p50, versus = slow.latency_ms.p50, slow.versus_baseline
    assert p50.value == pytest.approx(3.0, rel=0.01)
    assert p50.low is not None
    assert p50.high is not None
    assert p50.value is not None
    assert p50.low < p50.value * 0.991 < p50.value * 1.009 < p50.high
    assert p50.reason == "4 short blocks"
    assert versus is not None
    assert versus.ratio == pytest.approx(0.75, rel=0.01)
    assert versus.low is not None
    assert versus.high is not None
    assert versus.low < 0.75 < versus.high
    assert (versus.provisional, versus.reason) == (True, "4 short blocks")
    assert slow.launches.valid == slow.iterations == 0
    assert slow.latency_ms.p99.reason == "screened out after 4 short blocks"


def test_it_is_counted_under_its_word_and_the_others_as_without_it() -> None:
    found = run()
    assert (found.counts.screened_out, found.counts.faster, found.counts.not_run) == (2, 2, 0)
    assert found.verdict == "measured"
    assert {each.variant: each.why for each in found.ship[0].ruled_out} == {
        "slow": f"screened out: {WHY}",
        "big": f"screened out: {WHY}",
    }


def test_short_blocks_never_enter_a_comparison() -> None:
    wild = [dataclasses.replace(each, p50_ns=(each.p50_ns or 0) * (1 + each.id % 7)) for each in short_ones()]
    plain, mixed = run(short=[]), run(short=wild)
    for name in LEFT:
        assert cell(plain, name) == cell(mixed, name)
    assert plain.run.smallest_effect == mixed.run.smallest_effect


def test_a_dropped_short_block_is_not_shown() -> None:
    short = [
        dataclasses.replace(each, dropped="block_lost", p50_ns=1) if each.block == 0 else each for each in short_ones()
    ]
    assert cell(run(short), "slow").latency_ms.p50.reason == "3 short blocks"


def test_without_short_blocks_the_reason_stands_for_the_figures() -> None:
    slow = cell(run(short=[]), "slow")
    assert (slow.latency_ms.p50.value, slow.latency_ms.p50.reason) == (None, WHY)
    assert slow.versus_baseline is None


@pytest.mark.parametrize(
    ("limit", "verdict"), [("8ms", "no"), ("10ms", "not_measured"), ("+100%", "no"), ("3x", "not_measured")]
)
def test_a_limit_that_short_blocks_rule_out_is_missed_and_any_other_was_not_measured(limit: str, verdict: str) -> None:
    fit = cell(run(limits={"latency_p50": limit}), "big").fit
    assert fit.verdict == verdict
    if verdict == "no":
        assert re.match(r"p50 (9(\.\d+)? ms|\+12\d\.\d %) \(.*, limit ", fit.by[0].text)


def test_memory_size_and_accuracy_rule_it_out_as_well() -> None:
    assert cell(run(limits={"peak_memory": "50MB"}), "slow").fit.verdict == "no"
    assert cell(run(limits={"peak_memory": "0.9x"}), "slow").fit.verdict == "no"
    assert cell(run(limits={"size": "400kB"}), "slow").fit.verdict == "no"
    assert cell(run(limits={"accuracy": "0.5"}), "slow").fit.verdict == "not_measured"


def test_where_one_fits_those_that_were_sent_home_leave_no_gate_open() -> None:
    assert run(limits={"latency_p50": "2ms"}).verdict == "passed"
    assert run(limits={"latency_p50": "1ms"}).verdict == "failed", "each misses it, the ones at home in short blocks"


def test_where_none_fits_one_that_was_dominated_leaves_the_gate_inconclusive() -> None:
    """It left for one that seemed to fit: that is no missing measurement."""
    results = run(limits={"latency_p50": "3.5ms", "size": "1kB"})
    assert results.verdict == "failed"
    results = run(limits={"latency_p50": "3.5ms", "accuracy": "0.995"})
    assert {gate.verdict for gate in results.gates} == {"inconclusive"}
    assert results.verdict == "inconclusive"


def test_a_failure_in_a_short_block_at_another_point_is_none_here() -> None:
    other = POINT.replace("/1/", "/4/")
    failed = launch(9000, "rpi5", "int8", 1, 0, phase=2, state="failed", outcome="CRASH(11)", point=other)
    short = [failed, *short_ones()]
    few = [each for each in launches(names=LEFT) if each.variant != "int8" or each.block < 14]
    assert cell(run(short, few), "int8").state == "invalid"


def test_the_page_and_the_exports_show_it() -> None:
    results = run(boards=("rpi5", "rpi6"), limits={"latency_p50": "8ms"})
    html = page.render(results, {})
    (tile,) = re.findall(r'<td class="[^"]*screened[^"]*"[^>]*title="slow on rpi5.*?</td>', html, re.DOTALL)
    assert f"slow on rpi5: screened out: {WHY}" in tile
    assert re.search("the speed of fp32 \\(95\u00a0% 1.3", tile)
    assert "in short blocks" in tile
    forest = html[html.index('<section id="compare"') :]
    rows = [row for row in re.findall(r"<tr.*?</tr>", forest, re.DOTALL) if ">slow<" in row or ">int8<" in row]
    assert ["<svg" in row for row in rows[:2]] == [True, False], "the fastest first: no bar for the one sent home"
    assert "2 screened out" in exports.summary(results) or "2 screened_out" in exports.summary(results)
    assert "provisional" not in exports.summary(results)
    assert WHY.split(";", maxsplit=1)[0] in exports.junit(results)
    assert json.loads(json.dumps(results.document()))["counts"]["screened_out"] == 2
