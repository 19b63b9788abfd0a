"""A run over virtual boards that are heated, and whose clocks lie, while it measures: no such slot is accepted as valid."""

import json
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from statistics import median
from typing import Any

import pytest

from farm_lab import faults, journal, lab, tree
from farm_lab.places import Places
from lab_support import at, options
from run_support import DIGITS, Desk, Said, heard, wait_for

TRUTH = {"ms": {"base": 2.0, "other": 2.2}, "sd": 0.002, "launch_sd": 0.0, "board_sd": 0.0, "duty": 0.3}
APART = 1.04  # what the clocks of a block's launches may differ by
Row = dict[str, Any]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterable[tuple[Desk, Said, Places]]:
    """The first board was heated and the second one's clock lied, for a launch or two."""
    folder = tmp_path_factory.mktemp("heated")
    place = at(folder)
    try:
        lab.up(place, 2, options(physics=True, load="synthetic", exact=True, time_scale=30.0))
        place.truth.write_text(json.dumps(TRUTH))
        for name in ("vb001", "vb002"):
            (place.board(name).sysroot / tree.POLICY / "scaling_governor").write_text("performance\n")
        inventory = folder / "inventory.yaml"  # where neighbours count, so do the times of the canary
        inventory.write_text(place.inventory.read_text().replace('"interference": "note"', '"interference": "drop"'))
        models = [shutil.copyfile(DIGITS / "int8.onnx", folder / f"{name}.onnx") for name in ("base", "other")]
        desk = Desk(folder)
        with desk.start("run", *models, "--inventory", inventory, "--preset", "quick", "--json") as run:
            try:
                for name, fault in (("vb001", "heat"), ("vb002", "clock-lie")):
                    after_a_launch(desk, name, partial(faults.strike, place, name, fault))
                    after_a_launch(desk, name, partial(faults.cure, place, name, "heal"))
                yield desk, heard(run), place
            finally:
                run.kill()
    finally:
        lab.down(place)


def timed(desk: Desk, board: str) -> list[Row]:
    rows = [row for row in desk.launches() if row["board"] == board and row["phase"] >= 2 and row["state"] == "done"]
    return [{**row, "facts": json.loads(row["facts"])} for row in rows]


def after_a_launch(desk: Desk, board: str, act: Callable[[], object]) -> None:
    before = len(timed(desk, board))
    wait_for(lambda: len(timed(desk, board)) > before, f"a launch on {board}")
    act()


def clock(row: Row) -> float:
    """What the canary took around the slot, as the judge sees it."""
    facts = row["facts"]
    return float((facts["canary_clock_before_ns"] * facts["canary_clock_after_ns"]) ** 0.5)


def mixed(desk: Desk, board: str) -> list[list[Row]]:
    """Complete blocks whose launches ran at different clocks."""
    blocks: dict[tuple[int, int], list[Row]] = {}
    for row in timed(desk, board):
        blocks.setdefault((row["block"], row["attempt"]), []).append(row)
    whole = [block for block in blocks.values() if len(block) == 2]
    return [block for block in whole if max(map(clock, block)) > APART * min(map(clock, block))]


def accepted(desk: Desk, board: str) -> dict[str, list[float]]:
    rows = [row for row in timed(desk, board) if row["dropped"] is None]
    return {name: [row["p50_ns"] for row in rows if row["variant"] == name] for name in ("base", "other")}


def named(blocks: list[list[Row]]) -> set[str]:
    """What is written down about them."""
    return {found["name"] for block in blocks for row in block for found in json.loads(row["findings"] or "[]")}


def test_every_slot_that_heat_slowed_and_not_its_block_is_in_a_dropped_block(ran: tuple[Desk, Said, Places]) -> None:
    desk, _, _ = ran
    throttled = [block for block in mixed(desk, "vb001") if any(row["facts"]["cooling_state_max"] for row in block)]
    assert throttled, "the fault was struck while it measured"
    assert [row["dropped"] for block in throttled for row in block if row["dropped"] is None] == []
    assert "THROTTLED" in named(throttled)


def test_a_clock_that_lies_is_found_by_the_time_of_the_canary_though_cpufreq_tells_the_highest(
    ran: tuple[Desk, Said, Places],
) -> None:
    desk, _, _ = ran
    slow = mixed(desk, "vb002")
    assert slow, "the fault was struck while it measured"
    assert {row["facts"]["freq_khz_end"] for block in slow for row in block} == {tree.FREQS_KHZ[-1]}
    assert [row["dropped"] for block in slow for row in block if row["dropped"] is None] == []
    assert named(slow) == {"CLOCK_CHANGED"}


@pytest.mark.parametrize("board", ["vb001", "vb002"])
def test_what_is_accepted_knows_nothing_of_the_faults(ran: tuple[Desk, Said, Places], board: str) -> None:
    desk, said, place = ran
    assert said.code == 0, said.err
    assert [line["event"] for line in journal.lines(place) if line["board"] == board] == ["start", "end"]
    found = accepted(desk, board)
    assert len(found["base"]) == len(found["other"]) >= 8
    assert median(found["other"]) / median(found["base"]) == pytest.approx(1.1, abs=0.01)
    (other,) = [c for c in said.results["cells"] if (c["board"], c["variant"]) == (board, "other")]
    assert other["versus_baseline"]["verdict"] == "slower"
    assert other["launches"]["dropped"] >= 1


def test_the_page_tells_which_board_was_held_back_and_how_hot_it_was(ran: tuple[Desk, Said, Places]) -> None:
    """Also of launches whose block was dropped for it: the board was hot all the same."""
    desk, said, _ = ran
    heat = {one["board"]: one for one in said.results["heat"]}
    facts = [row["facts"] for row in timed(desk, "vb001")]
    assert heat["vb001"]["held_back"] >= 1
    assert 0 < heat["vb001"]["share"]["value"] < 1
    assert heat["vb001"]["hottest_c"]["value"] >= max(each["temp_mc_end"] for each in facts) / 1000
    assert heat["vb002"]["hottest_c"]["value"] < heat["vb001"]["hottest_c"]["value"]
