"""The end of a run on a terminal: it fits, it says what the page says, and it is plain where that is asked for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

import outcome_support
from farm_orchestrator.cli.outcome import parts
from odd_support import ODD
from reports_screens import FIRST_SCREENS, hostile, lasting
from reports_support import Made
from setup_support import Terminal

RUNS: dict[str, Callable[[], Made]] = {**FIRST_SCREENS, **ODD, "hostile": hostile, "lasting": lasting}
ESCAPE = "\x1b"
PROGRAM = (sys.executable, outcome_support.__file__)


@cache
def made(name: str) -> Made:
    return RUNS[name]()


@cache
def lines(name: str, width: int = 80) -> list[str]:
    console = Console(file=StringIO(), width=width, highlight=False, markup=False, emoji=False)
    for part in parts(made(name).results, width):
        console.print(part)
    out = console.file
    assert isinstance(out, StringIO)
    return out.getvalue().splitlines()


def text(name: str, width: int = 80) -> str:
    return " ".join(" ".join(lines(name, width)).replace("\u00a0", " ").split())


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("name", RUNS)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    assert max(map(cell_len, lines(name, width))) <= width


@pytest.mark.parametrize("name", FIRST_SCREENS)
def test_the_verdict_and_its_sentence_stand_first(name: str) -> None:
    results = made(name).results
    word = "Partial" if results.run.status == "partial" else results.verdict.capitalize()
    said = results.sentence.replace(" x ", " \u00d7 ").replace("-", "\u2212")
    assert text(name).replace("-", "\u2212").startswith(f"{word} {said}")


@pytest.mark.parametrize("name", ["measured", "failed", "demo", "some_metrics", "baseline_failed", "many_boards"])
def test_names_and_figures_are_whole_in_80_columns(name: str) -> None:
    assert "\u2026" not in "\n".join(lines(name))


def test_a_narrow_terminal_goes_without_the_least_wanted_columns() -> None:
    heads = {width: next(line for line in lines("demo", width) if "variant" in line).split() for width in (48, 80, 120)}
    assert heads[48] == ["variant", "p50", "x", "fp32", "verdict"]
    assert heads[80] == ["variant", "p50", "x", "fp32", "95", "%", "CI", "memory", "Top-1", "verdict"]
    assert "size" in heads[120]


def test_a_screen_holds_the_outcome_of_the_largest_first_screen() -> None:
    for name in ("measured", "failed", "invalid"):
        assert len(lines(name, 80)) <= 30, "of 96 cells those to ship are shown"


def test_many_cells_give_way_to_what_each_board_ships() -> None:
    rows = [line.split()[:2] for line in lines("passed") if line.strip().endswith(", ship")]
    assert len(rows) == 8
    assert ["vim4", "int8-pc"] in rows


def test_of_one_board_with_many_variants_the_fastest_are_shown_and_the_rest_counted() -> None:
    rows = [line for line in lines("fifty_variants") if "\u00d7" in line and " ms " in line]
    assert len(rows) == 14
    assert "36 more cells on the page" in text("fifty_variants")


def test_a_board_is_named_once_and_its_winner_is_marked_in_words() -> None:
    table = [line for line in lines("some_metrics") if " ms " in line]
    assert [line.split()[0] for line in table[:3]] == ["orin-nano", "int8", "fp32"]
    assert table[0].rstrip().endswith("\u25bc faster, ship")


def test_a_metric_that_no_cell_has_is_no_column_and_one_that_some_have_is() -> None:
    assert "energy" not in text("demo")
    assert "energy" in text("some_metrics")


def test_what_has_no_figure_is_told_with_its_reason_and_not_again_as_ruled_out() -> None:
    assert "fp32 on rock5b failed: load: opset 22 is not supported" in text("baseline_failed")
    assert text("baseline_failed").count("opset 22") == 1
    assert "am69-sk not run: link lost 4 times in 10 minutes" in text("invalid")


def test_what_every_board_rules_out_is_said_once() -> None:
    assert text("passed").count("distilled accuracy -2.0 pt, limit -0.3 pt") == 1


def test_a_run_that_goes_on_has_no_verdict_and_ships_nothing() -> None:
    said = text("partial")
    assert said.count("provisional") == 12
    assert "ship" not in said
    assert "faster" not in said


def test_what_lasts_and_what_is_doubted_is_told() -> None:
    assert re.search(r"lasts \S+ on \S+ keeps 80.0 % of its speed after 10 min, the least of all", text("lasting"))
    assert "findings NEAR_FLOOR in 1 cell; the page says what to do" in text("demo")


def test_nothing_that_a_board_says_moves_the_cursor() -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", "\n".join(lines("hostile")))


def at_terminal(folder: Path, *settings: str, name: str = "some_metrics") -> str:
    class Shown(Terminal):
        program = ("/usr/bin/env", *settings, *PROGRAM)

    there = Shown(folder, dict(os.environ), name)
    assert there.end() == 0
    return there.said.replace("\r\n", "\n")


def piped(*arguments: str) -> str:
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=True, timeout=120).stdout


def test_a_terminal_is_shown_the_table_then_the_page_and_what_to_do_next(tmp_path: Path) -> None:
    said = at_terminal(tmp_path, "-u", "NO_COLOR")
    assert ESCAPE in said
    plain = re.sub(r"\x1b\[[\d;]*m", "", said)
    assert max(map(cell_len, plain.split("\n"))) <= 80
    foot = plain.rstrip().split("\n")[-2:]
    assert foot == [
        "report: runs/20260101-000000-abcd/report.html",
        "next: limits in variants.yaml let a run pass or fail",
    ]


def test_without_colour_no_colour_is_set(tmp_path: Path) -> None:
    assert not re.search(r"\x1b\[[\d;]*3\d", at_terminal(tmp_path, "NO_COLOR=1"))


def test_a_dumb_terminal_and_a_pipe_get_the_summary_without_escapes(tmp_path: Path) -> None:
    for said in (at_terminal(tmp_path, "TERM=dumb"), piped("some_metrics")):
        assert ESCAPE not in said
        assert said.startswith("### ")
        assert "report: runs/20260101-000000-abcd/report.html" in said


def test_json_is_one_document() -> None:
    assert json.loads(piped("extremes", "--json"))["verdict"] == "measured"


def test_boards_that_were_lost_are_what_to_look_at_next(tmp_path: Path) -> None:
    assert "next: farm boards probe rpi5-02" in at_terminal(tmp_path, name="nothing")
