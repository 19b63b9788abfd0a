"""A lane reads the meter beside its launches: rows on the board's clock, reasons where it fails, the run goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import engine_support
import meters_support as support
from engine_support import Farm, make_farm, world_of
from farm_orchestrator.lane import drain
from farm_orchestrator.meters import MeterError, Reading
from farm_orchestrator.meters.align import Sync
from farm_orchestrator.meters.meter import Json
from farm_orchestrator.meters.watch import Watching
from farm_orchestrator.model import FLOOR, LaunchRow, State
from farm_orchestrator.store.samples import read_launch
from meters_support import shelly_gen2, web

SECOND_NS = 1_000_000_000
STEP_NS = 20_000_000
ADDRESS = "scpi://192.0.2.1"


def measured(folder: Path, meter: str) -> Farm:
    """A run of a few short launches of the real agent's stand-in, on a board that hangs on `meter`."""
    farm = make_farm(folder, blocks=1, python=engine_support.stand_in(folder / "stand-in"), meter=meter)
    with world_of(farm) as world:
        drain("b0", world, lambda _: None)
    assert {row.state for row in farm.rows()} == {State.DONE}
    return farm


def told(farm: Farm, row: LaunchRow) -> list[Json]:
    assert row.file is not None
    found = read_launch(farm.folder / row.file)[1].to_pylist()
    return [each for each in found if str(each["source"]).startswith("meter.")]


def timed(farm: Farm) -> list[LaunchRow]:
    return [row for row in farm.rows() if row.kind == "measure"]


def test_the_launches_of_a_lane_have_the_meter_s_rows_on_the_board_s_clock(tmp_path: Path) -> None:
    """The board is this machine: its clock is ours, and the offset that was found must allow that."""
    began_ns = time.monotonic_ns()
    with web(shelly_gen2(lambda _: 5.0, time.monotonic_ns, lambda t_ns: t_ns / 1e9)) as port:
        farm = measured(tmp_path, f"shelly://127.0.0.1:{port.number}")
    launches = timed(farm)
    for row in launches:
        assert abs(row.facts["clock_offset_ns"]) <= row.facts["clock_offset_error_ns"] < SECOND_NS
        assert row.facts["meter"] == {
            "name": "shelly", "kind": "shelly", "scope": "wall_ac", "sensor_class": "C", "lsb_w": 0.1, "interval_ms": 1000,
            "says": "Shelly PlusPlugS, firmware 1.3.3",
        }  # fmt: skip
        assert row.facts["meter_lag_ns"] is None
        assert row.facts["meter_lag_ns_reason"]
    rows = [each for row in launches for each in told(farm, row)]
    power = [each for each in rows if each["source"] == "meter.shelly.power"]
    quick = [each for each in power if not str(each["error"]).startswith("slow: ")]  # the machine may be busy
    assert {(each["value"], each["unit"], each["error"]) for each in quick} == {(5000.0, "mW", None)}
    assert {each["unit"] for each in rows} == {"mW", "uJ"}
    assert all(began_ns - SECOND_NS <= each["t_ns"] <= time.monotonic_ns() + SECOND_NS for each in rows)


@pytest.mark.parametrize(("answer", "why"), [
    (lambda *_: None, "timeout: "), (lambda *_: support.HTML, "html: "), (lambda *_: support.LARGE, "too_large: "),
    (lambda *_: support.ELSEWHERE, "redirect: "),
])  # fmt: skip
def test_a_meter_that_never_was_one_costs_no_launch(
    answer: Any, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farm_orchestrator.meters.exchange.WITHIN_S", 0.05 if why == "timeout: " else 60.0)
    with web(answer) as port:
        farm = measured(tmp_path, f"tasmota://127.0.0.1:{port.number}")
    last = max(timed(farm), key=lambda row: row.t1 or 0)
    assert last.facts["meter"] is None
    assert last.facts["meter_reason"].startswith(why)
    errors = [each for row in timed(farm) for each in told(farm, row)]
    assert errors
    assert all(each["value"] is None and each["error"].startswith(why) for each in errors)


def test_a_board_without_a_meter_says_so_and_is_not_asked_for_its_clock(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, blocks=1, python=engine_support.stand_in(tmp_path / "stand-in"))
    with world_of(farm) as world:
        drain("b0", world, lambda _: None)
    for row in timed(farm):
        assert (row.facts["meter"], row.facts["meter_reason"]) == (None, "the inventory names no meter for this board")
        assert "clock_offset_ns" not in row.facts
        assert told(farm, row) == []


def with_enemy(folder: Path, mode: str) -> Farm:
    base = folder / ".farm" / "boards" / "b0"
    farm = make_farm(
        folder, blocks=1, python=engine_support.enemy(folder / "enemy", mode, base), meter="scpi://127.0.0.1:1"
    )
    with world_of(farm) as world:
        drain("b0", world, lambda _: None)
    return farm


@pytest.mark.parametrize("mode", ["no clock", "odd clock"])
def test_an_agent_without_a_clock_loses_its_launch_and_nothing_else(mode: str, tmp_path: Path) -> None:
    farm = with_enemy(tmp_path, mode)
    assert [row.outcome for row in farm.rows(state=State.LOST)] == ["link_lost"]
    assert farm.rows(state=State.PENDING)


def test_a_launch_that_was_told_whole_counts_even_where_the_clock_stops(tmp_path: Path) -> None:
    row = next(row for row in with_enemy(tmp_path, "clock stops").rows() if row.variant == FLOOR)
    assert row.state == State.DONE
    assert (row.facts["clock_offset_ns"], row.facts["meter"]) == (None, None)
    assert "was not compared" in row.facts["clock_offset_ns_reason"]
    assert row.facts["meter_reason"].startswith("refused: ")


class Script:
    """A meter that says what a test wants, ten times a second."""

    kind, says, scope, sensor_class, interval_ms, lsb_w = "scpi", "Script", "board_dc", "A", 100, 0.01

    def __init__(self, *turns: Reading | MeterError) -> None:
        self.turns = list(turns)
        self.closed = False

    def read(self) -> Reading:
        turn = self.turns.pop(0) if self.turns else MeterError("gone", "the script is over")
        if isinstance(turn, MeterError):
            raise turn
        return turn

    def close(self) -> None:
        self.closed = True


@contextmanager
def watching(script: Script, turns: int) -> Iterator[Watching]:
    found = Watching(ADDRESS, lambda _: script)  # type: ignore[arg-type, return-value]  # literals of a class are text
    engine_support.wait_for(lambda: len(found.kept) >= turns, f"{turns} turns")
    try:
        yield found
    finally:
        found.close()
        engine_support.wait_for(lambda: script.closed, "the end of the watch")


def syncs(begin_s: float, end_s: float, offset_ns: int = 0) -> tuple[Sync, Sync]:
    before, after = (Sync(int(at * SECOND_NS), offset_ns, 1000) for at in (begin_s, end_s))
    return before, after


def at(second: float, **fields: Any) -> Reading:
    return Reading(int(second * SECOND_NS), 5.0, **fields)


def test_a_launch_gets_its_own_readings_and_one_on_either_side() -> None:
    script = Script(*(at(n / 10) for n in range(10)))
    with watching(script, 10) as meter:
        rows, facts = meter.beside(*syncs(0.3, 0.5, offset_ns=7), said={})
    assert [row["t_ns"] for row in rows] == [n * SECOND_NS // 10 + 7 for n in (2, 3, 4, 5, 6)]
    assert (facts["clock_offset_ns"], facts["clock_offset_error_ns"]) == (7, 1000)


def test_slow_answers_failures_and_jumps_are_rows_with_their_reason_among_the_others() -> None:
    script = Script(
        at(1.0, energy_j=10.0), at(1.1, energy_j=10.5, took_ns=60_000_000), at(1.2, energy_j=3.0), at(1.3, energy_j=3.5),
    )  # fmt: skip
    with watching(script, 4) as meter:
        rows, _ = meter.beside(*syncs(1.0, 1.3), said={})
    power = [(row["value"], (row["error"] or "").split(":")[0]) for row in rows if row["source"] == "meter.scpi.power"]
    energy = [
        (row["value"], (row["error"] or "").split(":")[0]) for row in rows if row["source"] == "meter.scpi.energy"
    ]
    assert power == [(5000.0, ""), (None, "slow"), (5000.0, ""), (5000.0, "")]
    assert energy == [(10e6, ""), (None, "jump"), (3.5e6, "")]


def test_a_meter_that_dies_is_told_once_in_a_while_and_keeps_what_it_had_said() -> None:
    began_ns = time.monotonic_ns()
    script = Script(Reading(began_ns, 5.0))
    with watching(script, 2) as meter:
        now_ns = time.monotonic_ns()
        rows, facts = meter.beside(Sync(began_ns, 0, 1), Sync(now_ns, 0, 1), said={})
    assert [row["error"] for row in rows] == [None, "gone: the script is over"]
    assert facts["meter"]["says"] == "Script"


def test_the_reading_after_a_slot_that_is_long_enough_is_waited_for() -> None:
    begin_ns = time.monotonic_ns()
    end_ns = begin_ns + SECOND_NS
    script = Script(*(Reading(begin_ns + n * SECOND_NS // 10, 5.0) for n in range(13)))
    said = {"slot_t0_ns": begin_ns, "slot_t1_ns": end_ns}
    with watching(script, 2) as meter:
        rows, _ = meter.beside(Sync(begin_ns, 0, 1), Sync(end_ns, 0, 1), said)
    assert rows[-1]["t_ns"] >= end_ns


def test_without_the_board_s_clock_there_are_no_rows_but_a_reason() -> None:
    with watching(Script(at(1.0)), 1) as meter:
        rows, facts = meter.beside(None, syncs(0.0, 1.0)[1], said={})
    assert rows == ()
    assert facts["clock_offset_ns"] is None
    assert "was not compared" in facts["clock_offset_ns_reason"]


@pytest.mark.parametrize("late_readings", [0, 4])
def test_the_load_chirp_of_a_launch_verifies_the_delay_for_the_launches_after_it(late_readings: int) -> None:
    burns = [[n * 10 * STEP_NS + 5 * STEP_NS, n * 10 * STEP_NS + 10 * STEP_NS] for n in range(3)]

    def watts(n: int) -> float:
        return 8.0 if any(begin <= (n - late_readings) * STEP_NS < end for begin, end in burns) else 3.0

    script = Script(*(Reading(n * STEP_NS, watts(n)) for n in range(40)))
    script.interval_ms = STEP_NS // 1_000_000
    with watching(script, 40) as meter:
        _, sung = meter.beside(Sync(0, 0, 1), Sync(40 * STEP_NS, 0, 1), said={"chirp": burns})
        _, later = meter.beside(Sync(30 * STEP_NS, 0, 1), Sync(40 * STEP_NS, 0, 1), said={})
    for facts in (sung, later):
        if not late_readings:
            assert abs(facts["meter_lag_ns"]) < STEP_NS
        else:
            assert facts["meter_lag_ns"] is None
            assert "late, more than a reading of 20 ms" in facts["meter_lag_ns_reason"]


@pytest.mark.parametrize("chirp", [None, [], "x", [[1]], [[2, 1]], [[1.0, 2.0]], [[True, 5]], {"a": 1}])
def test_an_agent_may_tell_any_chirp(chirp: object) -> None:
    with watching(Script(at(1.0)), 1) as meter:
        _, facts = meter.beside(*syncs(0.0, 1.0), said={"chirp": chirp})
    assert facts["meter_lag_ns_reason"] == "the board told no load chirp"
