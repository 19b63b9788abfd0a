"""Machines of a farm that several share: each with a HOME, a state folder and an inventory of its own, and two URLs in common."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_support import model, stand_in
from run_support import Desk, processes, wait_for

LEASE_S = 3.0
READY = "serves"
END_S = 60.0
SHIFTED = Path(__file__).parent / "run" / "shifted_clock.py"


@dataclass(frozen=True)
class Rack:
    """Boards that several machines reach: on this machine, with the runner that takes no time."""

    folder: Path
    names: tuple[str, ...]
    fields: dict[str, object] = field(default_factory=dict)

    def base(self, name: str) -> Path:
        return self.folder / "boards" / name

    def hold(self, name: str) -> Path:
        """While this file is there, timed launches do not end."""
        return self.base(name) / "hold"

    def journal(self, name: str) -> list[dict[str, Any]]:
        file = self.base(name) / "journal.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def inventory(self, path: Path, names: Sequence[str] | None = None, **fields: object) -> None:
        """Of some of them; `fields` are what this machine says of each."""
        python = stand_in(self.folder / "runner")
        boards = {
            name: {"local": True, "python": python, "base": str(self.base(name)), "interference": "note",
                   **self.fields, **fields}
            for name in (names or self.names)
        }  # fmt: skip
        path.write_text(json.dumps({"boards": boards}))


@dataclass(frozen=True)
class Host:
    """One machine; its workers' wall clock is wrong by `ahead_s`."""

    desk: Desk
    ahead_s: int = 0

    @property
    def folder(self) -> Path:
        return self.desk.folder

    def farm(self, *arguments: str | Path) -> Any:
        return self.desk.farm(*arguments)

    @contextmanager
    def worker(self, *arguments: str) -> Iterator[Worker]:
        """Serving, when it is entered; ended, however that goes, when it is left."""
        log = self.folder / f"worker-{len(list(self.folder.glob('worker-*')))}.log"
        (self.folder / "home").mkdir(exist_ok=True)
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, str(SHIFTED), str(self.ahead_s), "worker", "--lease", str(LEASE_S), *arguments],
                cwd=self.folder, env=self.desk.env, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
        worker = Worker(process, log)
        try:
            wait_for(lambda: worker.said(READY) or process.poll() is not None, "the worker to serve")
            assert process.poll() is None, log.read_text()
            yield worker
        finally:
            worker.end()


@dataclass(frozen=True)
class Worker:
    process: subprocess.Popen[bytes]
    log: Path

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """As a service manager does it; at once where that takes too long."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode


def make_host(folder: Path, urls: tuple[str, str], rack: Rack, *names: str, ahead_s: int = 0, **fields: object) -> Host:
    """`urls`: of PostgreSQL and Redis; `names`: the boards of its inventory, all without; `fields`: what it says of them."""
    folder.mkdir()
    rack.inventory(folder / "inventory.yaml", names or None, **fields)
    (folder / "farm.yaml").write_text("inventory: inventory.yaml\n")
    return Host(Desk(folder, (("FARM_STORE", urls[0]), ("FARM_BROKER", urls[1]))), ahead_s)


def variants(folder: Path) -> Path:
    """Two small models."""
    folder.mkdir()
    for name, op in (("base", "Abs"), ("other", "Neg")):
        (folder / f"{name}.onnx").write_bytes(model(op))
    return folder


def nothing_left(*hosts: Host) -> bool:
    return not any(list(processes(host.desk)) for host in hosts)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
