"""`farm boards`: what it lists, what it asks, what it records and where."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_lab import lab
from farm_lab.places import Places
from farm_lab.state import State
from farm_orchestrator.cli import call
from lab_support import at, inventory, options


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Places, State]]:
    place = at(tmp_path_factory.mktemp("boards"))
    yield place, lab.up(place, 2, options())
    lab.down(place)


@pytest.fixture
def unpinned(two: tuple[Places, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lab's boards without their fingerprints, for a person who has never seen them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FARM_HOME", raising=False)
    boards = {name: {k: v for k, v in b.items() if k != "fingerprint"} for name, b in inventory(two[0]).items()}
    file = tmp_path / "fleet.yaml"
    file.write_text(json.dumps({"boards": boards}))
    return file


def test_ls_lists_boards_without_touching_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "i.yaml"
    file.write_text(
        "boards: {a: {host: 192.0.2.1, user: me, port: 22, type: pi5, labels: {site: lab}}, b: {local: true}}"
    )
    assert call(["boards", "ls", "--inventory", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "board  address          type  labels    cpus  calibration",
        "a      me@192.0.2.1:22  pi5   site=lab  big   no",
        "b      this machine                     big   no",
    ]
    assert call(["boards", "ls", "type=pi5", "--json", "--inventory", str(file)]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["name"], one["calibration"]["runs"], one["calibration"]["floor"]) == ("a", 0, None)
    assert one["calibration"]["reason"] == "never measured against itself"


def test_a_wrong_inventory_or_selection_is_exit_2_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("i.yaml").write_text("boards:\n  a: {hots: x}\n")
    assert call(["boards", "ls", "--inventory", "i.yaml"]) == 2
    assert "farm: i.yaml:2:7: boards.a.hots" in capsys.readouterr().err
    Path("i.yaml").write_text("boards: {abc: }\n")
    assert call(["boards", "ls", "abd", "--inventory", "i.yaml"]) == 2
    assert "did you mean 'abc'?" in capsys.readouterr().err
    assert call(["boards", "ls", "--inventory", "gone.yaml"]) == 2
    assert "gone.yaml: No such file or directory" in capsys.readouterr().err


def test_this_machine_is_probed_without_any_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(["boards", "probe", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["error"]) == ("local", None)
    assert found["onnxruntime"]
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_key_is_refused_until_it_is_enrolled_and_then_the_board_answers(
    unpinned: Path, two: tuple[Places, State], capsys: pytest.CaptureFixture[str]
) -> None:
    probe = ["boards", "probe", "vb001", "--inventory", str(unpinned)]
    assert call(probe) == 4
    assert "farm boards enroll vb001" in capsys.readouterr().err
    pinned = inventory(two[0])["vb001"]["fingerprint"]
    assert call(["boards", "enroll", "vb001", "--fingerprint", pinned, "--inventory", str(unpinned)]) == 0
    assert pinned in capsys.readouterr().err
    assert (unpinned.parent / ".farm" / "known_hosts").read_text().count("\n") == 1
    assert call(probe) == 0


def test_enrolling_with_another_fingerprint_records_nothing(unpinned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = "SHA256:" + "A" * 43
    assert call(["boards", "enroll", "vb001", "--fingerprint", wrong, "--inventory", str(unpinned)]) == 4
    assert "nothing was recorded" in capsys.readouterr().err
    assert not (unpinned.parent / ".farm" / "known_hosts").exists()


@pytest.mark.parametrize("said", ["n", "y"])
def test_a_key_is_shown_and_recorded_only_after_a_yes(
    unpinned: Path,
    two: tuple[Places, State],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    said: str,
) -> None:
    code = 0 if said == "y" else 2
    answer = unpinned.parent / "answer"
    answer.write_text(f"{said}\n")
    with answer.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert call(["boards", "enroll", "vb002", "--inventory", str(unpinned)]) == code
    assert inventory(two[0])["vb002"]["fingerprint"] in capsys.readouterr().out
    assert (unpinned.parent / ".farm" / "known_hosts").exists() == (code == 0)


def test_a_local_board_has_no_key_to_enroll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(["boards", "enroll", "local"]) == 2
    assert "is not one board that is reached over ssh" in capsys.readouterr().err


def test_boards_that_do_not_answer_are_told_beside_those_that_do(
    two: tuple[Places, State], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boards = inventory(two[0])
    broken = {
        **boards["vb001"],
        "python": "/nowhere/python3",
    }
    file = tmp_path / "fleet.yaml"
    file.write_text(json.dumps({"boards": {"good": boards["vb002"], "broken": broken, "off": {**broken, "port": 1}}}))
    assert call(["boards", "probe", "--inventory", str(file)]) == 4
    out, err = capsys.readouterr()
    assert "good   benchfarm virtual board vb002" in out
    assert "broken: /nowhere/python3 failed" in err
    assert "farm boards bootstrap" in err
    assert "off: board 'off' cannot be reached at 127.0.0.1 port 1" in err


def test_what_a_board_says_of_itself_cannot_move_the_cursor(
    two: tuple[Places, State], capsys: pytest.CaptureFixture[str]
) -> None:
    model = two[0].board("vb002").sysroot / "sys/firmware/devicetree/base/model"
    before = model.read_bytes()
    model.write_bytes("\x1b[2J\x1b]0;owned\x07 evil\u202e\0".encode())
    try:
        assert call(["boards", "probe", "vb002", "--inventory", str(two[0].inventory)]) == 0
    finally:
        model.write_bytes(before)
    out = capsys.readouterr().out
    assert "evil" in out
    assert all(c.isprintable() or c == "\n" for c in out)
