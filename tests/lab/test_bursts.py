"""A desktop's other work: bursts that are the same for the same seed, on the board's CPU, gone with the board."""

import os
from itertools import islice

from farm_lab import bursts, lab, processes, profiles, usage
from farm_lab.bursts import Burst
from farm_lab.places import Places
from farm_lab.processes import Process
from lab_support import leftovers, options, wait_for

SHARE, SECONDS = profiles.BURSTS["share"], profiles.BURSTS["seconds"]


def first(about: str, count: int = 200) -> list[Burst]:
    return list(islice(bursts.planned(about, SHARE, SECONDS), count))


SOON = min(range(100), key=lambda seed: first(f"{seed}/vb001/bursts", 1)[0].rest_s)


def test_bursts_are_as_long_and_as_heavy_as_the_profile_says_and_the_same_each_time() -> None:
    found = first("1/vb001/bursts")
    assert found == first("1/vb001/bursts")
    assert found != first("2/vb001/bursts")
    assert all(0.05 <= burst.share <= 0.30 and 1 <= burst.length_s <= 5 for burst in found)
    assert max(burst.share for burst in found) > 0.25
    assert all(2 <= burst.rest_s <= 15 for burst in found)


def neighbours(where: Places) -> list[Process]:
    return processes.commanded(rf"\S+ -I -m farm_lab\.bursts {where.board('vb001').root} .*")


def test_a_desktop_has_a_neighbour_on_its_cpu_until_it_is_gone(where: Places) -> None:
    known = lab.up(where, 1, options(physics=True, profile="desktop", slow_down="stops", seed=SOON))
    wait_for(lambda: len(neighbours(where)) == 1, "the neighbour")
    (other,) = neighbours(where)
    wait_for(lambda: os.sched_getaffinity(other.pid) == {known.boards[0].cpu}, "the board's CPU")
    before = usage.had_ns(other.pid)[0]
    wait_for(lambda: usage.had_ns(other.pid)[0] - before > 50_000_000, "a burst")
    lab.down(where)
    assert leftovers(where.root) == []


def test_a_board_without_physics_or_with_invented_times_has_none(where: Places) -> None:
    lab.up(where, 1, options(physics=True, profile="desktop", load="synthetic"))
    assert neighbours(where) == []
