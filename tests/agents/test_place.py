"""The agent's folder: what is laid out, what is believed, what is written down."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import agents_support as parts
from agents_support import Board, Client
from farm_agents import place, wire
from farm_agents.place import Place, Verdicts

Start = Callable[..., Client]
# A file may grow by ten bytes: a write over its end is cut there, as on a disk that becomes full.
HALF_A_LINE = """
import resource, sys
from farm_agents import place
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]) + 10,) * 2)
try:
    place.note(place.Place(sys.argv[1]), "8.1", 1, "start")
except OSError as error:
    print(error.errno)
"""


def pushed(board: Board, tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "pushed"
    path.write_bytes(data)
    return board.push(path)


def laid(board: Board, *files: tuple[str, str]) -> list[str]:
    layout = place.Layout(parts.VARIANT, files)
    return place.prepare(Place(str(board.base)), [layout], [], Verdicts())


def names(board: Board) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (board.base / "variants" / parts.VARIANT).iterdir()}


def test_a_variant_lies_under_its_original_names_as_hard_links(board: Board, tmp_path: Path) -> None:
    model, data = pushed(board, tmp_path, b"model"), pushed(board, tmp_path, b"weights")
    assert laid(board, ("big.onnx", model), ("big.onnx.data", data)) == []
    assert names(board) == {"big.onnx": b"model", "big.onnx.data": b"weights"}
    assert board.stored(model).stat().st_nlink == 2


def test_laying_out_again_replaces_what_differs_and_removes_what_is_not_named(board: Board, tmp_path: Path) -> None:
    first, second = pushed(board, tmp_path, b"one"), pushed(board, tmp_path, b"two")
    laid(board, ("m.onnx", first), ("old.data", first))
    laid(board, ("m.onnx", second))
    assert names(board) == {"m.onnx": b"two"}


def test_a_missing_file_is_named_and_its_variant_is_not_laid_out(board: Board, tmp_path: Path) -> None:
    there, absent = pushed(board, tmp_path, b"one"), "0" * 64
    assert laid(board, ("m.onnx", there), ("m.data", absent)) == [absent]
    assert not (board.base / "variants").exists()


def test_a_spoilt_file_is_missing_and_removed_so_that_the_next_push_brings_it(board: Board, tmp_path: Path) -> None:
    digest = pushed(board, tmp_path, b"whole")
    board.stored(digest).write_bytes(b"spoil")
    assert laid(board, ("m.onnx", digest)) == [digest]
    assert not board.stored(digest).exists()


def test_a_verdict_counts_until_size_mtime_or_inode_change(board: Board, tmp_path: Path) -> None:
    digest = pushed(board, tmp_path, b"whole")
    path = board.stored(digest)
    verdicts = Verdicts()
    assert verdicts.holds(str(path), digest)
    kept = Verdicts(verdicts.rows())
    before = path.stat()
    path.write_bytes(b"spoil")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert kept.holds(str(path), digest)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert not kept.holds(str(path), digest)


@pytest.mark.parametrize("name", ["../m.onnx", "a/b", ".hidden", "", "x" * 65, "new\nline", "nul\0", "ü.onnx"])
def test_a_file_name_that_could_lead_elsewhere_is_a_wire_error(name: str) -> None:
    with pytest.raises(wire.WireError, match="plain file name"):
        place.layout({"sha256": parts.VARIANT, "files": [{"name": name, "sha256": "0" * 64}]})


def test_a_disk_that_will_not_do_is_refused_in_the_words_of_the_wire() -> None:
    assert place.refusal(OSError(28, "No space left on device")).reason == "disk_full"
    assert place.refusal(OSError(30, "Read-only file system")).reason == "read_only"
    assert place.refusal(OSError(13, "Permission denied")).reason == "read_only"
    assert place.refusal(OSError(5, "Input/output error")).reason == "io"


def test_a_torn_journal_line_does_not_hide_the_start_before_it(board: Board) -> None:
    board.base.mkdir()
    where = Place(str(board.base))
    place.note(where, "7.1", 1, "start")
    with Path(where.journal).open("a") as file:
        file.write('{"t_ns": 1, "lau\n')
    place.close_journal(where)
    assert Path(where.journal).read_text().splitlines()[-1].endswith('"launch": "7.1", "fence": 1, "event": "end"}')


def test_a_line_that_a_power_cut_tore_does_not_swallow_the_next(board: Board) -> None:
    board.base.mkdir()
    where = Place(str(board.base))
    Path(where.journal).write_text('{"t_ns": 1, "lau')
    place.note(where, "7.1", 1, "start")
    place.close_journal(where)
    assert [json.loads(line)["event"] for line in Path(where.journal).read_text().splitlines()[1:]] == ["start", "end"]


def test_a_disk_with_room_for_half_a_line_takes_none_of_it(board: Board) -> None:
    board.base.mkdir()
    where = Place(str(board.base))
    place.note(where, "7.1", 1, "start")
    before = Path(where.journal).read_text()
    said = subprocess.run(
        [sys.executable, "-c", HALF_A_LINE, where.base, str(len(before))],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert said.stdout == f"{errno.ENOSPC}\n", said.stderr
    assert Path(where.journal).read_text() == before
    place.close_journal(where)
    assert [line["event"] for line in board.journal()] == ["start", "end"]


def test_a_journal_that_is_closed_stays_as_it_is(board: Board) -> None:
    board.base.mkdir()
    where = Place(str(board.base))
    place.note(where, "7.1", 1, "start")
    place.note(where, "7.1", 1, "end")
    place.close_journal(where)
    assert [line["event"] for line in board.journal()] == ["start", "end"]


def test_external_data_is_found_beside_the_model(start: Start, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(parts.mlp(tmp_path / "inline.onnx", width=2048))
    onnx.save(model, tmp_path / "big.onnx", save_as_external_data=True, location="big.onnx.data", size_threshold=0)
    client = start()
    assert isinstance(client.open(), wire.Hello)
    digest = client.board.push(parts.ones(tmp_path / "ones.npz"))
    files = [tmp_path / "big.onnx", tmp_path / "big.onnx.data"]
    assert client.prepare(files, digest) == wire.Ready([])
    client.send(parts.job(files[0], digest))
    assert client.hear().done
