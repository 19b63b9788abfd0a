"""`farm boards probe --record`: what goes into the file, what never does, and what a hostile board achieves."""

import base64
import json
import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import records_support as trees
from farm_lab import record
from farm_lab.record import Entry, Record
from farm_orchestrator import probing, recording, redaction, transport
from farm_orchestrator.cli import call
from farm_orchestrator.config import boards, load
from farm_orchestrator.errors import AgentLost, NoRuntime
from farm_orchestrator.redaction import redact

NOBODY: Mapping[str, tuple[str, ...]] = dict.fromkeys(redaction.WORDS, ())
MAC = "dc:a6:32:0A:1b:2c"
UUID = "e1e0830b-b841-48da-9d76-481678f297cf"


def cleaned(text: str, **owner: tuple[str, ...]) -> str:
    done = redact(
        Record({"proc/x": Entry(text=text)}),
        {**NOBODY, **{kind.replace("_name", " name"): words for kind, words in owner.items()}},
    )
    return str(done.entries["proc/x"].text)


def spec(folder: Path, **fields: Any) -> dict[str, Any]:
    (board,) = boards(load(cwd=folder, env={}))
    return {**transport.resolve(board.to_json()), **fields}


def saying(folder: Path, text: str) -> str:
    """A board's interpreter that answers with `text`, whatever it is asked."""
    (folder / "answer").write_text(text + "\n")
    python = folder / "python"
    python.write_text(f"#!/bin/sh\ncat > /dev/null\ncat {folder}/answer\n")
    python.chmod(0o755)
    return str(python)


def packed(**changes: Any) -> str:
    owner = {kind: ["xyzzy"] for kind in redaction.WORDS}
    body = {"entries": {}, "left_out": 0, "facts": {"allowed": [0], "page_size": 4096}, "owner": owner, **changes}
    return base64.b64encode(zlib.compress(json.dumps(body).encode())).decode()


def asked(folder: Path, text: str) -> Record:
    return recording.record(spec(folder, python=saying(folder, text)), folder, probing.UNKNOWN)


@pytest.fixture
def pi5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory with one board that looks like a Raspberry Pi; the test's folder is the current one."""
    monkeypatch.chdir(tmp_path)
    root = trees.board(tmp_path / "root", "pi5")
    battery = root / f"sys/class/power_supply/pad_{MAC}"
    battery.mkdir(parents=True)
    (battery / "capacity").write_text("80\n")
    (battery / "serial_number").write_text("S3CR3T\n")
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    file = tmp_path / "fleet.yaml"
    file.write_text(json.dumps({"boards": {"mine": {"local": True, "sysroot": str(root)}}}))
    return file


def test_the_file_says_what_was_taken_out_and_holds_none_of_it(pi5: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["boards", "probe", "--record", "r.json", "--inventory", str(pi5)]) == 0
    text = Path("r.json").read_text()
    for secret in ("cafe0123", MAC, "S3CR3T", "0123456789abcdef", "ada@workshop", os.uname().nodename + " "):
        assert secret not in text
    body = json.loads(text)
    assert body["format"] == "farm.record/1"
    assert {kind for kind, count in body["redacted"].items() if count} == {"serial line", "builder", "MAC address"}
    assert set(body["redacted"]) == set(redaction.KINDS)
    assert "sys/class/power_supply/pad_redacted-MAC-address-1/capacity" in body["entries"]
    assert body["facts"]["model"] == "Raspberry Pi 5 Model B Rev 1.1"
    assert "machine_id" not in body["facts"]
    said = capsys.readouterr()
    assert "taken out: 1 x serial line, 1 x builder, 1 x MAC address" in said.err
    assert "Read it before you send it" in said.err
    assert "Raspberry Pi 5" in said.out


def test_several_boards_need_a_folder_and_get_a_file_each(
    tmp_path: Path, pi5: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = tmp_path / "two.yaml"
    mine = json.loads(pi5.read_text())["boards"]["mine"]
    two.write_text(json.dumps({"boards": {"a": mine, "b": {**mine, "base": ".farm/boards/b"}}}))
    assert call(["boards", "probe", "--record", "r.json", "--inventory", str(two)]) == 2
    assert "is no folder, and 2 boards are selected" in capsys.readouterr().err
    (tmp_path / "records").mkdir()
    assert call(["boards", "probe", "--record", "records", "--inventory", str(two)]) == 0
    assert sorted(path.name for path in (tmp_path / "records").iterdir()) == ["a.json", "b.json"]


@pytest.mark.parametrize(("file", "why"), [("fleet.yaml", "is there already"), ("gone/r.json", "there is no folder")])
def test_a_file_in_the_way_or_a_missing_folder_is_refused_before_any_board_is_touched(
    pi5: Path, capsys: pytest.CaptureFixture[str], file: str, why: str
) -> None:
    before = pi5.read_text()
    pi5.write_text(before.replace('"local"', '"python": "/nowhere/python3", "local"'))
    assert call(["boards", "probe", "--record", file, "--inventory", str(pi5)]) == 2
    assert why in capsys.readouterr().err


def test_a_board_that_does_not_answer_leaves_no_file(pi5: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pi5.write_text(pi5.read_text().replace('"local"', '"python": "/nowhere/python3", "local"'))
    assert call(["boards", "probe", "--record", "r.json", "--inventory", str(pi5)]) == 4
    assert "/nowhere/python3" in capsys.readouterr().err
    assert not Path("r.json").exists()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Serial\t\t: 1000000012345678\n", "Serial\t\t: redacted-serial-line-1\n"),
        ("Linux version 6.1 (ada@lab-3) (gcc)", "Linux version 6.1 (redacted-builder-1) (gcc)"),
        (f"{MAC} {MAC} 00:00:00:00:00:00", "redacted-MAC-address-1 redacted-MAC-address-1 redacted-MAC-address-2"),
        (f"wacom_{MAC}", "wacom_redacted-MAC-address-1"),
        (f"PARTUUID={UUID.upper()}", "PARTUUID=redacted-UUID-1"),
        ("id 0123456789abcdef!", "id redacted-long-hexadecimal-number-1!"),
        ("262143328850 10:20:30 0000:00:1f.3", "262143328850 10:20:30 0000:00:1f.3"),
        ("fe980000.i2c soc@0 1200000", "fe980000.i2c soc@0 1200000"),
    ],
)
def test_what_has_a_shape_of_its_own_is_taken_out_and_numbers_of_sensors_are_not(text: str, left: str) -> None:
    assert cleaned(text) == left


def test_the_owners_words_go_whole_and_the_longest_first() -> None:
    text = "rig rig-7 rigid Rig, adam ada"
    assert cleaned(text, host_name=("rig", "rig-7"), user_name=("ada",)) == (
        "redacted-host-name-1 redacted-host-name-2 rigid Rig, adam redacted-user-name-1"
    )


@pytest.mark.parametrize("word", ["cpu", "thermal", "pi", "rockpi-4b", "rk3399", "x", ""])
def test_a_board_called_after_its_parts_or_its_maker_keeps_its_tree(word: str) -> None:
    made = Entry(text="radxa,rockpi-4b\0rockchip,rk3399\0")
    tree = {"sys/devices/system/cpu/online": Entry(text="0-3 Raspberry Pi x\n"),
            "sys/firmware/devicetree/base/compatible": made}  # fmt: skip
    done = redact(Record(tree), {**NOBODY, "host name": (word,)})
    assert done.entries == tree


def test_a_name_in_a_path_and_in_a_link_to_it_stays_one_name() -> None:
    tree = {"sys/class/hwmon/hwmon0": Entry(link=f"../../devices/pad-{UUID}/hwmon0"),
            f"sys/devices/pad-{UUID}/hwmon0/name": Entry(text="pad\n")}  # fmt: skip
    done = redact(Record(tree), NOBODY)
    assert record.entries({path: entry.to_json() for path, entry in done.entries.items()}) == done.entries
    link = done.entries["sys/class/hwmon/hwmon0"].link
    assert f"sys/{str(link).removeprefix('../../')}/name" in done.entries


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no base64!",
        base64.b64encode(b"no deflate").decode(),
        base64.b64encode(zlib.compress(b"[]")).decode(),
        base64.b64encode(zlib.compress(b"{}" * 100)[:-8]).decode(),
        base64.b64encode(zlib.compress(b" " * (recording.ANSWER_LIMIT + 1))).decode(),
        base64.b64encode(zlib.compress(b"[" * 1_000_000)).decode(),
        packed(entries={"sys/../../evil": {"text": "x"}}),
        packed(entries={"sys/a": {"text": 7}}),
        packed(facts={"allowed": "all", "page_size": None}),
        packed(facts={"allowed": [], "page_size": "big"}),
        packed(owner=[]),
        packed(owner={}),
        packed(left_out=None),
        packed(left_out=float("inf")),
    ],
)
def test_an_answer_that_is_no_record_is_refused_in_one_sentence(tmp_path: Path, answer: str) -> None:
    with pytest.raises(AgentLost, match="not with a record of the board") as error:
        asked(tmp_path, answer)
    assert len(str(error.value)) < 1000


def test_a_banner_is_skipped_and_what_a_hostile_board_calls_its_owner_costs_nothing_but_words(tmp_path: Path) -> None:
    owner = {kind: ["(a+)+$", ".*", "sys/a", "temp"] for kind in redaction.WORDS}
    found = asked(tmp_path, "Welcome!\n" + packed(entries={"sys/a": {"text": "a" * 50 + "\x1b[2J"}}, owner=owner))
    assert len(found.entries) == 1
    assert re.fullmatch(r"[\x20-\x7e\n]*", json.dumps(found.to_json()))


def test_a_python_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(NoRuntime, match="failed: broken"):
        recording.record(spec(tmp_path, python=str(tmp_path / "python")), tmp_path, probing.UNKNOWN)


def test_a_record_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.json").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        recording.write(tmp_path / "r.json", Record({}))
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
