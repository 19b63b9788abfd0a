"""What a board says of itself over one connection; nothing stays on it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from farm_orchestrator.bootstrap.scan import Scan, scan
from farm_orchestrator.doctor import program
from farm_orchestrator.doctor.inside import Inside, read
from farm_orchestrator.errors import BoardError, FarmError, UsageError
from farm_orchestrator.meters import look as meters
from farm_orchestrator.model import Json
from farm_orchestrator.transport import Channel, open_channel, resolve

COMMAND_S = 30.0
PYTHON_S = 120.0  # importing the runtime takes seconds on a slow card


@dataclass(frozen=True)
class BoardFacts:
    """`trouble` ended the look; what was found before it stays. Seconds: `command_s` a command that does nothing, there and
    back; `offset_s` the board's clock minus ours.

    `inside`: what its Python said (`farm_agents.health.look`), or None and `refused`. `meter`: what the one it hangs on said.
    """

    board: Json
    spec: Json = field(default_factory=dict)
    trouble: FarmError | None = None
    connect_s: float | None = None
    banner: bytes = b""
    command_s: float = 0.0
    sftp: bool = True
    scan: Scan | None = None
    offset_s: float | None = None
    inside: Inside | None = None
    refused: str | None = None
    meter: Json | None = None

    @property
    def name(self) -> str:
        return str(self.board["name"])

    @property
    def local(self) -> bool:
        return bool(self.board.get("local"))


def look(board: Json, home: Path) -> BoardFacts:
    facts = BoardFacts(board, meter=meters.look(str(board["meter"])) if board.get("meter") else None)
    try:
        facts = replace(facts, spec=resolve(board))
        begin = time.monotonic()
        channel = open_channel(facts.spec, home)
    except (BoardError, UsageError) as error:
        return replace(facts, trouble=error)
    facts = replace(facts, connect_s=time.monotonic() - begin)
    try:
        return _ask(facts, channel)
    finally:
        channel.close()


def _ask(facts: BoardFacts, channel: Channel) -> BoardFacts:
    try:
        if not facts.local:
            facts = _road(facts, channel)
        facts = _outside(facts, channel)
        return _inside(facts, channel)
    except (BoardError, UsageError) as error:
        return replace(facts, trouble=error)


def _road(facts: BoardFacts, channel: Channel) -> BoardFacts:
    from farm_orchestrator.transport.ssh import SshChannel

    begin = time.monotonic()
    said = channel.exec(["true"], timeout_s=COMMAND_S).out
    took = time.monotonic() - begin
    return replace(facts, banner=said, command_s=took, sftp=not isinstance(channel, SshChannel) or channel.has_sftp())


def _outside(facts: BoardFacts, channel: Channel) -> BoardFacts:
    """Its clock is read within a second of the middle of the exchange; a board on this machine has this clock."""
    begin = time.time()
    found = scan(channel, facts.spec)
    offset = None if found.time is None or facts.local else found.time + 0.5 - begin
    return replace(facts, scan=found, offset_s=offset)


def _inside(facts: BoardFacts, channel: Channel) -> BoardFacts:
    text = program.look(channel.base, facts.spec)
    try:
        done = channel.exec([str(facts.spec["python"]), "-I", "-"], stdin=text, timeout_s=PYTHON_S)
    except BoardError as error:
        return replace(facts, refused=error.text)
    lines = done.out.decode("utf-8", "replace").splitlines()
    inside = read(lines[-1]) if lines else None
    said = done.err.decode("utf-8", "replace").strip().splitlines() or ["it answered, but not with what was asked for"]
    return replace(facts, inside=inside, refused=None if inside else f"exit code {done.rc}: {said[-1][:300]}")
