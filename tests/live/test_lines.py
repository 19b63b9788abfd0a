"""Without a terminal a run is told in lines, each of which says something new."""

import re
from dataclasses import replace

from farm_orchestrator.cli.live import EVERY_S
from farm_orchestrator.store import BoardView, Finding, Snapshot
from live_support import HOSTILE, NOW, OTHERS, board, hundred, median, plain_view, snapshot

ESCAPES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


def test_a_shared_farm_without_a_worker_is_told_once_each_time() -> None:
    seen = replace(hundred(), served=False)
    view, out, _ = plain_view()
    for each in (seen, seen, hundred(), seen):
        view.update(each)
    assert out.getvalue().count("nobody serves the queue; try: farm worker") == 2


def test_lines_tell_a_finding_once_by_its_name_and_each_variant_that_fails() -> None:
    view, out, _ = plain_view()
    seen = replace(snapshot(0), boards=(board("b", "running"),))
    for name, variant in (("TIMER", "a"), ("TIMER", "b"), ("failed", "a"), ("failed", "b"), ("failed", "a")):
        view.update(replace(seen, finding=Finding("b", variant, name)))
    told = [line.split(" ", 1)[1] for line in out.getvalue().splitlines()]
    assert told == ["finding TIMER: a on b", "finding failed: a on b", "finding failed: b on b"]


def test_lines_tell_of_the_queue_when_it_begins_and_when_it_is_over() -> None:
    view, out, clock = plain_view()
    seen = replace(snapshot(0), boards=(board("b", "queued"),))
    for others in ((), OTHERS, OTHERS[1:], ()):
        view.update(replace(seen, others=others))
    clock.now = EVERY_S
    view.update(replace(seen, finish=NOW + 600))
    told = [line.split(" ", 1)[1] for line in out.getvalue().splitlines()]
    assert told == [
        "behind run 20260101-000000-0001, priority 5, on 12 boards",
        "alone on its boards",
        "0/30 launches, ~10 min left, boards: 1 queued",
    ]


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
        "rpi5-002 waiting tried again in 40 s (loss 2): link_lost",
        "rpi5-004 lost host key changed; try: farm boards check rpi5-004",
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
