"""Files that nobody used for long: they go from a machine that can have them again, and never while they are used."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_orchestrator.store import Artefacts, Store, open_artefacts
from farm_orchestrator.store.unused import (
    LEFT_S,
    NOTED_S,
    SCARCE_S,
    UNUSED_S,
    bound_s,
    forget_unused,
    note_use,
    remove_unused,
)
from store_support import Clock

DAY_S = 86400.0


@pytest.fixture
def server(pg_url: str, clock: Clock) -> Iterator[Store]:
    with Store.open(pg_url, clock) as opened:
        yield opened


def kept(artefacts: Artefacts, folder: Path, *texts: str) -> list[str]:
    digests = []
    for text in texts:
        (folder / "file").write_text(text)
        digests.append(artefacts.put(folder / "file").sha256)
    return digests


def unused_for(artefacts: Artefacts, sha256: str, seconds: float) -> Path:
    path = artefacts.folder / sha256[:2] / sha256
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_what_was_not_used_for_a_week_goes_and_comes_back_when_it_is_wanted(server: Store, tmp_path: Path) -> None:
    artefacts = open_artefacts(server, tmp_path / "cas")
    old, lately = kept(artefacts, tmp_path, "old", "lately")
    gone, here = unused_for(artefacts, old, UNUSED_S + 60), unused_for(artefacts, lately, UNUSED_S - 60)
    assert forget_unused(artefacts.folder) == 1
    assert (gone.exists(), here.exists()) == (False, True)
    assert artefacts.get(old).read_text() == "old"


def test_a_file_that_is_used_stays_whoever_put_it_long_ago(server: Store, tmp_path: Path) -> None:
    artefacts = open_artefacts(server, tmp_path / "cas")
    asked, put_again = kept(artefacts, tmp_path, "asked", "put again")
    for sha256 in (asked, put_again):
        unused_for(artefacts, sha256, 2 * UNUSED_S)
    another = open_artefacts(server, tmp_path / "cas")
    assert another.get(asked).is_file()
    assert kept(another, tmp_path, "put again") == [put_again]
    assert forget_unused(artefacts.folder) == 0


def test_a_full_disk_is_made_room_on_but_nothing_of_these_hours_goes(
    server: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artefacts = open_artefacts(server, tmp_path / "cas")
    today, now = kept(artefacts, tmp_path, "today", "now")
    gone, here = unused_for(artefacts, today, SCARCE_S + 60), unused_for(artefacts, now, SCARCE_S - 60)
    assert bound_s(tmp_path / "none yet") == UNUSED_S
    disk = os.statvfs(tmp_path)
    full = os.statvfs_result((*disk[:4], disk.f_blocks // 11, *disk[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert forget_unused(artefacts.folder) == 1
    assert (gone.exists(), here.exists()) == (False, True)


def test_copies_that_nobody_ended_go(tmp_path: Path) -> None:
    for name, age in ((".put.dead", LEFT_S + 60), (".get.dead", LEFT_S + 60), (".get.alive", 60)):
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    forget_unused(tmp_path)
    assert [path.name for path in tmp_path.glob(".?et.*")] + [path.name for path in tmp_path.glob(".put.*")] == [
        ".get.alive"
    ]


def test_who_asks_while_others_remove_has_a_file_that_stays(tmp_path: Path) -> None:
    """A file that `note_use` gave is there when it is opened, at whatever moment somebody looks for old ones."""
    folder, lost, rounds = tmp_path / "aa", [], 300
    folder.mkdir()
    done = threading.Event()

    def remove() -> None:
        while not done.is_set():
            remove_unused(folder / "file", time.time() - DAY_S)

    removing = threading.Thread(target=remove)
    removing.start()
    for number in range(rounds):
        (folder / "new").write_text("x")
        os.utime(folder / "new", (0, 0))
        (folder / "new").replace(folder / "file")
        if note_use(folder / "file") and not (folder / "file").exists():
            lost.append(number)
        (folder / "file").unlink(missing_ok=True)
    done.set()
    removing.join()
    assert lost == []


def test_a_use_is_noted_at_most_once_an_hour_and_a_file_of_tomorrow_is_noted_at_once(tmp_path: Path) -> None:
    path = tmp_path / "aa" / "file"
    path.parent.mkdir()
    path.write_text("x")
    for age, noted in ((NOTED_S - 60, False), (NOTED_S + 60, True), (-DAY_S, True)):
        then = time.time() - age
        os.utime(path, (then, then))
        assert note_use(path)
        assert (abs(path.stat().st_mtime - then) > 1) == noted
    path.unlink()
    assert not note_use(path)
