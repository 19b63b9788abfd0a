"""`farm boards probe` shows what a board's clocks, heat and power are, and why something is missing."""

import json
from pathlib import Path
from typing import Any

import pytest

import hardware_golden as golden
from farm_orchestrator import probing
from farm_orchestrator.cli import call, hardware

SHOWN = {
    "orin-nano": [
        "mine (jetson-orin)", "  CPUs 0,1,2,3: 115 to 1510 MHz, schedutil (tegra194)",
        "  gpu 17000000.ga10b: 306 MHz, nvhost_podgov", "  processor at 48.9 °C (CPU-therm)",
        "  power VDD_IN (module_input): part of the total, in steps of 39 mW",
        "  power VDD_SOC (rail, inside VDD_IN): never added up, in steps of 39 mW",
    ],
    "rock5b": [
        "mine (rk3588)", "  CPUs 4,5: 408 to 2400 MHz, ondemand (cpufreq-dt)", "  memory dmc: 528 MHz, dmc_ondemand",
        "  no power: no sensor of the board's power; tcpm_source_psy_4_0022: what a charger promised, not what flows",
    ],
    "bb-ai64": ["mine (j721e)", "  no pin: no cpufreq policy: the clocks cannot be set here"],
}  # fmt: skip


def probed(root: Path, name: str, *words: str) -> int:
    sysroot = golden.laid(root / name, name).root
    (root / "boards.yaml").write_text(json.dumps({"boards": {"mine": {"local": True, "sysroot": sysroot}}}))
    return call(["boards", "probe", "--inventory", str(root / "boards.yaml"), *words])


@pytest.mark.parametrize("name", SHOWN)
def test_a_person_reads_what_is_there_and_what_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert probed(tmp_path, name) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in SHOWN[name] if line not in lines] == []


def test_a_program_reads_the_whole_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert probed(tmp_path, "agx-orin", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["hardware"] == json.loads((golden.FOLDER / "agx-orin.json").read_text("utf-8"))["hardware"]
    assert found["capabilities"]["power"] == {"ok": True, "reason": None}


HOSTILE: list[dict[str, Any]] = [
    {}, {"policies": 7, "rails": [3], "power": 1}, {"policies": [{"cpus": 3, "lowest_khz": "x"}], "temp_mc": "hot"},
    {"rails": [{"lsb_w": "much", "nested_in": 5, "key": []}], "zones": [{"name": []}], "temp_mc": 1, "cpu_zones": {}},
]  # fmt: skip


@pytest.mark.parametrize("said", HOSTILE)
def test_a_board_may_say_anything_of_its_hardware(said: dict[str, Any]) -> None:
    found = {"name": "b", "hardware": said, "capabilities": {"power": 3, "pin": {"ok": False}}}
    assert all(isinstance(line, str) for line in hardware.in_words(found))


def test_what_a_board_says_of_its_hardware_is_cut_to_size() -> None:
    deep: dict[str, Any] = {"a": "\x1b[2J", "b": [1.5, 2e300, "y" * 999] * 999}
    for _ in range(20):
        deep = {"deep": deep}
    answer = {**probing.UNKNOWN, "hardware": {"flat": ["\x1b[2J" + "x" * 999] * 9999, "number": 2e300, "deep": deep}}
    said = probing._read("b", json.dumps(answer).encode())
    assert len(said["hardware"]["flat"]) == probing.ENTRIES
    assert all(word.isprintable() and len(word) == probing.TEXT_LIMIT for word in said["hardware"]["flat"])
    assert said["hardware"]["number"] is None
    assert len(json.dumps(said["hardware"]["deep"])) < 200
