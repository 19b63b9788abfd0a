"""Drain one board: hold it, connect to it, measure what is due, give it back."""

import logging
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TypeVar

from farm_orchestrator.checkup import check_up
from farm_orchestrator.errors import BoardError, Busy, FarmError, StoreError
from farm_orchestrator.launch import Begun, Heard, begin, beyond, hear, settle
from farm_orchestrator.line import Line
from farm_orchestrator.logs import about
from farm_orchestrator.mains import reviving, switch
from farm_orchestrator.model import REFUSED, Failed, Kind, LaunchRow, Lost, Measured, Part, Phase
from farm_orchestrator.store import (
    BlockId,
    Claim,
    Lease,
    board_busy,
    board_loss,
    cancelled_runs,
    claim,
    commit,
    commit_and_claim,
    give_up,
    has_pending,
    lose,
    next_part,
    note_hello,
    sweep,
)
from farm_orchestrator.store.checks import wants_check
from farm_orchestrator.store.switching import note_switched, take_power_turn
from farm_orchestrator.world import World

BACKOFF_S = (0.2, 0.4, 0.8, 1.6)
BACKOFF_MAX_S = 2.0
LINK_REASONS = ("link_lost", "agent_error")  # after these it is worth asking whether the board was rebooted
BUG_TEXT = 2000
LOG = logging.getLogger(__name__)
Made = TypeVar("Made")


@dataclass(frozen=True)
class Trouble:
    """What broke the line, or kept it from being opened."""

    lost: Lost


@dataclass(frozen=True)
class Upcoming:
    """A claimed launch. `begun` where the agent was given it before its turn, or what broke when it was."""

    claim: Claim
    begun: Begun | Trouble | None = None

    def without_line(self) -> "Upcoming":
        """A launch that the agent had been given ends with the line."""
        if not isinstance(self.begun, Begun):
            return self
        self.begun.transcript.close()
        return Upcoming(self.claim, Trouble(Lost("worker_lost", "the line was closed after the launch before it")))


def drain(board: str, world: World, kick: Callable[[str], object]) -> None:
    """Measures what is due on the board, for one slice. Returns at once where another lane holds the board."""
    if not world.gate.enter(world.stopping):
        return
    with ExitStack() as ends:
        starting = ends.enter_context(ExitStack())
        starting.callback(world.gate.leave)
        lease = world.leases.hold(board)
        if lease is None:
            return
        holding = Holding(lease, world, starting.close)
        ends.callback(world.leases.drop, lease)
        ends.callback(holding.disconnect)
        holding.drain()
    if not (holding.is_over() or next_part(world.store, board) is None):
        kick(board)


class Holding:
    """From the lease of a board to its release: the line while there is one, and the launch that was last.

    `started` is called once the board's agent stands.
    """

    def __init__(self, lease: Lease, world: World, started: Callable[[], None]) -> None:
        self.lease = lease
        self.world = world
        self.started = started
        self.until = world.clock() + world.pace.slice_s
        self.line: Line | None = None
        self.boot_id: str | None = None
        self.last: LaunchRow | None = None
        self.ahead: Upcoming | None = None  # the next launch, where it is already claimed

    def drain(self) -> None:
        sweep(self.world.store, self.lease.board, self.lease.fence)
        part = self.next_part()
        if part is None:
            self.look()
        if part is None or not self.connect(part):
            return
        self.started()
        while (coming := self.upcoming(part)) is not None:
            self.last = coming.claim.row
            with about(run=self.last.run, launch=self.last.id):
                self.measure(coming)

    def next_part(self) -> Part | None:
        """Parts that mean another board than this worker's inventory does are given up before anything is opened."""
        while (part := next_part(self.world.store, self.lease.board)) is not None:
            why = self.world.refusal(part)
            if why is None:
                return part
            LOG.warning("%s: %s", part.run, why)
            if not give_up(self.world.store, part, why, self.lease.fence):
                return None
        return None

    def look(self) -> None:
        """While nothing is due on a board that was lost, or that nobody has seen for a day."""
        board = self.world.idle(self.lease.board)
        if board is not None and wants_check(self.world.store, self.lease.board):
            found = check_up(board, self.lease, self.world)
            LOG.log(logging.INFO if found.well else logging.WARNING, "%s: %s", self.lease.board, found.text)

    def connect(self, part: Part) -> bool:
        """A board that cannot be reached is a loss of the board, not of a launch; one that another farm has is waited for."""
        trouble = contained(lambda: self.open_line(part))
        if trouble is not None and not self.is_over() and trouble.lost.reason != "worker_lost":
            lost = trouble.lost
            if lost.reason == Busy.outcome:
                board_busy(self.world.store, self.lease.board, lost.detail, self.world.pace.busy_s, self.lease.fence)
                return False
            why = lost.detail if lost.final else f"{lost.reason}: {lost.detail}"
            board_loss(self.world.store, self.lease.board, why, outcome=lost.reason, fence=self.lease.fence)
            self.revive(part)
        return trouble is None

    def revive(self, part: Part) -> None:
        """A board that stays away is switched off and on, where this machine knows how; a later slice finds it there."""
        store, board = self.world.store, self.world.own(part)
        action = reviving(board)
        if action is not None and not self.is_over() and take_power_turn(store, self.lease.board, self.lease.fence):
            done = switch(board, action)
            LOG.warning("%s: %s", self.lease.board, done.line)
            note_switched(store, self.lease.board, done.line, {"action": action, "code": done.code})

    def open_line(self, part: Part) -> None:
        self.disconnect()
        line = self.line = Line(part, self.lease, self.world)
        self.boot_id = line.hello.boot_id
        self.note_hello(line, part.run)

    def note_hello(self, line: Line, run: str) -> None:
        """For the report of every run that is measured over this line."""
        if run not in line.met:
            note_hello(self.world.store, run, self.lease.board, line.told)
            line.met.add(run)

    def disconnect(self) -> None:
        """The agent restores the board before the lease goes."""
        line, self.line = self.line, None
        if line is not None:
            line.close()
        if self.ahead is not None:
            self.ahead = self.ahead.without_line()

    def is_over(self) -> bool:
        return self.lease.lost.is_set() or self.world.stopping.is_set()

    def goes_on(self) -> bool:
        """A slice is one block at least, and ends between blocks only."""
        if self.is_over() or self.line is None:
            return False
        return self.last is None or self.world.clock() < self.until or self.in_a_block(self.last)

    def in_a_block(self, last: LaunchRow) -> bool:
        return has_pending(self.world.store, self.lease.board, block_of(last))

    def upcoming(self, part: Part) -> Upcoming | None:
        ahead, self.ahead = self.ahead, None
        return ahead or (self.claim(part) if self.goes_on() else None)

    def claim(self, part: Part) -> Upcoming | None:
        current = block_of(self.last) if self.last else None
        return not_begun(claim(self.world.store, self.lease.board, self.lease.fence, current, part))

    def measure(self, coming: Upcoming) -> None:
        """One launch, committed or lost."""
        claimed, begun = coming.claim, coming.begun
        trouble = begun if isinstance(begun, Trouble) else contained(lambda: self.attempt(claimed, begun))
        if trouble is not None:
            self.disconnect()
            self.lose(claimed, self.look_again(claimed.part, trouble.lost))
            self.revive(claimed.part)

    def attempt(self, claimed: Claim, begun: Begun | None) -> None:
        """Raises where the line broke; an agent that lives to say why its launch is lost keeps the line."""
        line = self.line if begun and self.line else self.line_for(claimed)
        if (unfit := beyond(claimed, line)) is not None:
            self.commit(claimed, unfit)
            return
        begun = begun or begin(claimed, line)
        heard = hear(begun, line)
        self.go_ahead(claimed, heard, line)
        outcome = settle(begun, heard, line)
        if isinstance(outcome, Lost):
            self.lose(claimed, outcome)
        else:
            self.commit(claimed, outcome)

    def lose(self, claimed: Claim, lost: Lost) -> None:
        LOG.warning("%s of %s is lost: %s: %s", claimed.row.kind, claimed.row.variant, lost.reason, lost.detail)
        lose(self.world.store, claimed, lost)
        self.world.tally.launch(lost.reason)

    def line_for(self, claimed: Claim) -> Line:
        if self.line is None or not self.line.serves(claimed.part):
            self.open_line(claimed.part)
        if self.line is None:
            raise AssertionError("open_line opens a line or raises")
        self.note_hello(self.line, claimed.row.run)
        return self.line

    def go_ahead(self, claimed: Claim, heard: Heard, line: Line) -> None:
        """The board does not wait for the disk: a timed launch of this run that is owed whatever this one brought is
        begun before this one is written down. Where a board settles first it can wait, and where the launch may begin
        may hang on what this one brought.
        """
        phase, kind = claimed.row.phase, claimed.row.kind
        timed = phase >= Phase.SCREEN and kind == Kind.MEASURE and claimed.part.recipe_in(phase).cooldown_max_s == 0
        if timed and heard.whole and not self.slice_is_over():
            ahead = self.ahead = self.claim(claimed.part)
            if ahead is not None and ahead.claim.row.run == claimed.row.run:
                self.ahead = Upcoming(ahead.claim, contained(lambda: begin(ahead.claim, line)))

    def slice_is_over(self) -> bool:
        return self.is_over() or self.world.clock() >= self.until

    def commit(self, claimed: Claim, outcome: Measured | Failed) -> None:
        """Where the slice goes on whatever comes next, the next launch is claimed with it."""
        folder = self.world.runs / claimed.row.run
        with self.world.tally.commit():
            if self.ahead is not None or self.slice_is_over():
                commit(self.world.store, claimed, outcome, folder)
            else:
                self.ahead = not_begun(commit_and_claim(self.world.store, claimed, outcome, folder))
        word = "failed" if isinstance(outcome, Failed) else "rejected" if outcome.rejected else "done"
        word = "fenced" if self.lease.lost.is_set() else word
        self.world.tally.launch(word)
        LOG.info("%s of %s: %s", claimed.row.kind, claimed.row.variant, word)

    def look_again(self, part: Part, lost: Lost) -> Lost:
        """After a lost link: tries to come back for a while; another boot_id says what happened meanwhile."""
        before, until = self.boot_id, self.world.clock() + self.world.pace.reconnect_s
        if lost.reason not in LINK_REASONS:
            return lost
        for pause_s in chain(BACKOFF_S, repeat(BACKOFF_MAX_S)):
            if self.world.clock() > until or self.is_over() or cancelled_runs(self.world.store, [part.run]):
                return lost
            trouble = contained(lambda: self.open_line(part))
            if trouble is None:
                return lost if self.boot_id == before else Lost("rebooted", f"{lost.reason}: {lost.detail}")
            if trouble.lost.final:
                return lost
            self.lease.lost.wait(pause_s)
        return lost


def block_of(row: LaunchRow) -> BlockId:
    return BlockId(row.run, row.block, row.attempt)


def not_begun(claimed: Claim | None) -> Upcoming | None:
    return None if claimed is None else Upcoming(claimed)


def contained(step: Callable[[], Made]) -> Made | Trouble:
    """What came of this step, or what a board, or a bug, did to it: data. Only a store that cannot be used stops the lane."""
    try:
        return step()
    except BoardError as error:
        return Trouble(Lost(error.outcome, error.line))
    except StoreError:
        raise
    except FarmError as error:
        return Trouble(Lost(REFUSED, error.line))
    except Exception as error:
        LOG.exception("a fault of the farm")
        return Trouble(Lost("agent_error", "".join(traceback.format_exception(error))[-BUG_TEXT:]))
