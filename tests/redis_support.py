"""A private Redis on a socket of its own, as often started and killed as a test wants."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

START_S = 120.0


class PrivateRedis:
    """Listens on no port. Its socket's path is short, because the kernel takes at most 100 characters."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: install the package redis-server (make test does it where it may)"
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix="farm-redis-"))
        self.socket = self.folder / "s"
        self.process = self.start()

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket}"

    def start(self) -> "subprocess.Popen[bytes]":
        self.process = subprocess.Popen(
            [self.program, "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--save", "",
             "--appendonly", "no", "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + START_S
        while self.say("PING") != "PONG":
            assert time.monotonic() < until, "redis-server does not answer"
            assert self.process.poll() is None, "redis-server ended at once"
            time.sleep(0.02)
        return self.process

    def say(self, *words: str) -> str | None:
        """The answer to one command, None where nobody answers."""
        import redis

        try:
            with redis.Redis(unix_socket_path=str(self.socket), decode_responses=True) as client:
                answer = client.execute_command(*words)
        except redis.ConnectionError:
            return None
        return "PONG" if answer is True else str(answer)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)
