"""Every broken board is named with its cause and its mend, and nothing else is held against it."""

import json
from pathlib import Path

import pytest

from clinic_support import Clinic
from doctor_support import Said, told
from farm_orchestrator.cli.doctor import Group
from farm_orchestrator.doctor import Finding, State

LONG = Finding(
    "b", "pinning", State.FAULT, "no", None, "on the board: `echo " + "x" * 90 + " | sudo tee /etc/y`, then wait"
)

# board, check, state, what the line says, what its mend says
BROKEN = [
    ("wrong-key", "reach", "fault", "in with none of the keys", "authorized_keys"),
    ("pinned", "reach", "fault", "but the inventory pins SHA256:", "set up anew"),
    ("changed", "reach", "fault", "another host key than the one on record", "farm boards enroll changed"),
    ("stranger", "reach", "fault", "is not known", "farm boards enroll stranger"),
    ("closed", "reach", "fault", "Connection refused", "sudo systemctl enable --now ssh"),
    ("nowhere", "reach", "fault", "Name or service not known", "getent hosts no-such-host.invalid"),
    ("frozen", "reach", "fault", "SSH did not come up", "ssh -v -p"),
    ("no-python", "python", "fault", "/nowhere/python3 does not run", "set `python: "),
    ("old-python", "python", "fault", "Python 3.6.9", "set `python: "),
    ("no-runtime", "runtime", "fault", "its Python has no numpy", "farm boards bootstrap no-runtime"),
    ("old-runtime", "runtime", "warning", "onnxruntime 1.10.0", "farm boards bootstrap old-runtime"),
    ("sigill", "runtime", "fault", "illegal instruction", "farm boards bootstrap sigill"),
    ("no-library", "runtime", "fault", "onnxruntime does not work there", "farm boards bootstrap no-library"),
    ("other-runtime", "runtime", "fault", "there is no runtime 1.2.3 on this board", "bootstrap other-runtime --runtime 1.2.3"),
    ("no-provider", "runtime", "fault", "without CUDAExecutionProvider", "another `provider`"),
    ("full", "disk", "fault", "0 bytes free of 25 MB", "make room"),
    ("small", "disk", "warning", "105 MB free of 105 MB", "name a `base` elsewhere"),
    ("noexec", "base", "warning", "mounted noexec: ", "name a `base` elsewhere"),
    ("read-only", "base", "fault", "mounted read-only: ", "remount,rw"),
    ("yesterday", "clock", "warning", "the clock is 1.0 days behind", "timedatectl set-ntp true"),
    ("slow-shell", "shell", "warning", "before each command", "~/.bashrc"),
    ("banner", "banner", "warning", "'Welcome to the lab'", "~/.bashrc"),
    ("no-sftp", "files", "warning", "no SFTP", "Subsystem sftp internal-sftp"),
    ("hot", "temperature", "warning", "58 °C, it slows down at 60 °C", "cool down"),
    ("boiling", "temperature", "fault", "84 °C, it switches off at 85 °C", "cool down"),
    ("throttled", "throttling", "fault", "the firmware throttles now (get_throttled 0x50004)", "heat sink"),
    ("was-throttled", "throttling", "warning", "throttled earlier (get_throttled 0x40000)", "heat sink"),
    ("cooled", "throttling", "fault", "the kernel throttles now (cpufreq-cpu0 2)", "heat sink"),
    ("undervolt", "supply", "fault", "too low now", "5.1 V"),
    ("was-undervolt", "supply", "warning", "too low earlier", "5.1 V"),
    ("alarm", "supply", "fault", "too low now", "5.1 V"),
    ("overcurrent", "supply", "warning", "7 over-current events", "nvpmodel"),
    ("powersave", "governor", "warning", "powersave, 600 to 2400 MHz", "echo performance"),
    ("capped", "governor", "warning", "600 to 1000 MHz, of 2400", "scaling_max_freq"),
]  # fmt: skip


@pytest.mark.parametrize(("board", "check", "state", "what", "mend"), BROKEN)
def test_a_broken_board_is_named_with_its_mend(
    clinic: Clinic, board: str, check: str, state: str, *, what: str, mend: str
) -> None:
    line = clinic.said.of(board, check)
    assert line["state"] == state, line
    assert what in line["what"], line
    assert mend in line["mend"], line


def test_nothing_else_is_held_against_a_broken_board(clinic: Clinic) -> None:
    expected = {board: [check] for board, check, state, _, _ in BROKEN if state == "fault"}
    found = {board: clinic.said.faults(board) for board in clinic.boards if clinic.said.faults(board)}
    assert found == expected


def test_a_fault_anywhere_is_exit_4(clinic: Clinic) -> None:
    assert clinic.said.code == 4


def test_a_board_that_is_not_reached_has_one_line_only(clinic: Clinic) -> None:
    for board in ("wrong-key", "changed", "stranger", "closed", "nowhere", "frozen"):
        assert [each["check"] for each in clinic.said.found if each["subject"] == board] == ["reach"]


def test_two_names_for_one_board_are_told(clinic: Clinic) -> None:
    line = clinic.said.of("fleet", "names")
    assert line["state"] == "warning"
    assert "twin and first are one machine with one base" in line["what"]


def test_what_a_charger_promised_is_no_sensor(clinic: Clinic) -> None:
    assert clinic.said.of("promise", "power")["what"] == "ina226"


def test_every_line_is_whole(clinic: Clinic) -> None:
    for each in clinic.said.found:
        assert list(each) == ["subject", "check", "state", "what", "why", "mend"]
        assert each["what"]
        assert each["state"] == "ok" or each["mend"], each


def test_a_healthy_fleet_has_no_fault(healthy: tuple[Path, Said]) -> None:
    said = healthy[1]
    assert [each for each in said.found if each["state"] == "fault"] == []
    assert said.code == 0
    assert {each["subject"] for each in said.found} == {"orchestrator", "vb001", "vb002", "vb003", "here", "fleet"}
    checks = [each["check"] for each in said.found if each["subject"] == "vb002"]
    assert checks == ["reach", "system", "shell", "banner", "files", "clock", "base", "disk", "memory",
                      "memory limit", "python", "runtime", "load", "governor", "temperature", "throttling", "supply", "pinning", "power"]  # fmt: skip


def test_the_doctor_leaves_nothing_behind(healthy: tuple[Path, Said]) -> None:
    folder = healthy[0]
    assert not (folder / ".farm").exists()
    assert not (folder / "runs").exists()
    for board in (folder / "lab" / "boards").iterdir():
        assert list((board / "base").iterdir()) == []


def test_a_command_is_never_broken_and_the_rest_fits(clinic: Clinic) -> None:
    found = [Finding(**{**each, "state": State(each["state"])}) for each in clinic.said.found]
    lines = told(Group([LONG]), Group(found)).splitlines()
    assert "`echo " + "x" * 90 + " | sudo tee /etc/y`," in "\n".join(lines)
    assert [line for line in lines if len(line) > 80 and "`" not in line and "/" not in line] == []


def test_json_is_all_that_is_printed(healthy: tuple[Path, Said]) -> None:
    said = healthy[1]
    assert said.err == ""
    assert json.loads(json.dumps(said.found)) == said.found
