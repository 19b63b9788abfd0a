"""The chaos proxy really delays, slows, freezes, resets and passes on."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farm_lab import chaos
from farm_lab.places import LabError, Places
from farm_lab.processes import end
from farm_lab.proxy import Route
from farm_lab.sshd import HOST
from farm_lab.state import State
from lab_support import at, leftovers, ssh, wait_for


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets, a half-close included."""
    with socket.create_server((HOST, 0)) as server:
        threading.Thread(target=_serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket) -> None:
    while True:
        try:
            link, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(link,), daemon=True).start()


def _echo(link: socket.socket) -> None:
    with link:
        try:
            while chunk := link.recv(65536):
                link.sendall(chunk)
            link.sendall(b"bye")
        except OSError:
            return


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Places]:
    found = at(tmp_path)
    found.root.mkdir()
    chaos.start(found)
    yield found
    end(chaos.running(found))
    assert leftovers(found.root) == []


@contextmanager
def linked(place: Places, target: int) -> Iterator[socket.socket]:
    port = chaos.tell(place, "add", "x", target=target)["routes"][0]["port"]
    with socket.create_connection((HOST, port), timeout=30) as link:
        yield link


def round_trip(link: socket.socket, data: bytes = b"x") -> float:
    """Seconds until everything came back."""
    start = time.monotonic()
    threading.Thread(target=link.sendall, args=(data,), daemon=True).start()
    came = b""
    while len(came) < len(data):
        came += link.recv(65536)
    assert came == data
    return time.monotonic() - start


def test_bytes_and_the_half_close_pass_unchanged(place: Places, echo: int) -> None:
    with linked(place, echo) as link:
        round_trip(link, bytes(range(256)) * 4096)
        link.shutdown(socket.SHUT_WR)
        assert link.recv(10) == b"bye"
        assert link.recv(10) == b""


def test_a_delay_is_added_in_each_direction(place: Places, echo: int) -> None:
    with linked(place, echo) as link:
        chaos.tell(place, "delay", "x", seconds=0.2)
        assert round_trip(link) >= 0.4


def test_a_lost_packet_holds_up_what_follows_and_no_byte_is_lost(place: Places, echo: int) -> None:
    with linked(place, echo) as link:
        chaos.tell(place, "loss", "x", share=1.0)
        assert round_trip(link) >= 0.4
        chaos.tell(place, "loss", "x", share=0.5)
        data = bytes(range(256)) * 1024
        assert round_trip(link, data) >= 0.2


def test_packets_are_lost_as_often_as_was_said_and_long_chunks_more_often() -> None:
    route = Route("x", 1)
    assert {route.way_s(100) for _ in range(100)} == {0.0}
    route.loss = 0.01
    assert sum(route.way_s(100) > 0 for _ in range(10_000)) / 10_000 == pytest.approx(0.01, abs=0.004)
    assert sum(route.way_s(64 * 1024) > 0 for _ in range(10_000)) / 10_000 == pytest.approx(0.37, abs=0.02)


def test_a_rate_holds_the_bytes_back(place: Places, echo: int) -> None:
    with linked(place, echo) as link:
        chaos.tell(place, "rate", "x", bytes_per_s=1_000_000)
        assert round_trip(link, b"y" * 400_000) >= 0.3  # a whole burst may pass before the bucket is empty


def test_a_frozen_link_is_silent_both_ways_and_keeps_its_sockets(place: Places, echo: int) -> None:
    with linked(place, echo) as link:
        round_trip(link)
        chaos.tell(place, "freeze", "x")
        link.sendall(b"later")
        link.settimeout(0.5)
        with pytest.raises(TimeoutError):
            link.recv(1)
        assert chaos.tell(place, "status", "x")["routes"][0]["links"] == 1
        chaos.tell(place, "thaw", "x")
        link.settimeout(30)
        assert link.recv(10) == b"later"


def test_a_frozen_route_accepts_nobody_until_it_thaws(place: Places, echo: int) -> None:
    chaos.tell(place, "add", "x", target=echo)
    chaos.tell(place, "freeze", "x")
    with linked(place, echo) as link:
        link.sendall(b"knock")
        link.settimeout(0.5)
        with pytest.raises(TimeoutError):
            link.recv(1)
        chaos.tell(place, "thaw", "x")
        link.settimeout(30)
        assert link.recv(10) == b"knock"


def test_a_reset_reaches_both_ends_at_once(place: Places, echo: int) -> None:
    with linked(place, echo) as link:
        round_trip(link)
        chaos.tell(place, "reset", "x")
        with pytest.raises(ConnectionResetError):
            link.recv(1)
        wait_for(lambda: chaos.tell(place, "status", "x")["routes"][0]["links"] == 0, "the end of the link")


def test_a_board_that_is_not_there_ends_the_connection(place: Places) -> None:
    with socket.create_server((HOST, 0)) as server:
        dead = server.getsockname()[1]
    with linked(place, dead) as link:
        assert link.recv(1) == b""


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ({"do": "explode", "board": "x"}, "no command 'explode'"),
        ({"do": "freeze", "board": "nobody"}, "no such board"),
        ({"do": "delay", "board": "x"}, "KeyError"),
        ({"do": "delay", "board": "x", "seconds": "soon"}, "ValueError"),
    ],
)
def test_a_wrong_command_is_answered_and_changes_nothing(
    place: Places, echo: int, command: dict[str, str], text: str
) -> None:
    with linked(place, echo) as link:
        with pytest.raises(LabError, match=text):
            chaos.tell(place, **command)
        round_trip(link)


def test_nonsense_on_the_control_socket_does_not_stop_the_proxy(place: Places, echo: int) -> None:
    for line in (b"\xff\xfe\n", b"[]\n", b"{" * 100_000 + b"\n", b'{"do": "add"}\n', b""):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(place.control))
            control.sendall(line)
            control.shutdown(socket.SHUT_WR)
            control.recv(1000)
    with linked(place, echo) as link:
        round_trip(link)


def test_the_control_socket_is_for_its_user_alone(place: Places) -> None:
    assert place.control.stat().st_mode & 0o077 == 0


def test_without_a_proxy_the_message_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="started with --proxy"):
        chaos.tell(at(tmp_path), "status")


def test_boards_behind_the_proxy_are_reached_through_it_alone(proxied: tuple[Places, State]) -> None:
    where, known = proxied
    assert all(board.address == board.entrance != board.port for board in known.boards)
    assert all(ssh(where, known, board.name, "true").returncode == 0 for board in known.boards)
    chaos.tell(where, "freeze", "vb001")
    try:
        assert ssh(where, known, "vb002", "true").returncode == 0
        assert chaos.tell(where, "status", "vb001")["routes"][0]["frozen"]
    finally:
        chaos.tell(where, "thaw", "vb001")
    assert ssh(where, known, "vb001", "true").returncode == 0
