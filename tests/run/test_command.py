"""The command line: what it refuses, what it says, what it leaves alone."""

import os
import subprocess
import sys

import pytest

from run_support import DIGITS, QUICK, Desk

HEAVY = ("pandas", "celery", "fabric", "paramiko", "onnx", "onnxruntime", "rich", "sqlalchemy", "pydantic", "numpy")


def test_help_imports_nothing_heavy(desk: Desk) -> None:
    code = (
        "import sys; from farm_orchestrator.cli import call; call(['--help']);"
        f"sys.exit([name for name in {HEAVY} if name in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=desk.env)
    assert done.returncode == 0, done.stderr


def test_a_plan_is_told_before_anything_is_loaded_that_only_a_report_needs(desk: Desk) -> None:
    words = ["run", str(DIGITS), *QUICK, "--dry-run"]
    code = (
        f"import sys; from farm_orchestrator.cli import call; code = call({words});"
        "sys.exit([name for name in ('scipy', 'pandas', 'jinja2') if name in sys.modules] or code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=desk.env, cwd=desk.folder
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["run"], ["say what to measure", "farm run DIR"]),
        (["run", "nowhere"], ["nowhere"]),
        (["run", str(DIGITS), "--baseline", "fp99"], ["fp99", "there are distilled"]),
        (["run", str(DIGITS), "--boards", "rpi5-*"], ["rpi5-*", "an inventory"]),
        (["run", str(DIGITS), "--inventory", "none.yaml"], ["none.yaml"]),
        (["run", str(DIGITS), "--max-blocks", "3"], ["cannot reach a verdict", "--max-blocks 8"]),
        (["run", str(DIGITS), "--preset", "mlperf"], ["cannot judge a limit"]),
        (["run", str(DIGITS), "--threads", "two"], ["1,2,4"]),
        (["run", str(DIGITS), "--min-boards", "2"], ["--min-boards 2"]),
        (["run", "--resume", "last"], ["no run yet"]),
        (["run", str(DIGITS), "--resume", "last"], ["leave the paths out"]),
        (["run", "--resume", "last", "--seed", "2", "--strict"], ["--resume: --seed, --strict would do nothing"]),
        (["run", "--watch", "last", "--until", "06:00"], ["--watch: --until would do nothing"]),
        (["run", str(DIGITS), "--detach", "--json", "--out", "o"], ["--detach: --json, --out would do nothing"]),
        (["report", "2026"], ["no run"]),
        (["nonsense"], ["nonsense"]),
    ],
)
def test_a_mistake_is_told_with_its_mend_and_exit_2(desk: Desk, arguments: list[str], fragments: list[str]) -> None:
    said = desk.farm(*arguments)
    assert said.code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    for fragment in fragments:
        assert fragment in said.err


@pytest.mark.parametrize(
    ("file", "text", "fragments"),
    [
        ("farm.yaml", "presett: quick\n", ["farm.yaml:1:1", "did you mean 'preset'"]),
        ("farm.yaml", "broker: redis://:hunter2@localhost/0\n", ["FARM_BROKER"]),
        ("farm.yaml", "store: mysql://x\n", ["farm.yaml"]),
        ("boards.yaml", "boards:\n  a: {port: twenty}\n", ["boards.yaml:2:"]),
        ("boards.yaml", "boards:\n  a/../b: {}\n", ["a/../b"]),
        ("boards.yaml", "boards: {}\n", ["no board"]),
        ("boards.yaml", "boards:\n  a: {govenor: x}\n", ["boards.yaml:2:", "govenor"]),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_place(desk: Desk, file: str, text: str, fragments: list[str]) -> None:
    (desk.folder / file).write_text(text)
    inventory = ["--inventory", file] if file == "boards.yaml" else []
    said = desk.farm("run", DIGITS, *inventory)
    assert said.code == 2, said
    assert "hunter2" not in said.err
    for fragment in fragments:
        assert fragment in said.err


def test_a_dry_run_prints_plan_time_and_smallest_effect_and_leaves_nothing(desk: Desk) -> None:
    said = desk.farm("run", DIGITS, *QUICK, "--dry-run")
    assert said.code == 0, said.err
    assert "6 variants x 1 board" in said.out
    assert "sees effects from" in said.out
    assert not desk.state.exists()


def test_a_dry_run_tells_of_the_profiles_and_counts_their_time(desk: Desk) -> None:
    said = desk.farm("run", DIGITS, *QUICK, "--dry-run", "--profile")
    assert said.code == 0, said.err
    assert "after all that is timed every variant is profiled once, about 18 s of the time" in said.out


def test_a_state_folder_that_cannot_be_written_is_told(desk: Desk) -> None:
    blocked = desk.folder / "file"
    blocked.write_text("")
    busy = Desk(desk.folder, (("FARM_HOME", str(blocked / "state")),))
    said = busy.farm("run", DIGITS, *QUICK)
    assert said.code == 4
    assert "FARM_HOME" in said.err


def test_a_database_of_a_newer_farm_is_left_alone(desk: Desk) -> None:
    desk.state.mkdir(mode=0o700)
    (desk.state / "farm.db").write_bytes(os.urandom(4096))
    said = desk.farm("runs")
    assert said.code == 4
    assert "farm.db" in said.err
    assert "Traceback" not in said.err
