"""The board that is this machine."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_orchestrator.errors import AgentLost, NoRuntime, Unreachable, UsageError
from farm_orchestrator.model import FileRef
from farm_orchestrator.transport import Channel, open_channel, push, resolve
from transport_support import sha256, until

ECHO = "import sys\nfor line in sys.stdin: print(line.strip(), flush=True)\nprint('bye', file=sys.stderr)"


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    before = threading.active_count()
    opened = open_channel(resolve({"name": "local", "local": True, "base": str(tmp_path / "base")}), tmp_path)
    yield opened
    opened.close()
    assert threading.active_count() == before


def test_a_command_gives_its_code_and_both_outputs(channel: Channel) -> None:
    done = channel.exec([sys.executable, "-c", "import sys; sys.stderr.write(input()); sys.exit(3)"], b"word\n")
    assert (done.rc, done.out, done.err) == (3, b"", b"word")


def test_a_command_that_does_not_end_is_unreachable(channel: Channel) -> None:
    with pytest.raises(Unreachable, match="was not done"):
        channel.exec([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.1)


def test_a_missing_interpreter_is_no_runtime(channel: Channel) -> None:
    with pytest.raises(NoRuntime, match="cannot be started"):
        channel.stream(["/nowhere/python3"])


def test_lines_come_back_and_the_end_of_stdin_ends_the_program(channel: Channel) -> None:
    stream = channel.stream([sys.executable, "-c", ECHO])
    lines = (line for line in stream.lines() if line is not None)
    stream.send(b"one\n")
    assert next(lines) == b"one"
    stream.close()
    assert list(lines) == []
    assert stream.exit_code() == 0


def test_silence_gives_none_and_the_end_keeps_what_was_said_on_stderr(channel: Channel) -> None:
    stream = channel.stream(
        [sys.executable, "-c", "import sys, time; time.sleep(0.8); sys.stderr.write('x' * 70000 + 'last')"]
    )
    assert None in list(stream.lines())
    assert len(stream.stderr_tail()) == 65536
    assert stream.stderr_tail().endswith("last")


def test_close_from_another_thread_unblocks_the_reader(channel: Channel) -> None:
    stream = channel.stream([sys.executable, "-c", "import time; time.sleep(60)"])
    came: list[bytes | None] = []
    reader = threading.Thread(target=lambda: came.extend(stream.lines()))
    reader.start()
    until(lambda: None in came, "the reader waits")
    stream.close()
    reader.join()
    assert stream.exit_code() == -9
    assert stream.exit_code(0) is not None


def test_close_ends_a_program_that_does_not_read_what_is_sent(channel: Channel) -> None:
    stream = channel.stream([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"])
    assert next(stream.lines()) == b"up"
    errors: list[Exception] = []

    def send() -> None:
        try:
            stream.send(b"x" * 1_000_000 + b"\n")
        except Unreachable as error:
            errors.append(error)

    writer = threading.Thread(target=send)
    writer.start()
    stream.close()
    writer.join()
    assert errors


def test_a_line_over_one_mebibyte_is_the_agents_fault(channel: Channel) -> None:
    stream = channel.stream([sys.executable, "-c", "print('x' * (1 << 20))"])
    with pytest.raises(AgentLost, match="over 1048576 bytes: b'xxx"):
        list(stream.lines())


def test_sixty_four_thousand_lines_arrive_whole(channel: Channel) -> None:
    stream = channel.stream([sys.executable, "-c", "for i in range(65536): print(i)"])
    assert [int(line) for line in stream.lines() if line is not None] == list(range(65536))


def test_a_file_is_stored_by_its_content_and_not_twice(channel: Channel, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"model")
    ref = FileRef("model.onnx", sha256(b"model"), 5)
    there: list[int] = []
    first = channel.put(file, ref.sha256, 5, there.append)
    second = push.push(channel, file, ref, channel.base)
    stored = Path(channel.base) / "cas" / ref.sha256[:2] / ref.sha256
    assert stored.read_bytes() == b"model"
    assert (first.skipped, first.sent, second.skipped, second.sent, there) == (False, 5, True, 0, [5])
    assert stored.stat().st_ino != file.stat().st_ino


def test_a_file_named_by_its_content_is_linked(channel: Channel, tmp_path: Path) -> None:
    digest = sha256(b"model")
    file = tmp_path / digest
    file.write_bytes(b"model")
    channel.put(file, digest, 5)
    assert (Path(channel.base) / "cas" / digest[:2] / digest).stat().st_ino == file.stat().st_ino


def test_a_file_that_changed_since_the_plan_is_refused(channel: Channel, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"other")
    with pytest.raises(UsageError, match="changed since the run was planned"):
        push.push(channel, file, FileRef("model.onnx", sha256(b"model"), 5), channel.base)


def test_a_changed_file_is_hashed_again(channel: Channel, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    for content in (b"aaaaa", b"bbbbb"):
        file.unlink(missing_ok=True)
        file.write_bytes(content)
        os.utime(file, ns=(0, content[0]))
        assert not push.push(channel, file, FileRef("m", sha256(content), 5), channel.base).skipped


@pytest.mark.parametrize("remote", ["../../x", "scratch/../x", "/etc/passwd", "scratch//x", ".hidden", "a b", "x\0"])
def test_only_plain_names_are_fetched(channel: Channel, tmp_path: Path, remote: str) -> None:
    with pytest.raises(AgentLost, match="may not be fetched"):
        channel.get(remote, sha256(b""), 0, tmp_path)


def test_a_fetched_file_must_be_what_was_announced(channel: Channel, tmp_path: Path) -> None:
    scratch = Path(channel.base) / "scratch" / "1.1"
    scratch.mkdir(parents=True)
    (scratch / "out.npz").write_bytes(b"right")
    (scratch / "link").symlink_to("/etc/hostname")
    folder = tmp_path / "fetched"
    folder.mkdir()
    for digest, size in ((sha256(b"wrong"), 5), (sha256(b"right"), 4), (sha256(b"right"), 1 << 40)):
        with pytest.raises(AgentLost):
            channel.get("scratch/1.1/out.npz", digest, size, folder)
    with pytest.raises(AgentLost, match="no file"):
        channel.get("scratch/1.1/link", sha256(b""), 0, folder)
    assert list(folder.iterdir()) == []
    assert channel.get("scratch/1.1/out.npz", sha256(b"right"), 5, folder).read_bytes() == b"right"
