"""Which host keys are trusted, on boards and gateways."""

import re
from pathlib import Path
from typing import Any

import pytest

from farm_orchestrator.errors import HostKeyChanged, HostKeyUnknown
from farm_orchestrator.model import REFUSED
from farm_orchestrator.transport import hostkeys, offered_key, open_channel, resolve
from transport_support import KINDS, Sshd, World, fingerprint, public

STRANGER = "stranger_ed25519"


def connects(world: World, board: dict[str, Any]) -> bytes:
    channel = open_channel(resolve(board), world.farm_home)
    try:
        return channel.exec(["echo", "in"]).out
    finally:
        channel.close()


def test_the_right_key_is_accepted(world: World) -> None:
    assert connects(world, world.board(world.server())) == b"in\n"


@pytest.mark.parametrize("strict", ["ask", "no", "accept-new"])
def test_an_unknown_key_is_refused_whatever_ssh_is_told(world: World, strict: str) -> None:
    world.server()
    world.configure(world.block(world.servers[0], "b", f"StrictHostKeyChecking {strict}"))
    with pytest.raises(HostKeyUnknown) as refused:
        connects(world, {"name": "b"})
    assert fingerprint(world.keys / "board_ed25519") in refused.value.text
    assert "farm boards enroll b" in str(refused.value.mend)
    assert ("does not count" in refused.value.text) == (strict != "ask")
    assert refused.value.outcome == REFUSED
    assert world.user_file.read_text() == world.global_file.read_text() == ""
    assert not (world.farm_home / "known_hosts").exists()


@pytest.mark.parametrize("strict", ["ask", "no"])
def test_a_changed_host_key_is_refused_with_both_fingerprints(world: World, strict: str) -> None:
    server = world.server()
    world.configure(world.block(server, "b", f"StrictHostKeyChecking {strict}"))
    world.user_file.write_text(f"[127.0.0.1]:{server.port} {public(world.keys / STRANGER)}\n")
    with pytest.raises(HostKeyChanged) as refused:
        connects(world, {"name": "b"})
    assert fingerprint(world.keys / "board_ed25519") in refused.value.text
    assert fingerprint(world.keys / STRANGER) in refused.value.text
    assert f"{world.user_file}:1" in refused.value.text
    assert "farm boards enroll b" in str(refused.value.mend)


def behind_gateway(world: World) -> tuple[Sshd, Sshd]:
    board = world.server()
    gateway = world.server("gateway", host_keys={k: world.keys / f"gateway_{k}" for k in KINDS})
    world.configure(world.block(gateway, "gw") + world.block(board, "b", "ProxyJump gw", "StrictHostKeyChecking no"))
    return board, gateway


def test_the_gateways_key_is_pinned_like_the_boards(world: World) -> None:
    board, gateway = behind_gateway(world)
    world.user_file.write_text(board.record())
    with pytest.raises(HostKeyUnknown, match=r"gateway 'gw' \(on the way to board 'b'\)") as unknown:
        connects(world, {"name": "b"})
    assert unknown.value.board == "b"
    assert "ssh gw" in str(unknown.value.mend)
    world.user_file.write_text(board.record() + f"[127.0.0.1]:{gateway.port} {public(world.keys / STRANGER)}\n")
    with pytest.raises(HostKeyChanged, match="gateway 'gw'"):
        connects(world, {"name": "b"})
    world.user_file.write_text(board.record() + gateway.record())
    assert connects(world, {"name": "b"}) == b"in\n"


def test_behind_a_gateway_the_boards_own_key_is_pinned(world: World) -> None:
    board, gateway = behind_gateway(world)
    world.user_file.write_text(gateway.record())
    with pytest.raises(HostKeyUnknown, match="board 'b'"):
        connects(world, {"name": "b"})
    world.user_file.write_text(gateway.record() + f"[127.0.0.1]:{board.port} {public(world.keys / STRANGER)}\n")
    with pytest.raises(HostKeyChanged, match="board 'b'"):
        connects(world, {"name": "b"})


@pytest.mark.parametrize("kind", KINDS)
def test_a_pinned_fingerprint_of_any_of_the_boards_keys_is_enough(world: World, kind: str) -> None:
    server = world.server()
    world.configure(world.block(server))
    pinned = fingerprint(world.keys / f"board_{kind}")
    assert connects(world, {"name": "b", "fingerprint": pinned}) == b"in\n"


def test_with_a_pinned_fingerprint_no_record_counts(world: World) -> None:
    pinned = fingerprint(world.keys / STRANGER)
    with pytest.raises(HostKeyChanged, match="the inventory pins " + re.escape(pinned)):
        connects(world, world.board(world.server(), fingerprint=pinned))


def test_an_enrolled_key_lets_farm_in_and_stands_in_the_projects_file_only(world: World) -> None:
    server = world.server()
    world.configure(world.block(server))
    spec = resolve({"name": "b"})
    key = offered_key(spec, world.farm_home)
    assert not (world.farm_home / "known_hosts").exists()
    assert hostkeys.enroll(world.farm_home, spec, key.fingerprint) == key
    assert (world.farm_home / "known_hosts").read_text() == server.record()
    assert (world.farm_home / "known_hosts").stat().st_mode & 0o077 == 0
    assert connects(world, {"name": "b"}) == b"in\n"
    assert world.user_file.read_text() == ""


def test_enrolling_again_replaces_the_old_key_and_keeps_the_other_boards(world: World) -> None:
    server = world.server()
    world.configure(world.block(server))
    ours = world.farm_home / "known_hosts"
    ours.write_text(f"# boards\nother {public(world.keys / STRANGER)}\n{server.record()[:-1]}\n")
    server.stop()
    server.host_keys = {"ed25519": world.keys / STRANGER}
    server.start()
    with pytest.raises(HostKeyChanged):
        connects(world, {"name": "b"})
    hostkeys.enroll(world.farm_home, resolve({"name": "b"}), None)
    assert ours.read_text() == f"# boards\nother {public(world.keys / STRANGER)}\n{server.record()}"
    assert connects(world, {"name": "b"}) == b"in\n"


def test_only_the_expected_key_is_enrolled(world: World) -> None:
    world.configure(world.block(world.server()))
    with pytest.raises(HostKeyChanged, match="nothing was recorded") as refused:
        hostkeys.enroll(world.farm_home, resolve({"name": "b"}), fingerprint(world.keys / STRANGER))
    assert all(fingerprint(world.keys / f"board_{kind}") in refused.value.text for kind in KINDS)
    assert not (world.farm_home / "known_hosts").exists()
    rsa = fingerprint(world.keys / "board_rsa")
    assert hostkeys.enroll(world.farm_home, resolve({"name": "b"}), rsa).kind == "ssh-rsa"


def test_a_key_is_offered_for_enrolment_through_a_gateway_that_is_known(world: World) -> None:
    _, gateway = behind_gateway(world)
    spec = resolve({"name": "b"})
    with pytest.raises(HostKeyUnknown, match="gateway"):
        offered_key(spec, world.farm_home)
    world.user_file.write_text(gateway.record())
    assert offered_key(spec, world.farm_home).fingerprint == fingerprint(world.keys / "board_ed25519")


def test_a_revoked_key_cannot_be_enrolled(world: World) -> None:
    server = world.server()
    world.configure(world.block(server))
    world.user_file.write_text(f"@revoked {server.record()}")
    with pytest.raises(HostKeyChanged, match="is revoked"):
        hostkeys.enroll(world.farm_home, resolve({"name": "b"}), fingerprint(world.keys / "board_ed25519"))
    assert not (world.farm_home / "known_hosts").exists()


def test_a_certificate_authority_is_named_as_the_reason(world: World) -> None:
    server = world.server()
    world.configure(world.block(server))
    world.user_file.write_text(f"@cert-authority * {public(world.keys / STRANGER)}\n")
    with pytest.raises(HostKeyUnknown, match="@cert-authority: farm does not read that"):
        connects(world, {"name": "b"})


def test_the_users_files_are_never_written(world: World) -> None:
    server = world.server()
    board = world.board(server)
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in (world.user_file, world.global_file)]
    connects(world, board)
    hostkeys.enroll(world.farm_home, resolve(board), None)
    assert [(p.read_bytes(), p.stat().st_mtime_ns) for p in (world.user_file, world.global_file)] == before
    assert sorted(path.name for path in world.farm_home.iterdir()) == ["known_hosts", "known_hosts.lock"]
    assert Path(world.farm_home / "known_hosts").read_text() == server.record()


def test_one_process_reads_all_files_and_names_the_line_of_the_right_one(world: World) -> None:
    calls = world.folder / "calls"
    keygen = world.folder / "bin" / "ssh-keygen"
    keygen.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec /usr/bin/ssh-keygen "$@"\n')
    keygen.chmod(0o755)
    server = world.server()
    world.configure(world.block(server))
    (world.farm_home / "known_hosts").write_text("# ours\n\nother ssh-ed25519 broken")
    world.user_file.write_text(f"other {public(world.keys / STRANGER)}")
    world.global_file.write_text(f"# theirs\n[127.0.0.1]:{server.port} {public(world.keys / STRANGER)}")
    with pytest.raises(HostKeyChanged, match=re.escape(f"({world.global_file}:2)")):
        connects(world, {"name": "b"})
    assert len(calls.read_text().splitlines()) == 1
