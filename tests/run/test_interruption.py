"""Every process may die at any moment; the run goes on, or is taken up again, and nothing is lost or doubled."""

import json
import os
import shutil
import signal

from run_support import DIGITS, Desk, Said, broken_promises, heard, kill_worker, nothing_left, started, wait_for

RUN = ("run", DIGITS / "fp32.onnx", DIGITS / "int8.onnx", "--preset", "quick", "--max-blocks", "8")


def resumed(desk: Desk) -> Said:
    said = desk.farm("run", "--resume", "last")
    assert said.code == 0, said.err
    assert broken_promises(unfinished_left_out(desk)) == []
    return said


def unfinished_left_out(desk: Desk) -> list[dict[str, object]]:
    """Cancelled and superseded launches stand in the table as what they are."""
    return [row for row in desk.launches() if row["state"] not in {"cancelled", "superseded"}]


def test_ctrl_c_stops_writes_a_partial_report_and_names_the_way_on(desk: Desk) -> None:
    command = desk.start(*RUN)
    wait_for(started(desk, 6), "some launches")
    command.send_signal(signal.SIGINT)
    said = heard(command)
    assert said.code == 130
    assert f"farm run --resume {desk.runs()[0].name}" in said.out
    results = json.loads((desk.runs()[0] / "results.json").read_text())
    assert results["run"]["status"] == "partial"
    wait_for(lambda: nothing_left(desk), "all processes to end", 30)
    resumed(desk)
    assert json.loads((desk.runs()[0] / "results.json").read_text())["run"]["status"] == "complete"


def test_a_second_ctrl_c_leaves_at_once_and_nothing_behind(desk: Desk) -> None:
    command = desk.start(*RUN)
    wait_for(started(desk, 6), "some launches")
    command.send_signal(signal.SIGINT)
    command.send_signal(signal.SIGTERM)  # two of one kind that arrive together are one
    said = heard(command)
    assert said.code == 130
    assert "Traceback" not in said.err
    wait_for(lambda: nothing_left(desk), "all processes to end", 30)
    resumed(desk)


def test_after_kill_9_of_the_command_nothing_runs_and_resume_goes_on(desk: Desk) -> None:
    command = desk.start(*RUN)
    wait_for(started(desk, 6), "some launches")
    os.kill(command.pid, signal.SIGKILL)
    heard(command)
    wait_for(lambda: nothing_left(desk), "worker, agent and runner to end", 30)
    resumed(desk)


def test_a_worker_killed_and_a_broker_wiped_in_the_middle_cost_nothing(desk: Desk) -> None:
    command = desk.start(*RUN)
    wait_for(started(desk, 5), "some launches")
    kill_worker(desk)
    shutil.rmtree(desk.state / "broker")
    said = heard(command)
    assert said.code == 0, said.err
    assert broken_promises(unfinished_left_out(desk)) == []
    wait_for(lambda: nothing_left(desk), "all processes to end", 30)


def test_resume_is_refused_while_the_command_lives(desk: Desk) -> None:
    command = desk.start(*RUN)
    wait_for(started(desk, 3), "some launches")
    said = desk.farm("run", "--resume", "last")
    assert said.code == 2
    assert "still being measured" in said.err
    assert heard(command).code == 0


def test_two_commands_at_once_share_one_engine(desk: Desk) -> None:
    first = desk.start(*RUN)
    wait_for(started(desk, 3), "some launches")
    second = desk.start(*RUN)
    assert heard(first).code == 0
    assert heard(second).code == 0
    assert broken_promises(unfinished_left_out(desk)) == []
    assert len(desk.runs()) == 2
    wait_for(lambda: nothing_left(desk), "all processes to end", 30)
