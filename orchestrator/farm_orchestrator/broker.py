"""The carrier of hints: a Celery app over a folder, or over Redis. A hint may be lost or come twice: harmless."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError
from kombu.transport import filesystem

from farm_orchestrator.errors import FarmError
from farm_orchestrator.model import Json

LANES = "lanes"
LANE = "lane"
HINT_S = 120  # a hint that nobody took by then is sent again by the reconciler
POLL_S = 0.1
REACH_S = 5.0

Kick = Callable[[str], bool]  # a board's name; False: the broker did not take the hint


def make_app(broker: str | None, home: Path) -> Celery:
    """`broker`: None for a folder in `home`, another folder, or the redis://, rediss:// or redis+socket:// of a Redis."""
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
        **(_redis(str(broker), home) if folder is None else _folder(folder)),
    )
    return app


def kicker(app: Celery) -> Kick:
    def kick(board: str) -> bool:
        try:
            app.send_task(LANE, (board,), queue=LANES, expires=HINT_S, retry=False)
        except (KombuError, OSError):
            return False
        return True

    return kick


def reach(app: Celery) -> None:
    """Asks once at the start whether there is a broker at all; later it may come and go. Raises FarmError."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.0, timeout=REACH_S)
    except (KombuError, OSError) as error:
        raise FarmError(
            f"the broker does not answer: {error}",
            mend="start that Redis, or leave `broker` out: then a folder in .farm carries the run",
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


def _redis(url: str, home: Path) -> Json:
    """Several farms may share a Redis: each state folder has its own names in it."""
    site = hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:8]
    return {
        "broker_url": url,
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
    """kombu's folder, with hints that are whole or absent, and a folder that may vanish at any time."""

    supports_fanout = False  # so that bindings stay in memory: a hint names its queue

    def _put(  # type: ignore[override]  # kombu's own classes disagree on the name
        self, queue: str, message: Any, **_: Any
    ) -> None:
        folder = self._made()
        name = f"{time.monotonic_ns():020}_{uuid.uuid4()}.{queue}"
        (folder / f"{name}.part").write_text(json.dumps(message), encoding="utf-8")
        (folder / f"{name}.part").replace(folder / f"{name}.msg")

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
        hints = self._hints(queue)
        for file in hints:
            file.unlink(missing_ok=True)
        return len(hints)

    def _size(self, queue: str) -> int:
        return len(self._hints(queue))

    def _hints(self, queue: str) -> list[Path]:
        return sorted(self._made().glob(f"*.{queue}.msg"))

    def _made(self) -> Path:
        folder = Path(self.data_folder_in)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


class FolderTransport(filesystem.Transport):
    Channel = FolderChannel
