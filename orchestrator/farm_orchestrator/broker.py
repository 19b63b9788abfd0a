"""The carrier of hints: a Celery app over a folder, or over Redis. A hint may be lost or come twice: harmless."""

import hashlib
import json
import os
import ssl
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError
from kombu.transport import filesystem

from farm_orchestrator.addresses import tls_files
from farm_orchestrator.errors import FarmError
from farm_orchestrator.model import Json

LANES = "lanes"
LANE = "lane"
POLL_S = 0.1
REACH_S = 5.0
REDIS = "farm_orchestrator.redis_hints"  # imported where there is a Redis alone: its client is an extra

Kick = Callable[[str], bool]  # a board's name; False: the broker did not take the hint
Send = Callable[[str, str], bool]  # the same, and the queue


def make_app(broker: str | None, home: Path, site: str | None = None) -> Celery:
    """`broker`: None for a folder in `home`, another folder, or the redis://, rediss:// or redis+socket:// of a Redis.

    `site`: what the names of this farm in a Redis begin with; None: those of this state folder.
    """
    folder = folder_of(broker, home)
    app = Celery("farm", set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=False,
        task_default_queue=LANES,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        **(_redis(str(broker), site or _site(home)) if folder is None else _folder(folder)),
    )
    return app


def kicker(app: Celery) -> Kick:
    send = sender(app)
    return lambda board: send(board, LANES)


def sender(app: Celery) -> Send:
    """A hint has no time at which it is over: that would be the sender's clock, which is not the taker's. An old one is
    harmless, as is one that came twice, and those that nobody takes are bounded by their number.
    """

    def send(board: str, queue: str) -> bool:
        try:
            app.send_task(LANE, (board,), queue=queue, retry=False)
        except (KombuError, OSError):
            return False
        return True

    return send


def reach(app: Celery) -> None:
    """Asks once at the start whether there is a broker at all; later it may come and go. Raises FarmError."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.0, timeout=REACH_S)
    except (KombuError, OSError) as error:
        raise FarmError(
            f"the broker does not answer: {error}",
            mend="start that Redis, or leave `broker` and `store` out: then a folder in .farm carries the run",
        ) from error


def empty(broker: str | None, home: Path) -> None:
    """What was hinted to an earlier engine is not worth keeping."""
    folder = folder_of(broker, home)
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in (*folder.glob("*.msg"), *folder.glob("*.part")):
            file.unlink(missing_ok=True)


def folder_of(broker: str | None, home: Path) -> Path | None:
    """None where the broker is a Redis."""
    if broker is None:
        return home / "broker"
    return None if "://" in broker else Path(broker)


def _folder(folder: Path) -> Json:
    options = {"data_folder_in": str(folder), "data_folder_out": str(folder), "polling_interval": POLL_S}
    return {
        "broker_url": "filesystem://localhost",
        "broker_transport": f"{__name__}:FolderTransport",
        "broker_transport_options": {**options, "max_retries": 1},
    }


def _site(home: Path) -> str:
    """Several farms may share a Redis: each state folder has its own names in it."""
    return hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:8]


def _redis(url: str, site: str) -> Json:
    plain, files = url.partition("?")[0], tls_files(url)
    socket = plain.startswith("redis+socket://")
    return {
        "broker_url": url.removeprefix("redis+") if socket else url if files is None else plain,
        "broker_transport": f"{REDIS}:{'Socket' if socket else 'Redis'}Transport",
        "broker_use_ssl": None if files is None else {**files, "ssl_cert_reqs": ssl.CERT_REQUIRED},
        "worker_disable_prefetch": True,
        "broker_transport_options": {
            "visibility_timeout": 43200,
            "global_keyprefix": f"farm:{site}:",
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "max_retries": 1,
        },
    }


class FolderChannel(filesystem.Channel):
    """kombu's folder, with hints that are whole or absent, and a folder that may vanish at any time.

    A hint that says what another one says takes its place: a fleet that nobody serves leaves one file for each board.
    """

    supports_fanout = False  # so that bindings stay in memory: a hint names its queue

    def _put(  # type: ignore[override]  # kombu's own classes disagree on the name
        self, queue: str, message: Any, **_: Any
    ) -> None:
        folder = self._made()
        name = hashlib.sha256(message["body"].encode()).hexdigest()[:32]
        part = folder / f"{uuid.uuid4()}.part"
        part.write_text(json.dumps(message), encoding="utf-8")
        part.replace(folder / f"{name}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> Any:  # noqa: ARG002 - kombu's signature
        for file in self._hints(queue):
            try:
                text = file.read_text(encoding="utf-8")
                file.unlink()
            except FileNotFoundError:
                continue
            return json.loads(text)
        raise Empty

    def _purge(self, queue: str) -> int:
        hints = list(self._hints(queue))
        for file in hints:
            file.unlink(missing_ok=True)
        return len(hints)

    def _size(self, queue: str) -> int:
        return len(list(self._hints(queue)))

    def _hints(self, queue: str) -> Iterator[Path]:
        """In no order: the first one costs the same however many wait."""
        with os.scandir(self._made()) as found:
            yield from (Path(entry.path) for entry in found if entry.name.endswith(f".{queue}.msg"))

    def _made(self) -> Path:
        folder = Path(self.data_folder_in)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


class FolderTransport(filesystem.Transport):
    Channel = FolderChannel
