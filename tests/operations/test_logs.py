"""What a worker's log tells, and what it never tells."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from farm_orchestrator import logs

LOG = logging.getLogger("farm_orchestrator.lane")
SECRET = "hunter2"
ADDRESSES = (
    f"postgresql+psycopg://farm:{SECRET}@db/farm refused the login",
    f"rediss://:{SECRET}@redis:6379/0 does not answer",
    f"connection failed: host=db password={SECRET} dbname=farm",
    f"postgresql+psycopg://farm:p@ss@{SECRET}@db/farm refused the login",
    f"connection failed: password='not {SECRET}' host=db",
    f"connection failed: password='{SECRET}",
    f"{{'password': '{SECRET}', 'sslpassword': '{SECRET}'}}",
)


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger(logs.OURS)
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_carries_the_ids_of_what_it_is_about() -> None:
    out = io.StringIO()
    logs.set_up(out)
    with logs.about(board="b0"):
        LOG.info("connected")
        with logs.about(run="r1", launch=7):
            LOG.warning("lost: %s", "link_lost")
        LOG.info("next")
    first, second, third = lines(out)
    assert (first["board"], first["level"], first["text"]) == ("b0", "info", "connected")
    assert "run" not in first
    assert (second["run"], second["launch"], second["board"], second["text"]) == ("r1", 7, "b0", "lost: link_lost")
    assert "launch" not in third
    assert first["time"].endswith("+00:00")


def test_lanes_do_not_lend_each_other_their_ids() -> None:
    out, ready = io.StringIO(), threading.Barrier(2)
    logs.set_up(out)

    def lane(board: str) -> None:
        with logs.about(board=board):
            ready.wait(120)
            LOG.info("of %s", board)

    threads = [threading.Thread(target=lane, args=(name,)) for name in ("b0", "b1")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert {line["text"]: line["board"] for line in lines(out)} == {"of b0": "b0", "of b1": "b1"}


def test_a_terminal_gets_plain_words_with_the_same_ids() -> None:
    out = Terminal()
    logs.set_up(out)
    with logs.about(board="b0", launch=7):
        LOG.info("connected")
    assert out.getvalue().rstrip().endswith("INFO farm_orchestrator.lane board=b0 launch=7: connected")


@pytest.mark.parametrize("out", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_no_password_gets_into_a_log_by_a_message_or_a_traceback(out: io.StringIO) -> None:
    logs.set_up(out)
    for told in ADDRESSES:
        LOG.warning("the store: %s", told)
        try:
            raise OSError(told)  # noqa: TRY301 - a traceback is wanted
        except OSError:
            LOG.exception("lane of b0")
    assert SECRET not in out.getvalue()
    assert out.getvalue().count("***") == 2 * len(ADDRESSES) + 2
    assert "farm:***@db/farm" in out.getvalue()


def test_a_text_of_several_lines_is_one_line_of_json() -> None:
    out = io.StringIO()
    logs.set_up(out)
    LOG.warning("first\nsecond")
    assert [line["text"] for line in lines(out)] == ["first\nsecond"]


def test_libraries_are_heard_from_a_warning_on() -> None:
    out = io.StringIO()
    logs.set_up(out)
    logging.getLogger("paramiko.transport").info("Connected (version 2.0)")
    logging.getLogger("paramiko.transport").warning("odd")
    assert [line["text"] for line in lines(out)] == ["odd"]
