"""What the orchestrator's own machine says of itself; nothing is written and no run is disturbed."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator.doctor import broker_facts, folders, night_facts, program, server_facts
from farm_orchestrator.doctor.broker_facts import Broker
from farm_orchestrator.doctor.folders import Folder
from farm_orchestrator.doctor.night_facts import Planned
from farm_orchestrator.doctor.server_facts import Fleet
from farm_orchestrator.errors import FarmError, StoreError
from farm_orchestrator.model import Json

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.store import RunRow

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Clock:
    """Seconds since the epoch. `stepped_s`: how far the wall clock left the monotonic one while the doctor looked."""

    now: float
    stepped_s: float
    installed: float


@dataclass(frozen=True)
class Database:
    """`error`: why it cannot be opened; `runs`: what is in it, newest first."""

    path: Path
    exists: bool
    filesystem: str | None
    error: StoreError | None = None
    runs: tuple[RunRow, ...] = ()


@dataclass(frozen=True)
class Ssh:
    """`client` None: there is none. `refuses`: what it objects to. `agent`: keys held, None: no agent, -1: a dead one."""

    client: str | None
    keygen: bool
    refuses: str | None
    agent: int | None
    unreadable: tuple[str, ...]
    needed: bool


@dataclass(frozen=True)
class Lab:
    """The virtual boards of this farm that do not answer; `finished` False: `farm lab up` never came to its end."""

    down: tuple[str, ...]
    finished: bool


@dataclass(frozen=True)
class FarmFacts:
    """What needs settings is None where there are none; `refused` then says why. `fleet`: of a farm of several machines."""

    python: tuple[int, ...]
    runtime: Json
    clock: Clock
    ssh: Ssh
    refused: FarmError | None = None
    settings: Settings | None = None
    state: Folder | None = None
    runs: Folder | None = None
    broker: Broker | None = None
    database: Database | None = None
    fleet: Fleet | None = None
    lab: Lab | None = None
    inventory: FarmError | None = None
    boards: int = 0
    nights: tuple[Planned, ...] = ()


def look(
    settings: Settings | FarmError, boards: tuple[Json, ...] | FarmError, clocks: tuple[float, float]
) -> FarmFacts:
    """`clocks`: wall and monotonic time when the command began."""
    runtime = _runtime()
    bad_inventory, listed = (boards, ()) if isinstance(boards, FarmError) else (None, boards)
    known = [] if isinstance(settings, FarmError) else [settings.home / "known_hosts"]
    needed = bad_inventory is not None or any(not board["local"] for board in listed)
    common = FarmFacts(sys.version_info[:3], runtime, _clock(clocks), _ssh(known, needed=needed),
                       inventory=bad_inventory, boards=len(listed))  # fmt: skip
    return _with_settings(common, settings, [str(board["name"]) for board in listed])


def _with_settings(common: FarmFacts, settings: Settings | FarmError, boards: list[str]) -> FarmFacts:
    from dataclasses import replace

    if isinstance(settings, FarmError):
        return replace(common, refused=settings)
    return replace(
        common,
        settings=settings,
        state=folders.look(settings.home),
        runs=folders.look(settings.runs),
        broker=broker_facts.look(settings),
        database=None if settings.shared else _database(settings),
        fleet=server_facts.look(settings.store, boards if settings.inventory else ()) if settings.shared else None,
        lab=_lab(settings),
        nights=night_facts.look(settings),
    )


def _runtime() -> Json:
    """As on a board: imported and tried in a process of its own."""
    import json

    try:
        done = subprocess.run(
            [sys.executable, "-c", program.child(), "probe"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        return dict(json.loads(done.stdout.splitlines()[-1]))
    except (OSError, subprocess.SubprocessError) as error:
        return {"error": str(error), "code": None}
    except (ValueError, TypeError, IndexError):
        return {"error": done.stderr.decode(errors="replace").strip()[-300:], "code": done.returncode}


def _clock(began: tuple[float, float]) -> Clock:
    now, monotonic = time.time(), time.monotonic()
    return Clock(now, (now - began[0]) - (monotonic - began[1]), Path(__file__).stat().st_mtime)


def _database(settings: Settings) -> Database:
    from farm_orchestrator.store import Store, list_runs
    from farm_orchestrator.store.database import database_path

    path = database_path(settings.store)
    kind = folders.look(path.parent).filesystem
    if not path.exists():
        return Database(path, exists=False, filesystem=kind)
    try:
        with Store.open(settings.store) as store:
            store.submit(lambda _: None)  # nothing, but in a transaction that may write
            return Database(path, exists=True, filesystem=kind, runs=tuple(reversed(list_runs(store))))
    except StoreError as error:
        return Database(path, exists=True, filesystem=kind, error=error)


def _ssh(known: list[Path], *, needed: bool) -> Ssh:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    files = [*known, home / ".ssh" / "known_hosts", Path("/etc/ssh/ssh_known_hosts")]
    shut = [str(file) for file in files if os.path.lexists(file) and not (file.is_file() and os.access(file, os.R_OK))]
    version, config = _said("ssh", "-V"), _said("ssh", "-G", "board.invalid")
    return Ssh(
        client=version[1].splitlines()[0] if version and version[1] else None,
        keygen=_said("ssh-keygen", "-?") is not None,
        refuses=config[1] if config and config[0] else None,
        agent=_agent(),
        unreadable=tuple(shut),
        needed=needed,
    )


def _agent() -> int | None:
    said = _said("ssh-add", "-l") if os.environ.get("SSH_AUTH_SOCK") else None
    if said is None:
        return None
    code, text = said
    return len(text.splitlines()) if code == 0 else 0 if code == 1 else -1


def _said(*command: str) -> tuple[int, str] | None:
    """Exit code and all it printed; None where there is no such program."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace").strip()


def _lab(settings: Settings) -> Lab | None:
    folder = settings.home / "lab"
    if not folder.is_dir():
        return None
    from farm_lab.lab import status
    from farm_lab.places import LabError, check

    try:
        state, answers = status(check(folder, proxy=False))
    except LabError:
        return None
    return Lab(tuple(name for name, up in answers.items() if not up), finished=bool(state and state.ready))
