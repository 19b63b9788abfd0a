"""The files of a lab: keys, trees, wrappers, and the inventory that leads to its boards."""

import json
import os
import py_compile
import shlex
import sys
from pathlib import Path

from farm_lab import sshd, synthetic, tree
from farm_lab.places import BoardPlaces, LabError, Places
from farm_lab.profiles import Profile, record_of
from farm_lab.record import Record
from farm_lab.state import Options, State, VirtualBoard

HEADING = "# Virtual boards of `farm lab up`; written anew by each.\nboards:\n"


def common(places: Places) -> None:
    """What all boards share."""
    places.boards.mkdir(exist_ok=True)
    sshd.make_key(places.key, "farm-lab")
    if not places.truth.exists():
        places.truth.write_text(json.dumps(synthetic.TRUTH, indent=2) + "\n")
    py_compile.compile(synthetic.__file__, str(places.stand_in), doraise=True)  # a script is compiled at each start


def hardware(name: str, profile: Profile) -> Record:
    """What a board shows of itself; a simulated one has the machine's CPUs. Raises LabError."""
    return record_of(profile, name, max(os.sched_getaffinity(0)) + 1)


def cpus_of(shown: Record) -> list[int]:
    """The machine's CPUs that the board has too, or its clocks would be nobody's; all where it has none of them."""
    machine, there = sorted(os.sched_getaffinity(0)), tree.cpus(shown)
    return [cpu for cpu in machine if cpu in there] or machine


def dress(board: BoardPlaces, places: Places, options: Options, shown: Record) -> None:
    """One board's folder before its server starts."""
    board.base.mkdir(parents=True, exist_ok=True)
    tree.replay(board.sysroot, shown, board.name)
    tree.boot(board.sysroot)
    stand_in = f" --runner {board.runner}" if options.load == "synthetic" else ""
    _script(board.python, f'exec {shlex.quote(options.python)} "$@"{stand_in}')
    if stand_in:
        words = (sys.executable, "-IS", str(places.stand_in), str(places.truth), board.name, str(options.seed),
                 *(("--weather", str(board.weather)) if options.physics else ()))  # fmt: skip
        _script(board.runner, f"exec {shlex.join(words)}")


def describe(places: Places, state: State) -> None:
    """inventory.yaml and known_hosts."""
    entries = [
        json.dumps(board.name) + ": " + json.dumps(_fields(places, board, state.options)) for board in state.boards
    ]
    places.inventory.write_text(HEADING + "".join(f"  {entry}\n" for entry in entries))
    places.known_hosts.write_text("".join(_known_hosts_line(places, board) for board in state.boards))


def interpreter(text: str) -> str:
    """The absolute path of an interpreter; a name is looked up as a shell would. Raises LabError."""
    path = Path(text).expanduser()
    found = next((str(folder / path) for folder in _search(path) if os.access(folder / path, os.X_OK)), None)
    if found is None:
        raise LabError(f"--python {text}: no such program")
    return found


def _search(path: Path) -> list[Path]:
    named = len(path.parts) == 1
    return [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(":")] if named else [Path.cwd()]


def _fields(places: Places, board: VirtualBoard, options: Options) -> dict[str, object]:
    here = places.board(board.name)
    return {
        "host": sshd.HOST, "port": board.address, "user": sshd.login(), "key": str(places.key),
        "fingerprint": sshd.fingerprint(here.host_key), "base": str(here.base), "python": str(here.python),
        "cpus": str(board.cpu), "lab": True, "interference": "note",
        **({} if options.level else {"sysroot": str(here.sysroot)}),
    }  # fmt: skip


def _known_hosts_line(places: Places, board: VirtualBoard) -> str:
    kind, key, *_ = places.board(board.name).host_key.with_suffix(".pub").read_text().split()
    return f"[{sshd.HOST}]:{board.address} {kind} {key}\n"


def _script(file: Path, body: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(f"#!/bin/sh\n{body}\n")
    fresh.chmod(0o755)
    fresh.replace(file)
