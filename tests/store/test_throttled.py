"""What ends a block depends on the board: whether it is a virtual one, and at which clock it was calibrated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clocks_support import KNOWN, held, item, verdict
from farm_orchestrator.calibration import Figures
from farm_orchestrator.model import Measured, Part, Phase, Point
from farm_orchestrator.store import Claim, Store
from store_support import Answer, Lane, broken_promises, insert, measured, narrow, part, rows

HOT = verdict("confirmed", item("cooling.cpufreq-cpu0", "state", "cooling took clock away"))


def hot_once(*variants: str) -> Answer:
    """In the first block that is measured the board holds these back; its clock is set, and nobody counts cycles."""
    first: list[object] = []

    def answer(claim: Claim) -> Measured:
        if claim.row.phase < Phase.SCREEN:
            return narrow(claim)
        first.append(claim.block)
        hot = claim.block == first[0] and claim.row.variant in variants
        return measured(facts={**held(eff_khz=None), **(HOT if hot else {})})

    return answer


def dropped(state: Store, made: Part, *variants: str) -> set[str | None]:
    insert(state, made)
    Lane(state).start().run(hot_once(*variants))
    assert broken_promises(state, made.run) == []
    return {row.dropped for row in rows(state, phase=Phase.MEASURE.value, state="done")}


def at_max(**fields: Any) -> Part:
    return replace(part(blocks=8, **fields), points=(Point(threads=1, pin="max"),))


@pytest.mark.parametrize(("lab", "why"), [(True, {None, "THROTTLED", "block_lost"}), (False, {None})])
def test_heat_of_a_virtual_board_in_one_launch_ends_the_block(state: Store, *, lab: bool, why: set[str | None]) -> None:
    assert dropped(state, at_max(interference="note", lab=lab), "int8") == why


@pytest.mark.parametrize(("pin", "why"), [("max", {None, "THROTTLED", "block_lost"}), ("1800000", {None})])
def test_heat_in_every_launch_ends_the_block_of_a_board_that_was_calibrated_at_this_clock(
    state: Store, pin: str, why: set[str | None]
) -> None:
    known = Figures({}, replace(KNOWN, pin=pin)).to_json()
    made = replace(at_max(), calibrations=({**known, "of": {"board": "b0"}},))
    assert dropped(state, made, "fp32", "int8") == why
