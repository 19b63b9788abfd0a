"""A lab from `up` to `down`."""

import json
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from farm_lab import background, bursts, chaos, outfit, profiles, quota, shift, sshd, state, storage, timers
from farm_lab.level import Disk, disk_of
from farm_lab.places import BoardPlaces, LabError, Places
from farm_lab.processes import Process, end
from farm_lab.sshd import Sshd
from farm_lab.state import Options, State, VirtualBoard

LIMIT = 999
AT_ONCE = 16
WEATHER = "weather"
GUARDED_S = 10.0  # the guard of what it has stopped ends after it, and must not be killed before


def up(places: Places, count: int, options: Options) -> State:
    """A lab of at least `count` boards that answer; what runs already stays. Raises LabError."""
    if not sys.platform.startswith("linux"):
        raise LabError("virtual boards need Linux: /proc tells their processes apart")
    if not 1 <= count <= LIMIT:
        raise LabError(f"{count} boards: between 1 and {LIMIT} are possible")
    sshd.program()
    with state.alone(places):
        known = _trusted(places, options)
        state.write(places, replace(known, ready=False))
        outfit.common(places)
        return _complete(places, known, max(count, len(known.boards)))


def down(places: Places) -> bool:
    """Ends what this lab started and removes its folder; False where there was no lab."""
    if not places.root.is_dir():
        return False
    with state.alone(places):
        _end_all(places)
        for folder in _folders(places.boards):
            storage.writable(BoardPlaces(folder).base)
            shift.forget(BoardPlaces(folder))
        shutil.rmtree(places.root)
    return True


def status(places: Places) -> tuple[State | None, dict[str, bool]]:
    """The lab as recorded, and which of its boards answer."""
    known = state.read(places)
    boards = known.boards if known else ()
    return known, {board.name: board.process.alive and _answers(board) for board in boards}


def disks(places: Places, known: State) -> dict[str, Disk | None]:
    """The disks of boards that have their own: None for one that is down."""
    boards = known.boards if known.options.disk is not None else ()
    return {board.name: disk_of(places.board(board.name), board.process) for board in boards}


def boot(places: Places, known: State, name: str) -> None:
    """Starts a board of a lab that the caller has to himself: with its key, its disk and, if free, its port."""
    number, old = next((i, board) for i, board in enumerate(known.boards) if board.name == name)
    fresh = state.exchanged(known, _board(places, name, old, number, known.options))
    ready = replace(fresh, boards=_with_entrances(places, fresh.boards, known.proxy))
    if known.options.physics:
        _set_in(places, known, ready)
    outfit.describe(places, ready)
    state.write(places, ready)


def weather(places: Places, known: State) -> dict[str, dict[str, Any]]:
    """What the physics of each board last said; boards without any are left out."""
    found: dict[str, dict[str, Any]] = {}
    for board in known.boards if known.options.physics else ():
        with suppress(OSError, ValueError):
            found[board.name] = json.loads(places.board(board.name).weather.read_text())
    return found


def _trusted(places: Places, options: Options) -> State:
    """What can be built upon: a finished lab with the same options, or nothing, after cleaning up."""
    known = state.read(places)
    if known is None or not known.ready:
        _end_all(places)
        _forget_faults(places)
        return State(options)
    if known.options != options:
        changed = [name for name, value in vars(options).items() if value != getattr(known.options, name)]
        raise LabError(f"this lab runs with another {' and '.join(changed)}; end it first: farm lab down")
    return known


def _complete(places: Places, known: State, count: int) -> State:
    """Starts what is missing and writes down what there is."""
    names = [f"vb{number:03}" for number in range(1, count + 1)]
    recorded = {board.name: board for board in known.boards}
    proxy = chaos.start(places) if known.options.proxy else None
    with ThreadPoolExecutor(min(AT_ONCE, count)) as pool:
        jobs = [pool.submit(_board, places, name, recorded.get(name), i, known.options) for i, name in enumerate(names)]
        boards = [job.result() for job in jobs]
    ready = replace(known, boards=_with_entrances(places, boards, proxy), proxy=proxy, ready=True)
    if known.options.physics:
        _set_in(places, known, ready)
    outfit.describe(places, ready)
    state.write(places, ready)
    return ready


def _set_in(places: Places, before: State, now: State) -> None:
    """The physics of these boards, anew where one came or came back: it holds their files open."""
    there = background.running(WEATHER, places.root)
    if there and before.boards == now.boards:
        return
    end(there, GUARDED_S)
    state.write(places, replace(now, ready=False))
    background.start(WEATHER, places.root, places.root / "weather.log")


def _board(places: Places, name: str, old: VirtualBoard | None, number: int, options: Options) -> VirtualBoard:
    """A board that answers: the one that runs, or one started in its place with the same key and, if free, port."""
    here = places.board(name)
    if old and old.process.alive and _answers(old):
        return old
    end(sshd.of_board(here))
    profile = profiles.of_board(options.profile, number)
    shown = outfit.hardware(name, profile)
    outfit.dress(here, places, options, shown)
    public, port = places.key.with_suffix(".pub"), old.port if old else None
    server = Sshd.start(
        here.root, public, port=port, heartbeat=options.heartbeat, level=options.level, disk=options.disk
    )
    cpus = outfit.cpus_of(shown)
    cpu, entrance = cpus[number % len(cpus)], old.entrance if old else None
    neighbours = profile.physics["foreign_load"]
    if options.physics and options.load == "real" and neighbours:
        bursts.start(here, cpu, options.seed, neighbours)
    return VirtualBoard(name, server.port, server.process, cpu, profile.name, entrance)


def _with_entrances(places: Places, boards: Sequence[VirtualBoard], proxy: Process | None) -> tuple[VirtualBoard, ...]:
    if proxy is None:
        return tuple(boards)
    found = []
    for board in boards:
        answer = chaos.tell(places, "add", board.name, target=board.port, port=board.entrance)
        found.append(replace(board, entrance=answer["routes"][0]["port"]))
    return tuple(found)


def _answers(board: VirtualBoard) -> bool:
    return sshd.banner(board.port).startswith(b"SSH-")


def _end_all(places: Places) -> None:
    """By what is found running, not by what is recorded: an `up` that was killed recorded nothing.

    The physics first: a process that it has stopped hears no SIGTERM.
    """
    end(background.running(WEATHER, places.root), GUARDED_S)
    quota.forget(places.root)
    folders = [BoardPlaces(folder) for folder in _folders(places.boards)]
    processes = {process for folder in folders for process in sshd.of_board(folder)}
    end(processes | {*chaos.running(places), *timers.running(places)})


def _forget_faults(places: Places) -> None:
    """Boards that are started anew are whole."""
    places.journal.unlink(missing_ok=True)
    for folder in _folders(places.boards):
        BoardPlaces(folder).sshd_faults.unlink(missing_ok=True)
        BoardPlaces(folder).climate.unlink(missing_ok=True)
        storage.writable(BoardPlaces(folder).base)
        shift.forget(BoardPlaces(folder))
        shutil.rmtree(BoardPlaces(folder).kept_disk, ignore_errors=True)


def _folders(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
