"""Snapshots of runs that nobody started."""

import io
import random

from farm_orchestrator.cli.live import PlainView
from farm_orchestrator.store import (
    BoardView,
    Finding,
    Fleet,
    FleetBoard,
    FleetRun,
    FleetWorker,
    Median,
    Other,
    Running,
    Snapshot,
)

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


OTHERS = (Other("20260101-000000-0001", 5, 12), Other("20260101-000000-0002", 0, 3))
FINDING = Finding("rpi5-017", "int8-pc", "TIMER", "the clock of the loop is coarser than 1 % of a call")
LOSS = "link_lost while measuring int8-pc: the board closed the connection in the middle of a message"
OUT = {
    "quarantined": "throttled in three canaries in a row: the fan of this board stands still",
    "drained": "new SD card on Friday",
}


def shut(name: str, state: str) -> BoardView:
    """A board that takes no work though some is owed to it."""
    return BoardView(name, {"done": 5, "pending": 25}, **{state: OUT[state]})  # type: ignore[arg-type]  # one of the two fields


def hundred() -> Snapshot:
    """100 boards of which 7 need attention, behind two other runs."""
    troubled = {
        3: board("rpi5-003", "lost", LOSS), 11: shut("rpi5-011", "quarantined"), 12: shut("rpi5-012", "drained"),
        40: board("rpi5-040", "waiting", LOSS), 41: board("rpi5-041", "waiting"), 42: board("rpi5-042", "waiting"),
        99: board("rpi5-099", "lost", "host key changed"),
    }  # fmt: skip
    usual = ("done", "running", "running", "running", "queued")
    boards = tuple(troubled.get(i) or board(f"rpi5-{i:03}", usual[i % len(usual)]) for i in range(100))
    return Snapshot(
        "20260101-000000-abcd", "open", cancel=False, boards=boards, now=NOW, others=OTHERS, finding=FINDING
    )


def fleet_board(index: int, state: str) -> FleetBoard:
    name, runs = f"rpi5-{index:03}", (OTHERS[0].run, OTHERS[1].run)
    running = Running("int8", "p", 3, 4, 0, NOW - 2)
    return {
        "measuring": FleetBoard(name, running, runs[0], held=True, queue=runs),
        "connecting": FleetBoard(name, held=True, queue=runs[:1]),
        "waiting": FleetBoard(name, losses=2, reason=LOSS, not_before=NOW + 40, queue=runs[:1]),
        "queued": FleetBoard(name, queue=runs[1:]),
        "free": FleetBoard(name),
        "unknown": FleetBoard(name, known=False),
        "drained": FleetBoard(name, drained=OUT["drained"], queue=runs[:1]),
        "quarantined": FleetBoard(name, quarantined=OUT["quarantined"]),
        "lost": FleetBoard(name, losses=5, reason=LOSS),
    }[state]


FLEET = ("measuring", "connecting", "waiting", "queued", "free", "unknown", "drained", "quarantined", "lost")


def fleet(boards: int, *, shared: bool = True, runs: int = 3) -> Fleet:
    """Every state in turn, and of 100 boards most are measuring or free."""
    states = FLEET if boards <= len(FLEET) else (*FLEET, *("measuring", "measuring", "free") * 8)
    queue = tuple(
        FleetRun(f"20260101-000000-{index + 1:04x}", "night" if index == 0 else None, NOW - 60 * index, 5 if not index else 0,
                 index != 1, cancel=False, boards=12 - index, measuring=12 - index if not index else 0,
                 counts={"done": 100, "running": 2, "pending": 300 * (index + 1)},
                 finish=None if index == 1 else NOW + 720 * (index + 1))
        for index in range(runs)
    )  # fmt: skip
    workers = (FleetWorker("bench-a", 11, "threads", 50), FleetWorker("bench-b", 12, "threads", 50)) if shared else ()
    found = tuple(fleet_board(index, states[index % len(states)]) for index in range(boards))
    return Fleet(NOW, shared, found, queue, workers)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def plain_view(**env: str) -> tuple[PlainView, io.StringIO, Clock]:
    out, clock = io.StringIO(), Clock()
    return PlainView(out, env=env, clock=clock), out, clock
