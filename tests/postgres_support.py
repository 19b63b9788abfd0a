"""A private PostgreSQL on a socket of its own, as often restarted and killed as a test wants."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

START_S = 120.0
SAFE = ("fsync=on", "max_connections=60", "shared_buffers=32MB", "autovacuum=off", "log_min_messages=fatal")
QUICK = (*SAFE, "fsync=off", "full_page_writes=off", "synchronous_commit=off")  # where nobody pulls the plug
MISSING = "postgres is missing: install the package postgresql (make test does it where it may)"


def program(name: str) -> str:
    """Debian keeps the server's programs off the path."""
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    assert found, MISSING
    return found


class PrivatePostgres:
    """Listens on no port, but where it is told an `address` of this machine. It will not run as root, so root's runs as the
    account `postgres`, or `nobody`.
    """

    def __init__(self, settings: Sequence[str] = SAFE, address: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="farm-pg-"))
        self.data = self.folder / "data"
        self.settings = settings
        self.address = address
        self.user = _account() if os.geteuid() == 0 else None
        if self.user is not None:
            shutil.chown(self.folder, self.user, self.user)
        self._run(
            "initdb",
            "--auth=trust",
            "--username=farm",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
            str(self.data),
        )
        self.process = self.start()

    def url(self, database: str = "postgres", user: str = "farm") -> str:
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    def create(self, database: str) -> str:
        """A new, empty database; its URL."""
        self.say(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        self.say(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def go_away(self, database: str) -> None:
        """Nobody gets in, and who was in is put out."""
        self.say(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        self.say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")  # noqa: S608 - ours

    def come_back(self, database: str) -> None:
        self.say(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")

    def say(self, statement: str, database: str = "postgres", user: str = "farm") -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(f"host={self.folder} user={user} dbname={database}", autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> subprocess.Popen[bytes]:
        places = (f"listen_addresses={self.address}", f"unix_socket_directories={self.folder}")
        options = [f"-c{each}" for each in (*self.settings, *places)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
            [program("postgres"), "-D", str(self.data), *options],
            user=self.user, group=self.user, extra_groups=None if self.user is None else [],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
        until = time.monotonic() + START_S
        while not self.answers():
            assert time.monotonic() < until, f"postgres does not answer: {(self.folder / 'log').read_text()}"
            assert self.process.poll() is None, f"postgres ended at once: {(self.folder / 'log').read_text()}"
            time.sleep(0.02)
        return self.process

    def answers(self) -> bool:
        import psycopg

        try:
            return self.say("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    def restart(self) -> None:
        """As an administrator does it: connections are ended, what was committed stays."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_S)
        self.start()

    def kill(self) -> None:
        """As the power does it: every backend at once. What was committed is in the log of the server."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(START_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, name: str, *words: str) -> None:
        groups = None if self.user is None else list[str | int]()
        subprocess.run([program(name), *words], user=self.user, group=self.user, extra_groups=groups, cwd=self.folder,
                       check=True, capture_output=True)  # fmt: skip


def _account() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
