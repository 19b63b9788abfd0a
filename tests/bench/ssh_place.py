"""A real OpenSSH server and an `ssh` that knows it alone, for the benches of the transport."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transport_support import KINDS, World, make_key


@contextmanager
def ssh_world(folder: Path) -> Iterator[World]:
    """While it is open, `ssh` on PATH is the world's; servers end with it."""
    keys = folder / "keys"
    keys.mkdir()
    make_key(keys / "client")
    host_keys = {kind: make_key(keys / f"board_{kind}", kind) for kind in KINDS}
    (folder / "world").mkdir()
    world = World(folder / "world", keys, host_keys)
    before = dict(os.environ)
    os.environ["PATH"] = f"{world.folder / 'bin'}:{before['PATH']}"
    os.environ.pop("SSH_AUTH_SOCK", None)
    try:
        yield world
    finally:
        os.environ.clear()
        os.environ.update(before)
        world.close()
