"""What the addresses of the store and of the broker may look like."""

import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

SQLITE = "sqlite:///"
REDIS = ("redis", "rediss", "redis+socket")
LOGIN = re.compile(r"://(.*)@", re.DOTALL)
SECRET_KEYS = {"password", "passwd", "pass"}


def store_url(text: str, folder: Path) -> str:
    """An absolute SQLite URL; a relative path starts at `folder`. Raises ValueError."""
    path = text.removeprefix(SQLITE)
    if not text.startswith(SQLITE) or not path or path.startswith(":memory:") or "?" in path:
        raise ValueError(f"must be {SQLITE}FILE, e.g. {SQLITE}.farm/farm.db, not {without_password(text)!r}")
    return SQLITE + str(folder.absolute() / path)


def broker_address(text: str, folder: Path) -> str:
    """A Redis URL as it is, or the absolute path of a folder. Raises ValueError."""
    if "://" not in text:
        return str(folder.absolute() / Path(text).expanduser())
    url = _split(text)
    if url.scheme not in REDIS:
        raise ValueError(f"must be a folder or {', '.join(f'{scheme}://' for scheme in REDIS)}, not {url.scheme}://")
    if not (url.path.strip("/") if url.scheme == "redis+socket" else url.hostname):
        raise ValueError("names no socket" if url.scheme == "redis+socket" else "names no host")
    return text


def holds_password(text: str) -> bool:
    login = LOGIN.search(text)
    keys = {part.partition("=")[0].lower() for part in re.split("[?&]", text)[1:]}
    return (login is not None and ":" in login[1]) or bool(SECRET_KEYS & keys)


def without_password(text: str) -> str:
    """The address as it may be shown: it may hold what was meant to be a password even where it is no URL."""
    return LOGIN.sub("://***@", text).partition("?")[0] if holds_password(text) else text


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        raise ValueError(
            "is no URL with a host and a port; percent-encode `#`, `/`, `?` and `@` in a password"
        ) from None
    return url
