"""The login of a meter, from ~/.netrc, and what it answers to a server that wants one."""

import base64
import hashlib
import netrc
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from farm_orchestrator.meters.meter import MeterError

PART = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
HASHES = {"SHA-256": "sha256", "MD5": "md5"}  # RFC 7616; newer Shellys take the first alone


@dataclass(frozen=True)
class Login:
    user: str
    password: str = field(repr=False)


def of(host: str) -> Login | None:
    """What `~/.netrc` says of this very host. Raises MeterError where that file cannot be used."""
    path = Path.home() / ".netrc"
    try:
        hosts = {name.lower(): entry for name, entry in netrc.netrc(path).hosts.items()}
    except FileNotFoundError:
        return None
    except netrc.NetrcParseError as error:  # whose text may repeat a part of a password
        why = f"something near line {error.lineno} does not belong there; a password with spaces stands in quotes"
        raise MeterError("password", f"{path} cannot be used: {why}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MeterError("password", f"{path} cannot be used: {error}") from None
    found = hosts.get(host.lower())
    return Login(found[0], found[2] or "") if found else None


def answer_to(asked: str, login: Login, path: str) -> str:
    """The header `Authorization` for what the server asked. Raises MeterError."""
    scheme, _, rest = asked.partition(" ")
    if scheme.lower() == "basic":
        return "Basic " + base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    if scheme.lower() != "digest":
        raise MeterError("password", f"it wants a login of the kind {scheme[:20]!r}, farm knows Basic and Digest")
    return _digest({name.lower(): quoted or plain for name, quoted, plain in PART.findall(rest)}, login, path)


def _digest(asked: dict[str, str], login: Login, path: str) -> str:
    """RFC 7616 for one GET with `qop=auth`."""
    algorithm = asked.get("algorithm", "MD5")
    if algorithm not in HASHES:
        raise MeterError(
            "password", f"it wants a digest of the kind {algorithm[:20]!r}, farm knows {', '.join(HASHES)}"
        )
    realm, nonce, cnonce, count = asked.get("realm", ""), asked.get("nonce", ""), secrets.token_hex(8), "00000001"
    ours = _hash(algorithm, f"{login.user}:{realm}:{login.password}")
    response = _hash(algorithm, f"{ours}:{nonce}:{count}:{cnonce}:auth:{_hash(algorithm, f'GET:{path}')}")
    return (
        f'Digest username="{login.user}", realm="{realm}", nonce="{nonce}", uri="{path}", algorithm={algorithm}, '
        f'qop=auth, nc={count}, cnonce="{cnonce}", response="{response}"'
    )


def _hash(algorithm: str, text: str) -> str:
    return hashlib.new(HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()
