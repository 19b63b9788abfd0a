"""Which keys are shown, in which order, and what is said where none is accepted."""

import threading
from pathlib import Path

import pytest

from farm_orchestrator.errors import AuthRefused
from farm_orchestrator.model import REFUSED
from farm_orchestrator.transport import auth, open_channel, resolve
from transport_support import World, make_key, until


def test_the_refusal_lists_every_candidate_and_why(world: World) -> None:
    server = world.server(authorized=[world.keys / "stranger_rsa"])
    agent = world.agent(world.keys / "other")
    lines = [f"IdentityFile {path}" for path in (world.keys / "secret", world.client_key, world.folder / "missing")]
    world.configure(world.block(server, "b", f"IdentityAgent {agent}", *lines))
    world.user_file.write_text(server.record())
    with pytest.raises(AuthRefused) as refused:
        open_channel(resolve({"name": "b"}), world.farm_home)
    text = refused.value.text
    assert "other (held by the agent): refused by the machine" in text
    assert f"{world.client_key}: refused by the machine" in text
    assert f"{world.keys / 'secret'}: it has a passphrase and no agent holds it" in text
    assert f"{world.folder / 'missing'}: no such file" in text
    assert refused.value.outcome == REFUSED


def test_the_order_is_opensshs(world: World) -> None:
    agent = world.agent(world.keys / "other", world.keys / "secret")
    files = [world.keys / "missing", world.client_key, world.keys / "secret"]
    spec = {"user": "u", "ssh": {"agent": agent, "identities": [str(f) for f in files], "identities_only": False}}
    spec["ssh"]["certificates"] = []  # type: ignore[index]  # a literal of mixed types
    found = auth.candidates(spec)
    found.agent.close()
    assert [name for name, _ in found.tries] == [
        f"{world.keys / 'secret'} (held by the agent)", "other (held by the agent)", str(world.client_key),
    ]  # fmt: skip


def test_one_configured_key_is_enough_where_the_machine_allows_one_try(world: World) -> None:
    keys = [make_key(world.folder / f"extra{number}") for number in range(10)]
    server = world.server(options=["MaxAuthTries 1", "Subsystem sftp internal-sftp"])
    world.configure(f"Host *\n  IdentityAgent {world.agent(*keys)}\n")
    channel = open_channel(resolve(world.board(server, key=str(world.client_key))), world.farm_home)
    assert channel.exec(["true"]).rc == 0
    channel.close()


def test_no_more_keys_are_shown_than_a_server_takes(world: World) -> None:
    keys = [make_key(world.folder / f"extra{number}") for number in range(8)]
    server = world.server(authorized=[])
    world.configure(f"Host *\n  IdentityAgent {world.agent(*keys)}\n")
    with pytest.raises(AuthRefused) as refused:
        open_channel(resolve(world.board(server)), world.farm_home)
    assert refused.value.text.count("refused by the machine") == auth.TRIES_MAX
    assert refused.value.text.count("more than 6 keys") == 3


@pytest.mark.parametrize("field", ["no", False])
def test_the_agent_can_be_left_out(world: World, field: object) -> None:
    server = world.server(authorized=[world.keys / "other"])
    world.configure(f"Host *\n  IdentityAgent {world.agent(world.keys / 'other')}\n")
    with pytest.raises(AuthRefused, match=str(world.client_key)) as refused:
        open_channel(resolve(world.board(server, agent=field)), world.farm_home)
    assert "agent)" not in refused.value.text


def test_two_hundred_refused_logins_leave_no_thread_and_no_file(world: World) -> None:
    spec = resolve(world.board(world.server(authorized=[])))
    with pytest.raises(AuthRefused):
        open_channel(spec, world.farm_home)
    threads, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(200):
        with pytest.raises(AuthRefused):
            open_channel(spec, world.farm_home)
    until(lambda: threading.active_count() <= threads, "the threads are gone")
    assert len(list(Path("/proc/self/fd").iterdir())) <= files
