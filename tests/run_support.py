"""The command as a person starts it: in a folder of its own, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DIGITS = ROOT / "examples" / "digits"
QUICK = ("--preset", "quick", "--max-blocks", "8")
ONE = ("run", DIGITS / "int8.onnx", *QUICK)  # half the launches, where no comparison is wanted
TWO = ("run", DIGITS / "fp32.onnx", DIGITS / "int8.onnx", *QUICK)
PATIENCE_S = 240.0


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def results(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Desk:
    """A folder in which commands are started, with a HOME that holds nothing of the person who runs the tests."""

    folder: Path
    more_env: tuple[tuple[str, str], ...] = ()

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL", "TMPDIR"}}
        return {**kept, "HOME": str(self.folder / "home"), **dict(self.more_env)}

    @property
    def state(self) -> Path:
        return self.folder / ".farm"

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        (self.folder / "home").mkdir(exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-m", "farm_orchestrator.cli", *map(str, arguments)],
            cwd=self.folder, env=self.env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def farm(self, *arguments: str | Path) -> Said:
        return heard(self.start(*arguments))

    def launches(self) -> list[dict[str, Any]]:
        """All rows of the launch table; none while there is no table yet."""
        return self._rows("SELECT * FROM launch ORDER BY id")

    def runs(self) -> list[Path]:
        return sorted((self.folder / "runs").glob("*-*"))

    def _rows(self, query: str) -> list[dict[str, Any]]:
        path = self.state / "farm.db"
        if not path.exists():
            return []
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in connection.execute(query)]
            except sqlite3.OperationalError:
                return []
            finally:
                connection.rollback()


def heard(process: subprocess.Popen[str]) -> Said:
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"no end after {PATIENCE_S:g} s\n{out}\n{err}") from None
    return Said(process.returncode, out, err)


def wait_for(condition: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {within_s:g} s for {what}")


def started(desk: Desk, count: int = 10) -> Callable[[], bool]:
    """So many launches are done."""
    return lambda: sum(row["state"] == "done" for row in desk.launches()) >= count


def processes(desk: Desk) -> Iterator[tuple[int, str]]:
    """(pid, command line) of what this desk's commands started: whatever has its HOME."""
    mark = f"HOME={desk.folder / 'home'}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue


def worker(desk: Desk) -> int | None:
    return next((pid for pid, command in processes(desk) if "farm_orchestrator.tasks" in command), None)


def kill_worker(desk: Desk) -> None:
    pid = wait_for(lambda: worker(desk), "a worker")
    os.kill(pid, signal.SIGKILL)


def nothing_left(desk: Desk) -> bool:
    return not list(processes(desk))


def broken_promises(rows: list[dict[str, Any]]) -> list[str]:
    """What the truth must hold after a run: a block has one whole valid attempt, or a reason; no place twice."""
    places = Counter((r["run"], r["board"], r["block"], r["attempt"], r["position"]) for r in rows)
    found = [f"twice: {place}" for place, count in places.items() if count > 1]
    found += [f"open: {row}" for row in rows if row["state"] in {"pending", "running"}]
    for block in {(r["run"], r["board"], r["block"]) for r in rows}:
        mine = [r for r in rows if (r["run"], r["board"], r["block"]) == block]
        valid = {r["attempt"] for r in mine if r["state"] == "done" and r["dropped"] is None}
        if len(valid) != 1:
            found.append(f"{len(valid)} valid attempts: {block}")
        committed = Counter((r["variant"], r["attempt"]) for r in mine if r["state"] == "done")
        found += [f"committed twice: {block} {who}" for who, count in committed.items() if count > 1]
    return found
