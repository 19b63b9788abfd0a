"""`farm boards check|quarantine|drain|release|power` as a person types them, on this machine as a board."""

import json
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator.cli import call

FLEET = """
boards:
  here: {local: true, power: {cycle: [sh, -c, 'echo $FARM_BOARD'], status: [/nowhere/pdu, "4"]}}
  there: {local: true, base: /tmp/nobody-goes-there}
"""
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_settings: None) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "farm.yaml").write_text("inventory: fleet.yaml\n")
    return tmp_path


def health(capsys: Capture) -> dict[str, Any]:
    capsys.readouterr()
    assert call(["boards", "ls", "--json"]) == 0
    return {each["name"]: each["health"] for each in json.loads(capsys.readouterr().out)}


def test_a_fleet_that_is_well_has_no_column_of_health_and_nothing_is_made_for_it(folder: Path, capsys: Capture) -> None:
    assert call(["boards", "ls"]) == 0
    assert "health" not in capsys.readouterr().out
    assert not (folder / ".farm").exists()


def test_ls_says_why_and_since_when_boards_take_no_work(capsys: Capture) -> None:
    assert call(["boards", "quarantine", "here", "--reason", "the  fan\nis broken"]) == 0
    assert call(["boards", "drain", "there"]) == 0
    assert "farm boards release here ends that" in capsys.readouterr().err
    assert call(["boards", "ls"]) == 0
    here, there = capsys.readouterr().out.splitlines()[1:]
    assert "quarantined since 20" in here
    assert here.endswith(": the fan is broken")
    assert there.endswith(": on request")
    told = health(capsys)
    assert (told["here"]["quarantined"], told["there"]["drained"]) == ("the fan is broken", "on request")
    assert call(["boards", "release", "*"]) == 0
    assert {each["quarantined"] or each["drained"] for each in health(capsys).values()} == {None}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["quarantine", "here"], "--reason"),
        (["quarantine", "here", "--reason", " "], "--reason is empty"),
        (["quarantine", "hree", "--reason", "x"], "did you mean 'here'?"),
        (["drain", "nobody"], "nobody"),
        (["drain", "*:1"], "'*:1' leaves it open which boards are meant"),
        (["quarantine", "h*:1", "--reason", "x"], "leaves it open"),
        (["power", "cycle", "*:1"], "leaves it open"),
        (["power", "off", "here"], "has no command for `power off`"),
        (["power", "cycle", "*"], "there has no command for `power cycle`"),
        (["power", "explode", "here"], "explode"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_done(words: list[str], said: str, folder: Path, capsys: Capture) -> None:
    assert call(["boards", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (folder / ".farm" / "farm.db").exists()


def test_power_says_what_the_command_said_and_that_it_failed(capsys: Capture) -> None:
    assert call(["boards", "power", "cycle", "here"]) == 0
    assert capsys.readouterr().out.endswith("s: here\n")
    assert call(["boards", "power", "status", "here"]) == 4
    assert "exit code 127" in capsys.readouterr().out


def test_check_looks_at_a_board_and_says_what_it_saw(capsys: Capture) -> None:
    assert call(["boards", "quarantine", "here", "--reason", "was it the fan?"]) == 0
    assert call(["boards", "check", "here"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("here: ok: onnxruntime ")
    assert "clock canary" in said
    told = health(capsys)["here"]
    assert told["checked"] is not None
    assert told["quarantined"] == "was it the fan?", "a look alone ends no quarantine"
