"""The load that a meter cannot miss: told to the nanosecond, gone when it is over; and the clock it is told by."""

import os
import resource
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

import agents_support as parts
from agents_support import Client
from farm_agents import chirp, wire

EACH_S = 0.3


def children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_burns_follow_each_other_and_leave_no_process() -> None:
    before_s, began_ns = children_s(), time.monotonic_ns()
    burns = chirp.sing(2, EACH_S)
    assert len(burns) == chirp.TIMES
    flat = [began_ns, *(at for burn in burns for at in burn), time.monotonic_ns()]
    assert flat == sorted(flat)
    assert all(later - earlier >= EACH_S * 0.99e9 for earlier, later in pairwise(flat))
    assert children_s() > before_s, "nothing was burned"
    assert not [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_ours(entry)]


def test_a_chirp_that_is_cut_short_leaves_no_process_either() -> None:
    """An error in the middle, as a signal would make one."""
    started = []

    def stopped(_: float) -> None:
        started.append(True)
        if len(started) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        chirp.sing(1, EACH_S, stopped)
    assert not [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_ours(entry)]


def _is_ours(entry: Path) -> bool:
    try:
        parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        return parent == str(os.getpid()) and b"while time.monotonic()" in (entry / "cmdline").read_bytes()
    except OSError:
        return False


def test_the_agent_tells_its_clock_between_launches_and_during_one(
    start: Callable[..., Client], tmp_path: Path
) -> None:
    client = start()
    assert isinstance(client.open(), wire.Hello)

    def told() -> wire.Clock:
        asked_ns = time.monotonic_ns()
        client.send(wire.Clock(asked_ns))
        while not isinstance(answer := client.read(), wire.Clock):
            assert not isinstance(answer, wire.Refused)
        assert answer.asked_ns == asked_ns
        assert answer.t_ns is not None
        assert asked_ns <= answer.t_ns <= time.monotonic_ns()
        return answer

    first = told()
    client.start(parts.endless(tmp_path / "endless.onnx"), parts.ones(tmp_path / "ones.npz"))
    client.until("first")
    assert (told().t_ns or 0) > (first.t_ns or 0)
