"""`--mode`: what is promised before anything starts, and which presets have it."""

import pytest

from run_support import DIGITS, Desk

PAIR = (DIGITS / "fp32.onnx", DIGITS / "int8.onnx")


@pytest.mark.parametrize("preset", ["quick", "ci", "mlperf"])
def test_a_sustained_run_at_another_preset_is_refused_with_why_and_how(desk: Desk, preset: str) -> None:
    said = desk.farm("run", *PAIR, "--mode", "sustained", "--preset", preset, "--dry-run")
    assert (said.code, said.out) == (2, "")
    assert f"--mode sustained and preset {preset}: each launch soaks the board until its heat stands still" in said.err
    assert "only preset standard has such launches" in said.err
    assert "farm run --mode sustained --preset standard, or leave --mode out" in said.err
    assert "Traceback" not in said.err
    assert not desk.state.exists()


def test_a_dry_run_says_the_mode_and_counts_with_it(desk: Desk) -> None:
    said = desk.farm("run", *PAIR, "--mode", "sustained", "--preset", "standard", "--dry-run")
    assert said.code == 0, said.err
    assert "preset standard, sustained: 8 to 40 blocks, about 1 h 36 min, sees effects from 2." in said.out
    burst = desk.farm("run", *PAIR, "--preset", "quick", "--dry-run")
    assert "preset quick, burst: 8 to 12 blocks, about 37 s to 54 s, sees effects from 2." in burst.out


def test_a_time_leaves_a_sustained_run_its_only_preset(desk: Desk) -> None:
    said = desk.farm("run", *PAIR, "--mode", "sustained", "--time", "30m", "--dry-run")
    assert said.code == 2
    assert "standard takes about 1 h 36 min on local" in said.err
    assert "--time 97m (preset standard), or fewer variants or thread counts" in said.err
    assert "--preset" not in said.err


def test_no_other_mode_is_known(desk: Desk) -> None:
    said = desk.farm("run", *PAIR, "--mode", "warm")
    assert said.code == 2
    assert "'burst', 'sustained'" in said.err
