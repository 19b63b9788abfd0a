"""Snapshots of runs that nobody started."""

import random

from farm_orchestrator.store import BoardView, Median, Running, Snapshot

NOW = 1000.0
HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\n::error::x\u202e 日本語 \x9b31m" + "x" * 200


def board(name: str, state: str, reason: str | None = None) -> BoardView:
    """A board in one of the states of the legend."""
    running = Running("int8", "p", 3, 4, 0, NOW - 2)
    return {
        "done": BoardView(name, {"done": 30}),
        "running": BoardView(name, {"done": 10, "running": 1, "pending": 19}, running),
        "waiting": BoardView(name, {"done": 5, "pending": 25, "lost": 1}, None, 2, NOW + 40, reason or "link_lost"),
        "queued": BoardView(name, {"pending": 30}),
        "lost": BoardView(name, {"done": 3, "skipped": 27}, None, 5, None, "link_lost", reason or "host key changed"),
    }[state]


STATES = ("done", "running", "waiting", "queued", "lost")


def snapshot(boards: int, blocks: int = 0, reason: str | None = None, variants: int = 3) -> Snapshot:
    views = tuple(board(f"rpi5-{i:03}", STATES[i % len(STATES)], reason) for i in range(boards))
    shown = views[:12] if blocks else ()
    medians = tuple(median(view.board, v, block) for view in shown for v in range(variants) for block in range(blocks))
    return Snapshot("20260101-000000-abcd", "open", cancel=False, boards=views, now=NOW, baseline="v0", medians=medians)


def median(name: str, variant: int, block: int) -> Median:
    noise = random.Random(f"{name}/{variant}/{block}").lognormvariate(0.0, 0.01)
    return Median(name, f"v{variant}", "cpu/auto", block, round(4e6 * noise / (variant + 1)))
