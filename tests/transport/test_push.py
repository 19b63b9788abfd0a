"""Files on their way to a board: skipped, resumed, verified, refused."""

import os
import threading
from pathlib import Path

import paramiko
import pytest

from farm_orchestrator.errors import BoardError, DiskFull, ReadOnly, Unreachable
from farm_orchestrator.model import FileRef
from farm_orchestrator.transport import Channel, PutResult, open_channel, push, resolve
from farm_orchestrator.transport.controller import identity
from transport_support import Sshd, World, proxied, sha256

SIZE = 9_000_000
CUT = 5 * 2**20  # resumed at a multiple of 128 KiB below


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(os.urandom(SIZE))
    return path


def ref(file: Path) -> FileRef:
    return FileRef(file.name, sha256(file.read_bytes()), file.stat().st_size)


def send(channel: Channel, file: Path) -> PutResult:
    return push.push(channel, file, ref(file), channel.base)


def final(server: Sshd, file: Path) -> Path:
    digest = ref(file).sha256
    return server.disk / "base" / "cas" / digest[:2] / digest


def part(world: World, server: Sshd, file: Path) -> Path:
    """Where this farm keeps what it has sent so far."""
    path = final(server, file).with_name(f"{ref(file).sha256}.part.{identity(world.farm_home)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_file_arrives_whole_and_is_not_sent_twice(channel: Channel, server: Sshd, file: Path) -> None:
    there: list[int] = []
    first = channel.put(file, ref(file).sha256, SIZE, there.append)
    assert final(server, file).read_bytes() == file.read_bytes()
    assert (first.skipped, first.resumed_at, first.sent) == (False, 0, SIZE)
    assert there == sorted(there)
    assert there[-1] == SIZE
    second = send(channel, file)
    assert (second.skipped, second.sent) == (True, 0)


def test_a_second_push_sends_no_payload_over_the_link(world: World, server: Sshd, file: Path) -> None:
    with proxied(server.port) as proxy:
        board = {**world.board(server), "port": proxy.port}
        world.user_file.write_text(server.record(name=f"[127.0.0.1]:{proxy.port}"))
        channel = open_channel(resolve(board), world.farm_home)
        send(channel, file)
        before = proxy.passed
        assert send(channel, file).skipped
        channel.close()
    assert before > SIZE
    assert proxy.passed - before < 4096


def test_a_home_relative_base_means_the_same_to_sftp_and_to_the_shell(world: World, file: Path) -> None:
    server = world.server(home=world.folder / "home")
    spec = resolve({**world.board(server), "base": None})
    channel = open_channel(spec, world.farm_home)
    assert send(channel, file).sent == SIZE
    stored = f".cache/benchfarm/cas/{ref(file).sha256[:2]}/{ref(file).sha256}"
    assert (world.folder / "home" / stored).read_bytes() == file.read_bytes()
    assert channel.exec(["sha256sum", stored]).out.split()[0].decode() == ref(file).sha256
    channel.close()


def test_an_empty_file_arrives(channel: Channel, server: Sshd, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    assert not send(channel, empty).skipped
    assert final(server, empty).read_bytes() == b""


def test_a_cut_transfer_is_resumed_at_a_multiple_of_128_kib(
    channel: Channel, world: World, server: Sshd, file: Path
) -> None:
    part(world, server, file).write_bytes(file.read_bytes()[: CUT + 77_777])
    result = send(channel, file)
    assert (result.resumed_at, result.sent) == (CUT, SIZE - CUT)
    assert final(server, file).read_bytes() == file.read_bytes()
    assert not part(world, server, file).exists()


def test_a_link_that_breaks_in_a_transfer_leaves_no_final_name_and_the_next_push_resumes(
    world: World, server: Sshd, file: Path
) -> None:
    with proxied(server.port) as proxy:
        board = {**world.board(server), "port": proxy.port}
        world.user_file.write_text(server.record(name=f"[127.0.0.1]:{proxy.port}"))
        proxy.limit = CUT
        channel = open_channel(resolve(board), world.farm_home)
        with pytest.raises(Unreachable):
            send(channel, file)
        channel.close()
        assert not final(server, file).exists()
        proxy.limit = None
        again = open_channel(resolve(board), world.farm_home)
        result = send(again, file)
        again.close()
    assert result.resumed_at > 0
    assert result.resumed_at % (128 << 10) == 0
    assert result.sent == SIZE - result.resumed_at
    assert final(server, file).read_bytes() == file.read_bytes()


def test_one_flipped_byte_in_a_part_is_found_and_the_file_sent_from_its_start(
    channel: Channel, world: World, server: Sshd, file: Path
) -> None:
    wrong = bytearray(file.read_bytes()[:CUT])
    wrong[1000] ^= 1
    part(world, server, file).write_bytes(wrong)
    result = send(channel, file)
    assert (result.resumed_at, result.sent) == (0, SIZE - CUT + SIZE)
    assert final(server, file).read_bytes() == file.read_bytes()


def test_a_part_longer_than_the_file_is_not_resumed(channel: Channel, world: World, server: Sshd, file: Path) -> None:
    part(world, server, file).write_bytes(bytes(SIZE + 1))
    assert send(channel, file).resumed_at == 0
    assert final(server, file).read_bytes() == file.read_bytes()


def test_a_file_that_never_arrives_right_is_given_up_after_the_second_time(
    channel: Channel, server: Sshd, file: Path
) -> None:
    digest = sha256(b"something else")
    with pytest.raises(BoardError, match="arrived twice"):
        channel.put(file, digest, SIZE)
    assert list((server.disk / "base" / "cas" / digest[:2]).iterdir()) == []


def test_two_farms_push_the_same_file_at_once(world: World, server: Sshd, file: Path, tmp_path: Path) -> None:
    spec = resolve(world.board(server))
    channels = [open_channel(spec, tmp_path / name) for name in ("one", "two")]
    results: list[PutResult] = []
    threads = [threading.Thread(target=lambda c=c: results.append(send(c, file))) for c in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for channel in channels:
        channel.close()
    assert len(results) == 2
    assert [path.name for path in final(server, file).parent.iterdir()] == [ref(file).sha256]
    assert final(server, file).read_bytes() == file.read_bytes()


def test_half_sent_files_of_last_week_are_removed_and_fresh_ones_stay(
    channel: Channel, server: Sshd, file: Path
) -> None:
    folder = final(server, file).parent
    folder.mkdir(parents=True)
    (folder / "old.part.0123").touch()
    (folder / "new.part.0123").touch()
    os.utime(folder / "old.part.0123", (0, 0))
    send(channel, file)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["new.part.0123", ref(file).sha256])


def test_a_board_without_room_is_asked_before_anything_is_sent(world: World, file: Path) -> None:
    server = world.server(mount="size=12m")
    channel = open_channel(resolve(world.board(server)), world.farm_home)
    with pytest.raises(DiskFull, match=rf"a file of {SIZE} bytes, 12\d+ are free of 12582912"):
        send(channel, file)
    assert channel.exec(["ls", f"{channel.base}/cas/{ref(file).sha256[:2]}"]).out == b""
    channel.close()


def test_a_disk_that_fills_up_meanwhile_is_disk_full_and_the_board_stays_usable(world: World, file: Path) -> None:
    server = world.server(mount="size=24m")
    channel = open_channel(resolve(world.board(server)), world.farm_home)
    filler = f"{channel.base}/filler"

    def fill(_there: int) -> None:
        channel.exec(["dd", "if=/dev/zero", f"of={filler}", "bs=1M"])

    with pytest.raises(DiskFull) as full:
        channel.put(file, ref(file).sha256, SIZE, fill)
    assert "of 25165824" in full.value.text
    assert channel.exec(["ls", f"{channel.base}/cas/{ref(file).sha256[:2]}"]).out == b""
    channel.exec(["rm", filler])
    assert send(channel, file).sent == SIZE
    channel.close()


def test_a_read_only_file_system_is_named_so(world: World, file: Path) -> None:
    server = world.server(mount="size=24m,ro")
    channel = open_channel(resolve(world.board(server)), world.farm_home)
    with pytest.raises(ReadOnly, match="nothing can be written below") as read_only:
        send(channel, file)
    assert "`base`" in str(read_only.value.mend)
    assert channel.exec(["true"]).rc == 0
    channel.close()


def test_a_board_without_sftp_gets_its_files_by_cat_and_says_so_once(
    world: World, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = world.server(options=())
    spec = resolve(world.board(server, name="without-sftp"))
    part(world, server, file).write_bytes(file.read_bytes()[:CUT])
    channel = open_channel(spec, world.farm_home)
    first = send(channel, file)
    assert (first.resumed_at, first.sent) == (0, SIZE)
    assert final(server, file).read_bytes() == file.read_bytes()
    channel.close()
    again = open_channel(spec, world.farm_home)
    assert send(again, file).skipped
    assert again.get(f"cas/{ref(file).sha256[:2]}/{ref(file).sha256}", ref(file).sha256, SIZE, world.folder).exists()
    again.close()
    assert [record.message for record in caplog.records if "no SFTP server" in record.message] == [
        "board 'without-sftp' has no SFTP server: files are sent whole through `cat`, nothing is resumed"
    ]


def test_a_board_without_sftp_says_when_its_disk_is_full(world: World, file: Path) -> None:
    server = world.server(options=(), mount="size=24m")
    channel = open_channel(resolve(world.board(server)), world.farm_home)

    def fill(_there: int) -> None:
        channel.exec(["dd", "if=/dev/zero", f"of={channel.base}/filler", "bs=1M"])

    with pytest.raises(DiskFull):
        channel.put(file, ref(file).sha256, SIZE, fill)
    channel.close()


def test_a_fetched_file_with_one_flipped_byte_is_refused(channel: Channel, server: Sshd, tmp_path: Path) -> None:
    scratch = server.disk / "base" / "scratch" / "7.1"
    scratch.mkdir(parents=True)
    (scratch / "outputs.npz").write_bytes(b"x" * 400_000)
    folder = tmp_path / "fetched"
    folder.mkdir()
    right = sha256(b"x" * 400_000)
    assert channel.get("scratch/7.1/outputs.npz", right, 400_000, folder).read_bytes() == b"x" * 400_000
    (scratch / "outputs.npz").write_bytes(b"x" * 399_999 + b"y")
    with pytest.raises(BoardError, match="not the file the agent announced") as refused:
        channel.get("scratch/7.1/outputs.npz", right, 400_000, folder)
    assert refused.value.outcome == "agent_error"
    for remote in ("../../x", "scratch/../../x", "scratch/7.1/..", "/etc/passwd", "scratch/7.1/a;b"):
        with pytest.raises(BoardError, match="may not be fetched"):
            channel.get(remote, right, 400_000, folder)


def test_a_file_that_the_agent_announced_and_that_is_not_there_is_the_agents_fault(
    channel: Channel, tmp_path: Path
) -> None:
    with pytest.raises(BoardError) as refused:
        channel.get("scratch/7.1/outputs.npz", sha256(b""), 0, tmp_path)
    assert refused.value.outcome == "agent_error"


def test_the_library_still_has_the_request_size_that_we_set() -> None:
    assert paramiko.SFTPFile.MAX_REQUEST_SIZE == 32768
