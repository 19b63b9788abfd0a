"""The same run over real SSH: three virtual boards, with everything that can die dying in the middle."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_orchestrator import digest
from run_support import (
    DIGITS,
    ONE,
    QUICK,
    TWO,
    Desk,
    broken_promises,
    heard,
    kill_worker,
    nothing_left,
    started,
    wait_for,
)

INVENTORY = ".farm/lab/inventory.yaml"
YAML = "dataset: {file: digits.npz, inputs: {x: images}, scale: {x: 0.0625}, labels: y, metric: top1}\n"


@pytest.fixture
def lab(desk: Desk) -> Iterator[Desk]:
    said = desk.farm("lab", "up", "-n", "3")
    assert said.code == 0, said.err
    yield desk
    down = desk.farm("lab", "down")
    assert down.code == 0, down.err
    wait_for(lambda: nothing_left(desk), "every board to end")


@pytest.fixture
def pair(desk: Desk) -> Path:
    """Two variants with labelled rows."""
    folder = desk.folder / "pair"
    folder.mkdir()
    for name in ("fp32.onnx", "int8.onnx", "digits.npz"):
        shutil.copy(DIGITS / name, folder)
    (folder / "variants.yaml").write_text(YAML)
    return folder


def journal(desk: Desk, board: str) -> list[dict[str, object]]:
    """Start and end of every launch, as the board itself wrote it."""
    path = next((desk.state / "lab").rglob(f"{board}/**/journal.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def fences(desk: Desk, board: str) -> list[int]:
    return [int(str(line["fence"])) for line in journal(desk, board) if line["event"] == "start"]


def test_worker_killed_and_broker_wiped_leave_one_result_for_every_owed_launch(lab: Desk, pair: Path) -> None:
    command = lab.start("run", pair, *QUICK, "--inventory", INVENTORY)
    wait_for(started(lab, 15), "launches on the boards")
    kill_worker(lab)
    shutil.rmtree(lab.state / "broker")
    said = heard(command)
    assert said.code == 0, said.err + said.out
    rows = [row for row in lab.launches() if row["state"] != "superseded"]
    assert broken_promises(rows) == []
    for board in ("vb001", "vb002", "vb003"):
        owed = {(row["block"], row["variant"]) for row in rows if row["board"] == board}
        assert len(owed) == 5 + 8 * 2
        assert fences(lab, board) == sorted(fences(lab, board))
    results = json.loads((lab.runs()[0] / "results.json").read_text())
    assert {(cell["state"], cell["accuracy"]["metric"]) for cell in results["cells"]} == {("measured", "top1")}


def test_a_board_that_is_gone_leaves_the_others_their_verdict(lab: Desk) -> None:
    inventory = Path(lab.folder / INVENTORY)
    more = inventory.read_text() + "  gone: {host: 127.0.0.1, port: 9, base: nowhere}\n"
    (lab.folder / "more.yaml").write_text(more)
    said = lab.farm(*ONE, "--inventory", "more.yaml", "--boards", "vb001,gone", "--json")
    assert said.code == 4
    results = said.results
    assert results["verdict"] == "invalid"
    states = {(cell["board"], cell["state"]) for cell in results["cells"]}
    assert states == {("vb001", "measured"), ("gone", "not_run")}
    assert all("refused" in cell["reason"].lower() for cell in results["cells"] if cell["board"] == "gone")


def test_boards_are_listed_and_probed(lab: Desk) -> None:
    listed = lab.farm("boards", "ls", "--inventory", INVENTORY)
    assert listed.code == 0
    assert "vb003" in listed.out
    probed = lab.farm("boards", "probe", "vb001", "--inventory", INVENTORY)
    assert probed.code == 0, probed.err
    assert "onnxruntime" in probed.out


def test_a_profile_comes_over_ssh_as_the_board_wrote_it(lab: Desk, pair: Path) -> None:
    said = lab.farm("run", pair, *QUICK, "--profile", "--inventory", INVENTORY, "--boards", "vb002", "--out", "out")
    assert said.code == 0, said.err + said.out
    assert "every variant is profiled once" in said.err
    results = json.loads((lab.folder / "out" / "results.json").read_text())
    found = {each["variant"]: each for each in results["profiles"]}
    assert {name: (each["board"], each["original"], each["reason"]) for name, each in found.items()} == {
        "fp32": ("vb002", "fp32", None),
        "int8": ("vb002", "fp32", None),
    }
    rows = {row["variant"]: row for row in lab.launches() if row["kind"] == "profile"}
    for name, each in found.items():
        told = json.loads(rows[name]["facts"])["outputs"]
        assert digest.afresh(lab.runs()[0] / each["trace"]) == told["sha256"]
        assert digest.afresh(lab.folder / "out" / each["trace"]) == told["sha256"], "small enough to be copied"
    assert "--profile" in (lab.folder / "out" / "report.html").read_text()


def test_ctrl_c_frees_every_board(lab: Desk) -> None:
    command = lab.start(*TWO, "--inventory", INVENTORY)
    wait_for(started(lab, 9), "launches on the boards")
    command.send_signal(signal.SIGINT)
    assert heard(command).code == 130
    for board in ("vb001", "vb002", "vb003"):
        lines = journal(lab, board)
        begun = [line["launch"] for line in lines if line["event"] == "start"]
        ended = [line["launch"] for line in lines if line["event"] == "end"]
        assert sorted(map(str, begun)) == sorted(map(str, ended))
