"""What a snapshot of a run means for a person: states of boards, counts, time left, who needs attention."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm_orchestrator.model import FLOOR, Phase, State

if TYPE_CHECKING:
    from farm_orchestrator.store import BoardView, Snapshot

GLYPHS = {"done": "■", "running": "▣", "waiting": "◆", "queued": "·", "lost": "✕"}
STYLES = {"done": "green", "running": "blue", "waiting": "yellow", "queued": "bright_black", "lost": "red"}
FINISHED = (State.DONE, State.FAILED, State.SKIPPED)
DOING: dict[int, str] = {
    Phase.CHECK: "trying", Phase.EVALUATE: "scoring", Phase.SCREEN: "screening", Phase.MEASURE: "timing",
    Phase.CONFIRM: "confirming",
}  # fmt: skip
OWED = (State.PENDING, State.RUNNING)


@dataclass(frozen=True)
class Attention:
    """A board that does not get on, and what happens or should be done about it."""

    board: str
    state: str
    text: str


@dataclass(frozen=True)
class Count:
    """Launches that are through, and all that are known so far; repeats of lost ones count once."""

    finished: int
    total: int


def state_of(board: BoardView, now: float) -> str:
    if board.ended:
        return "lost"
    if board.counts.get(State.RUNNING):
        return "running"
    if not board.counts.get(State.PENDING):
        return "done"
    if board.losses and board.not_before is not None and board.not_before > now:
        return "waiting"
    return "queued"


def doing(board: BoardView, state: str) -> str:
    """What the board is at, where it is at something; else its state."""
    if board.running is None:
        return state
    what = "the loop itself" if board.running.variant == FLOOR else board.running.variant
    return f"{DOING.get(board.running.phase, 'running')} {what}"


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
    """The boards given up first, then those that wait before they are tried again."""
    found = []
    for board in snapshot.boards:
        state = state_of(board, snapshot.now)
        if state == "lost":
            found.append(Attention(board.board, state, f"{board.ended}; try: farm boards probe {board.board}"))
        elif state == "waiting" and board.not_before is not None:
            left_s = max(1, round(board.not_before - snapshot.now))
            text = f"{board.reason or 'lost'}: loss {board.losses}, tried again in {left_s} s"
            found.append(Attention(board.board, state, text))
    return sorted(found, key=lambda each: (each.state != "lost", each.board))


def time_left_s(done: Count, at_start: int, elapsed_s: float) -> float | None:
    """By the pace since this command began to look; None until there is one."""
    through = done.finished - at_start
    return None if through <= 0 or elapsed_s <= 0 else elapsed_s / through * (done.total - done.finished)


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
