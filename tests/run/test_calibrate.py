"""`farm boards calibrate` on this machine: real runs, added up, told, and used once there are enough."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from run_support import DIGITS, QUICK, Desk, heard, started, wait_for

AGAINST_ITSELF = ("boards", "calibrate", "local", "--preset", "quick")


def test_runs_of_one_board_add_up_the_default_holds_below_twenty_and_an_interrupted_run_counts_for_nothing(
    desk: Desk,
) -> None:
    keep(desk, {"board": "rpi5"}, runs=1)
    pinned = (*AGAINST_ITSELF, "--pin", "max")
    added = desk.farm(*pinned, "--runs", "1", "--json")
    assert added.code == 0, added.err
    (local,) = json.loads(added.out)
    assert (local["board"], local["bias"], local["floor"]) == ("local", None, None)
    assert local["runs"] == 1, "the one that was kept is of another board"
    assert local["launch_sd"] >= 0
    assert local["pin"] == "max"
    assert (local["eff_khz"] is None) is (local["eff_khz_reason"] is not None)
    assert {each["preset"] for each in local["sees"]} == {"quick", "ci", "standard"}
    done = sum(row["state"] == "done" for row in desk.launches())
    second = desk.start(*pinned, "--runs", "1", "--variant", DIGITS / "int8.onnx")
    wait_for(started(desk, done + 5), "a block of the second run")
    second.send_signal(signal.SIGINT)
    said = heard(second)
    assert said.code == 130
    assert "the same command goes on" in said.err
    assert "local: not calibrated: 1 of 20 A/A runs are there; the default floor holds" in said.out
    assert "int8.onnx against itself" in said.err
    assert "1 of 20 runs, pin max" in desk.farm("boards", "ls").out
    assert [each.get("pin") for each in kept(desk)["runs"]] == ["stock", "max"]
    assert [each["run"] for each in kept(desk)["runs"]] == ["r0", desk.runs()[0].name]
    seeds = [json.loads((folder / "plan.json").read_text())["seed"] for folder in desk.runs()]
    assert seeds == [1, 2]
    page = (desk.runs()[1] / "report.html").read_text()
    assert "1 of 20 A/A runs are there" in page  # those that it could know of: the board is still the same
    rows = [row for row in desk.launches() if row["phase"] == 3]
    assert {row["variant"] for row in rows} == {"a", "b"}
    assert len({row["sha256"] for row in rows}) == 2  # of each run one file


@pytest.mark.long
def test_an_interrupted_run_counts_for_nothing_and_the_same_command_goes_on(desk: Desk) -> None:
    process = desk.start(*AGAINST_ITSELF, "--runs", "1")
    wait_for(started(desk, 4), "some launches")
    process.send_signal(signal.SIGINT)
    said = heard(process)
    assert said.code == 130
    assert "the same command goes on" in said.err
    assert "local: not calibrated: never measured against itself" in said.out
    assert not file(desk).exists()
    assert desk.farm(*AGAINST_ITSELF, "--runs", "1").code == 0
    assert [run["run"] for run in kept(desk)["runs"]] == [desk.runs()[1].name]


@pytest.mark.long
@pytest.mark.parametrize(
    ("of", "said"),
    [
        ({}, "local: calibrated. Every interval holds a floor of"),
        ({"onnxruntime": "1.0.0"}, "onnxruntime was 1.0.0 and is"),
        ({"board": "rpi5"}, "the board was rpi5 and is local"),
    ],
)
def test_a_calibrated_board_is_judged_by_its_own_floor_and_another_boards_is_refused(
    desk: Desk, of: dict[str, str], said: str
) -> None:
    keep(desk, of)
    assert "floor 0.12%, quiet" in desk.farm("boards", "ls").out
    dry = desk.farm("run", DIGITS / "fp32.onnx", DIGITS / "int8.onnx", *QUICK, "--dry-run")
    assert "sees effects from 1.4% on" in dry.out
    done = desk.farm("run", DIGITS / "fp32.onnx", DIGITS / "int8.onnx", *QUICK, "--json")
    known = done.results["boards"][0]["calibration"]
    assert (known["floor"] is not None) is (not of)
    assert not of or said in known["reason"]
    assert said in (desk.runs()[0] / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--preset", "mlperf"], "compares nothing"),
        (["--variant", str(DIGITS)], "is a directory"),
        (["--variant", "gone.onnx"], "gone.onnx"),
        (["--runs", "0"], "--runs"),
        (["--pin", "sweep"], "none of max"),
        (["--pin", "1.8GHz"], "none of max"),
    ],
)
def test_a_mistake_is_told_before_anything_is_measured(desk: Desk, arguments: list[str], said: str) -> None:
    done = desk.farm("boards", "calibrate", "local", *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert desk.runs() == []


def test_runs_at_one_clock_say_nothing_of_another(desk: Desk) -> None:
    keep(desk, {})
    again = desk.start(*AGAINST_ITSELF, "--pin", "max")
    wait_for(started(desk, 1), "a launch")
    again.send_signal(signal.SIGINT)
    said = heard(again)
    assert "20 runs of fp32.onnx against itself on local" in said.err
    assert "local: not calibrated: never measured against itself" in said.out
    dry = desk.farm("run", DIGITS / "fp32.onnx", DIGITS / "int8.onnx", *QUICK, "--pin", "max", "--dry-run")
    assert "sees effects from 1.4% on" not in dry.out


def test_a_board_with_enough_runs_is_told_and_not_measured_again(desk: Desk) -> None:
    keep(desk, {})
    done = desk.farm(*AGAINST_ITSELF)
    assert done.code == 0, done.err
    assert "20 runs or more are there" in done.err
    assert "local: calibrated with 20 runs: bias 0.10%" in done.out
    assert desk.runs() == []


def test_a_file_that_is_no_calibration_stops_the_command_and_is_left_alone(desk: Desk) -> None:
    file(desk).parent.mkdir(parents=True, mode=0o700)
    file(desk).write_text("nonsense")
    done = desk.farm(*AGAINST_ITSELF, "--runs", "1")
    assert done.code == 4
    assert "local.json" in done.err
    assert file(desk).read_text() == "nonsense"
    assert desk.runs() == []


def keep(desk: Desk, of: dict[str, str], runs: int = 20) -> None:
    """So many runs that show hardly any bias, of a board of which nothing more is known."""
    facts = dict.fromkeys(("fingerprint", "machine", "model", "arch", "cpus", "onnxruntime", "site"))
    made = [
        {
            "run": f"r{number}", "created": 1.0, "preset": "ci", "seed": number, "of": {**facts, "board": "local", **of},
            "trial": {"estimate": 0.001 * (-1) ** number, "error": 0.0001, "launch_sd": 0.004, "blocks": 8},
        }
        for number in range(runs)
    ]  # fmt: skip
    file(desk).parent.mkdir(parents=True, mode=0o700)
    file(desk).write_text(json.dumps({"schema": "farm.calibration/1", "board": "local", "runs": made}))


def file(desk: Desk) -> Path:
    return desk.state / "calibrations" / "local.json"


def kept(desk: Desk) -> Any:
    return json.loads(file(desk).read_text())
