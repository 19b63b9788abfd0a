"""Boards are started a few at a time, and measured all at once."""

import threading
from pathlib import Path

import pytest

import engine_support as support
from engine_support import Farm, make_farm, wait_for, world_of
from farm_orchestrator import store
from farm_orchestrator.errors import Unreachable
from farm_orchestrator.lane import drain
from farm_orchestrator.model import Part, State
from farm_orchestrator.transport import Channel, open_channel
from farm_orchestrator.world import Gate, World


class Door:
    """Opens channels while `open` is set, and remembers who knocked."""

    def __init__(self, farm: Farm) -> None:
        self.farm = farm
        self.open = threading.Event()
        self.knocked: list[str] = []

    def __call__(self, part: Part) -> Channel:
        self.knocked.append(part.name)
        assert self.open.wait(support.DEADLINE_S)
        return open_channel(part.board, self.farm.home)


def unheard(_board: str) -> None:
    """Nobody asks again."""


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return make_farm(tmp_path, boards=2, blocks=1, python=support.stand_in(tmp_path / "stand-in"))


def lanes(world: World) -> list[threading.Thread]:
    started = [threading.Thread(target=drain, args=(name, world, unheard)) for name in ("b0", "b1")]
    for lane in started:
        lane.start()
    return started


def held_boards(farm: Farm) -> list[str]:
    return [name for name in ("b0", "b1") if store.acquire(farm.store, name, "another", 0.0) is None]


def test_a_board_that_waits_for_its_start_is_held_by_nobody(farm: Farm) -> None:
    door = Door(farm)
    with world_of(farm, open_channel=door, gate=Gate(1)) as world:
        both = lanes(world)
        wait_for(lambda: door.knocked, "the first board")
        assert held_boards(farm) == door.knocked, "another worker may take the second"
        door.open.set()
        for lane in both:
            lane.join(support.DEADLINE_S)
    assert {row.state for row in farm.rows()} == {State.DONE}
    assert support.broken_promises(farm) == []


def test_a_board_that_stands_makes_room_for_the_next(farm: Farm) -> None:
    for name in ("b0", "b1"):
        farm.hold(name).parent.mkdir(parents=True)
        farm.hold(name).touch()
    with world_of(farm, gate=Gate(1)) as world:
        both = lanes(world)
        wait_for(lambda: all(farm.journal(name) for name in ("b0", "b1")), "a launch on both boards")
        for name in ("b0", "b1"):
            farm.hold(name).unlink()
        for lane in both:
            lane.join(support.DEADLINE_S)
    assert support.broken_promises(farm) == []


def test_a_board_that_cannot_be_reached_makes_room_for_the_next(farm: Farm) -> None:
    def opening(part: Part) -> Channel:
        if part.name == "b0":
            raise Unreachable("b0", "no answer from b0")
        return open_channel(part.board, farm.home)

    with world_of(farm, open_channel=opening, gate=Gate(1)) as world:
        drain("b0", world, unheard)
        drain("b1", world, unheard)
    assert {row.state for row in farm.rows(board="b1")} == {State.DONE}


def test_a_board_that_hangs_in_its_start_keeps_nobody_waiting(farm: Farm) -> None:
    door = Door(farm)
    with world_of(farm, open_channel=door, gate=Gate(1, hangs_s=0.1)) as world:
        both = lanes(world)
        wait_for(lambda: len(door.knocked) == 2, "the second board, although the first one does not answer")
        door.open.set()
        for lane in both:
            lane.join(support.DEADLINE_S)
    assert {row.state for row in farm.rows()} == {State.DONE}


def test_a_worker_that_stops_leaves_no_lane_at_the_gate(farm: Farm) -> None:
    gate = Gate(1)
    with world_of(farm, gate=gate) as world:
        assert gate.enter(world.stopping)
        both = lanes(world)
        world.stopping.set()
        for lane in both:
            lane.join(support.DEADLINE_S)
            assert not lane.is_alive()
    assert not any(farm.journal(name) for name in ("b0", "b1"))
