"""One connection to a board: commands, streams, broken and frozen links, gateways."""

import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from farm_lab.sshd import free_port
from farm_orchestrator.errors import AgentLost, Unreachable, UsageError
from farm_orchestrator.transport import Channel, Stream, open_channel, resolve
from transport_support import KINDS, Sshd, World, proxied, until

PYTHON = sys.executable


def program(channel: Channel, world: World, text: str) -> Stream:
    """A Python program on the board; its text travels as a file, as an agent does."""
    path = world.folder / "program.py"
    path.write_text(text)
    return channel.stream([PYTHON, "-I", str(path)])


def test_a_command_gives_its_code_and_both_outputs_byte_for_byte(channel: Channel) -> None:
    done = channel.exec(["tee", "/dev/stderr"], bytes(range(256)))
    assert (done.rc, done.out, done.err) == (0, bytes(range(256)), bytes(range(256)))
    assert channel.exec(["false"]).rc == 1
    assert channel.exec(["true"], b"nobody reads this" * 1000).rc == 0


def test_the_output_of_a_command_is_capped(channel: Channel) -> None:
    assert len(channel.exec(["head", "-c", "3000000", "/dev/zero"]).out) == 1 << 20


def test_a_command_that_does_not_end_is_given_up(channel: Channel) -> None:
    with pytest.raises(Unreachable, match=r"`sleep` could not be run: not done in 0\.2 s"):
        channel.exec(["sleep", "60"], timeout_s=0.2)
    assert channel.exec(["true"]).rc == 0


def test_no_terminal_no_agent_and_no_variable_reach_the_board(channel: Channel) -> None:
    said = channel.exec(["env"]).out.decode()
    assert "SSH_CONNECTION=" in said
    assert "SSH_TTY" not in said
    assert "SSH_AUTH_SOCK" not in said


def test_lines_come_back_and_the_end_of_stdin_ends_the_program(channel: Channel, world: World) -> None:
    stream = program(channel, world, "import sys\nfor x in sys.stdin: print(x.strip() * 2, flush=True)")
    stream.send(b"one\n")
    assert next(line for line in stream.lines() if line) == b"oneone"
    stream.close()
    assert list(stream.lines()) == []


def test_silence_gives_none_and_the_end_keeps_stderr_and_the_code(channel: Channel, world: World) -> None:
    stream = program(
        channel, world, "import sys, time\ntime.sleep(0.9)\nsys.stderr.write('x' * 3000000 + 'last')\nsys.exit(7)"
    )
    assert None in list(stream.lines())
    assert stream.exit_code() == 7
    assert len(stream.stderr_tail()) == 65536
    assert stream.stderr_tail().endswith("last")


def test_a_missing_interpreter_shows_as_code_127(channel: Channel) -> None:
    stream = channel.stream(["nowhere/python3", "-I", "x"])
    assert [line for line in stream.lines() if line] == []
    assert stream.exit_code() == 127
    assert "nowhere/python3" in stream.stderr_tail()


def test_a_line_over_one_mebibyte_and_endless_output_are_the_agents_fault(channel: Channel, world: World) -> None:
    stream = program(channel, world, "while True: print('x' * 65536, end='')")
    with pytest.raises(AgentLost, match="over 1048576 bytes: b'xxx"):
        list(stream.lines())


def test_sixty_four_thousand_lines_arrive_whole_with_memory_flat(channel: Channel, world: World) -> None:
    stream = program(channel, world, "for i in range(65536): print(i, 'x' * 100)")
    tracemalloc.start()
    seen = 0
    for line in stream.lines():
        if line is not None:
            assert line == b"%d %s" % (seen, b"x" * 100)
            seen += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 65536
    assert peak < 6 << 20  # the lines are 7 MB; the window holds 2 MiB of them


def test_several_threads_send_whole_lines(channel: Channel, world: World) -> None:
    stream = program(channel, world, "import sys\nfor x in sys.stdin: print(len(x), len(set(x)), flush=True)")
    lines = [letter * 50_000 + b"\n" for letter in (b"a", b"b", b"c")]

    def send(line: bytes) -> None:
        for _ in range(5):
            stream.send(line)

    threads = [threading.Thread(target=send, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    came = (line for line in stream.lines() if line)
    assert [next(came) for _ in range(15)] == [b"50001 2"] * 15
    for thread in threads:
        thread.join()


def test_close_from_another_thread_unblocks_the_reader(channel: Channel) -> None:
    stream = channel.stream(["sleep", "60"])
    came: list[bytes | None] = []
    reader = threading.Thread(target=lambda: came.extend(stream.lines()))
    reader.start()
    until(lambda: None in came, "the reader waits")
    channel.close()
    reader.join()
    with pytest.raises(Unreachable):
        stream.send(b"{}\n")
    with pytest.raises(Unreachable):
        channel.exec(["true"])


def test_an_agent_ends_when_the_stream_is_closed(channel: Channel, world: World) -> None:
    marker = world.folder / "ended"
    stream = program(
        channel, world, f"import sys\nprint('up', flush=True)\nsys.stdin.read()\nopen({str(marker)!r}, 'w').close()"
    )
    assert next(line for line in stream.lines() if line) == b"up"
    stream.close()
    until(marker.exists, "the program saw the end of its stdin")


def test_a_link_that_is_cut_is_unreachable_not_the_end_of_the_agent(world: World, server: Sshd) -> None:
    with proxied(server.port) as proxy:
        world.user_file.write_text(server.record(name=f"[127.0.0.1]:{proxy.port}"))
        channel = open_channel(resolve({**world.board(server), "port": proxy.port}), world.farm_home)
        stream = channel.stream(["cat"])
        proxy.cut()
        with pytest.raises(Unreachable, match="the connection broke"):
            list(stream.lines())
        channel.close()


def test_a_word_to_a_link_that_takes_nothing_any_more_is_unreachable_and_close_says_nothing(channel: Channel) -> None:
    stream = channel.stream(["cat"])
    stream.send(b"before\n")
    assert next(line for line in stream.lines() if line) == b"before"
    channel._link.transport.sock.shutdown(socket.SHUT_WR)  # type: ignore[attr-defined]  # before its reader hears of it
    with pytest.raises(Unreachable, match="the agent's channel is closed"):
        stream.send(b"after\n")
    stream.close()


@pytest.mark.parametrize("jump", [False, True], ids=["direct", "through a gateway"])
def test_a_frozen_link_gives_silence_and_close_still_ends_everything(world: World, server: Sshd, jump: bool) -> None:  # noqa: FBT001  # a parameter of the test
    with proxied(server.port) as proxy:
        board = {**world.board(server), "port": proxy.port}
        if jump:
            gateway = world.server("gateway")
            board["gateway"] = f"127.0.0.1:{gateway.port}"
            world.board(gateway)
        world.user_file.write_text(world.user_file.read_text() + server.record(name=f"[127.0.0.1]:{proxy.port}"))
        channel = open_channel(resolve(board), world.farm_home)
        stream = channel.stream(["cat"])
        stream.send(b"before\n")
        lines = stream.lines()
        assert next(line for line in lines if line) == b"before"
        proxy.freeze()
        stream.send(b"after\n")
        begin = time.monotonic()
        silence = [next(lines) for _ in range(10)]
        assert silence == [None] * 10
        assert time.monotonic() - begin < 10
        closer = threading.Thread(target=channel.close)
        closer.start()
        assert list(lines) == []
        closer.join()


def test_a_link_that_comes_back_lost_nothing(world: World, server: Sshd) -> None:
    with proxied(server.port) as proxy:
        world.user_file.write_text(server.record(name=f"[127.0.0.1]:{proxy.port}"))
        channel = open_channel(resolve({**world.board(server), "port": proxy.port}), world.farm_home)
        stream = channel.stream(["cat"])
        proxy.freeze()
        for number in range(100):
            stream.send(b"%d\n" % number)
        lines = stream.lines()
        assert next(lines) is None
        proxy.thaw()
        assert [int(next(line for line in lines if line)) for _ in range(100)] == list(range(100))
        channel.close()


def test_a_port_where_something_else_answers_is_unreachable(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as sock:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        spec = resolve({"name": "b", "host": "127.0.0.1", "port": listener.getsockname()[1]})
        with pytest.raises(Unreachable, match=r"board 'b' was reached at .* but SSH did not come up"):
            open_channel(spec, world.farm_home)
        thread.join()


def test_an_address_without_a_server_says_what_to_check(world: World) -> None:
    spec = resolve({"name": "b", "host": "127.0.0.1", "port": free_port()})
    with pytest.raises(Unreachable, match=r"cannot be reached at 127\.0\.0\.1 port \d+: Connection refused") as refused:
        open_channel(spec, world.farm_home)
    assert "switched on" in str(refused.value.mend)


def test_boards_behind_one_gateway_share_its_connection(world: World, server: Sshd) -> None:
    gateway = world.server(
        "gateway", host_keys={k: world.keys / f"gateway_{k}" for k in KINDS}, options=["MaxSessions 2"]
    )
    world.configure(world.block(gateway, "gw") + world.block(server, "b", "ProxyJump gw"))
    world.user_file.write_text(server.record() + gateway.record())
    spec = {**resolve({"name": "b"}), "base": str(server.disk / "base")}
    opened: list[Channel] = []
    threads = [threading.Thread(target=lambda: opened.append(open_channel(spec, world.farm_home))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 12
    assert len(gateway.sessions()) == 1
    assert all(channel.exec(["true"]).rc == 0 for channel in opened)
    for channel in opened[:-1]:
        channel.close()
    assert opened[-1].exec(["true"]).rc == 0
    opened[-1].close()
    until(lambda: not gateway.sessions(), "the gateway's connection is closed with the last board")


def test_a_gateway_that_died_is_opened_again(world: World, server: Sshd) -> None:
    gateway = world.server("gateway")
    world.configure(world.block(gateway, "gw") + world.block(server, "b", "ProxyJump gw"))
    world.user_file.write_text(server.record() + gateway.record())
    spec = resolve({"name": "b"})
    first = open_channel(spec, world.farm_home)
    for pid in gateway.sessions():
        subprocess.run(["kill", str(pid)], check=True)
    until(lambda: not first._link.transport.is_active(), "the broken link is noticed")  # type: ignore[attr-defined]
    with pytest.raises(Unreachable):
        first.exec(["true"])
    second = open_channel(spec, world.farm_home)
    assert second.exec(["true"]).rc == 0
    first.close()
    assert second.exec(["true"]).rc == 0
    second.close()


def test_two_hundred_connections_cost_a_thread_each_and_leave_none(world: World) -> None:
    server = world.server(options=["MaxStartups 200"])
    spec = resolve(world.board(server))
    before = threading.active_count()
    with ThreadPoolExecutor(200) as pool:
        channels = list(pool.map(lambda _: open_channel(spec, world.farm_home), range(200)))
    streams = [channel.stream(["cat"]) for channel in channels[::40]]
    assert threading.active_count() == before + 200
    with ThreadPoolExecutor(200) as pool:
        list(pool.map(lambda channel: channel.close(), channels))
    assert threading.active_count() == before
    assert [list(stream.lines()) for stream in streams] == [[]] * 5
    until(lambda: not server.sessions(), "the server's connections ended")


def test_the_fast_cipher_is_preferred_and_a_board_may_name_its_own(world: World, server: Sshd) -> None:
    for field, agreed in ((None, "aes128-gcm@openssh.com"), ("aes256-ctr", "aes256-ctr")):
        channel = open_channel(resolve(world.board(server, cipher=field)), world.farm_home)
        assert channel._link.transport.local_cipher == agreed  # type: ignore[attr-defined]
        channel.close()
    with pytest.raises(UsageError, match="cipher 'rot13' is not known"):
        open_channel(resolve(world.board(server, cipher="rot13")), world.farm_home)


def test_a_server_without_the_fast_cipher_is_reached_too(world: World) -> None:
    server = world.server(options=["Ciphers aes128-ctr"])
    channel = open_channel(resolve(world.board(server)), world.farm_home)
    assert channel.exec(["true"]).rc == 0
    channel.close()


@pytest.mark.parametrize(
    ("option", "mend"),
    [("Ciphers chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com"), ("HostKeyAlgorithms ssh-rsa", "ed25519")],
)
def test_a_server_with_nothing_in_common_says_what_to_do(world: World, option: str, mend: str) -> None:
    server = world.server(options=[option])
    with pytest.raises(Unreachable, match="no algorithm that both sides know") as refused:
        open_channel(resolve(world.board(server)), world.farm_home)
    assert mend in str(refused.value.mend)


@pytest.mark.parametrize("cipher", [None, "aes128-ctr"])
def test_farm_alone_refuses_a_server_without_a_mac_that_the_library_knows(world: World, cipher: str | None) -> None:
    """Whichever cipher goes first, also where the cipher needs no MAC: the library wants one all the same."""
    server = world.server(options=["Ciphers aes128-gcm@openssh.com,aes128-ctr", "MACs umac-128@openssh.com"])
    world.configure(world.block(server))
    with pytest.raises(Unreachable, match="no acceptable macs") as refused:
        open_channel(resolve({**world.board(server), "cipher": cipher}), world.farm_home)
    assert "hmac-sha2-256" in str(refused.value.mend)
    assert world.ssh_says()
