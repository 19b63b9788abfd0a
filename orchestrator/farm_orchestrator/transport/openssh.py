"""What the user's OpenSSH configuration says of a board: `ssh -G`, under the values of the inventory."""

import os
import pwd
import re
import socket
import subprocess
from pathlib import Path

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import Json
from farm_orchestrator.transport import names

BASE = "~/.cache/benchfarm"
CONNECT_TIMEOUT_S = 10.0
HOPS_MAX = 8
HOP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d+))?/?")


def resolve(board: Json) -> Json:
    """`board` with host, port, user, base and python filled in, and `ssh`: all a connection needs, without secrets.

    Raises UsageError: a value that may not reach a command line, a configuration that ssh refuses, a ProxyCommand
    without the board's own consent.
    """
    name = str(board["name"])
    said = _ask(name, names.host(name, name), _options(board))
    return {
        **board,
        **_address(said),
        "base": names.place(name, "base", str(board.get("base") or BASE)),
        "python": names.program(name, str(board.get("python") or names.PYTHON)),
        "ssh": _ssh(board, said, []),
    }


def _options(board: Json) -> list[str]:
    """The inventory's values as ssh's own options: they win, and the rest of the configuration sees them."""
    name = str(board["name"])
    options = []
    if board.get("host"):
        options += ["-o", f"HostName={names.host(name, str(board['host']))}"]
    if board.get("port"):
        options += ["-p", str(int(board["port"]))]
    if board.get("user"):
        options += ["-l", names.user(name, str(board["user"]))]
    if board.get("gateway"):
        options += ["-J", _jumps(name, str(board["gateway"]))]
    return options


def _jumps(name: str, gateway: str) -> str:
    for hop in gateway.split(","):
        _hop_options(name, hop)
    return gateway


def _address(said: dict[str, list[str]]) -> Json:
    return {"host": said["hostname"][-1], "port": int(said["port"][-1]), "user": said["user"][-1]}


def _ssh(board: Json, said: dict[str, list[str]], seen: list[str]) -> Json:
    tokens = _tokens(board, said)
    key = board.get("key")
    return {
        "alias": _one(said, "hostkeyalias"),
        "known_hosts": [*_files(said, "userknownhostsfile"), *_files(said, "globalknownhostsfile")],
        "revoked_keys": _one(said, "revokedhostkeys"),
        "strict": _one(said, "stricthostkeychecking") or "ask",
        "unread": _unread(said),
        "identities": [_path(file, tokens) for file in ([str(key)] if key else said.get("identityfile", []))],
        "identities_only": bool(key) or _one(said, "identitiesonly") == "yes",
        "certificates": [_path(file, tokens) for file in said.get("certificatefile", [])],
        "agent": _agent(board, said, tokens),
        "connect_timeout_s": _timeout(said),
        "proxy_command": _proxy_command(board, said, tokens),
        "gateway": _gateway(board, said, seen),
    }


def _unread(said: dict[str, list[str]]) -> list[str]:
    """Ways to know a host key that ssh has and farm has not."""
    dns = _one(said, "verifyhostkeydns") not in (None, "false", "no")
    return [*(["VerifyHostKeyDNS"] if dns else []), *(["KnownHostsCommand"] if _one(said, "knownhostscommand") else [])]


def _timeout(said: dict[str, list[str]]) -> float:
    text = _one(said, "connecttimeout")
    return float(text) if text else CONNECT_TIMEOUT_S


def _agent(board: Json, said: dict[str, list[str]], tokens: dict[str, str]) -> str | None:
    """The agent's socket; empty: the one of SSH_AUTH_SOCK; None: no agent."""
    path = said.get("identityagent", ["SSH_AUTH_SOCK"])[-1]
    if board.get("agent") in (False, "no") or path == "none":
        return None
    if path.startswith("$") and not path.startswith("${"):
        return os.environ.get(path[1:])
    return "" if path == "SSH_AUTH_SOCK" else _path(path, tokens)


def _proxy_command(board: Json, said: dict[str, list[str]], tokens: dict[str, str]) -> str | None:
    command = _one(said, "proxycommand")
    if command and board.get("proxy_command") != "allow":
        raise UsageError(
            f"board {board['name']!r}: ssh reaches it through a ProxyCommand, which runs a program on this machine: {command}",
            mend="if that is what you want, give the board the line `proxy_command: allow` in the inventory",
        )
    return _expand(command, tokens) if command else None


def _gateway(board: Json, said: dict[str, list[str]], seen: list[str]) -> Json | None:
    """The last of the jumps; those before it are its own way, as `ssh -J` has it."""
    jumps = _one(said, "proxyjump")
    if not jumps:
        return None
    *before, last = jumps.split(",")
    if len(seen) >= HOPS_MAX or last in seen:
        raise UsageError(
            f"board {board['name']!r}: its jumps go in a circle: {' > '.join([*seen, last])}",
            mend="take the jump host itself out of the block that sets ProxyJump",
        )
    options, host = _hop_options(str(board["name"]), last)
    said_hop = _ask(str(board["name"]), host, [*options, *(["-J", ",".join(before)] if before else [])])
    hop = {
        "name": host,
        "for": board.get("for", board["name"]),
        "agent": board.get("agent"),
        "proxy_command": board.get("proxy_command"),
    }
    return {**hop, **_address(said_hop), "ssh": _ssh(hop, said_hop, [*seen, last])}


def _hop_options(name: str, hop: str) -> tuple[list[str], str]:
    found = HOP.fullmatch(hop)
    if not found:
        raise UsageError(f"board {name!r}: gateway {hop!r} cannot be read", mend="write [user@]host[:port]")
    user, port = found["user"], found["port"]
    options = [*(["-l", names.user(name, user)] if user else []), *(["-p", port] if port else [])]
    return options, names.host(name, found["v6"] or found["host"])


def _ask(board: str, host: str, options: list[str]) -> dict[str, list[str]]:
    """Every line of `ssh -G`: key to values."""
    try:
        asked = subprocess.run(
            ["ssh", "-G", *options, "--", host], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise UsageError(f"board {board!r}: no `ssh` on this machine", mend="install the OpenSSH client") from error
    if asked.returncode:
        raise UsageError(
            f"board {board!r}: ssh refuses its configuration: {asked.stderr.strip()}", mend="mend it there"
        )
    said: dict[str, list[str]] = {}
    for line in asked.stdout.splitlines():
        key, _, value = line.partition(" ")
        said.setdefault(key.lower(), []).append(value)
    return said


def _one(said: dict[str, list[str]], key: str) -> str | None:
    value = said.get(key, ["none"])[-1]
    return None if value == "none" else value


def _files(said: dict[str, list[str]], key: str) -> list[str]:
    """Paths as ssh prints them, in one line; a piece that is no absolute path belongs to the one before it."""
    paths: list[str] = []
    for piece in (_one(said, key) or "").split():
        if piece.startswith("/") or not paths:
            paths.append(piece)
        else:
            paths[-1] += f" {piece}"
    return paths


def _tokens(board: Json, said: dict[str, list[str]]) -> dict[str, str]:
    me = pwd.getpwuid(os.getuid())
    host = socket.gethostname()
    return {
        "%": "%", "d": me.pw_dir, "u": me.pw_name, "i": str(me.pw_uid), "l": host, "L": host.split(".", 1)[0],
        "h": said["hostname"][-1], "p": said["port"][-1], "r": said["user"][-1], "n": str(board["name"]),
    }  # fmt: skip


def _expand(text: str, tokens: dict[str, str]) -> str:
    return re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), text)


def _path(text: str, tokens: dict[str, str]) -> str:
    """A file as ssh means it: the home folder is the account's, whatever HOME says."""
    if text.startswith("~/"):
        text = tokens["d"] + text[1:]
    known = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), _expand(text, tokens))
    return str(Path(known).expanduser())
