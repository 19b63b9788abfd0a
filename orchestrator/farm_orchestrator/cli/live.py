"""The views of `farm run`: live on a terminal, lines elsewhere; everything goes to stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from farm_orchestrator.cli import progress
from farm_orchestrator.cli.progress import plain
from farm_orchestrator.cli.provisional import Figure, figures, told_apart

if TYPE_CHECKING:
    from rich.console import Console

    from farm_orchestrator.run.request import View
    from farm_orchestrator.store import Snapshot

EVERY_S = 30.0
DUMB = ("", "dumb", "unknown")
OFF = ("", "0", "false")


def make_view(
    *, quiet: bool = False, late: bool = False, out: TextIO | None = None, env: Mapping[str, str] | None = None
) -> View:
    """The view that suits where stderr goes. `late`: it looks in on what others began."""
    out, env = out or sys.stderr, os.environ if env is None else env
    if quiet:
        return QuietView(out)
    return LiveView(terminal(out, env), late=late) if is_interactive(out, env) else PlainView(out, env=env)


def is_interactive(out: TextIO, env: Mapping[str, str]) -> bool:
    """Whether lines may be redrawn: a terminal that can, and nobody's log."""
    return out.isatty() and env.get("TERM", "dumb") not in DUMB and env.get("CI", "").lower() in OFF


def terminal(out: TextIO, env: Mapping[str, str]) -> Console:
    from rich.console import Console

    return Console(file=out, no_color=bool(env.get("NO_COLOR")), highlight=False, markup=False, emoji=False)


class QuietView:
    """Only what a person must know while they wait."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def start(self, title: str, lines: Sequence[str]) -> None:
        pass

    def update(self, snapshot: Snapshot) -> None:
        pass

    def message(self, text: str) -> None:
        self._line(text)

    def finish(self) -> None:
        pass

    def _line(self, text: str) -> None:
        self.out.write(plain(text) + "\n")
        self.out.flush()


class PlainView(QuietView):
    """One line per finished cell and one every 30 s, for logs: HH:MM:SS board variant p50 state."""

    def __init__(
        self, out: TextIO, *, env: Mapping[str, str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(out)
        self.clock = clock
        env = env or {}
        self.groups = env.get("GITHUB_ACTIONS") == "true"
        self.colour = env.get("FORCE_COLOR", "") not in OFF and not env.get("NO_COLOR")
        self.known: dict[str, str] = {}
        self.queue = ""
        self.served = True
        self.findings: set[str] = set()
        self.spoke_at = clock()

    def start(self, title: str, lines: Sequence[str]) -> None:
        for line in (title, *lines):
            self._line(line)

    def update(self, snapshot: Snapshot) -> None:
        now = progress.states(snapshot)
        for board, state in now.items():
            if state != self.known.get(board) and state in {"done", *progress.TROUBLED}:
                self._board(board, state, snapshot)
        self.known = now
        self._queue(snapshot)
        self._finding(snapshot)
        if self.clock() - self.spoke_at >= EVERY_S:
            self._stamped(self._summary(snapshot))

    def message(self, text: str) -> None:
        self._stamped(text)

    def _queue(self, snapshot: Snapshot) -> None:
        """When there is somebody else on its boards, and when there is nobody any more."""
        queue = progress.queue(snapshot)
        if bool(queue) != bool(self.queue):
            self._stamped(queue or "alone on its boards")
        self.queue = queue
        if self.served and not snapshot.served:
            self._stamped(progress.UNSERVED.line)
        self.served = snapshot.served

    def _finding(self, snapshot: Snapshot) -> None:
        """Each name once, and each variant that fails."""
        last = snapshot.finding
        if last is not None and (what := progress.kind(last)) not in self.findings:
            self.findings.add(what)
            self._stamped(f"finding {progress.told(last)}")

    def _board(self, board: str, state: str, snapshot: Snapshot) -> None:
        cells = [f for f in figures(snapshot.medians, snapshot.baseline) if f.board == board] if state == "done" else []
        reasons = [each.line for each in progress.attention(snapshot) if each.name == board]
        if self.groups and cells:
            self._line(f"::group::{board} {state}")
        for figure in cells:
            name = " ".join([figure.variant, *told_apart(figure, cells)])
            self._stamped(f"{board} {name} {progress.latency(figure.p50_ns)}", state)
        if not cells:
            self._stamped(board, state, *reasons)
        if self.groups and cells:
            self._line("::endgroup::")

    def _summary(self, snapshot: Snapshot) -> str:
        done = progress.count(snapshot)
        boards = ", ".join(f"{number} {state}" for state, number in progress.tally(snapshot).items())
        left = [progress.rough(snapshot.finish - snapshot.now)] if snapshot.finish else []
        return ", ".join(
            [f"{done.finished}/{done.total} launches", *left, f"boards: {boards}", *filter(None, [self.queue])]
        )

    def _stamped(self, text: str, state: str = "", *more: str) -> None:
        self.spoke_at = self.clock()
        words = [time.strftime("%H:%M:%S"), plain(text), self._painted(state), *map(plain, more)]
        self.out.write(" ".join(word for word in words if word) + "\n")
        self.out.flush()

    def _painted(self, state: str) -> str:
        from click import style

        return style(state, fg=progress.STYLES[state]) if state and self.colour else state


class LiveView:
    """Redrawn with every snapshot; gone when it is finished, so that the outcome stands alone."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic, *, late: bool = False) -> None:
        from rich.live import Live

        self.console = console
        self.clock = clock
        self.late = late
        self.title = ""
        self.since = clock()
        self.at_start: int | None = None
        self.figures: list[Figure] = []
        self.drawn = -1
        self.live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def start(self, title: str, lines: Sequence[str]) -> None:
        from rich.text import Text

        self.title = title
        for line in lines:
            self.console.print(Text(plain(line)))
        self.since = self.clock()
        self.live.start()

    def update(self, snapshot: Snapshot) -> None:
        from rich.text import Text

        from farm_orchestrator.cli.screen import Frame, draw

        if self.at_start is None:
            self.at_start = progress.count(snapshot).finished
        if len(snapshot.medians) != self.drawn:
            self.figures, self.drawn = figures(snapshot.medians, snapshot.baseline), len(snapshot.medians)
        looked_s = self.clock() - self.since
        elapsed_s = snapshot.now - snapshot.created if self.late else looked_s
        frame = Frame(self.title, snapshot, self.figures, self.at_start, looked_s, elapsed_s)
        lines = draw(frame, self.console.width, self.console.height)
        self.live.update(Text("\n").join(lines), refresh=True)

    def message(self, text: str) -> None:
        from rich.text import Text

        self.console.print(Text(plain(text)))

    def finish(self) -> None:
        self.live.stop()
