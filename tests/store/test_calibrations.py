"""A board's runs against itself: kept whole, added up, refused where they are of another board or runtime."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator.calibration import Itself, at_pin, facts, figures, holding, latest
from farm_orchestrator.errors import StoreError
from farm_orchestrator.store import add_calibration, calibrations, read_calibration
from farm_reports.stats.calibration import RUNS
from farm_reports.tables import Calibration, Trial

BOARD = {"name": "rpi5", "fingerprint": "SHA256:abc"}
HELLO = {
    "machine": "feed", "model": "Raspberry Pi 5", "arch": "aarch64", "cpus": [0, 1, 2, 3], "onnxruntime": "1.22.0",
    "runtime": {"site": "5e" * 32},
}  # fmt: skip
OF = facts(BOARD, HELLO)


def run(number: int, of: dict[str, Any] | None = None, estimate: float = 0.001) -> Itself:
    sign = 1 if number % 2 else -1
    return Itself(f"r{number:02}", 1.0 + number, "quick", number, of or OF, Trial(sign * estimate, 0.0005, 0.004, 12))


def test_runs_add_up_over_several_calls_and_one_run_counts_once(tmp_path: Path) -> None:
    for number in (0, 1, 1, 2):
        add_calibration(tmp_path, "rpi5", run(number))
    assert [each.run for each in read_calibration(tmp_path, "rpi5")] == ["r00", "r01", "r02"]
    assert read_calibration(tmp_path, "rpi5")[2] == run(2)
    assert latest(calibrations(tmp_path, ["rpi5"])["rpi5"]).reason == "3 of 20 A/A runs are there"
    assert list((tmp_path / "calibrations").iterdir()) == [tmp_path / "calibrations" / "rpi5.json"]
    assert json.loads((tmp_path / "calibrations" / "rpi5.json").read_text())["schema"] == "farm.calibration/1"


def test_a_board_that_was_never_measured_has_no_calibration(tmp_path: Path) -> None:
    assert calibrations(tmp_path, ["rpi5"]) == {}
    assert holding((), OF) == Calibration()


def test_enough_runs_hold_for_the_board_as_it_was() -> None:
    found = holding(figures([run(number) for number in range(RUNS)]), facts(BOARD, HELLO))
    assert found.reason is None
    assert found.bias is not None
    assert found.bias == pytest.approx(0.0009, rel=0.1)


@pytest.mark.parametrize(
    ("board", "hello", "said"),
    [
        ({}, {"onnxruntime": "1.23.0"}, "onnxruntime was 1.22.0 and is 1.23.0"),
        ({}, {"runtime": {"site": "6f" * 32}}, "the runtime's files was 5e5e"),
        ({"name": "rock5b"}, {}, "the board was rpi5 and is rock5b"),
        ({"fingerprint": "SHA256:def"}, {}, "the host key was SHA256:abc and is SHA256:def"),
        ({}, {"machine": "beef"}, "the machine id was feed and is beef"),
        ({}, {"model": "Raspberry Pi 4"}, "the model was Raspberry Pi 5 and is Raspberry Pi 4"),
        ({}, {"cpus": [0, 1]}, "the processors was [0, 1, 2, 3] and is [0, 1]"),
    ],
)
def test_figures_of_another_board_or_runtime_are_refused_and_say_which_fact_differs(
    board: dict[str, Any], hello: dict[str, Any], said: str
) -> None:
    known = figures([run(number) for number in range(RUNS)])
    found = holding(known, facts({**BOARD, **board}, {**HELLO, **hello}))
    assert (found.floor, found.runs) == (None, 0)
    assert said in (found.reason or "")
    assert (found.reason or "").startswith("its A/A runs are not of this board and runtime")


def test_a_fact_that_nobody_could_see_does_not_differ() -> None:
    known = figures([run(number) for number in range(RUNS)])
    assert holding(known, facts({"name": "rpi5"}, {**HELLO, "model": None})).floor is not None


def test_runs_of_two_runtimes_are_never_pooled_and_those_of_the_first_hold_again_with_it() -> None:
    other = facts(BOARD, {**HELLO, "onnxruntime": "1.23.0"})
    known = figures([*(run(number) for number in range(RUNS)), run(RUNS, other)])
    assert latest(known).runs == 1
    assert holding(known, other).reason == "1 of 20 A/A runs are there"
    assert holding(known, OF).runs == RUNS


def test_runs_at_two_clocks_are_never_pooled() -> None:
    pinned = [replace(run(number), pin="max") for number in range(RUNS)]
    known = figures([*pinned, run(RUNS)])
    assert [(each.calibration.pin, each.calibration.runs) for each in known] == [("stock", 1), ("max", RUNS)]
    assert latest(at_pin(known, "max")).floor is not None
    assert latest(at_pin(known, "1800000")) == Calibration()


def test_a_run_that_was_kept_before_clocks_were_told_is_of_the_boards_own(tmp_path: Path) -> None:
    (tmp_path / "calibrations").mkdir()
    (tmp_path / "calibrations" / "rpi5.json").write_text(spoilt(GOOD))
    assert read_calibration(tmp_path, "rpi5")[0].pin == "stock"
    add_calibration(tmp_path, "rpi5", replace(run(1), pin="max", trial=replace(run(1).trial, eff_khz=1_795_000.0)))
    assert [(each.pin, each.trial.eff_khz) for each in read_calibration(tmp_path, "rpi5")] == [
        ("stock", None), ("max", 1_795_000.0),
    ]  # fmt: skip


def spoilt(body: dict[str, Any]) -> str:
    return json.dumps({"schema": "farm.calibration/1", "board": "rpi5", "runs": [body]})


TRIAL = {"estimate": 0.0, "error": 0.1, "launch_sd": 0.1, "blocks": 8}
GOOD = {"run": "r", "created": 1.0, "preset": "quick", "seed": 1, "of": OF, "trial": TRIAL}


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"schema": "farm.calibration/2", "runs": []}', spoilt({**GOOD, "of": {}}),
        spoilt({**GOOD, "trial": {"estimate": float("nan"), "error": 0.1, "launch_sd": 0.1, "blocks": 8}}),
        spoilt({**GOOD, "trial": {"estimate": 0.1, "error": -0.1, "launch_sd": 0.1, "blocks": 8}}),
        spoilt({**GOOD, "trial": {"estimate": "x", "error": 0.1, "launch_sd": 0.1, "blocks": 8}}),
        spoilt({**GOOD, "trial": {**TRIAL, "idle_mc": "warm"}}), spoilt({**GOOD, "trial": {**TRIAL, "idle_mc": float("inf")}}),
        spoilt({**GOOD, "trial": {**TRIAL, "eff_khz": "fast"}}),
        spoilt({**GOOD, "trial": None}), spoilt({"run": "r"}),
    ],
)  # fmt: skip
def test_a_spoilt_file_is_told_never_used_and_never_written_over(tmp_path: Path, text: str) -> None:
    file = tmp_path / "calibrations" / "rpi5.json"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(StoreError) as error:
        add_calibration(tmp_path, "rpi5", run(1))
    assert str(file) in str(error.value)
    assert "remove the file" in str(error.value)
    assert file.read_text() == text
    found = holding(calibrations(tmp_path, ["rpi5"])["rpi5"], OF)
    assert found.floor is None
    assert "cannot be read" in (found.reason or "")


def test_the_good_body_of_these_tests_is_read(tmp_path: Path) -> None:
    (tmp_path / "calibrations").mkdir()
    (tmp_path / "calibrations" / "rpi5.json").write_text(spoilt(GOOD))
    assert len(read_calibration(tmp_path, "rpi5")) == 1
    (tmp_path / "calibrations" / "rpi5.json").write_text(spoilt({**GOOD, "trial": {**TRIAL, "idle_mc": 41_000.0}}))
    assert read_calibration(tmp_path, "rpi5")[0].trial.idle_mc == 41_000.0
