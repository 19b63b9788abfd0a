"""What a person sees: at 80 columns, with many boards, through a pipe, from a hostile board."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from doctor_support import told
from farm_orchestrator.cli import call
from farm_orchestrator.cli.doctor import Group
from farm_orchestrator.doctor import Finding, State

WELL = Finding("b", "base", State.OK, "/x", None, None)
HOT = Finding(
    "b", "temperature", State.WARNING, "79 °C, it slows down at 80 °C", "a hot start is slower", "let it cool"
)
EXCERPT = Finding("b", "inventory", State.FAULT, "i.yaml:2:3: no\n  2 |   a\n    |   ^", None, "mend `it`")
EVIL = Finding("b", "banner", State.WARNING, "\x1b[2Jhello\x07", "\x1b]0;x\x07", "no")


def test_each_line_says_state_check_and_what_then_why_then_the_mend() -> None:
    assert told(Group([WELL, HOT])).splitlines() == [
        "b",
        "  ok       base        /x",
        "  warning  temperature 79 °C, it slows down at 80 °C",
        "             a hot start is slower",
        "           → let it cool",
        "",
        "0 faults, 1 warning, 1 ok",
    ]


def test_among_many_boards_what_is_well_is_one_line() -> None:
    assert told(Group([WELL, HOT, WELL], brief=True)).splitlines()[-3] == "  ok       2 checks    base, base"


def test_the_caret_of_an_excerpt_stays_where_it_is() -> None:
    lines = told(Group([EXCERPT])).splitlines()
    assert lines[3].index("^") == lines[2].rindex("a")


def test_what_a_board_says_cannot_move_the_cursor() -> None:
    assert "\x1b" not in told(Group([EVIL]))
    assert "\x07" not in told(Group([EVIL]))


def test_the_command_prints_no_colour_into_a_pipe_and_nothing_to_stderr(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "farm_orchestrator.cli", "doctor"]
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "FARM_HOME")}
    done = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert re.fullmatch(r"0 faults, \d+ warnings?, \d+ ok", done.stdout.splitlines()[-1])
    assert list(tmp_path.iterdir()) == []


def test_help_opens_with_init_doctor_run_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--help"]) == 0
    shown = capsys.readouterr().out.partition("Commands:")[2].split("\n")
    assert [row.split()[0] for row in shown if row.startswith("  ") and row[2:3].strip()][:4] == [
        "init", "doctor", "run", "report"]  # fmt: skip
