"""A lane in this process, on the real store, the real local transport and the real agent or an enemy."""

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine_support as support
from engine_support import Farm, drained, lost, make_farm, variant, view, wait_for, world_of
from farm_orchestrator import store
from farm_orchestrator.errors import HostKeyChanged, StoreError, Unreachable
from farm_orchestrator.model import Part, State
from farm_orchestrator.store import Artefacts
from farm_orchestrator.transport import Channel
from farm_orchestrator.world import Pace


def stand_in_farm(folder: Path, **fields: Any) -> Farm:
    return make_farm(folder, python=support.stand_in(folder / "stand-in"), **fields)


def test_a_part_is_measured_in_the_order_of_its_phases_and_the_board_is_given_back(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path, blocks=3)
    with world_of(farm) as world:
        assert drained(world) == []
    rows = farm.rows()
    assert [row.phase for row in sorted(rows, key=lambda row: row.t0 or 0)] == [0, 0, 0] + [3] * 6
    assert {row.state for row in rows} == {State.DONE}
    assert store.acquire(farm.store, "b0", "next", 1.0) == 2, "the lease was not given back"
    assert support.broken_promises(farm) == []


def test_the_hello_of_the_board_is_kept_with_its_part(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path, blocks=1)
    with world_of(farm) as world:
        drained(world)
    said = store.part_rows(farm.store, support.RUN)[0].facts
    assert said["agent"] == farm.parts[0].agent.sha256
    assert {"python", "onnxruntime", "providers", "boot_id", "capabilities"} <= said.keys()


def test_labelled_rows_are_evaluated_once_and_their_outputs_are_kept_by_digest(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / ".farm" / "cas")
    (tmp_path / "models").mkdir()
    arm = variant(artefacts, tmp_path / "models", "base", "Abs", rows=5)
    farm = make_farm(tmp_path, blocks=1, variants=[arm])
    with world_of(farm) as world:
        drained(world)
    (row,) = farm.rows(phase=1)
    kept = artefacts.get(row.facts["outputs"]["sha256"])
    assert kept.stat().st_size == row.facts["outputs"]["size"]
    with np.load(kept) as outputs:
        assert outputs["y"].shape == (5, 64)
    assert support.broken_promises(farm) == []


def test_the_board_settles_before_each_timed_launch_and_before_no_other(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path, blocks=1, recipe=replace(support.TINY, cooldown_s=0.3, cooldown_max_s=60.0))
    with world_of(farm) as world:
        drained(world)
    lines = farm.journal("b0")
    pauses = [b["t_ns"] - a["t_ns"] for a, b in itertools.pairwise(lines) if b["event"] == "start"]
    assert len(pauses) == 4
    assert min(pauses[2:]) >= 0.3e9
    settled = {phase: [row.facts.get("settle_s") for row in farm.rows(phase=phase)] for phase in (0, 3)}
    assert settled[0] == [None, None, None]
    assert all((seconds or 0) > 0 for seconds in settled[3])
    assert support.broken_promises(farm) == []


def test_a_later_launch_is_told_where_its_block_began(tmp_path: Path) -> None:
    warm = tmp_path / "tree" / "sys" / "class" / "thermal" / "thermal_zone0"
    warm.mkdir(parents=True)
    (warm / "type").write_text("cpu-thermal\n")
    (warm / "temp").write_text("45000\n")
    recipe = replace(support.TINY, cooldown_s=0.01, cooldown_max_s=0.5)  # too short to see a rate
    farm = stand_in_farm(tmp_path, blocks=2, recipe=recipe, sysroot=str(tmp_path / "tree"))
    with world_of(farm) as world:
        drained(world)
    told = {(row.block, row.position): row.facts["start"] for row in farm.rows(phase=3)}
    anywhere = {"low_mc": None, "high_mc": None, "cooling": False, "eff_khz": None, "canary_ns": None}
    within = {**anywhere, "low_mc": 40_000, "high_mc": 50_000}
    assert told == {(3, 0): anywhere, (3, 1): within, (4, 0): anywhere, (4, 1): within}
    assert [row.facts["start"] for row in farm.rows(phase=0)] == [anywhere] * 3


def test_a_timed_launch_is_begun_before_the_one_before_it_is_written_down(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path, blocks=2)
    with world_of(farm) as world:
        drained(world)
    rows = sorted(farm.rows(phase=3), key=lambda row: row.t0 or 0)
    assert len(rows) == 4
    assert all((later.t0 or 0) < (sooner.t1 or 0) for sooner, later in itertools.pairwise(rows))
    assert support.broken_promises(farm) == []


def test_where_the_board_settles_each_launch_is_written_down_first(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path, blocks=2, recipe=replace(support.TINY, cooldown_s=0.01, cooldown_max_s=60.0))
    with world_of(farm) as world:
        drained(world)
    rows = sorted(farm.rows(phase=3), key=lambda row: row.t0 or 0)
    assert all((later.t0 or 0) >= (sooner.t1 or 0) for sooner, later in itertools.pairwise(rows))


@pytest.mark.parametrize("fault", [ZeroDivisionError("a bug"), StoreError("the disk is gone", mend="Wait.")])
def test_a_fault_while_the_next_launch_runs_costs_both_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    farm = stand_in_farm(tmp_path, blocks=2)
    floor_then = iter((None, fault))

    def once(*arguments: Any) -> Any:
        if (now := next(floor_then, None)) is not None:
            raise now
        return store.write_launch(*arguments)

    monkeypatch.setattr("farm_orchestrator.launch.write_launch", once)
    with world_of(farm) as world:
        with suppress(StoreError):
            drained(world)
        wait_for(lambda: not (drained(world) or farm.rows(state=State.PENDING)), "the rest of the part")
    assert len(farm.rows(phase=3, state=State.LOST)) == 2
    assert support.broken_promises(farm) == []


def test_a_slice_ends_between_blocks_and_asks_for_the_next(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path, blocks=2)
    ended = []
    with world_of(farm, pace=Pace(slice_s=0.0)) as world:
        while drained(world):
            ended.append({(row.block) for row in farm.rows(state=State.DONE)})
            assert not farm.rows(state=State.RUNNING)
            assert all(len(farm.rows(block=block, state=State.PENDING)) in {0, 2} for block in (3, 4))
    assert len(ended) == 4, "five blocks: the floor, two dry loads, two compared ones"
    assert support.broken_promises(farm) == []


def test_runs_that_reach_the_board_in_another_way_get_a_slice_of_their_own(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path, blocks=1)
    other = [replace(part, board={**part.board, "base": f"{part.board['base']}-2"}) for part in farm.parts]
    support.insert(farm.store, other, "20260101-000001-beef")
    with world_of(farm) as world:
        assert drained(world) == ["b0"]
        assert drained(world) == []
    assert {row.state for row in store.launches(farm.store, "20260101-000001-beef")} == {State.DONE}


def test_a_variant_that_does_not_load_on_the_board_is_not_run_there_and_stops_nobody(tmp_path: Path) -> None:
    farm = poisoned(tmp_path, "bad")
    with world_of(farm) as world:
        drained(world)
    assert [row.phase for row in farm.rows(variant="bad", state=State.FAILED)] == [0]
    assert {row.state for row in farm.rows(variant="bad", phase=3)} == {State.SKIPPED}
    assert {row.state for row in farm.rows(variant="good")} == {State.DONE}
    cell = {cell.variant: cell for cell in store.cells(farm.store, support.RUN)}["bad"]
    assert cell.state == "not_run"
    assert "not supported by onnxruntime " in (cell.reason or "")
    assert " on this board: INVALID_GRAPH: " in (cell.reason or "")
    assert all(row.transcript_sha256 for row in farm.rows(state=State.FAILED))


def test_a_model_too_new_for_the_boards_runtime_is_told_with_both_numbers_and_never_pushed(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / ".farm" / "cas")
    (tmp_path / "models").mkdir()
    good = variant(artefacts, tmp_path / "models", "good", "Abs")
    new = replace(variant(artefacts, tmp_path / "models", "new", "Neg"), opset=99)
    farm = make_farm(tmp_path, blocks=1, variants=[good, new])
    with world_of(farm) as world:
        drained(world)
    cell = {cell.variant: cell for cell in store.cells(farm.store, support.RUN)}["new"]
    assert cell.state == "not_run"
    assert "has opset 99; onnxruntime" in (cell.reason or "")
    assert " on this board takes " in (cell.reason or "")
    base = Path(farm.parts[0].board["base"])
    assert (base / "cas" / good.sha256[:2] / good.sha256).exists()
    assert not (base / "cas" / new.sha256[:2] / new.sha256).exists()
    assert {row.state for row in farm.rows(variant="good")} == {State.DONE}
    assert {row.outcome for row in farm.rows(variant="new", phase=0)} == {"NOT_SUPPORTED"}


def test_a_baseline_that_does_not_load_ends_the_part(tmp_path: Path) -> None:
    farm = poisoned(tmp_path, "bad", "bad")
    with world_of(farm) as world:
        assert drained(world) == []
    assert {row.state for row in farm.rows(phase=3)} == {State.SKIPPED}


def poisoned(folder: Path, bad: str, baseline: str = "good") -> Farm:
    artefacts = Artefacts(folder / ".farm" / "cas")
    models = folder / "models"
    models.mkdir()
    good = variant(artefacts, models, "good", "Abs")
    (models / "bad.onnx").write_text("no model")
    file = artefacts.put(models / "bad.onnx")
    arms = [good, replace(good, name=bad, sha256=file.sha256, files=(file,))]
    return make_farm(folder, blocks=1, variants=sorted(arms, key=lambda arm: arm.name != baseline))


def test_a_board_that_cannot_be_reached_is_lost_without_a_launch(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path)
    with world_of(farm, open_channel=raising(Unreachable("b0", "no answer from b0"))) as world:
        assert drained(world) == []
    assert {row.state for row in farm.rows()} == {State.PENDING}
    assert (view(farm).losses, view(farm).ended) == (1, None)
    assert "no answer from b0" in str(view(farm).reason)


def test_a_changed_host_key_ends_the_part_at_once(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path)
    with world_of(farm, open_channel=raising(HostKeyChanged("b0", "another key"))) as world:
        assert drained(world) == []
    assert {row.state for row in farm.rows()} == {State.SKIPPED}


def test_a_board_without_python_ends_the_part_at_once(tmp_path: Path) -> None:
    farm = make_farm(tmp_path, python="/nowhere/python3")
    with world_of(farm) as world:
        assert drained(world) == []
    assert {row.state for row in farm.rows()} == {State.SKIPPED}
    assert "/nowhere/python3" in str(view(farm).reason)


def test_a_fault_of_the_farm_is_data_and_not_for_ever(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path)
    with world_of(farm, open_channel=raising(ZeroDivisionError("a bug"))) as world:
        assert drained(world) == []
    assert "ZeroDivisionError: a bug" in str(view(farm).reason)
    assert view(farm).losses == 1


def test_a_fault_of_the_farm_in_a_launch_loses_that_launch(tmp_path: Path) -> None:
    class Broken(Artefacts):
        def get(self, sha256: str) -> Path:
            if sha256 != farm.parts[0].agent.sha256:
                raise ZeroDivisionError("a bug")
            return super().get(sha256)

    farm = stand_in_farm(tmp_path)
    with world_of(farm, artefacts=Broken(farm.home / "cas")) as world:
        assert drained(world) == []
    assert lost(farm).outcome == "agent_error"
    assert "ZeroDivisionError: a bug" in lost(farm).facts["lost"]["detail"]


def raising(error: Exception) -> Callable[[Part], Channel]:
    def opening(part: Part) -> Channel:
        raise error

    return opening


def held(farm: Farm) -> None:
    farm.hold("b0").parent.mkdir(parents=True)
    farm.hold("b0").touch()


def test_a_worker_that_is_told_to_stop_ends_its_launch_and_gives_the_board_back(tmp_path: Path) -> None:
    farm = stand_in_farm(tmp_path, blocks=1)
    held(farm)
    with world_of(farm) as world:
        lane = threading.Thread(target=drained, args=(world,))
        lane.start()
        wait_for(lambda: farm.journal("b0"), "a launch")
        world.stopping.set()
        lane.join(support.DEADLINE_S)
        assert drained(world) == [], "a stopping worker takes no board"
    assert lost(farm).outcome == "worker_lost"
    assert (view(farm).losses, support.agents_of(farm)) == (0, [])
    assert [line["event"] for line in farm.journal("b0")] == ["start", "end"]


def test_a_lane_whose_lease_was_taken_by_another_commits_nothing(tmp_path: Path) -> None:
    """Its heartbeat never comes, as in a process that is stopped; its launch ends well, but too late."""
    farm = stand_in_farm(tmp_path, blocks=1)
    held(farm)
    with world_of(farm, ttl_s=0.5, beat_s=1000.0) as world:
        lane = threading.Thread(target=drained, args=(world,))
        lane.start()
        wait_for(lambda: farm.journal("b0"), "a launch")
        wait_for(lambda: store.acquire(farm.store, "b0", "other", 60.0), "the end of the lease")
        farm.hold("b0").unlink()
        lane.join(support.DEADLINE_S)
    assert [(row.state, row.fence) for row in farm.rows(block=0)] == [(State.RUNNING, 1)]
    assert not list(farm.folder.glob("launches/*")), "the fenced launch's file is still there"
    assert len(farm.journal("b0")) == 2
