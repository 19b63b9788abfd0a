"""What carries the hints: a folder, or a Redis that is asked who may write into it."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from farm_orchestrator import broker, config
from farm_orchestrator.addresses import holds_password, without_password
from farm_orchestrator.config import Settings
from farm_orchestrator.doctor import folders
from farm_orchestrator.doctor.folders import Folder
from farm_orchestrator.errors import UsageError

PATIENCE_S = 5.0
TRIES = 5


@dataclass(frozen=True)
class Broker:
    """`where` holds no password. Of a Redis: `error` why it does not serve and, where it is known, how to `mend` that;
    `open_to` who may write without a password; `user` the account that it takes us for; `policy` what it does when it is
    full; `latency_s` of a question. `remote`: on another machine. None where it does not say.
    """

    where: str
    folder: Folder | None = None
    error: str | None = None
    mend: str | None = None
    version: str | None = None
    open_to: str | None = None
    tls: bool = False
    remote: bool = False
    user: str | None = None
    policy: str | None = None
    latency_s: float | None = None


def look(settings: Settings) -> Broker:
    folder = broker.folder_of(settings.broker, settings.home)
    if folder is not None:
        return Broker(str(folder), folders.look(folder))
    try:
        config.check_client(settings)
    except UsageError as error:
        return Broker(without_password(settings.broker), error=error.text, mend=error.mend)
    return _ask(settings.broker)


def _ask(url: str) -> Broker:
    import redis

    where = without_password(url)
    client = redis.Redis.from_url(
        url.replace("redis+socket://", "unix://", 1), socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
    )
    try:
        with client:
            client.ping()
            return Broker(
                where, version=_version(client), open_to=_open_to(client, url), tls=url.startswith("rediss://"),
                remote=_is_remote(url), user=_asked(client.acl_whoami), policy=_policy(client), latency_s=_latency(client),
            )  # fmt: skip
    except (redis.RedisError, OSError, ValueError) as error:
        return Broker(where, error=str(error))


def _version(client: Any) -> str | None:
    return _asked(lambda: client.info("server")["redis_version"])


def _policy(client: Any) -> str | None:
    """The one it is set to, where there is a limit that it can reach."""
    limit, policy = (_asked(partial(_set_to, client, name)) for name in ("maxmemory", "maxmemory-policy"))
    return None if limit is None else "noeviction" if limit == "0" else policy


def _set_to(client: Any, name: str) -> Any:
    return client.config_get(name)[name]


def _latency(client: Any) -> float:
    def once() -> float:
        began = time.monotonic()
        client.ping()
        return time.monotonic() - began

    return statistics.median(once() for _ in range(TRIES))


def _asked(ask: Callable[[], Any]) -> str | None:
    """None for an account that may not ask."""
    import redis

    try:
        said = ask()
    except (redis.ResponseError, KeyError):
        return None
    return said.decode() if isinstance(said, bytes) else str(said)


def _is_remote(url: str) -> bool:
    return not (url.startswith("redis+socket://") or _is_local(urlsplit(url).hostname or ""))


def _open_to(client: Any, url: str) -> str | None:
    """Nobody where a password or a socket's rights stand in the way; Redis itself says what it listens to."""
    import redis

    if holds_password(url) or url.startswith("redis+socket://"):
        return None
    try:
        said = {name: str(client.config_get(name).get(name, "")) for name in ("protected-mode", "bind")}
    except redis.RedisError:
        said = {}
    if said.get("protected-mode") == "yes" or (said.get("bind") and all(map(_is_local, said["bind"].split()))):
        return None
    host = urlsplit(url).hostname or ""
    if not said and _is_local(host):
        return None
    return said.get("bind") or ("every address" if said else host)


def _is_local(address: str) -> bool:
    name = address.removeprefix("-")
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
