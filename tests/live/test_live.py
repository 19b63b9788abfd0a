"""The live view fits, the plain view is plain, and nothing a board says moves the cursor."""

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from farm_orchestrator.cli.live import LiveView, PlainView, QuietView, is_interactive, make_view, terminal
from farm_orchestrator.cli.progress import GLYPHS, state_of
from farm_orchestrator.cli.provisional import figures
from farm_orchestrator.cli.screen import Frame, draw
from farm_orchestrator.store import BoardView, Other, Running, Snapshot
from live_golden import FOLDER, screens
from live_support import (
    FINDING,
    HOSTILE,
    NOW,
    OTHERS,
    STATES,
    Clock,
    board,
    hundred,
    median,
    shut,
    snapshot,
)

ESCAPES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
STATE_GLYPHS = "■▣◆·✕"


def frame(seen: Snapshot, title: str = "3 variants x 5 boards, run 20260101-000000-abcd") -> Frame:
    return Frame(title, seen, figures(seen.medians, seen.baseline), 0, 130.0, 130.0)


def drawn(seen: Snapshot, width: int, height: int, title: str = "t") -> list[str]:
    lines = draw(frame(seen, title), width, height)
    assert len(lines) <= max(1, height - 1)
    assert all(line.cell_len <= width for line in lines)
    assert not any(ESCAPES.search(line.plain) for line in lines)
    return [line.plain for line in lines]


SIZES = [(80, 24), (80, 14), (200, 50), (80, 16), (40, 20), (20, 16), (1, 1)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("boards", [1, 5, 12, 100, 500])
@pytest.mark.parametrize("blocks", [0, 1, 8])
def test_the_view_never_overflows(width: int, height: int, boards: int, blocks: int) -> None:
    drawn(snapshot(boards, blocks, HOSTILE), width, height, title=HOSTILE)


@given(st.integers(1, 250), st.integers(1, 80), st.integers(1, 300), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_the_view_fits_any_terminal(width: int, height: int, boards: int, blocks: int) -> None:
    drawn(snapshot(boards, blocks, HOSTILE), width, height, title=HOSTILE)


def test_below_16_rows_a_single_line_is_all() -> None:
    (line,) = drawn(snapshot(5), 120, 14)
    assert line == (
        "farm run 75/150 launches · 2:10 elapsed ~2 min left · 1 done · 1 running · 1 waiting · 1 queued · 1 lost"
    )


def test_a_run_with_room_shows_title_bar_grid_legend_attention_and_table() -> None:
    lines = drawn(snapshot(5, blocks=2), 80, 30, title="3 variants x 5 boards")
    text = "\n".join(lines)
    assert lines[0] == "farm run  3 variants x 5 boards"
    assert "75/150 launches  2:10 elapsed ~2 min left" in lines[1]
    assert "  ■ ▣ ◆ · ✕ " in lines
    assert "■ 1 done   ▣ 1 running   ◆ 1 waiting   · 1 queued   ✕ 1 lost" in text
    assert "rpi5-004  lost     host key changed; try: farm boards check rpi5-004" in text
    assert "rpi5-002  waiting  tried again in 40 s (loss 2): link_lost" in text
    assert re.search(r"provisional +launches +p50  x v0\n", text)
    assert re.search(r"v2 rpi5-000 +2 +1\.3\d ms  [23]\.\d\d \([23]\.\d\d to [23]\.\d\d\)", text)


def test_few_boards_are_told_by_name_with_what_each_is_at() -> None:
    def at(name: str, phase: int, variant: str) -> BoardView:
        return replace(board(name, "running"), running=Running(variant, "p", phase, 4, 0, NOW))

    boards = (at("a", 0, "@floor"), at("bb", 1, "fp32"), at("c", 3, "int8"), board("d", "queued"))
    lines = drawn(replace(snapshot(0), boards=boards), 80, 24)
    assert lines[3:7] == [
        "  ▣ a   trying the loop itself",
        "  ▣ bb  scoring fp32",
        "  ▣ c   timing int8",
        "  · d   queued",
    ]
    told = "\n".join(drawn(replace(snapshot(0), boards=(*boards[:3], at("d", 4, "int8"))), 80, 24))
    assert "running" not in told
    assert "  ▣ d   profiling int8" in told


def test_a_single_block_has_no_range() -> None:
    (row,) = [line for line in drawn(snapshot(1, blocks=1), 80, 24) if "v2" in line]
    assert re.search(r"[23]\.\d\d$", row)


def test_of_a_point_only_what_differs_on_one_board_is_told() -> None:
    def table(*points: tuple[str, str]) -> list[str]:
        medians = tuple(replace(median(name, v, 0), point=point) for name, point in points for v in (0, 1))
        lines = drawn(replace(snapshot(2), medians=medians), 120, 40)
        return [line.split("  ")[1] for line in lines if " ms" in line]

    assert table(("a", "cpu/default/0/1"), ("b", "cpu/default/1/1")) == ["v1 a", "v0 a", "v1 b", "v0 b"]
    assert table(("a", "cpu/default/0/1"), ("a", "cpu/default/0/4")) == ["v1 1", "v0 1", "v1 4", "v0 4"]


def test_every_state_has_a_glyph_of_its_own_and_25_stand_in_a_row() -> None:
    lines = drawn(snapshot(60), 80, 40)
    rows = [line.split() for line in lines if line.split() and set(line.split()) <= set(STATE_GLYPHS)]
    assert [len(row) for row in rows] == [25, 25, 10]
    assert set(rows[0]) == set(STATE_GLYPHS)
    assert len(STATES) == len(STATE_GLYPHS)
    assert len(set(GLYPHS.values())) == len(GLYPHS)


def test_boards_without_room_are_counted_and_at_most_five_need_attention() -> None:
    text = "\n".join(drawn(snapshot(500), 80, 24))
    assert "more boards" in text
    assert len(re.findall(r"farm boards check|tried again", text)) == 5
    assert "and 195 more" in text


@pytest.mark.parametrize("name", screens())
def test_a_screen_equals_its_golden_text(name: str) -> None:
    golden = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert screens()[name] + "\n" == golden, "look at the new screen, then renew it: python tests/live_golden.py"


@pytest.mark.parametrize(("width", "height"), [*SIZES, (80, 24), (160, 50)])
def test_a_hundred_boards_in_every_trouble_fit(width: int, height: int) -> None:
    drawn(hundred(), width, height)
    worse = replace(FINDING, variant=HOSTILE, text=HOSTILE)
    boards = tuple(replace(each, reason=HOSTILE, quarantined=HOSTILE) for each in hundred().boards)
    drawn(replace(hundred(), boards=boards, finding=worse), width, height)


@pytest.mark.parametrize("width", [72, 80, 120])
def test_a_long_reason_gives_way_to_the_command_that_mends(width: int) -> None:
    seen = replace(snapshot(0), boards=tuple(board(f"b{i}", "lost", "because " * 40) for i in range(9)))
    rows = [line for line in drawn(seen, width, 40) if "try:" in line]
    assert [row.rsplit("; ", 1)[1] for row in rows] == [f"try: farm boards check b{i}" for i in range(5)]
    assert all("because" in row for row in rows)


def test_a_board_that_takes_no_work_says_why_and_what_gives_it_back() -> None:
    seen = replace(snapshot(0), boards=(shut("hot", "quarantined"), shut("new-card", "drained"), board("b", "running")))
    text = "\n".join(drawn(seen, 160, 30))
    assert re.search(r"hot +quarantined +throttled in three .*; try: farm boards release hot", text)
    assert re.search(r"new-card +drained +new SD card on Friday; try: farm boards release new-card", text)
    at_work = replace(board("b", "running"), quarantined="just now")
    assert state_of(at_work, NOW) == "running", "until its launch is through"


def test_a_part_that_was_given_up_for_a_board_that_is_held_is_told_as_long_as_it_is_held() -> None:
    def row(seen: BoardView) -> str:
        (found,) = [line for line in drawn(replace(snapshot(0), boards=(seen,)), 80, 24) if "  hot  " in line]
        return found

    given_up = replace(
        shut("hot", "drained"), ended="drained: new SD card on Friday; farm boards release hot ends that"
    )
    assert row(given_up) == "  hot  drained  new SD card on Friday; try: farm boards release hot"
    assert row(replace(given_up, drained=None)) == "  hot  lost  drained: new SD card on Friday"


def test_a_shared_farm_without_a_worker_is_told_above_all() -> None:
    text = drawn(replace(hundred(), served=False), 80, 24)
    assert text[text.index("  needs attention") + 1].endswith("nobody serves the queue; try: farm worker --boards '*'")


def test_a_launch_that_nobody_holds_any_more_is_not_running() -> None:
    left = replace(board("b", "running"), held=False)
    assert state_of(left, NOW) == "queued"
    (line,) = [line for line in drawn(replace(snapshot(0), boards=(left,)), 80, 24) if " b " in line]
    assert line == "  · b  queued"


def test_who_is_served_first_or_takes_turns_is_told() -> None:
    def queue(*others: Other) -> list[str]:
        seen = replace(snapshot(5), others=others)
        return [line.strip() for line in drawn(seen, 120, 30) if OTHERS[0].run in line or OTHERS[1].run in line]

    first, equal = OTHERS
    assert queue() == []
    assert queue(first, equal) == [f"behind run {first.run}, priority 5, on 12 boards"]
    assert queue(first, first) == [f"behind run {first.run}, priority 5, on 12 boards, then 1 more run"]
    assert queue(replace(equal, boards=1)) == [f"shares 1 board with run {equal.run}"]
    assert queue(equal, equal, equal) == [f"shares 3 boards with run {equal.run} and 2 more runs"]
    elsewhere = replace(board("b", "queued"), elsewhere=first.run)
    (line,) = [line for line in drawn(replace(snapshot(0), boards=(elsewhere,)), 80, 24) if " b " in line]
    assert line == f"  · b  queued, measuring for {first.run}"


def test_what_somebody_reckoned_is_told_instead_of_the_pace() -> None:
    seen = replace(snapshot(5), finish=NOW + 3000)
    assert "~50 min left" in drawn(seen, 120, 14)[0]
    assert "~2 min left" in drawn(replace(seen, finish=None), 120, 14)[0]


def test_a_view_that_looks_in_late_counts_from_the_beginning_of_the_run() -> None:
    for late, elapsed in ((True, "16:40 elapsed"), (False, "0:00 elapsed")):
        out = Terminal()
        view = LiveView(Console(file=out, force_terminal=True, width=80, height=24), clock=Clock(), late=late)
        view.start("title", [])
        view.update(snapshot(5))
        view.finish()
        assert elapsed in out.getvalue()


def test_a_clean_run_asks_for_nobodys_attention() -> None:
    seen = replace(snapshot(0), boards=tuple(board(f"b{i}", "running") for i in range(3)))
    assert "needs attention" not in "\n".join(drawn(seen, 80, 30))


def test_up_to_five_blocks_the_range_is_shown_and_from_six_the_interval() -> None:
    def row(blocks: int) -> tuple[float, float, float]:
        medians = [median("b", v, block) for v in (0, 1) for block in range(blocks)]
        found = next(f for f in figures(medians, "v0") if f.variant == "v1")
        assert None not in (found.ratio, found.low, found.high)
        return found.ratio or 0, found.low or 0, found.high or 0

    def ratios(blocks: int) -> list[float]:
        return sorted(median("b", 1, k).p50_ns / median("b", 0, k).p50_ns for k in range(blocks))

    for blocks in (1, 5):
        ratio, low, high = row(blocks)
        assert (low, high) == pytest.approx((ratios(blocks)[0], ratios(blocks)[-1]))
        assert low <= ratio <= high
    ratio, low, high = row(6)
    assert (low, high) == pytest.approx((ratios(6)[0], ratios(6)[-1]))  # the exact 95 % interval of six is their range
    ratio, low, high = row(20)
    assert ratios(20)[0] < low < ratio < high < ratios(20)[-1]


def test_the_baseline_and_blocks_it_does_not_share_have_no_ratio() -> None:
    found = figures([median("b", 0, 1), median("b", 1, 2)], "v0")
    assert [f.ratio for f in found] == [None, None]
    assert figures([median("b", 1, 2)], None)[0].ratio is None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "interactive"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({}, False),
        ({"TERM": "xterm", "CI": "true"}, False),
        ({"TERM": "xterm", "CI": "false"}, True),
    ],
)
def test_lines_are_redrawn_only_where_that_works(env: dict[str, str], interactive: bool) -> None:  # noqa: FBT001  # a column of the table
    assert is_interactive(Terminal(), env) == interactive
    assert isinstance(make_view(out=Terminal(), env=env), LiveView if interactive else PlainView)
    assert isinstance(make_view(out=io.StringIO(), env={**env, "FORCE_COLOR": "1"}), PlainView)
    assert type(make_view(quiet=True, out=Terminal(), env=env)) is QuietView


def test_quiet_says_only_what_must_be_known() -> None:
    out = io.StringIO()
    view = QuietView(out)
    view.start("title", ["line"])
    view.update(snapshot(5))
    view.message("stopping 3 launches")
    view.finish()
    assert out.getvalue() == "stopping 3 launches\n"


def played(console: Console, seen: Snapshot) -> None:
    view = LiveView(console, clock=Clock())
    view.start("title", ["estimate"])
    for _ in range(3):
        view.update(seen)
    view.message("note")
    view.finish()


def test_the_live_view_redraws_in_place_and_is_gone_at_the_end() -> None:
    out = Terminal()
    played(
        Console(file=out, force_terminal=True, width=80, height=24, color_system="standard"), snapshot(5, 2, HOSTILE)
    )
    text = out.getvalue()
    assert text.index("estimate") < text.index("title") < text.index("needs attention")
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert text.rstrip().endswith("\x1b[2K")
    assert not any(bad in text for bad in ("\x1b[2J", "\x1b]0;", "\x07", "\x9b"))


def test_no_color_takes_the_colours_and_leaves_the_view() -> None:
    out = Terminal()
    console = terminal(out, {"NO_COLOR": "1", "TERM": "xterm"})
    assert console.no_color
    assert not terminal(out, {"TERM": "xterm"}).no_color
    out = Terminal()
    played(Console(file=out, force_terminal=True, width=80, height=24, no_color=True), snapshot(5))
    assert "needs attention" in out.getvalue()
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", out.getvalue())


def test_a_terminal_that_is_made_smaller_in_the_middle_is_fitted_again() -> None:
    out = Terminal()
    console = Console(file=out, force_terminal=True, width=200, height=50)
    view = LiveView(console, clock=Clock())
    view.start("title", [])
    view.update(snapshot(100, 3))
    console.size = (80, 12)
    before = len(out.getvalue())
    view.update(snapshot(100, 3))
    view.finish()
    assert "launches" in out.getvalue()[before:]
    assert "provisional" not in out.getvalue()[before:]
