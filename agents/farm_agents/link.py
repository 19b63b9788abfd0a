"""A connection to farm-tune: a line each way, and a process at the other end where nobody listens on a socket."""

import json
import os
import select
import subprocess
import time
from contextlib import suppress
from typing import Any, Callable, Sequence

from farm_agents.wire import BEAT_AGENT_S, LINE_LIMIT, Json

ANSWER_S = 4.0
ENDED_S = 3.0  # for the giving back, which is a few writes
Beat = Callable[[], object]  # called while farm-tune is waited for, at least once a second


class NoLease(Exception):
    """Nobody sets clocks for this agent; the text says why."""


class Declined(NoLease):
    """farm-tune did nothing of what was asked; what it holds stays held."""


class Link:
    """A connection to farm-tune: a line each way. Its end, however it comes about, gives everything back."""

    def __init__(self, reading: int, writing: int, end: Callable[[], str], beat: Beat) -> None:
        self.reading = reading
        self.writing = writing
        self.end = end
        self.beat = beat

    def ask(self, verb: str, **fields: Any) -> Json:
        """Raises Declined where it refuses, NoLease where it does not answer or is gone."""
        try:
            os.write(self.writing, json.dumps({"verb": verb, **fields}).encode() + b"\n")
            answer = dict(json.loads(self._line().decode()))
        except (OSError, ValueError, TypeError) as error:
            raise NoLease("farm-tune is gone: {}".format(self.close() or error)) from error
        if not answer.get("ok"):
            raise Declined("farm-tune refuses: {}".format(answer.get("reason")))
        return answer

    def close(self) -> str:
        """Its last words; a second call is harmless."""
        end, self.end = self.end, str
        return end()

    def _line(self) -> bytes:
        """Raises OSError."""
        line, until = b"", time.monotonic() + ANSWER_S
        while not line.endswith(b"\n"):
            self.beat()
            left_s = until - time.monotonic()
            if left_s <= 0 or len(line) > LINE_LIMIT:
                raise OSError("no answer in {} s".format(ANSWER_S))
            if select.select([self.reading], [], [], min(left_s, BEAT_AGENT_S))[0]:
                chunk = os.read(self.reading, LINE_LIMIT)
                if not chunk:
                    raise OSError("it hung up")
                line += chunk
        return line


def child(argv: Sequence[str], beat: Beat) -> Link:
    """Outlives the agent, and its group, until it has given everything back. Raises NoLease."""
    try:
        process = subprocess.Popen(
            list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise NoLease("{}: {}".format(argv[0], error.strerror)) from error
    if process.stdin is None or process.stdout is None:
        raise AssertionError("three pipes were asked for")
    return Link(process.stdout.fileno(), process.stdin.fileno(), lambda: _ended(process, beat), beat)


def _ended(process: "subprocess.Popen[bytes]", beat: Beat) -> str:
    """Waits until it has given back, and gives its last words on standard error."""
    until = time.monotonic() + ENDED_S
    while time.monotonic() < until:
        beat()
        with suppress(subprocess.TimeoutExpired):
            _, said = process.communicate(timeout=min(ENDED_S, BEAT_AGENT_S))
            return said.decode("utf-8", "replace").strip()[-300:]
    return "it does not end"
