"""The live view fits, the plain view is plain, and nothing a board says moves the cursor."""

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from farm_orchestrator.cli.live import EVERY_S, LiveView, PlainView, QuietView, is_interactive, make_view, terminal
from farm_orchestrator.cli.provisional import figures
from farm_orchestrator.cli.screen import Frame, draw
from farm_orchestrator.store import BoardView, Running, Snapshot
from live_support import HOSTILE, NOW, STATES, board, median, snapshot

ESCAPES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
GLYPHS = "■▣◆·✕"


def frame(seen: Snapshot, title: str = "3 variants x 5 boards, run 20260101-000000-abcd") -> Frame:
    return Frame(title, seen, figures(seen.medians, seen.baseline), 0, 130.0)


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
    assert "rpi5-004  lost    host key changed; try: farm boards probe rpi5-004" in text
    assert "rpi5-002  waiting link_lost: loss 2, tried again in 40 s" in text
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
    assert "running" not in "\n".join(drawn(replace(snapshot(0), boards=boards[:3]), 80, 24))


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
    rows = [line.split() for line in lines if line.split() and set(line.split()) <= set(GLYPHS)]
    assert [len(row) for row in rows] == [25, 25, 10]
    assert set(rows[0]) == set(GLYPHS)
    assert len(STATES) == len(GLYPHS)


def test_boards_without_room_are_counted_and_at_most_five_need_attention() -> None:
    text = "\n".join(drawn(snapshot(500), 80, 24))
    assert "more boards" in text
    assert len(re.findall(r"farm boards probe|tried again", text)) == 5
    assert "and 195 more" in text


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


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def plain_view(**env: str) -> tuple[PlainView, io.StringIO, Clock]:
    out, clock = io.StringIO(), Clock()
    return PlainView(out, env=env, clock=clock), out, clock


def test_lines_tell_the_points_of_a_board_apart() -> None:
    view, out, _ = plain_view()
    points = ("cpu/default/0/1/2400000", "cpu/default/0/1/600000")
    medians = tuple(replace(median("rpi5-000", 0, 0), point=point) for point in points)
    view.update(replace(snapshot(1), medians=medians))
    told = [line.split(" ")[1:4] for line in out.getvalue().splitlines() if " ms " in line]
    assert told == [["rpi5-000", "v0", "2400000"], ["rpi5-000", "v0", "600000"]]


def test_without_a_terminal_there_is_a_line_per_finished_cell_and_one_every_30_s() -> None:
    view, out, clock = plain_view()
    view.start("title", ["estimate"])
    seen = snapshot(5, blocks=3)
    view.update(seen)
    view.update(seen)
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["title", "estimate"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d rpi5-000 v2 1\.3\d ms done", lines[2])
    assert [line.split(" ", 1)[1] for line in lines[5:]] == [
        "rpi5-002 waiting link_lost: loss 2, tried again in 40 s",
        "rpi5-004 lost host key changed; try: farm boards probe rpi5-004",
    ]
    clock.now = EVERY_S
    view.update(seen)
    assert (
        out.getvalue()
        .splitlines()[-1]
        .endswith("75/150 launches, boards: 1 done, 1 running, 1 waiting, 1 queued, 1 lost")
    )


def test_the_plain_view_holds_no_escape_codes_whatever_a_board_says() -> None:
    view, out, _ = plain_view()
    view.start(HOSTILE, [HOSTILE])
    view.update(snapshot(5, 2, reason=HOSTILE))
    view.update(Snapshot("r", "open", cancel=False, boards=(BoardView(HOSTILE, {"done": 1}),), now=NOW))
    view.message(HOSTILE)
    view.finish()
    assert not ESCAPES.search(out.getvalue())
    assert not any(line.startswith("::") for line in out.getvalue().splitlines())


def test_colour_in_a_log_is_there_only_when_forced() -> None:
    for env, coloured in (({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)):
        view, out, _ = plain_view(**env)
        view.update(snapshot(5))
        assert ("\x1b[3" in out.getvalue()) == coloured


def test_on_github_the_cells_of_a_board_are_a_group() -> None:
    view, out, _ = plain_view(GITHUB_ACTIONS="true")
    view.update(snapshot(1, blocks=1))
    lines = out.getvalue().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("::group::rpi5-000 done", "::endgroup::", 5)


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
