"""What to ship, and the sentence that says so."""

from __future__ import annotations

import dataclasses
import re

import pytest

from farm_reports import exports, figures, judge, words
from farm_reports.bounds import parse
from farm_reports.results import Results
from farm_reports.tables import BoardRecord
from noise import generator
from tables_support import POINT, SIZES, TIMES, launch, launches, tables

OTHER = POINT.replace("/1/", "/4/")
PAIR = ("fp32", "int8")


def run(times: dict[tuple[str, str], float], boards: tuple[str, ...], sd: float = 0.003, **fields: object) -> Results:
    """A run in which `times` overrides the time of (board, variant)."""
    rng = generator(3)
    names = tuple(dict.fromkeys(["fp32", *(name for _, name in times)]))
    records = launches(
        boards,
        names,
        time_ns=lambda board, name, _: times.get((board, name), TIMES.get(name, 4e6)) * rng.lognormal(0, sd),
    )
    return judge.results(tables(records, boards=boards, names=names, **fields))


def test_one_winner_on_one_board() -> None:
    assert (
        run({("rpi5", "int8"): 2e6}, ("rpi5",)).headline == "int8 is 2.0 x faster on rpi5. No limit or budget was set."
    )


def test_one_winner_on_every_board_shows_the_range_of_ratios() -> None:
    results = run({("a", "int8"): 2e6, ("b", "int8"): 1.6e6}, ("a", "b"), limits={"size": "2MB"})
    assert results.headline == "int8 is 2.0 to 2.5 x faster on every board and inside all limits."


def test_a_gain_that_one_decimal_would_hide_is_told_in_per_cent() -> None:
    assert run({("rpi5", "int8"): 3.88e6}, ("rpi5",), sd=0).headline.startswith("int8 is 3.1 % faster on rpi5.")
    both = run({("a", "int8"): 3.88e6, ("b", "int8"): 3.2e6}, ("a", "b"), sd=0)
    assert both.headline.startswith("int8 is 3.1 to 25.0 % faster on every board.")


def test_a_board_where_nothing_was_measured_is_none_of_every_board() -> None:
    rng = generator(3)
    times = {"fp32": 4e6, "int8": 2e6}
    records = launches(("a", "b"), PAIR, time_ns=lambda _board, name, _: times[name] * rng.lognormal(0, 0.003))
    results = judge.results(tables(records, boards=("a", "b", "gone"), names=PAIR, min_boards=2))
    assert results.headline.startswith("int8 is 2.0 x faster on a and b.")


def test_different_winners_are_counted() -> None:
    times = {("a", "int8"): 2e6, ("b", "int8"): 2e6, ("c", "int8"): 6e6, ("c", "half"): 2e6, ("a", "half"): 3e6}
    results = run({**times, ("b", "half"): 3e6}, ("a", "b", "c"))
    assert results.headline.startswith("int8 wins on 2 of 3 boards, half on 1.")


def test_many_boards_are_counted_by_type() -> None:
    boards = tuple(BoardRecord(f"b{i:02}", {"type": "pi5" if i < 8 else "nano"}) for i in range(14))
    times = {(board.name, "int8"): 2e6 if index < 8 else 6e6 for index, board in enumerate(boards)}
    records = launches(
        [board.name for board in boards], PAIR, time_ns=lambda board, name, _: times.get((board, name), 4e6)
    )
    results = judge.results(tables(records, boards=boards, names=PAIR))
    assert results.headline.startswith(
        "int8 wins on 8 of 14 boards, fp32 on 6 (pi5: int8 on 8 of 8, nano: fp32 on 6 of 6)"
    )


def test_the_baseline_wins() -> None:
    assert run({("rpi5", "int8"): 6e6}, ("rpi5",)).headline.startswith("Nothing is faster than fp32 on rpi5.")
    both = run({("a", "int8"): 6e6, ("b", "int8"): 6e6}, ("a", "b"))
    assert both.headline.startswith("Nothing is faster than fp32 on any board.")


def test_a_winner_that_is_slower_than_a_ruled_out_baseline_is_not_called_faster() -> None:
    results = run({("rpi5", "int8"): 6e6}, ("rpi5",), limits={"size": "1MB"})
    assert results.headline == "int8 is the fastest variant that fits on rpi5 and inside all limits."
    (ship,) = results.ship
    assert ship.ruled_out[0].why == "size 1.21 MB, limit 1 MB; 1.5 x as fast as int8"


def test_none_fits_and_the_nearest_is_named() -> None:
    results = run({("rpi5", "int8"): 2e6}, ("rpi5",), limits={"latency_p50": "1.9ms"})
    assert results.verdict == "failed"
    assert results.headline == results.sentence
    assert results.headline == "No variant meets all limits on rpi5; the nearest is int8: p50 2.00 ms, limit 1.9 ms."
    (ship,) = results.ship
    assert (ship.variant, ship.nearest is not None) == (None, True)


def test_two_that_cannot_be_told_apart_are_both_named_with_their_difference() -> None:
    results = run({("rpi5", "int8"): 2e6, ("rpi5", "int8-pc"): 2.002e6}, ("rpi5",))
    (ship,) = results.ship
    assert ship.probability_best is not None
    assert 0.05 < ship.probability_best < 0.95
    assert len(ship.tied) == 1
    assert "cannot be told apart on rpi5 (" in results.headline
    assert " %, 95 % CI " in results.headline


def test_a_rival_that_is_slower_in_every_block_is_told_apart_however_the_baseline_varies() -> None:
    rng = generator(5)
    records = launches(
        names=("fp32", "int8", "int8-pc"),
        time_ns=lambda _, name, __: (
            4e6 * rng.lognormal(0, 0.15) if name == "fp32" else (2e6 if name == "int8" else 2.06e6)
        ),
    )
    results = judge.results(tables(records, names=("fp32", "int8", "int8-pc")))
    (ship,) = results.ship
    assert (ship.variant, ship.tied) == ("int8", ["int8-pc"])
    assert "cannot be told apart" not in results.headline
    assert results.headline.startswith("int8 is ")


def test_three_that_cannot_be_told_apart_are_named_without_a_difference_of_two() -> None:
    times = {("rpi5", "a"): 2e6, ("rpi5", "b"): 2.0002e6, ("rpi5", "c"): 2.0004e6}
    (text, _) = run(times, ("rpi5",)).headline.split(". ")
    names, _, rest = text.partition(" cannot ")
    assert (names.count(", "), names.count(" and "), rest) == (1, 1, "be told apart on rpi5")


def test_the_same_seed_draws_the_same_probabilities() -> None:
    one, other = (run({("rpi5", "int8"): 2e6, ("rpi5", "b"): 2.01e6}, ("rpi5",)).ship for _ in range(2))
    assert one == other


def test_the_best_point_of_a_board_is_what_ships() -> None:
    rng = generator(4)
    slow = launches(names=PAIR, point=POINT)
    fast = [
        launch(100 + i, "rpi5", name, 50 + i // 2, TIMES[name] / 2 * rng.lognormal(0, 0.003), point=OTHER)
        for i, name in enumerate(PAIR * 8)
    ]
    results = judge.results(tables([*slow, *fast], names=PAIR, points=(POINT, OTHER)))
    (ship,) = results.ship
    assert (ship.variant, ship.point_key) == ("int8", OTHER)
    assert results.headline.startswith("int8 is 2.3 x faster on rpi5 (4 threads).")


def test_variants_that_could_not_run_are_ruled_out_with_their_reason() -> None:
    records = [r for r in launches() if r.variant != "struct50"]
    records.append(launch(999, "rpi5", "struct50", 2, 0, state="failed", outcome="CRASH(11)", phase=0))
    (ship,) = judge.results(tables(records)).ship
    assert [(out.variant, out.why) for out in ship.ruled_out] == [("struct50", "failed: CRASH(11)")]


@pytest.mark.parametrize("size", [999, 1_000_000, 12_345_678])
def test_sizes_are_written_as_limits_are(size: int) -> None:
    given = tables(limits={"size": "1B"})
    variants = tuple(dataclasses.replace(v, bytes=size) for v in given.variants)
    (ship,) = judge.results(dataclasses.replace(given, variants=variants)).ship
    shown = {999: "999 B", 1_000_000: "1 MB", 12_345_678: "12.3 MB"}[size]
    assert ship.ruled_out[0].why == f"size {shown}, limit 1 B"
    assert set(SIZES) == {out.variant for out in ship.ruled_out}


def test_nothing_measured_says_so() -> None:
    results = judge.results(tables([]))
    assert results.headline == "Nothing was measured."
    assert results.verdict == "invalid"
    assert results.sentence == "rpi5, the only board, was not measured: no launch was measured."


def test_of_several_boards_where_nothing_fits_the_count_is_told() -> None:
    slow = {("a", "int8"): 2e6, ("b", "int8"): 2e6, ("c", "int8"): 1e6}
    some = run(slow, ("a", "b", "c"), limits={"latency_p50": "1.9ms"}).headline
    assert some.startswith("No variant meets all limits on 2 of 3 boards; the nearest on a is int8: p50 2.00 ms, limit")
    assert "; int8 is 4.0 x faster on c" in some
    every = run(slow, ("a", "b", "c"), limits={"latency_p50": "0.9ms"}).headline
    assert every.startswith("No variant meets all limits on any of 3 boards; ")


def test_a_tie_on_one_board_says_what_the_others_found() -> None:
    times = {("a", "int8"): 2e6, ("a", "int8-pc"): 2.002e6, ("b", "int8"): 2e6, ("b", "int8-pc"): 3e6}
    text = run(times, ("a", "b")).headline
    assert " cannot be told apart on a (" in text
    assert text.startswith(("int8-pc wins", "int8 wins")) or "; int8 is the fastest on the other" in text


def test_one_variant_is_told_with_its_time() -> None:
    records = launches(("a", "b"), ("fp32",), time_ns=lambda board, _, __: 4e6 if board == "a" else 6e6)
    results = judge.results(tables(records, boards=("a", "b"), names=("fp32",), limits={"latency_p50": "9ms"}))
    assert results.headline == (
        "fp32 takes 4.00 to 6.00 ms on every board and inside all limits; there is no other variant to compare it with."
    )


def test_where_the_others_did_not_run_nothing_is_called_faster() -> None:
    records = [record for record in launches(names=PAIR) if record.variant == "fp32"]
    records.append(launch(999, "rpi5", "int8", 2, 0, state="failed", outcome="CRASH(11)", phase=0))
    text = judge.results(tables(records, names=PAIR)).headline
    assert text == "fp32 takes 4.00 ms on rpi5; no other variant was measured. No limit or budget was set."


def test_a_missed_limit_on_several_boards_is_told_once() -> None:
    slow = {(board, "int8"): 2e6 for board in "abc"}
    results = run(slow, ("a", "b", "c"), limits={"latency_p50": "1.9ms"}, ship=("int8",))
    assert results.sentence.endswith("limit 1.9 ms; so it does on 2 more boards.")


def pointed(limit: str) -> Results:
    """One board at two points, 1 thread and 4."""
    records = [each for point in (POINT, OTHER) for each in launches(names=PAIR, point=point, sd=0)]
    records = [
        dataclasses.replace(each, id=at, p50_ns=(each.p50_ns or 0) // (1 + (each.point == OTHER)))
        for at, each in enumerate(records)
    ]
    return judge.results(
        tables(records, names=PAIR, points=(POINT, OTHER), limits={"latency_p50": limit}, ship=("int8",))
    )


def test_two_points_of_one_board_are_not_two_boards() -> None:
    text = pointed("0.5ms").sentence
    assert text.startswith("int8 misses a limit on rpi5 (1 thread): p50 ")
    assert text.endswith("limit 0.5 ms; 1 more limit is missed.")


def test_what_holds_at_one_point_and_not_at_another_is_said_of_each_point() -> None:
    results = pointed("1.5ms")
    one, other = results.gates[0].cells
    assert [(cell.where, cell.verdict) for cell in (one, other)] == [
        ("int8 on rpi5 (1 thread)", "failed"), ("int8 on rpi5 (4 threads)", "passed")
    ]  # fmt: skip
    assert (one.point_key, other.point_key) == (POINT, OTHER)
    assert "on rpi5 (1 thread): " in results.sentence
    assert "faster on rpi5 (4 threads) and inside all limits" in results.headline
    summary = exports.summary(results).replace("\\", "")
    assert "failed, worst 1.70 ms (int8 on rpi5 (1 thread))" in summary
    assert "| rpi5 (4 threads) | int8 | 0.850 ms |" in summary
    assert "| rpi5 (1 thread) | int8 | measured | 1.70 ms |" in summary
    assert "int8 on rpi5 (1 thread): " in exports.annotated(results)
    names = re.findall(r'<testcase name="([^"]*)" classname="farm.rpi5.int8"', exports.junit(results))
    assert names == ["latency_p50 (1 thread) \u00b7 int8", "latency_p50 (4 threads) \u00b7 int8"]
    assert results.why is not None
    assert (results.why.rule, results.why.point_key) == ("failed", POINT)


@pytest.mark.parametrize(
    ("limit", "value", "text"),
    [
        ({"size": "1MB"}, (1_004_000, None, None), "size 1.004 MB"), ({"size": "1MB"}, (1_000_000, None, None), "size 1 MB"),
        ({"accuracy": "-1pt"}, (-1.04, None, None), "accuracy -1.04 pt"),
        ({"accuracy": "-1pt"}, (-1.06, None, None), "accuracy -1.1 pt"),
        ({"accuracy": "0.97"}, (0.96996, 0.961, 0.98), "accuracy 0.96996 (0.96100 to 0.98000)"),
        ({"latency_p50": "30ms"}, (30.04, 30.01, 30.07), "p50 30.04 ms (30.01 to 30.07)"),
        ({"latency_p50": "30ms"}, (30.4, 30.1, 30.7), "p50 30.4 ms (30.1 to 30.7)"),
        ({"latency_p50": "30ms"}, (30.0, 29.0, 31.0), "p50 30.0 ms (29.0 to 31.0)"),
        ({"latency_p50": "+5%"}, (0.0502, 0.04, 0.06), "p50 +5.02 % (+4.00 to +6.00)"),
        ({"peak_memory": "180MB"}, (180.3e6, 180.2e6, 180.4e6), "peak memory 180.3 MB (180.2 MB to 180.4 MB)"),
    ],
)  # fmt: skip
def test_a_figure_beside_its_limit_never_reads_as_the_limit(
    limit: dict[str, str], value: tuple[float, float | None, float | None], text: str
) -> None:
    ((metric, bound),) = limit.items()
    assert words.measured(parse(metric, bound), *value) == text
    shown = figures.plain(figures.gate_value(metric, value[0], bound, figures.Clock("ms", 1.0)))
    at = figures.plain(figures.gate_value(metric, parse(metric, bound).value, bound, figures.Clock("ms", 1.0)))
    assert (shown == at) == (value[0] == parse(metric, bound).value)


def test_when_no_board_was_measured_all_are_named() -> None:
    lost = tuple(BoardRecord(name, {}, reason="link lost") for name in ("a", "b"))
    text = judge.results(tables([], boards=lost)).sentence
    assert text == "None of the 2 boards was measured: a (link lost) and b (link lost)."
