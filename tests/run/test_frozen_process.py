"""A process that is frozen while it holds the write lock: commands wait for it, say so, and go on."""

from __future__ import annotations

import time

from frozen_support import HELD_S, frozen
from run_support import ONE, Desk, broken_promises, heard, nothing_left, started, wait_for


def test_a_run_outlives_a_lock_of_8_s_and_says_who_holds_it(desk: Desk) -> None:
    command = desk.start(*ONE)
    wait_for(started(desk, 4), "some launches")
    with frozen(desk.state / "farm.db") as other:
        assert desk.farm("runs").code == 0, "reading needs no lock"
        wait_for(lambda: time.monotonic() - other.since >= HELD_S, "8 s to pass")
        assert command.poll() is None
        other.thaw()
    said = heard(command)
    assert said.code == 0, said.err
    assert f"is locked: process {other.process.pid} (stopped: " in said.err
    assert broken_promises([row for row in desk.launches() if row["state"] != "superseded"]) == []
    wait_for(lambda: nothing_left(desk), "all processes to end")
