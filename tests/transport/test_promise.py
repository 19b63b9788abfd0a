"""Where `ssh -o BatchMode=yes BOARD true` works, farm works, and where ssh refuses farm refuses: both are asked."""

import getpass
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from farm_orchestrator.errors import AuthRefused, BoardError, HostKeyChanged, HostKeyUnknown, Unreachable, UsageError
from farm_orchestrator.transport import open_channel, resolve
from transport_support import KINDS, World, accounts, own_mounts, public

Row = Callable[[World], str]


def farm_says(world: World, name: str = "b") -> type[Exception] | None:
    """None where farm connects and runs a command, else the error."""
    try:
        channel = open_channel(resolve({"name": name}), world.farm_home)
    except (BoardError, UsageError) as error:
        return type(error)
    try:
        assert channel.exec(["true"]).rc == 0
    finally:
        channel.close()
    return None


def plain(world: World, *lines: str) -> str:
    """A board whose key is on record; returns that record."""
    server = world.server()
    world.configure(world.block(server, "b", *lines))
    world.user_file.write_text(server.record())
    return server.record()


def in_the_global_file(world: World) -> None:
    world.global_file.write_text(plain(world))
    world.user_file.write_text("")


def hashed(world: World) -> None:
    plain(world)
    subprocess.run(["ssh-keygen", "-H", "-f", str(world.user_file)], check=True, capture_output=True)
    assert "127.0.0.1" not in world.user_file.read_text()


def under_the_plain_name(world: World) -> None:
    world.user_file.write_text(f"127.0.0.1 {plain(world).split(' ', 1)[1]}")


def stranger_under_the_port_own_under_the_plain_name(world: World) -> None:
    record = plain(world)
    stranger = f"{record.split(' ', 1)[0]} {public(world.keys / 'stranger_ed25519')}\n"
    world.user_file.write_text(f"127.0.0.1 {record.split(' ', 1)[1]}{stranger}")


def wildcard(world: World) -> None:
    world.user_file.write_text(f"[127.*.?.1]:* {plain(world).split(' ', 1)[1]}")


def negated(world: World) -> None:
    record = plain(world)
    name = record.split(" ", 1)[0]
    world.user_file.write_text(f"[127.*]:*,!{name} {record.split(' ', 1)[1]}")


def alias(world: World) -> None:
    world.user_file.write_text(f"my-board {plain(world, 'HostKeyAlias my-board').split(' ', 1)[1]}")


def alias_that_is_not_on_record(world: World) -> None:
    plain(world, "HostKeyAlias my-board")


def upper_case_host(world: World) -> None:
    server = world.server()
    world.configure(f"Host b\n  HostName LOCALHOST\n  Port {server.port}\n")
    world.user_file.write_text(server.record(name=f"[localhost]:{server.port}"))


def only_ecdsa(world: World) -> None:
    plain(world)
    world.user_file.write_text(world.servers[0].record("ecdsa"))


def only_rsa(world: World) -> None:
    plain(world)
    world.user_file.write_text(world.servers[0].record("rsa"))


def another_key_of_the_same_type_first(world: World) -> None:
    record = plain(world)
    stranger = public(world.keys / "stranger_ed25519")
    world.user_file.write_text(f"{record.split(' ', 1)[0]} {stranger}\n{record}")


def changed(world: World) -> None:
    plain(world)
    world.user_file.write_text(f"[127.0.0.1]:{world.servers[0].port} {public(world.keys / 'stranger_ed25519')}\n")


def unknown(world: World) -> None:
    plain(world)
    world.user_file.write_text("")


def no_user_file(world: World) -> None:
    plain(world, "UserKnownHostsFile none")


def revoked_by_a_marker(world: World) -> None:
    record = plain(world)
    world.user_file.write_text(f"{record}@revoked * {public(world.keys / 'board_ed25519')}\n")


def revoked_by_a_list(world: World) -> None:
    plain(world, f"RevokedHostKeys {world.folder / 'revoked'}")
    (world.folder / "revoked").write_text(f"{public(world.keys / 'board_ed25519')}\n")


def revoked_by_a_krl(world: World) -> None:
    plain(world, f"RevokedHostKeys {world.folder / 'revoked'}")
    key = f"{world.keys / 'board_ed25519'}.pub"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(world.folder / "revoked"), key], check=True)


def a_krl_without_this_key(world: World) -> None:
    plain(world, f"RevokedHostKeys {world.folder / 'revoked'}")
    key = f"{world.keys / 'stranger_ed25519'}.pub"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(world.folder / "revoked"), key], check=True)


def identity_file_with_spaces(world: World) -> None:
    copy = world.folder / "my key"
    copy.write_bytes(world.client_key.read_bytes())
    copy.chmod(0o600)
    plain(world, f'IdentityFile "{copy}"', "IdentitiesOnly yes")


def included(world: World) -> None:
    server = world.server()
    (world.folder / "config.d").mkdir()
    (world.folder / "config.d" / "boards").write_text(world.block(server))
    world.configure(f"Include {world.folder}/config.d/*")
    world.user_file.write_text(server.record())


def matched(world: World) -> None:
    server = world.server()
    world.configure(
        f'Match originalhost b exec "test %p = 22"\n  HostName 127.0.0.1\n  Port {server.port}\n'
        f"Match originalhost b host 127.0.0.1\n  HostKeyAlias found-by-match\n"
    )
    world.user_file.write_text(server.record(name="found-by-match"))


def matched_by_nothing(world: World) -> None:
    matched(world)
    text = (world.folder / "config").read_text()
    (world.folder / "config").write_text(text.replace("test %p = 22", "false"))


def wrong_identity_file(world: World) -> None:
    server = world.server(authorized=[world.keys / "other"])
    world.configure(world.block(server))
    world.user_file.write_text(server.record())


def identity_file_that_others_may_read(world: World) -> None:
    server = world.server(authorized=[world.keys / "other"])
    copy = world.folder / "open"
    copy.write_bytes((world.keys / "other").read_bytes())
    copy.chmod(0o644)
    world.configure(world.block(server, "b", f"IdentityFile {copy}", "IdentitiesOnly yes"))
    world.user_file.write_text(server.record())


def key_with_passphrase(world: World) -> None:
    server = world.server(authorized=[world.keys / "secret"])
    world.configure(world.block(server, "b", f"IdentityFile {world.keys / 'secret'}"))
    world.user_file.write_text(server.record())


def key_with_passphrase_in_the_agent(world: World) -> None:
    server = world.server(authorized=[world.keys / "secret"])
    agent = world.agent(world.keys / "secret")
    world.configure(world.block(server, "b", f"IdentityFile {world.keys / 'secret'}", f"IdentityAgent {agent}"))
    world.user_file.write_text(server.record())


def key_in_the_agent_only(world: World, *lines: str) -> None:
    server = world.server(authorized=[world.keys / "other"])
    world.configure(world.block(server, "b", f"IdentityAgent {world.agent(world.keys / 'other')}", *lines))
    world.user_file.write_text(server.record())


def key_in_the_agent_only_but_identities_only(world: World) -> None:
    key_in_the_agent_only(world, "IdentitiesOnly yes")


def identities_only_with_the_agents_key_named_by_its_public_half(world: World) -> None:
    named = world.folder / "named"
    Path(f"{named}.pub").write_text(Path(f"{world.keys / 'other'}.pub").read_text())
    key_in_the_agent_only(world, "IdentitiesOnly yes", f"IdentityFile {named}")


def dead_agent(world: World) -> None:
    plain(world, f"IdentityAgent {world.folder / 'nobody'}")


def user_certificate(world: World) -> None:
    key = world.folder / "certified"
    key.write_bytes((world.keys / "other").read_bytes())
    key.chmod(0o600)
    Path(f"{key}.pub").write_bytes(Path(f"{world.keys / 'other'}.pub").read_bytes())
    authority = world.keys / "stranger_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "id", "-n", getpass.getuser(), f"{key}.pub"], check=True)
    principals = world.folder / "principals"
    principals.write_text(f"{getpass.getuser()}\n")
    server = world.server(
        authorized=[],
        options=[f"TrustedUserCAKeys {authority}.pub", f"AuthorizedPrincipalsFile {principals}"],
    )
    world.configure(world.block(server, "b", f"IdentityFile {key}", "IdentitiesOnly yes"))
    world.user_file.write_text(server.record())


def wrong_user(world: World) -> None:
    plain(world, "User nobody-of-that-name")


def no_server(world: World) -> None:
    plain(world)
    world.servers[0].stop()


def one_jump(world: World) -> None:
    board = world.server()
    gateway = world.server("gateway", host_keys={k: world.keys / f"gateway_{k}" for k in KINDS})
    world.configure(world.block(gateway, "gw") + world.block(board, "b", "ProxyJump gw"))
    world.user_file.write_text(board.record() + gateway.record())


def one_jump_written_out(world: World) -> None:
    one_jump(world)
    port = world.servers[1].port
    world.configure(world.block(world.servers[0], "b", f"ProxyJump 127.0.0.1:{port}"))


def one_jump_with_an_unknown_gateway(world: World) -> None:
    one_jump(world)
    world.user_file.write_text(world.servers[0].record())


def two_jumps(world: World) -> None:
    one_jump(world)
    far = world.server("far", host_keys={k: world.keys / f"stranger_{k}" for k in KINDS})
    board, gateway, _ = world.servers
    blocks = world.block(gateway, "gw") + world.block(far, "far")
    world.configure(blocks + world.block(board, "b", "ProxyJump gw,far"))
    world.user_file.write_text("".join(server.record() for server in world.servers))


def two_jumps_of_which_the_first_stands_in_the_gateways_own_block(world: World) -> None:
    two_jumps(world)
    board, gateway, far = world.servers
    blocks = world.block(gateway, "gw") + world.block(far, "far", "ProxyJump gw")
    world.configure(blocks + world.block(board, "b", "ProxyJump far"))


def jump_to_a_closed_port(world: World) -> None:
    one_jump(world)
    world.servers[0].stop()


BOTH_CONNECT: list[Callable[[World], object]] = [
    plain, in_the_global_file, hashed, under_the_plain_name, wildcard, alias, upper_case_host, only_ecdsa, only_rsa,
    another_key_of_the_same_type_first, a_krl_without_this_key, identity_file_with_spaces,
    included, matched,
    key_with_passphrase_in_the_agent, key_in_the_agent_only,
    identities_only_with_the_agents_key_named_by_its_public_half, dead_agent, user_certificate, one_jump,
    one_jump_written_out, two_jumps, two_jumps_of_which_the_first_stands_in_the_gateways_own_block,
]  # fmt: skip
BOTH_REFUSE: list[tuple[Callable[[World], object], type[Exception]]] = [
    (stranger_under_the_port_own_under_the_plain_name, HostKeyChanged),
    (negated, HostKeyUnknown),
    (alias_that_is_not_on_record, HostKeyUnknown),
    (changed, HostKeyChanged),
    (unknown, HostKeyUnknown),
    (no_user_file, HostKeyUnknown),
    (revoked_by_a_marker, HostKeyChanged),
    (revoked_by_a_list, HostKeyChanged),
    (revoked_by_a_krl, HostKeyChanged),
    (wrong_identity_file, AuthRefused),
    (identity_file_that_others_may_read, AuthRefused),
    (key_with_passphrase, AuthRefused),
    (key_in_the_agent_only_but_identities_only, AuthRefused),
    (wrong_user, AuthRefused),
    (matched_by_nothing, Unreachable),
    (no_server, Unreachable),
    (one_jump_with_an_unknown_gateway, HostKeyUnknown),
    (jump_to_a_closed_port, Unreachable),
]


@pytest.mark.parametrize("row", BOTH_CONNECT, ids=lambda row: row.__name__)
def test_both_connect(world: World, row: Callable[[World], object]) -> None:
    row(world)
    assert (farm_says(world), world.ssh_says()) == (None, True)


@pytest.mark.parametrize(("row", "error"), BOTH_REFUSE, ids=lambda row: getattr(row, "__name__", ""))
def test_both_refuse(world: World, row: Callable[[World], object], error: type[Exception]) -> None:
    row(world)
    assert (farm_says(world), world.ssh_says()) == (error, False)


def test_both_connect_with_the_agent_of_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    server = world.server(authorized=[world.keys / "other"])
    world.configure(world.block(server, "b", "IdentityAgent SSH_AUTH_SOCK"))
    world.user_file.write_text(server.record())
    assert (farm_says(world), world.ssh_says()) == (AuthRefused, False)
    monkeypatch.setenv("SSH_AUTH_SOCK", world.agent(world.keys / "other"))
    assert (farm_says(world), world.ssh_says()) == (None, True)


BOTH_WITH_DEFAULTS = """
import subprocess, sys
from pathlib import Path
from farm_orchestrator.transport import open_channel, resolve
channel = open_channel(resolve({"name": "b"}), Path(sys.argv[1]))
assert channel.exec(["true"]).rc == 0
channel.close()
subprocess.run(["ssh", "-o", "BatchMode=yes", "b", "true"], check=True)
"""


def test_both_connect_with_the_default_key_and_the_default_known_hosts(world: World) -> None:
    """Only the account's home is another one, and only for this process: ssh does not look at HOME."""
    server = world.server()
    home = world.folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    (home / ".ssh" / "id_ed25519").write_bytes(world.client_key.read_bytes())
    (home / ".ssh" / "id_ed25519").chmod(0o600)
    (home / ".ssh" / "known_hosts").write_text(server.record())
    (world.folder / "config").write_text(world.block(server, "b", f"User {getpass.getuser()}"))
    command = [sys.executable, "-c", BOTH_WITH_DEFAULTS, str(world.farm_home)]
    subprocess.run(
        own_mounts('mount --bind "$1" /etc/passwd', [str(accounts(world.folder, home))], command), check=True
    )


def test_farm_alone_refuses_a_certificate_authority(world: World) -> None:
    key = world.folder / "host"
    key.write_bytes((world.keys / "board_ed25519").read_bytes())
    key.chmod(0o600)
    Path(f"{key}.pub").write_bytes(Path(f"{world.keys / 'board_ed25519'}.pub").read_bytes())
    authority = world.keys / "stranger_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "id", "-h", f"{key}.pub"], check=True)
    server = world.server(options=[f"HostCertificate {key}-cert.pub"])
    world.configure(world.block(server))
    world.user_file.write_text(f"@cert-authority * {public(authority)}\n")
    assert (farm_says(world), world.ssh_says()) == (HostKeyUnknown, True)


def test_farm_alone_refuses_where_strict_host_key_checking_is_off(world: World) -> None:
    plain(world, "StrictHostKeyChecking no")
    world.user_file.write_text("")
    assert (farm_says(world), world.ssh_says()) == (HostKeyUnknown, True)


def test_farm_alone_wants_a_line_for_a_proxy_command(world: World) -> None:
    record = plain(world, "ProxyCommand nc-of-the-test %h %p")
    relay = world.folder / "bin" / "nc-of-the-test"
    relay.write_text(
        "#!/usr/bin/env python3\n"
        "import select, socket, sys, os\n"
        "sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "while True:\n"
        "    for ready in select.select([0, sock], [], [])[0]:\n"
        "        piece = os.read(0, 65536) if ready == 0 else sock.recv(65536)\n"
        "        if not piece: sys.exit()\n"
        "        sock.sendall(piece) if ready == 0 else os.write(1, piece)\n"
    )
    relay.chmod(0o755)
    assert (farm_says(world), world.ssh_says()) == (UsageError, True)
    with pytest.raises(UsageError, match="proxy_command: allow"):
        resolve({"name": "b"})
    channel = open_channel(resolve({"name": "b", "proxy_command": "allow"}), world.farm_home)
    assert channel.exec(["echo", "in"]).out == b"in\n"
    channel.close()
    assert world.user_file.read_text() == record
