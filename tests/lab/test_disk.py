"""A board's own disk, and a full one that gives up what it has not used for longest."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import engine_support as support
from engine_support import Farm, make_farm, variant, world_of
from farm_lab import lab, level
from farm_lab.places import LabError, Places
from farm_lab.state import State as Known
from farm_orchestrator import store
from farm_orchestrator.cli import call
from farm_orchestrator.errors import DiskFull
from farm_orchestrator.lane import drain
from farm_orchestrator.line import Line
from farm_orchestrator.model import Phase, State, Variant
from farm_orchestrator.store import Artefacts
from farm_orchestrator.transport import resolve
from farm_orchestrator.world import World
from lab_support import LEVELS, inventory, leftovers, options, ssh

DISK = {0: None, 1: 60 << 20}  # a push leaves half of a disk this small free: 30 MiB are for files
WEIGHTS = 9 << 20
NEXT_RUN = "20260102-000000-abcd"
Arm = Callable[[str], Variant]


@pytest.fixture(params=LEVELS)
def board(where: Places, request: pytest.FixtureRequest) -> Known:
    """One board, at level 1 with a disk of its own; at level 0 it shares the machine's."""
    return lab.up(where, 1, options(level=request.param, disk=DISK[request.param]))


@pytest.fixture
def arm(tmp_path: Path) -> Arm:
    """Makes variants whose weights take a third of the room that the disk has for files."""
    artefacts, scratch = Artefacts(tmp_path / ".farm" / "cas"), tmp_path / "models"
    scratch.mkdir()

    def make(name: str) -> Variant:
        file = scratch / f"{name}.data"
        file.write_bytes(name.encode() * (WEIGHTS // len(name)))
        small = variant(artefacts, scratch, name, "Abs")
        weights = replace(artefacts.put(file), name=file.name)
        return replace(small, sha256=weights.sha256, files=(*small.files, weights))

    return make


def farm_of(where: Places, folder: Path, *arms: Variant) -> Farm:
    """A run of these variants, planned for the lab's first board."""
    fields = resolve({"name": "b0", **inventory(where)["vb001"]})
    return make_farm(folder, blocks=1, variants=arms, **{**fields, "local": False})


def measure(farm: Farm, world: World, run: str) -> None:
    """Drains until nothing is owed, attached as a command is that waits for its run."""

    def finished() -> bool:
        store.attach(farm.store, run)
        drain("b0", world, lambda _board: None)
        return not any(row.state in support.OPEN for row in store.launches(farm.store, run))

    support.wait_for(finished, f"the end of run {run}")
    rows = store.launches(farm.store, run)
    assert any(row.state == State.DONE for row in rows), [(row.state, row.outcome) for row in rows]
    assert not any(row.outcome == "disk_full" for row in rows)


def stored(where: Places, known: Known) -> set[str]:
    base = where.board("vb001").base
    return set(ssh(where, known, "vb001", f"find {base}/cas -type f").stdout.replace("/", " ").split())


def test_each_board_has_a_disk_of_the_size_that_was_asked_for(where: Places) -> None:
    depth = LEVELS[-1]
    known = lab.up(where, 2, options(level=depth, disk=DISK[depth]))
    base = {board.name: where.board(board.name).base for board in known.boards}
    assert ssh(where, known, "vb001", f"echo hello > {base['vb001']}/file").returncode == 0
    found = lab.disks(where, known)
    assert [disk and disk.size for disk in found.values()] == ([DISK[1]] * 2 if depth else [])
    assert ssh(where, known, "vb002", f"ls {base['vb002']}").stdout == ""
    assert lab.down(where)
    assert leftovers(where.root) == []


def test_more_than_the_disk_holds_cannot_be_written(where: Places, board: Known) -> None:
    if board.options.disk is None:
        assert lab.disks(where, board) == {}
        return
    file = where.board("vb001").base / "file"
    said = ssh(where, board, "vb001", f"head -c {2 * board.options.disk} /dev/zero > {file}")
    assert "No space left on device" in said.stderr
    full = lab.disks(where, board)["vb001"]
    assert full is not None
    assert full.free == 0


def test_a_disk_is_refused_where_a_board_can_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="needs level 1: level 0 was asked for; leave out --disk"):
        level.choose("0", 1 << 20)
    monkeypatch.setenv("PATH", "/nowhere")
    for wanted in ("auto", "1"):
        with pytest.raises(LabError, match="needs level 1: there is no `unshare`"):
            level.choose(wanted, 1 << 20)


@pytest.mark.parametrize(("text", "why"), [("60", "has no unit"), ("0.5x", "a disk has a size"), ("-5MB", "sign")])
def test_a_size_that_is_none_is_exit_2(where: Places, capsys: pytest.CaptureFixture[str], text: str, why: str) -> None:
    assert call(["lab", "up", "--disk", text, "--dir", str(where.root)]) == 2
    assert why in capsys.readouterr().err
    assert not where.root.exists()


def test_status_shows_the_disk(where: Places, board: Known, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["lab", "status", "--dir", str(where.root)]) == 0
    line = capsys.readouterr().out.strip()
    assert line.endswith("62.9 MB free of 62.9 MB" if board.options.disk else "up")


def test_a_run_on_a_full_board_pushes_out_the_oldest_files_of_earlier_runs_and_no_more(
    where: Places, board: Known, tmp_path: Path, arm: Arm
) -> None:
    earlier, later = (arm("first"), arm("second")), (arm("third"), arm("fourth"))
    farm = farm_of(where, tmp_path, *earlier)
    with world_of(farm) as world:
        measure(farm, world, support.RUN)
        support.insert(farm.store, [replace(farm.parts[0], variants=later, baseline="third")], NEXT_RUN)
        measure(farm, world, NEXT_RUN)
    there = stored(where, board)
    kept = [each.name for each in (*earlier, *later) if each.files[1].sha256 in there]
    assert kept == (["second", "third", "fourth"] if board.options.disk else ["first", "second", "third", "fourth"])


def test_a_file_that_no_eviction_can_make_room_for_is_disk_full_and_what_the_block_needs_stays(
    where: Places, board: Known, tmp_path: Path, arm: Arm
) -> None:
    earlier, needed = arm("earlier"), arm("needed")
    farm = farm_of(where, tmp_path, earlier)
    huge = replace(needed, files=(*needed.files, replace(arm("huge").files[1], size=1 << 60)))
    with world_of(farm) as world:
        measure(farm, world, support.RUN)
        lease = world.leases.hold("b0")
        assert lease is not None
        part = replace(farm.parts[0], variants=(huge,), baseline="needed")
        line = Line(part, lease, world)
        row = next(row for row in farm.rows(phase=Phase.MEASURE))
        with pytest.raises(DiskFull, match="no room below"):
            line.supply(row, part)
        line.close()
        world.leases.drop(lease)
    there = stored(where, board)
    assert earlier.files[1].sha256 not in there
    assert {file.sha256 for file in needed.files} <= there
    assert farm.parts[0].agent.sha256 in there
