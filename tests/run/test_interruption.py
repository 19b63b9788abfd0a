"""Every process may die at any moment; the run goes on, or is taken up again, and nothing is lost or doubled."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

from run_support import ONE, TWO, Desk, Said, broken_promises, heard, kill_worker, nothing_left, started, wait_for

RESUME = ("run", "--resume", "last")


def cut(desk: Desk, words: tuple[str | Path, ...], done: int, *signals: int) -> Said:
    """A command that gets the signals once so many launches are done, and of which nothing is left."""
    command = desk.start(*words)
    wait_for(started(desk, done), f"{done} launches")
    for each in signals:
        command.send_signal(each)
    said = heard(command)
    wait_for(lambda: nothing_left(desk), "command, worker, agent and runner to end")
    return said


def results(desk: Desk) -> Any:
    (folder,) = desk.runs()
    return json.loads((folder / "results.json").read_text())


def unfinished_left_out(desk: Desk) -> list[dict[str, object]]:
    """Cancelled and superseded launches stand in the table as what they are."""
    return [row for row in desk.launches() if row["state"] not in {"cancelled", "superseded"}]


def test_after_ctrl_c_a_second_one_and_kill_9_nothing_is_left_and_resume_goes_on(desk: Desk) -> None:
    """One run, interrupted three times at later and later moments."""
    said = cut(desk, TWO, 5, signal.SIGINT)
    assert said.code == 130
    assert f"farm run --resume {desk.runs()[0].name}" in said.out
    assert results(desk)["run"]["status"] == "partial"
    said = cut(desk, RESUME, 9, signal.SIGINT, signal.SIGTERM)  # two of one kind that arrive together are one
    assert said.code == 130
    assert "Traceback" not in said.err
    assert cut(desk, RESUME, 13, signal.SIGKILL).code == -signal.SIGKILL
    said = desk.farm(*RESUME)
    assert said.code == 0, said.err
    assert broken_promises(unfinished_left_out(desk)) == []
    assert results(desk)["run"]["status"] == "complete"


def test_a_living_run_is_nobody_else_s_to_resume_and_a_dead_worker_and_a_wiped_broker_cost_it_nothing(
    desk: Desk,
) -> None:
    command = desk.start(*TWO)
    wait_for(started(desk, 3), "some launches")
    said = desk.farm(*RESUME)
    assert said.code == 2
    assert "still being measured" in said.err
    wait_for(started(desk, 5), "more launches")
    kill_worker(desk)
    shutil.rmtree(desk.state / "broker")
    said = heard(command)
    assert said.code == 0, said.err
    assert broken_promises(unfinished_left_out(desk)) == []
    wait_for(lambda: nothing_left(desk), "all processes to end")


def test_two_commands_at_once_share_one_engine(desk: Desk) -> None:
    first = desk.start(*ONE)
    wait_for(started(desk, 3), "some launches")
    second = desk.start(*ONE)
    assert heard(first).code == 0
    assert heard(second).code == 0
    assert broken_promises(unfinished_left_out(desk)) == []
    assert len(desk.runs()) == 2
    wait_for(lambda: nothing_left(desk), "all processes to end")
