"""Room on the board's disk: what goes, in which order, and what never does."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

import agents_support as parts
from agents_support import Board, Client
from farm_agents import place, room, wire
from farm_agents.place import Place, Verdicts
from farm_agents.room import Stored

Start = Callable[..., Client]
EVERYTHING = 1 << 60
DAY_S = 86400.0


def pushed(board: Board, tmp_path: Path, data: bytes, age_s: float = 0.0) -> str:
    """A file of the store that was last used so long ago."""
    path = tmp_path / "pushed"
    path.write_bytes(data)
    digest = board.push(path)
    os.utime(board.stored(digest), (time.time() - age_s, time.time()))
    return digest


def half_sent(board: Board, digest: str, age_s: float) -> Path:
    path = board.stored(digest).with_name(f"{digest}.part.0123")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def evict(client: Client, wanted: int, *keep: str) -> wire.Evicted:
    client.send(wire.Evict(wanted, list(keep)))
    answer = client.read()
    assert isinstance(answer, wire.Evicted), answer
    return answer


def opened(start: Start) -> Client:
    client = start()
    assert isinstance(client.open(), wire.Hello)
    return client


def chosen(files: Sequence[Stored], goal: int) -> list[str]:
    return [file.path for file in room.oldest(files, goal)]


def test_the_least_recently_used_files_go_and_no_more_of_them_than_it_takes() -> None:
    files = [Stored(name, "0" * 64, used, 100) for name, used in (("new", 3), ("old", 1), ("middle", 2))]
    assert chosen(files, 0) == []
    assert chosen(files, -5) == []
    assert chosen(files, 1) == ["old"]
    assert chosen(files, 100) == ["old"]
    assert chosen(files, 101) == ["old", "middle"]
    assert chosen(files, EVERYTHING) == ["old", "middle", "new"]


def test_a_file_whose_end_gives_nothing_back_stays() -> None:
    assert chosen([Stored("linked", "0" * 64, 1, 0), Stored("mine", "1" * 64, 2, 100)], 50) == ["mine"]


@pytest.mark.parametrize(
    ("total", "kept_free"), [(100 << 30, 10 << 30), (1 << 30, 200 << 20), (60 << 20, 30 << 20), (0, 0)]
)
def test_a_tenth_stays_free_at_least_200_mib_but_never_more_than_half_of_a_small_disk(
    total: int, kept_free: int
) -> None:
    assert room.reserve(total) == kept_free


def test_the_file_that_was_prepared_last_is_the_last_to_go(board: Board, tmp_path: Path) -> None:
    used, unused = pushed(board, tmp_path, b"used", 9 * DAY_S), pushed(board, tmp_path, b"unused", 1 * DAY_S)
    before = board.stored(used).stat().st_mtime_ns
    assert place.prepare(Place(str(board.base)), [], [used], Verdicts()) == []
    assert board.stored(used).stat().st_mtime_ns == before, "a verdict of its digest would be lost"
    assert [file.sha256 for file in room.oldest(room.stored(Place(str(board.base))), EVERYTHING)] == [unused, used]


def test_everything_goes_but_what_is_kept_and_the_answer_counts_it(start: Start, board: Board, tmp_path: Path) -> None:
    kept, gone = pushed(board, tmp_path, b"k" * 9000, 9 * DAY_S), pushed(board, tmp_path, b"g" * 9000)
    held = board.stored(gone).stat().st_blocks * 512
    answer = evict(opened(start), EVERYTHING, kept)
    assert (answer.files, answer.bytes) == (1, held)
    assert answer.free > 0
    assert board.stored(kept).exists()
    assert not board.stored(gone).exists()


def test_where_the_disk_claims_to_have_room_as_much_goes_as_was_wanted(
    start: Start, board: Board, tmp_path: Path
) -> None:
    """An account's quota is not in the numbers of the disk."""
    old, new = pushed(board, tmp_path, b"o" * 9000, DAY_S), pushed(board, tmp_path, b"n" * 9000)
    assert room.lack(Place(str(board.base)), 100) < 0, "this test needs a disk with some room"
    assert evict(opened(start), 100).files == 1
    assert not board.stored(old).exists()
    assert board.stored(new).exists()


def test_an_empty_store_gives_nothing(start: Start) -> None:
    assert evict(opened(start), EVERYTHING).files == 0


def test_variants_that_are_kept_can_be_measured_afterwards_and_the_others_links_hold_no_room(
    start: Start, board: Board, tmp_path: Path, ones: Path
) -> None:
    client, digest = opened(start), board.push(ones)
    model, other = parts.identity(tmp_path / "m.onnx"), parts.mlp(tmp_path / "other.onnx")
    old = {"sha256": "cd" * 32, "files": [{"name": "other.onnx", "sha256": board.push(other)}]}
    client.send(wire.Prepare([old], []))
    assert client.read() == wire.Ready([])
    assert client.prepare([model], digest) == wire.Ready([])
    assert evict(client, EVERYTHING, digest, parts.sha256(model.read_bytes())).files == 1
    assert [folder.name for folder in (board.base / "variants").iterdir()] == [parts.VARIANT]
    client.send(parts.job(model, digest))
    assert client.hear().done


def test_a_launch_of_a_variant_that_had_to_go_is_refused_until_it_is_prepared_again(
    start: Start, board: Board, tmp_path: Path, ones: Path
) -> None:
    client, digest, model = opened(start), board.push(ones), parts.identity(tmp_path / "m.onnx")
    client.prepare([model], digest)
    evict(client, EVERYTHING, digest)
    client.send(parts.job(model, digest))
    assert client.hear().failed.detail == "the variant was not prepared"
    assert client.launch(model, ones).done


def test_half_sent_files_go_after_a_week_but_not_those_of_the_refused_push(start: Start, board: Board) -> None:
    stale, fresh = half_sent(board, "a" * 64, 8 * DAY_S), half_sent(board, "b" * 64, 6 * DAY_S)
    wanted = half_sent(board, "c" * 64, 8 * DAY_S)
    assert evict(opened(start), EVERYTHING, "c" * 64).files == 1
    assert [path.exists() for path in (stale, fresh, wanted)] == [False, True, True]


def test_the_bundle_of_the_running_agent_stays(board: Board, tmp_path: Path, pyz: Path) -> None:
    bundle = board.stored(board.push(pyz))
    os.utime(bundle, (0, 0))
    gone = pushed(board, tmp_path, b"gone")
    with closing(Client([sys.executable, "-I", str(bundle)], board)) as client:
        assert isinstance(client.open(), wire.Hello)
        evict(client, EVERYTHING)
    assert bundle.exists()
    assert not board.stored(gone).exists()


def test_files_that_no_push_has_put_there_are_left_alone(start: Start, board: Board, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"outside")
    digest = pushed(board, tmp_path, b"gone")
    shelf = board.stored(digest).parent
    (shelf / "notes.txt").write_text("mine")
    (shelf / ("d" * 64)).symlink_to(outside)
    (shelf / ("e" * 64)).mkdir()
    (board.base / "cas" / "README").write_text("mine")
    (board.base / "variants").mkdir()
    (board.base / "variants" / "README").write_text("mine")
    evict(opened(start), EVERYTHING)
    assert {path.name for path in shelf.iterdir()} == {"notes.txt", "d" * 64, "e" * 64}
    assert outside.exists()


def test_nothing_is_removed_while_a_launch_is_timed(start: Start, board: Board, tmp_path: Path, ones: Path) -> None:
    client, digest = opened(start), pushed(board, tmp_path, b"unused", 9 * DAY_S)
    client.start(parts.endless(tmp_path / "endless.onnx"), ones)
    client.until("first")
    client.send(wire.Evict(EVERYTHING, []))
    assert isinstance(client.read(), wire.Failed)
    assert client.process.wait(parts.PATIENCE_S) == 2
    assert "evict while launch 1.1 runs" in client.errors()
    assert board.stored(digest).exists()
