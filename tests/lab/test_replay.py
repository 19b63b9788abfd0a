"""A record laid out again is the same board to the agent, and a record from a stranger stays where it is put."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

import records_support as trees
from farm_agents import beside, board, health, survey, thermal
from farm_agents.sysfs import Sysfs
from farm_lab import lab, record, tree
from farm_lab.places import LabError, Places
from farm_lab.record import Entry, Record
from farm_orchestrator.cli import call
from farm_orchestrator.redaction import WORDS, redact
from lab_support import LEVELS, inventory, options

ALLOWED = [0, 1, 2, 3]
NOBODY: dict[str, list[str]] = {kind: [] for kind in WORDS}


def discovered(root: Path) -> dict[str, Any]:
    """All that the agent makes of a tree; paths below the root."""
    found = Sysfs(str(root))
    facts = board.facts(found, ALLOWED)
    seen = {
        "facts": facts,
        **survey.look(found.root, ALLOWED),
        "readings": beside.readings(found, 1),
        "health": [health.clocks(found, ALLOWED), health.heat(found), health.supply(found), health.power(found)],
    }
    return dict(json.loads(json.dumps(seen).replace(str(root), "ROOT")))


def recorded(root: Path, file: Path) -> Record:
    """By the command."""
    boards = {"boards": {"mine": {"local": True, "sysroot": str(root)}}}
    listed = file.with_suffix(".yaml")
    listed.write_text(json.dumps(boards))
    assert call(["boards", "probe", "--record", str(file), "--inventory", str(listed)]) == 0
    return record.load(file)


@pytest.mark.parametrize("name", trees.BOARDS)
def test_a_replayed_record_is_the_board_to_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    real = tmp_path / "real"
    memory = {"proc/meminfo": Entry(text="MemTotal:  4000 kB\nMemAvailable:  3000 kB\n")}
    tree.replay(real, Record({**trees.written(trees.BOARDS[name]).entries, **memory}), name)
    tree.replay(tmp_path / "again", recorded(real, tmp_path / "record.json"), name)
    assert discovered(tmp_path / "again") == discovered(real)
    assert discovered(real)["facts"]["mem_total_bytes"] == 4_096_000


@pytest.mark.parametrize("level", LEVELS)
def test_a_virtual_board_recorded_over_ssh_and_replayed_is_the_same_board(
    where: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    monkeypatch.chdir(tmp_path)
    lab.up(where, 1, options(level=level))
    sysroot = where.board("vb001").sysroot
    (sysroot / "proc" / "meminfo").write_text("MemTotal:  4000 kB\nMemAvailable:  3000 kB\n")
    ask = ["boards", "probe", "vb001", "--record", "record.json", "--inventory", str(where.inventory)]
    assert call(ask) == 0
    tree.replay(tmp_path / "again", record.load(tmp_path / "record.json"), "vb001")
    found, real = discovered(tmp_path / "again"), discovered(sysroot)
    if level == 1:  # its /proc/meminfo is the machine's own
        for facts in (found["facts"], real["facts"]):
            del facts["mem_total_bytes"], facts["mem_available_bytes"]
    assert found == real
    assert found["facts"]["zones"] == ["cpu-thermal"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_lab_of_recorded_boards_shows_their_sensors(
    where: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str], level: int
) -> None:
    file = tmp_path / "pi5.json"
    file.write_text(json.dumps(trees.written(trees.PI5).to_json()))
    words = ["lab", "up", "-n", "1", "--profile", str(file), "--level", str(level), "--dir", str(where.root)]
    assert call(words) == 0
    assert call(words) == 0  # again: nothing to do
    capsys.readouterr()
    assert call(["boards", "probe", "--json", "--inventory", str(where.inventory)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["model"] == "Raspberry Pi 5 Model B Rev 1.1"
    assert ("sysroot" in inventory(where)["vb001"]) == (level == 0)


def test_what_could_not_be_read_cannot_be_read_again_by_anybody(tmp_path: Path) -> None:
    pi, orin, n100 = (trees.board(tmp_path / name, name) for name in ("pi5", "orin", "n100"))
    assert Sysfs(str(pi)).text(f"{trees.POLICY}0/cpuinfo_cur_freq") is None
    assert {zone.kind: zone.temp_mc for zone in thermal.zones(Sysfs(str(orin)))} == {
        "CPU-therm": 48_800,
        "GPU-therm": None,
    }
    railgated = orin / "sys/class/thermal/thermal_zone1/temp"
    assert os.access(railgated, os.R_OK)  # it may be opened
    (rapl,) = health.power(Sysfs(str(n100)))
    assert (rapl["source"], rapl["readable"]) == ("rapl", False)
    assert rapl["path"] == str(n100 / "sys/class/powercap/intel-rapl:0/energy_uj")


def test_a_tree_is_laid_out_twice_in_one_place(tmp_path: Path) -> None:
    root = trees.board(tmp_path / "board", "pi5")
    before = discovered(root)
    tree.replay(root, trees.written(trees.PI5), "pi5")
    assert discovered(root) == before


def test_a_written_record_reads_back_as_it_was(tmp_path: Path) -> None:
    first = trees.written(trees.PI5)
    (tmp_path / "r.json").write_text(json.dumps(first.to_json()))
    assert record.load(tmp_path / "r.json") == first


def test_every_record_that_was_sent_is_a_board_to_the_agent_and_tells_nobodys(tmp_path: Path) -> None:
    """Those of people lie in tests/boards."""
    sent = {file.stem: record.load(file) for file in sorted((Path(__file__).parents[1] / "boards").glob("*.json"))}
    made = {name: redact(trees.written(text), NOBODY) for name, text in trees.BOARDS.items()}
    for name, each in {**made, **sent}.items():
        tree.replay(tmp_path / name, each, name)
        policies = {path.split("/")[5] for path in each.entries if path.startswith(trees.POLICY)}
        assert set(discovered(tmp_path / name)["facts"]["policies"]) == policies
        assert redact(each, NOBODY).entries == each.entries


HOSTILE: dict[str, Any] = {
    "climbs": {"sys/../../evil": {"text": ""}},
    "absolute": {"/etc/evil": {"text": ""}},
    "elsewhere": {"etc/passwd": {"text": ""}},
    "a bare root": {"sys": {"link": "x"}},
    "control character": {"sys/a\nb": {"text": ""}},
    "link out": {"sys/a": {"link": "../../evil"}},
    "link out, hidden": {"sys/a/b": {"link": "../x/../../../evil"}},
    "link to the root of all": {"sys/a": {"link": "/etc"}},
    "link to itself's folder": {"sys/a": {"link": ".."}},
    "through a link": {"sys/a": {"link": "b"}, "sys/a/c": {"text": ""}},
    "through a file": {"sys/a": {"text": ""}, "sys/a/c": {"text": ""}},
    "too long": {"sys/a": {"text": "x" * (record.FILE_LIMIT + 1)}},
    "too much": {f"sys/{n}": {"text": "x" * record.FILE_LIMIT} for n in range(200)},
    "too many": {f"sys/{n}": {"text": ""} for n in range(record.ENTRIES + 1)},
    "long path": {"sys/" + "x" * 600: {"text": ""}},
    "no error": {"sys/a": {"error": "rm -rf"}},
    "nothing": {"sys/a": {}},
    "no entry": {"sys/a": None},
    "no entries": [],
}


@pytest.mark.parametrize("entries", HOSTILE.values(), ids=HOSTILE)
def test_a_record_that_leads_elsewhere_or_has_no_end_is_refused(tmp_path: Path, entries: Any) -> None:
    with pytest.raises(ValueError, match=r"entr|path|below"):
        record.entries(entries)
    file = tmp_path / "r.json"
    file.write_text(json.dumps({**Record({}).to_json(), "entries": entries}))
    with pytest.raises(LabError, match="no record of a board"):
        record.load(file)


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", '{"format": "farm.record/2"}', "[" * 100_000])
def test_a_file_that_is_no_record_says_so_before_a_lab_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "r.json").write_text(text)
    assert call(["lab", "up", "--profile", str(tmp_path / "r.json"), "--dir", str(tmp_path / "lab")]) == 2
    assert "is no record of a board" in capsys.readouterr().err
    assert not (tmp_path / "lab").exists()
