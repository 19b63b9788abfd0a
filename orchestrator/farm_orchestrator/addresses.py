"""What the addresses of the store and of the broker may look like."""

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

SQLITE = "sqlite:///"
REDIS = ("redis", "rediss", "redis+socket")
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
    if "://" not in text:
        return False
    url = _split(text)
    return bool(url.password) or bool(SECRET_KEYS & {key.lower() for key, _ in parse_qsl(url.query)})


def without_password(text: str) -> str:
    """The address as it may be shown."""
    if not holds_password(text):
        return text
    url = _split(text)
    place = url.netloc.rpartition("@")[2]
    return url._replace(netloc=f"***@{place}" if url.password else url.netloc, query="").geturl()


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from None
    return url
