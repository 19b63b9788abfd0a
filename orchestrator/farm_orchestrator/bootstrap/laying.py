"""Laying things on a board: pushed by content, unpacked there, taken away again where it came to nothing."""

import json
import shlex
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from farm_orchestrator.bootstrap.interpreter import PythonArchive
from farm_orchestrator.bootstrap.scan import Room
from farm_orchestrator.errors import AgentLost, BoardError, Busy, DiskFull, NoRuntime, ReadOnly
from farm_orchestrator.model import FileRef, Json
from farm_orchestrator.transport import Channel, PutResult, names
from farm_orchestrator.transport.room import Room as Disk

INSTALL_S = 900.0
SIGILL = (-4, 132)  # as a process and as a shell tell it
UNPACK = """
set -eu
final=$BASE/interpreters/$SHA fresh=$BASE/interpreters/.fresh-$SHA
[ -x "$final/python/bin/python3" ] && exit 0
trap 'rm -rf "$fresh"' EXIT
rm -rf "$fresh"
mkdir -p "$fresh"
tar -xzf "$ARCHIVE" -C "$fresh"
"$fresh/python/bin/python3" -I -c 'import ctypes, json, zlib'
sync
mv "$fresh" "$final"
"""
REMOVE = """
rm -rf "$@"
rmdir "$BASE"/cas/* "$BASE"/cas "$BASE"/interpreters "$BASE"/sites 2>/dev/null
true
"""


class Died(NoRuntime):
    """The processor does not know an instruction of the runtime: another version may do."""


@dataclass(frozen=True)
class Need:
    """Bytes that pushing and unpacking take on the board."""

    pushed: int
    unpacked: int

    @property
    def all(self) -> int:
        return self.pushed + self.unpacked


def check_room(board: str, base: Room, need: Need, others: Sequence[Room]) -> None:
    """Before anything is pushed. Raises DiskFull with both numbers; a board that does not say is believed to have room."""
    if base.free is None or base.total is None:
        return
    usable = Disk(base.free, base.total).usable
    if need.all > usable:
        better = [room for room in others if room.free and room.free > need.all and room.writable and not room.noexec]
        named = "".join(f", e.g. {room.path}/benchfarm ({_mb(room.free or 0)} free)" for room in better[:1])
        raise DiskFull(
            board,
            f"board {board!r} has no room below {base.path}: {_mb(need.all)} are needed ({_mb(need.pushed)} to push, "
            f"{_mb(need.unpacked)} unpacked), {_mb(base.free)} are free, of which {_mb(base.free - usable)} stay free",
            mend=f"make room there, or name another folder in the board's field `base`{named}",
        )


def put(channel: Channel, path: Path, ref: FileRef, undo: ExitStack) -> PutResult:
    """`undo` takes a file away again that was not there before."""
    done = channel.put(path, ref.sha256, ref.size)
    if not done.skipped:
        undo.callback(_remove, channel, [names.stored(channel.base, ref.sha256)])
    return done


def lay_interpreter(board: str, channel: Channel, archive: PythonArchive, undo: ExitStack) -> str:
    """The path of the interpreter on the board."""
    put(channel, archive.path, FileRef(archive.path.name, archive.sha256, archive.size), undo)
    folder = f"{channel.base}/interpreters/{archive.sha256}"
    values = {"SHA": archive.sha256, "ARCHIVE": names.stored(channel.base, archive.sha256)}
    there = channel.exec(["sh", "-s"], _script(channel, {"DIR": folder}, '[ -d "$DIR" ]')).rc == 0
    done = channel.exec(["sh", "-s"], _script(channel, values, UNPACK), timeout_s=INSTALL_S)
    if done.rc:
        said = done.err.decode("utf-8", "replace").strip()[-300:]
        raise NoRuntime(
            board, f"board {board!r}: {archive.path.name} could not be unpacked, or does not start there: {said}",
            mend="take the archive that is made for the board's processor (x86_64 without v2, v3 or v4)",
        )  # fmt: skip
    if not there:
        undo.callback(_remove, channel, [folder])
    return f"{folder}/python/bin/python3"


def install(board: str, channel: Channel, python: str, agent: FileRef, order: Json) -> Json:
    """What the trial of the runtime said. Raises Died, Busy, DiskFull, ReadOnly, NoRuntime, AgentLost."""
    argv = (python, "-I", names.stored(channel.base, agent.sha256), "install")
    done = channel.exec(argv, json.dumps({"base": channel.base, **order}).encode(), timeout_s=INSTALL_S)
    answer = _answer(board, done.out, done.err)
    if "found" in answer:
        return answer
    raise _refusal(board, str(answer.get("refused")), str(answer.get("detail"))[:1000], answer.get("code"))


def _answer(board: str, out: bytes, err: bytes) -> Json:
    """The last line; a login shell may print before it."""
    try:
        answer: Json = json.loads(out.splitlines()[-1])
        if isinstance(answer.get("found"), dict) or isinstance(answer.get("refused"), str):
            return answer
    except (ValueError, IndexError, AttributeError, RecursionError):
        pass
    said = (err or out).decode("utf-8", "replace").strip()[-300:]
    raise AgentLost(board, f"board {board!r}: the installer ended without an answer: {said or 'nothing was said'}")


def _refusal(board: str, reason: str, detail: str, code: object) -> BoardError:
    text = f"board {board!r}: {detail}"
    if reason == "no_runtime" and code in SIGILL:
        return Died(board, f"{text} (an instruction that this processor does not have)")
    known = {"busy": Busy, "disk_full": DiskFull, "read_only": ReadOnly, "no_runtime": NoRuntime}
    mend = {
        "busy": "wait until the run is over",
        "disk_full": "make room there, or name another folder in `base`",
        "no_runtime": "name another version: --runtime VERSION",
    }
    return known.get(reason, AgentLost)(board, text, mend=mend.get(reason))


def _remove(channel: Channel, paths: Sequence[str]) -> None:
    with suppress(BoardError):  # the link is gone: the next attempt finds the files and uses them
        channel.exec(["sh", "-s"], _script(channel, {}, f"set -- {shlex.join(paths)}\n{REMOVE}"))


def _script(channel: Channel, values: dict[str, str], text: str) -> bytes:
    given = {"BASE": channel.base, **values}
    return ("".join(f"{name}={shlex.quote(value)}\n" for name, value in given.items()) + text).encode()


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
