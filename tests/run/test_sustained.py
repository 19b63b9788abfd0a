"""`--pin sustained`: refused before anything starts where no clock is known, and replaced by the clock where one is."""

import platform
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator.plan.sustaining import OF, Sustained
from farm_orchestrator.run.calibrate import Order
from farm_orchestrator.store import write_sustained
from run_support import DIGITS, QUICK, Desk

RUN = ("run", DIGITS / "int8.onnx", *QUICK, "--dry-run")


def known(desk: Desk, soak_s: float = 600.0, board: str = "local", **of: Any) -> None:
    write_sustained(desk.state, board, Sustained(1_800_000, soak_s, {**dict.fromkeys(OF), **of}, "r1", ()))


def words(text: str) -> str:
    return " ".join(text.split())


def test_without_a_known_clock_the_command_that_finds_it_is_named(desk: Desk) -> None:
    said = desk.farm(*RUN, "--pin", "sustained")
    assert (said.code, said.out) == (2, "")
    assert "--pin sustained: nobody has looked for the clock that local keeps up" in words(said.err)
    assert "farm boards soak local" in said.err
    assert not desk.state.exists()


def test_a_board_whose_field_asks_for_it_is_refused_alike(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "boards.yaml"
    file.write_text("boards: {a: {host: 192.0.2.1, pin: sustained}, b: {host: 192.0.2.2}}")
    said = desk.farm(*RUN, "--inventory", file)
    assert (said.code, "farm boards soak a" in said.err) == (2, True)
    known(desk, board="a", kernel="0")
    assert "nobody has looked" not in desk.farm(*RUN, "--inventory", file, "--pin", "max").err


@pytest.mark.parametrize(("soak_s", "more"), [(600.0, ""), (120.0, "; provisional, until that is 10 min")])
def test_the_clock_that_was_found_stands_in_for_the_word(desk: Desk, soak_s: float, more: str) -> None:
    known(desk, soak_s, kernel=platform.release())
    said = desk.farm(*RUN, "--pin", "sustained")
    assert said.code == 0, said.err
    minutes = f"{soak_s / 60:.0f} min"
    assert f"local is held at 1800 MHz, the highest clock it kept through {minutes} at full load{more}\n" in said.out


def test_another_kernel_needs_another_soak(desk: Desk) -> None:
    known(desk, kernel="2.6.32")
    said = desk.farm(*RUN, "--pin", "sustained")
    assert said.code == 2
    assert f"found on another board or system: kernel was 2.6.32 and is {platform.release()}" in words(said.err)
    assert "farm boards soak local" in said.err


def test_a_calibration_at_that_clock_counts_for_the_clock_itself() -> None:
    order = Order("a,b", DIGITS / "int8.onnx", None, "sustained")
    assert order.pin_of({"name": "a", "pin": "1800000"}) == "1800000"
    assert Order("a", DIGITS / "int8.onnx", None, "max").pin_of({"name": "a", "pin": "1800000"}) == "max"


@pytest.mark.parametrize(("arguments", "said"), [
    (["--for", "1s"], "too short for any heat"), (["--for", "long"], "is no length of time"),
    (["--variant", str(DIGITS)], "is a directory"), (["--variant", "gone.onnx"], "gone.onnx"),
])  # fmt: skip
def test_a_mistake_is_told_before_any_board_is_soaked(desk: Desk, arguments: list[str], said: str) -> None:
    done = desk.farm("boards", "soak", "local", *arguments)
    assert done.code == 2
    assert said in words(done.err)
    assert "Traceback" not in done.err
    assert desk.runs() == []
