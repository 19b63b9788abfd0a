"""The earlier runs of a cell: complete ones of the same board, variant and point, with what was recorded then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert as insert_into
from sqlalchemy import update

from farm_orchestrator import store
from farm_orchestrator.histories import histories
from farm_orchestrator.store import CellRun, Store, schema
from farm_orchestrator.store.histories import CHUNK, MOST, Key
from farm_reports.results import Results
from reports_support import board, changed, grid, run
from store_support import Clock, Lane, cells_of, insert, measured, part

DAY_S = 86_400.0
OTHER: dict[str, Any] = {"recipe": {}, "seed": 1, "state": "closed", "facts": {}}
SHA = "9f3c2e1ab07d44a0c1d2e3f405162738495a6b7c"


def night(
    state: Store, clock: Clock, number: int, p50_ns: int = 1_000_000, *, word: str = "measured", **facts: Any
) -> str:
    """A complete run, as a farm leaves it."""
    spec = replace(part(run=f"2026-{number:04d}"), planned_blocks=2, max_blocks=2)
    name = insert(state, spec, created=clock.s)
    change(state, name, facts={"git": {"sha": SHA}})
    lane = Lane(state).start()
    lane.run(lambda claim: measured(p50_ns + claim.row.block))
    lane.stop()
    store.note_hello(state, name, "b0", {"kernel": "6.6", "onnxruntime": "1.22.0", "arch": "x86_64", **facts})
    store.set_cells(state, name, [replace(cell, state=word) for cell in cells_of([spec])])
    store.close_finished(state)
    clock.pass_s(DAY_S)
    return name


def change(state: Store, name: str, /, **values: Any) -> None:
    state.submit(lambda c: c.execute(update(schema.run).where(schema.run.c.run == name).values(**values)) and None)


def key() -> tuple[str, str, str]:
    return "b0", "int8", part().points[0].key


def cell_runs(state: Store, wanted: Key, before: str, most: int = MOST) -> list[CellRun]:
    return store.cell_runs(state, [wanted], before, most)[wanted]


@pytest.fixture
def nights(state: Store, clock: Clock) -> list[str]:
    return [night(state, clock, number, 1_000_000 + number * 1000) for number in range(4)]


def test_the_earlier_runs_come_in_the_order_of_time_with_what_was_recorded(state: Store, nights: list[str]) -> None:
    found = cell_runs(state, key(), nights[-1])
    assert [each.run for each in found] == nights[:3]
    first = found[0]
    assert (first.onnxruntime, first.kernel, first.git, first.sha256) == ("1.22.0", "6.6", SHA, "0" * 64)
    assert [each.p50_ns[0] // 1000 for each in found] == [1000, 1001, 1002]
    assert {len(each.p50_ns) for each in found} == {2}, "two blocks, without checks, screening and the loop itself"


def test_only_the_last_ones_are_told(state: Store, nights: list[str]) -> None:
    assert [each.run for each in cell_runs(state, key(), nights[-1], most=2)] == nights[1:3]


def test_those_behind_many_runs_of_something_else_are_found_too(state: Store, clock: Clock) -> None:
    first = night(state, clock, 0)
    others = [{"run": f"x{number}", "created": clock.s + number, **OTHER} for number in range(2 * CHUNK + 1)]
    state.submit(lambda c: c.execute(insert_into(schema.run), others) and None)
    clock.pass_s(DAY_S)
    assert [each.run for each in cell_runs(state, key(), night(state, clock, 1))] == [first]


def test_another_board_variant_or_point_has_no_part_in_it(state: Store, nights: list[str]) -> None:
    name, variant, point = key()
    for other in (("b1", variant, point), (name, "fp16", point), (name, variant, point.replace("/1/", "/4/"))):
        assert cell_runs(state, other, nights[-1]) == []


def test_a_run_that_was_cancelled_is_open_or_gave_no_figure_is_none_of_them(state: Store, clock: Clock) -> None:
    good, bad, cancelled, still_open = (
        night(state, clock, number, word="invalid" if number == 2 else "measured") for number in range(1, 5)
    )
    last = night(state, clock, 5)
    change(state, cancelled, cancel=1)
    change(state, still_open, state="open")
    assert bad not in {good, cancelled, still_open}
    assert [each.run for each in cell_runs(state, key(), last)] == [good]


def test_a_dropped_launch_is_not_counted(state: Store, nights: list[str]) -> None:
    mine = (schema.launch.c.run == nights[0], schema.launch.c.phase == 3, schema.launch.c.variant == "int8")
    state.submit(
        lambda c: (
            c.execute(update(schema.launch).where(*mine, schema.launch.c.block == 4).values(dropped="THROTTLED"))
            and None
        )
    )
    blocks = {row.block for row in store.launches(state, nights[0]) if row.phase == 3}
    assert len(cell_runs(state, key(), nights[-1])[0].p50_ns) == 2 - (4 in blocks)


@pytest.mark.parametrize(
    "facts", [{"kernel": 7, "onnxruntime": None}, {"kernel": {"a": 1}, "onnxruntime": [1]}, {"kernel": ""}]
)
def test_what_a_board_said_of_itself_may_be_anything(state: Store, clock: Clock, facts: dict[str, Any]) -> None:
    odd, last = night(state, clock, 1, **facts), night(state, clock, 2)
    (found,) = cell_runs(state, key(), last)
    assert found.run == odd
    assert isinstance(found.kernel, str | None)
    assert isinstance(found.onnxruntime, str | None)


def of(state: Store, name: str, **changes: Any) -> Results:
    """The page's results of that run: only its names matter."""
    made = grid(1, 6)
    cells = [
        each.model_copy(update={"board": "b0", "variant": variant, "point_key": key()[2]})
        for each, variant in zip(made.results.cells[:2], ("fp32", "int8"), strict=True)
    ]
    ship = [made.results.ship[0].model_copy(update={"board": "b0", "variant": "int8", "point_key": key()[2]})]
    return changed(made, run=run(id=name, **changes), boards=[board("b0")], cells=cells, ship=ship).results


def test_a_page_gets_the_history_of_what_is_to_ship(state: Store, nights: list[str]) -> None:
    (found,) = histories(state, of(state, nights[-1]), ["b0"])
    assert (found.variant, [each.run for each in found.runs]) == ("int8", nights)
    assert found.runs[0].created.startswith("1970-01-12T")
    assert found.runs[0].p50_ms.value == pytest.approx(1.0, rel=1e-3)
    assert found.runs[0].p50_ms.reason == "range of 2 launches"


def test_a_run_that_still_goes_on_has_no_history(state: Store, nights: list[str]) -> None:
    assert histories(state, of(state, nights[-1], status="partial"), ["b0"]) == []


def test_a_second_run_has_none_either(state: Store, clock: Clock) -> None:
    both = [night(state, clock, number) for number in range(2)]
    assert histories(state, of(state, both[-1]), ["b0"]) == []
