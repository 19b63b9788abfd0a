"""What a snapshot of a run means for a person: states of boards, counts, time left, who needs attention."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm_orchestrator.model import FLOOR, Phase, State

if TYPE_CHECKING:
    from farm_orchestrator.store import BoardView, Finding, Running, Snapshot

GLYPHS = {
    "done": "■", "running": "▣", "waiting": "◆", "queued": "·", "drained": "▽", "quarantined": "▲", "lost": "✕",
}  # fmt: skip
STYLES = {
    "done": "green", "running": "blue", "waiting": "yellow", "queued": "bright_black", "drained": "yellow",
    "quarantined": "red", "lost": "red",
}  # fmt: skip
TROUBLED = ("no worker", "lost", "quarantined", "drained", "waiting")  # the gravest first
FINISHED = (State.DONE, State.FAILED, State.SKIPPED)
DOING: dict[int, str] = {
    Phase.CHECK: "trying", Phase.EVALUATE: "scoring", Phase.SCREEN: "screening", Phase.MEASURE: "timing",
    Phase.CONFIRM: "confirming", Phase.PROFILE: "profiling",
}  # fmt: skip
RELEASE = "; farm boards release"  # how a part that was given up for a board that was held told what to do
FAILED = "failed"  # the name of the finding that a failed launch is
OWED = (State.PENDING, State.RUNNING)


@dataclass(frozen=True)
class Attention:
    """A board or a run that does not get on: why, and the command that mends it where one can."""

    name: str
    state: str
    text: str
    do: str = ""

    @property
    def line(self) -> str:
        return f"{self.text}; try: {self.do}" if self.do else self.text


UNSERVED = Attention("farm", "no worker", "nobody serves the queue", "farm worker --boards '*'")


@dataclass(frozen=True)
class Count:
    """Launches that are through, and all that are known so far; repeats of lost ones count once."""

    finished: int
    total: int


def state_of(board: BoardView, now: float) -> str:
    """A part that was given up and is owed no more is not waited for; why the board takes no work is told either way."""
    if board.counts.get(State.RUNNING) and board.held and not board.ended:
        return "running"
    if not (board.ended or any(board.counts.get(state) for state in OWED)):
        return "done"
    if board.quarantined is not None or board.drained is not None:
        return "drained" if board.quarantined is None else "quarantined"
    if board.ended:
        return "lost"
    if (board.losses or board.reason) and board.not_before is not None and board.not_before > now:
        return "waiting"
    return "queued"


def doing(board: BoardView, state: str) -> str:
    """What the board is at, where it is at something; else its state."""
    if board.running is None or state != "running":
        return f"{state}, measuring for {board.elsewhere}" if board.elsewhere and state == "queued" else state
    return at_work(board.running)


def at_work(running: Running) -> str:
    """`timing int8`."""
    return f"{DOING.get(running.phase, 'running')} {named(running.variant)}"


def named(variant: str) -> str:
    return "the loop itself" if variant == FLOOR else variant


def states(snapshot: Snapshot) -> dict[str, str]:
    return {board.board: state_of(board, snapshot.now) for board in snapshot.boards}


def tally(snapshot: Snapshot) -> dict[str, int]:
    """Boards per state, in the order of the legend."""
    found = Counter(states(snapshot).values())
    return {state: found[state] for state in GLYPHS if found[state]}


def count(snapshot: Snapshot) -> Count:
    finished = sum(board.counts.get(state, 0) for board in snapshot.boards for state in FINISHED)
    owed = sum(board.counts.get(state, 0) for board in snapshot.boards for state in OWED)
    return Count(finished, finished + owed)


def attention(snapshot: Snapshot) -> list[Attention]:
    """The boards given up first, then those that take no work, then those that wait before they are tried again."""
    found = [each for board in snapshot.boards if (each := _troubled(board, snapshot.now)) is not None]
    found += [] if snapshot.served or snapshot.state != "open" else [UNSERVED]
    return sorted(found, key=lambda each: (TROUBLED.index(each.state), each.name))


def _troubled(board: BoardView, now: float) -> Attention | None:
    state, name = state_of(board, now), shlex.quote(board.board)
    if state == "lost":
        said, released, _ = (board.ended or "").partition(RELEASE)
        return Attention(board.board, state, said, "" if released else f"farm boards check {name}")
    if state in {"quarantined", "drained"}:
        why = board.drained if board.quarantined is None else board.quarantined
        return Attention(board.board, state, why or "no reason given", f"farm boards release {name}")
    if state == "waiting" and board.not_before is not None:
        return Attention(board.board, state, again(board.losses, board.not_before - now, board.reason))
    return None


def again(losses: int, left_s: float, reason: str | None) -> str:
    """What happens by itself, then why."""
    loss = f" (loss {losses})" if losses else ""
    return f"tried again in {max(1, round(left_s))} s{loss}: {reason or 'lost'}"


def queue(snapshot: Snapshot) -> str:
    """Who is served before this run, or else takes turns with it; nothing where nobody does."""
    first = [other for other in snapshot.others if other.priority > snapshot.priority]
    if first:
        more = f", then {many(len(first) - 1, 'more run')}" if first[1:] else ""
        return f"behind run {first[0].run}, priority {first[0].priority}, on {many(first[0].boards, 'board')}{more}"
    turns = snapshot.others
    more = f" and {many(len(turns) - 1, 'more run')}" if turns[1:] else ""
    return f"shares {many(turns[0].boards, 'board')} with run {turns[0].run}{more}" if turns else ""


def many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def told(finding: Finding | None) -> str:
    """`TIMER of int8 on rpi5-01: the clock ...`; nothing where there was no finding."""
    if finding is None:
        return ""
    where = f"{finding.name}: {named(finding.variant)} on {finding.board}"
    return f"{where}: {finding.text}" if finding.text else where


def kind(finding: Finding) -> str:
    """What a log need not tell twice."""
    return f"{finding.name} {finding.variant}" if finding.name == FAILED else finding.name


def left_s(snapshot: Snapshot, at_start: int, looked_s: float) -> float | None:
    """As somebody reckoned it; until then by the pace since this command began to look, once there is one."""
    if snapshot.finish is not None:
        return max(0.0, snapshot.finish - snapshot.now)
    done = count(snapshot)
    through = done.finished - at_start
    return None if through <= 0 or looked_s <= 0 else looked_s / through * (done.total - done.finished)


def clock(seconds: float) -> str:
    """2:10, 1:02:10."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rough(seconds: float | None) -> str:
    """`~9 min left`; nothing where nothing is known."""
    if seconds is None:
        return ""
    return f"~{max(1, round(seconds / 60))} min left" if seconds >= 60 else f"~{max(1, round(seconds))} s left"


def latency(ns: float) -> str:
    """Milliseconds with three significant digits, microseconds below 0.1 ms."""
    value, unit = (ns / 1e6, "ms") if ns >= 1e5 else (ns / 1e3, "us")
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def plain(text: str) -> str:
    """One line without anything a terminal would obey: names and reasons may come from a board."""
    return "".join(c if c.isprintable() else " " for c in text)
