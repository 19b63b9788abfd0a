"""What the fleet is at, for a person: states of boards and runs, who needs attention and what mends it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm_orchestrator.cli import progress
from farm_orchestrator.cli.progress import OWED, Attention, Count, many
from farm_orchestrator.model import board_state

if TYPE_CHECKING:
    from farm_orchestrator.model import Json
    from farm_orchestrator.store import Fleet, FleetBoard, FleetRun

FORMAT = "farm.fleet/1"
GLYPHS = {
    "measuring": "▣", "connecting": "▢", "waiting": "◆", "queued": "·", "free": "□", "drained": "▽",
    "quarantined": "▲", "lost": "✕",
}  # fmt: skip
STYLES = {
    "measuring": "blue", "connecting": "blue", "waiting": "yellow", "queued": "bright_black", "free": "green",
    "drained": "yellow", "quarantined": "red", "lost": "red", "left": "yellow", "stopping": "yellow",
}  # fmt: skip
NOBODY = "no board is known yet: farm run --variants DIR"
LEFT = "nobody stands behind it"
GRAVEST = ("no worker", "quarantined", "lost", "left", "drained", "waiting")


def state_of(board: FleetBoard, now: float) -> str:
    state = board_state(
        running=board.running is not None, held=board.held, quarantined=board.quarantined, drained=board.drained,
        losses=board.losses,
    )  # fmt: skip
    if state not in {"lost", "free"}:
        return state
    if (board.losses or board.reason) and board.not_before is not None and board.not_before > now:
        return "waiting"
    return "queued" if board.queue else state


def tally(fleet: Fleet) -> dict[str, int]:
    """Boards per state, in the order of the legend."""
    found = Counter(state_of(board, fleet.now) for board in fleet.boards)
    return {state: found[state] for state in GLYPHS if found[state]}


def doing(board: FleetBoard, now: float) -> str:
    """What it measures for whom, what it waits for, or why it does nothing."""
    wanted = f"for {board.queue[0]}" if board.queue else ""
    told = {
        "measuring": f"{progress.at_work(board.running)} for {board.run}" if board.running else "",
        "connecting": wanted or f"held by {board.holder}",
        "waiting": progress.again(board.losses, (board.not_before or now) - now, board.reason),
        "queued": wanted,
        "free": "" if board.known else "nothing was measured there yet",
        "drained": board.drained,
        "quarantined": board.quarantined,
        "lost": board.reason,
    }
    return told[state_of(board, now)] or ""


def run_state(run: FleetRun) -> str:
    if run.cancel:
        return "stopping"
    if not run.stands:
        return "left"
    return "measuring" if run.measuring else "queued"


def count(run: FleetRun) -> Count:
    finished = sum(run.counts.get(state, 0) for state in progress.FINISHED)
    return Count(finished, finished + sum(run.counts.get(state, 0) for state in OWED))


def served(fleet: Fleet) -> list[FleetRun]:
    """The queue: runs behind which somebody stands, in their order; those that were left come last."""
    return sorted(fleet.runs, key=lambda run: not run.stands)


def attention(fleet: Fleet) -> list[Attention]:
    """The gravest first; runs that were left: the newest first."""
    found = [each for board in fleet.boards if (each := _troubled(board, fleet.now)) is not None]
    newest = sorted((run for run in fleet.runs if run_state(run) == "left"), key=lambda run: -run.created)
    found += [Attention("run", "left", LEFT, f"farm run --resume {run.run}") for run in newest]
    if fleet.shared and not fleet.workers and any(run.boards for run in fleet.runs):
        found.append(progress.UNSERVED)
    return sorted(found, key=lambda each: GRAVEST.index(each.state))


def _troubled(board: FleetBoard, now: float) -> Attention | None:
    state, name = state_of(board, now), shlex.quote(board.board)
    mends = {"quarantined": f"farm boards release {name}", "drained": f"farm boards release {name}",
             "lost": f"farm boards check {name}", "waiting": ""}  # fmt: skip
    if state not in mends:
        return None
    return Attention(board.board, state, doing(board, now) or "no reason given", mends[state])


@dataclass(frozen=True)
class Row:
    """A line of the table of boards or runs: `state` is painted."""

    name: str
    state: str
    text: str


def board_rows(fleet: Fleet) -> list[Row]:
    return [Row(b.board, state_of(b, fleet.now), doing(b, fleet.now)) for b in fleet.boards]


def run_rows(fleet: Fleet) -> list[Row]:
    return [Row(run.run, run_state(run), _progress(run, fleet.now)) for run in served(fleet)]


def _progress(run: FleetRun, now: float) -> str:
    """By what a person wants to know first: a narrow terminal cuts the rest."""
    done = count(run)
    words = [LEFT] if run_state(run) == "left" else []
    words += [f"{run.measuring}/{many(run.boards, 'board')}"]
    words += [progress.rough(run.finish - now)] if run.finish is not None and run.finish > now else []
    words += [f"{done.finished}/{done.total} launches"]
    words += [f"priority {run.priority}"] if run.priority else []
    return ", ".join([*words, *([run.name] if run.name else [])])


def headline(fleet: Fleet, *, hosts: bool = True) -> str:
    parts = [f"{many(len(fleet.boards), 'board')}", f"{many(sum(run.stands for run in fleet.runs), 'run')}"]
    if fleet.shared:
        names = sorted({worker.host for worker in fleet.workers}) if hosts else []
        parts.append(many(len(fleet.workers), "worker") + (f" on {', '.join(names)}" if names else ""))
    return ", ".join(parts)


def lines(fleet: Fleet) -> list[str]:
    """One snapshot without a terminal."""
    return [
        headline(fleet),
        *([] if fleet.boards else [NOBODY]),
        *(" ".join(("board", *_words(row))) for row in board_rows(fleet)),
        *(" ".join(("run", *_words(row))) for row in run_rows(fleet)),
        *(f"needs attention: {each.name} {each.state} {each.line}" for each in attention(fleet)),
    ]


def _words(row: Row) -> Sequence[str]:
    return [text for text in (row.name, row.state, row.text) if text]


def document(fleet: Fleet, version: str) -> Json:
    """For programs."""
    return {
        "format": FORMAT,
        "farm_version": version,
        "at": fleet.now,
        "shared": fleet.shared,
        "boards": [_board_document(board, fleet.now) for board in fleet.boards],
        "runs": [_run_document(run) for run in served(fleet)],
        "workers": [vars(worker) for worker in fleet.workers],
        "attention": [vars(each) for each in attention(fleet)],
    }


def _board_document(board: FleetBoard, now: float) -> Json:
    """`tried_at` as `at`: seconds since the epoch, by the store's clock."""
    return {
        "name": board.board,
        "state": state_of(board, now),
        "text": doing(board, now),
        "run": board.run if board.held else None,
        "variant": board.running.variant if board.running and board.held else None,
        "holder": board.holder if board.held else None,
        "losses": board.losses,
        "tried_at": board.not_before if state_of(board, now) == "waiting" else None,
        "quarantined": board.quarantined,
        "drained": board.drained,
        "queue": list(board.queue),
    }


def _run_document(run: FleetRun) -> Json:
    done = count(run)
    return {
        "id": run.run,
        "name": run.name,
        "state": run_state(run),
        "priority": run.priority,
        "created": run.created,
        "ends_by": run.ends_by,
        "finish": run.finish,
        "boards": run.boards,
        "measuring": run.measuring,
        "finished": done.finished,
        "launches": done.total,
    }
