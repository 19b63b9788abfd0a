"""The lane's work after a block is done for its time alone, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import cost
from farm_orchestrator import plan
from farm_orchestrator.model import LaunchRow, Part, Phase, Slot
from farm_orchestrator.plan.blocks import Cells
from farm_orchestrator.store import Store, blocks
from store_support import Lane, insert, noisy, part, rows


@pytest.fixture
def state(tmp_path: Path) -> Store:
    made = Store.open(tmp_path / "farm.db")
    insert(made, part(names=("a", "b", "c"), blocks=8, most=12))
    Lane(made).start().run(noisy)
    return made


def test_a_block_is_decided_again_on_the_rows_that_there_were_and_nothing_stays(
    state: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def watched(of: Part, there: Sequence[LaunchRow], *more: Cells) -> tuple[Slot, ...]:
        seen.append(max(row.block for row in there))
        return next_slots(of, there, *more)

    next_slots = plan.next_slots
    monkeypatch.setattr(plan, "next_slots", watched)
    before = rows(state)
    timed = [row for row in before if row.phase == Phase.MEASURE and row.position == 2]
    assert len({row.block for row in timed}) == 12
    assert all(cost.decided_ms(state, row) > 0 for row in timed)
    assert seen == [row.block for row in timed]
    assert rows(state) == before


def test_what_goes_wrong_in_the_lane_is_not_taken_for_a_time(state: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no such block")

    monkeypatch.setattr(blocks, "end_block", broken)
    with pytest.raises(ValueError, match="no such block"):
        cost.decided_ms(state, rows(state, position=2)[-1])
