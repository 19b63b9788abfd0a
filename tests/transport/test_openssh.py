"""What `ssh -G` and the inventory make of a board, and what may never reach a command line."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator.errors import FarmError, UsageError
from farm_orchestrator.transport import names, open_channel, resolve
from transport_support import World

CORPUS = [
    "; touch PWNED", "a|b", "a&b", "$(touch PWNED)", "`touch PWNED`", "a\nb", "a\0b", "a'b", 'a"b', "../x", "-rf",
    "-oProxyCommand=touch PWNED", "a b", "a*", "~root", "{a,b}", "a>b", "a#b", "a\\b", "b\u00f6ard", "a\u202eb", "\u2028", "",
]  # fmt: skip
AS_ARGUMENT = ("-rf", "../x")  # harmless to a shell; what a command makes of its own arguments is the caller's word
AS_FILE = ("-rf",)  # harmless behind a folder


def test_a_local_board_passes_through() -> None:
    board = {"name": "local", "local": True, "base": "/x y"}
    assert resolve(board) is board


def test_without_a_word_of_configuration_the_defaults_hold(world: World) -> None:
    (world.folder / "config").write_text("")
    spec = resolve({"name": "rpi5"})
    assert (spec["host"], spec["port"], spec["base"], spec["python"]) == ("rpi5", 22, ".cache/benchfarm", "python3")
    assert spec["ssh"]["agent"] == ""
    assert spec["ssh"]["identities"][0].startswith("/")


def test_the_inventory_wins_over_the_configuration(world: World) -> None:
    world.configure("Host b\n  HostName 192.0.2.1\n  Port 1\n  User conf\n  ProxyJump gw\n  IdentityFile /conf\n")
    spec = resolve(
        {"name": "b", "host": "192.0.2.7", "port": 2222, "user": "inv", "key": "/inv", "gateway": "me@other:77"}
    )
    assert (spec["host"], spec["port"], spec["user"]) == ("192.0.2.7", 2222, "inv")
    assert (spec["ssh"]["identities"], spec["ssh"]["identities_only"]) == (["/inv"], True)
    hop = spec["ssh"]["gateway"]
    assert (hop["host"], hop["port"], hop["user"], hop["for"]) == ("other", 77, "me", "b")


def test_a_gateway_none_takes_the_jump_away(world: World) -> None:
    world.configure("Host b\n  ProxyJump gw\n")
    assert resolve({"name": "b", "gateway": "none"})["ssh"]["gateway"] is None


def test_what_ssh_says_of_the_board_is_taken_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "/env")
    monkeypatch.setenv("MY_AGENT", "/agent")
    world.configure(
        "Host b\n  HostName rpi.example\n  HostKeyAlias alias\n  IdentitiesOnly yes\n  ConnectTimeout 3\n"
        '  IdentityFile %d/k-%h-%p-%%\n  IdentityFile ${WHERE}/k\n  UserKnownHostsFile "/a b" /c\n'
        "  IdentityAgent $MY_AGENT\n  VerifyHostKeyDNS yes\n  KnownHostsCommand /bin/true\n"
    )
    ssh = resolve({"name": "b"})["ssh"]
    assert ssh["alias"] == "alias"
    assert ssh["identities"][:2] == [f"{Path('~').expanduser()}/k-rpi.example-22-%", "/env/k"]
    assert ssh["known_hosts"] == ["/a b", "/c", str(world.global_file)]
    assert (ssh["identities_only"], ssh["connect_timeout_s"], ssh["agent"]) == (True, 3.0, "/agent")
    assert ssh["unread"] == ["VerifyHostKeyDNS", "KnownHostsCommand"]


def test_jumps_that_go_in_a_circle_are_named(world: World) -> None:
    world.configure("Host gw1 b\n  ProxyJump gw2\nHost gw2\n  ProxyJump gw1\n")
    with pytest.raises(UsageError, match="in a circle: gw2 > gw1 > gw2"):
        resolve({"name": "b"})


def test_a_configuration_that_ssh_refuses_is_quoted(world: World) -> None:
    world.configure("Host b\n  Prot 22\n")
    with pytest.raises(UsageError, match=r"line 2: Bad configuration option: prot"):
        resolve({"name": "b"})


def test_a_home_relative_base_and_interpreter_are_cut(world: World) -> None:
    spec = resolve({"name": "b", "base": "~/farm", "python": "~/python3"})
    assert (spec["base"], spec["python"]) == ("farm", "./python3")
    assert world.user_file.read_text() == ""


@pytest.mark.parametrize("evil", CORPUS, ids=ascii)
@pytest.mark.parametrize("field", ["name", "host", "user", "base", "python", "gateway"])
def test_nothing_that_means_something_to_a_shell_passes(world: World, field: str, evil: str) -> None:
    if not evil and field != "name":
        return  # an empty field is an absent one
    log = world.folder / "ssh-calls"
    (world.folder / "bin" / "ssh").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec /usr/bin/ssh -F none "$@"\n')
    board: dict[str, Any] = {"name": "b", field: evil}
    with pytest.raises(UsageError):
        resolve(board)
    assert not log.exists() or "PWNED" not in log.read_text()


@pytest.mark.parametrize("evil", CORPUS, ids=ascii)
def test_no_command_and_no_path_is_made_of_an_evil_word(evil: str) -> None:
    with pytest.raises(FarmError):
        names.command("b", [evil])
    with pytest.raises(FarmError):
        names.command("b", ["python3"], evil)
    with pytest.raises(FarmError):
        names.stored("base", evil)
    with pytest.raises(FarmError):
        names.writing("b", evil)
    if evil not in AS_ARGUMENT:
        with pytest.raises(FarmError):
            names.command("b", ["python3", evil])
    if evil not in AS_FILE:
        with pytest.raises(FarmError):
            names.fetched("b", "base", evil)


def test_the_board_runs_the_constant_command_and_nothing_else(world: World) -> None:
    """The board's own log of commands: the words of the corpus never get there."""
    log, shell = world.folder / "commands", world.folder / "log-and-run"
    shell.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$SSH_ORIGINAL_COMMAND" >> {log}\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    shell.chmod(0o755)
    server = world.server(options=[f"ForceCommand {shell}"])
    digest = "ab" * 32
    spec = resolve(world.board(server))
    channel = open_channel(spec, world.farm_home)
    command = [spec["python"], "-I", names.stored(spec["base"], digest)]
    assert [line for line in channel.stream(command).lines() if line] == []
    for evil in CORPUS:
        for argv in ([evil, "-I", "x"], ["python3", "-I", evil]):
            if argv[-1] not in AS_ARGUMENT:
                with pytest.raises(UsageError):
                    channel.stream(argv)
                with pytest.raises(UsageError):
                    channel.exec(argv)
    channel.close()
    base = spec["base"]
    python = f"""exec sh -c 'PATH="{base}/python/bin:$PATH" exec python3 "$@"' python3"""
    assert log.read_text() == f"{python} -I {base}/cas/ab/{digest}\n"
    assert not list(world.folder.rglob("PWNED*"))
    assert subprocess.run(["ls", str(server.disk)], check=True, capture_output=True).stdout == b""
