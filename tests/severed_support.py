"""A road to a PostgreSQL that breaks when a test wants: before a commit arrives there, or before its answer arrives here."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

SOCKET = ".s.PGSQL.5432"
COMMIT = b"COMMIT\0"
Cut = Literal["before", "after", "away"]


class Severed:
    """Between a client and the server in `folder`. `cut` breaks the next commit on its way; "away" answers nobody."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / SOCKET
        self.folder = Path(tempfile.mkdtemp(prefix="farm-cut-"))
        self.cut: Cut | None = None
        self.cuts = 0
        self.links: set[socket.socket] = set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / SOCKET))
        self.listener.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, url: str) -> str:
        """The same database by this road."""
        return f"{url.partition('?host=')[0]}?host={self.folder}"

    def away(self) -> None:
        """Whoever is connected is cut off."""
        self.cut = "away"
        for link in list(self.links):
            _end(link)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.away()
        self.listener.close()
        shutil.rmtree(self.folder)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                if self.cut == "away":
                    near.close()
                    continue
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(self.target))
                self.links |= {near, far}
                for source, sink, ours in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pump, args=(source, sink, ours), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, ours: bool) -> None:  # noqa: FBT001 - of a thread
        with suppress(OSError):
            while data := source.recv(65536):
                if ours and COMMIT in data and self.cut in ("before", "after"):
                    self._break(data, source, sink)
                    break
                sink.sendall(data)
        _end(source)
        _end(sink)

    def _break(self, data: bytes, near: socket.socket, far: socket.socket) -> None:
        """After a commit the server has it on disk before the client hears of the broken road."""
        cut, self.cut = self.cut, None
        self.cuts += 1
        if cut == "after":
            near.shutdown(socket.SHUT_WR)  # the other pump can hand over no answer
            far.sendall(data)
            far.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                while far.recv(65536):
                    pass


def _end(link: socket.socket) -> None:
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()
