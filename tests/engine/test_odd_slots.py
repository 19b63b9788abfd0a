"""Slots that a strange board may send, from its line to the figures that a person sees."""

from pathlib import Path

import pytest

import engine_support as support
from engine_support import Farm, make_farm, world_of
from farm_orchestrator import store, tabled
from farm_orchestrator.cli.provisional import Figure, figures
from farm_orchestrator.lane import drain
from farm_orchestrator.model import Phase, State
from farm_reports.tables import LaunchRecord

BLOCKS = 2


def drained(folder: Path, mode: str) -> Farm:
    base = folder / ".farm" / "boards" / "b0"
    farm = make_farm(folder, blocks=BLOCKS, python=support.enemy(folder / "stand-in", mode, base))
    with world_of(farm) as world:
        drain("b0", world, lambda _: None)
    return farm


def shown(farm: Farm) -> list[Figure]:
    return figures(store.snapshot(farm.store, support.RUN).medians, "base")


def compared(farm: Farm) -> list[LaunchRecord]:
    rows = farm.rows(phase=Phase.MEASURE)
    assert {row.state for row in rows} == {State.DONE}
    return [tabled.launch_record(row) for row in rows]  # the border between the store and the judge


@pytest.mark.parametrize(
    ("mode", "count", "p50_ns"), [("one", 1, 5), ("three", 3, 4_000_000), ("hours", 1, 9 * 10**12)]
)
def test_a_slot_of_a_few_or_endless_samples_is_kept_shown_and_compared(
    mode: str, count: int, p50_ns: int, tmp_path: Path
) -> None:
    farm = drained(tmp_path, mode)
    assert {(each.variant, each.p50_ns, each.launches) for each in shown(farm)} == {
        ("base", p50_ns, BLOCKS),
        ("other", p50_ns, BLOCKS),
    }
    assert {(each.n, each.p50_ns, each.p90_ns, each.valid) for each in compared(farm)} == {(count, p50_ns, None, True)}


def test_a_slot_whose_clock_stood_still_is_kept_and_nothing_is_made_of_it(tmp_path: Path) -> None:
    farm = drained(tmp_path, "zero")
    assert shown(farm) == []
    assert {(each.n, each.p50_ns, each.valid) for each in compared(farm)} == {(1, 0, False)}
