"""The conversation with one agent: one thread talks, the watchdog beats; every word is checked before it is believed."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from farm_agents import wire
from farm_orchestrator.errors import AgentLost, BoardError, Busy, DiskFull, NoRuntime, ReadOnly, bootstrapping
from farm_orchestrator.intake import NUMBER_MAX, Answer, Intake, check_json, check_text
from farm_orchestrator.model import Json
from farm_orchestrator.transport import Stream

BANNER_LIMIT = 64 * 1024
NO_PYTHON = (126, 127)  # what a shell exits with where the interpreter cannot be run, or is not there
REFUSALS: dict[str, type[BoardError]] = {
    "fenced": Busy,
    "busy": Busy,
    "no_runtime": NoRuntime,
    "disk_full": DiskFull,
    "read_only": ReadOnly,
}
Reply = TypeVar("Reply", wire.Ready, wire.Evicted, wire.Clock)
Note = Callable[[str, bytes], None]  # (who speaks, what was said): the transcript of a launch


class Session:
    """From `open` to the end of the agent's stdin. `send`, `beat` and `stop` belong to any thread, the rest to one."""

    def __init__(self, board: Json, stream: Stream, heard: Callable[[], None]) -> None:
        self.spec = board
        self.board = str(board["name"])
        self.stream = stream
        self.heard = heard
        self.lines = stream.lines()
        self.lock = threading.Lock()

    def hello(self, opening: wire.Open) -> wire.Hello:
        """The agent's answer to `open`. Raises Busy, NoRuntime or AgentLost, as it refused."""
        self.send(opening)
        answer = self._after_banner()
        if isinstance(answer, wire.Refused):
            raise refusal(self.spec, answer, opening.runtime)
        if not isinstance(answer, wire.Hello):
            raise AgentLost(self.board, f"the agent opened with '{_kind(answer)}' instead of 'hello'")
        return self._believed(answer)

    def prepare(self, variants: Sequence[Json], files: Sequence[str]) -> None:
        """Lay out what was pushed. Raises AgentLost where a file is gone again."""
        answer = self._ask(wire.Prepare(list(variants), list(files)), wire.Ready)
        if answer.missing:
            raise AgentLost(self.board, f"gone from the board after the push: {', '.join(answer.missing)[:200]}")

    def evict(self, size: int, keep: Sequence[str]) -> wire.Evicted:
        """Make room for a file of `size` bytes, at the cost of what was unused for longest and is not in `keep`."""
        return self._ask(wire.Evict(size, list(keep)), wire.Evicted)

    def clock_ns(self, asked_ns: int) -> int:
        """The board's CLOCK_MONOTONIC somewhere between this question and its answer."""
        answer = self._ask(wire.Clock(asked_ns), wire.Clock)
        if answer.asked_ns != asked_ns or answer.t_ns is None or not 0 <= answer.t_ns <= NUMBER_MAX:
            raise AgentLost(self.board, "the agent was asked for its clock and told no time")
        return answer.t_ns

    def begin(self, job: wire.Job, note: Note) -> None:
        """Gives the agent a launch, which it starts at once."""
        note("orchestrator", wire.encode(job))
        self.send(job)

    def answer(self, job: wire.Job, note: Note) -> Answer:
        """What the begun launch brought; every line is noted before it is interpreted."""
        intake = Intake(job.launch, job.kind)
        while True:
            line = self._line()
            note("agent", line)
            try:
                answer = intake.take(self._decoded(line), len(line))
            except wire.WireError as error:
                raise AgentLost(self.board, f"the agent is not to be believed: {error}") from error
            if answer is not None:
                return answer

    def send(self, message: wire.Message) -> None:
        with self.lock:
            self.stream.send(wire.encode(message))

    def beat(self) -> None:
        """Never waits behind a long send, which is itself a sign of life, and never raises."""
        if self.lock.acquire(blocking=False):
            try:
                with suppress(BoardError):
                    self.stream.send(wire.encode(wire.Beat(time.monotonic_ns())))
            finally:
                self.lock.release()

    def stop(self, reason: str) -> None:
        """Asks the agent to end the running launch; a line that cannot carry it is cut soon after anyway."""
        if self.lock.acquire(timeout=0.5):
            try:
                with suppress(BoardError):
                    self.stream.send(wire.encode(wire.Stop(reason)))
            finally:
                self.lock.release()

    def close(self) -> None:
        self.stream.close()

    def _ask(self, message: wire.Message, expected: type[Reply]) -> Reply:
        """The one answer to a message. Raises what a refusal means, or AgentLost."""
        self.send(message)
        answer = self._decoded(self._line())
        if isinstance(answer, wire.Refused):
            raise refusal(self.spec, answer)
        if not isinstance(answer, expected):
            raise AgentLost(self.board, f"the agent answered '{_kind(message)}' with '{_kind(answer)}'")
        return answer

    def _after_banner(self) -> wire.Message:
        """The first message; a login shell may print before it."""
        skipped = 0
        while skipped <= BANNER_LIMIT:
            line = self._line_or_end()
            if line is None:
                raise self._unborn()
            try:
                return wire.decode(line)
            except wire.WireError:
                skipped += len(line) + 1
        raise AgentLost(self.board, f"no agent within the first {BANNER_LIMIT} bytes from the board")

    def _unborn(self) -> BoardError:
        tail = self.stream.stderr_tail().strip()[-500:]
        if self.stream.exit_code() in NO_PYTHON:
            return NoRuntime(self.board, f"Python did not start: {tail}", mend=bootstrapping(self.spec))
        return AgentLost(self.board, f"the agent ended before its first word: {tail or 'nothing on stderr'}")

    def _decoded(self, line: bytes) -> wire.Message:
        try:
            return wire.decode(line)
        except wire.WireError as error:
            raise AgentLost(self.board, f"the agent spoke nonsense: {error}") from error

    def _line(self) -> bytes:
        line = self._line_or_end()
        if line is None:
            tail = self.stream.stderr_tail().strip()[-500:]
            raise AgentLost(self.board, f"the agent ended: {tail or 'nothing on stderr'}")
        return line

    def _line_or_end(self) -> bytes | None:
        """None at the end of the stream. How long to wait is the watchdog's business."""
        for line in self.lines:
            if line is not None:
                self.heard()
                return line
        return None

    def _believed(self, hello: wire.Hello) -> wire.Hello:
        try:
            check_json(hello.facts, "facts of hello")
            check_json(hello.capabilities, "capabilities of hello")
            for text in (hello.agent, hello.python, hello.numpy or "", hello.onnxruntime or "", hello.boot_id or ""):
                check_text(text, "hello")
        except wire.WireError as error:
            raise AgentLost(self.board, f"the agent is not to be believed: {error}") from error
        return hello


def refusal(board: Json, refused: wire.Refused, runtime: str | None = None) -> BoardError:
    """Reasons of the agent that are no known word are an agent lost. `runtime`: the one that was asked for."""
    error = REFUSALS.get(refused.reason, AgentLost)
    mend = bootstrapping(board, runtime) if error is NoRuntime else None
    told = refused.detail if refused.reason == "busy" else f"the agent refused: {refused.reason} {refused.detail}"
    return error(str(board["name"]), told.strip()[:500], mend=mend)


def _kind(message: wire.Message) -> str:
    return type(message).__name__.lower()
