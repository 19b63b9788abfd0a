"""The keys a user can show, in OpenSSH's order, and why each of the others was left out."""

import base64
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.agent import AgentKey, AgentSSH
from paramiko.auth_strategy import AuthFailure, AuthSource, AuthStrategy, InMemoryPrivateKey

from farm_orchestrator.errors import AuthRefused
from farm_orchestrator.model import Json
from farm_orchestrator.transport import hostkeys

TRIES_MAX = 6  # sshd's default MaxAuthTries
AGENT_TIMEOUT_S = 15.0
MAGIC = b"openssh-key-v1\0"


class Agent(AgentSSH):
    """An ssh-agent at a socket; without one, an agent without keys."""

    def __init__(self, path: str | None) -> None:
        super().__init__()
        if not path:
            return
        self._link = socket.socket(socket.AF_UNIX)
        self._link.settimeout(AGENT_TIMEOUT_S)
        try:
            self._link.connect(path)
            self._connect(self._link)  # type: ignore[attr-defined]  # what the library's own Agent does
        except (OSError, paramiko.SSHException):
            self._link.close()

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]  # as above


@dataclass
class Candidates:
    """What will be tried, with the name a message gives it; `left_out` says what will not, and why."""

    agent: Agent
    tries: list[tuple[str, paramiko.PKey]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class Strategy(AuthStrategy):
    """Offers the candidates one by one."""

    def __init__(self, user: str, candidates: Candidates) -> None:
        super().__init__(ssh_config=paramiko.SSHConfig())
        self._user = user
        self._candidates = candidates

    def get_sources(self) -> Iterator[AuthSource]:
        for _, key in self._candidates.tries:
            yield InMemoryPrivateKey(self._user, key)


def candidates(spec: Json) -> Candidates:
    """Agent keys that an IdentityFile names, the other agent keys unless IdentitiesOnly, then readable files."""
    ssh = spec["ssh"]
    agent = Agent(os.environ.get("SSH_AUTH_SOCK") if ssh["agent"] == "" else ssh["agent"])
    found = Candidates(agent)
    files = [Path(file) for file in ssh["identities"]]
    named = {blob: file for file in reversed(files) if (blob := public_half(file))}
    held = [key for key in agent.get_keys() if key.blob in named]
    others = [key for key in agent.get_keys() if key.blob not in named]
    found.tries += [(f"{named[key.blob]} (held by the agent)", key) for key in held]
    if ssh["identities_only"]:
        found.left_out += [f"{_agent_name(key)}: IdentitiesOnly" for key in others]
    else:
        found.tries += [(_agent_name(key), key) for key in others]
    in_agent = {named[key.blob] for key in held}
    for file in files:
        if file not in in_agent:
            _add_file(found, file, ssh["certificates"])
    found.left_out += [f"{name}: more than {TRIES_MAX} keys" for name, _ in found.tries[TRIES_MAX:]]
    del found.tries[TRIES_MAX:]
    return found


def public_half(file: Path) -> bytes | None:
    """From `<file>.pub`, else from the open part of an OpenSSH private key; a passphrase is not needed."""
    try:
        words = Path(f"{file}.pub").read_text("utf-8").split()
        return base64.b64decode(words[1])
    except (OSError, ValueError, IndexError):
        pass
    try:
        body = file.read_text("ascii").split("-----")[2]
        return _public_part(base64.b64decode(body))
    except (OSError, ValueError, IndexError):
        return None


def refused(spec: Json, found: Candidates, failure: Exception | None) -> AuthRefused:
    """Lists every candidate and what became of it."""
    results = failure.result if isinstance(failure, AuthFailure) else []
    tried = [f"{name}: {_answer(each.result)}" for (name, _), each in zip(found.tries, results, strict=False)]
    lines = tried + found.left_out or ["there is no key at all: no agent, no IdentityFile"]
    return AuthRefused(
        hostkeys.board_of(spec),
        f"{hostkeys.label(spec)} lets {spec['user']} in with none of the keys\n  " + "\n  ".join(lines),
        mend=f"put one public key into ~/.ssh/authorized_keys of {spec['user']} on the machine, "
        "or name the right key in the board's field `key`",
    )


def _answer(result: object) -> str:
    if isinstance(result, paramiko.BadAuthenticationType):
        return f"the machine takes no keys, only {', '.join(result.allowed_types)}"
    if isinstance(result, paramiko.AuthenticationException):
        return "refused by the machine"
    if isinstance(result, list):
        return f"accepted, but the machine wants more: {', '.join(result)}"
    return f"not tried to the end: {result}"


def _agent_name(key: AgentKey) -> str:
    return f"{key.comment or key.get_name()} (held by the agent)"


def _add_file(found: Candidates, file: Path, certificates: list[str]) -> None:
    """A key that has a certificate is shown with it first, then alone."""
    if not file.is_file():
        found.left_out.append(f"{file}: no such file")
        return
    mode = file.stat()
    if mode.st_uid == os.getuid() and stat.S_IMODE(mode.st_mode) & 0o077:
        found.left_out.append(f"{file}: others may read it; chmod 600 it, ssh does not use it either")
        return
    try:
        key, plain = _load(file), _load(file)
    except TypeError:
        found.left_out.append(f"{file}: it has a passphrase and no agent holds it (ssh-add {file})")
        return
    except (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        found.left_out.append(f"{file}: cannot be read as a private key: {error}")
        return
    plain.public_blob = None
    if _certified(key, certificates):
        found.tries.append((f"{file} with its certificate", key))
    found.tries.append((str(file), plain))


def _load(file: Path) -> paramiko.PKey:
    """TypeError: a passphrase is missing."""
    return paramiko.PKey.from_path(file)


def _certified(key: paramiko.PKey, certificates: list[str]) -> bool:
    for certificate in certificates:
        try:
            key.load_certificate(certificate)
        except (OSError, ValueError, paramiko.SSHException):
            continue  # another key's
    return key.public_blob is not None


def _public_part(data: bytes) -> bytes | None:
    if not data.startswith(MAGIC):
        return None
    message = paramiko.Message(data[len(MAGIC) :])
    for _ in ("cipher", "kdf", "kdf options"):
        message.get_binary()
    message.get_int()
    return message.get_binary()
