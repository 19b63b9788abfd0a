"""Bare boards behind real SSH servers become boards that measure, or are left as they were."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bootstrap_support import HERE_TEXT, bare_pythons, dying, here, python_archive
from farm_orchestrator.bootstrap import table
from run_support import DIGITS, QUICK, Desk
from transport_support import proxied

Fleet = Any  # of conftest, which cannot be imported
SFTP = "Subsystem sftp internal-sftp"
OLD_PYTHON = "#!/bin/sh\necho 3.6.15 cpython 64 m 0 /usr/bin/python3\n"


def newest(version: str) -> str | None:
    target = here()
    major, minor = version.split(".")
    return table.newest(target.arch, target.glibc, (int(major), int(minor)))


@pytest.mark.parametrize("some", [pytest.param((0, -1), id="oldest and newest"),
                                  pytest.param(None, id="every one", marks=pytest.mark.long)])  # fmt: skip
def test_bare_boards_of_every_python_are_made_ready_and_measure(
    some: tuple[int, int] | None, fleet: Fleet, tmp_path: Path
) -> None:
    found = bare_pythons(tmp_path / "venv")
    aged = sorted(found, key=lambda version: [int(part) for part in version.split(".")])
    pythons = found if some is None else {aged[at]: found[aged[at]] for at in some}
    server = fleet.world.server()
    for version, path in pythons.items():
        fleet.add(server, f"py{version}", python=path)
    said = fleet.bootstrap("py*")
    assert said.code == 0, said.err
    assert {one["board"]: one["onnxruntime"] for one in said.boards} == {f"py{v}": newest(v) for v in pythons}
    desk = Desk(tmp_path)
    run = desk.farm("run", DIGITS / "int8.onnx", *QUICK, "--inventory", fleet.inventory, "--json")
    assert run.code == 0, run.err
    boards = {board["name"]: board for board in run.results["boards"]}
    for version in pythons:
        assert boards[f"py{version}"]["python"].startswith(f"{version}.")
        assert boards[f"py{version}"]["onnxruntime"] == newest(version)
    assert {cell["state"] for cell in run.results["cells"]} == {"measured"}


def test_a_run_on_a_bare_board_names_the_command_that_makes_it_ready(
    fleet: Fleet, bare_python: str, tmp_path: Path
) -> None:
    server = fleet.world.server()
    fleet.add(server, "bare", python=bare_python)
    fleet.add(server, "pinned", python=bare_python, runtime="1.19.2")
    run = Desk(tmp_path).farm("run", DIGITS / "int8.onnx", *QUICK, "--inventory", fleet.inventory, "--json")
    assert run.code == 4
    reasons = {cell["board"]: cell["reason"] for cell in run.results["cells"]}
    assert "farm boards bootstrap bare" in reasons["bare"]
    assert "farm boards bootstrap pinned --runtime 1.19.2" in reasons["pinned"]


def test_a_check_says_what_would_be_done_and_touches_nothing(fleet: Fleet, house: Path, bare_python: str) -> None:
    fleet.add(fleet.world.server(), python=bare_python)
    said = fleet.bootstrap("b", "--check", "--wheelhouse", house)
    assert (said.code, said.one["state"], said.one["onnxruntime"]) == (0, "would", newest(HERE_TEXT)), said.err
    assert said.one["unpacked"] > said.one["push"] > 10 << 20
    assert fleet.files() == set()


def test_a_board_without_sftp_is_made_ready_and_a_second_time_nothing_is_sent(
    fleet: Fleet, house: Path, bare_python: str
) -> None:
    fleet.add(fleet.world.server(options=()), python=bare_python)
    first = fleet.bootstrap("b", "--wheelhouse", house)
    assert (first.code, first.one["state"]) == (0, "made"), first.err
    second = fleet.bootstrap("b", "--wheelhouse", house)
    assert (second.code, second.one["state"], second.one["sent"]) == (0, "ready", 0)
    assert second.one["site"] == first.one["site"]
    assert fleet.probe()["onnxruntime"] == newest(HERE_TEXT)


def test_sixty_megabytes_are_refused_with_both_numbers_and_nothing_is_left(
    fleet: Fleet, house: Path, bare_python: str
) -> None:
    fleet.add(fleet.world.server(mount="size=60m"), python=bare_python)
    said = fleet.bootstrap("b", "--wheelhouse", house)
    assert said.code == 4
    assert "MB are needed" in said.one["error"]
    assert "62.9 MB are free" in said.one["error"]
    assert fleet.files() == set()


def test_a_folder_from_which_nothing_runs_is_refused_and_another_one_is_named(
    fleet: Fleet, house: Path, bare_python: str
) -> None:
    fleet.add(fleet.world.server(mount="size=900m,noexec"), python=bare_python)
    said = fleet.bootstrap("b", "--wheelhouse", house)
    assert said.code == 4
    assert "noexec" in said.one["error"]
    assert "name another folder in the board's field `base`" in said.one["error"]
    assert fleet.files() == set()


def test_a_disk_that_fills_up_while_unpacking_is_left_empty(fleet: Fleet, house: Path, bare_python: str) -> None:
    """The numbers said that it would fit: other files took the room meanwhile."""
    server = fleet.world.server(mount="size=400m")
    fleet.add(server, python=bare_python)
    channel = fleet.channel("b")
    channel.exec(["dd", "if=/dev/zero", f"of={server.disk}/other", "bs=1M", "count=1"])
    channel.close()
    need = fleet.bootstrap("b", "--check", "--wheelhouse", house).one
    tight = (need["push"] + need["unpacked"] // 2) >> 20
    channel = fleet.channel("b")
    channel.exec(["mkdir", f"{server.disk}/b"])
    channel.exec(["dd", "if=/dev/zero", f"of={server.disk}/other", "bs=1M", f"count={400 - tight}"])
    channel.close()
    said = fleet.bootstrap("b", "--wheelhouse", house)
    assert said.code == 4, said
    assert fleet.files() <= {"lock"}


def test_a_push_that_was_cut_off_is_taken_up_again(fleet: Fleet, house: Path, bare_python: str) -> None:
    server = fleet.world.server()
    with proxied(server.port) as proxy:
        fleet.add(server, python=bare_python, port=proxy.port)
        proxy.limit = 12 << 20
        cut = fleet.bootstrap("b", "--wheelhouse", house)
        assert cut.code == 4
        assert "connection" in cut.one["error"]
        proxy.limit = None
        assert [name for name in fleet.files() if ".part." in name]
        again = fleet.bootstrap("b", "--wheelhouse", house)
        assert not [name for name in fleet.files() if ".part." in name]
    assert (again.code, again.one["state"]) == (0, "made"), again.err
    assert again.one["resumed_at"] >= 4 << 20


def test_a_version_that_dies_gives_way_to_the_one_before_and_is_not_tried_again(
    fleet: Fleet, house: Path, bare_python: str, tmp_path: Path
) -> None:
    wheels = tmp_path / "house"
    shutil.copytree(house, wheels)
    dying(wheels, "99.0")
    fleet.add(fleet.world.server(), python=bare_python)
    said = fleet.bootstrap("b", "--wheelhouse", wheels)
    assert (said.code, said.one["onnxruntime"]) == (0, newest(HERE_TEXT)), said.err
    assert said.one["notes"] == ["onnxruntime 99.0 dies there"]
    sites = {name.split("/")[1] for name in fleet.files() if name.startswith("sites/")}
    assert sites == {said.one["site"]}
    later = fleet.bootstrap("b", "--wheelhouse", wheels)
    assert (later.one["state"], later.one["onnxruntime"]) == ("ready", newest(HERE_TEXT))
    only = fleet.bootstrap("b", "--wheelhouse", wheels, "--runtime", "99.0")
    assert only.code == 4


def test_of_a_version_that_dies_and_has_none_before_it_nothing_is_left(
    fleet: Fleet, house: Path, bare_python: str, tmp_path: Path
) -> None:
    wheels = tmp_path / "house"
    shutil.copytree(house, wheels)
    dying(wheels, "99.0")
    fleet.add(fleet.world.server(), python=bare_python)
    said = fleet.bootstrap("b", "--wheelhouse", wheels, "--runtime", "99.0")
    assert said.code == 4
    assert "these die there: 99.0" in said.one["error"]
    assert fleet.files() <= {"lock"}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder whose python3 says that it is 3.6."""
    folder = tmp_path / "old" / "bin"
    folder.mkdir(parents=True)
    (folder / "python3").write_text(OLD_PYTHON)
    (folder / "python3").chmod(0o755)
    return folder


def test_a_board_with_too_old_a_python_runs_an_interpreter_that_was_brought(
    fleet: Fleet, house: Path, old: Path, tmp_path: Path
) -> None:
    fleet.add(fleet.world.server(options=(SFTP, f"SetEnv PATH={old}:/usr/bin:/bin")))
    archive = python_archive(tmp_path / "python.tar.gz")
    said = fleet.bootstrap("b", "--wheelhouse", house, "--python-archive", archive)
    assert (said.code, said.one["state"], said.one["python"]) == (0, "made", HERE_TEXT), said.err
    found = fleet.probe()
    assert found["python"].startswith(HERE_TEXT)
    assert found["onnxruntime"] == newest(HERE_TEXT)
    run = Desk(tmp_path).farm("run", DIGITS / "int8.onnx", *QUICK, "--inventory", fleet.inventory, "--json")
    assert run.code == 0, run.err
    assert run.results["boards"][0]["python"].startswith(HERE_TEXT)


def test_a_newer_python_than_the_plain_one_is_found_and_linked(
    fleet: Fleet, house: Path, bare_python: str, old: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / ".local" / "bin").mkdir(parents=True)
    (home / ".local" / "bin" / "python3").symlink_to(bare_python)
    server = fleet.world.server(home=home, options=(SFTP, f"SetEnv PATH={old}:/usr/bin:/bin"))
    fleet.add(server, base="~/farm")
    said = fleet.bootstrap("b", "--wheelhouse", house)
    assert (said.code, said.one["state"]) == (0, "made"), said.err
    link = home / "farm" / "python" / "bin" / "python3"
    asked = subprocess.run([link, "-I", "-V"], capture_output=True, text=True, check=True)
    assert asked.stdout.startswith(f"Python {said.one['python']}.")
    assert fleet.probe()["onnxruntime"] == newest(said.one["python"])


def test_two_runtimes_lie_side_by_side_and_the_inventory_chooses(fleet: Fleet, house: Path, bare_python: str) -> None:
    fleet.add(fleet.world.server(), python=bare_python)
    assert fleet.bootstrap("b", "--wheelhouse", house).code == 0
    other = "1.30.0" if newest(HERE_TEXT) != "1.30.0" else "1.29.0"
    said = fleet.bootstrap("b", "--runtime", other)
    assert (said.code, said.one["runtime"], said.one["default"]) == (0, other, False), said.err
    assert fleet.probe()["onnxruntime"] == newest(HERE_TEXT)
    fleet.boards["b"]["runtime"] = other
    assert fleet.probe()["onnxruntime"] == other
    assert fleet.bootstrap("b").one["state"] == "ready"


def test_two_names_for_one_board_are_refused_before_anything_is_touched(
    fleet: Fleet, house: Path, bare_python: str
) -> None:
    server = fleet.world.server()
    fleet.add(server, "one", python=bare_python)
    fleet.add(server, "two", python=bare_python, base=str(server.disk / "one"))
    said = fleet.bootstrap("one", "two", "--wheelhouse", house)
    assert said.code == 2
    assert "'one' and 'two' are one board" in said.err
    assert fleet.files("one") == set()


def test_one_board_that_cannot_be_reached_does_not_stop_the_others(fleet: Fleet, house: Path, bare_python: str) -> None:
    server = fleet.world.server()
    fleet.add(server, "gone", port=9)
    fleet.add(server, "good", python=bare_python)
    said = fleet.bootstrap("*", "--check", "--wheelhouse", house)
    assert said.code == 4
    assert {one["board"]: one["state"] for one in said.boards} == {"gone": "failed", "good": "would"}


def test_this_machine_needs_nothing_and_takes_another_runtime_beside_its_own(fleet: Fleet, house: Path) -> None:
    fleet.boards["here"] = {"local": True}
    said = fleet.bootstrap("here")
    assert (said.code, said.one["state"], said.one["runtime"]) == (0, "ready", None), said.err
    version = newest(HERE_TEXT)
    beside = fleet.bootstrap("here", "--wheelhouse", house, "--runtime", str(version))
    assert (beside.code, beside.one["state"]) == (0, "made"), beside.err
    laid = fleet.world.folder / ".farm" / "boards" / "here" / "runtimes" / f"{version}.json"
    assert json.loads(laid.read_text())["site"] == beside.one["site"]


def test_a_board_that_is_this_machine_over_ssh_is_told_so(fleet: Fleet, house: Path, bare_python: str) -> None:
    fleet.add(fleet.world.server(), python=bare_python, lab=None)
    said = fleet.bootstrap("b", "--check", "--wheelhouse", house)
    assert said.one["notes"] == ["it is this machine, reached over ssh; the board field `local: true` spares the way"]
