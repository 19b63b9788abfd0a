"""The fleet fits, tells of every board what it is at, and names the command that mends what is wrong."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, ConsoleDimensions

from farm_orchestrator.cli import fleet as told
from farm_orchestrator.cli.fleet_screen import draw
from farm_orchestrator.cli.watch import LiveFleet
from farm_orchestrator.store import Fleet
from live_support import FLEET, HOSTILE, NOW, OTHERS, fleet, fleet_board

ESCAPES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
FIRST, SECOND = OTHERS[0].run, OTHERS[1].run


def drawn(seen: Fleet, width: int, height: int) -> list[str]:
    lines = draw(seen, width, height)
    assert len(lines) <= max(1, height - 1)
    assert all(line.cell_len <= width for line in lines)
    assert not any(ESCAPES.search(line.plain) for line in lines)
    return [line.plain for line in lines]


def hostile(seen: Fleet) -> Fleet:
    boards = tuple(
        replace(b, board=HOSTILE + b.board, reason=HOSTILE, drained=b.drained and HOSTILE) for b in seen.boards
    )
    return replace(seen, boards=boards, runs=tuple(replace(run, name=HOSTILE) for run in seen.runs))


@given(st.integers(1, 250), st.integers(1, 80), st.integers(0, 300), st.integers(0, 12))
@settings(max_examples=80, deadline=None)
def test_the_fleet_fits_any_terminal(width: int, height: int, boards: int, runs: int) -> None:
    drawn(fleet(boards, runs=runs), width, height)
    drawn(hostile(fleet(boards, runs=runs)), width, height)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 16), (160, 50)])
def test_a_hundred_boards_leave_room_for_attention_and_for_the_run_that_is_served(width: int, height: int) -> None:
    text = "\n".join(drawn(fleet(100), width, height))
    assert re.search(r"rpi5-007 +quarantined .*; try: farm boards release rpi5-007", text)
    assert re.search(rf"{FIRST} +measuring +12/12 boards, ~12 min left, 100/4", text)


def test_every_state_has_a_glyph_of_its_own_and_a_word() -> None:
    assert len(set(told.GLYPHS.values())) == len(told.GLYPHS)
    seen = fleet(9)
    words = [told.state_of(each, seen.now) for each in seen.boards]
    assert words == ["free" if state == "unknown" else state for state in FLEET]


def test_of_every_board_it_is_told_what_it_is_at() -> None:
    rows = {row.name: (row.state, row.text) for row in told.board_rows(fleet(9))}
    assert rows["rpi5-000"] == ("measuring", f"timing int8 for {FIRST}")
    assert rows["rpi5-001"] == ("connecting", f"for {FIRST}")
    assert rows["rpi5-002"][1].startswith("tried again in 40 s (loss 2): link_lost")
    assert rows["rpi5-003"] == ("queued", f"for {SECOND}")
    assert rows["rpi5-004"] == ("free", "")
    assert rows["rpi5-005"] == ("free", "nothing was measured there yet")
    assert rows["rpi5-006"] == ("drained", "new SD card on Friday")
    assert rows["rpi5-007"][0] == "quarantined"
    assert rows["rpi5-008"][0] == "lost"


def test_the_queue_is_told_in_its_order_and_runs_nobody_stands_behind_come_last() -> None:
    assert [(row.name, row.state) for row in told.run_rows(fleet(9))] == [
        (FIRST, "measuring"), ("20260101-000000-0003", "queued"), (SECOND, "left"),
    ]  # fmt: skip
    cancelled = replace(fleet(9).runs[0], cancel=True)
    assert told.run_state(cancelled) == "stopping"


def test_what_is_gravest_needs_attention_first_and_each_is_mended_by_a_command() -> None:
    found = told.attention(fleet(9))
    assert [(each.name, each.state, each.do) for each in found] == [
        ("rpi5-007", "quarantined", "farm boards release rpi5-007"),
        ("rpi5-008", "lost", "farm boards check rpi5-008"),
        ("run", "left", f"farm run --resume {SECOND}"),
        ("rpi5-006", "drained", "farm boards release rpi5-006"),
        ("rpi5-002", "waiting", ""),
    ]


def test_a_shared_farm_without_a_worker_says_how_to_start_one() -> None:
    seen = replace(fleet(1), workers=())
    assert told.attention(seen)[0].do == "farm worker --boards '*'"
    assert told.headline(seen) == "1 board, 2 runs, 0 workers"
    assert told.attention(replace(seen, shared=False))[0].name == "run"
    assert told.headline(fleet(1, shared=False)) == "1 board, 2 runs"


def test_an_empty_fleet_says_what_makes_one() -> None:
    seen = fleet(0, runs=0)
    assert "farm run --variants DIR" in "\n".join(drawn(seen, 80, 24))
    assert "farm run --variants DIR" in "\n".join(told.lines(seen))


def test_the_document_is_json_with_its_format_and_holds_everything() -> None:
    document = json.loads(json.dumps(told.document(fleet(9), "1.2")))
    assert (document["format"], document["farm_version"], document["at"]) == ("farm.fleet/1", "1.2", NOW)
    assert [board["state"] for board in document["boards"]] == [told.state_of(b, NOW) for b in fleet(9).boards]
    assert document["boards"][0]["variant"] == "int8"
    assert document["boards"][2]["tried_at"] == NOW + 40
    assert [run["state"] for run in document["runs"]] == ["measuring", "queued", "left"]
    assert {each["do"] for each in document["attention"]} >= {f"farm run --resume {SECOND}"}
    assert len(document["workers"]) == 2


def test_a_board_whose_worker_died_is_not_measuring() -> None:
    left = replace(fleet_board(0, "measuring"), held=False)
    assert told.state_of(left, NOW) == "queued"
    assert told.doing(left, NOW) == f"for {FIRST}"


def test_a_board_that_somebody_has_without_a_run_says_who() -> None:
    held = replace(fleet_board(1, "connecting"), queue=(), holder="bench-a")
    assert (told.state_of(held, NOW), told.doing(held, NOW)) == ("connecting", "held by bench-a")


def test_the_view_has_the_screen_to_itself_and_its_last_state_stays() -> None:
    out = io.StringIO()
    view = LiveFleet(Console(file=out, force_terminal=True, width=80, height=24, color_system="standard"))
    for boards in (9, 100, 9):
        view.update(fleet(boards))
    view.message("waiting for the database")
    view.finish()
    shown, after = out.getvalue().rsplit("\x1b[?1049l", 1)
    assert "\x1b[?1049h" in shown
    assert shown.index("rpi5-008") < shown.index("waiting for the database")
    assert "rpi5-008" in after


def test_a_terminal_that_changes_its_size_is_filled_anew() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=160, height=50)
    view = LiveFleet(console)
    view.update(fleet(100))
    console.size = ConsoleDimensions(80, 12)
    before = len(out.getvalue())
    view.update(fleet(100))
    assert "52 measuring" not in out.getvalue()[before:]
    assert "▣52" in out.getvalue()[before:]
    view.finish()


def test_a_view_that_never_saw_anything_ends_without_a_word() -> None:
    out = io.StringIO()
    LiveFleet(Console(file=out, force_terminal=True)).finish()
    assert out.getvalue() == ""
