"""What the recorder takes from a board's tree: links as links, errors by name, and nothing without an end."""

import base64
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

import bootstrap_support
import records_support as trees
from farm_agents import record
from farm_lab import tree
from farm_lab.record import Entry
from farm_orchestrator import bundle

CPU = "sys/devices/system/cpu"


def unpacked(line: str) -> dict[str, Any]:
    return dict(json.loads(zlib.decompress(base64.b64decode(line, validate=True))))


def taken(root: Path) -> dict[str, Any]:
    return dict(unpacked(record.record(str(root)))["entries"])


def put(root: Path, path: str, text: str = "1\n") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", trees.BOARDS)
def test_every_file_and_link_of_a_boards_tree_is_taken_but_its_serial_number(tmp_path: Path, name: str) -> None:
    wanted = {path: seen(entry) for path, entry in trees.written(trees.BOARDS[name]).entries.items()}
    found = taken(trees.board(tmp_path / "board", name))
    machines = set(record.OF_THE_MACHINE) - set(wanted)
    assert {path: entry for path, entry in found.items() if path not in machines} == {
        path: entry for path, entry in wanted.items() if "serial" not in path
    }
    assert machines <= set(found)


def seen(entry: Entry) -> dict[str, Any]:
    """What the recorder makes of an entry that was laid out: of errors only those of opening keep their names."""
    return {"error": "EACCES" if entry.error in tree.CLOSED else "EISDIR"} if entry.error else entry.to_json()


def test_its_text_alone_is_the_program_for_any_python_of_a_board(tmp_path: Path) -> None:
    root = trees.board(tmp_path / "board", "pi5")
    program = bundle.sources()["record.py"] + f"\nprint(record({str(root)!r}))\n".encode()
    for python in bootstrap_support.bare_pythons(tmp_path / "bare").values():
        done = subprocess.run([python, "-I", "-"], input=program, capture_output=True, check=True)
        assert unpacked(done.stdout.decode().strip())["entries"] == taken(root)


def test_what_cooling_counts_is_taken_and_its_reset_is_left_alone(tmp_path: Path) -> None:
    folder = "sys/class/thermal/cooling_device0/stats"
    put(tmp_path, f"{folder}/time_in_state_ms", "state0\t900\nstate1\t70\n")
    put(tmp_path, f"{folder}/reset").chmod(0o200)
    assert [path for path in taken(tmp_path) if folder in path] == [f"{folder}/time_in_state_ms"]


def test_an_error_of_reading_is_kept_by_its_name(tmp_path: Path) -> None:
    put(tmp_path, f"{CPU}/cpufreq/policy0/cpuinfo_cur_freq").chmod(0o200)
    assert taken(tmp_path)[f"{CPU}/cpufreq/policy0/cpuinfo_cur_freq"] == {"error": "EACCES"}
    assert record.read("/proc/self/mem") == {"error": "EIO"}
    assert record.read(str(tmp_path / "gone")) == {"error": "ENOENT"}


def test_links_that_lead_out_of_the_root_or_in_circles_are_not_followed(tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/type", "secret")
    root = tmp_path / "root"
    zones = root / "sys/class/thermal"
    zones.mkdir(parents=True)
    (zones / "thermal_zone0").symlink_to("../../../../outside")
    (zones / "thermal_zone1").symlink_to("thermal_zone2")
    (zones / "thermal_zone2").symlink_to("thermal_zone1")
    (zones / "thermal_zone3").symlink_to(outside.parent)  # absolute: below the root, where nothing is
    put(root, "sys/class/thermal/thermal_zone4/type").unlink()
    (zones / "thermal_zone4/type").symlink_to(outside)
    assert not [path for path, entry in taken(root).items() if "secret" in str(entry) or path.startswith("outside")]


def test_what_is_no_file_or_has_a_strange_name_is_left_alone(tmp_path: Path) -> None:
    sensors = tmp_path / "sys/class/hwmon/hwmon0"
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "x\n")
    os.mkfifo(sensors / "pipe")
    for name in ("a b", "serial_number", "uevent", "driver", "new\nline"):
        put(tmp_path, f"sys/class/hwmon/hwmon0/{name}")
    assert [path for path in taken(tmp_path) if "hwmon" in path] == ["sys/class/hwmon/hwmon0/name"]


def test_a_file_is_cut_and_a_tree_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "TEXT_LIMIT", record.FILE_LIMIT + 10)
    for number in range(4):
        put(tmp_path, f"sys/class/hwmon/hwmon0/in{number}_input", "7" * 100_000)
    body = unpacked(record.record(str(tmp_path)))
    sizes = [len(entry["text"]) for path, entry in body["entries"].items() if "hwmon" in path]
    assert sizes == [record.FILE_LIMIT] * 2
    assert body["left_out"] == 2 + len(record.OF_THE_MACHINE)


def test_the_machine_fills_in_what_a_simulated_tree_leaves_out(tmp_path: Path) -> None:
    put(tmp_path, "proc/cpuinfo", "Model: of the tree\n")
    found = taken(tmp_path)
    assert found["proc/cpuinfo"]["text"] == "Model: of the tree\n"
    assert found["proc/version"]["text"] == Path("/proc/version").read_text()


def test_nothing_is_written(tmp_path: Path) -> None:
    root = trees.board(tmp_path / "board", "pi5")
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    taken(root)
    assert before == {path: path.lstat().st_mtime_ns for path in root.rglob("*")}


def test_whose_board_it_is_is_told_apart_from_what_it_is(tmp_path: Path) -> None:
    root = trees.board(tmp_path / "board", "pi5")
    put(root, "etc/machine-id", "a" * 32)
    owner = unpacked(record.record(str(root)))["owner"]
    assert owner["serial number"][0] == "10000000cafe0123"
    assert owner["machine-id"][0] == "a" * 32
    assert os.uname().nodename in owner["host name"]
    assert sys.platform == "linux"
    assert owner["boot_id"][1] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
