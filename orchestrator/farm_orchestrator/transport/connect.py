"""The one place that opens an SSH connection: dial, verify the host key, log in, or say why not."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from farm_orchestrator.errors import BoardError, HostKeyChanged, Unreachable, UsageError
from farm_orchestrator.model import Json
from farm_orchestrator.transport import OfferedKey, auth, hostkeys, jump, known_hosts, road
from farm_orchestrator.transport.hostkeys import FAMILIES, Trust, board_of, label
from farm_orchestrator.transport.road import BROKEN, Road
from farm_orchestrator.undo import on_error

CIPHER = "aes128-gcm@openssh.com"
HANDSHAKE_S = 15.0
JOIN_S = 5.0
OLD_SERVER = "an old SSH server: make an ed25519 host key on it (ssh-keygen -A), or install paramiko 4 here"
NO_AGREEMENT = {
    "macs": "let the server offer hmac-sha2-256 beside the others (`MACs` in its sshd_config): paramiko wants one that it "
    "knows on the list, also where the cipher needs none",
    "ciphers": "let the server offer aes128-gcm@openssh.com or aes128-ctr beside the others (`Ciphers` in its sshd_config)",
}

# Without any handler the library's tracebacks of broken links would end on the user's terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Link:
    """A verified connection that is logged in, and the road it stands on."""

    def __init__(self, client: paramiko.SSHClient, way: Road) -> None:
        transport = client.get_transport()
        if transport is None:
            raise RuntimeError("a client that is connected has a transport")
        self.client = client
        self.transport: paramiko.Transport = transport
        self.pushes = way.pushes
        self._way = way

    def close(self) -> None:
        _end(self.client, self._way)


class Pinned(paramiko.MissingHostKeyPolicy):
    """Asks our records; the library has none of its own, so every key comes here."""

    def __init__(self, known: Trust) -> None:
        self._known = known

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002  # the library's signature
        hostkeys.check(self._known, _offered(key))


def open_link(spec: Json, farm_home: Path | None) -> Link:
    """Raises Unreachable, HostKeyUnknown, HostKeyChanged or AuthRefused; then nothing of it is left."""
    known = hostkeys.trust(spec, farm_home)
    refusal: BoardError | None = None
    for kinds in hostkeys.wanted_kinds(known):
        try:
            return _log_in(known, farm_home, kinds)
        except HostKeyChanged as error:
            refusal = refusal or error
        except IncompatiblePeer as error:
            refusal = refusal or _no_agreement(spec, error)
    raise refusal or Unreachable(board_of(spec), f"{label(spec)} was not asked for any key")


def offered_key(spec: Json, farm_home: Path | None = None) -> OfferedKey:
    return next(offered_keys(spec, farm_home))


def offered_keys(spec: Json, farm_home: Path | None) -> Iterator[OfferedKey]:
    """One key of each family the machine has, nothing verified but the gateways on the way; nobody logs in."""
    refusal: IncompatiblePeer | None = None
    some = False
    for kinds in FAMILIES:
        try:
            yield _ask_key(spec, farm_home, kinds)
            some = True
        except IncompatiblePeer as error:
            refusal = error
    if not some and refusal:
        raise _no_agreement(spec, refusal)


def _dial(spec: Json, farm_home: Path | None) -> Road:
    if spec["ssh"]["gateway"]:
        return jump.through(spec, farm_home, open_link)
    return road.by_command(spec) if spec["ssh"]["proxy_command"] else road.direct(spec)


def _log_in(known: Trust, farm_home: Path | None, kinds: Sequence[str]) -> Link:
    spec = known.spec
    found = auth.candidates(spec)
    try:
        way = _dial(spec, farm_home)
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(Pinned(known))
        with on_error(lambda: _end(client, way)):  # a refused login leaves its thread and its socket otherwise
            _shake_hands(client, way, spec, kinds, found)
            return Link(client, way)
    finally:
        found.agent.close()


def _shake_hands(
    client: paramiko.SSHClient, way: Road, spec: Json, kinds: Sequence[str], found: auth.Candidates
) -> None:
    try:
        with way.turn:
            client.connect(
                spec["host"], spec["port"], sock=way.sock, compress=False, timeout=HANDSHAKE_S,
                banner_timeout=HANDSHAKE_S, auth_timeout=HANDSHAKE_S, channel_timeout=HANDSHAKE_S,
                transport_factory=_factory(spec, kinds), auth_strategy=auth.Strategy(spec["user"], found),
            )  # fmt: skip
    except paramiko.AuthenticationException as error:
        raise auth.refused(spec, found, error) from error
    except IncompatiblePeer:
        raise
    except BROKEN as error:
        raise _no_handshake(spec, error) from error
    transport = client.get_transport()
    if transport is None or not transport.is_authenticated():
        raise auth.refused(spec, found, None)


def _ask_key(spec: Json, farm_home: Path | None, kinds: Sequence[str]) -> OfferedKey:
    way = _dial(spec, farm_home)
    transport = _factory(spec, kinds)(way.sock)
    transport.banner_timeout = HANDSHAKE_S
    try:
        with way.turn:
            transport.start_client(timeout=HANDSHAKE_S)
            return _offered(transport.get_remote_server_key())
    except IncompatiblePeer:
        raise
    except BROKEN as error:
        raise _no_handshake(spec, error) from error
    finally:
        _stop(transport)
        way.close()


def _factory(spec: Json, kinds: Sequence[str]) -> Any:
    """Makes transports that prefer fast ciphers and ask for these kinds of host keys only."""
    first = str(spec.get("cipher") or CIPHER)
    if first not in paramiko.Transport._cipher_info:  # type: ignore[attr-defined]  # noqa: SLF001  # the only list of them
        raise UsageError(f"{label(spec)}: cipher {first!r} is not known", mend=f"try {CIPHER} or aes128-ctr")

    def make(sock: Any, **options: Any) -> paramiko.Transport:
        transport = paramiko.Transport(sock, **{k: v for k, v in options.items() if not k.startswith("gss_")})
        security = transport.get_security_options()
        security.ciphers = (first, *(name for name in security.ciphers if name != first))
        security.key_types = tuple(kinds)
        return transport

    return make


def _offered(key: paramiko.PKey) -> OfferedKey:
    return known_hosts.offered(key.get_name(), key.get_base64())


def _end(client: paramiko.SSHClient, way: Road) -> None:
    transport = client.get_transport()
    client.close()
    if transport:
        _stop(transport)
    way.close()


def _stop(transport: paramiko.Transport) -> None:
    transport.close()
    transport.packetizer.complete_handshake()  # ends the timer of a handshake that failed
    if transport.is_alive():
        transport.join(JOIN_S)


def _no_agreement(spec: Json, error: Exception) -> Unreachable:
    said = str(error)
    return Unreachable(
        board_of(spec),
        f"{label(spec)}: no algorithm that both sides know: {said}",
        mend=next((mend for word, mend in NO_AGREEMENT.items() if word in said), OLD_SERVER),
    )


def _no_handshake(spec: Json, error: Exception) -> Unreachable:
    return Unreachable(
        board_of(spec),
        f"{label(spec)} was reached at {spec['host']} port {spec['port']}, but SSH did not come up: {error}",
        mend="does an SSH server answer there, and is it not refusing because of too many connections?",
    )
