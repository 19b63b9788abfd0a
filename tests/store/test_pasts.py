"""Old artefacts beside the variants they became, as the store has them; and what boards said of themselves last."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from farm_orchestrator import store
from farm_orchestrator.model import Arm, Failed, Lost, Phase
from farm_orchestrator.store import Store
from farm_orchestrator.store.checks import check_failed, check_passed, last_looks, meet
from farm_orchestrator.store.hellos import last_hellos
from farm_reports.tables import PAST
from store_support import Clock, Lane, broken_promises, insert, measured, part, rows, variant


@pytest.fixture
def run(state: Store) -> str:
    """A part of two variants, one of which was another file."""
    spec = part()
    old = replace(variant(spec.variants[1].name + PAST), sha256="f" * 64)
    return insert(state, replace(spec, arms=(Arm(old, (spec.points[0].key,), "R"),)))


def test_a_part_with_old_files_is_measured_to_its_end(state: Store, run: str) -> None:
    lane = Lane(state).start()
    lane.run(lambda claim: measured(1_000_000 + 100 * claim.row.block))
    lane.stop()
    store.close_finished(state)
    assert store.load_run(state, run).state == "closed"
    assert broken_promises(state, run) == []
    timed = Counter(row.variant for row in rows(state, run) if row.phase == Phase.MEASURE)
    assert len(set(timed.values())) == 1
    assert sum(name.endswith(PAST) for name in timed) == 1
    assert not any(cell.variant.endswith(PAST) for cell in store.cells(state, run)), "it is no cell of the run"


def test_an_old_file_that_fails_goes_alone(state: Store, run: str) -> None:
    """The others are measured without it."""
    lane = Lane(state).start()
    lane.run(
        lambda claim: Failed("load", "INVALID_GRAPH", "no") if claim.row.variant.endswith(PAST) else measured(
            1_000_000 + 100 * claim.row.block
        )
    )  # fmt: skip
    lane.stop()
    store.close_finished(state)
    assert store.load_run(state, run).state == "closed"
    states = {row.state for row in rows(state, run) if row.variant.endswith(PAST)}
    assert states <= {"failed", "skipped"}
    assert {row.state for row in rows(state, run) if not row.variant.endswith(PAST)} == {"done"}


def test_what_a_board_said_last_is_known_over_all_runs(state: Store, clock: Clock) -> None:
    for number, kernel in enumerate(("6.6", "6.12")):
        name = insert(state, part(run=f"2026-{number}"), created=clock.s)
        store.note_hello(state, name, "b0", {"kernel": kernel})
        clock.pass_s(60.0)
    insert(state, part(run="2026-9"), created=clock.s)
    assert last_hellos(state, ["b0"])["b0"].at == clock.s - 60.0
    assert {name: each.told for name, each in last_hellos(state, ["b0", "b1"]).items()} == {"b0": {"kernel": "6.12"}}


def test_a_good_look_is_remembered_with_its_moment_and_one_that_failed_is_not(state: Store, clock: Clock) -> None:
    meet(state, "b0")
    fence = store.acquire(state, "b0", "me", 60.0)
    assert fence is not None
    check_passed(state, "b0", fence, "ok", {"fingerprint": "abc"})
    seen = clock.s
    clock.pass_s(10.0)
    check_failed(state, "b0", fence, Lost("link_lost", "no answer"))
    assert last_looks(state, ["b0", "b1"]) == {"b0": ("abc", seen)}
