"""What the addresses of the store and of the broker may look like."""

import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from farm_orchestrator.errors import UsageError

SQLITE = "sqlite:///"
POSTGRES = "postgresql+psycopg://"
REDIS = ("redis", "rediss", "redis+socket")
TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")  # of rediss://
LOGIN = re.compile(r"://(.*)@", re.DOTALL)
SECRET_KEYS = {"password", "passwd", "pass", "sslpassword"}


def store_url(text: str, folder: Path) -> str:
    """A PostgreSQL URL as it is, or an absolute SQLite URL; a relative path starts at `folder`. Raises ValueError."""
    if text.partition("://")[0].partition("+")[0] == "postgresql":
        return _postgres(text)
    path = text.removeprefix(SQLITE)
    if not text.startswith(SQLITE) or not path or path.startswith(":memory:") or "?" in path:
        raise ValueError(
            f"must be {SQLITE}FILE, e.g. {SQLITE}.farm/farm.db, or {POSTGRES}USER@HOST/NAME, not {without_password(text)!r}"
        )
    return SQLITE + str(folder.absolute() / path)


def is_shared(store: str) -> bool:
    """Whether the store is a server, which several machines share."""
    return store.startswith(POSTGRES)


def check_driver(store: str) -> None:
    """A plain installation keeps its state in a file; what speaks to a server is an extra. Raises UsageError."""
    if is_shared(store) and find_spec("psycopg") is None:
        raise UsageError(
            f"the store {without_password(store)} is a PostgreSQL server, and its client is not installed here",
            mend="pip install 'benchfarm[shared]', or leave `store` out: then a file in .farm keeps the runs",
        )


def broker_address(text: str, folder: Path) -> str:
    """A Redis URL, or the absolute path of a folder. Files of TLS that it names start at `folder`. Raises ValueError."""
    if "://" not in text:
        return str(folder.absolute() / Path(text).expanduser())
    url = _split(text)
    if url.scheme not in REDIS:
        raise ValueError(f"must be a folder or {', '.join(f'{scheme}://' for scheme in REDIS)}, not {url.scheme}://")
    if not (url.path.strip("/") if url.scheme == "redis+socket" else url.hostname):
        raise ValueError("names no socket" if url.scheme == "redis+socket" else "names no host")
    return _with_files(url, folder) if url.scheme == "rediss" and url.query else text


def tls_files(broker: str) -> dict[str, str] | None:
    """The files that a rediss:// URL names, by option; None for any other broker."""
    return dict(parse_qsl(urlsplit(broker).query)) if broker.startswith("rediss://") else None


def holds_password(text: str) -> bool:
    login = LOGIN.search(text)
    keys = {part.partition("=")[0].lower() for part in re.split("[?&]", text)[1:]}
    return (login is not None and ":" in login[1]) or bool(SECRET_KEYS & keys)


def without_password(text: str) -> str:
    """The address as it may be shown: it may hold what was meant to be a password even where it is no URL."""
    return LOGIN.sub("://***@", text).partition("?")[0] if holds_password(text) else text


def _postgres(text: str) -> str:
    if not text.startswith(POSTGRES):
        raise ValueError(f"must begin with {POSTGRES}: psycopg is the driver, not {text.partition('://')[0]}://")
    if not _split(text).path.strip("/"):
        raise ValueError(f"names no database: {POSTGRES}USER@HOST/NAME")
    return text


def _with_files(url: SplitResult, folder: Path) -> str:
    """The certificate of the server is always checked: nothing here turns that off."""
    given = parse_qsl(url.query, keep_blank_values=True)
    for key, value in given:
        if key not in TLS_FILES or not value:
            raise ValueError(f"rediss:// takes {', '.join(f'{each}=FILE' for each in TLS_FILES)}, not {key!r}")
    files = {key: str(folder.absolute() / Path(value).expanduser()) for key, value in given}
    return urlunsplit(url._replace(query=urlencode(files, safe="/")))


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        raise ValueError(
            "is no URL with a host and a port; percent-encode `#`, `/`, `?` and `@` in a password"
        ) from None
    return url
